"""Whatever files a scene is made of: the right pixels, or one error in one line.

The pixels are held against a reading of each file by rasterio's masked arrays,
resampled by hand; the notes, against what this reading leaves out.
"""

import tempfile
import warnings
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest
import rasterio
import scenes
from hypothesis import event, given, settings
from hypothesis import strategies as st
from rasterio.enums import ColorInterp
from rasterio.errors import (
    NodataShadowWarning,
    NotGeoreferencedWarning,
    RasterioError,
)
from rasterio.transform import Affine

from autoai4eo.data.scenes.scene import Scene
from autoai4eo.data.sensors import band, canonical
from autoai4eo.errors import UserError

SIZE = 12
BANDS = ["B2", "B03", "B8A", "VV", "VH", "other"]
QUALITY = ("SCL", "QA60")
CONSTANT = 77
# size in pixels, and place: rows and columns of 10 m from the first file's corner
GRIDS = {"same": (1, 0, 0), "coarse": (2, 0, 0), "moved": (1, 4, 2), "far": (2, -2, 4)}
AROUND = 8  # pixels around the first file's that are looked at


@dataclass
class File:
    """One raster to write."""

    bands: tuple[str, ...]
    dtype: str = "uint16"
    nodata: float | None = None
    mask: str = ""
    scale: float = 1.0
    grid: str = "same"
    kind: str = ""
    fill: bool = False
    named: bool = True
    crs: str | None = "EPSG:32630"
    damage: tuple[str, float] | None = None
    seed: int = 0
    nodatas: list[float | None] = field(default_factory=list)

    @property
    def whole(self) -> bool:
        return np.dtype(self.dtype).kind in "iu"

    def pixels(self, size: int) -> np.ndarray:
        rng = np.random.default_rng(self.seed)
        if self.kind == "quality":
            scl = rng.integers(0, 12, (size, size))
            return np.stack([scl, rng.choice([0, 1024, 2048, 512], scl.shape)], -1)
        pixels = rng.integers(1, 200, (size, size, len(self.bands)))
        pixels[:2] = 0  # a border, as ESA writes it
        pixels[4, 5, 0] = 0
        if self.nodata is not None:
            pixels[3, 1:4, -1] = self.nodata
        if self.fill:
            pixels[10:] = -9999
        return pixels

    def write(self, path: Path) -> Path:
        times, row, column = GRIDS[self.grid]
        size = SIZE // times
        where = {
            "crs": self.crs,
            "transform": scenes.UTM
            @ Affine.translation(column, row)
            @ Affine.scale(times),
        }
        pixels = self.pixels(size)
        if self.kind == "geographic":  # of another projection, all of one value
            step = 2e-4
            place = Affine(step, 0, -5.29, 0, -step, 37.93)
            where = {"crs": "EPSG:4326", "transform": place}
            pixels = np.full((120, 120, 1), CONSTANT)
        names = list(self.bands)
        if self.mask == "alpha":
            alpha = np.full((*pixels.shape[:2], 1), 200)
            alpha[1:4, 3] = 0
            pixels, names = np.concatenate([pixels, alpha], axis=-1), [*names, ""]
        inside = rasterio.Env(GDAL_TIFF_INTERNAL_MASK=self.mask == "internal")
        with inside:
            scenes.write_scene(
                path,
                pixels.astype(self.dtype),
                names if self.named else None,
                nodata=self.nodata,
                photometric="minisblack",  # four bands of bytes are a picture else
                **where,
            )
            with rasterio.open(path, "r+") as image:
                if self.scale != 1:
                    image.scales = (self.scale,) * image.count
                    image.offsets = (0.5,) * image.count
                if self.mask == "alpha":
                    colours = [ColorInterp.gray] + [ColorInterp.undefined] * image.count
                    image.colorinterp = [*colours[: image.count - 1], ColorInterp.alpha]
                elif self.mask:
                    mask = np.full(pixels.shape[:2], 255, np.uint8)
                    mask[5, 2:5] = 0
                    image.write_mask(mask)
        if self.kind == "vrt":
            path = self._vrt(path, size, where["transform"])
        if self.damage is not None:
            kind, place = self.damage
            content = bytearray(path.read_bytes())
            start = int(place * len(content))
            if kind == "cut":
                del content[start:]
            else:
                for i in range(start, min(start + 8, len(content))):
                    content[i] ^= 0xFF
            path.write_bytes(content)
        return path

    def _vrt(self, path: Path, size: int, t: Affine) -> Path:
        """A VRT of the file, which can have a nodata value for each band."""
        types = {"uint8": "Byte", "float32": "Float32", "float64": "Float64"}
        kind = types.get(self.dtype, self.dtype.capitalize().replace("Ui", "UI"))
        text = "".join(
            f'<VRTRasterBand dataType="{kind}" band="{i}">'
            f"<Description>{name}</Description>"
            + (f"<NoDataValue>{nodata}</NoDataValue>" if nodata is not None else "")
            + f'<SimpleSource><SourceFilename relativeToVRT="1">{path.name}'
            f"</SourceFilename><SourceBand>{i}</SourceBand></SimpleSource>"
            "</VRTRasterBand>"
            for i, (name, nodata) in enumerate(
                zip(self.bands, self.nodatas, strict=True), start=1
            )
        )
        place = ",".join(map(repr, (t.c, t.a, t.b, t.f, t.d, t.e)))
        vrt = path.with_suffix(".vrt")
        vrt.write_text(
            f'<VRTDataset rasterXSize="{size}" rasterYSize="{size}"><SRS>{self.crs}'
            f"</SRS><GeoTransform>{place}</GeoTransform>{text}</VRTDataset>"
        )
        return vrt


