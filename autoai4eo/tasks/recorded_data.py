"""Opens the validation data of a run again."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

from autoai4eo.data.dataset import Dataset
from autoai4eo.data.masks.overlapping import each_pixel_once
from autoai4eo.data.masks.reopening import classes_again, tiles_again
from autoai4eo.data.readers.opening import open_dataset
from autoai4eo.data.readers.streams import in_arrays
from autoai4eo.data.spatial_blocks import check_block_km
from autoai4eo.data.splits import LeakWarning, sample, shared_groups, split
from autoai4eo.errors import UserError
from autoai4eo.learning import evaluation
from autoai4eo.learning.registry import of_kind
from autoai4eo.runs.data_record import target_kind
from autoai4eo.runs.folder import Run

#: Of `fit` without validation data.
_DEFAULT = (0.8, 0.2)


def validation_data(
    run: Path,
    source: Any = None,
    *,
    shares: tuple[float, ...] | None = None,
    group: str | None = None,
    block_km: float | None = None,
    subset: int | None = None,
    **how: Any,
) -> Dataset:
    """Opens the data that the trials of a run were judged on.

    Args:
        run: the folder.
        source: a path, a `Dataset` or a tuple (x, y) of arrays; None: the path in
            ``run.json``.
        shares, group, block_km, subset: if `fit` split them off from its training data:
            how, see `autoai4eo.data.splits.split` and `sample`; without shares its
            default split is tried, too.
        **how: further arguments of `open_dataset`.

    Raises:
        UserError: they cannot be read, or are other data than those of the run.
    """
    check_block_km(group, block_km)
    asked = Run(run).read()
    role = "training" if shares else "validation"
    known, kind = asked["data"]["validation"], target_kind(asked)
    x, y = in_arrays(*source if isinstance(source, tuple) else (source, None))
    if isinstance(x, Dataset):
        dataset = x
    else:
        path = asked["data"][role]["path"] if x is None else x
        if x is None and not Path(path).exists():
            raise UserError(
                f"{run}: expected its {role} data at {path}, found nothing there; give "
                "their path (--val), or in Python call fit with the same arguments "
                "first"
            )
        inputs, trained = known["inputs"], asked["data"]["training"]
        dataset = open_dataset(
            evaluation.by_input(path, [spec["name"] for spec in inputs]),
            inputs=[spec["name"] for spec in inputs],
            **classes_again(trained.get("opened") or {}, trained["classes"]),
            **tiles_again(asked["data"][role].get("opened") or {}),
            bands=evaluation.told_bands({s["name"]: s["bands"] for s in inputs}),
            **evaluation.told_targets(y, kind),
            **how,
        )
    dataset = of_kind(dataset, kind)
    seed = int(asked["arguments"].get("seed") or 0)
    if subset is not None:
        dataset = sample(dataset, subset, seed=seed)
    found = dataset
    for parts, by in _splits(dataset, shares, group):
        found = dataset
        if parts is not None:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", LeakWarning)  # fit has told it
                found = split(dataset, parts, group=by, block_km=block_km, seed=seed)[1]
        found = each_pixel_once(found)
        if found.fingerprint() == known["fingerprint"]:
            return found
    raise UserError(
        f"{run}: expected the validation data of this run ({known['path']}, "
        f"{known['samples']:,} samples), found others ({found.path}, {len(found):,} "
        "samples); give --val, or what fit had: --split, --group and --subset; in "
        "Python call fit with the same arguments first"
    )


def _splits(
    dataset: Dataset, shares: tuple[float, ...] | None, group: str | None
) -> list[tuple[tuple[float, ...] | None, str | None]]:
    """How the data may have been split off: as asked, else not at all or by default."""
    if shares is not None:
        return [(shares, group)]
    groups = [None, *shared_groups(dataset)] if group is None else [group]
    return [(None, None), *((_DEFAULT, one) for one in groups)]
