"""`autoai4eo map`, as a new user tries it."""

import json
import os
import shutil

import numpy as np
import predictors
import pytest
import rasterio
import scenes

from autoai4eo.cli.map_summary import other_values, print_reference
from autoai4eo.deploy.mapping.reference import reference_json


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("map")
    scenes.save(scenes.classifier(), folder)
    scenes.write_scene(folder / "scene.tif", scenes.digits(50, 70))
    return folder


def test_a_scene_becomes_a_map(run, folder, tmp_path):
    out = tmp_path / "map.tif"
    done = run(
        "map",
        folder / "net.keras",
        folder / "scene.tif",
        out,
        "--scale",
        0.0001,
        "--stride",
        5,
        "--probabilities",
    )
    assert done.status == 0, done.err
    assert "10 × 14 pixels" in done.out
    assert any(name in done.out for name in scenes.CLASSES)
    with rasterio.open(out) as file:
        assert file.shape == (10, 14) and file.crs == "EPSG:32630"
    assert sorted(p.name for p in tmp_path.iterdir()) == [
        "map.tif",
        "map_confidence.tif",
        "map_probabilities.tif",
    ]


def test_names_that_are_no_utf8(run, folder, tmp_path):
    """A network there is read; a map cannot be written, and that is said at once."""
    latin = tmp_path / os.fsdecode(b"caf\xe9")
    shutil.copytree(folder, latin)
    how = ("--scale", 0.0001, "--stride", 5, "--quiet")
    scene = folder / "scene.tif"
    done = run("map", latin / "net.keras", scene, tmp_path / "map.tif", *how)
    assert (done.status, done.err) == (0, "")
    with rasterio.open(tmp_path / "map.tif") as file:
        assert "caf\\udce9" in file.tags()["MODEL"]
    done = run("map", folder / "net.keras", scene, latin / "map.tif", *how)
    assert done.status == 2 and "expected a path in UTF-8" in done.err
    assert len(done.err.splitlines()) == 1


def test_a_file_for_each_band(run, folder, tmp_path):
    pixels = scenes.digits(50, 70)
    names = ("B04", "B02", "B03")
    files = [
        scenes.write_scene(
            tmp_path / f"x_{name}.tif",
            pixels[..., [scenes.BANDS.index(name)]],
            None,
        )
        for name in names
    ]
    how = ("--scale", 0.0001, "--stride", 5, "--quiet")
    for out, given in (("a.tif", files), ("b.tif", [folder / "scene.tif"])):
        done = run("map", folder / "net.keras", *given, tmp_path / out, *how)
        assert (done.status, done.out, done.err) == (0, "", "")
    read = []
    for out in ("a.tif", "b.tif"):
        with rasterio.open(tmp_path / out) as file:
            read.append(file.read(1))
    np.testing.assert_array_equal(*read)


def test_a_season_of_several_files(run, folder, tmp_path):
    summer = scenes.digits(50, 70, seed=1)
    files = [
        scenes.write_scene(tmp_path / f"{name}.tif", summer[..., [i]], [name])
        for i, name in enumerate(scenes.BANDS)
    ]
    how = ("--scale", 0.0001, "--stride", 5, "--quiet", "--probabilities")
    net, spring = folder / "net.keras", folder / "scene.tif"
    for out, given in [
        ("a.tif", [spring]),
        ("b.tif", files),
        ("ab.tif", [spring, "--season", ",".join(map(str, files))]),
    ]:
        done = run("map", net, *given, tmp_path / out, *how)
        assert (done.status, done.err) == (0, "")
    read = []
    for out in ("a", "b", "ab"):
        with rasterio.open(tmp_path / f"{out}_probabilities.tif") as file:
            read.append(file.read())
    np.testing.assert_allclose(read[2], (read[0] + read[1]) / 2, atol=1e-6)