@st.composite
def scene_files(draw: st.DrawFn) -> list[File]:
    names = draw(st.permutations(BANDS))
    cuts = sorted(
        draw(st.lists(st.integers(1, 5), min_size=0, max_size=2, unique=True))
    )
    files = []
    for seed, part in enumerate(np.split(np.array(names), cuts)):
        file = File(tuple(part.tolist()), seed=seed)
        file.dtype = draw(
            st.sampled_from(["uint8", "uint16", "int16", "float32", "float64"])
        )
        file.kind = draw(st.sampled_from(["", "", "", "vrt"]))
        if file.kind == "vrt":
            values = st.sampled_from([None, 0, 7])
            file.nodatas = [draw(values) for _ in file.bands]
        else:
            file.nodata = draw(st.sampled_from([None, None, 0, 7]))
            file.mask = draw(st.sampled_from(["", "", "internal", "beside", "alpha"]))
            file.scale = draw(st.sampled_from([1.0, 0.001]))
        if seed:
            file.grid = draw(st.sampled_from(["same", *GRIDS]))
        if file.grid in ("same", "moved") and not file.dtype.startswith("u"):
            file.fill = draw(st.booleans())
        files.append(file)
    odd = draw(st.sampled_from(["", "", "", "damage", "crs", "names", "twice"]))
    if odd == "damage":
        place = draw(st.floats(0, 0.99))
        files[-1].damage = (draw(st.sampled_from(["cut", "flip"])), place)
    elif odd == "crs":
        files[-1].crs = None
    elif odd == "names":
        files[-1].named = files[-1].kind == "vrt"
    elif odd == "twice":
        files.append(files[0])
    if draw(st.booleans()):
        grid = draw(st.sampled_from(["same", "coarse"]))
        files.append(File(QUALITY, kind="quality", grid=grid, seed=9))
    if draw(st.booleans()):
        files.append(File(("B11",), kind="geographic"))
    return files


def read_plainly(file: File, path: Path) -> tuple[dict, dict]:
    """By band, its values, NaN without data, and zeros that mean this; as stored."""
    values, zeros = {}, {}
    with rasterio.open(path) as image, warnings.catch_warnings():
        warnings.simplefilter("ignore", NodataShadowWarning)  # alpha: see below
        read = image.read(masked=True)
        for i, name in enumerate(map(canonical, file.bands)):
            values[name] = read[i].astype(np.float64).filled(np.nan)
            # rasterio takes a mask or nodata, whichever comes first
            if name not in QUALITY:
                values[name][read.data[i] == image.nodatavals[i]] = np.nan
            if file.mask == "alpha":
                values[name][read.data[-1] == 0] = np.nan
            zeros[name] = values[name] == 0
            zeros[name] &= not of(name) or (file.whole and image.nodatavals[i] is None)
    return values, zeros


