"""A finished classifier of any format, with what must be known of it to use it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np

from autoai4eo.data.lcz42 import LCZ42_CLASSES
from autoai4eo.data.sensors import canonical
from autoai4eo.data.units import Typical, typical_of
from autoai4eo.deploy.predictors.networks import load_model, network_file, reason
from autoai4eo.errors import UserError
from autoai4eo.files import check_regular
from autoai4eo.runs.folder import Run

METADATA = "model.json"
_ROUNDED = 0.01  # so far may a probability be from 0 to 1 in a quantised network
_FEW_LINES = (
    '{"properties": {"mlm:input": [{"name": "image", "bands": ["B02", "B03", "B04"]}], '
    '"mlm:output": [{"classification:classes": [{"value": 1, "name": "water"}, …]}]}}'
)

Pixels = Mapping[str, np.ndarray]


@dataclass(frozen=True)
class Classifier:
    """From patches to class probabilities, whatever runs it.

    Attributes:
        path: where it came from.
        bands: by input, the names of its bands in order.
        window: height and width of a patch.
        classes: names, in the order of the probabilities.
        predict: float32 (N, height, width, bands) by input -> float32 (N, classes).
        fingerprint: equal only for equal weights.
        files: that it was read from.
        level: processing level of the scenes it was made for, where known.
        map_step: pixels between neighbouring windows that it was made for, if any.
        network: the Keras network, where there is one.
        typical: by input, what each of its bands is like in the training data, where
            known.
    """

    path: str
    bands: Mapping[str, tuple[str, ...]]
    window: tuple[int, int]
    classes: tuple[str, ...]
    predict: Callable[[Pixels], np.ndarray]
    fingerprint: str
    files: tuple[Path, ...] = ()
    level: str | None = None
    map_step: int | None = None
    network: keras.Model | None = None
    typical: Mapping[str, tuple[Typical, ...]] | None = None


def load_classifier(
    model: str | Path,
    *,
    trial: int | None = None,
    weights: str | Path | None = None,
    trust: bool = False,
) -> Classifier:
    """A run, a ``.keras``, SavedModel or ONNX file, or weights of the catalogue.

    What a file does not tell itself (bands, class names) is read from ``model.json``
    beside it, as `export` writes it: a STAC item with the MLM extension, of which the
    names of bands and classes suffice.

    Args:
        model: a path, or a name of the catalogue of pretrained weights.
        trial: of a run; None: its finalist.
        weights: the file of the catalogue's weights, where it is not in the cache.
        trust: whether a SavedModel may be run: TensorFlow lets it read and write
            files. The other formats cannot.

    Raises:
        UserError: there is no such model, it cannot be read, it is no classifier of
            patches, what must be known of it is not there, or it is a SavedModel and
            `trust` is False. `predict` raises it where the network fails or gives
            something else than probabilities.
    """
    from autoai4eo.blocks.pretrained_weights.catalogue import CATALOGUE

    path = Path(model)
    if str(model) in CATALOGUE:
        return _of_catalogue(str(model), weights)
    check_regular(path)
    if not path.exists():
        raise UserError(
            f"{model}: expected a run folder, a .keras, SavedModel or .onnx file, or "
            f"weights named {', '.join(CATALOGUE)}, found nothing; check the path"
        )
    if weights is not None:
        raise UserError(
            f"weights: expected with a name of the catalogue ({', '.join(CATALOGUE)}), "
            f"got it with {model}; leave it out"
        )
    if (path / "saved_model.pb").is_file():
        if not trust:
            raise UserError(
                f"{model}: expected --trust with a SavedModel, which can read and "
                "write any file while it runs, found none; give it if you know who "
                "made the model, or use a .keras or .onnx file, which cannot"
            )
        return _of_savedmodel(path)
    if path.suffix == ".onnx" and path.is_file():
        return _of_onnx(path)
    if path.is_dir():
        return _of_run(path, trial)
    return _of_keras_file(path)


def _of_catalogue(name: str, file: str | Path | None) -> Classifier:
    from autoai4eo.blocks.pretrained_weights.catalogue import find_weights
    from autoai4eo.blocks.pretrained_weights.files import load_classifier as load
    from autoai4eo.blocks.pretrained_weights.files import locate

    record = find_weights(name, file)
    network = load(record)
    if record.scaling.quantity is None:
        raise UserError(
            f"{name}: expected weights for reflectance, found ones whose bands "
            f"({', '.join(b.name for b in record.bands)}) were each standardised over "
            "their scene; use another model"
        )
    node = network.inputs[0]
    bands = tuple(band.name for band in record.bands)
    shift = np.array(record.scaling.shift, np.float32)
    forward = _keras_forward(network, name)
    mean, std = np.array(record.scaling.mean), np.array(record.scaling.std)
    normal = {"mean": mean, "std": std, "p2": mean - 2 * std, "p98": mean + 2 * std}
    return Classifier(
        path=name,
        bands={node.name: bands},
        window=(node.shape[1], node.shape[2]),
        classes=LCZ42_CLASSES,
        predict=lambda pixels: forward({node.name: pixels[node.name] - shift}),
        fingerprint=_digest(locate(record)),
        files=(locate(record),),
        level=record.level,
        # where a network wants a shift its own layers do not do it
        network=network if not shift.any() else None,
        typical={node.name: typical_of(normal)},
    )


def _of_run(run: Path, trial: int | None) -> Classifier:
    file = network_file(run, trial)
    network = load_model(file)
    known = Run(run).read()
    data = known["data"]["training"]
    _check_output(network.output_shape, str(run))
    levels = {spec.get("level") for spec in data["inputs"]} - {None}
    return Classifier(
        path=str(run),
        bands={s["name"]: tuple(s["bands"]) for s in data["inputs"]},
        window=_one_size(_shapes(network), str(run)),
        classes=tuple(data["classes"]),
        predict=_keras_forward(network, str(run)),
        fingerprint=_digest(file),
        files=(file, Run(run).json, Run(run).statistics),
        level=levels.pop() if len(levels) == 1 else None,
        map_step=known["arguments"].get("map_step"),
        network=network,
        typical={n: typical_of(told) for n, told in Run(run).read_statistics().items()},
    )


def _of_keras_file(path: Path) -> Classifier:
    network = load_model(path)
    shapes = _shapes(network)
    classes = _check_output(network.output_shape, str(path))
    return Classifier(
        path=str(path),
        window=_one_size(shapes, str(path)),
        predict=_keras_forward(network, str(path)),
        fingerprint=_digest(path),
        files=(path, path.parent / METADATA),
        network=network,
        **_metadata(path.parent / METADATA, shapes, classes),
    )


def _of_savedmodel(path: Path) -> Classifier:
    try:
        import tensorflow as tf
    except ImportError:
        raise UserError(
            f"{path}: expected TensorFlow to run a SavedModel, found none; install it"
        ) from None
    try:
        model = tf.saved_model.load(str(path))
    except Exception as error:  # TensorFlow's have no common class
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
    outputs = [_shape(spec) for spec in serve.structured_outputs.values()]
    classes = _check_output(outputs[0] if len(outputs) == 1 else outputs, str(path))

    def predict(pixels: Pixels) -> np.ndarray:
        given = {name: tf.constant(values) for name, values in pixels.items()}
        (found,) = model.signatures["serving_default"](**given).values()
        return np.asarray(found)

    return Classifier(
        path=str(path),
        window=_one_size(shapes, str(path)),
        predict=_checked(predict, str(path), classes),
        fingerprint=_digest(*sorted(p for p in path.rglob("*") if p.is_file())),
        files=tuple(p for p in path.rglob("*") if p.is_file()),
        **_metadata(path / METADATA, shapes, classes),
    )


def _shape(spec: Any) -> tuple[Any, ...]:
    return () if spec.shape.rank is None else tuple(spec.shape)


def _of_onnx(path: Path) -> Classifier:
    try:
        import onnxruntime
    except ImportError:
        raise UserError(
            f"{path}: expected onnxruntime to run it, found none; "
            'pip install "autoai4eo[onnx]"'
        ) from None
    try:
        session = onnxruntime.InferenceSession(
            str(path), providers=onnxruntime.get_available_providers()
        )
    except Exception as error:  # onnxruntime's have no common class
        raise UserError(
            f"{path}: expected an ONNX network, found a file that onnxruntime cannot "
            f"read ({reason(error)}); export it again"
        ) from None
    shapes = {node.name: tuple(node.shape) for node in session.get_inputs()}
    outputs = [tuple(node.shape) for node in session.get_outputs()]
    classes = _check_output(outputs[0] if len(outputs) == 1 else outputs, str(path))
    return Classifier(
        path=str(path),
        window=_one_size(shapes, str(path)),
        predict=_checked(
            lambda pixels: session.run(None, dict(pixels))[0], str(path), classes
        ),
        fingerprint=_digest(path),
        files=(path, path.parent / METADATA),
        **_metadata(path.parent / METADATA, shapes, classes),
    )


def _metadata(
    path: Path, shapes: Mapping[str, tuple[Any, ...]], classes: int
) -> dict[str, Any]:
    """Bands, classes and what else of `Classifier` ``model.json`` tells.

    Args:
        path: of the file.
        shapes: (N, height, width, bands) by input of the network.
        classes: how many it tells.

    Raises:
        UserError: there is none, or one of other inputs, bands or classes.
    """
    try:
        told = json.loads(path.read_text())["properties"]
        bands = {
            given["name"]: tuple(
                canonical(b if isinstance(b, str) else b["name"])
                for b in given["bands"]
            )
            for given in told["mlm:input"]
        }
        typical = {
            given["name"]: typical_of(known)
            for given in told["mlm:input"]
            if (known := given.get("autoai4eo:statistics"))
        }
        (output,) = told["mlm:output"]
        ordered = sorted(output["classification:classes"], key=lambda c: c["value"])
        names = tuple(str(c["name"]) for c in ordered)
        step = told.get("autoai4eo:map_step")
        if not isinstance(step, int | None):
            raise TypeError(f"a map_step of {step!r}")
    except FileNotFoundError:
        raise UserError(
            f"{path}: expected what the network's bands and classes are, found no such "
            f"file; export the run with autoai4eo, or write {_FEW_LINES}"
        ) from None
    except (
        ValueError,
        KeyError,
        TypeError,
        AttributeError,
        OSError,
        RecursionError,
    ) as error:
        raise UserError(
            f"{path}: expected a STAC item with the MLM extension, found something else"
            f" ({type(error).__name__}: {error}); of it this suffices: {_FEW_LINES}"
        ) from None
    if set(bands) != set(shapes) or len(names) != classes:
        raise UserError(
            f"{path}: expected the inputs {', '.join(shapes)} and {classes} classes of "
            f"the network, found {', '.join(map(str, bands))} and {len(names)}; correct"
            " it"
        )
    for name, shape in shapes.items():
        numbers = {len(bands[name]), len(typical.get(name, bands[name]))}
        if numbers != {shape[-1]}:
            raise UserError(
                f"{path}: expected {shape[-1]} bands of the network's input {name}, "
                f"found {', '.join(map(str, sorted(numbers)))}; correct it"
            )
    return {
        "bands": {name: bands[name] for name in shapes},
        "classes": names,
        "level": told.get("autoai4eo:level"),
        "map_step": step,
        "typical": typical,
    }


def _digest(*files: Path) -> str:
    digest = hashlib.sha256()
    for file in files:
        digest.update(file.read_bytes())
    return digest.hexdigest()[:16]


def _keras_forward(network: keras.Model, path: str) -> Callable[[Pixels], np.ndarray]:
    names = [node.name for node in network.inputs]

    def predict(pixels: Pixels) -> np.ndarray:
        given: Any = [pixels[name] for name in names]
        if isinstance(network, keras.Sequential):
            return np.asarray(network.predict_on_batch(given[0]))
        given = keras.tree.pack_sequence_as(network.input, given)
        return np.asarray(network.predict_on_batch(given))

    return _checked(predict, path, network.output_shape[-1])


def _checked(
    predict: Callable[[Pixels], np.ndarray], path: str, classes: int
) -> Callable[[Pixels], np.ndarray]:
    """Raises UserError where a network fails, or gives something else."""

    def checked(pixels: Pixels) -> np.ndarray:
        try:
            found = predict(pixels)
        except Exception as error:  # the runtimes' have no common class
            raise UserError(
                f"{path}: expected a network that runs here, found that it does not "
                f"({reason(error)}); use another model, or export it again"
            ) from error
        wanted = (len(next(iter(pixels.values()))), classes)
        if found.shape != wanted:
            raise UserError(
                f"{path}: expected probabilities of the shape {wanted}, found "
                f"{found.shape}; use a network made for patches"
            )
        low, high = np.nanmin(found, initial=0), np.nanmax(found, initial=1)
        if not -_ROUNDED <= low <= high <= 1 + _ROUNDED:
            raise UserError(
                f"{path}: expected probabilities, from 0 to 1, found values from "
                f"{low:.4g} to {high:.4g}; use a network that ends with a softmax"
            )
        return found

    return checked


def _check_output(shape: Any, path: str) -> int:
    """How many classes a network gives the probabilities of.

    Args:
        shape: of its one output; of several, a list or names of them.
        path: of the network.

    Raises:
        UserError: it gives something else than probabilities of classes.
    """
    if (
        not isinstance(shape, tuple)
        or len(shape) != 2
        or not isinstance(shape[1], int)
        or shape[1] < 1
    ):
        raise UserError(
            f"{path}: expected a classifier with one output, of probabilities "
            f"(patches, classes), found {shape}; use a network made for patches"
        )
    return shape[1]


def _shapes(network: keras.Model) -> dict[str, tuple[Any, ...]]:
    """(N, height, width, bands) by input."""
    return {node.name: tuple(node.shape) for node in network.inputs}


def _one_size(shapes: Mapping[str, tuple[Any, ...]], path: str) -> tuple[int, int]:
    """Height and width of the patches that a network takes.

    Args:
        shapes: (N, height, width, bands) by input.
        path: of the network.

    Raises:
        UserError: it takes something else, or several sizes.
    """
    sizes = {shape[1:3] for shape in shapes.values()}
    sides = [n for shape in shapes.values() for n in shape[1:]]
    if (
        len(sizes) != 1
        or not all(isinstance(n, int) and n > 0 for n in sides)
        or any(len(shape) != 4 for shape in shapes.values())
    ):
        told = ", ".join(f"{name} {shape}" for name, shape in shapes.items())
        raise UserError(
            f"{path}: expected a classifier of patches (N, height, width, bands) of one"
            f" known size, found {told or 'no input'}; use a network made for patches"
        )
    return sizes.pop()
