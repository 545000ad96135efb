"""`autoai4eo patches`, as a new user tries it."""

import os
import signal
import subprocess
import sys
import time

import h5py
import numpy as np
import polygons
import pytest
import scenes

HOW = ("--size", 8, "--stride", 4)


@pytest.fixture
def folder(tmp_path):
    scenes.write_scene(tmp_path / "scene.tif", scenes.digits(60, 90))
    places = {"LCZ 3": [(9, 9), (9, 39)], "LCZ A": [(39, 9), (69, 39)]}
    polygons.write_kml(
        tmp_path / "areas.kml",
        {
            folder: [
                (f"area {i}", polygons.square(*at, 8)) for i, at in enumerate(some)
            ]
            for folder, some in places.items()
        },
    )
    return tmp_path


def test_areas_of_wudapt_become_training_data(run, folder):
    """Users rely on: KML as Google Earth writes it, with folders for classes."""
    out = folder / "patches.h5"
    done = run(
        *("patches", folder / "scene.tif", "--labels", folder / "areas.kml"),
        *("--out", out, *HOW),
    )
    assert done.status == 0, done.err
    assert "16 patches of 8×8 pixels from 1 scene; sen2 (B02 B03 B04)" in done.out
    for text in ("3 compact low-rise", "A dense trees", f"fit {out} --group polygon"):
        assert text in done.out
    assert "the classes are those of the field folder" in done.err
    shown = run("inspect", out)
    assert shown.status == 0 and "A dense trees" in shown.out
    assert sorted(p.name for p in folder.iterdir()) == [
        *("areas.kml", "patches.h5", "scene.tif")
    ]


def test_options(run, folder):
    done = run(
        *("patches", folder / "scene.tif", "--labels", folder / "areas.kml"),
        *("--out", folder / "p.h5", *HOW, "--min-share", 0.7, "--field", "name"),
        *("--input", "red=B04", "--input", "rest=B02,B03", "--scale", 0.0001),
        *("--target", "mask"),
    )
    assert done.status == 0, done.err
    assert f"next: autoai4eo fit {folder / 'p.h5'} --group polygon" in done.out
    assert "class  ┃ patches" in done.out and "polygons" not in done.out
    with h5py.File(folder / "p.h5") as file:
        assert file["red"].shape[1:] == (8, 8, 1)
        assert file["label"].shape[1:] == (8, 8)
        assert list(file.attrs["class_names"]) == ["area 0", "area 1"]


def test_quiet_prints_nothing(run, folder):
    files = ("patches", folder / "scene.tif", "--labels", folder / "areas.kml")
    done = run(*files, "--out", folder / "p.h5", *HOW, "--quiet")
    assert done.status == 0 and not done.out, done.err


def test_wrong_input_is_one_line(run, folder):
    scene, labels, out = (folder / n for n in ("scene.tif", "areas.kml", "p.h5"))
    how = ("--out", out, *HOW)
    (folder / "text.kml").write_text("no polygons")
    radar = scenes.write_scene(
        folder / "s1.tif", np.full((60, 90, 2), -9.0, "float32"), ("VV", "VH")
    )
    for given, message in (
        ((scene, "--labels", folder / "none.kml", *how), "no such file"),
        ((scene, "--labels", folder / "text.kml", *how), "found something else"),
        ((scene, "--labels", scene, *how), "found something else"),
        ((folder / "no.tif", "--labels", labels, *how), "no.tif"),
        ((scene, "--labels", labels, *how, "--field", "kind"), "found Name, folder"),
        ((scene, "--labels", labels, *how, "--input", "B02"), "--input: expected"),
        ((scene, "--labels", labels, *how, "--layer", "LCZ 9"), "the folder LCZ 9"),
        (
            (scene, "--labels", labels, "--out", scene, "--overwrite"),
            "not read as well",
        ),
        ((scene, "--labels", labels), "--out"),
        (("--labels", labels, *how), "SCENE"),
        ((scene, "--labels", labels, *how, "--size", 0), "--size"),
        ((scene, "--labels", labels, *how, "--scale", 0), "above 0, or tags"),
        ((scene, "--labels", labels, *how, "--scale", "nan"), "above 0, or tags"),
        ((scene, scene, "--labels", labels, *how), "expected each scene once"),
        # as `map` takes the files of one scene
        ((scene, radar, "--labels", labels, *how), "commas between them: S2.tif,S1"),
    ):
        done = run("patches", *given)
        errors = [t for t in done.err.splitlines() if not t.startswith("warning: ")]
        assert done.status == 2, (given, done)
        assert len(errors) == 1 and errors[0].startswith("error: "), done.err
        assert message in errors[0], errors[0]
        assert not out.exists()


@pytest.mark.usefixtures("told_of_ctrl_c")
@pytest.mark.parametrize(
    "how", [signal.SIGINT, pytest.param(signal.SIGTERM, marks=pytest.mark.slow)]
)
def test_ctrl_c_leaves_nothing(how, folder):
    """Users rely on: a run that is stopped while it writes leaves no half file."""
    scenes.write_scene(folder / "large.tif", scenes.digits(600, 900))
    made = [
        polygons.polygon(polygons.square(10 + 450 * i, 10, 420), use=use)
        for i, use in enumerate(("town", "wood"))
    ]
    polygons.write_geojson(folder / "large.geojson", made)
    before = sorted(p.name for p in folder.iterdir())
    process = subprocess.Popen(
        [
            *(sys.executable, "-P", "-m", "autoai4eo", "patches", "large.tif"),
            *("--labels", "large.geojson", "--out", "p.h5", "--stride", "2"),
        ],
        cwd=folder,
        env=os.environ,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    for _ in range(3000):
        if any(p.name.startswith(".writing-") for p in folder.iterdir()):
            break
        time.sleep(0.01)
    process.send_signal(how)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 128 + how, err
    assert err.splitlines()[-1].startswith("interrupted")
    assert sorted(p.name for p in folder.iterdir()) == before
