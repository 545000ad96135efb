"""Several labels per patch, and values, through the commands of the shell."""

import json
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import rasterio
from rasterio.transform import Affine

pytestmark = pytest.mark.usefixtures("in_process", "tiny_networks")

NAMES = {"labels": ["forest", "water", "town"], "value": ["height", "share"]}


@pytest.fixture(params=["labels", pytest.param("value", marks=pytest.mark.slow)])
def data(request, tmp_path, monkeypatch):
    """A .npz file of 60 patches, and what is in it."""
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    pixels = rng.normal(0, 0.3, (60, 8, 8, 4)).astype("float32")
    labels = (rng.random((60, 3)) > 0.5).astype("uint8")
    for i in range(3):
        pixels[..., i] += labels[:, i, None, None]
    kind, names = request.param, NAMES[request.param]
    if kind == "labels":
        np.savez("data.npz", sen2=pixels, label=labels, class_names=names)
        known = labels.sum(axis=0)
    else:
        values = pixels.mean(axis=(1, 2))[:, :2] * [10, 1]
        np.savez("data.npz", sen2=pixels, value=values, value_names=names)
        known = np.array([60, 60])
    return SimpleNamespace(kind=kind, names=names, known=known)


@pytest.mark.filterwarnings("ignore:.*samples have several labels")
def test_every_command_knows_what_the_data_have(run, data):
    """Users rely on: the data tell what is learned, and no score is of another kind."""
    told = run("inspect", "data.npz", "--json")
    content = json.loads(told.out)
    content = content["data"][0] if "data" in content else content
    assert content["target"] == data.kind
    assert content["classes"] == dict(zip(data.names, data.known, strict=True))
    assert all(name in run("inspect", "data.npz").out for name in data.names)

    how = ("--split", "0.6/0.2/0.2", "--out", "run", "--max-trials", "1")
    done = run("fit", "data.npz", *how, "--epochs", "1")
    assert done.status == 0, done.err
    kept = json.loads(Path("run/run.json").read_text("utf-8"))
    assert kept["data"]["training"]["target"] == data.kind

    scores = json.loads(run("evaluate", "run", "data.npz", "--json").out)
    each = scores["per_class" if data.kind == "labels" else "per_value"]
    assert list(each) == data.names
    assert ("f1_macro" if data.kind == "labels" else "rmse") in scores
    assert "accuracy" not in scores
    if data.kind == "labels":  # the thresholds that were tuned, not 0.5
        tuned = json.loads(Path("run/best/evaluation.json").read_text("utf-8"))[
            "thresholds"
        ]
        assert [part["threshold"] for part in each.values()] == pytest.approx(tuned)
    assert all(name in run("evaluate", "run", "data.npz").out for name in data.names)

    table = run("trials", "run").out
    metric = "mAP" if data.kind == "labels" else "RMSE"
    assert table.count(metric) == 1  # that of the validation data

    assert run("report", "run").err == ""
    page = Path("run/report.html").read_text("utf-8")
    assert "By class" in page if data.kind == "labels" else "By value" in page
    assert all(f">{name}<" in page for name in data.names)

    with rasterio.open(
        *("s.tif", "w"),
        **{"driver": "GTiff", "width": 24, "height": 24, "count": 4},
        **{"dtype": "float32", "crs": "EPSG:32630"},
        transform=Affine(10, 0, 3e5, 0, -10, 4.2e6),
    ) as file:
        file.write(np.zeros((4, 24, 24), "float32"))
    bands = "band1,band2,band3,band4"
    done = run("map", "run", "s.tif", "m.tif", "--stride", "8", "--bands", bands)
    assert done.status == 0, done.err
    with rasterio.open("m.tif") as file:
        assert list(file.descriptions) == data.names
        assert file.dtypes[0] == ("uint8" if data.kind == "labels" else "float32")
