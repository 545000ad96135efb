"""The worst and the best tiles of masks, as pictures."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from autoai4eo.data.class_colours import Rgb, colours, given_colours, hex_of
from autoai4eo.errors import UserError
from autoai4eo.report.pictures import images_of, png
from autoai4eo.report.samples import UNKNOWN
from autoai4eo.runs.folder import Run
from autoai4eo.runs.reading import Snapshot

_RIGHT, _WRONG = (222, 229, 236), (201, 42, 42)


def tiles(run: Snapshot) -> dict[str, Any]:
    """Returns the tiles of a run for a page; {} if it has none.

    Returns:
        ``rows``, of which each has ``title``, ``right`` and ``views``, the name and the
        picture of each input, the truth, the prediction and the errors; ``legend``, the
        name and the colour of each class in them; and ``has_unknown``, whether the
        class of a pixel is unknown.

    Raises:
        UserError: the file is damaged.
    """
    folder = Run(run.path)
    kept = folder.read_tiles()
    if not kept or not len(kept["right"]):
        return {}
    try:
        opened = folder.read()["data"]["training"].get("opened") or {}
        known = given_colours(run.classes, opened.get("colours") or {})
        return _told(kept, run.classes, colours(run.classes, known))
    except (IndexError, TypeError, ValueError) as error:
        raise UserError(
            f"{folder.tiles}: expected tiles of this run's classes, found others "
            f"({error}); remove it"
        ) from None


def _told(
    kept: dict[str, np.ndarray], classes: Sequence[str], table: Sequence[Rgb]
) -> dict[str, Any]:
    truth, prediction = kept["truth"], kept["prediction"]
    palette = np.array([*table, UNKNOWN], np.uint8)
    state = np.where(truth < 0, 0, np.where(truth == prediction, 1, 2))
    errors = np.array([UNKNOWN, _RIGHT, _WRONG], np.uint8)[state]
    views = {
        **images_of(kept),
        "truth": palette[truth],
        "prediction": palette[prediction],
        "errors": errors,
    }
    there = np.unique(np.concatenate([truth.ravel(), prediction.ravel()]))
    return {
        "rows": [
            {
                "title": str(kept["name"][i])
                if "name" in kept
                else f"tile {int(kept['sample'][i])}",
                "right": float(kept["right"][i]),
                "views": [(name, png(view[i])) for name, view in views.items()],
            }
            for i in range(len(truth))
        ],
        "legend": [(classes[n], hex_of(table[n])) for n in there.tolist() if n >= 0],
        "has_unknown": bool((truth < 0).any()),
    }