def test_errors_are_one_line(run, folder, tmp_path):
    net, scene = folder / "net.keras", folder / "scene.tif"
    scenes.write_scene(
        tmp_path / "nowhere.tif", scenes.digits(50, 70), crs=None, transform=None
    )
    scenes.write_scene(tmp_path / "unnamed.tif", scenes.digits(50, 70), None)
    out = tmp_path / "out.tif"
    for given, expected in [
        ((net, out), "no scene before"),
        ((net, tmp_path / "nowhere.tif", out), "--allow-no-crs"),
        ((net, tmp_path / "unnamed.tif", out), "--bands"),
        ((net, scene, out, "--bands", "B02,B03"), "one name for each of its 3 bands"),
        ((net, scene, out, "--stride", 0), "stride"),
        ((net, scene, out, "--scale", "tag"), "expected a number above 0, or tags"),
        ((net, scene, out, "--scale", "0"), "expected a number above 0, or tags"),
        ((net, scene, out, "--scale=-1"), "expected a number above 0, or tags"),
        ((net, scene, out, "--scale", "inf"), "expected a number above 0, or tags"),
        ((net, scene, out, "--offset", "nan"), "offset: expected a number"),
        ((net, scene, out, "--scale", "tags"), "expected tags of scale or offset"),
        ((net, scene, out, "--mask-clouds"), "SCL or QA60"),
        (
            (net, scene, out, "--like", tmp_path / "none.tif"),
            "whose grid the map takes",
        ),
        ((net, scene, tmp_path / "no" / "out.tif"), "make it"),
        ((net, tmp_path / "missing.tif", out), "check the path"),
        ((tmp_path / "RUN", scene, out), "found nothing"),
        ((net, scene, out, "--min-confidence", 2), "min-confidence"),
    ]:
        done = run("map", *given)
        assert done.status == 2, given
        assert done.err.startswith("error: ") and done.err.count("\n") == 1, done.err
        assert expected in done.err
    assert not out.exists()
    done = run("map", net, tmp_path / "nowhere.tif", out, "--allow-no-crs")
    assert done.status == 0


