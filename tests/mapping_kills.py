"""Maps without TensorFlow, in children of this process that die at a chosen instant."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import scenes

from autoai4eo.data.target import Target
from autoai4eo.deploy.mapping.mapping import map_scene
from autoai4eo.deploy.predictors.base import Predictor

EVENTS = ("open", "os.rename", "os.remove", "os.mkdir", "os.rmdir")


def classifier(path: str = "net", **more: object) -> Predictor:
    """Its classes depend on the pixels; it needs NumPy alone."""

    def predict(pixels):
        means = pixels["image"].mean(axis=(1, 2))
        grown = np.exp(4 * means / means.mean(axis=-1, keepdims=True))
        return (grown / grown.sum(axis=-1, keepdims=True)).astype("float32")

    return Predictor(
        path=path,
        bands={"image": scenes.BANDS},
        window=(8, 8),
        target=Target("class", scenes.CLASSES),
        predict=predict,
        fingerprint="0",
        **more,
    )


def make_map(scene: Path, out: Path, **how: object) -> Path:
    """A map of twelve tiles with all its layers, but for other choices."""
    choices = {"stride": 4, "scale": 1e-4, "probabilities": True, "verbose": 0}
    return map_scene(how.pop("model", classifier()), scene, out, **{**choices, **how})


def in_child(work: Callable[[], object], after: float | None = None) -> int:
    """Runs something in a fork of this process.

    Args:
        work: what runs.
        after: so many seconds later it is killed.

    Returns:
        0: it ended; 1: it raised; -9: it was killed.
    """
    child = os.fork()
    if not child:
        try:
            work()
            os._exit(0)
        except BaseException:
            os._exit(1)
    if after is not None:
        time.sleep(after)
        os.kill(child, signal.SIGKILL)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def dying_at(number: int, folder: Path, work: Callable[[], object]) -> int:
    """Runs something that is killed before its so-manieth change of a folder's files.

    Returns:
        See `in_child`; 0: it had fewer.
    """

    def mortal():
        seen = 0

        def hook(event, arguments):
            nonlocal seen
            if event in EVENTS and str(folder) in str(arguments):
                seen += 1
                if seen == number:
                    os.kill(os.getpid(), signal.SIGKILL)

        sys.addaudithook(hook)
        work()

    return in_child(mortal)


def content(folder: Path) -> dict[str, bytes]:
    """Every file below a folder, and every folder (as nothing)."""
    return {
        str(path.relative_to(folder)): path.read_bytes() if path.is_file() else b""
        for path in folder.rglob("*")
    }
