"""Any content of a folder: the right pixels, or an error in one line.

The pixels are held against a reading of each file by rasterio's masked arrays.
"""

import tempfile
import warnings
import zipfile
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import rasterio
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st
from rasterio.enums import ColorInterp, MaskFlags
from rasterio.errors import NodataShadowWarning, NotGeoreferencedWarning, RasterioError

from autoai4eo.data.readers.opening import open_dataset
from autoai4eo.data.sensors import canonical
from autoai4eo.errors import UserError

SIZE = 6
DRIVERS = {
    ".tif": "GTiff",
    ".png": "PNG",
    ".jpg": "JPEG",
    ".bmp": "BMP",
    ".gif": "GIF",
    ".webp": "WEBP",
    ".jp2": "JP2OpenJPEG",
}
PALETTE = {i: (i, 255 - i, 7 * i % 256, 255) for i in range(256)}
FOLDERS = ["a/", "b/", "a/deep/", "b/2020/", "", ".hidden/", "c [1]/", "é/"]


@dataclass
class File:
    """One file to write."""

    name: str
    dtype: str = "uint8"
    bands: int = 3
    names: tuple[str, ...] = ()
    nodata: float | None = None
    mask: str = ""  # "inside" or "outside" of the file
    alpha: bool = False
    palette: bool = False
    scale: float = 1.0
    damage: float | None = None
    seed: int = 0
    size: int = SIZE
    content: str = field(default="")

    def write(self, root: Path) -> None:
        path = root / self.name
        path.parent.mkdir(parents=True, exist_ok=True)
        if self.content:
            path.write_text(self.content)
            return
        rng = np.random.default_rng(self.seed)
        pixels = rng.integers(0, 200, (self.bands, self.size, self.size))
        pixels[:, 0, 0] = 0 if self.nodata is None else self.nodata
        if self.alpha:
            opaque = 255 * rng.integers(0, 2, (1, self.size, self.size))
            pixels = np.concatenate([pixels, opaque])
        with rasterio.Env(GDAL_TIFF_INTERNAL_MASK=self.mask == "inside"):
            with rasterio.open(
                path,
                "w",
                driver=DRIVERS[path.suffix],
                height=self.size,
                width=self.size,
                count=len(pixels),
                dtype=self.dtype,
                nodata=self.nodata,
            ) as image:
                if self.palette:
                    image.write_colormap(1, PALETTE)
                image.write(pixels.astype(self.dtype))
                if self.alpha:
                    image.colorinterp = [
                        *(ColorInterp.undefined for _ in range(self.bands)),
                        ColorInterp.alpha,
                    ]
                if self.names:
                    image.descriptions = self.names
                if self.scale != 1.0:
                    image.scales = (self.scale,) * self.bands
            if self.mask:
                with rasterio.open(path, "r+") as image:
                    mask = np.full((self.size, self.size), 255, np.uint8)
                    mask[1, 2] = 0
                    image.write_mask(mask)
        if self.damage is not None:
            content = bytearray(path.read_bytes())
            if self.damage < 0.5:
                del content[int(2 * self.damage * len(content)) :]
            else:
                content[int((self.damage - 0.5) * 2 * len(content))] ^= 255
            path.write_bytes(content)


@st.composite
def folders(draw: st.DrawFn) -> list[File]:
    """Files that are alike, and sometimes one that is not."""
    suffix = draw(st.sampled_from([".tif", ".tif", ".tif", *DRIVERS]))
    tif = suffix == ".tif"
    dtypes = ["uint8", "uint16", "int16", "float32", "float64"] if tif else ["uint8"]
    dtype = draw(st.sampled_from(dtypes))
    several = {".tif": [1, 2, 3, 4, 13], ".gif": [1], ".webp": [3]}
    bands = draw(st.sampled_from(several.get(suffix, [1, 3])))
    named = tif and bands <= 4 and draw(st.booleans())
    told = ("B2", "B03", "b4", "VV")[:bands]
    palette = dtype == "uint8" and bands == 1 and suffix in (".tif", ".png", ".gif")
    palette = palette and not named and draw(st.booleans())
    # where GDAL itself takes an alpha band for a mask
    alpha = tif and dtype == "uint8" and bands in (1, 3) and not palette | named
    alpha = alpha and draw(st.booleans())
    files = []
    for number in range(draw(st.integers(1, 4))):
        name = draw(st.sampled_from(FOLDERS)) + f"{number}{suffix}"
        file = File(name, dtype, bands, seed=number)
        if named:
            file.names = tuple(draw(st.permutations(told)))
        if tif:
            file.palette, file.alpha = palette, alpha
            if not alpha:  # rasterio's mask would leave it out beside nodata
                file.nodata = draw(st.sampled_from([None, None, 0, 7]))
            if file.nodata is None and not alpha:
                file.mask = draw(st.sampled_from(["", "inside", "outside"]))
        elif palette:
            file.palette = suffix != ".gif"  # GDAL gives a GIF file one of its own
        files.append(file)
    odd = draw(
        st.sampled_from(["", "", "", "dtype", "size", "names", "scale", "bands"])
    )
    if odd and tif:
        change = {
            "dtype": {"dtype": draw(st.sampled_from(dtypes))},
            "size": {"size": SIZE + 1},
            "names": {"names": ()},
            "scale": {"scale": 0.5},
            "bands": {"bands": 1, "names": ()},
        }[odd]
        for key, value in change.items():
            setattr(files[-1], key, value)
    if draw(st.integers(0, 3)) == 0:
        files[-1].damage = draw(st.floats(0, 0.999))
    if draw(st.booleans()):
        files.append(File("a/readme.txt", content="no image"))
    return files


