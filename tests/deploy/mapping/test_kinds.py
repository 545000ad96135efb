"""Maps of labels and of values: a band for each, by windows and densely."""

import keras
import numpy as np
import predictors
import pytest
import rasterio
import scenes

from autoai4eo.deploy import load_predictor, map_scene
from autoai4eo.deploy.mapping.earlier import beside
from autoai4eo.errors import UserError

HOW = {"stride": 4, "scale": 1e-4, "verbose": 0}


@pytest.fixture(scope="module", autouse=True)
def small_tiles():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("autoai4eo.deploy.mapping.windows.TILE", 24)
        yield


@pytest.fixture(scope="module")
def pixels():
    digits = scenes.digits(61, 83)
    digits[:20, :30] = 0
    return digits


@pytest.fixture(scope="module")
def scene(tmp_path_factory, pixels):
    """Its upper left corner has no data."""
    path = tmp_path_factory.mktemp("scene") / "s.tif"
    return scenes.write_scene(path, pixels, nodata=0)


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    """Of labels and of values, each unpadded and padded."""
    made = {}
    for kind in ("labels", "value"):
        folder = tmp_path_factory.mktemp(kind)
        predictors.describe(folder, kind)
        for padded in (False, True):
            made[kind, padded] = folder / f"{'padded' if padded else 'plain'}.keras"
            predictors.network(kind, padded=padded).save(made[kind, padded])
    return made


def read(path):
    with rasterio.open(path) as file:
        return file.read().transpose(1, 2, 0)


def one_by_one(model, pixels):
    """Outputs of the window of each pixel of the map that lies inside the scene."""
    network = keras.models.load_model(model)
    windows = np.lib.stride_tricks.sliding_window_view(pixels, (8, 8), axis=(0, 1))
    # the window of map pixel (1, 1) begins at pixel (2, 2)
    inside = np.moveaxis(windows[2::4, 2::4], 2, -1) * np.float32(1e-4)
    patches = inside.reshape(-1, 8, 8, 3).astype("float32")
    found = network.predict({"image": patches}, verbose=0)
    return found.reshape(*inside.shape[:2], -1)


@pytest.mark.parametrize("dense", [False, None])
def test_labels_are_a_band_each_by_their_thresholds(
    tmp_path, models, scene, pixels, dense
):
    model = models["labels", False]
    out = map_scene(
        model, scene, tmp_path / "m.tif", probabilities=True, dense=dense, **HOW
    )
    expected = one_by_one(model, pixels)
    inside = np.s_[1 : 1 + len(expected), 1 : 1 + len(expected[0])]
    found = read(out)[inside]
    told = read(beside(out, "probabilities"))[inside]
    known = np.ones(found.shape[:2], bool)
    known[:5, :8] = False  # windows that have pixels without data
    assert (found[:3, :5] == 255).all() and np.isnan(told[:3, :5]).all()
    np.testing.assert_allclose(told[known], expected[known], atol=1e-5)
    has = told >= np.array([0.2, 0.5, 0.7], "float32")
    np.testing.assert_array_equal(found[known], has[known])
    assert all(0 < has[known][:, i].mean() < 1 for i in range(3))
    with rasterio.open(out) as file:
        assert file.descriptions == ("water", "field", "town")
        assert (file.dtypes[0], file.nodata) == ("uint8", 255)
        assert [file.tags(i)["THRESHOLD"] for i in (1, 2, 3)] == ["0.2", "0.5", "0.7"]
        assert file.tags()["MODEL"] == str(model)
    assert sorted(p.name for p in tmp_path.iterdir()) == [
        "m.tif",
        "m_probabilities.tif",
    ]


@pytest.mark.parametrize("dense", [False, None])
def test_values_are_float_bands_in_their_units(tmp_path, models, scene, pixels, dense):
    model = models["value", False]
    out = map_scene(model, scene, tmp_path / "m.tif", dense=dense, **HOW)
    expected = one_by_one(model, pixels)
    inside = np.s_[1 : 1 + len(expected), 1 : 1 + len(expected[0])]
    found = read(out)[inside]
    known = np.ones(found.shape[:2], bool)
    known[:5, :8] = False
    np.testing.assert_allclose(found[known], expected[known], rtol=1e-4)
    assert np.isnan(found[:3, :5]).all() and np.ptp(found[known], axis=0).min() > 0.3
    with rasterio.open(out) as file:
        assert file.descriptions == ("biomass [t/ha]", "height [m]")
        assert file.dtypes[0] == "float32" and np.isnan(file.nodata)
        assert file.tags(ns="IMAGE_STRUCTURE")["LAYOUT"] == "COG"
    assert [p.name for p in tmp_path.iterdir()] == ["m.tif"]


