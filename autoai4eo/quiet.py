"""Hides the lines that TensorFlow, LiteRT and Optuna write when they start.

TensorFlow's C++ code writes to the file descriptor of standard error while it is
imported, before any of its settings can silence it. What it writes there is held back,
and written afterwards without the known lines.

Later it warns whoever calls many networks once each that this is slow. That is what a
search or an ensemble does; nobody can mend it, so that it is hidden where our code
calls them. A network that the user calls is warned of as before.
"""

from __future__ import annotations

import importlib
import importlib.util
import os
import re
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.machinery import ModuleSpec
from typing import Any

_TENSORFLOW = "tensorflow"
#: TensorFlow's setting: 2 hides information and warnings, 3 errors, too.
_LEVEL = "TF_CPP_MIN_LOG_LEVEL"
_DRIVERS = ("/proc/driver/nvidia", "/dev/dxg")
_RETRACING = "triggered tf.function retracing"
_STARTING = re.compile(
    rb"WARNING: All log messages before absl::InitializeLog\(\)"
    # information, with a time, a thread and a place in the code
    rb"|(\d{4}-\d\d-\d\d [\d:.]+: )?I(\d{4} [\d:.]+ +\d+)? \S+:\d+\] "
    rb"|To enable the following instructions: "
    # a library that another one has registered already
    rb"|.*Unable to register cu\w+ factory"
    rb"|.*computation_placer already registered"
    # of LiteRT: its way to compute, and the settings of a conversion
    rb"|INFO: (Created|Initialized) TensorFlow Lite|fully_quantize: \d"
)


def hide_start() -> None:
    """Makes TensorFlow start silently in this process and in those that it starts.

    Does nothing about a level of messages that the user has set.
    """
    # Optuna's progress bar, which no search shows, looks for a widget in notebooks
    warnings.filterwarnings("ignore", "IProgress not found")
    # without a driver, TensorFlow reports as an error that there is no GPU
    if _TENSORFLOW in sys.modules:
        _hide_retracing()
    has_gpu = any(os.path.exists(driver) for driver in _DRIVERS)
    os.environ.setdefault(_LEVEL, "2" if has_gpu else "3")
    if _TENSORFLOW not in sys.modules and os.environ[_LEVEL] != "0":
        sys.meta_path.insert(0, _Finder())


class _Finder:
    """Finds TensorFlow, once, so that its import is silent, and that of skops short."""

    def find_spec(
        self, name: str, path: Any = None, target: Any = None
    ) -> ModuleSpec | None:
        if name != _TENSORFLOW:
            return None
        if self in sys.meta_path:
            sys.meta_path.remove(self)
        # skops looks for its functions in all modules, in their order: where they come
        # after TensorFlow's thousands, its import takes 6 s instead of 1 s
        importlib.import_module("scipy.special")
        spec = importlib.util.find_spec(name)
        if spec is not None and spec.loader is not None:
            execute = spec.loader.exec_module

            def silent(module: Any) -> None:
                with held_back():
                    execute(module)
                _hide_retracing()

            spec.loader.exec_module = silent  # type: ignore[method-assign]
        return spec


def _hide_retracing() -> None:
    import logging  # TensorFlow has imported it

    logging.getLogger(_TENSORFLOW).addFilter(_is_of_the_user)


def _is_of_the_user(record: Any) -> bool:
    """Whether a message of TensorFlow is not the one on networks that we call."""
    if _RETRACING not in str(record.msg):
        return True
    import inspect  # TensorFlow has imported it

    frame = inspect.currentframe()
    frame = frame and frame.f_back  # not this one
    while frame is not None:
        if frame.f_globals.get("__name__", "").startswith(f"{__package__}."):
            return False
        frame = frame.f_back
    return True


@contextmanager
def held_back() -> Iterator[None]:
    """Holds standard error back, and writes it afterwards without known lines."""
    if sys.stderr is not None:
        sys.stderr.flush()
    import tempfile  # not at the start, when modules of the current folder come first

    try:
        written, kept = tempfile.TemporaryFile(), os.dup(2)  # noqa: SIM115
    except OSError:  # no room, or standard error is closed
        yield
        return
    with written:
        os.dup2(written.fileno(), 2)
        try:
            yield
        finally:
            if sys.stderr is not None:
                sys.stderr.flush()
            os.dup2(kept, 2)
            os.close(kept)
            written.seek(0)
            lines = written.read().splitlines(keepends=True)
            os.write(2, b"".join(text for text in lines if _is_news(text)))


def _is_news(line: bytes) -> bool:
    return _STARTING.match(line) is None
