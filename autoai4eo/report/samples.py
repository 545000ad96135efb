"""Writes a picture of a few patches of each class, beside their masks if they have."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from autoai4eo.data.class_colours import Rgb, colours, hex_of
from autoai4eo.data.class_members import having
from autoai4eo.data.dataset import Dataset
from autoai4eo.data.pictures import pictures
from autoai4eo.locks import written_alone
from autoai4eo.text import line

EACH = 5
MOST_CLASSES = 50
#: Colour of pixels of masks without a class, as in a run's report.
UNKNOWN = (40, 44, 52)
_INCH = 0.9  # edge of a patch
_IN_LEGEND = 4  # names side by side


def write_samples(dataset: Dataset, path: Path, seed: int = 0) -> None:
    """Writes a PNG with a row for each of up to 50 classes: five patches per input.

    Patches with masks have them at their side, in the colours of maps. A number to
    predict has a row of patches from its smallest value to its largest. The colours of
    all patches of an input are stretched alike; see `pictures`.

    Args:
        dataset: labelled or not.
        path: of the picture.
        seed: of the random choice of patches.

    Raises:
        UserError: the picture cannot be written.
    """
    from matplotlib.figure import Figure

    rows = _chosen(dataset, np.random.default_rng(seed))
    more = len(rows) - MOST_CLASSES
    rows = dict(list(rows.items())[:MOST_CLASSES])
    chosen = np.concatenate(list(rows.values()))
    views, legend = _views(dataset, chosen)
    columns = EACH * len(views)
    lines = -(-len(legend) // _IN_LEGEND)
    figure = Figure(
        figsize=(
            _INCH * (columns + 3),
            _INCH * (len(rows) + 0.5 + 0.3 * lines),
        ),
        layout="constrained",
    )
    axes = figure.subplots(len(rows), columns, squeeze=False)
    for axis in axes.flat:
        axis.axis("off")
    starts = np.cumsum([0, *map(len, rows.values())])
    masks = dataset.target.kind == "mask"
    for number, (name, shown) in enumerate(views.items()):
        # masks are compared with their patch: all views of a patch are neighbours
        first, step = (number, len(views)) if masks else (number * EACH, 1)
        axes[0, first].set_title(line(name), loc="left", parse_math=False)
        for row, (start, some) in enumerate(zip(starts, rows.values(), strict=False)):
            for column in range(len(some)):
                axes[row, first + step * column].imshow(
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
    if legend:
        _draw_legend(figure, legend)
    with written_alone(path, "inspect") as temporary:
        figure.savefig(temporary, dpi=120, format="png")


def _chosen(dataset: Dataset, rng: np.random.Generator) -> dict[str, np.ndarray]:
    """Returns the samples of each row of the picture, by the text at its side."""
    rows = {}
    for i, name in enumerate(dataset.class_names):
        there = np.flatnonzero(having(dataset, i))
        if dataset.target.kind == "value":
            values = dataset.targets[there, i]
            there = there[np.argsort(values, kind="stable")]
            even = np.linspace(0, len(there) - 1, min(EACH, len(there)))
            some = there[np.round(even).astype(int)]
            if len(some):
                low, high = dataset.targets[some[[0, -1]], i]
                name = f"{name}: {low:.4g} to {high:.4g}"
        else:
            if dataset.target.kind == "mask" and len(there):
                # a class is hard to see where it has a few pixels only
                pixels = dataset.class_pixels[there, i]
                there = there[pixels >= np.median(pixels)]
            some = np.sort(rng.permutation(there)[:EACH])
        rows[name] = some
    unlabelled = np.flatnonzero(~dataset.known)
    rows["(no label)"] = np.sort(rng.permutation(unlabelled)[:EACH])
    found = {name: some for name, some in rows.items() if len(some)}
    # samples may have none of several labels
    return found or {"(none)": np.arange(min(EACH, len(dataset)))}


def _views(
    dataset: Dataset, chosen: np.ndarray
) -> tuple[Mapping[str, np.ndarray], dict[str, Rgb]]:
    """Returns pictures of samples by input, and of their masks; and the key of these.

    Returns:
        Pictures, each (n, H, W, 3); and the colour of each class in the masks, by name.
    """
    pixels = dataset.read(chosen)
    views = {s.name: pictures(pixels[s.name], s) for s in dataset.inputs}
    if dataset.target.kind != "mask":
        return views, {}
    truth, names = dataset.read_targets(chosen), dataset.class_names
    known = dataset.target.colours
    table = colours(names, known if set(names) <= set(known) else None)
    palette = np.array([*table, UNKNOWN], np.uint8)
    there = np.unique(truth).tolist()
    legend = {names[i]: table[i] for i in there if i >= 0}
    if -1 in there:
        legend["(no known class, or of another tile)"] = UNKNOWN
    return {**views, "mask": palette[truth]}, legend


def _draw_legend(figure: Any, legend: Mapping[str, Rgb]) -> None:
    from matplotlib.patches import Patch

    keys = [Patch(facecolor=hex_of(colour)) for colour in legend.values()]
    drawn = figure.legend(
        keys,
        [""] * len(keys),
        loc="outside lower center",
        ncols=min(_IN_LEGEND, len(keys)),
    )
    for text, name in zip(drawn.get_texts(), legend, strict=True):
        text.set_parse_math(False)
        text.set_text(line(name))
