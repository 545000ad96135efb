"""Training data: sensors and bands, readers, statistics, splits.

This package imports nothing before it is used: HDF5, rasterio and Keras load slowly.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from autoai4eo.data.polygons.cutting import cut_patches as cut_patches

_NAMES = {"cut_patches": "autoai4eo.data.polygons.cutting"}

__all__ = list(_NAMES)


def __getattr__(name: str) -> Any:
    if name in _NAMES:
        return getattr(importlib.import_module(_NAMES[name]), name)
    raise AttributeError(f"module 'autoai4eo.data' has no attribute {name!r}")


def __dir__() -> list[str]:
    return [*globals(), *__all__]
