"""The trained networks of a run have a name: ``trial 3``, ``ensemble 0``."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, NamedTuple

from autoai4eo.errors import UserError

TRIAL, ENSEMBLE = "trial", "ensemble"
#: What a network was trained on.
TRAINING, EVERYTHING = "training", "training and validation"
_KEY = re.compile(rf"(?:{TRIAL}-)?(\d+)|{ENSEMBLE}-(\d+)")

#: A network of a run, as a user names it: the number of a trial (``3``, ``"3"``), an
#: ensemble (``"ensemble-0"``), or None: the finalist.
Which = int | str | None


class NetworkId(NamedTuple):
    """A trial or an ensemble of a run.

    Attributes:
        kind: ``"trial"`` or ``"ensemble"``.
        number: among those of its kind.
    """

    kind: str
    number: int

    def __str__(self) -> str:
        return f"{self.kind} {self.number}"

    @property
    def key(self) -> int | str:
        """Returns the short form, for JSON: ``3`` or ``"ensemble-0"``."""
        return self.number if self.kind == TRIAL else f"{self.kind}-{self.number}"

    @property
    def is_ensemble(self) -> bool:
        """Returns whether it is an ensemble."""
        return self.kind == ENSEMBLE

    def record(self) -> dict[str, int]:
        """Returns the entry of ``best/evaluation.json`` that names the finalist."""
        return {self.kind: self.number}


def network_id(key: int | str) -> NetworkId:
    """Returns the network that a key names, see `NetworkId.key`.

    Raises:
        UserError: it names no trial and no ensemble.
    """
    found = _KEY.fullmatch(str(key))
    if found is None:
        raise UserError(
            "trial: expected the number of a trial, such as 3, or an ensemble, such as "
            f"ensemble-0, got {key!r}; `autoai4eo pareto RUN` lists both"
        )
    trial, ensemble = found.groups()
    if trial is None:
        return NetworkId(ENSEMBLE, int(ensemble))
    return NetworkId(TRIAL, int(trial))


def finalist_in(evaluation: Mapping[str, Any]) -> NetworkId | None:
    """Returns the finalist that ``best/evaluation.json`` names; None without one."""
    for kind in (ENSEMBLE, TRIAL):
        if kind in evaluation:
            return NetworkId(kind, int(evaluation[kind]))
    return None


def scored_in(kept: Mapping[str, Any]) -> str | None:
    """Returns which network scores on the validation data are of, in words.

    Args:
        kept: the content of ``best/evaluation.json``.

    Returns:
        ``"trial 3 as the search left it"`` where the finalist learned from these data;
        None: of the finalist itself.
    """
    if kept.get("evaluated_network") != "trial":
        return None
    return f"{finalist_in(kept)} as the search left it"