@pytest.mark.parametrize("kind", ["labels", "value"])
def test_dense_inference_of_padded_networks_is_measured_first(
    tmp_path, models, scene, kind
):
    model = models[kind, True]
    how = {**HOW, "dense": True}
    with pytest.raises(UserError, match=r"agreement with exact windows on 100\.0%"):
        map_scene(model, scene, tmp_path / "m.tif", min_agreement=1.0, **how)
    dense = map_scene(model, scene, tmp_path / "m.tif", min_agreement=0.0, **how)
    exact = map_scene(model, scene, tmp_path / "n.tif", **HOW)
    near = 0 if kind == "labels" else 5
    close = np.isclose(read(dense), read(exact), rtol=0, atol=near, equal_nan=True)
    assert 0.3 < close.mean() < 1


@pytest.mark.parametrize("kind", ["labels", "value"])
def test_an_interrupted_map_resumes_with_its_tiles(tmp_path, models, scene, kind):
    from dataclasses import replace

    predictor = load_predictor(models[kind, True])
    whole = map_scene(predictor, scene, tmp_path / "n.tif", **HOW)
    calls = []

    def counted(pixels, most):
        calls.append(0)
        if len(calls) > most:
            raise KeyboardInterrupt
        return predictor.predict(pixels)

    breaks = replace(predictor, predict=lambda pixels: counted(pixels, 3))
    with pytest.raises(KeyboardInterrupt):
        map_scene(breaks, scene, tmp_path / "m.tif", **HOW)
    calls.clear()
    goes_on = replace(predictor, predict=lambda pixels: counted(pixels, 99))
    out = map_scene(goes_on, scene, tmp_path / "m.tif", **HOW)
    assert 0 < len(calls) <= 9  # of twelve tiles
    assert out.read_bytes() == whole.read_bytes()


def test_tiles_of_other_thresholds_are_not_used(tmp_path, models, scene, monkeypatch):
    from dataclasses import replace

    from autoai4eo.deploy.mapping import mapping

    predictor = load_predictor(models["labels", False])
    with monkeypatch.context() as patch:

        def full(*_):
            raise OSError(28, "No space left on device")

        patch.setattr(mapping, "write_layers", full)
        with pytest.raises(UserError, match="No space left"):
            map_scene(predictor, scene, tmp_path / "m.tif", **HOW)
    never = replace(predictor, thresholds=(1.1,) * 3)
    found = read(map_scene(never, scene, tmp_path / "m.tif", **HOW))
    assert set(np.unique(found)) == {0, 255}


def test_scenes_are_averaged(tmp_path, models, scene):
    other = scenes.write_scene(tmp_path / "b.tif", scenes.digits(61, 83, seed=1))
    model = models["value", False]
    for name, first, seasons in [
        ("a", scene, []),
        ("b", other, []),
        ("ab", scene, [other]),
    ]:
        map_scene(model, first, tmp_path / f"m{name}.tif", seasons=seasons, **HOW)
    one, two, both = (read(tmp_path / f"m{name}.tif") for name in ("a", "b", "ab"))
    mean = np.where(np.isnan(one), two, (one + two) / 2)
    np.testing.assert_allclose(both, mean, rtol=1e-5)


@pytest.mark.parametrize(
    ("kind", "option", "match"),
    [
        ("labels", {"min_confidence": 0.5}, "predicts one class"),
        ("value", {"min_confidence": 0.5}, "predicts one class"),
        ("value", {"probabilities": True}, "which predicts values"),
    ],
)
def test_an_option_of_another_kind_of_map_is_refused(
    tmp_path, models, scene, kind, option, match
):
    with pytest.raises(UserError, match=match) as error:
        map_scene(models[kind, False], scene, tmp_path / "m.tif", **option, **HOW)
    assert "\n" not in str(error.value) and not list(tmp_path.iterdir())


def test_a_layer_of_another_kind_of_map_is_not_left_beside_it(tmp_path, models, scene):
    (tmp_path / "m_confidence.tif").write_text("of a map of classes")
    with pytest.raises(UserError, match=r"m_confidence\.tif: exists already"):
        map_scene(models["value", False], scene, tmp_path / "m.tif", **HOW)
    with pytest.raises(UserError, match="found something else; move it elsewhere"):
        map_scene(
            models["value", False], scene, tmp_path / "m.tif", overwrite=True, **HOW
        )
