"""Runs an exported model in a fresh process that has only the model's runtime."""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
import tempfile
import textwrap
from collections.abc import Mapping
from pathlib import Path
from typing import Self

import numpy as np

from autoai4eo.deploy.export.formats import Format

_WARM_UP, _TIMED = 5, 50
_SCRIPT = """
import os, pickle, sys, time

# prints of a runtime must not mix with the answers
answers = os.fdopen(os.dup(1), "wb")
os.dup2(2, 1)
{load}

def predict(pixels):
    return {call}

while True:
    try:
        pixels, times = pickle.load(sys.stdin.buffer)
    except EOFError:
        break
    seconds = []
    for _ in range(times):
        start = time.perf_counter()
        outputs = predict(pixels)
        seconds.append(time.perf_counter() - start)
    assert not any(m.split(".")[0] in ("autoai4eo", "autokeras") for m in sys.modules)
    pickle.dump((outputs, seconds), answers)
    answers.flush()
"""


class FreshProcess:
    """An exported model in a fresh process with its own runtime, on the CPU.

    A context manager; the process ends with it.

    Args:
        format: of the model.
        path: of the model.
        output: the name of its output, see `output_of`.
    """

    def __init__(
        self, format: Format, path: Path, output: str = "probabilities"
    ) -> None:
        self._name, self._path = format.name, path
        script = _SCRIPT.format(
            load=format.load.format(path=str(path.absolute())),
            call=textwrap.indent(format.call.format(output=output), "    ").strip(),
        )
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115 (closed in __exit__)
        self._process = subprocess.Popen(
            # -I: nothing from the current folder or the user's environment
            [sys.executable, "-I", "-c", script],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            # this process already holds the memory of the GPU
            env={
                **os.environ,
                "CUDA_VISIBLE_DEVICES": "-1",
                "TF_CPP_MIN_LOG_LEVEL": "3",
            },
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.communicate()
        self._errors.close()

    def predict(self, pixels: Mapping[str, np.ndarray]) -> np.ndarray:
        """Returns the outputs, float32 (N, outputs), for pixels by input name.

        Args:
            pixels: float32 (N, H, W, bands) by input name.

        Raises:
            RuntimeError: the process failed; the message has its last line.
        """
        return self._ask(pixels, 1)[0]

    def latency_ms(self, pixels: Mapping[str, np.ndarray]) -> float:
        """Measures the median time of a pass over these pixels, in ms, after a warm-up.

        Raises:
            RuntimeError: see `predict`.
        """
        return 1000 * float(np.median(self._ask(pixels, _WARM_UP + _TIMED)[1]))

    def _ask(
        self, pixels: Mapping[str, np.ndarray], times: int
    ) -> tuple[np.ndarray, list[float]]:
        given, answers = self._process.stdin, self._process.stdout
        assert given is not None and answers is not None
        try:
            pickle.dump((dict(pixels), times), given)
            given.flush()
            outputs, seconds = pickle.load(answers)
        except (BrokenPipeError, EOFError):
            self._process.wait()
            self._errors.seek(0)
            errors = self._errors.read().decode(errors="replace").strip().splitlines()
            raise RuntimeError(
                f"{self._path} did not run in a fresh process with the runtime of "
                f"{self._name} alone: {errors[-1] if errors else 'it was killed'}"
            ) from None
        return np.asarray(outputs), seconds[_WARM_UP:]
