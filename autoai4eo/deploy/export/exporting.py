"""A run's network in the formats that other programs read."""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import keras
import numpy as np

from autoai4eo.data.dataset import Dataset
from autoai4eo.deploy.export import card, metadata, samples
from autoai4eo.deploy.export.checking import FreshProcess
from autoai4eo.deploy.export.formats import FORMATS, Format, check
from autoai4eo.deploy.export.temperature import with_fitted_temperature
from autoai4eo.deploy.predictors.networks import load_network
from autoai4eo.errors import UserError
from autoai4eo.files import (
    check_can_write_into,
    check_not_input,
    check_utf8,
    folder_in_one_step,
    in_one_step,
    remove_leftovers,
    written,
)
from autoai4eo.locks import output_alone
from autoai4eo.networks.device import cpu_name
from autoai4eo.runs.folder import Run

#: The files and folders of a SavedModel as it is written here.
_SAVEDMODEL = (
    r"saved_model\.pb|fingerprint\.pb|model\.json|MODEL_CARD\.md|assets|variables|"
    r"assets/(class_names\.txt|bands\.json)|variables/variables\.[a-z0-9-]+"
)


@dataclass(frozen=True)
class Exported:
    """What was written, and how it did in a fresh process with its own runtime alone.

    Attributes:
        path: of the file or folder.
        format: the name of its format.
        quantize: ``"float16"``, ``"int8"`` or None.
        size_bytes: on disk.
        max_difference: of any probability from Keras's.
        tolerance: that it had to keep to.
        checked_on: the patches, in words.
        latency_ms: median time of one patch, in ms.
        device: that this was measured on.
        accuracy: of a quantised model, what quantising cost: ``on``, and for
            ``float32`` and ``quantized`` the ``accuracy`` and ``cohen_kappa``, or
            ``not_measured`` and why.
    """

    path: Path
    format: str
    quantize: str | None
    size_bytes: int
    max_difference: float
    tolerance: float
    checked_on: str
    latency_ms: float
    device: str
    accuracy: dict[str, Any] | None = None


def export(
    run: str | Path,
    out: str | Path,
    format: str = "savedmodel",
    *,
    trial: int | None = None,
    quantize: str | None = None,
    calibrated: bool = False,
    overwrite: bool = False,
    data: Mapping[str, Dataset] | None = None,
) -> Exported:
    """Writes a run's finalist, or one of its trials, once it ran where it will be used.

    Every format takes raw pixels, float32 (N, H, W, bands) for each input, named as the
    input, and gives ``probabilities``, float32 (N, classes):

    - ``"savedmodel"``: a folder, for TensorFlow and TensorFlow Serving; signature
      ``serving_default``; ``assets/class_names.txt`` and ``assets/bands.json``.
    - ``"keras"``: a ``.keras`` file, of Keras's own layers.
    - ``"onnx"``: an ``.onnx`` file, for onnxruntime (the extra ``onnx``).
    - ``"litert"``: a ``.tflite`` file, for LiteRT (the extra ``litert``).

    What was written is loaded by its own runtime in a fresh process and compared with
    Keras on patches of the run's own data before it takes its name. Beside it (for a
    SavedModel in it) come ``model.json``, a STAC item with the Machine Learning Model
    extension, and ``MODEL_CARD.md``.

    Broken off at whatever instant, the same call with `overwrite` goes well; what stood
    there is whole until the new takes its place.

    Args:
        run: the run's folder.
        out: what is written, outside of the run; its folder is made where it is
            missing.
        format: one of `FORMATS`.
        trial: a trial's number; None: the finalist.
        quantize: for ``"litert"``: ``"float16"`` weights, or ``"int8"`` weights and
            activations, calibrated on the training data. What it costs in accuracy is
            measured on the validation data, at most 5,000 patches.
        calibrated: whether the finalist's logits are divided by the temperature that
            was fitted to the validation data.
        overwrite: replaces an export at `out`, and ``model.json`` and ``MODEL_CARD.md``
            of another network. What this package did not write stays: then nothing is
            written.
        data: the run's ``"training"`` and ``"validation"`` data where they are open
            already; else they are read from where ``run.json`` says that they were.

    Raises:
        UserError: no run, an unknown format, a missing package, something stands in the
            way, another process exports to the same place, no data to calibrate on, it
            cannot be written, or it does not answer as Keras does. Nothing is left.
        RuntimeError: what was written does not run. Nothing is left.
    """
    run, out = Path(run).expanduser(), Path(out).expanduser()
    if format not in FORMATS:
        raise UserError(f"format: expected one of {', '.join(FORMATS)}, got {format!r}")
    kind = FORMATS[format]
    check(kind, out, quantize)
    _check_free(kind, out, overwrite)
    check_can_write_into(out.parent)
    if not kind.suffix:
        check_utf8(out)
    known = Run(run).read()
    _check_outside(run, known, out)
    model = load_network(run, trial)
    if calibrated:
        model = with_fitted_temperature(run, model, trial)
    item = metadata.item(run, known, model, trial, calibrated)
    source = _Source(run, known, model, data or {})
    calibration = source.calibration() if quantize == "int8" else None
    with written(out), ExitStack() as files:
        out.parent.mkdir(parents=True, exist_ok=True)
        told, read = out.parent / metadata.METADATA, out.parent / card.CARD
        beside = {}
        files.enter_context(output_alone(out, "export"))
        if kind.suffix:
            # other formats of the network are told in the same file
            files.enter_context(output_alone(told, "export"))
            beside = _beside(out, item, overwrite)
            for path in (out, told, read):
                remove_leftovers(path.parent, path.name)
        _check_free(kind, out, overwrite)
        if kind.suffix:
            # entered first, left last: never without its description
            new = files.enter_context(in_one_step(out))
            read = files.enter_context(in_one_step(read))
            told = files.enter_context(in_one_step(told))
        else:
            new = files.enter_context(folder_in_one_step(out))
            told, read = new / metadata.METADATA, new / card.CARD
        kind.write(model, new, known["data"]["training"], quantize, calibration)
        exported = replace(_tried(kind, new, quantize, source), path=out)
        item["assets"] = {**beside, out.name: _asset(kind, exported, item)}
        metadata.write(told, item)
        text = card.render(item)
        read.write_text(text, encoding="utf-8", errors="backslashreplace")
    return exported


