"""Maps of networks with a class for each pixel: blended, exact, on the scene's grid."""

import json
import re

import numpy as np
import pytest
import rasterio
import scenes
import segmenters

from autoai4eo.deploy import load_predictor, map_scene
from autoai4eo.deploy.mapping import figure
from autoai4eo.deploy.mapping.earlier import beside
from autoai4eo.deploy.mapping.seams import Seams, seams
from autoai4eo.deploy.mapping.tile_grid import tile_grid
from autoai4eo.errors import UserError

HEIGHT, WIDTH = 60, 84
HOW = {"scale": 1e-4, "verbose": 0, "probabilities": True}


@pytest.fixture(scope="module")
def pixels():
    return scenes.digits(HEIGHT, WIDTH)


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    folder = tmp_path_factory.mktemp("models")
    return {
        name: segmenters.save(getattr(segmenters, name)(window), folder / name)
        for name, window in WINDOWS.items()
    }


WINDOWS = {
    "padded": (24, 32),
    "pooled": (24, 32),
    "unpadded": (26, 26),
    "of_pixels": (16, 16),
}


def read(path):
    with rasterio.open(path) as file:
        return file.read()


def untiled(name, pixels):
    """Probabilities of the whole scene at once, (height, width, classes)."""
    make, margin = getattr(segmenters, name), 3 if name == "unpadded" else 0
    edges = [(margin, margin), (margin, margin), (0, 0)]
    whole = np.pad(pixels * np.float32(1e-4), edges, "reflect")
    model = segmenters.enlarged(make, WINDOWS[name], whole.shape[:2])
    return np.asarray(model(whole[None], training=False)[0])


@pytest.mark.parametrize("overlap", [None, 0.0, 0.5, 0.8])
@pytest.mark.parametrize("name", ["unpadded", "of_pixels"])
def test_without_padding_the_map_is_that_of_the_untiled_scene(
    tmp_path, models, scene, pixels, name, overlap
):
    out = map_scene(models[name], scene, tmp_path / "m.tif", overlap=overlap, **HOW)
    expected = untiled(name, pixels)
    found = read(beside(out, "probabilities")).transpose(1, 2, 0)
    np.testing.assert_allclose(found, expected, atol=2e-6)
    clear = np.ptp(np.sort(expected)[..., -2:], axis=-1) > 1e-5
    classes = read(out)[0]
    np.testing.assert_array_equal(classes[clear], (expected.argmax(-1) + 1)[clear])
    assert len(np.unique(classes)) == 3
    with rasterio.open(out) as file:
        assert file.tags()["SEAM_DISAGREEMENT"] == "0.00000"


def blended(model, pixels, window, starts):
    """Tile by tile with the weights of the paper, over arrays as large as the scene."""
    total = np.zeros((*pixels.shape[:2], 3))
    weight = np.zeros((*pixels.shape[:2], 1))
    rise, run = (np.sin(np.pi * (np.arange(n) + 0.5) / n) ** 2 for n in window)
    for top in starts[0]:
        for left in starts[1]:
            place = np.s_[top : top + window[0], left : left + window[1]]
            tile = (pixels[place] * np.float32(1e-4))[None]
            found = model(tile, training=False)[0]
            total[place] += np.asarray(found) * np.outer(rise, run)[..., None]
            weight[place] += np.outer(rise, run)[..., None]
    return total / weight


@pytest.mark.parametrize("row_bytes", [2**27, 1])
@pytest.mark.parametrize("name", ["padded", "pooled"])
def test_tiles_are_blended_by_hanns_window(
    tmp_path, monkeypatch, models, scene, pixels, name, row_bytes
):
    # with one byte for a row of tiles each swath is as narrow as it gets
    monkeypatch.setattr("autoai4eo.deploy.mapping.blending._ROW_BYTES", row_bytes)
    out = map_scene(models[name], scene, tmp_path / "m.tif", **HOW)
    model = getattr(segmenters, name)(WINDOWS[name])
    starts = [0, 12, 24, 36], [0, 16, 32, 48, 52]  # the last ones end with the scene
    expected = blended(model, pixels, WINDOWS[name], starts)
    found = read(beside(out, "probabilities")).transpose(1, 2, 0)
    np.testing.assert_allclose(found, expected, atol=2e-6)
    np.testing.assert_array_equal(read(out)[0], found.argmax(-1) + 1)
    np.testing.assert_array_equal(read(beside(out, "confidence"))[0], found.max(-1))
    with rasterio.open(out) as file:
        assert file.tags()["WINDOW"] == "24x32" and file.tags()["OVERLAP"] == "0.5"


