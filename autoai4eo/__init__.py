"""Neural architecture search for Earth observation, on AutoKeras.

Nothing heavy is imported before it is used: ``import autoai4eo`` takes milliseconds.
"""

from __future__ import annotations

import importlib
import os
from typing import TYPE_CHECKING, Any

from autoai4eo.quiet import hide_start
from autoai4eo.version import __version__ as __version__

hide_start()
# Threads of scikit-learn's trees that wait for each other sleep. By default they try
# again and again, which takes twenty times as long where other processes use the cores.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

if TYPE_CHECKING:
    from autoai4eo import blocks as blocks
    from autoai4eo import compact as compact
    from autoai4eo import cost as cost
    from autoai4eo import data as data
    from autoai4eo import deploy as deploy
    from autoai4eo import search as search
    from autoai4eo import tasks as tasks
    from autoai4eo.blocks import ImageInput as ImageInput
    from autoai4eo.cost import Cost as Cost
    from autoai4eo.cost import profile as profile
    from autoai4eo.data.augmentation import Augmentation as Augmentation
    from autoai4eo.data.readers.opening import open_dataset as open_dataset
    from autoai4eo.deploy import load_model as load_model
    from autoai4eo.errors import UserError as UserError
    from autoai4eo.tasks import AutoModel as AutoModel
    from autoai4eo.tasks import ImageClassifier as ImageClassifier
    from autoai4eo.tasks import ImageRegressor as ImageRegressor
    from autoai4eo.tasks import ImageSegmenter as ImageSegmenter
    from autoai4eo.tasks import So2SatClassifier as So2SatClassifier
    from autoai4eo.tasks import open_run as open_run
    from autoai4eo.tasks.profiling import profile_device as profile_device

_FOLDERS = ("blocks", "compact", "cost", "data", "deploy", "search", "tasks")
_NAMES = {
    "Augmentation": "autoai4eo.data.augmentation",
    "AutoModel": "autoai4eo.tasks",
    "Cost": "autoai4eo.cost",
    "ImageClassifier": "autoai4eo.tasks",
    "ImageInput": "autoai4eo.blocks",
    "ImageRegressor": "autoai4eo.tasks",
    "ImageSegmenter": "autoai4eo.tasks",
    "So2SatClassifier": "autoai4eo.tasks",
    "UserError": "autoai4eo.errors",
    "load_model": "autoai4eo.deploy",
    "open_dataset": "autoai4eo.data.readers.opening",
    "open_run": "autoai4eo.tasks",
    "profile": "autoai4eo.cost",
    "profile_device": "autoai4eo.tasks.profiling",
}

__all__ = [*_FOLDERS, *_NAMES]


def __getattr__(name: str) -> Any:
    if name in _FOLDERS:
        return importlib.import_module(f"autoai4eo.{name}")
    if name in _NAMES:
        return getattr(importlib.import_module(_NAMES[name]), name)
    raise AttributeError(f"module 'autoai4eo' has no attribute {name!r}")


def __dir__() -> list[str]:
    return [*(name for name in globals() if name.startswith("__")), *__all__]
