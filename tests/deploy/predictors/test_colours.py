"""Networks for 8-bit colours on reflectance: the pixels that EuroSAT would have."""

from dataclasses import replace

import numpy as np
import pytest
import rasterio
import scenes

from autoai4eo.data.units import Typical
from autoai4eo.deploy import load_predictor, map_scene
from autoai4eo.deploy.predictors.colours import on_reflectance
from autoai4eo.errors import UserError

SENTINEL = ("B02", "B03", "B04", "B08")


@pytest.fixture(scope="module")
def predictor(tmp_path_factory):
    """A network that gives back what it is shown: the mean of each colour, / 255."""
    folder = tmp_path_factory.mktemp("net")
    plain = load_predictor(scenes.save(scenes.classifier(), folder, ("R", "G", "B")))
    typical = tuple(Typical(v, 40.0, 20.0, 200.0) for v in (80.0, 90.0, 100.0))
    return replace(
        plain,
        predict=lambda pixels: pixels["image"].mean(axis=(1, 2)) / 255,
        typical={"image": typical},
    )


def test_reflectance_becomes_the_bytes_that_gdal_makes(predictor):
    """``gdal_translate -scale 0 2750 1 255 -ot Byte``, EuroSAT's own recipe."""
    found, tags = on_reflectance(predictor, SENTINEL)
    assert found.bands == {"image": ("B04", "B03", "B02")} and found.network is None
    assert found.fingerprint != predictor.fingerprint
    assert tags["STRETCH"] == (
        "R = B04, G = B03, B = B02; reflectance 0 to 0.275 became 1 to 255"
    )
    numbers = np.array([-20, 0, 1000, 2750, 9000, 1370], float)
    expected = np.clip(np.floor(1 + numbers / 2750 * 254 + 0.5), 1, 255)
    pixels = np.broadcast_to(
        (numbers * 1e-4).astype(np.float32)[:, None, None, None], (6, 8, 8, 3)
    )
    given = found.predict({"image": pixels}) * 255
    np.testing.assert_allclose(given, expected[:, None].repeat(3, 1), atol=1e-3)


def test_the_training_data_are_told_as_reflectance(predictor):
    found, _ = on_reflectance(predictor, SENTINEL, (0.0, 0.254))
    one = found.typical_by_band["B04"]
    assert (one.mean, one.std) == pytest.approx((0.079, 0.040))
    assert (one.p2, one.p98) == pytest.approx((0.019, 0.199))


def test_a_scene_is_mapped_as_its_picture_would_be(tmp_path, predictor):
    numbers = np.minimum(scenes.digits(24, 40, 4), 2700)
    scene = scenes.write_scene(tmp_path / "s.tif", numbers, SENTINEL)
    shown = np.rint(1 + numbers[..., [2, 1, 0]] / 2750 * 254).astype(np.uint8)
    picture = scenes.write_scene(tmp_path / "p.tif", shown, ("R", "G", "B"))
    how = {"stride": 4, "probabilities": True, "verbose": 0}
    plain = replace(predictor, typical=None)  # random land
    one = map_scene(plain, scene, tmp_path / "a.tif", scale=1e-4, **how)
    map_scene(plain, picture, tmp_path / "b.tif", **how)
    read = [rasterio.open(tmp_path / f"{n}_probabilities.tif").read() for n in "ab"]
    np.testing.assert_allclose(*read, atol=0.5 / 255)  # rounding at a half
    with rasterio.open(one) as file:
        assert file.tags()["STRETCH"].endswith("0 to 0.275 became 1 to 255")
    with rasterio.open(tmp_path / "b.tif") as file:
        assert "STRETCH" not in file.tags()


def test_what_needs_no_stretch_is_left(predictor):
    for bands in (("R", "G", "B", "B02", "B03", "B04"), ("VV",)):
        found, tags = on_reflectance(predictor, bands)
        assert found is predictor and tags == {}
        with pytest.raises(UserError, match="leave stretch out"):
            on_reflectance(predictor, bands, (0.0, 0.3))
    with pytest.raises(UserError, match="LOW below HIGH"):
        on_reflectance(predictor, SENTINEL, (0.3, 0.3))