def reading(path: Path, bands: tuple[str, ...]) -> np.ndarray:
    """Returns pixels read by rasterio, (height, width, bands), NaN where masked."""
    with rasterio.Env(GDAL_ERROR_ON_LIBJPEG_WARNING="YES"), rasterio.open(path) as file:
        told = [canonical(d) if d else None for d in file.descriptions]
        wanted = [
            i
            for i in file.indexes
            if file.colorinterp[i - 1] != ColorInterp.alpha or told[i - 1]
        ]
        if all(told[i - 1] for i in wanted):
            wanted = [told.index(name) + 1 for name in bands]
        if file.colorinterp[0] == ColorInterp.palette:
            table = file.colormap(1)
            indices, mask = file.read(1), file.read_masks(1)
            colours = np.array([table[i] for i in range(max(table) + 1)])
            read = colours[np.minimum(indices, len(colours) - 1)].astype(np.float32)
            read[(read[..., 3] == 0) | (mask == 0)] = np.nan
            return read[..., :3]
        described_alpha = len(wanted) == file.count and (
            MaskFlags.alpha in file.mask_flag_enums[0]
        )
        if described_alpha:  # rasterio would take a band that is no mask for one
            read = file.read(wanted).astype(np.float32)
            if file.nodata is not None:
                read[read == file.nodata] = np.nan
        else:
            masked = file.read(wanted, masked=True)
            read = masked.astype(np.float32).filled(np.nan)
    return np.moveaxis(read, 0, -1)


@settings(
    max_examples=150,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
@given(files=folders(), packed=st.booleans())
def test_the_right_pixels_or_one_line(files, packed):
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore", NotGeoreferencedWarning)
        warnings.simplefilter("ignore", NodataShadowWarning)
        root = source = Path(folder, "root")
        root.mkdir()
        for file in files:
            file.write(root)
        if packed:
            source = Path(folder, "d.zip")
            with zipfile.ZipFile(source, "w") as archive:
                for path in root.rglob("*.*"):
                    if path.is_file():
                        archive.write(path, path.relative_to(root).as_posix())
        try:
            dataset = open_dataset(source, unlabelled=True)
            pixels = dataset.read(range(len(dataset)))["image"]
        except UserError as error:
            event("refused")
            message = str(error)
            assert "\n" not in message and message.startswith(str(source))
            return
        event(f"read {files[0].name[-4:]}")
        event(f"palette {files[0].palette} alpha {files[0].alpha} {files[0].mask}")
        bands = tuple(band.name for band in dataset.inputs[0].bands)
        damaged = {f.name for f in files if f.damage is not None}
        for name, found in zip(dataset.names, pixels, strict=True):
            # GDAL reads a damaged PNG file as former content of memory
            assert not (name in damaged and name.endswith(".png"))
            try:
                expected = reading(root / name, bands)
            except RasterioError:
                raise AssertionError(f"{name} is damaged and was read") from None
            np.testing.assert_array_equal(found, expected)
        # nothing is left out in silence
        told = " ".join(dataset.notes)
        images = {f.name for f in files if not f.content and f.name[0] != "."}
        assert set(dataset.names) == images
        assert any(f.name[0] == "." for f in files) == ("hidden" in told)
        assert any(f.content for f in files) == ("does not read as images" in told)
        for name, label in zip(dataset.names, dataset.labels, strict=True):
            if label >= 0:
                assert dataset.class_names[label] in name.split("/")[:-1]


@settings(max_examples=60, deadline=None)
@given(content=st.binary(max_size=300), suffix=st.sampled_from([".h5", ".zip", ".npz"]))
def test_any_bytes_are_one_line(content, suffix):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, f"any{suffix}")
        path.write_bytes(content)
        try:
            open_dataset(path)
        except UserError as error:
            assert "\n" not in str(error) and str(path) in str(error)
        else:
            raise AssertionError("random bytes were opened")
