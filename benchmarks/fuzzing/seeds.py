"""Small valid files of every format that is read: what is changed afterwards."""

from __future__ import annotations

import json
import os
import shutil
import stat
import sys
import warnings
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import rasterio
from rasterio import Affine
from rasterio.errors import NotGeoreferencedWarning

from autoai4eo.data.readers.opening import open_dataset
from autoai4eo.data.statistics import cached_statistics

ROOT = Path(__file__).resolve().parents[2]
DRIVERS = {
    "tif": "GTiff",
    "png": "PNG",
    "jpg": "JPEG",
    "jp2": "JP2OpenJPEG",
    "webp": "WEBP",
    "bmp": "BMP",
    "gif": "GIF",
}
_RNG = np.random.default_rng(0)


def write_raster(path: Path, bands: int = 3, dtype: str = "uint8", **how: Any) -> None:
    """An image or a scene of 16 × 16 pixels, by the suffix of its name."""
    path.parent.mkdir(parents=True, exist_ok=True)
    names = how.pop("names", None)
    driver = DRIVERS[path.suffix[1:]]
    pixels = _RNG.integers(1, 250, (bands, 16, 16)).astype(dtype)
    shape = {"height": 16, "width": 16, "count": bands, "dtype": dtype}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NotGeoreferencedWarning)
        with rasterio.open(path, "w", driver=driver, **shape, **how) as file:
            file.write(pixels)
            if names:
                file.descriptions = names


def write_h5(folder: Path) -> None:
    """So2Sat's layout, in three ways of storing it."""
    folder.mkdir(parents=True, exist_ok=True)
    ways: dict[str, dict[str, Any]] = {
        "whole": {},
        "chunks": {"chunks": (2, 8, 8, 2), "compression": "gzip", "shuffle": True},
        "checked": {"chunks": (6, 8, 8, 4), "fletcher32": True},
    }
    for name, how in ways.items():
        with h5py.File(folder / f"{name}.h5", "w") as file:
            for sensor, bands in (("sen1", 8), ("sen2", 10)):
                pixels = _RNG.random((6, 8, 8, bands), dtype=np.float32)
                file.create_dataset(sensor, data=pixels, **how)
            file["label"] = np.eye(17, dtype=np.float32)[[0, 1, 2, 0, 1, 2]]
            file["city"] = np.array([b"a", b"b", b"c", b"a", b"b", b"c"])
            file["lon"], file["lat"] = np.arange(6.0), np.arange(6.0)
            file["sen2"].attrs["_FillValue"] = np.float32(-1)
            file.attrs["class_names"] = [f"class {i}" for i in range(17)]
            file.attrs["sen2_level"] = "L2A"


