"""Scenes to maps: the right class at the right place, whatever breaks off."""

import json
import os
import re
import shutil
import subprocess
import sys
import warnings

import matplotlib.image
import numpy as np
import pytest
import rasterio
import scenes
import small
from hypothesis import given, settings
from hypothesis import strategies as st

from autoai4eo.data.lcz42 import LCZ42_CLASSES, LCZ42_COLOURS
from autoai4eo.data.units import Typical
from autoai4eo.deploy import load_predictor, map_scene
from autoai4eo.deploy.mapping import mapping
from autoai4eo.deploy.mapping.windows import WindowGrid, valid_cells
from autoai4eo.errors import UserError

HEIGHT, WIDTH = 61, 83  # multiples of nothing
WINDOW = (8, 8)


@pytest.fixture(scope="module")
def network():
    return scenes.classifier(WINDOW)


@pytest.fixture(scope="module")
def model(tmp_path_factory, network):
    return scenes.save(network, tmp_path_factory.mktemp("model"))


@pytest.fixture(scope="module")
def pixels():
    return scenes.digits(HEIGHT, WIDTH)


@pytest.fixture(scope="module")
def scene(tmp_path_factory, pixels):
    return scenes.write_scene(tmp_path_factory.mktemp("scene") / "s.tif", pixels)


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


def read(path, band=1):
    with rasterio.open(path) as file:
        return file.read(band)


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

    one, other, both = layers("a"), layers("b"), layers("ab")
    mean = np.where(np.isnan(one), other, (one + other) / 2)
    np.testing.assert_allclose(both, mean, atol=1e-6)
    known = ~np.isnan(mean[0])
    np.testing.assert_array_equal(
        read(tmp_path / "mab.tif")[known], (mean.argmax(axis=0) + 1)[known]
    )


def test_an_interrupted_map_computes_only_missing_tiles(
    tmp_path, monkeypatch, model, scene
):
    monkeypatch.setattr("autoai4eo.deploy.mapping.windows.TILE", 24)
    how = {"stride": 4, "scale": 1e-4, "verbose": 0}
    whole = map_scene(model, scene, tmp_path / "whole.tif", **how)
    out = tmp_path / "m.tif"
    classifier = load_predictor(model)
    done = []

    def breaks(pixels):
        if len(done) == 3:
            raise KeyboardInterrupt
        done.append(0)
        return classifier.predict(pixels)

    with pytest.raises(KeyboardInterrupt):
        map_scene(_with(classifier, breaks), scene, out, **how)
    assert not out.exists() and not (tmp_path / "m_confidence.tif").exists()
    more = []

    def counts(pixels):
        more.append(0)
        return classifier.predict(pixels)

    map_scene(_with(classifier, counts), scene, out, **how)
    assert 0 < len(more) < 12  # a batch for each of the 12 tiles
    assert len(more) + len(done) <= 13
    np.testing.assert_array_equal(read(out), read(whole))
    assert sorted(p.name for p in tmp_path.iterdir()) == [
        "m.tif",
        "m_confidence.tif",
        "whole.tif",
        "whole_confidence.tif",
    ]


def test_tiles_of_other_options_are_not_used(tmp_path, monkeypatch, model, scene):
    out = tmp_path / "m.tif"
    classifier = load_predictor(model)

    def full(*_, **__):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(mapping, "write_layers", full)
        with pytest.raises(UserError, match=r"cannot be written .No space.*to resume"):
            map_scene(classifier, scene, out, stride=8, scale=1e-4, verbose=0)
    assert not out.exists()
    assert list((tmp_path / ".mapping-m.tif").glob("[0-9]*.npz"))
    map_scene(classifier, scene, out, stride=4, scale=1e-4, verbose=0)
    direct = map_scene(
        classifier, scene, tmp_path / "n.tif", stride=4, scale=1e-4, verbose=0
    )
    np.testing.assert_array_equal(read(out), read(direct))


def _with(classifier, predict):
    from dataclasses import replace

    return replace(classifier, predict=predict)


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


def told(*arguments, **more):
    with warnings.catch_warnings(record=True) as found:
        warnings.simplefilter("always")
        map_scene(*arguments, verbose=0, stride=8, **more)
    return [str(w.message) for w in found]


