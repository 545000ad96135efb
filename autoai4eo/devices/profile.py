"""A device profile: what was measured on a device once, and how well it predicts."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from autoai4eo.cost.layers import LayerConfiguration
from autoai4eo.errors import UserError
from autoai4eo.files import ANY, read_json, reading
from autoai4eo.locks import written_alone
from autoai4eo.runtimes import RUNTIMES

VERSION = 1
_LARGEST = 2**53  # whole numbers up to it are exact
CURE = "make it with autoai4eo device profile"
_LAYER = {
    "kind": str,
    "inputs": [[int]],
    "outputs": [[int]],
    "kernel": [int],
    "strides": [int],
    "weights": int,
    "macs": int,
    "other": int,
}
_MEASUREMENT = {"ms": int | float, "spread_ms": int | float, "layers": {ANY: int}}
_FORM: dict[str, Any] = {
    "device_profile": int,
    "about": {
        "device": str,
        "runtime": str,
        "runtime_version": str,
        "precision": str,
        "threads": int,
    },
    "batch_size": int,
    "inputs": [[int]],
    "accuracy": {
        "networks": int,
        "spearman": int | float,
        "spearman_of_macs": int | float,
        "median_error": int | float,
        "p90_error": int | float,
    },
    "layers": [_LAYER],
    "single_layers": [_MEASUREMENT],
    "networks": [_MEASUREMENT],
    "held_out": [_MEASUREMENT],
}


@dataclass(frozen=True)
class Measurement:
    """The latency of a network.

    Attributes:
        layers: the configurations of its layers, and how often each occurs.
        ms: median of the passes, in milliseconds.
        spread_ms: how far another measurement may lie from it.
    """

    layers: Mapping[LayerConfiguration, int]
    ms: float
    spread_ms: float

    @property
    def macs(self) -> int:
        """Multiply-adds of a pass."""
        return sum(layer.macs * count for layer, count in self.layers.items())


@dataclass(frozen=True)
class Accuracy:
    """How well latencies are predicted, on networks that were held out.

    Attributes:
        networks: their number.
        spearman: rank correlation of predicted and measured latencies.
        spearman_of_macs: the same of MACs and measured latencies, to compare with.
        median_error: median of |predicted / measured - 1|.
        p90_error: its 90th percentile.
    """

    networks: int
    spearman: float
    spearman_of_macs: float
    median_error: float
    p90_error: float


@dataclass(frozen=True)
class DeviceProfile:
    """What was measured on a device.

    Attributes:
        about: device, runtime, runtime_version, precision and threads.
        batch_size: samples in a pass.
        inputs: shapes of the networks' inputs, without samples.
        accuracy: of predictions from `single_layers` and `networks`, on `held_out`.
        single_layers: networks of one layer.
        networks: random networks of the search space.
        held_out: others, which no prediction is made from.
    """

    about: Mapping[str, Any]
    batch_size: int
    inputs: tuple[tuple[int, ...], ...]
    accuracy: Accuracy
    single_layers: Sequence[Measurement]
    networks: Sequence[Measurement]
    held_out: Sequence[Measurement]

    @property
    def digest(self) -> str:
        """12 hexadecimal digits that differ from those of other profiles."""
        return hashlib.sha256(self._text().encode()).hexdigest()[:12]

    def prediction(self) -> dict[str, Any]:
        """What records say of a latency that is predicted from this profile."""
        return {
            "profile": self.digest,
            "networks": self.accuracy.networks,
            "spearman": self.accuracy.spearman,
            "spearman_of_macs": self.accuracy.spearman_of_macs,
            "median_error": self.accuracy.median_error,
        }

    def doubt(self) -> str:
        """Returns why its predictions are of little use; empty if they are of use."""
        if self.accuracy.spearman > self.accuracy.spearman_of_macs:
            return ""
        return (
            f"the device profile ranks networks no better than their MACs do (Spearman "
            f"{self.accuracy.spearman:.3f}, MACs {self.accuracy.spearman_of_macs:.3f}, "
            f"{self.accuracy.networks} networks held out): measure it again with more "
            "--networks and --single-layers, when nothing else runs there"
        )

    def write(self, path: Path) -> None:
        """Writes the profile as JSON."""
        with written_alone(path, "device profile") as temporary:
            temporary.write_text(self._text())

    @classmethod
    def read(cls, path: Path) -> DeviceProfile:
        """Reads the profile in a file.

        Raises:
            UserError: the file is missing, damaged, or no device profile.
        """
        content = read_json(path, CURE, _FORM)
        if content["device_profile"] != VERSION:
            raise UserError(
                f"{path}: expected a device profile of version {VERSION}, found "
                f"{content['device_profile']}; {CURE} of this version"
            )
        with reading(path, "device profile", CURE):
            layers = [layer_from(told) for told in content["layers"]]
            measured = {
                name: [_measurement(told, layers) for told in content[name]]
                for name in ("single_layers", "networks", "held_out")
            }
            if min(len(measured["networks"]), len(measured["single_layers"])) < 2:
                raise ValueError("fewer than two networks, or than two layers")
            if content["batch_size"] < 1:
                raise ValueError(f"a batch size of {content['batch_size']}")
            judged = {name: content["accuracy"][name] for name in _FORM["accuracy"]}
            _check_numbers(content["inputs"], _LARGEST)
            number = len(measured["held_out"])
            _check_numbers([judged["networks"]], number, max(number, 2))
            _check_numbers([judged[n] for n in ("median_error", "p90_error")], 1e6)
            ranks = [judged[n] for n in ("spearman", "spearman_of_macs")]
            _check_numbers(ranks, 1.0, -1.0)
            about = {name: content["about"][name] for name in _FORM["about"]}
            _check_numbers([about["threads"]], 1e6, 1)
            if about["runtime"] not in RUNTIMES:
                raise ValueError(f"the runtime {about['runtime']}")
        return cls(
            about=about,
            batch_size=content["batch_size"],
            inputs=tuple(map(tuple, content["inputs"])),
            accuracy=Accuracy(**judged),
            **measured,
        )

    def _text(self) -> str:
        """The profile as JSON, an entry of a list on each line."""
        rows: list[Sequence[Measurement]]
        rows = [self.single_layers, self.networks, self.held_out]
        layers = list(dict.fromkeys(k for row in rows for m in row for k in m.layers))
        number = {layer: i for i, layer in enumerate(layers)}
        content: dict[str, Any] = {
            "device_profile": VERSION,
            "about": dict(self.about),
            "batch_size": self.batch_size,
            "inputs": self.inputs,
            "accuracy": asdict(self.accuracy),
            "layers": [asdict(layer) for layer in layers],
        }
        for name, row in zip(
            ("single_layers", "networks", "held_out"), rows, strict=True
        ):
            content[name] = [
                {
                    "ms": m.ms,
                    "spread_ms": m.spread_ms,
                    "layers": {str(number[k]): n for k, n in m.layers.items()},
                }
                for m in row
            ]
        lines = [f"{json.dumps(name)}: {_lines(v)}" for name, v in content.items()]
        return "{\n" + ",\n".join(lines) + "\n}\n"


def _lines(value: Any) -> str:
    if not isinstance(value, list):
        return json.dumps(value)
    return "[\n" + ",\n".join(map(json.dumps, value)) + "\n]"


def _check_numbers(value: Any, most: float, least: float = 0) -> None:
    """Checks that numbers in nested lists are in a range, and finite."""
    if isinstance(value, list | tuple):
        for one in value:
            _check_numbers(one, most, least)
    elif isinstance(value, bool) or not least <= value <= most:
        raise ValueError(f"{str(value)[:20]}, not from {least:g} to {most:g}")


def layer_from(told: Mapping[str, Any]) -> LayerConfiguration:
    """A layer's configuration from JSON."""
    counts = {name: told[name] for name in ("weights", "macs", "other")}
    shapes = [told[n] for n in ("inputs", "outputs", "kernel", "strides")]
    _check_numbers([*counts.values(), *shapes], _LARGEST)
    return LayerConfiguration(
        kind=told["kind"],
        inputs=_shapes(told["inputs"]),
        outputs=_shapes(told["outputs"]),
        kernel=tuple(told["kernel"]),
        strides=tuple(told["strides"]),
        **counts,
    )


def _shapes(told: Iterable[Iterable[int]]) -> tuple[tuple[int, ...], ...]:
    return tuple(tuple(shape) for shape in told)


def _measurement(
    told: Mapping[str, Any], layers: Sequence[LayerConfiguration]
) -> Measurement:
    _check_numbers([told["ms"]], 1e9, 1e-6)
    _check_numbers([told["spread_ms"]], 1e9)
    counts = {int(i): n for i, n in told["layers"].items()}
    known = range(len(layers))
    if not counts or counts.keys() - known:
        raise ValueError("a network of other layers than it lists")
    _check_numbers(list(counts.values()), 1e6, 1)
    of_layers = {layers[i]: n for i, n in counts.items()}
    return Measurement(of_layers, told["ms"], told["spread_ms"])
