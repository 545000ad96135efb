"""A dense map of a scene of 10,980 × 10,980 pixels."""

from __future__ import annotations

import resource
import time
from pathlib import Path
from typing import Any

import numpy as np
import rasterio

import autoai4eo as ae
from autoai4eo.deploy import map_scene
from gpu_parts import card
from gpu_parts.asked import Asked, Rows

SIDE, STEP, TILE = 10_980, 10, 512
PIXEL_KM2 = 1e-4  # of 10 m


def dense_map(asked: Asked) -> None:
    """Maps by shared work, by single windows, and compares both on a part."""
    rows = Rows(asked.out, "map")
    run = _network(asked)
    side = asked.choose(SIDE, SIDE, 600)
    names = _bands(asked.data)
    begin = time.monotonic()
    scene = _scene(asked.work / "scene.tif", side, names)
    rows.find(**{"seconds to write the scene": time.monotonic() - begin})
    _map(rows, "shared work", run, scene, stride=STEP)
    part = _scene(asked.work / "part.tif", min(side, 1000), names)
    shared = _map(rows, "shared work", run, part, stride=STEP)
    single = _map(rows, "window by window", run, part, stride=STEP, dense=False)
    rows.find(
        **{
            "same class on the part": float((shared == single).mean()),
            "classes on the part": len(np.unique(single)),
        }
    )
    if not asked.time_is_up:
        wide = asked.choose(4, 8, 4) * STEP
        _map(rows, "window by window", run, scene, stride=wide, dense=False)


def _network(asked: Asked) -> Path:
    """The run of a short search for a network that is made for maps."""
    classifier = ae.ImageClassifier(
        inputs=["sen2"],
        map_step=STEP,
        max_trials=1,
        seed=0,
        directory=asked.work,
        project_name="for-maps",
    )
    classifier.fit(
        asked.data / "training.h5",
        validation_data=asked.data / "validation.h5",
        epochs=asked.choose(5, 1, 1),
        verbose=0,
    )
    return classifier.run


def _bands(data: Path) -> list[str]:
    (spec,) = ae.open_dataset(data / "training.h5").select(["sen2"]).inputs
    return [band.name for band in spec.bands]


def _map(rows: Rows, how: str, run: Path, scene: Path, **options: Any) -> np.ndarray:
    out = scene.with_name("map.tif")
    begin = time.monotonic()
    with card.watched() as seen:
        map_scene(run, scene, out, scale=1e-4, overwrite=True, verbose=0, **options)
    spent = time.monotonic() - begin
    with rasterio.open(out) as file:
        classes = file.read(1)
    with rasterio.open(scene) as file:
        side = file.width
    windows = int((classes > 0).sum())
    rows.add(
        **{
            "by": how,
            "scene": f"{side} px",
            "step": options["stride"],
            "windows": windows,
            "seconds": spent,
            "windows/s": windows / spent,
            "km2/s": side**2 * PIXEL_KM2 / spent,
            "host_GB": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6,
            "card_MiB": seen.get("memory_MiB"),
            "use_percent": seen.get("use_percent"),
        }
    )
    return classes


def _scene(path: Path, side: int, names: list[str]) -> Path:
    """A scene of random fields of 64 pixels and noise, uint16 (side, side, bands)."""
    rng = np.random.default_rng(0)
    with rasterio.open(
        path,
        "w",
        driver="GTiff",
        dtype="uint16",
        count=len(names),
        height=side,
        width=side,
        crs="EPSG:32630",
        transform=rasterio.transform.from_origin(3e5, 4.2e6, 10, 10),
        tiled=True,
        blockxsize=TILE,
        blockysize=TILE,
    ) as file:
        file.descriptions = names
        fields = -(-side // 64)
        for top in range(0, side, TILE):
            rows = min(TILE, side - top)
            means = rng.integers(200, 4000, (len(names), TILE // 64, fields), "uint16")
            stripe = means.repeat(64, axis=1).repeat(64, axis=2)[:, :rows, :side]
            noise = rng.integers(0, 200, stripe.shape, "uint16")
            file.write(stripe + noise, window=((top, top + rows), (0, side)))
    return path