def test_units_that_differ_from_training_are_reported(tmp_path, model, scene):
    from dataclasses import replace

    typical = {"image": (Typical(0.16, 0.07, 0.02, 0.3),) * 3}
    classifier = replace(load_predictor(model), typical=typical)
    (note,) = told(classifier, scene, tmp_path / "a.tif")
    assert "scale=0.0001" in note
    assert told(classifier, scene, tmp_path / "b.tif", scale=1e-4) == []
    (note,) = told(classifier, scene, tmp_path / "c.tif", scale=1e-7)
    assert "fits the values: scale=0.0001" in note
    decibels = {"image": (Typical(-15, 5, -25, -5),) * 3}
    radar = replace(classifier, typical=decibels)
    assert told(radar, scene, tmp_path / "d.tif", scale=5e-3, offset=-23) == []


def test_fill_that_the_scene_does_not_declare_is_told(tmp_path, model, pixels):
    filled = pixels.astype(np.int16)
    filled[:, :10] = -9999
    path = scenes.write_scene(tmp_path / "s.tif", filled)
    (note,) = told(model, path, tmp_path / "a.tif", scale=1e-4)
    assert "-9999, probably fill that is not declared, in B02" in note
    assert "rio edit-info --nodata -9999 FILE" in note
    declared = scenes.write_scene(tmp_path / "d.tif", filled, nodata=-9999)
    assert told(model, declared, tmp_path / "b.tif", scale=1e-4) == []


def test_units_of_the_training_are_read_from_beside_a_model(tmp_path, network, scene):
    model = scenes.save(network, tmp_path / "m")
    told_of = json.loads((tmp_path / "m" / "model.json").read_text())
    told_of["properties"]["mlm:input"][0]["autoai4eo:statistics"] = {
        "p2": [0.02] * 3,
        "p98": [0.3] * 3,
    }
    (tmp_path / "m" / "model.json").write_text(json.dumps(told_of))
    (note,) = told(model, scene, tmp_path / "a.tif")
    assert "scale=0.0001" in note


def test_another_processing_level_is_reported(tmp_path, model, pixels, network):
    scenes.save(network, tmp_path / "m")
    scenes.describe(tmp_path / "m", **{"autoai4eo:level": "L1C"})
    scene = scenes.write_scene(tmp_path / "S2A_MSIL2A_20200101.tif", pixels)
    (note,) = told(tmp_path / "m" / "net.keras", scene, tmp_path / "a.tif", scale=1e-4)
    assert "level L2A" in note and "made for L1C" in note


@pytest.fixture
def refused(tmp_path):
    def call(*arguments, **more):
        with pytest.raises(UserError) as error:
            map_scene(*arguments, verbose=0, **more)
        assert not list(tmp_path.rglob("*.writing*"))
        assert not list(tmp_path.glob("m*.tif"))
        assert not list(tmp_path.glob(".mapping*"))
        return str(error.value)

    return call


@pytest.mark.parametrize("stride", [0, -3, 10**400])
def test_a_step_that_no_map_has(tmp_path, refused, model, scene, stride):
    told = refused(model, scene, tmp_path / "m.tif", stride=stride)
    assert "expected 1 to 100,000 pixels" in told and len(told) < 200


def test_bad_outputs(tmp_path, refused, model, scene):
    assert "ends with .tif" in refused(model, scene, tmp_path / "m.png")
    assert "found none; make it" in refused(model, scene, tmp_path / "no" / "m.tif")
    (tmp_path / "old.tif").write_text("precious")
    assert "overwrite=True" in refused(model, scene, tmp_path / "old.tif")
    assert (tmp_path / "old.tif").read_text() == "precious"
    (tmp_path / "n_confidence.tif").write_text("precious")
    assert "n_confidence.tif: exists" in refused(model, scene, tmp_path / "n.tif")
    map_scene(
        model,
        scene,
        tmp_path / "old.tif",
        overwrite=True,
        verbose=0,
        stride=20,
        scale=1e-4,
    )
    assert read(tmp_path / "old.tif").shape == (4, 5)


def test_bad_scenes(tmp_path, refused, model, pixels):
    out = tmp_path / "m.tif"
    small = scenes.write_scene(tmp_path / "small.tif", pixels[:7])
    assert "at least one window, 8×8 pixels, found 7×83" in refused(model, small, out)
    empty = scenes.write_scene(tmp_path / "empty.tif", pixels * 0, nodata=0)
    assert "is nodata" in refused(model, empty, out)
    other = scenes.write_scene(tmp_path / "o.tif", pixels[..., :2], ["B02", "B03"])
    assert "B04 missing" in refused(model, other, out)
    whole = scenes.write_scene(tmp_path / "t.tif", pixels)
    whole.write_bytes(whole.read_bytes()[:-9000])
    assert "cut off" in refused(model, whole, out)


