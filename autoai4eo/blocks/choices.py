"""Arguments of blocks, which are either given or searched, and their checks."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import keras

from autoai4eo.data.sensors import Band
from autoai4eo.errors import UserError


def choose(hp: Any, name: str, given: Any, choices: Sequence[Any], default: Any) -> Any:
    """Returns `given` if it is not None, otherwise the value of `name` in `hp`."""
    if given is not None:
        return given
    return hp.Choice(name, list(choices), default=default)


@contextmanager
def where(hp: Any, name: str, given: Any, values: Sequence[Any]) -> Iterator[None]:
    """Hyperparameters asked for inside exist only while `name` has one of `values`.

    So strategies know that they mean nothing for other networks.

    Args:
        hp: KerasTuner's hyperparameters.
        name: a hyperparameter that was asked for before in the same block.
        given: its argument of the block; if it is given, `name` is not searched, and
            there is no condition.
        values: of `name`, its present one among them.
    """
    if given is not None:
        yield
        return
    with hp.conditional_scope(name, list(values)):
        yield


def require(argument: str, given: Any, choices: Sequence[Any]) -> None:
    """Raises UserError unless `given` is None (searched) or one of `choices`."""
    if given is not None and given not in choices:
        known = ", ".join(repr(c) for c in choices)
        raise UserError(
            f"{argument}: expected one of {known}, got {given!r}; "
            "leave it out to search it"
        )


def one_input(block: Any, inputs: Any) -> Any:
    """Returns the only tensor of a block's inputs.

    Raises:
        UserError: there are several; the message names the block.
    """
    tensors = keras.tree.flatten(inputs)
    if len(tensors) != 1:
        raise UserError(
            f"{block.name}: expected one input, got {len(tensors)}; merge them before, "
            "such as with SensorFusion"
        )
    return tensors[0]


def require_number(argument: str, given: Any, *, least: float = 1) -> None:
    """Raises UserError unless `given` is None (searched) or at least `least`."""
    if given is not None and not given >= least:
        raise UserError(
            f"{argument}: expected a number from {least:g}, got {given!r}; "
            "leave it out to search it"
        )


def require_share(argument: str, given: Any) -> None:
    """Raises UserError unless `given` is None (searched) or in [0, 1)."""
    if given is not None and not 0 <= given < 1:
        raise UserError(
            f"{argument}: expected a share from 0 to below 1, got {given!r}; "
            "leave it out to search it"
        )


def require_image(block: Any, tensor: Any) -> None:
    """Raises UserError unless `tensor` is (N, height, width, channels)."""
    if len(tensor.shape) != 4:
        raise UserError(
            f"{block.name}: expected an input of shape (N, height, width, channels), "
            f"got {tuple(tensor.shape)}; put the block before any flattening or pooling"
        )


def band_names(bands: Sequence[str | Band] | None) -> list[str] | None:
    """Returns the names of `bands`, for JSON."""
    if bands is None:
        return None
    return [b.name if isinstance(b, Band) else b for b in bands]