def test_blending_lowers_seams(tmp_path, models):
    pixels = scenes.digits(180, 200)
    scene = scenes.write_scene(tmp_path / "s.tif", pixels)
    found, told = [], []
    reference = untiled("padded", pixels).argmax(-1) + 1
    size = WINDOWS["padded"]
    side_by_side = tile_grid(pixels.shape[:2], size, size, 0.0, None)
    for overlap in (0.0, 0.5):
        out = map_scene(
            models["padded"], scene, tmp_path / f"{overlap}.tif", overlap=overlap, **HOW
        )
        borders = side_by_side.rows.borders, side_by_side.columns.borders
        found.append(seams(read(out)[0], reference, *borders))
        with rasterio.open(out) as file:
            told.append(float(file.tags()["SEAM_DISAGREEMENT"]))
    # without blending the wrong pixels lie at the borders
    assert found[0].at_borders > 0.05 and found[0].elsewhere < 0.01
    assert found[1].at_borders < 0.3 * found[0].at_borders
    assert told[1] < 0.3 * told[0]


@pytest.mark.parametrize("crs", ["EPSG:4326", "EPSG:32630"])
def test_the_grid_is_the_scenes(tmp_path, models, pixels, crs):
    transform = rasterio.transform.Affine(8.98e-5, 1e-6, -0.78, 2e-6, -8.98e-5, 38.1)
    if crs == "EPSG:32630":
        transform = scenes.UTM
    path = scenes.write_scene(tmp_path / "s.tif", pixels, crs=crs, transform=transform)
    out = map_scene(models["unpadded"], path, tmp_path / "m.tif", **HOW)
    for layer in (out, beside(out, "confidence"), beside(out, "probabilities")):
        with rasterio.open(path) as before, rasterio.open(layer) as after:
            assert after.transform == before.transform and after.crs == before.crs
            assert after.shape == before.shape
            assert after.tags(ns="IMAGE_STRUCTURE")["LAYOUT"] == "COG"
    with rasterio.open(out) as file:
        assert (file.dtypes[0], file.nodata) == ("uint8", 0)
        assert [file.tags(1)[f"CLASS_{i}"] for i in (1, 2, 3)] == list(scenes.CLASSES)
        assert len({file.colormap(1)[i] for i in (1, 2, 3)}) == 3


def test_pixels_without_data_have_no_class(tmp_path, models, pixels):
    holes = pixels.copy()
    holes[:31, :41] = 0
    holes[50, 60] = 0  # one pixel
    path = scenes.write_scene(tmp_path / "s.tif", holes, nodata=0)
    out = map_scene(models["of_pixels"], path, tmp_path / "m.tif", **HOW)
    classes = read(out)[0]
    known = holes[..., 0] > 0
    np.testing.assert_array_equal(classes > 0, known)
    assert np.isnan(read(beside(out, "probabilities"))[:, ~known]).all()
    expected = untiled("of_pixels", pixels).argmax(-1) + 1
    np.testing.assert_array_equal(classes[known], expected[known])


def test_no_gap_has_the_shape_of_a_tile(tmp_path, models, pixels):
    holes = np.zeros_like(pixels)
    holes[:, 80:] = pixels[:, 80:]  # an eighth of the last tiles
    holes[3, 5] = pixels[3, 5]
    path = scenes.write_scene(tmp_path / "s.tif", holes, nodata=0)
    classes = read(map_scene(models["padded"], path, tmp_path / "m.tif", **HOW))[0]
    np.testing.assert_array_equal(classes > 0, holes[..., 0] > 0)
    path = scenes.write_scene(tmp_path / "t.tif", np.zeros_like(pixels), nodata=0)
    with pytest.raises(UserError, match="expected a scene with data"):
        map_scene(models["padded"], path, tmp_path / "n.tif", **HOW)


def test_seasons_are_averaged_where_they_have_data(tmp_path, models, pixels):
    spring = pixels.copy()
    spring[:, :40] = 0
    first = scenes.write_scene(tmp_path / "a.tif", spring, nodata=0)
    second = scenes.write_scene(
        tmp_path / "b.tif", scenes.digits(HEIGHT, WIDTH, seed=1)
    )
    for name, path, seasons in [
        ("a", first, []),
        ("b", second, []),
        ("ab", first, [second]),
    ]:
        model = models["of_pixels"]
        map_scene(model, path, tmp_path / f"m{name}.tif", seasons=seasons, **HOW)
    one, two, both = (
        read(tmp_path / f"m{name}_probabilities.tif") for name in ("a", "b", "ab")
    )
    mean = np.where(np.isnan(one), two, (one + two) / 2)
    np.testing.assert_allclose(both, mean, atol=1e-6)


