"""The search: chooses, constrains, trains and records candidates, and resumes."""

from typing import Any


def __getattr__(name: str) -> Any:
    # lazy: the record of a run is read without Keras
    if name == "Tuner":
        from autoai4eo.search.tuner import Tuner

        return Tuner
    raise AttributeError(f"module 'autoai4eo.search' has no attribute {name!r}")
