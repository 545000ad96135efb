"""Size of the weights in memory and of an exported model on disk, in bytes."""

from __future__ import annotations

import math
import re
from pathlib import Path
from typing import Any

from autoai4eo.errors import UserError


def weight_bytes(model: Any) -> int:
    """Returns the bytes of all weights of a Keras model, in their own data types."""
    return sum(math.prod(w.shape) * _item_bytes(str(w.dtype)) for w in model.weights)


def exported_bytes(path: str | Path) -> int:
    """Returns the bytes on disk of an exported model: a file, or a whole folder.

    Raises:
        UserError: the path does not exist.
    """
    path = Path(path)
    if not path.exists():
        raise UserError(
            f"expected an exported model, found nothing at {path}; export one first"
        )
    files = [path] if path.is_file() else path.rglob("*")
    return sum(file.stat().st_size for file in files if file.is_file())


def _item_bytes(dtype: str) -> int:
    bits = re.search(r"\d+", dtype)  # "bfloat16", "float8_e4m3fn", "bool"
    return max(int(bits.group()) // 8, 1) if bits else 1
