"""Opens the data of a run again."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

from autoai4eo.callers import either
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
from autoai4eo.runs.data_record import located, target_kind
from autoai4eo.runs.folder import Run
from autoai4eo.text import counted

#: Of `fit` without validation data.
_DEFAULT = (0.8, 0.2)

_FIT_FIRST = "give validation_data, or call fit with the same arguments first"


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
    told = (shares, group, subset)
    if source is None and told == (None, None, None):
        found = _at_rows(run, asked, "validation", **how)
        if found is not None:
            return found
    x, y = in_arrays(*source if isinstance(source, tuple) else (source, None))
    if isinstance(x, Dataset):
        dataset = of_kind(x, kind)
    else:
        dataset = _opened(run, asked, role, x, y, **how)
    seed = int(asked["arguments"].get("seed") or 0)
    if subset is not None:
        dataset = sample(dataset, subset, seed=seed)
    found = dataset
    for parts, by in _splits(dataset, shares, group):
        found = dataset
        if parts is not None:
            found = _split(dataset, parts, by, block_km, seed)[1]
        found = each_pixel_once(found)
        if found.fingerprint() == known["fingerprint"]:
            return found
    raise UserError(
        f"{run}: expected the validation data of this run ({known['path']}, "
        f"{counted(known['samples'], 'sample')}), found others ({found.path}, "
        f"{counted(len(found), 'sample')}); "
        + either(
            "give --val, or what fit had: --split, --group and --subset", _FIT_FIRST
        )
    )


def training_data(run: Path) -> Dataset:
    """Opens the data that the trials of a run were trained on, where they still are.

    Raises:
        UserError: they cannot be read there, or have changed.
    """
    asked = Run(run).read()
    known, seed = asked["data"]["training"], int(asked["arguments"].get("seed") or 0)
    if (found := _at_rows(run, asked, "training")) is not None:
        return found
    # runs of earlier versions do not record the samples
    dataset = _opened(run, asked, "training")
    for parts, by in _splits(dataset, None, None):
        found = dataset if parts is None else _split(dataset, parts, by, None, seed)[0]
        if found.fingerprint() == known["fingerprint"]:
            return found
    raise _changed(run, known, dataset)


def _at_rows(run: Path, asked: dict[str, Any], role: str, **how: Any) -> Dataset | None:
    """Returns the recorded samples; None if the run does not record them.

    Raises:
        UserError: the data have changed.
    """
    rows = Run(run).read_samples().get(role)
    if rows is None:
        return None
    dataset = _opened(run, asked, role, **how)
    found = dataset.at_rows(rows)
    if role != "training":
        found = each_pixel_once(found)
    if found.fingerprint() != asked["data"][role]["fingerprint"]:
        raise _changed(run, asked["data"][role], dataset)
    return found


def _changed(run: Path, known: dict[str, Any], found: Dataset) -> UserError:
    return UserError(
        f"{run}: expected the data of this run in {known['path']}, found others "
        f"({counted(len(found), 'sample')}); "
        + either("restore them there", "call fit with the same arguments first")
    )


def _split(
    dataset: Dataset,
    parts: tuple[float, ...],
    by: str | None,
    block_km: float | None,
    seed: int,
) -> list[Dataset]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", LeakWarning)  # fit has told it
        return split(dataset, parts, group=by, block_km=block_km, seed=seed)


def _opened(
    run: Path,
    asked: dict[str, Any],
    role: str,
    x: Any = None,
    y: Any = None,
    **how: Any,
) -> Dataset:
    """Opens data, by default those of the run, with the bands and classes of the run.

    Raises:
        UserError: they cannot be read.
    """
    known, trained = asked["data"][role], asked["data"]["training"]
    if x is None:
        found = located(asked, role)
        if found is None:
            there = "restore them there"
            give = "give their path (--val)" if role == "validation" else there
            raise UserError(
                f"{run}: expected its {role} data at {known['path']}, found nothing "
                "there; " + either(give, _FIT_FIRST)
            )
        known = found
    path = known["path"] if x is None else x
    inputs, kind = known["inputs"], target_kind(asked)
    names = [spec["name"] for spec in inputs]
    dataset = open_dataset(
        evaluation.by_input(path, names),
        inputs=names,
        **classes_again(trained.get("opened") or {}, trained["classes"]),
        **tiles_again(known.get("opened") or {}),
        bands=evaluation.told_bands({s["name"]: s["bands"] for s in inputs}),
        **evaluation.told_targets(y, kind),
        **how,
    )
    return of_kind(dataset, kind)


def _splits(
    dataset: Dataset, shares: tuple[float, ...] | None, group: str | None
) -> list[tuple[tuple[float, ...] | None, str | None]]:
    """How the data may have been split off: as asked, else not at all or by default."""
    if shares is not None:
        return [(shares, group)]
    groups = [None, *shared_groups(dataset)] if group is None else [group]
    return [(None, None), *((_DEFAULT, one) for one in groups)]
