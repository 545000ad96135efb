"""The values of a mask as its file stores them."""

import numpy as np
import pytest
from scenes import write_scene

from autoai4eo.data.masks.mask_file import MaskFile
from autoai4eo.data.scenes.opening import opened
from autoai4eo.errors import UserError

MASK = np.random.default_rng(0).integers(0, 2, (48, 48, 1), np.uint8) * 200
BLURRED = {
    "jpeg": ({"compress": "JPEG"}, "JPEG"),
    "lerc": ({"compress": "LERC_DEFLATE", "max_z_error": 2}, "lossy LERC_DEFLATE"),
    "float": ({"compress": "LERC", "max_z_error": 0.9}, "lossy LERC"),
}


def vrt(path, of):
    """Writes a VRT that shows a file, with statistics beside it."""
    path.write_text(
        '<VRTDataset rasterXSize="48" rasterYSize="48">'
        '<VRTRasterBand dataType="Byte" band="1"><SimpleSource>'
        f'<SourceFilename relativeToVRT="1">{of.name}</SourceFilename>'
        "<SourceBand>1</SourceBand></SimpleSource></VRTRasterBand></VRTDataset>"
    )
    path.with_name(f"{path.name}.aux.xml").write_text("<PAMDataset></PAMDataset>")
    return path


@pytest.mark.parametrize("depth", [0, 1, 2])
@pytest.mark.parametrize("how", BLURRED)
def test_blurred_values_are_refused_also_where_a_vrt_shows_them(how, depth, tmp_path):
    """Users rely on: blurred values are not taken for classes."""
    profile, found = BLURRED[how]
    values = MASK.astype(np.float32) if how == "float" else MASK
    mask = stored = write_scene(tmp_path / "mask.tif", values, None, **profile)
    for number in range(depth):
        mask = vrt(tmp_path / f"{number}.vrt", mask)
    where = f" in {stored}" if depth else ""
    with (
        opened(mask, vrt=True, allow_remote=False) as source,
        pytest.raises(UserError, match=f"found {found}{where}, which blurs class"),
    ):
        MaskFile(mask, source)


def test_a_source_that_is_named_after_its_vrt_is_looked_at(tmp_path):
    stored = write_scene(tmp_path / "mask.vrt.tif", MASK, None, compress="JPEG")
    mask = vrt(tmp_path / "mask.vrt", stored)
    with (
        opened(mask, vrt=True, allow_remote=False) as source,
        pytest.raises(UserError, match=f"found JPEG in {stored}, which blurs"),
    ):
        MaskFile(mask, source)


@pytest.mark.parametrize(
    "profile",
    [{"compress": "LERC"}, {"compress": "LERC", "max_z_error": 0.5}, {}],
    ids=str,
)
def test_lossless_values_are_read_also_through_a_vrt(profile, tmp_path):
    stored = write_scene(tmp_path / "mask.tif", MASK, None, **profile)
    for mask in (stored, vrt(tmp_path / "mask.vrt", stored)):
        with opened(mask, vrt=True, allow_remote=False) as source:
            values, _ = MaskFile(mask, source).read(0, 48, 0, 48)
        assert (values == MASK[..., 0]).all()