def test_bad_models(tmp_path, refused, network, scene):
    out = tmp_path / "m.tif"
    assert "found nothing" in refused(tmp_path / "none.keras", scene, out)
    assert "run.json" in refused(tmp_path, scene, out)
    network.save(tmp_path / "net.keras")
    assert '"mlm:input"' in refused(tmp_path / "net.keras", scene, out)
    (tmp_path / "model.json").write_text("{}")
    assert "this suffices" in refused(tmp_path / "net.keras", scene, out)
    scenes.describe(tmp_path)
    told = json.loads((tmp_path / "model.json").read_text())
    told["properties"]["mlm:output"][0]["classification:classes"].pop()
    (tmp_path / "model.json").write_text(json.dumps(told))
    assert "3 classes of the network" in refused(tmp_path / "net.keras", scene, out)
    (tmp_path / "net.onnx").write_text("no network")
    assert "onnx" in refused(tmp_path / "net.onnx", scene, out)
    assert "leave it out" in refused(
        tmp_path / "net.keras", scene, out, weights=tmp_path / "w.h5"
    )
    assert "expected in" in refused("lcz42-resnet20-s2", scene, out, weights=scene)


@pytest.mark.slow
def test_killed_it_leaves_nothing_under_the_final_name(tmp_path, model):
    pixels = scenes.digits(400, 400)
    scene = scenes.write_scene(tmp_path / "s.tif", pixels)
    out = tmp_path / "m.tif"
    script = (
        "import sys; from autoai4eo.deploy import map_scene\n"
        "from autoai4eo.deploy.mapping import windows\n"
        "windows.TILE = 64\n"
        "map_scene(*sys.argv[1:], stride=5, scale=1e-4, verbose=0)\n"
    )
    command = [sys.executable, "-c", script, str(model), str(scene), str(out)]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    process = subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL)
    folder = tmp_path / ".mapping-m.tif"
    while process.poll() is None and len(list(folder.glob("[0-9]*.npz"))) < 3:
        pass
    process.kill()
    process.wait()
    assert not out.exists() and len(list(folder.glob("[0-9]*.npz"))) >= 3
    subprocess.run(command, env=environment, check=True, stderr=subprocess.DEVNULL)
    assert read(out).shape == (80, 80) and not folder.exists()


def two_sensors(tmp_path):
    """A network of B02 in reflectance and VV in decibels, and files of both."""
    from dataclasses import replace

    network = scenes.classifier(WINDOW, bands=2)
    model = scenes.save(network, tmp_path / "two", ["B02", "VV"])
    classifier = replace(
        load_predictor(model),
        typical={"image": (Typical(0.15, 0.06, 0.03, 0.3), Typical(-11, 4, -20, -3))},
    )
    optical = scenes.write_scene(tmp_path / "o.tif", scenes.digits(61, 83, 1), ["B02"])
    decibels = np.random.default_rng(0).normal(-11, 3, (80, 110, 1))
    step = 8.983152841195215e-05
    geographic = rasterio.transform.Affine(step, 0, -5.2766, 0, -step, 37.9245)
    files = {}
    for name, values in (("db", decibels), ("linear", 10 ** (decibels / 10))):
        files[name] = scenes.write_scene(
            tmp_path / f"{name}.tif",
            values.astype(np.float32),
            ["VV"],
            crs="EPSG:4326",
            transform=geographic,
        )
    return classifier, optical, files


def test_linear_intensity_for_decibels_is_reported_and_the_reverse(tmp_path):
    from dataclasses import replace

    classifier, optical, radar = two_sensors(tmp_path)
    how = {"scale": 1e-4}
    (covers,) = told(classifier, [optical, radar["db"]], tmp_path / "a.tif", **how)
    assert "no data where other bands have some, in VV" in covers
    _, note = told(classifier, [optical, radar["linear"]], tmp_path / "b.tif", **how)
    assert "values of VV (median 0.0" in note and "mean -11" in note
    assert "10 · log10" in note
    linear = (classifier.typical["image"][0], Typical(0.1, 0.08, 0.01, 0.5))
    other = replace(classifier, typical={"image": linear})
    assert len(told(other, [optical, radar["linear"]], tmp_path / "c.tif", **how)) == 1
    _, note = told(other, [optical, radar["db"]], tmp_path / "d.tif", **how)
    assert "10 to the power" in note


