"""Compares a converted network with the one that Keras holds."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from autoai4eo.causes import cause
from autoai4eo.errors import UserError
from autoai4eo.runtimes.base import Pixels, Run

if TYPE_CHECKING:
    import keras

_ROUNDING = 1e-6  # of a pixel, relative: some eight times that of float32
_AMPLIFIED = 3  # times what such pixels change, up to which outputs may differ


class NotConvertible(UserError):
    """A runtime cannot run a network, or runs it with other outputs than Keras."""


def not_convertible(runtime: str, error: Exception) -> NotConvertible:
    """The error of a converter, of a runtime, as one line."""
    return NotConvertible(
        f"runtime {runtime}: expected a network that it can run, found one that it "
        f"cannot ({cause(error)}); use --runtime tensorflow, or other layers"
    )


def check_outputs(
    runtime: str, run: Run, model: keras.Model, pixels: Pixels, tolerance: float
) -> None:
    """Checks that a runtime gives the outputs that Keras gives.

    A network may amplify roundings, above all of random pixels, which are unlike those
    that it learned from. So a difference may be above the tolerance where Keras's own
    outputs differ as much for pixels that differ by a rounding.

    Args:
        runtime: its name.
        run: the converted network.
        model: the network.
        pixels: a few samples by input name.
        tolerance: the largest allowed difference, relative to the largest output where
            that is above 1.

    Raises:
        NotConvertible: an output differs by more, or the runtime fails.
    """
    expected = first_output(model, pixels)
    try:
        found = np.asarray(run(pixels), "float32")
        assert found.shape == expected.shape, f"outputs of shape {found.shape}"
    except Exception as error:  # runtimes' errors have no common class
        raise not_convertible(runtime, error) from error
    difference = _difference(found, expected)
    if not difference <= tolerance:
        rounded = first_output(model, {k: _rounded(v) for k, v in pixels.items()})
        tolerance = max(tolerance, _AMPLIFIED * _difference(rounded, expected))
    if not difference <= tolerance:
        raise NotConvertible(
            f"runtime {runtime}: expected the outputs of Keras within {tolerance:g}, "
            f"found a difference of {difference:.3g}; use --runtime tensorflow"
        )


def _difference(found: np.ndarray, expected: np.ndarray) -> float:
    """Returns the largest difference, relative to the largest output if above 1."""
    scale = max(1.0, float(np.nanmax(np.abs(expected), initial=0.0)))
    return float(np.max(np.abs(found - expected), initial=0.0)) / scale


def _rounded(values: np.ndarray) -> np.ndarray:
    """Returns pixels that differ from these by a rounding or a few."""
    signs = np.random.default_rng(0).choice([-1.0, 1.0], values.shape)
    return (values * (1 + _ROUNDING * signs)).astype(values.dtype)


def first_output(model: keras.Model, pixels: Pixels) -> np.ndarray:
    """The first output of a network, float32 (N, …)."""
    import keras

    from autoai4eo.networks.compiled import structured

    flat: list[Any] = [
        keras.ops.convert_to_tensor(pixels[x.name]) for x in model.inputs
    ]
    found = model(structured(model, flat), training=False)
    return np.asarray(
        keras.ops.convert_to_numpy(keras.tree.flatten(found)[0]), "float32"
    )
