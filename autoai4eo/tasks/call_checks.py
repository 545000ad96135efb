"""Checks the arguments of a call before anything is opened or written."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import fields
from typing import Any

import keras

from autoai4eo.errors import UserError
from autoai4eo.search.settings import SearchSettings
from autoai4eo.text import with_nearest

#: Arguments of `keras.Model.fit` that `AutoModel.fit` passes on.
OF_KERAS = ("steps_per_epoch", "validation_steps", "validation_freq")
#: Options of a search that a user gives; its kind is that of the task.
OPTIONS = tuple(f.name for f in fields(SearchSettings) if f.init and f.name != "kind")


def check_names(call: str, given: Iterable[str], known: Sequence[str]) -> None:
    """Checks the names of keyword arguments.

    Args:
        call: the class or method, for the message.
        given: the names that the call got.
        known: the names that it knows.

    Raises:
        UserError: some are unknown; names the nearest known ones.
    """
    known = sorted(set(known))
    wrong = [name for name in given if name not in known]
    if not wrong:
        return
    told = [with_nearest(name, known) for name in wrong]
    raise UserError(
        f"{call}: expected no other arguments than {', '.join(known)}; got "
        f"{', '.join(told)}; correct or remove it"
    )


def check_callbacks(callbacks: Any) -> tuple[keras.callbacks.Callback, ...]:
    """Checks that callbacks are those of Keras, and returns them.

    Raises:
        UserError: one is something else.
    """
    if isinstance(callbacks, keras.callbacks.Callback) or not isinstance(
        callbacks, list | tuple
    ):
        raise UserError(
            "callbacks: expected a list of Keras callbacks, found "
            f"{type(callbacks).__name__}; write [callback]"
        )
    for one in callbacks:
        if isinstance(one, type):
            raise UserError(
                f"callbacks: expected Keras callbacks, found the class {one.__name__}; "
                f"write {one.__name__}()"
            )
        if not isinstance(one, keras.callbacks.Callback):
            raise UserError(
                "callbacks: expected Keras callbacks, found "
                f"{type(one).__name__}; derive it from keras.callbacks.Callback"
            )
    return tuple(callbacks)