# the radar file covers a part of the scene
@pytest.mark.filterwarnings("ignore:.*no data where other bands have some")
def test_maps_do_not_depend_on_the_order_of_the_files(tmp_path):
    classifier, optical, radar = two_sensors(tmp_path)
    how = {"scale": 1e-4, "stride": 8, "verbose": 0}
    a = map_scene(classifier, [optical, radar["db"]], tmp_path / "a.tif", **how)
    b = map_scene(classifier, [radar["db"], optical], tmp_path / "b.tif", **how)
    assert a.read_bytes() == b.read_bytes()
    for one, other in [("a_confidence.tif", "b_confidence.tif")]:
        assert (tmp_path / one).read_bytes() == (tmp_path / other).read_bytes()
    like = map_scene(
        classifier,
        [optical, radar["db"]],
        tmp_path / "c.tif",
        like=radar["db"],
        **how,
    )
    with rasterio.open(a) as first, rasterio.open(like) as second:
        assert first.crs == "EPSG:32630" and second.crs == "EPSG:4326"
        assert second.shape == (10, 14)


def test_advice_about_tags_is_tried_on_the_values_first(tmp_path, model, pixels):
    from dataclasses import replace

    def tagged(name, values, scales, offsets=(0, 0, 0)):
        path = scenes.write_scene(tmp_path / name, values)
        with rasterio.open(path, "r+") as file:
            file.scales, file.offsets = scales, offsets
        return path

    numbers = (Typical(1600, 700, 200, 3000),) * 3
    shares = (Typical(0.16, 0.07, 0.02, 0.3),) * 3
    on_numbers = replace(load_predictor(model), typical={"image": numbers})
    on_shares = replace(on_numbers, typical={"image": shares})
    path = tagged("s.tif", pixels, [1e-4] * 3)
    assert told(on_numbers, path, tmp_path / "a.tif") == []
    (note,) = told(on_numbers, path, tmp_path / "b.tif", scale="tags")
    assert "scale=1" in note
    (note,) = told(on_shares, path, tmp_path / "c.tif")
    assert "fits the values: scale" in note
    # tags that differ by band, which one number cannot stand for
    mixed = (pixels * np.array([1, 10, 1])).astype(np.uint16)
    path = tagged("t.tif", mixed, [1e-4, 1e-5, 1e-4], [0, 0, -0.01])
    (note,) = told(on_shares, path, tmp_path / "d.tif")
    assert "scale='tags'" in note and "B03 × 1e-05 + 0" in note
    assert "B04 × 0.0001 − 0.01" in note
    assert told(on_shares, path, tmp_path / "e.tif", scale="tags") == []
    # tags that are wrong are not advised, and where nothing fits that is said
    path = tagged("u.tif", (pixels // 10), [7.0] * 3)
    (note,) = told(on_shares, path, tmp_path / "f.tif")
    assert "scale='tags'" not in note
    strange = replace(on_shares, typical={"image": (Typical(5e8, 1e8, 3e8, 7e8),) * 3})
    (note,) = told(strange, path, tmp_path / "g.tif")
    assert "no usual scale or offset fits" in note and "median" in note


def test_tiles_of_another_scene_or_mask_are_not_used(tmp_path, monkeypatch, model):
    pixels = scenes.digits(HEIGHT, WIDTH)
    quality = np.full((HEIGHT, WIDTH, 1), 4, np.uint16)
    quality[:30] = 9
    path = scenes.write_scene(
        tmp_path / "s.tif",
        np.concatenate([pixels, quality], axis=-1),
        [*scenes.BANDS, "SCL"],
    )
    out = tmp_path / "m.tif"
    how = {"stride": 4, "scale": 1e-4, "verbose": 0}

    def full(*_, **__):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(mapping, "write_layers", full)
        with pytest.raises(UserError), pytest.warns(UserWarning, match="mask_clouds"):
            map_scene(model, path, out, **how)
    with pytest.warns(UserWarning, match="masked by SCL: "):
        map_scene(model, path, out, mask_clouds=True, **how)
    assert (read(out)[:6] == 0).all() and (read(out)[9:-1] > 0).all()
