"""Predicts for the patches of a data set, and writes a table of them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from autoai4eo.data.dataset import Dataset
from autoai4eo.deploy.predictors.base import Predictor
from autoai4eo.deploy.predictors.evaluating import PredictorNetwork, record_of
from autoai4eo.deploy.tables import FORMATS, LATITUDE, LONGITUDE, Table, check
from autoai4eo.errors import UserError
from autoai4eo.files import check_not_input
from autoai4eo.learning import evaluation
from autoai4eo.locks import written_alone
from autoai4eo.text import line


def open_unlabelled(predictor: Predictor, data: Any, **how: Any) -> Dataset:
    """Opens data with the inputs and bands of a model; labels are not needed.

    Args:
        predictor: the model.
        data: a path or arrays, see `autoai4eo.learning.evaluation.open_for`.
        **how: ``bands``, ``class_level`` and ``allow_remote`` there.

    Raises:
        UserError: the model predicts masks, inputs or bands are missing, or patches
            have another size.
    """
    if predictor.target.kind == "mask":
        raise UserError(
            f"predict: expected a network with one prediction for a patch, found "
            f"{predictor.path}, which predicts a class for each pixel; `autoai4eo map` "
            "writes these as a GeoTIFF"
        )
    network = PredictorNetwork(predictor)
    record, typical = record_of(predictor), predictor.typical or {}
    how = {**how, "unlabelled": True, "typical": typical}
    return evaluation.open_for(network, record, data, **how)


def predict_table(
    predictor: Predictor,
    dataset: Dataset,
    out: str | Path,
    *,
    batch_size: int = 64,
    overwrite: bool = False,
) -> int:
    """Writes a row for each patch: what it is, where it is, and what is predicted.

    Columns: ``sample``, the number of the patch from 0; ``name``, of its file, if it
    has one; ``longitude`` and ``latitude`` (WGS 84), if they are known. For a class:
    ``class``, ``confidence`` (the probability of that class) and the probability of
    each class as ``p_CLASS``. For several labels: ``labels``, those whose probability
    reaches their threshold, joined by ``"; "``, and ``p_CLASS``. For values: a column
    for each.

    Patches are read batch by batch; only the table is in memory, and of a CSV file
    nothing is.

    Args:
        predictor: the model.
        dataset: the patches, see `open_unlabelled`.
        out: the file, ``.csv``, ``.parquet``, ``.gpkg`` or ``.geojson``; the last two
            have a point for each patch.
        batch_size: patches per batch.
        overwrite: replaces an existing file.

    Returns:
        How many patches there are.

    Raises:
        UserError: the ending is another one, coordinates or a package are missing, or
            the file cannot be written. Nothing is left behind.
    """
    out = Path(out).expanduser()
    check(out, overwrite)
    check_not_input(out, [Path(dataset.path), *predictor.files])
    places = dataset.coordinates()
    kind = FORMATS[out.suffix.lower()]
    if kind.needs_places and (places is None or not np.isfinite(places).all()):
        number = "none" if places is None else "patches without them"
        raise UserError(
            f"{out}: expected data with coordinates for {out.suffix}, found {number} "
            f"in {dataset.path}; write .csv or .parquet"
        )
    with written_alone(out, "predict") as temporary:
        kind.write(temporary, _parts(predictor, dataset, places, batch_size), out.stem)
    return len(dataset)


def _parts(
    predictor: Predictor,
    dataset: Dataset,
    places: np.ndarray | None,
    batch_size: int,
) -> Iterator[Table]:
    """Returns the table in parts; one without rows if there are no patches."""
    for start in range(0, max(1, len(dataset)), batch_size):
        rows = np.arange(start, min(start + batch_size, len(dataset)))
        part = dataset.subset(rows)
        columns: dict[str, Any] = {"sample": rows}
        if part.names is not None:
            columns["name"] = [line(name) for name in part.names]
        if places is not None:
            columns[LONGITUDE], columns[LATITUDE] = places[rows].T
        width = len(predictor.target.classes)
        output = np.empty((0, width), np.float32)
        if len(rows):
            output = predictor.predict(dataset.read(rows))
        for name, values in _predicted(predictor, output).items():
            columns[name if name not in columns else f"predicted_{name}"] = values
        yield pd.DataFrame(columns)


def _predicted(predictor: Predictor, output: np.ndarray) -> dict[str, Any]:
    """Returns the columns of the predictions for some patches (n, outputs)."""
    names = [line(name) for name in predictor.target.classes]
    if predictor.target.kind == "value":
        return dict(zip(names, output.T, strict=True))
    found: dict[str, Any] = {}
    if predictor.target.kind == "class":
        # a quantised network's probability may leave 0 to 1 by rounding
        best = output.argmax(axis=1)
        found["class"] = [names[i] for i in best]
        found["confidence"] = output.max(axis=1, initial=0.0)
    else:
        found["labels"] = [
            "; ".join(n for n, has in zip(names, row, strict=True) if has)
            for row in output >= np.array(predictor.least)
        ]
    columns = zip(names, output.T, strict=True)
    return found | {f"p_{name}": values for name, values in columns}