@pytest.mark.parametrize("row_bytes", [2**27, 60_000])
def test_an_interrupted_map_resumes_to_the_same_bytes(
    tmp_path, monkeypatch, models, scene, row_bytes
):
    from dataclasses import replace

    monkeypatch.setattr("autoai4eo.deploy.mapping.blending._ROW_BYTES", row_bytes)
    monkeypatch.setattr("autoai4eo.cost.mapping._PIXELS_CPU", 1)
    predictor = load_predictor(models["padded"])
    calls = []

    def counted(most):
        def predict(pixels):
            calls.append(0)
            if len(calls) > most:
                raise KeyboardInterrupt
            return predictor.predict(pixels)

        return replace(predictor, predict=predict)

    whole = map_scene(counted(999), scene, tmp_path / "n.tif", **HOW)
    number = len(calls)
    calls.clear()
    with pytest.raises(KeyboardInterrupt):
        map_scene(counted(14), scene, tmp_path / "m.tif", **HOW)
    assert not (tmp_path / "m.tif").exists()
    calls.clear()
    out = map_scene(counted(999), scene, tmp_path / "m.tif", **HOW)
    assert 0 < len(calls) < number
    assert out.read_bytes() == whole.read_bytes()
    probabilities = [beside(p, "probabilities").read_bytes() for p in (out, whole)]
    assert probabilities[0] == probabilities[1]
    assert not (tmp_path / ".mapping-m.tif").exists()


@pytest.mark.parametrize("runtime", ["onnx", "openvino", "litert"])
def test_the_map_of_a_runtime_is_that_of_the_model(
    tmp_path, capsys, models, scene, runtime
):
    exact = map_scene(models["unpadded"], scene, tmp_path / "e.tif", **HOW)
    how = {**HOW, "verbose": 1}
    out = map_scene(
        models["unpadded"], scene, tmp_path / "m.tif", runtime=runtime, **how
    )
    told = capsys.readouterr().out
    assert re.search(rf"{runtime} in float32 agrees on 100\.0% of [\d,]+ pixels", told)
    assert "classes differ from tiles laid across tile borders in 0.00%" in told
    found, expected = (read(beside(p, "probabilities")) for p in (out, exact))
    np.testing.assert_allclose(found, expected, atol=1e-4)


def test_a_savedmodel_and_onnx_file_give_the_same_map(tmp_path, models, scene):
    from autoai4eo.runtimes import RUNTIMES

    model = segmenters.padded(WINDOWS["padded"])
    expected = read(map_scene(models["padded"], scene, tmp_path / "e.tif", **HOW))
    model.export(tmp_path / "saved", verbose=False)
    scenes.describe(tmp_path / "saved")
    RUNTIMES["onnx"].prepare(model, tmp_path, "float32", 1, lambda: iter(()))
    (onnx,) = tmp_path.rglob("*.onnx")
    scenes.describe(onnx.parent)
    for path in (tmp_path / "saved", onnx):
        predictor = load_predictor(path, trust=True)
        assert predictor.target.kind == "mask"
        assert predictor.target.shape == WINDOWS["padded"]
        out = map_scene(predictor, scene, tmp_path / f"{path.name}.tif", **HOW)
        assert (read(out) == expected).mean() > 0.999


@pytest.mark.parametrize(
    ("name", "option", "match"),
    [
        ("padded", {"stride": 4}, r"stride: expected a network with a class for a p"),
        ("padded", {"dense": True}, r"dense: expected a network with a class for a p"),
        (
            "padded",
            {"overlap": 1.0},
            r"overlap: expected a share from 0 to 0\.9, got 1",
        ),
        ("class", {"overlap": 0.5}, r"overlap: expected a network with a class for e"),
    ],
)
def test_an_option_of_the_other_kind_of_network_is_refused(
    tmp_path, models, scene, name, option, match
):
    model = models.get(name) or scenes.save(scenes.classifier(), tmp_path / "model")
    with pytest.raises(UserError, match=match) as error:
        map_scene(model, scene, tmp_path / "m.tif", **option)
    assert "\n" not in str(error.value) and not (tmp_path / "m.tif").exists()


