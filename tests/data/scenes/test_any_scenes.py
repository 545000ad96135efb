"""Whatever files a scene is made of: the right pixels, or one error in one line.

The pixels are held against a reading of each file by rasterio's masked arrays.
"""

import tempfile
import warnings
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import rasterio
import scenes
from hypothesis import event, given, settings
from hypothesis import strategies as st
from rasterio.errors import NotGeoreferencedWarning, RasterioError

from autoai4eo.data.scenes.scene import Scene
from autoai4eo.data.sensors import band, canonical
from autoai4eo.errors import UserError

SIZE = 12
BANDS = ["B2", "B03", "B8A", "VV", "VH", "other"]


@dataclass
class File:
    """One raster to write, on the grid of the others."""

    bands: tuple[str, ...]
    dtype: str
    nodata: float | None
    mask: bool
    scale: float = 1.0
    named: bool = True
    crs: str | None = "EPSG:32630"
    damage: float | None = None
    seed: int = 0

    def write(self, path: Path) -> None:
        rng = np.random.default_rng(self.seed)
        pixels = rng.integers(1, 200, (SIZE, SIZE, len(self.bands)))
        pixels[:2] = 0  # a border, as ESA writes it
        pixels[4, 5, 0] = 0
        if self.nodata is not None:
            pixels[7, 1:4, -1] = self.nodata
        names = self.bands if self.named else None
        with rasterio.Env(GDAL_TIFF_INTERNAL_MASK=True):
            scenes.write_scene(
                path, pixels.astype(self.dtype), names, crs=self.crs, nodata=self.nodata
            )
            if self.scale != 1:
                with rasterio.open(path, "r+") as image:
                    image.scales = (self.scale,) * len(self.bands)
                    image.offsets = (0.5,) * len(self.bands)
            if self.mask:
                with rasterio.open(path, "r+") as image:
                    mask = np.full((SIZE, SIZE), 255, np.uint8)
                    mask[9, 2:8] = 0
                    image.write_mask(mask)
        if self.damage is not None:
            content = path.read_bytes()
            path.write_bytes(content[: int(self.damage * len(content))])


@st.composite
def scene_files(draw: st.DrawFn) -> list[File]:
    names = draw(st.permutations(BANDS))
    cuts = sorted(
        draw(st.lists(st.integers(1, 5), min_size=0, max_size=2, unique=True))
    )
    parts = np.split(np.array(names), cuts)
    files = []
    for seed, part in enumerate(parts):
        dtype = draw(st.sampled_from(["uint16", "int16", "float32", "float64"]))
        nodata = draw(st.sampled_from([None, None, 0, 7]))
        mask, scale = draw(st.booleans()), draw(st.sampled_from([1.0, 0.001]))
        files.append(File(tuple(part.tolist()), dtype, nodata, mask, scale, seed=seed))
    odd = draw(st.sampled_from(["", "", "", "damage", "crs", "names", "twice"]))
    if odd == "damage":
        files[-1].damage = draw(st.floats(0, 0.99))
    elif odd == "crs":
        files[-1].crs = None
    elif odd == "names":
        files[-1].named = False
    elif odd == "twice":
        files.append(files[0])
    return files


def expected(
    paths: list[Path], scale: float | str, offset: float
) -> dict[str, np.ndarray]:
    """By band, (height, width), NaN where there are no data."""
    found, whole, tags = {}, {}, {}
    for path in paths:
        with rasterio.open(path) as file:
            read = file.read(masked=True)
            for i, name in enumerate(map(canonical, file.descriptions)):
                values = read[i].astype(np.float64)
                # rasterio takes a mask or nodata, whichever comes first
                found[name] = values.filled(np.nan)
                found[name][values.data == file.nodata] = np.nan
                whole[name] = read.dtype.kind in "iu" and file.nodata is None
                tags[name] = file.scales[i], file.offsets[i]
    optical = [n for n in found if band(n).quantity == "reflectance"]
    dark = np.all([(found[n] == 0) | np.isnan(found[n]) for n in optical], axis=0)
    for name in optical:
        zero = found[name] == 0
        found[name][zero if whole[name] else zero & dark] = np.nan
    for name, values in found.items():
        if scale == "tags":
            values *= tags[name][0]
            values += tags[name][1]
        elif band(name).quantity != "decibel":
            values *= scale
            values += offset
    return found


@settings(max_examples=100, deadline=None)
@given(
    files=scene_files(),
    units=st.sampled_from([(1e-4, -0.1), (1.0, 0.0), ("tags", 0.0)]),
    data=st.data(),
)
def test_the_right_pixels_or_one_line(files, units, data):
    scale, offset = units
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore", NotGeoreferencedWarning)
        paths = [Path(folder, f"{i}.tif") for i in range(len(files))]
        for file, path in zip(files, paths, strict=True):
            file.write(path)
        try:
            with Scene(paths, scale=scale, offset=offset) as scene:
                inputs = {"x": data.draw(st.permutations(scene.bands))}
                pixels, valid = scene.read(0, 0, SIZE, SIZE, inputs)
                medians = scene.medians(inputs["x"])
        except UserError as error:
            event("refused")
            assert "\n" not in str(error) and folder in str(error)
            odd = any(f.damage is not None or not f.named or not f.crs for f in files)
            odd |= scale == "tags" and all(f.scale == 1 for f in files)
            assert odd or len(files) > len({f.bands for f in files})
            return
        event("read")
        try:
            truth = expected(paths, scale, offset)
        except RasterioError:
            raise AssertionError("a damaged file was read") from None
        stack = np.stack([truth[name] for name in inputs["x"]], axis=-1)
        np.testing.assert_array_equal(valid, ~np.isnan(stack).all(axis=-1))
        filled = np.where(np.isnan(stack), medians, stack)
        np.testing.assert_allclose(pixels["x"], filled, rtol=1e-5, atol=1e-6)