def of(name: str) -> str:
    quantity = band(name).quantity
    return {"reflectance": "optical", "decibel": "radar"}.get(quantity, "")


def twice_as_fine(values: np.ndarray) -> np.ndarray:
    """Bilinear by hand, of the pixels with data; none where the nearest has none."""
    around = np.pad(values, 1, constant_values=np.nan)
    total, weight = np.zeros((2, 2 * len(values), 2 * len(values)))
    for down, down_weight in ((0, 0.75), (1, 0.25)):
        for right, right_weight in ((0, 0.75), (1, 0.25)):
            rows = np.arange(2 * len(values))
            i = rows // 2 + 1 + down * np.where(rows % 2, 1, -1)
            j = rows // 2 + 1 + right * np.where(rows % 2, 1, -1)
            part = around[np.ix_(i, j)]
            here = ~np.isnan(part)
            total[here] += down_weight * right_weight * part[here]
            weight[here] += down_weight * right_weight
    nearest = values.repeat(2, axis=0).repeat(2, axis=1)
    found = np.full(nearest.shape, np.nan)
    there = ~np.isnan(nearest)
    found[there] = total[there] / weight[there]
    return found


def on_canvas(file: File, values: np.ndarray, name: str, empty: float) -> np.ndarray:
    """Values of a file at 10 m, where they lie around the first file."""
    canvas = np.full((SIZE + 2 * AROUND,) * 2, empty)
    if file.kind == "geographic":
        return np.full_like(canvas, 0 if values.dtype == bool else CONSTANT)
    times, row, column = GRIDS[file.grid]
    if times > 1:
        smooth = values.dtype != bool and name not in QUALITY
        repeated = values.repeat(2, axis=0).repeat(2, axis=1)
        values = twice_as_fine(values) if smooth else repeated
    rows = slice(AROUND + row, AROUND + row + SIZE)
    canvas[rows, slice(AROUND + column, AROUND + column + SIZE)] = values
    return canvas


def expected(
    files: list[File],
    paths: list[Path],
    scale: float | str,
    offset: float,
    clouds: bool,
) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray], np.ndarray]:
    """By band values on the canvas, NaN without data, and zeros that mean this.

    And which optical pixels the quality bands leave out.
    """
    values, zeros, owner = {}, {}, {}
    grids: dict[tuple, list[str]] = {}
    for file, path in zip(files, paths, strict=True):
        mine, always = read_plainly(file, path)
        for name in mine:
            values[name], zeros[name], owner[name] = mine[name], always[name], file
            place = (file.grid, file.kind == "geographic", file.kind == "quality")
            grids.setdefault(place, []).append(name)
    for names in grids.values():
        for kind in ("optical", "radar"):
            some = [n for n in names if of(n) == kind]
            if not some:
                continue
            dark = np.all([(values[n] == 0) | np.isnan(values[n]) for n in some], 0)
            lone = (
                kind == "radar" and len(some) == 1 and owner[some[0]].dtype == "int16"
            )
            for n in some:
                always = zeros[n] & (kind == "optical")
                zeros[n] = (values[n] == 0) & (always | (dark & (not lone)))
    for name, one in values.items():
        if not of(name):
            zeros[name][:] = False
        one[zeros[name]] = np.nan
        values[name] = on_canvas(owner[name], one, name, np.nan)
        zeros[name] = on_canvas(owner[name], zeros[name], name, 0).astype(bool)
    for kind in ("optical", "radar"):
        some = [n for n in values if of(n) == kind]
        there = np.any([~np.isnan(values[n]) for n in some], axis=0)
        for n in some:
            file = owner[n]
            nodata = dict(zip(map(canonical, file.bands), file.nodatas, strict=False))
            declared = nodata.get(n) if file.kind == "vrt" else file.nodata
            alone = kind == "optical" and file.whole and declared is None
            if len(grids) > 1 and not alone:
                values[n][zeros[n] & there] = 0
                zeros[n] &= ~there
    without = np.zeros_like(there)
    if "SCL" in values:
        without |= np.isin(np.nan_to_num(values["SCL"]), (0, 1))  # 0 outside of it
        if clouds:
            without |= np.isin(values["SCL"], (8, 9, 10, 11))
            without |= ~np.isin(values["QA60"], (0, 512))
    for name, one in values.items():
        if scale == "tags" and owner[name].scale != 1:
            one *= owner[name].scale
            one += 0.5
        elif scale != "tags" and of(name) != "radar" and name not in QUALITY:
            one *= scale
            one += offset
    return values, zeros, without


