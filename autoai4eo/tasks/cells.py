"""Trains a sample of cells of NAS-Bench-101 and records them in a database."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from autoai4eo import blocks
from autoai4eo.blocks.cells.nasbench import Stacks
from autoai4eo.data.dataset import Dataset
from autoai4eo.errors import UserError
from autoai4eo.learning.epoch_scores import EpochScores, UntrainedScores
from autoai4eo.nasbench.database import Database
from autoai4eo.nasbench.recording import (
    number_of_others,
    proposals_of,
    record_sample,
)
from autoai4eo.nasbench.sample import Walks
from autoai4eo.runs.folder import Run
from autoai4eo.search.strategies.given import given
from autoai4eo.tasks.auto_model import AutoModel

_BLOCK = "cell"


def train_sample(
    walks: Walks,
    train: Dataset,
    validation: Dataset,
    test: Dataset | None,
    run: Path,
    *,
    epochs: int,
    every: int = 1,
    shape: Stacks | None = None,
    batch_size: int = 32,
    seed: int = 0,
    verbose: int = 1,
    **settings: Any,
) -> Database:
    """Trains each cell of a sample, and records it in a database in the run's folder.

    The network is that of NAS-Bench-101 (Ying et al. 2019): a stem, stacks of the cell,
    a global average and a linear layer. The training is that of every trial of a
    search. Call it again with the same arguments, or with more cells, to resume;
    several processes and machines may do so, as with `AutoModel.fit`. The database is
    written at the end. A training that failed is not tried again.

    Args:
        walks: the sample, see `autoai4eo.nasbench.sample`.
        train, validation, test: the data; without test data it has no such scores.
        run: the folder, of `AutoModel.fit`; the database is ``networks.sqlite`` in it.
        epochs: of each training.
        every: loss, accuracies and kappa on all parts are recorded after every so many
            epochs, and after the last.
        shape: of the network around the cell; None: that of the paper.
        batch_size: samples per step.
        seed: of the trainings.
        verbose: 0 prints nothing.
        **settings: of `AutoModel`, such as ``workers`` and ``storage``.

    Returns:
        The database. Epoch 0 has the costs, and scores of the untrained network, see
        `autoai4eo.learning.zero_cost`.

    Raises:
        UserError: `every` is below 1, patches are not square, the folder has trainings
            with other options, or data or an argument cannot be used.
        RuntimeError: every training failed.
    """
    if every < 1:
        raise UserError(f"every: expected 1 or more epochs, got {every}")
    shape = Stacks() if shape is None else shape
    height, width, _ = train.inputs[0].shape
    if height != width:
        raise UserError(
            f"{train.path}: expected square patches, found {height}×{width} pixels; "
            "cut them"
        )
    about = _about(train, validation, test, shape, epochs, every, batch_size, seed)
    name = f"given-{hashlib.sha256(json.dumps(about).encode()).hexdigest()[:16]}"
    _check_same(run, name)
    cells = [cell for walk in walks for cell in walk]
    model = AutoModel(
        *_graph(train, shape),
        directory=run.parent,
        project_name=run.name,
        tuner=given(proposals_of(cells, _BLOCK), name),
        max_trials=len(cells)
        + number_of_others(run, cells, _BLOCK, settings.get("storage")),
        finalists=0,
        seed=seed,
        **settings,
    )
    parts = {"train": train, "val": validation}
    parts |= {} if test is None else {"test": test}
    model.fit(
        train,
        validation_data=validation,
        epochs=epochs,
        batch_size=batch_size,
        allow_overlap=True,  # validation data choose nothing here
        callbacks=[
            UntrainedScores(train),
            EpochScores(parts, every, epochs, batch_size),
        ],
        references=False,
        verbose=verbose,
    )
    storage = model.settings.storage
    return record_sample(run, walks, _BLOCK, every, about, storage)


def _check_same(run: Path, name: str) -> None:
    """Checks that a folder has no trainings with other options.

    Raises:
        UserError: it has.
    """
    if not Run(run).exists:
        return
    known = Run(run).read()["arguments"]["tuner"]
    if known != name:
        found = "others" if known.startswith("given-") else "a search"
        raise UserError(
            f"{run}: expected trainings of the same data, shape, epochs, --every, "
            f"batch size and seed, found {found} in this folder; choose another --out"
        )


def _graph(train: Dataset, shape: Stacks) -> tuple[Sequence[Any], Sequence[Any]]:
    inputs = [blocks.ImageInput(spec.name) for spec in train.inputs]
    trunk = blocks.NASBenchCellBlock(**asdict(shape), max_macs=None, name=_BLOCK)
    head = blocks.PooledHead(pooling="average", hidden=0, dropout=0.0)
    return inputs, [head(trunk(inputs))]


def _about(
    train: Dataset,
    validation: Dataset,
    test: Dataset | None,
    shape: Stacks,
    epochs: int,
    every: int,
    batch_size: int,
    seed: int,
) -> Mapping[str, Any]:
    parts = {"training": train, "validation": validation, "test": test}
    known = {name: part for name, part in parts.items() if part is not None}
    return {
        "source": "autoai4eo nasbench train",
        "data": Path(train.path).name,
        "samples": {name: len(part) for name, part in known.items()},
        "fingerprints": {name: part.fingerprint() for name, part in known.items()},
        "bands": sum(spec.shape[-1] for spec in train.inputs),
        "classes": train.num_classes,
        "size": train.inputs[0].shape[0],
        **asdict(shape),
        "epochs": epochs,
        "every": every,
        "batch_size": batch_size,
        "seed": seed,
    }
