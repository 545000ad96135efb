"""Small data sets for the tests of `autoai4eo.data`."""

from __future__ import annotations

import json
import warnings
from pathlib import Path

import h5py
import numpy as np
import rasterio
from rasterio import Affine
from rasterio.errors import NotGeoreferencedWarning


def write_h5(path: Path, samples: int = 60, **changes: object) -> Path:
    """A file in So2Sat's layout; each pixel tells its sample.

    ``changes`` are data sets by name (None leaves one out) and ``attrs``.
    """
    rng = np.random.default_rng(0)
    number = np.arange(samples, dtype=np.float32)[:, None, None, None]
    content: dict[str, object] = {
        "sen1": number + rng.random((samples, 4, 4, 8), dtype=np.float32) / 4,
        "sen2": number + rng.random((samples, 4, 4, 10), dtype=np.float32) / 4,
        "label": np.eye(17, dtype=np.float32)[np.arange(samples) % 17],
    }
    attrs = changes.pop("attrs", {})
    chunks = changes.pop("chunks", None)
    content |= changes
    with h5py.File(path, "w") as file:
        for name, values in content.items():
            if values is not None:
                big = chunks if name.startswith("sen") else None
                file.create_dataset(name, data=values, chunks=big)
        file.attrs.update(attrs)
    return path


def write_image(
    path: Path, pixels: np.ndarray, *, place: tuple[float, float] | None = None, **kw
) -> None:
    """One image (H, W, bands); ``place`` is its upper left corner, lon and lat."""
    path.parent.mkdir(parents=True, exist_ok=True)
    driver = {".tif": "GTiff", ".png": "PNG", ".jpg": "JPEG"}[path.suffix]
    names = kw.pop("descriptions", None)
    if place is not None:
        kw |= {
            "crs": "EPSG:4326",
            "transform": Affine(1e-4, 0, place[0], 0, -1e-4, place[1]),
        }
    height, width, count = pixels.shape
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NotGeoreferencedWarning)
        with rasterio.open(
            path,
            "w",
            driver=driver,
            height=height,
            width=width,
            count=count,
            dtype=pixels.dtype,
            **kw,
        ) as file:
            file.write(pixels.transpose(2, 0, 1))
            if names:
                file.descriptions = names


def class_folders(root: Path, each: int = 3, suffix: str = ".png") -> Path:
    """Two classes of 8×8 RGB images."""
    for c, name in enumerate(("forest", "water")):
        for i in range(each):
            pixels = np.full((8, 8, 3), 10 * c + i, np.uint8)
            write_image(root / name / f"{name}_{i}{suffix}", pixels)
    return root


#: Side in pixels of a band of a patch that `write_bigearthnet` writes, by band.
BIGEARTHNET_SIDES = {
    **dict.fromkeys(["B02", "B03", "B04", "B08"], 12),
    **dict.fromkeys(["B05", "B06", "B07", "B8A", "B11", "B12"], 6),
    **dict.fromkeys(["B01", "B09"], 2),
}
BIGEARTHNET_LABELS = (
    ["Pastures", "Rice fields"],
    ["Sea and ocean"],
    ["Vineyards", "Olive groves", "Peatbogs"],
    ["Mixed forest", "Airports"],
)


def write_bigearthnet(root: Path, patches: int, table: bool = False) -> Path:
    """A folder of small patches as BigEarthNet has them; each pixel tells its patch.

    Version 1, or with ``table`` the folders of version 2, without its metadata.
    """
    for i in range(patches):
        tile = f"T3{i % 3}UPU"
        if table:
            product = f"S2A_MSIL2A_20170613T101031_N9999_R022_{tile}"
            name = f"{product}_{i:02}_0"
            folder = root / "BigEarthNet-S2" / product / name
        else:
            name = f"S2A_MSIL2A_20170613T101031_{i:02}_0"
            folder = root / name
        for number, (band, side) in enumerate(BIGEARTHNET_SIDES.items()):
            pixels = np.full((side, side, 1), 100 * i + number, np.uint16)
            write_image(folder / f"{name}_{band}.tif", pixels, place=(11 + i, 48))
        if not table:
            content = {
                "labels": BIGEARTHNET_LABELS[i % len(BIGEARTHNET_LABELS)],
                "tile_source": f"S2A_MSIL1C_2017_N0205_R080_{tile}_2017.SAFE",
            }
            (folder / f"{name}_labels_metadata.json").write_text(json.dumps(content))
    return root
