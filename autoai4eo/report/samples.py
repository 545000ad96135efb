"""Writes a picture of a few patches of each class."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from autoai4eo.data.dataset import Dataset
from autoai4eo.data.pictures import pictures
from autoai4eo.locks import written_alone
from autoai4eo.text import line

EACH = 5
MOST_CLASSES = 50
_INCH = 0.9  # edge of a patch


def write_samples(dataset: Dataset, path: Path, seed: int = 0) -> None:
    """Writes a PNG with a row for each of up to 50 classes: five patches per input.

    The colours of all patches of an input are stretched alike; see `pictures`.

    Args:
        dataset: labelled or not.
        path: of the picture.
        seed: of the random choice of patches.

    Raises:
        UserError: the picture cannot be written.
    """
    from matplotlib.figure import Figure

    rng = np.random.default_rng(seed)
    rows = {
        name: rng.permutation(np.flatnonzero(dataset.labels == i))[:EACH]
        for i, name in enumerate(dataset.class_names)
    }
    unlabelled = np.flatnonzero(dataset.labels < 0)
    if len(unlabelled):
        rows["(no label)"] = rng.permutation(unlabelled)[:EACH]
    rows = {name: np.sort(chosen) for name, chosen in rows.items() if len(chosen)}
    more = len(rows) - MOST_CLASSES
    rows = dict(list(rows.items())[:MOST_CLASSES])
    chosen = np.concatenate(list(rows.values()))
    pixels = dataset.read(chosen)
    columns = EACH * len(dataset.inputs)
    figure = Figure(
        figsize=(_INCH * (columns + 3), _INCH * (len(rows) + 0.5)), layout="constrained"
    )
    axes = figure.subplots(len(rows), columns, squeeze=False)
    for axis in axes.flat:
        axis.axis("off")
    starts = np.cumsum([0, *map(len, rows.values())])
    for number, spec in enumerate(dataset.inputs):
        shown = pictures(pixels[spec.name], spec)
        axes[0, number * EACH].set_title(line(spec.name), loc="left", parse_math=False)
        for row, (start, some) in enumerate(zip(starts, rows.values(), strict=False)):
            for column in range(len(some)):
                axes[row, number * EACH + column].imshow(
                    shown[start + column], interpolation="nearest"
                )
    if more > 0:
        figure.supxlabel(f"and {more} more classes")
    for row, name in enumerate(rows):
        axes[row, 0].text(
            -0.15,
            0.5,
            line(name),
            ha="right",
            va="center",
            transform=axes[row, 0].transAxes,
            parse_math=False,
        )
    with written_alone(path, "inspect") as temporary:
        figure.savefig(temporary, dpi=120, format="png")
