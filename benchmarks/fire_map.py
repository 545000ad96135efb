"""The picture of a mapped fire in docs: true colour, truth, map and confidence.

python benchmarks/fire_map.py held/APACHE_20240624.tif held_masks/APACHE_20240624.tif \
    apache.tif docs/fire_map.png

The map's confidence lies beside it, as `autoai4eo map` writes it.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import rasterio
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure
from matplotlib.patches import Patch

COLOURS = {"unburned": "#dfe5da", "burned": "#8c2d04"}


def bands(path: Path, *names: str) -> np.ndarray:
    """Returns bands of a file by name, or its first, (height, width, bands)."""
    with rasterio.open(path) as file:
        numbers = [file.descriptions.index(name) + 1 for name in names] or [1]
        return np.moveaxis(file.read(numbers), 0, -1)


def main() -> None:
    """Draws the picture."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    for name in ("scene", "mask", "map", "out"):
        parser.add_argument(name, type=Path)
    asked = parser.parse_args()
    colour = bands(asked.scene, "TCI_R", "TCI_G", "TCI_B").astype(float)
    low, high = np.nanpercentile(colour, [1, 99])
    truth = bands(asked.mask)[..., 0] == 1
    found = bands(asked.map)[..., 0] == 2  # classes of a map count from 1
    sure = bands(asked.map.with_name(f"{asked.map.stem}_confidence.tif"))[..., 0]
    iou = (truth & found).sum() / (truth | found).sum()
    classes = ListedColormap(list(COLOURS.values()))
    figure = Figure(figsize=(12, 3.3), dpi=80, layout="constrained")
    axes = figure.subplots(1, 4)
    axes[0].imshow(np.clip((colour - low) / (high - low), 0, 1))
    for axis, mask in zip(axes[1:3], (truth, found), strict=True):
        axis.imshow(mask, cmap=classes, vmin=0, vmax=1, interpolation="nearest")
    shown = axes[3].imshow(sure, cmap="viridis", vmin=0.5, vmax=1)
    figure.colorbar(shown, ax=axes[3], fraction=0.046, pad=0.02)
    titles = ("true colour", "truth", f"map (IoU of burned {iou:.2f})", "confidence")
    for axis, title in zip(axes, titles, strict=True):
        axis.set_title(title, fontsize=11)
        axis.set_axis_off()
    axes[1].legend(
        handles=[Patch(color=c, label=n) for n, c in COLOURS.items()],
        loc="lower left",
        fontsize=8,
    )
    figure.savefig(asked.out)
    print(f"written: {asked.out} (IoU of burned {iou:.3f})")


if __name__ == "__main__":
    main()