@dataclass(frozen=True)
class _Source:
    """A run's network and what it can be tried on."""

    run: Path
    known: dict[str, Any]
    model: keras.Model
    data: Mapping[str, Dataset]

    def part(self, role: str, most: int) -> samples.Part:
        return samples.find(self.known, role, self.model, self.data, most)

    def calibration(self) -> Any:
        try:
            part = self.part("training", samples.CALIBRATED)
        except UserError as error:
            raise UserError(
                "quantize int8: expected the training data to calibrate it on, found "
                f"none ({error}); put them there, or take float16"
            ) from None

        def one_by_one() -> Iterator[dict[str, np.ndarray]]:
            for pixels, _ in part.blocks(1):
                yield pixels

        return one_by_one


def _check_free(kind: Format, out: Path, overwrite: bool) -> None:
    """Whether there is nothing at a place, or an export that may be replaced."""
    if not os.path.lexists(out):
        return
    if not overwrite:
        raise UserError(
            f"{out}: exists already; choose another name, or overwrite it (--overwrite)"
        )
    if not out.is_dir() or out.is_symlink():
        return
    found = [path.relative_to(out) for path in sorted(out.rglob("*"))]
    foreign = [path for path in found if not re.fullmatch(_SAVEDMODEL, str(path))]
    if kind.suffix or foreign:
        told = foreign[0] if foreign else "a folder"
        raise UserError(
            f"{out}: expected a {kind.name} to overwrite, found {told} in its place; "
            "choose another name, or move it elsewhere"
        )


def _check_outside(run: Path, known: Mapping[str, Any], out: Path) -> None:
    """Whether an export lies apart from its run and the run's data.

    Raises:
        UserError: it is in the run, or is what the run or its data are in.
    """
    place = Path(os.path.realpath(out))
    own = Path(os.path.realpath(run))
    data = [Path(str(part["path"])) for part in known["data"].values()]
    if place == own or own in place.parents:
        raise UserError(
            f"{out}: expected a place outside of the run, found one in {run}; choose "
            "another name"
        )
    check_not_input(out, [*data, *(p for p in run.rglob("*") if p.is_file())])
    for path in (own, *(Path(os.path.realpath(p)) for p in data)):
        if place in path.parents:
            raise UserError(
                f"{out}: expected a place of its own, found that {path} lies in it; "
                "choose another name"
            )


