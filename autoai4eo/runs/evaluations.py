"""The evaluations of a run's networks on labelled data, ``RUN/evaluations/ID.json``.

One file for a network and data: what is evaluated on the same data again replaces it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from autoai4eo.data.dataset import Dataset
from autoai4eo.errors import DamagedError, UserError, warn
from autoai4eo.files import read_json, write_json
from autoai4eo.runs import cures, schemas
from autoai4eo.runs.belonging import digest
from autoai4eo.runs.data_record import target_kind
from autoai4eo.runs.folder import Run
from autoai4eo.runs.layout import own_folder
from autoai4eo.runs.network_id import NetworkId, Which, finalist_in, network_id
from autoai4eo.runs.networks import network_path


@dataclass(frozen=True)
class Evaluation:
    """An evaluation that was kept.

    Attributes:
        of: the trial or ensemble whose network was evaluated.
        was_finalist: whether it was the finalist, maybe trained further.
        network: the digest of its file.
        data: ``path``, ``samples`` and ``fingerprint``; ``learned_from``, what the
            network learned from of them, if it did, see `learned_from`.
        evaluated: when, in UTC, as ISO 8601.
        scores: the result of `autoai4eo.runs.scoring.evaluate`, without groups.
        is_unseen: whether the network neither learned from the data nor was chosen by
            them.
    """

    of: NetworkId
    was_finalist: bool
    network: str
    data: Mapping[str, Any]
    evaluated: str
    scores: Mapping[str, Any]
    is_unseen: bool

    @property
    def name(self) -> str:
        """The name of the data, without the folder."""
        return Path(self.data["path"]).name

    @property
    def told_data(self) -> str:
        """The name of the data, and what they were to the network, if anything."""
        learned = self.data.get("learned_from")
        if learned:
            return f"{self.name} ({' and '.join(learned)} data)"
        return self.name if self.is_unseen else f"{self.name} (seen in the search)"

    @property
    def date(self) -> str:
        """The day of the evaluation."""
        return self.evaluated[:10]

    def told_of(self, finalist: str | None) -> str:
        """Returns which network was evaluated, in words.

        Args:
            finalist: the digest of the run's finalist by now.
        """
        if not self.was_finalist:
            return f"{self.of}"
        if self.network == finalist:
            return f"finalist ({self.of})"
        return f"former finalist ({self.of})"


def keep(
    run: Path,
    dataset: Dataset,
    scores: Mapping[str, Any],
    trial: Which,
    finalist: Mapping[str, Any],
    learned: Sequence[str] = (),
) -> None:
    """Keeps the scores of a network of a run on labelled data.

    Args:
        run: the folder.
        dataset: that it was evaluated on.
        scores: of it.
        trial: the network; None: the finalist.
        finalist: the content of ``best/evaluation.json`` when it was loaded.
        learned: the result of `autoai4eo.runs.learned_from.warn_if_learned`.

    Warns:
        AutoAI4EOWarning: the folder cannot be written, or has another finalist by now.
    """
    folder = Run(run)
    of = finalist_in(finalist) if trial is None else network_id(trial)
    if of is None:
        return  # a finalist of an earlier version, without a record
    if trial is not None:
        network = digest(network_path(run, of))
    elif (network := digest(folder.network)) != finalist.get("network", network):
        return _warn(f"{run}: has another finalist by now")
    data: dict[str, Any] = {
        "path": str(dataset.path),
        "samples": len(dataset),
        "fingerprint": dataset.fingerprint(),
    }
    if learned:
        data["learned_from"] = list(learned)
    name = hashlib.sha256(f"{network} {data['fingerprint']}".encode()).hexdigest()[:16]
    content = {
        "schema": schemas.VERSION,
        "run": folder.mark(),
        **of.record(),
        "finalist": trial is None,
        "network": network,
        "data": data,
        "evaluated": datetime.now(UTC).isoformat(timespec="seconds"),
        "scores": {n: value for n, value in scores.items() if n != "by_group"},
    }
    try:
        write_json(own_folder(folder.evaluations) / f"{name}.json", content)
    except OSError as error:
        _warn(f"{folder.evaluations}: cannot be written ({error.strerror or error})")
    except UserError as error:
        _warn(str(error))


def _warn(why: str) -> None:
    warn(f"{why}; the scores are not kept in the run")


def evaluations_of(run: Path) -> list[Evaluation]:
    """Returns the evaluations of a run, oldest first.

    Raises:
        DamagedError: one is damaged, or of another run.
    """
    found = [read(run, path) for path in sorted(Run(run).evaluations.glob("*.json"))]
    return sorted(found, key=lambda one: one.evaluated)


def read(run: Path, path: Path) -> Evaluation:
    """Returns an evaluation of a run.

    Raises:
        DamagedError: it is damaged, or of another run.
    """
    folder = Run(run)
    about = folder.read()
    known = read_json(path, cures.REPORT, schemas.EVALUATED)
    of, scores = finalist_in(known), known["scores"]
    classes = len(about["data"]["training"]["classes"])
    complete = schemas.is_of_classes(scores, classes)
    if target_kind(about) == "class":
        complete = complete and "confusion_matrix" in scores
    if of is None or known["run"] != folder.mark() or not complete:
        raise DamagedError(
            f"{path}: expected the scores of a network of this run, found those of "
            f"another run; {cures.REPORT}"
        )
    data = known["data"]
    seen = {one["fingerprint"] for one in about["data"].values()}
    return Evaluation(
        of,
        known["finalist"],
        known["network"],
        data,
        known["evaluated"],
        scores,
        is_unseen=not data.get("learned_from") and data["fingerprint"] not in seen,
    )
