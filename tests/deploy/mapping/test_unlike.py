"""Scenes unlike the training data: told, counted in a layer, matched."""

import warnings
from dataclasses import replace

import numpy as np
import pytest
import rasterio
import scenes

from autoai4eo.data.units import Typical
from autoai4eo.deploy import load_predictor, map_scene
from autoai4eo.errors import UserError

HOW = {"scale": 1e-4, "stride": 5, "verbose": 0}


@pytest.fixture(scope="module")
def pixels():
    return scenes.digits(40, 63)


@pytest.fixture(scope="module")
def predictor(tmp_path_factory, pixels):
    folder = tmp_path_factory.mktemp("model")
    plain = load_predictor(scenes.save(scenes.classifier(), folder))
    shares = pixels * 1e-4
    typical = tuple(
        Typical(
            float(band.mean()),
            float(band.std()),
            *np.percentile(band, (2, 98)).tolist(),
        )
        for band in np.moveaxis(shares, -1, 0)
    )
    return replace(plain, typical={"image": typical})


def told(*arguments, **more):
    with warnings.catch_warnings(record=True) as found:
        warnings.simplefilter("always")
        map_scene(*arguments, **{**HOW, **more})
    return [str(w.message) for w in found]


def read(path):
    with rasterio.open(path) as file:
        return file.read(1), file.tags()


def test_haze_is_told_and_matching_removes_it(tmp_path, predictor, pixels):
    clear = scenes.write_scene(tmp_path / "clear.tif", pixels)
    hazy = scenes.write_scene(
        tmp_path / "hazy.tif", (pixels + np.array([2500, 0, 0])).astype(np.uint16)
    )
    assert told(predictor, clear, tmp_path / "a.tif") == []
    (note,) = told(predictor, hazy, tmp_path / "b.tif")
    assert "unlike the training data's: B02 0." in note and "B03" not in note
    assert "match_training='dark-object'" in note and "unlike=True shows" in note
    matched = {"match_training": "dark-object"}
    assert told(predictor, hazy, tmp_path / "c.tif", **matched) == []
    classes, tags = read(tmp_path / "c.tif")
    np.testing.assert_array_equal(classes, read(tmp_path / "a.tif")[0])
    assert (classes != read(tmp_path / "b.tif")[0]).any()
    assert tags["MATCH_TRAINING"].startswith("dark-object: B02 × 1 - 0.25")
    assert "MATCH_TRAINING" not in read(tmp_path / "b.tif")[1]


def test_the_layer_counts_bands_by_the_mean_of_each_map_pixel(
    tmp_path, predictor, pixels, monkeypatch
):
    monkeypatch.setattr("autoai4eo.deploy.mapping.unlike._EDGE", 20)  # several blocks
    changed = pixels.copy()
    changed[10:20, 15:30, :2] += 6000
    changed[:5, :5] = 0  # no data
    path = scenes.write_scene(tmp_path / "s.tif", changed, nodata=0)
    map_scene(predictor, path, tmp_path / "m.tif", unlike=True, **HOW)
    found, tags = read(tmp_path / "m_unlike.tif")
    assert "2nd to 98th" in tags["UNLIKE"]
    expected = np.full((8, 13), 255)
    for i, j in np.ndindex(8, 13):
        cell = changed[i * 5 : i * 5 + 5, j * 5 : j * 5 + 5] * 1e-4
        if cell.any():
            expected[i, j] = sum(
                not like.p2 <= mean <= like.p98
                for mean, like in zip(
                    cell.mean(axis=(0, 1)), predictor.typical["image"], strict=True
                )
            )
    np.testing.assert_array_equal(found, expected)
    assert (found[2:4, 3:6] == 2).all() and found[0, 0] == 255


def test_what_cannot_be_compared_is_refused_in_one_line(tmp_path, predictor, pixels):
    path = scenes.write_scene(tmp_path / "s.tif", pixels)
    unknown = replace(predictor, typical=None)
    for model, more, match in (
        (unknown, {"unlike": True}, "statistics of its training data"),
        (unknown, {"match_training": "moments"}, "statistics of its training data"),
        (predictor, {"match_training": "colour"}, "expected dark-object or moments"),
    ):
        with pytest.raises(UserError, match=match) as error:
            map_scene(model, path, tmp_path / "m.tif", **more, **HOW)
        assert "\n" not in str(error.value)


def test_a_layer_of_another_map_is_not_left_beside(tmp_path, predictor, pixels):
    path = scenes.write_scene(tmp_path / "s.tif", pixels)
    map_scene(predictor, path, tmp_path / "m.tif", unlike=True, **HOW)
    map_scene(predictor, path, tmp_path / "m.tif", overwrite=True, **HOW)
    assert {one.name for one in tmp_path.glob("m*")} == {"m.tif", "m_confidence.tif"}