def test_ctrl_c_says_how_to_resume(run, folder, tmp_path, monkeypatch):
    def interrupted(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr("autoai4eo.deploy.map_scene", interrupted)
    done = run("map", folder / "net.keras", folder / "scene.tif", tmp_path / "m.tif")
    assert done.status == 130
    assert done.err == "interrupted; rerun map to begin anew\n"


def test_digital_numbers_in_place_of_reflectance_are_reported(run, tmp_path, shared):
    (weights,) = (shared / "lcz_weights").glob("S2_*.h5")
    scene = shared / "scenes" / "Spain_7370579_S2Hand.tif"
    done = run(
        "map",
        "lcz42-resnet20-s2",
        scene,
        tmp_path / "m.tif",
        "--weights",
        weights,
        "--stride",
        64,
    )
    assert done.status == 0
    assert done.err.startswith("warning: ") and "--scale 0.0001" in done.err


@pytest.mark.parametrize(
    ("kind", "columns"),
    [("labels", "band class share"), ("value", "band value lowest mean highest")],
)
def test_a_map_of_labels_or_values_is_summarised(run, folder, tmp_path, kind, columns):
    predictors.network(kind).save(tmp_path / "net.keras")
    predictors.describe(tmp_path, kind)
    out = tmp_path / "map.tif"
    how = ("--scale", 0.0001, "--stride", 5)
    done = run("map", tmp_path / "net.keras", folder / "scene.tif", out, *how)
    assert done.status == 0, done.err
    assert "10 × 14 pixels, 140 with data" in done.out
    assert all(f" {name} " in done.out for name in columns.split())
    for name in predictors.TARGETS[kind]["classes"]:
        assert name in done.out


def test_a_class_that_neither_has_is_no_row_of_the_comparison(tmp_path, capsys):
    figure = {"value": 0.9, "standard_error": 0.05, "interval_95": [0.8, 1.0]}
    one = {"users_accuracy": figure, "producers_accuracy": figure, "area_km2": figure}
    mapped = {"dense": 0.5, "open": 0.0, "water": 0.5, "bare": 0.1}
    found = {
        "reference": "truth.tif",
        "pixels": 5,
        "pixels_left_out": 0,
        "values_left_out": {},
        "classes": list(mapped),
        "scores": {
            "accuracy": 0.8,
            "cohen_kappa": 0.5,
            "macro_f1": 0.5,
            "confusion_matrix": [[2, 0, 1, 0], [0] * 4, [0, 0, 2, 0], [0] * 4],
            "per_class": {name: {"f1": 0.5} for name in mapped},
        },
        "estimates": {
            "overall_accuracy": figure,
            "covered": 1.0,
            "per_class": {n: {**one, "mapped_km2": km2} for n, km2 in mapped.items()},
        },
    }
    reference_json(tmp_path / "map.tif").write_text(json.dumps(found))
    print_reference(tmp_path / "map.tif")
    out = capsys.readouterr().out
    assert "neither in the reference nor in the map: open\n" in out
    assert out.count(" open") == 1 and out.count(" bare") == 3
    assert "left out" not in out and "± 0:" not in out
    for error, is_told in ((0.00001, False), (0.0, True)):
        surely = {"value": 1.0, "standard_error": error, "interval_95": [1.0, 1.0]}
        found["estimates"]["per_class"]["water"]["users_accuracy"] = surely
        reference_json(tmp_path / "map.tif").write_text(json.dumps(found))
        print_reference(tmp_path / "map.tif")
        out = capsys.readouterr().out
        assert "1.000 ± 0.000" in out
        assert ("± 0: all pixels of the reference within" in out) == is_told
    found |= {"pixels_left_out": 1300, "values_left_out": {"0": 1200, "9": 99}}
    found["estimates"]["overall_accuracy"] = None
    reference_json(tmp_path / "map.tif").write_text(json.dumps(found))
    print_reference(tmp_path / "map.tif")
    out = capsys.readouterr().out
    assert "agrees with the map in no pixel: nothing is" in out and "km²" not in out
    told = "left out: 1,300 pixels whose value in the reference (0: 1,200; 9: 99; …)"
    assert told in out


def test_the_command_prints_and_writes_the_comparison(run, folder, tmp_path):
    net, scene = folder / "net.keras", folder / "scene.tif"
    truth = np.ones((50, 70, 1), np.uint8)
    truth[:, 35:] = 2
    labels = scenes.write_scene(tmp_path / "labels.tif", truth, None)
    out = tmp_path / "map.tif"
    how = ("--scale", 0.0001, "--stride", 5, "--figure", tmp_path / "map.png")
    done = run(
        "map",
        net,
        scene,
        out,
        *how,
        "--reference",
        labels,
        "--reference-class",
        "1=water",
        "--reference-class",
        "2=rest",
    )
    assert done.status == 0, done.err
    assert "km²" in done.out and "Olofsson" in done.out and "Cohen's kappa" in done.out
    written = done.out.splitlines()[-1]
    assert str(tmp_path / "map_reference.json") in written and "map.png" in written
    found = json.loads((tmp_path / "map_reference.json").read_text())
    assert found["classes"] == ["water", "rest"] and found["pixels"] == 3500
    assert (tmp_path / "map.png").stat().st_size > 10_000
    again = ("--reference", labels, "--overwrite", "--reference-class", "1=water")
    done = run("map", net, scene, out, *how, *again, "--reference-class", "9=rest")
    assert done.status == 0, done.err  # rest is nowhere in the reference
    assert "the reference has one class only: nothing is estimated" in done.out
    done = run("map", net, scene, out, *how[:4], "--overwrite", "--quiet")
    assert done.status == 0, done.err
    assert not (tmp_path / "map_reference.json").exists()  # of the earlier map
    for more, expected in (
        (("--reference-class", "1=water"), "--reference LABELS"),
        (("--reference", tmp_path / "no.tif"), "nothing of this name"),
        (("--reference", labels, "--reference-class", "x=water"), "expected numbers"),
        (("--reference", labels, "--reference-class", "1"), "such as 1=water"),
        (("--reference", labels, "--reference-field", "class"), "expected polygons"),
        (("--stretch", "0"), "LOW,HIGH"),
        (("--stretch", "0,0.3"), "expected a network for the colours"),
        (("--match-training", "haze"), "expected dark-object or moments"),
        (("--unlike",), "statistics of its training data"),
        (("--figure", "f.jpg"), "ends with .png"),
    ):
        done = run("map", net, scene, tmp_path / "o.tif", "--scale", 0.0001, *more)
        assert (done.status, len(done.err.splitlines())) == (2, 1), done.err
        assert expected in done.err


@pytest.mark.parametrize(
    ("stored", "told"),
    [
        (
            {"0": "dry", "1": "wet"},
            "map values: 1 = dry, 2 = wet (masks: 0, 1)",
        ),
        ({"1": "dry", "2": "wet"}, ""),
        ({}, ""),  # not known
    ],
)
def test_values_that_differ_from_those_of_the_masks_are_told(stored, told):
    """Users rely on: 1 in the map is not taken for 1 in the masks."""
    assert other_values(("dry", "wet"), stored) == told
