"""Exports a run's network in formats that other programs read."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

from autoai4eo.data.dataset import Dataset
from autoai4eo.deploy.export import card, metadata
from autoai4eo.deploy.export.comparison import Exported, Source, compare
from autoai4eo.deploy.export.formats import FORMATS, Format, check, format_of
from autoai4eo.deploy.export.places import assets_beside, check_free, check_outside
from autoai4eo.deploy.export.temperature import with_fitted_temperature
from autoai4eo.deploy.predictors.description import (
    MODEL_ROLE,
    target_of,
    target_of_run,
)
from autoai4eo.deploy.predictors.networks import load_network
from autoai4eo.errors import UserError
from autoai4eo.files import (
    check_can_write_into,
    check_utf8,
    folder_in_one_step,
    in_one_step,
    remove_leftovers,
    written,
)
from autoai4eo.locks import output_alone
from autoai4eo.networks.outputs import without_spread
from autoai4eo.runs.folder import Run
from autoai4eo.runs.network_id import Which
from autoai4eo.runtimes.base import FLOAT32


def export(
    run: str | Path,
    out: str | Path,
    format: str | None = None,
    *,
    trial: Which = None,
    quantize: str | None = None,
    calibrated: bool = False,
    overwrite: bool = False,
    data: Mapping[str, Dataset] | None = None,
) -> Exported:
    """Exports a run's finalist, or another of its networks, and tests the export.

    Every format takes raw pixels, float32 (N, H, W, bands) for each input, by the name
    of the input. It returns ``probabilities``, float32 (N, classes), of masks (N, H, W,
    classes); a network for values returns ``values``, float32 (N, values), in the units
    of the training data:

    - ``"savedmodel"``: a folder, for TensorFlow and TensorFlow Serving; signature
      ``serving_default``; ``assets/class_names.txt`` (of classes),
      ``assets/target.json`` and ``assets/bands.json``.
    - ``"keras"``: a ``.keras`` file, of Keras's own layers.
    - ``"onnx"``: an ``.onnx`` file, for onnxruntime.
    - ``"litert"``: a ``.tflite`` file, for LiteRT (the extra ``litert``).
    - ``"openvino"``: a folder with ``network.xml`` and ``network.bin``, for OpenVINO
      (the extra ``openvino``).

    A fresh process runs the export in its own runtime, and its outputs are compared
    with Keras's on patches of the run's own data; only then does `out` exist. Beside it
    (inside of a folder) lie ``model.json``, a STAC item with the Machine Learning
    Model extension, and ``MODEL_CARD.md``. Both hold the names of classes or values,
    and the threshold of each label.

    After an interruption at any instant the same call with `overwrite` succeeds; an
    earlier export stays whole until the new one takes its place.

    Args:
        run: the run's folder.
        out: the file or folder to write, outside of the run; a missing parent folder is
            made.
        format: one of `FORMATS`; None: that of the ending of `out`, see `format_of`.
        trial: the number of a trial, or an ensemble such as ``"ensemble-0"``; None:
            the finalist.
        quantize: ``"int8"`` weights and activations for ``"onnx"``, ``"litert"`` and
            ``"openvino"``, calibrated on the training data; ``"float16"`` weights for
            ``"litert"``. The loss of accuracy is measured on the validation data, at
            most 5,000 patches (of large tiles with masks fewer).
        calibrated: whether the finalist's logits are divided by the temperature that
            was fitted to the validation data; only for networks that predict a class.
        overwrite: replaces an export at `out`, and ``model.json`` and ``MODEL_CARD.md``
            of another network. Files that this package did not write are never
            replaced.
        data: the run's open ``"training"`` and ``"validation"`` data; None: they are
            read from the paths in ``run.json``.

    Raises:
        UserError: there is no run, the format is unknown, a package is missing,
            `out` exists and may not be replaced, another process exports to the same
            place, the data to calibrate on are missing, the run's data are damaged,
            the export cannot be written, or it differs from Keras. Nothing is left
            behind.
        RuntimeError: the export does not run. Nothing is left behind.
    """
    run, out = Path(run).expanduser(), Path(out).expanduser()
    format = format_of(out) if format is None else format
    if format not in FORMATS:
        raise UserError(f"format: expected one of {', '.join(FORMATS)}, got {format!r}")
    kind = FORMATS[format]
    check(kind, out, quantize)
    check_free(kind, out, overwrite)
    check_can_write_into(out.parent)
    if format != "keras":  # of which Python alone opens the file
        check_utf8(out)
    known = Run(run).read()
    check_outside(run, known, out)
    training = known["data"]["training"]
    training["target"] = target_of_run(run, training, trial)
    target = target_of(training)
    model = without_spread(load_network(run, trial), target)
    if calibrated:
        if target.kind != "class":
            raise UserError(
                "calibrated: expected a network that predicts one class, found one of "
                f"the target {target.kind}, which has no temperature; leave "
                "--calibrated out"
            )
        model = with_fitted_temperature(run, model, trial)
    item = metadata.item(run, known, model, trial, calibrated)
    source = Source(run, known, model, data or {})
    calibration = source.calibration() if quantize == "int8" else None
    with written(out), ExitStack() as files:
        out.parent.mkdir(parents=True, exist_ok=True)
        told, read = out.parent / metadata.METADATA, out.parent / card.CARD
        beside = {}
        files.enter_context(output_alone(out, "export"))
        if kind.suffix:
            # other formats of the network are described in the same file
            files.enter_context(output_alone(told, "export"))
            beside = assets_beside(out, item, overwrite)
            for path in (out, told, read):
                remove_leftovers(path.parent, path.name)
        check_free(kind, out, overwrite)
        if kind.suffix:
            # entered first, so named last: the export always has its description
            new = files.enter_context(in_one_step(out))
            read = files.enter_context(in_one_step(read))
            told = files.enter_context(in_one_step(told))
        else:
            new = files.enter_context(folder_in_one_step(out))
            told, read = new / metadata.METADATA, new / card.CARD
        kind.write(model, new, training, quantize, calibration)
        exported = replace(compare(kind, new, quantize, source), path=out)
        item["assets"] = {**beside, out.name: _asset(kind, exported, item)}
        metadata.write(told, item)
        text = card.render(item)
        read.write_text(text, encoding="utf-8", errors="backslashreplace")
    return exported


def _asset(kind: Format, exported: Exported, item: Mapping[str, Any]) -> dict[str, Any]:
    asset = {
        "href": f"./{exported.path.name}" if kind.suffix else "./",
        "type": kind.media_type,
        "title": " ".join(filter(None, (kind.name, exported.quantize))),
        "roles": [MODEL_ROLE],
        # STAC 1.1 requires bands here if the properties have them
        "bands": [{"name": band["name"]} for band in item["properties"]["bands"]],
        "mlm:artifact_type": kind.artifact_type,
        "mlm:framework": kind.framework,
        "mlm:framework_version": kind.version,
        "autoai4eo:format": kind.name,
        "autoai4eo:quantize": exported.quantize,
        "autoai4eo:size_bytes": exported.size_bytes,
        "autoai4eo:max_difference": exported.max_difference,
        "autoai4eo:tolerance": exported.tolerance,
        "autoai4eo:checked_on": exported.checked_on,
        "autoai4eo:latency": {
            "milliseconds": exported.latency_ms,
            "batch_size": 1,
            "device": exported.device,
            "runtime": exported.runtime,
            "precision": exported.quantize or FLOAT32,
        },
    }
    if exported.accuracy is not None:
        asset["autoai4eo:accuracy"] = exported.accuracy
    return asset
