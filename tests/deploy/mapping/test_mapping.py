"""Scenes to maps: the right class at the right place, and what the files hold."""

import json
import re
import shutil

import matplotlib.image
import numpy as np
import pytest
import rasterio
import scenes
import small
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from scenes import HEIGHT, WIDTH, WINDOW, read

from autoai4eo.data.lcz42 import LCZ42_CLASSES, LCZ42_COLOURS
from autoai4eo.deploy import map_scene
from autoai4eo.deploy.mapping import mapping
from autoai4eo.deploy.mapping.windows import WindowGrid, valid_cells
from autoai4eo.errors import UserError
from autoai4eo.report.page import write_report


def one_by_one(network, pixels, stride, scale=1e-4):
    """Class and confidence of each cell by its own window, cut by itself."""
    height, width = WINDOW
    around = np.pad(pixels * np.float32(scale), ((99, 99), (99, 99), (0, 0)), "reflect")
    inside = np.pad(np.ones(pixels.shape[:2]), 99)
    rows, columns = -(-pixels.shape[0] // stride), -(-pixels.shape[1] // stride)
    patches, known = [], []
    for i in range(rows):
        for j in range(columns):
            top = int(np.floor(i * stride + stride / 2 - height / 2)) + 99
            left = int(np.floor(j * stride + stride / 2 - width / 2)) + 99
            place = np.s_[top : top + height, left : left + width]
            patches.append(around[place])
            known.append(inside[place].mean() >= 0.5)
    found = network.predict(np.stack(patches).astype("float32"), verbose=0)
    known = np.reshape(known, (rows, columns))
    classes = found.argmax(-1).reshape(rows, columns) + 1
    return np.where(known, classes, 0), np.where(
        known, found.max(-1).reshape(rows, columns), np.nan
    )


@pytest.mark.parametrize("stride", [1, 3, 4, 7, 10])
def test_a_cell_has_the_class_of_the_window_centred_on_it(
    tmp_path, monkeypatch, model, network, scene, pixels, stride
):
    monkeypatch.setattr("autoai4eo.deploy.mapping.windows.TILE", 24)  # many tiles
    out = map_scene(
        model, scene, tmp_path / "m.tif", stride=stride, scale=1e-4, verbose=0
    )
    classes, confidence = one_by_one(network, pixels, stride)
    found = read(out)
    assert found.dtype == np.uint8 and len(np.unique(found[found > 0])) > 1
    np.testing.assert_array_equal(found, classes)
    np.testing.assert_allclose(
        read(tmp_path / "m_confidence.tif"), confidence, atol=1e-6
    )


@pytest.mark.parametrize("crs", ["EPSG:4326", "EPSG:32630"])
def test_map_pixels_are_georeferenced_as_the_scene(tmp_path, model, pixels, crs):
    transform = scenes.UTM
    if crs == "EPSG:4326":
        step = 8.983152841195215e-05
        transform = rasterio.transform.Affine(step, 0, -0.78, 0, -step, 38.1)
    path = scenes.write_scene(tmp_path / "s.tif", pixels, crs=crs, transform=transform)
    out = map_scene(model, path, tmp_path / "m.tif", stride=7, scale=1e-4, verbose=0)
    with rasterio.open(path) as fine, rasterio.open(out) as coarse:
        assert coarse.crs == fine.crs
        assert (coarse.height, coarse.width) == (9, 12)
        for row, column in [(0, 0), (8, 0), (0, 11), (8, 11)]:
            centre = coarse.xy(row, column)
            at = (np.array(~fine.transform).reshape(3, 3) @ [*centre, 1])[:2]
            expected = (column * 7 + 3.5, row * 7 + 3.5)
            assert tuple(at) == pytest.approx(expected, abs=0.01)


def test_the_file_has_metadata(tmp_path, model, scene):
    out = map_scene(
        model,
        scene,
        tmp_path / "m.tif",
        stride=1,
        scale=1e-4,
        probabilities=True,
        verbose=0,
    )
    with rasterio.open(out) as file:
        assert file.tags(ns="IMAGE_STRUCTURE")["LAYOUT"] == "COG"
        assert file.overviews(1) == [2]
        assert file.nodata == 0 and len(set(file.colormap(1).values())) > 3
        assert [file.tags(1)[f"CLASS_{i}"] for i in (1, 2, 3)] == list(scenes.CLASSES)
        assert file.tags()["STRIDE"] == "1"
    with rasterio.open(tmp_path / "m_probabilities.tif") as file:
        assert file.descriptions == scenes.CLASSES
        values = file.read()
    known = read(out) > 0
    np.testing.assert_allclose(values.sum(axis=0)[known], 1, atol=1e-5)
    np.testing.assert_array_equal((values.argmax(axis=0) + 1)[known], read(out)[known])
    assert np.isnan(values[:, ~known]).all()
    np.testing.assert_array_equal(
        values.max(axis=0), read(tmp_path / "m_confidence.tif")
    )


def test_a_map_has_the_colours_of_the_training_masks(tmp_path, model, scene):
    folder = shutil.copytree(model.parent, tmp_path / "coloured")
    told = json.loads((folder / "model.json").read_text())
    (output,) = told["properties"]["mlm:output"]
    for i, one in enumerate(output["classification:classes"]):
        one["color_hint"] = f"0{i}A0FF"
    (folder / "model.json").write_text(json.dumps(told))
    out = tmp_path / "map.tif"
    map_scene(folder / model.name, scene, out, stride=8, scale=1e-4, verbose=0)
    with rasterio.open(out) as file:
        table = file.colormap(1)
    assert [table[i][:3] for i in (1, 2, 3)] == [(i, 160, 255) for i in range(3)]


def test_no_class_without_data_or_confidence(tmp_path, model, pixels):
    holes = pixels.copy()
    holes[:20, :30] = 0
    path = scenes.write_scene(tmp_path / "s.tif", holes, nodata=0)
    out = map_scene(model, path, tmp_path / "m.tif", stride=4, scale=1e-4, verbose=0)
    classes = read(out)
    # a window has data for more than half from 4 pixels over the edge on
    assert (classes[:4, :6] == 0).all() and (classes[6:15, :20] > 0).all()
    confidence = read(tmp_path / "m_confidence.tif")
    assert np.isnan(confidence[:4, :6]).all()
    limit = float(np.nanmedian(confidence))
    sure = map_scene(
        model,
        path,
        tmp_path / "n.tif",
        stride=4,
        scale=1e-4,
        verbose=0,
        min_confidence=limit,
    )
    np.testing.assert_array_equal(
        read(sure), np.where(confidence >= np.float32(limit), classes, 0)
    )


@settings(max_examples=30, deadline=None)
@given(
    st.tuples(st.integers(8, 40), st.integers(8, 40)),
    st.tuples(st.integers(1, 8), st.integers(1, 8)),
    st.integers(1, 9),
)
def test_half_of_a_window_must_have_data(size, window, stride):
    valid = np.random.default_rng(0).random(size) < 0.5
    found = valid_cells(valid, window, stride)
    rows, columns = ((n - w) // stride + 1 for n, w in zip(size, window, strict=True))
    for i in range(rows):
        for j in range(columns):
            top, left = i * stride, j * stride
            some = valid[top : top + window[0], left : left + window[1]]
            assert found[i, j] == (some.mean() >= 0.5)


@settings(max_examples=50, deadline=None)
@given(st.integers(1, 2000), st.integers(1, 2000), st.integers(1, 700))
def test_tiles_cover_each_cell_once(height, width, stride):
    cells = WindowGrid((height, width), WINDOW, stride)
    seen = np.zeros(cells.shape, int)
    for tile in cells.tiles():
        seen[
            tile.row : tile.row + tile.rows, tile.column : tile.column + tile.columns
        ] += 1
    assert (seen == 1).all()


def test_seasons_are_averaged_before_the_class_is_chosen(
    tmp_path, model, network, pixels
):
    spring = pixels.copy()
    spring[:, :40] = 0
    autumn = scenes.digits(HEIGHT, WIDTH, seed=1)
    first = scenes.write_scene(tmp_path / "a.tif", spring, nodata=0)
    second = scenes.write_scene(tmp_path / "b.tif", autumn, nodata=0)
    how = {"stride": 8, "scale": 1e-4, "probabilities": True, "verbose": 0}
    for name, path, seasons in [
        ("a", first, []),
        ("b", second, []),
        ("ab", first, [second]),
    ]:
        map_scene(model, path, tmp_path / f"m{name}.tif", seasons=seasons, **how)

    def layers(name):
        with rasterio.open(tmp_path / f"m{name}_probabilities.tif") as file:
            return file.read()

    with pytest.warns(UserWarning, match="a scene is given twice"):
        again = first.parent / ".." / first.parent.name / first.name
        map_scene(model, first, tmp_path / "maa.tif", seasons=[again], **how)
    one, other, both = layers("a"), layers("b"), layers("ab")
    np.testing.assert_allclose(layers("aa"), one, atol=1e-6)
    mean = np.where(np.isnan(one), other, (one + other) / 2)
    np.testing.assert_allclose(both, mean, atol=1e-6)
    known = ~np.isnan(mean[0])
    np.testing.assert_array_equal(
        read(tmp_path / "mab.tif")[known], (mean.argmax(axis=0) + 1)[known]
    )


def test_sharing_on_request_is_measured_first(tmp_path, capsys, model, scene, network):
    how = {"stride": 4, "scale": 1e-4, "dense": True}
    with pytest.raises(UserError, match=r"agreement with exact windows on 100\.0%"):
        map_scene(model, scene, tmp_path / "m.tif", min_agreement=1.0, **how)
    assert not (tmp_path / "m.tif").exists()
    out = map_scene(model, scene, tmp_path / "m.tif", min_agreement=0.5, **how)
    told = re.search(r"agrees with exact windows on ([\d.]+)%", capsys.readouterr().out)
    exact = map_scene(model, scene, tmp_path / "n.tif", stride=4, scale=1e-4, verbose=0)
    agreement = (read(out) == read(exact)).mean()
    assert 0.5 < agreement < 1
    assert float(told[1]) == pytest.approx(100 * agreement, abs=4)


def test_an_unpadded_network_is_shared_by_itself(tmp_path, monkeypatch, scene):
    import keras

    keras.utils.set_random_seed(1)
    pixels = keras.Input((*WINDOW, 3), name="image")
    x = keras.layers.Conv2D(4, 3, strides=2, activation="relu")(pixels)
    x = keras.layers.GlobalAveragePooling2D()(x)
    x = keras.layers.Dense(3, activation="softmax", kernel_initializer="orthogonal")(x)
    model = scenes.save(keras.Model(pixels, x), tmp_path / "model")
    how = {"stride": 4, "scale": 1e-3, "verbose": 0, "probabilities": True}
    exact = map_scene(model, scene, tmp_path / "e.tif", dense=False, **how)
    monkeypatch.setattr(
        "autoai4eo.deploy.mapping.patchwise.exact_windows", lambda *_: None
    )
    monkeypatch.setattr("autoai4eo.deploy.mapping.windows.TILE", 24)
    out = map_scene(model, scene, tmp_path / "m.tif", **how)
    np.testing.assert_array_equal(read(out), read(exact))
    for layer in (1, 2, 3):
        np.testing.assert_allclose(
            read(mapping.beside(out, "probabilities"), layer),
            read(mapping.beside(exact, "probabilities"), layer),
            atol=1e-6,
        )


def test_a_savedmodel_gives_the_same_map(tmp_path, model, network, scene):
    network.export(tmp_path / "saved", verbose=False)
    scenes.describe(tmp_path / "saved")
    how = {"stride": 8, "scale": 1e-4, "verbose": 0}
    with pytest.raises(UserError, match="expected trust=True with a SavedModel"):
        map_scene(tmp_path / "saved", scene, tmp_path / "a.tif", **how)
    one = map_scene(tmp_path / "saved", scene, tmp_path / "a.tif", trust=True, **how)
    other = map_scene(model, scene, tmp_path / "b.tif", **how)
    np.testing.assert_array_equal(read(one), read(other))


def test_a_run_maps_and_keeps_a_picture(tmp_path, in_process):
    auto = small.model(tmp_path, max_trials=1)
    names = [f"band{i}" for i in range(1, 5)]
    scene = scenes.write_scene(tmp_path / "s.tif", scenes.digits(30, 40, 4), names)
    with pytest.raises(UserError, match="found nothing"):
        auto.predict_scene(scene, tmp_path / "m.tif")
    train = small.dataset()
    auto.fit(train, validation_data=small.dataset(seed=1), epochs=1, verbose=0)
    out = auto.predict_scene(
        scene, tmp_path / "m.tif", scale=1e-3, offset=-1.5, stride=5, verbose=0
    )
    assert read(out).shape == (6, 8)
    shown = matplotlib.image.imread(auto.run / "maps" / "m.png")
    assert len(np.unique(shown.reshape(-1, shown.shape[2]), axis=0)) > 3
    with Image.open(auto.run / "maps" / "m.png") as image:
        assert image.info["Description"] == "s.tif by trial 0"
    page = write_report(auto.run).read_text()
    assert "<b>m</b>: s.tif by trial 0</figcaption>" in page
    with pytest.warns(UserWarning, match="needs the same units"):
        map_scene(auto.run, scene, tmp_path / "u.tif", trial=0, stride=9, verbose=0)
    with Image.open(auto.run / "maps" / "u.png") as image:
        told = image.info["Description"]
    assert told.startswith("s.tif by trial 0; values seem to be others")
    other = map_scene(
        auto.run,
        scene,
        tmp_path / "n.tif",
        trial=0,
        scale=1e-3,
        offset=-1.5,
        stride=5,
        verbose=0,
    )
    assert read(other).shape == (6, 8)
    shutil.rmtree(auto.run / "maps")
    (auto.run / "maps").write_text("no folder can be made here")
    with pytest.warns(UserWarning, match="picture cannot be written") as told:
        auto.predict_scene(
            scene, tmp_path / "p.tif", scale=1e-3, offset=-1.5, stride=5, verbose=0
        )
    assert {one.filename for one in told} == {__file__}
    assert read(tmp_path / "p.tif").shape == (6, 8)
    shutil.rmtree(auto.run / "best")
    with pytest.raises(UserError, match="resumes it"):
        map_scene(auto.run, scene, tmp_path / "o.tif")


def test_local_climate_zones_of_a_real_scene(tmp_path, shared):
    (weights,) = (shared / "lcz_weights").glob("S2_*.h5")
    folder = shared / "scenes"
    out = map_scene(
        "lcz42-resnet20-s2",
        folder / "Spain_7370579_S2Hand.tif",
        tmp_path / "spain.tif",
        weights=weights,
        scale=1e-4,
        stride=20,
        verbose=0,
    )
    classes = read(out)
    with rasterio.open(out) as file:
        table = file.colormap(1)
        assert [table[i + 1][:3] for i in range(17)] == list(LCZ42_COLOURS)
        assert file.tags(1)["CLASS_17"] == LCZ42_CLASSES[16]
    water = read(folder / "Spain_7370579_LabelHand.tif")[:500, :500]
    share = (water == 1).reshape(25, 20, 25, 20).mean(axis=(1, 3))
    found = classes[:25, :25] == 17
    # where most of a cell is water most cells are called so, and few others
    assert found[share > 0.9].mean() > 0.7
    assert found[share < 0.1].mean() < 0.2
