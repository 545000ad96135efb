"""A run's network in the formats that other programs read."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Any

import keras

from autoai4eo.deploy.calibration import with_fitted_temperature
from autoai4eo.deploy.loading import load_network
from autoai4eo.errors import UserError
from autoai4eo.search.models import save_model
from autoai4eo.search.run_folder import read_run

FORMATS = ("savedmodel", "keras")


def export(
    run: str | Path,
    out: str | Path,
    format: str = "savedmodel",
    *,
    trial: int | None = None,
    overwrite: bool = False,
    calibrated: bool = False,
) -> Path:
    """Writes a run's finalist, or one of its trials, and gives the path.

    ``"savedmodel"`` is a TensorFlow SavedModel with the signature ``serving_default``:
    a float32 tensor (N, H, W, bands) of raw pixels for each input, named as the input,
    to ``probabilities``, float32 (N, classes); ``assets/class_names.txt`` and
    ``assets/bands.json`` say what they are. ``"keras"`` is a ``.keras`` file. With
    `calibrated` the finalist's logits are divided by the temperature that was fitted to
    the validation data.

    Raises:
        UserError: no run, an unknown format, `out` exists and `overwrite` is False, or
            a SavedModel is asked for on a backend other than TensorFlow.
    """
    run, out = Path(run), Path(out)
    if format not in FORMATS:
        raise UserError(f"format: expected one of {', '.join(FORMATS)}, got {format!r}")
    if format == "keras" and out.suffix != ".keras":
        raise UserError(f"{out}: expected a name that ends with .keras; add it")
    if format == "savedmodel" and keras.backend.backend() != "tensorflow":
        raise UserError(
            "format savedmodel: expected Keras on TensorFlow, found it on "
            f"{keras.backend.backend()}; set KERAS_BACKEND=tensorflow and export again"
        )
    if out.exists() and not overwrite:
        raise UserError(
            f"{out}: exists already; choose another name, or overwrite it (--overwrite)"
        )
    model = load_network(run, trial)
    if calibrated:
        model = with_fitted_temperature(run, model, trial)
    out.parent.mkdir(parents=True, exist_ok=True)
    if format == "keras":
        save_model(model, out)
    else:
        _save_savedmodel(model, read_run(run)["data"]["training"], out)
    return out


def _save_savedmodel(model: keras.Model, data: dict[str, Any], out: Path) -> None:
    import tensorflow as tf

    archive = keras.export.ExportArchive()
    archive.track(model)
    signature = {
        node.name: tf.TensorSpec((None, *node.shape[1:]), tf.float32, name=node.name)
        for node in model.inputs
    }
    archive.add_endpoint(
        "serving_default",
        lambda pixels: {"probabilities": model(pixels, training=False)},
        input_signature=[signature],
    )
    temporary = out.with_name(f".{out.name}.{os.getpid()}")
    try:
        archive.write_out(str(temporary), verbose=False)
        assets = temporary / "assets"
        assets.mkdir(exist_ok=True)
        (assets / "class_names.txt").write_text("\n".join(data["classes"]) + "\n")
        bands = {spec["name"]: spec["bands"] for spec in data["inputs"]}
        (assets / "bands.json").write_text(json.dumps(bands, indent=2) + "\n")
        if out.exists():
            shutil.rmtree(out) if out.is_dir() else out.unlink()
        os.replace(temporary, out)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