def write_images(folder: Path) -> None:
    """A folder with one folder per class, and the same as a zip file."""
    for name in ("forest", "water"):
        # all of three named bands: others are refused beside them
        for suffix in sorted({*DRIVERS} - {"gif", "jp2"}):
            where = {"crs": "EPSG:4326", "transform": Affine(1e-4, 0, 8, 0, -1e-4, 50)}
            path = folder / "images" / name / f"{name}_{suffix}.{suffix}"
            write_raster(path, **(where if suffix == "tif" else {}))
    with zipfile.ZipFile(folder / "images.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        for path in sorted((folder / "images").rglob("*.*")):
            archive.write(path, path.relative_to(folder))
    lines = [f"{p.relative_to(folder)},train" for p in (folder / "images").rglob("*.*")]
    (folder / "split.csv").write_text("\n".join(["name,part", *sorted(lines)]) + "\n")


def write_arrays(folder: Path) -> None:
    """Arrays with labels of every kind, without, and of one class; statistics."""
    folder.mkdir(parents=True, exist_ok=True)
    pixels = _RNG.random((12, 8, 8, 4), dtype=np.float32)
    numbers = np.arange(12) % 3
    labels: dict[str, Any] = {
        "numbers": numbers,
        "onehot": np.eye(3, dtype=np.float32)[numbers],
        "names": np.array(["a", "b", "ç"])[numbers],
        "one": np.zeros(12, int),
    }
    for name, label in labels.items():
        np.savez(folder / f"{name}.npz", sen2=pixels, label=label)
    np.savez(folder / "unlabelled.npz", sen2=pixels)
    cached_statistics(open_dataset(folder / "numbers.npz"), folder / "statistics.json")


def write_scenes(folder: Path) -> None:
    """A GeoTIFF, a VRT on it, band files, a SAFE folder, and that as a zip file."""
    where = {"crs": "EPSG:32630", "transform": Affine(10, 0, 3e5, 0, -10, 4.2e6)}
    how = {"dtype": "uint16", **where}
    write_raster(folder / "scene.tif", names=("B02", "B03", "B04"), **how)
    write_raster(folder / "tiled.tif", tiled=True, compress="deflate", blockxsize=16,
                 blockysize=16, names=("B02", "B03", "B04"), **how)  # fmt: skip
    (folder / "scene.vrt").write_text(_VRT)
    safe = folder / "S2A_MSIL2A_20200101T105441_N0400_R051_T30SXH_20200101T1.SAFE"
    for band in ("B02_10m", "B03_10m", "B04_10m", "SCL_20m"):
        path = safe / "GRANULE" / f"T30SXH_20200101T105441_{band}.jp2"
        write_raster(path, 1, **how, REVERSIBLE="YES", QUALITY="100")
    with zipfile.ZipFile(folder / "safe.zip", "w") as archive:
        for path in sorted(safe.rglob("*.jp2")):
            archive.write(path, path.relative_to(folder))


_VRT = """<VRTDataset rasterXSize="16" rasterYSize="16">
<SRS>EPSG:32630</SRS><GeoTransform>300000, 10, 0, 4200000, 0, -10</GeoTransform>
""" + "".join(
    f"""<VRTRasterBand dataType="UInt16" band="{i}"><Description>{name}</Description>
<SimpleSource><SourceFilename relativeToVRT="1">scene.tif</SourceFilename>
<SourceBand>{i}</SourceBand><SrcRect xOff="0" yOff="0" xSize="16" ySize="16"/>
<DstRect xOff="0" yOff="0" xSize="16" ySize="16"/></SimpleSource></VRTRasterBand>
"""
    for i, name in enumerate(("B02", "B03", "B04"), start=1)
) + "</VRTDataset>\n"  # fmt: skip


def write_run(folder: Path) -> None:
    """A finished search of two trials; it needs TensorFlow and some 20 s."""
    with _importable(ROOT / "tests"):
        import small
    with small.in_this_process():
        model = small.model(folder, max_trials=2)
        model.fit(
            small.dataset(), validation_data=small.dataset(24, 1), epochs=1, verbose=0
        )


def write_table(folder: Path) -> None:
    """What ``simulate`` takes, and a network without a run with what describes it."""
    rows = [f"{w},{d},{w * d / 99},{w * d + w}" for w in (8, 16, 24) for d in (1, 2, 3)]
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "table.csv").write_text("\n".join(["width,depth,val,params", *rows]))


def write_network(folder: Path) -> None:
    """A network for the scenes, which ``map`` takes; it needs TensorFlow."""
    import keras

    pixels = keras.Input((8, 8, 3), name="image")
    pooled = keras.layers.GlobalAveragePooling2D()(pixels)
    model = keras.Model(pixels, keras.layers.Dense(3, activation="softmax")(pooled))
    folder.mkdir(parents=True, exist_ok=True)
    model.save(folder / "net.keras")
    classes = [{"value": i, "name": n} for i, n in enumerate("abc", start=1)]
    told = {
        "mlm:input": [{"name": "image", "bands": ["B02", "B03", "B04"]}],
        "mlm:output": [{"classification:classes": classes}],
    }
    (folder / "model.json").write_text(json.dumps({"properties": told}))


def write_traps(folder: Path) -> None:
    """Paths that are no files: a pipe, devices, links, an empty folder, odd names.

    Devices are made in here, where overwriting one does no harm.
    """
    folder.mkdir(parents=True)
    os.mkfifo(folder / "fifo")
    (folder / "empty").mkdir()
    (folder / "empty.h5").touch()
    (folder / "text.txt").write_text("hello\n")
    (folder / "dangling").symlink_to("nowhere")
    (folder / "loop").symlink_to("loop")
    (folder / "ünïcode \x1b[31m").mkdir()
    for name, minor in (("null", 3), ("zero", 5)):
        with suppress(OSError):  # only the superuser can
            os.mknod(folder / name, stat.S_IFCHR | 0o666, os.makedev(1, minor))


def copy(source: Path, to: Path) -> None:
    """A folder with all that lies in it, pipes and devices too."""
    to.mkdir(parents=True)
    for path in sorted(source.iterdir()):
        kind = path.lstat().st_mode
        if stat.S_ISDIR(kind):
            copy(path, to / path.name)
        elif stat.S_ISREG(kind):
            shutil.copyfile(path, to / path.name)
        elif stat.S_ISLNK(kind):
            (to / path.name).symlink_to(os.readlink(path))
        else:
            os.mknod(to / path.name, kind, path.lstat().st_rdev)


@contextmanager
def _importable(folder: Path) -> Iterator[None]:
    sys.path.insert(0, str(folder))
    try:
        yield
    finally:
        sys.path.remove(str(folder))
