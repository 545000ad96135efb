"""What a map tells of scenes, models and outputs, and what it refuses."""

import json
import warnings

import numpy as np
import pytest
import rasterio
import scenes
from scenes import WINDOW, read

from autoai4eo.data.units import Typical
from autoai4eo.deploy import load_predictor, map_scene
from autoai4eo.errors import UserError


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
