"""Predictors in other runtimes: SavedModels, ONNX, LiteRT and OpenVINO's files."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from autoai4eo.deploy.predictors.base import (
    Options,
    Pixels,
    Predictor,
    digest,
    outputs_of,
    window_of,
)
from autoai4eo.deploy.predictors.description import METADATA, read_description
from autoai4eo.deploy.predictors.networks import reason
from autoai4eo.errors import UserError
from autoai4eo.files import check_utf8, is_plain
from autoai4eo.quiet import held_back
from autoai4eo.runtimes.litert import LiteRT
from autoai4eo.runtimes.openvino import FILE, OpenVINO


def of_savedmodel(path: str, options: Options) -> Predictor:
    """Loads a SavedModel with ``model.json`` in it, if the user trusts it."""
    if not options.trust:
        raise UserError(
            f"{path}: expected --trust with a SavedModel, which can read and write any "
            "file while it runs, found none; give it if you know who made the model, "
            "or use a .keras or .onnx file, which cannot"
        )
    try:
        import tensorflow as tf
    except ImportError:
        raise UserError(
            f"{path}: expected TensorFlow to run a SavedModel, found none; install it"
        ) from None
    check_utf8(Path(path))
    try:
        model = tf.saved_model.load(path)
    except Exception as error:  # TensorFlow raises errors of any class
        raise UserError(
            f"{path}: expected a SavedModel, found one that TensorFlow cannot read "
            f"({reason(error)}); export it again"
        ) from None
    signatures = getattr(model, "signatures", {})
    if "serving_default" not in signatures:
        raise UserError(
            f"{path}: expected a SavedModel with the signature serving_default, found "
            f"{', '.join(signatures) or 'none'}; export it again, such as by `autoai4eo"
            " export`"
        )
    serve = signatures["serving_default"]
    wanted = serve.structured_input_signature[1]
    shapes = {name: _shape(spec) for name, spec in wanted.items()}
    found = [_shape(spec) for spec in serve.structured_outputs.values()]
    outputs = outputs_of(found[0] if len(found) == 1 else found, path)

    def predict(pixels: Pixels) -> np.ndarray:
        given = {name: tf.constant(values) for name, values in pixels.items()}
        (found,) = model.signatures["serving_default"](**given).values()
        return np.asarray(found)

    files = sorted(p for p in Path(path).rglob("*") if p.is_file())
    return Predictor(
        path=path,
        window=window_of(shapes, path),
        predict=predict,
        fingerprint=digest(*files),
        files=tuple(files),
        **read_description(Path(path, METADATA), shapes, outputs),
    )


def _shape(spec: Any) -> tuple[Any, ...]:
    return () if spec.shape.rank is None else tuple(spec.shape)


def of_onnx(path: str, options: Options) -> Predictor:
    """Loads an ``.onnx`` file with ``model.json`` beside it."""
    try:
        import onnxruntime
    except ImportError:
        raise UserError(
            f"{path}: expected onnxruntime to run it, found none; "
            'pip install "autoai4eo[onnx]"'
        ) from None
    check_utf8(Path(path))
    try:
        session = onnxruntime.InferenceSession(
            path, providers=onnxruntime.get_available_providers()
        )
    except Exception as error:  # onnxruntime raises errors of any class
        raise UserError(
            f"{path}: expected an ONNX network, found a file that onnxruntime cannot "
            f"read ({reason(error)}); export it again"
        ) from None
    shapes = {node.name: tuple(node.shape) for node in session.get_inputs()}
    found = [tuple(node.shape) for node in session.get_outputs()]
    outputs = outputs_of(found[0] if len(found) == 1 else found, path)
    file, beside = Path(path), Path(path).parent / METADATA
    return Predictor(
        path=path,
        window=window_of(shapes, path),
        predict=lambda pixels: session.run(None, dict(pixels))[0],
        fingerprint=digest(file),
        files=(file, beside),
        **read_description(beside, shapes, outputs, file),
    )


def of_litert(path: str, options: Options) -> Predictor:
    """Loads a ``.tflite`` file with ``model.json`` beside it."""
    try:
        from ai_edge_litert.interpreter import Interpreter
    except ImportError:
        raise UserError(
            f"{path}: expected ai-edge-litert to run it, found none; "
            'pip install "autoai4eo[litert]"'
        ) from None
    check_utf8(Path(path))
    try:
        with held_back():
            signature = Interpreter(path).get_signature_runner()
        inputs, found = signature.get_input_details(), signature.get_output_details()
        run = LiteRT().load(Path(path))
    except Exception as error:  # LiteRT raises errors of any class
        raise UserError(
            f"{path}: expected a LiteRT network with a signature, found a file that "
            f"LiteRT cannot read ({reason(error)}); export it again"
        ) from None
    shapes = {name: _signed(told) for name, told in inputs.items()}
    given = [_signed(told) for told in found.values()]
    outputs = outputs_of(given[0] if len(given) == 1 else given, path)
    file, beside = Path(path), Path(path).parent / METADATA
    return Predictor(
        path=path,
        window=window_of(shapes, path),
        predict=run,
        fingerprint=digest(file),
        files=(file, beside),
        **read_description(beside, shapes, outputs, file),
    )


def _signed(told: Mapping[str, Any]) -> tuple[int, ...]:
    """The shape of an input or output; -1 for a dimension that is open."""
    return tuple(int(n) for n in told["shape_signature"])


def of_openvino(path: str, options: Options) -> Predictor:
    """Loads a folder of OpenVINO's own files, with ``model.json`` in it."""
    try:
        import openvino
    except ImportError:
        raise UserError(
            f"{path}: expected OpenVINO to run it, found none; "
            'pip install "autoai4eo[openvino]"'
        ) from None
    file, beside = Path(path, FILE), Path(path, METADATA)
    weights = file.with_suffix(".bin")
    files = [p for p in (file, weights) if os.path.lexists(p)]
    for one in files:
        if not is_plain(one):  # OpenVINO would wait for a pipe, or read elsewhere
            raise UserError(
                f"{one}: expected a file of an OpenVINO network, found a link, pipe or "
                "folder; export it again"
            )
    check_utf8(Path(path))
    try:
        model = openvino.Core().read_model(str(file))
        run = OpenVINO().load(Path(path))
        shapes = {node.get_any_name(): _static(node) for node in model.inputs}
    except Exception as error:  # OpenVINO raises errors of any class
        raise UserError(
            f"{path}: expected an OpenVINO network, found files that OpenVINO cannot "
            f"read ({reason(error)}); export it again"
        ) from None
    found = [_static(node) for node in model.outputs]
    outputs = outputs_of(found[0] if len(found) == 1 else found, path)
    return Predictor(
        path=path,
        window=window_of(shapes, path),
        predict=run,
        fingerprint=digest(*files),
        files=(*files, beside),
        **read_description(beside, shapes, outputs),
    )


def _static(node: Any) -> tuple[Any, ...]:
    """The shape of an input or output; None for a dimension that is open."""
    shape = node.partial_shape
    if shape.rank.is_dynamic:
        return ()
    return tuple(n.get_length() if n.is_static else None for n in shape)