def _beside(out: Path, item: Mapping[str, Any], overwrite: bool) -> dict[str, Any]:
    """The same network's other formats in the folder of a file.

    Raises:
        UserError: ``model.json`` or ``MODEL_CARD.md`` there is of another network and
            may not be overwritten, or is not of this package.
    """
    told = out.parent / metadata.METADATA
    same = metadata.is_same(told, item)
    for path in (told, out.parent / card.CARD):
        ours = metadata.is_ours(path)
        if os.path.lexists(path) and not (ours and (same or overwrite)):
            more = ", or overwrite it (--overwrite)" if ours else ""
            raise UserError(
                f"{path}: expected none, or that of {item['id']}, found another; "
                f"export into a folder of its own{more}"
            )
    return metadata.assets_beside(told) if same else {}


def _tried(
    kind: Format, written: Path, quantize: str | None, source: _Source
) -> Exported:
    """A written model in a fresh process, held against Keras.

    Raises:
        UserError: it is further from Keras than it may be.
        RuntimeError: it does not run there.
    """
    some = samples.for_check(source.run, source.known, source.model, source.data)
    with keras.device("cpu:0"):
        expected = np.asarray(source.model(some.pixels, training=False))
    with FreshProcess(kind, written) as fresh:
        # where both are NaN they agree, where one is they are worlds apart
        found, expected = (
            np.nan_to_num(p, nan=9) for p in (fresh.predict(some.pixels), expected)
        )
        difference = np.abs(found - expected).max()
        tolerance = kind.tolerances[quantize]
        if not difference <= tolerance:
            raise UserError(
                f"format {kind.name}: expected probabilities within {tolerance:g} of "
                f"Keras's on {some.told}, found a difference of {difference:.2g}, and "
                f"wrote nothing; take {'float16' if quantize else 'another format'}"
            )
        one = {name: pixels[:1] for name, pixels in some.pixels.items()}
        latency = fresh.latency_ms(one)
        accuracy = (
            None if quantize is None else _quantised_accuracy(kind, fresh, source)
        )
    return Exported(
        path=written,
        format=kind.name,
        quantize=quantize,
        size_bytes=_size(written),
        max_difference=float(difference),
        tolerance=tolerance,
        checked_on=some.told,
        latency_ms=latency,
        device=cpu_name(),
        accuracy=accuracy,
    )


def _quantised_accuracy(
    kind: Format, quantised: FreshProcess, source: _Source
) -> dict[str, Any]:
    """Scores of the network with and without quantising, in the format's runtime."""
    from sklearn.metrics import accuracy_score, cohen_kappa_score

    try:
        part = source.part("validation", samples.JUDGED)
    except UserError as error:
        return {"not_measured": str(error)}
    labels: list[int] = []
    found: dict[str, list[int]] = {"float32": [], "quantized": []}
    with tempfile.TemporaryDirectory() as folder:
        plain = Path(folder, f"float32{kind.suffix}")
        kind.write(source.model, plain, source.known["data"]["training"], None, None)
        with FreshProcess(kind, plain) as float32:
            for pixels, truth in part.blocks():
                labels += truth.tolist()
                for name, process in (("float32", float32), ("quantized", quantised)):
                    found[name] += process.predict(pixels).argmax(axis=-1).tolist()
    return {
        "on": part.told,
        **{
            name: {
                "accuracy": float(accuracy_score(labels, classes)),
                "cohen_kappa": float(cohen_kappa_score(labels, classes)),
            }
            for name, classes in found.items()
        },
    }


def _asset(kind: Format, exported: Exported, item: Mapping[str, Any]) -> dict[str, Any]:
    asset = {
        "href": f"./{exported.path.name}" if kind.suffix else "./",
        "type": kind.media_type,
        "title": " ".join(filter(None, (kind.name, exported.quantize))),
        "roles": [metadata.MODEL_ROLE],
        # STAC 1.1 wants them here where they are in the properties
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
            "runtime": f"{kind.framework}, in a process of its own",
        },
    }
    if exported.accuracy is not None:
        asset["autoai4eo:accuracy"] = exported.accuracy
    return asset


def _size(path: Path) -> int:
    if path.is_file():
        return path.stat().st_size
    return sum(
        Path(folder, name).stat().st_size
        for folder, _, names in os.walk(path)
        for name in names
    )