@pytest.mark.parametrize("shape", [(20, 84), (60, 20), (12, 16)])
@pytest.mark.parametrize("name", ["padded", "unpadded"])
def test_a_scene_smaller_than_a_tile_is_reflected(
    tmp_path, models, pixels, name, shape
):
    """Users rely on: a small clip is mapped like a tile of the training was read."""
    part = pixels[: shape[0], : shape[1]]
    if name == "unpadded":
        part = pixels[13:31, 13:31]  # smaller than its window of 26
    path = scenes.write_scene(tmp_path / "s.tif", part)
    out = map_scene(models[name], path, tmp_path / "m.tif", **HOW)
    if name == "unpadded":
        expected = untiled(name, part)
    else:
        larger = np.maximum(part.shape[:2], WINDOWS[name])
        more = [(0, n - have) for n, have in zip(larger, part.shape, strict=False)]
        whole = np.pad(part, [*more, (0, 0)], "reflect")
        starts = [
            sorted({*range(0, n - window + 1, window // 2), n - window})
            for n, window in zip(whole.shape, WINDOWS[name], strict=False)
        ]
        model = getattr(segmenters, name)(WINDOWS[name])
        expected = blended(model, whole, WINDOWS[name], starts)
    found = read(beside(out, "probabilities")).transpose(1, 2, 0)
    assert found.shape == (*part.shape[:2], 3)
    expected = expected[: part.shape[0], : part.shape[1]]
    np.testing.assert_allclose(found, expected, atol=2e-6)


def test_a_tile_more_than_twice_the_scene_is_refused(tmp_path, models, pixels):
    path = scenes.write_scene(tmp_path / "s.tif", pixels[:11])
    with pytest.raises(UserError, match=r"at least half a tile, 12×16 pixels") as error:
        map_scene(models["padded"], path, tmp_path / "m.tif", **HOW)
    assert "\n" not in str(error.value)


def test_outputs_of_other_pixels_than_the_windows_are_refused(tmp_path, scene):
    import keras

    image = keras.Input((16, 16, 3), name="image")
    x = keras.layers.Conv2D(3, 2, strides=2, activation="softmax")(image)
    path = scenes.save(keras.Model(image, x), tmp_path / "model")
    with pytest.raises(UserError, match=r"each of 16×16 pixels, found 8×8") as error:
        map_scene(path, scene, tmp_path / "m.tif", **HOW)
    assert "\n" not in str(error.value)


def test_a_target_of_patches_with_a_network_of_pixels_is_refused(tmp_path, models):
    for made, kind, match in [
        (
            segmenters.padded((16, 16)),
            "class",
            "a vector for a patch, as the target cl",
        ),
        (scenes.classifier(), "mask", "a vector for each pixel, as the target mask n"),
    ]:
        path = scenes.save(made, tmp_path / kind)
        beside_it = path.parent / "model.json"
        told = json.loads(beside_it.read_text())
        (output,) = told["properties"]["mlm:output"]
        output["autoai4eo:target"] = {"kind": kind}
        beside_it.write_text(json.dumps(told))
        with pytest.raises(UserError, match=match) as error:
            load_predictor(path)
        assert "\n" not in str(error.value)


def test_a_single_tile_has_no_seams(tmp_path, models, pixels):
    path = scenes.write_scene(tmp_path / "s.tif", pixels[:24, :32])
    out = map_scene(models["padded"], path, tmp_path / "m.tif", **HOW)
    with rasterio.open(out) as file:
        assert "SEAM_DISAGREEMENT" not in file.tags()
    assert figure.thumbnail(out, 10).shape[0] <= 10


@pytest.mark.slow
def test_a_large_scene_needs_the_memory_of_some_rows(tmp_path):
    import tracemalloc

    from autoai4eo.data.target import Target
    from autoai4eo.deploy.predictors.base import Predictor

    def predict(pixels):  # brightness alone decides
        mean = pixels["image"].mean(axis=-1, keepdims=True)
        grown = np.exp(-((mean - np.array([0.05, 0.15, 0.25], "float32")) ** 2) / 0.01)
        return grown / grown.sum(axis=-1, keepdims=True)

    target = Target("mask", scenes.CLASSES, (256, 256))
    bands = {"image": scenes.BANDS}
    predictor = Predictor("stub", bands, (256, 256), target, predict, "0")
    peaks = []
    for height in (1000, 4000):
        pixels = np.tile(scenes.digits(500, 500), (height // 500, 8, 1))
        path = scenes.write_scene(
            tmp_path / f"{height}.tif",
            pixels,
            tiled=True,
            blockxsize=256,
            blockysize=256,
        )
        del pixels
        tracemalloc.start()
        out = map_scene(
            predictor, path, tmp_path / f"m{height}.tif", scale=1e-4, verbose=0
        )
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
        assert (read(out)[0] > 0).all()
    # four times the rows; sums of the whole scene would be 256 MB
    assert peaks[1] < 1.2 * peaks[0]
    assert peaks[1] < 230 * 2**20


def test_shares_without_pixels_are_not_told_as_numbers():
    found = Seams(near=50, near_differing=1)
    assert str(found).endswith(
        "in 2.00% of the pixels within 8 pixels of a border, no pixel lies elsewhere"
    )
    assert found.tags == {"SEAM_DISAGREEMENT": "0.02000"}
    assert "nan" not in str(Seams(far=3)) and Seams().tags == {}