def check_notes(notes: list[str], files: list[File], left_out: dict[str, bool]) -> None:
    """Whether all that is left out or may be fill is told, and nothing else."""
    for text, is_so in left_out.items():
        assert any(text in note for note in notes) == is_so, (text, notes)
    fill = [canonical(n) for f in files if f.fill for n in f.bands]
    told = [note for note in notes if "-9999, probably fill" in note]
    assert len(told) <= bool(fill)
    for name in fill:  # quality bands may leave out what is fill in optical ones
        masked = of(name) == "optical" and any(f.kind == "quality" for f in files)
        assert masked or f"{name} " in told[0]


# rasterio takes GDAL's messages for UTF-8, also where they quote damaged bytes
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@settings(max_examples=100, deadline=None)
@given(
    files=scene_files(),
    units=st.sampled_from([(1e-4, -0.1), (1.0, 0.0), ("tags", 0.0)]),
    clouds=st.booleans(),
    data=st.data(),
)
def test_the_right_pixels_or_one_line(files, units, clouds, data):
    scale, offset = units
    clouds &= any(f.kind == "quality" for f in files)
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore", NotGeoreferencedWarning)
        paths = [file.write(Path(folder, f"{i}.tif")) for i, file in enumerate(files)]
        try:
            with Scene(paths, scale=scale, offset=offset, mask_clouds=clouds) as scene:
                names = data.draw(st.permutations(scene.bands))
                grid = scene.grid
                pixels, valid = scene.read(0, 0, grid.height, grid.width, {"x": names})
                medians, notes = scene.medians(names), scene.notes(names)
        except UserError as error:
            event("refused")
            assert "\n" not in str(error) and folder in str(error)
            odd = any(f.damage is not None or not f.named or not f.crs for f in files)
            odd |= scale == "tags" and all(f.scale == 1 for f in files)
            assert odd or len(files) > len({f.bands for f in files})
            return
        assert np.isfinite(pixels["x"]).all()
        if any(f.damage is not None and f.damage[0] == "flip" for f in files):
            event("read, with bytes that differ")
            return
        event("read")
        try:
            truth, zeros, without = expected(files, paths, scale, offset, clouds)
        except RasterioError:
            raise AssertionError("a damaged file was read") from None
    # the scene's grid is that of a file of 10 m pixels
    column, row = (~scenes.UTM) @ (grid.transform.c, grid.transform.f)
    first = (AROUND + round(row), AROUND + round(column))
    there = np.s_[first[0] : first[0] + grid.height, first[1] : first[1] + grid.width]
    missing = {n: np.isnan(truth[n][there]) for n in names}
    masked = False
    for name in names:
        if of(name) == "optical":
            masked |= bool((without[there] & ~missing[name]).any())
            truth[name][without] = np.nan
    stack = np.stack([truth[name][there] for name in names], axis=-1)
    np.testing.assert_array_equal(valid, ~np.isnan(stack).all(axis=-1))
    filled = np.where(np.isnan(stack), medians, stack)
    np.testing.assert_allclose(pixels["x"], filled, rtol=1e-5, atol=1e-4)
    zero = {n: zeros[n][there] for n in names}
    gone = {int((missing[n] & ~zero[n]).sum()) for n in names}
    left_out = {
        "0 is taken for nodata": any(one.any() for one in zero.values()),
        "masked by SCL": masked,
        "no data where other bands have some": len(gone) > 1,
    }
    check_notes(notes, files, left_out)
