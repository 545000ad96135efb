"""Opens the validation data of a run again."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from autoai4eo.data.dataset import Dataset
from autoai4eo.data.readers.opening import open_dataset
from autoai4eo.data.splits import sample, split
from autoai4eo.errors import UserError
from autoai4eo.learning import evaluation
from autoai4eo.learning.registry import of_kind
from autoai4eo.runs.data_record import target_kind
from autoai4eo.runs.folder import Run


def validation_data(
    run: Path,
    source: Any = None,
    *,
    shares: tuple[float, ...] | None = None,
    group: str | None = None,
    subset: int | None = None,
    **how: Any,
) -> Dataset:
    """Opens the data that the trials of a run were judged on.

    Args:
        run: the folder.
        source: a path, a `Dataset` or a tuple (x, y) of arrays; None: the path in
            ``run.json``.
        shares, group, subset: if `fit` split them off from its training data: how, see
            `autoai4eo.data.splits.split` and `sample`.
        **how: further arguments of `open_dataset`.

    Raises:
        UserError: they cannot be read, or are other data than those of the run.
    """
    asked = Run(run).read()
    role = "training" if shares else "validation"
    known, kind = asked["data"]["validation"], target_kind(asked)
    x, y = source if isinstance(source, tuple) else (source, None)
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
        inputs = known["inputs"]
        dataset = open_dataset(
            evaluation.by_input(path, [spec["name"] for spec in inputs]),
            inputs=[spec["name"] for spec in inputs],
            class_names=asked["data"]["training"]["classes"],
            bands=evaluation.told_bands({s["name"]: s["bands"] for s in inputs}),
            **evaluation.told_targets(y, kind),
            **how,
        )
    dataset = of_kind(dataset, kind)
    seed = int(asked["arguments"].get("seed") or 0)
    if subset is not None:
        dataset = sample(dataset, subset, seed=seed)
    if shares is not None:
        dataset = split(dataset, shares, group=group, seed=seed)[1]
    if dataset.fingerprint() != known["fingerprint"]:
        raise UserError(
            f"{run}: expected the validation data of this run ({known['path']}, "
            f"{known['samples']:,} samples), found others ({dataset.path}, "
            f"{len(dataset):,} samples); give --val, or what fit had: --split "
            "(0.8/0.2 if it had no --val), --group and --subset; in Python call fit "
            "with the same arguments first"
        )
    return dataset
