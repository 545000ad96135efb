"""The file of an interrupted training, read without Keras, which is slow to import."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from autoai4eo.errors import DamagedError
from autoai4eo.files import read_npz

_CURE = "the training begins anew"


def epochs(path: Path) -> int:
    """Returns the number of finished epochs in a file.

    It is 0 if the file is missing or damaged: then the training begins anew.
    """
    try:
        return int(read(path)[0]["epochs"]) if path.is_file() else 0
    except DamagedError:
        return 0


def check(path: Path, of: Mapping[str, Any]) -> None:
    """Checks that a file is sound and of this training.

    Args:
        path: of a file that `autoai4eo.learning.checkpoint.Checkpoint` wrote.
        of: identifies the training; only the names given here are compared.

    Raises:
        UserError: it is damaged, or of another training.
    """
    story, _ = read(path)
    known = story.get("of", of)  # earlier versions did not record it
    for name, value in of.items():
        if known.get(name) != value:
            raise damaged(path, f"it is that of {name} {known.get(name)}")


def read(path: Path) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """Returns the record of a training in a file, and its arrays by name.

    Raises:
        DamagedError: the file cannot be read.
    """
    kept = read_npz(path, _CURE, ("story",))
    try:
        story = json.loads(str(kept["story"]))
        if int(story["epochs"]) < 0:
            raise ValueError(f"{story['epochs']} epochs")
    except (ValueError, KeyError, TypeError) as error:
        raise damaged(path, str(error)) from None
    return story, kept


def damaged(path: Path, reason: str) -> DamagedError:
    """Returns the error of a file that cannot be used."""
    return DamagedError(
        f"{path}: expected the state of this training, found a damaged file "
        f"({reason}); {_CURE}"
    )
