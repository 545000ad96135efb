"""A table of what a model predicts for patches."""

import json
import shutil

import numpy as np
import pandas as pd
import predictors
import pytest
import rasterio
import scenes
from affine import Affine

from autoai4eo import deploy
from autoai4eo.deploy import predicting, tables
from autoai4eo.errors import UserError
from autoai4eo.locks import output_alone

N = 5


def patches(number=N):
    rng = np.random.default_rng(0)
    land = rng.uniform(0, 0.3, (number, 1, 1, 3))
    return (land + rng.uniform(0, 0.1, (number, 8, 8, 3))).astype("float32")


@pytest.fixture(scope="module", params=predictors.TARGETS)
def target(request):
    return request.param


@pytest.fixture(scope="module")
def network(target):
    return predictors.network(target)


@pytest.fixture(scope="module")
def predictor(target, network, tmp_path_factory):
    folder = tmp_path_factory.mktemp(target)
    network.save(folder / "m.keras")
    predictors.describe(folder, target)
    return deploy.load_predictor(folder / "m.keras")


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    """Georeferenced patches without labels, two degrees apart."""
    folder = tmp_path_factory.mktemp("images")
    for i, patch in enumerate(patches()):
        place = Affine(0.25, 0, 10 + 2 * i, 0, -0.25, 50)
        with rasterio.open(
            folder / f"p{i}.tif",
            "w",
            driver="GTiff",
            width=8,
            height=8,
            count=3,
            dtype="float32",
            crs="EPSG:4326",
            transform=place,
        ) as file:
            file.write(patch.transpose(2, 0, 1))
            for band, name in enumerate(scenes.BANDS, 1):
                file.set_band_description(band, name)
    return folder


def test_the_table_has_what_the_network_predicts(
    predictor, network, target, images, tmp_path
):
    data = deploy.open_unlabelled(predictor, images)
    out = tmp_path / "p.csv"
    assert deploy.predict_table(predictor, data, out, batch_size=2) == N
    found, expected = pd.read_csv(out), network.predict({"image": patches()}, verbose=0)
    names = predictors.TARGETS[target]["classes"]
    columns = names if target == "value" else [f"p_{name}" for name in names]
    np.testing.assert_allclose(found[columns], expected, rtol=1e-4, atol=1e-5)
    assert list(found["sample"]) == [*range(N)]
    assert list(found["name"]) == [f"p{i}.tif" for i in range(N)]
    np.testing.assert_allclose(found["longitude"], 11 + 2 * np.arange(N))
    np.testing.assert_allclose(found["latitude"], 49)
    if target == "class":
        assert list(found["class"]) == [names[i] for i in expected.argmax(1)]
        np.testing.assert_allclose(found["confidence"], expected.max(1), rtol=1e-4)
    if target == "labels":
        least = predictors.TARGETS[target]["thresholds"]
        told = found["labels"].fillna("")
        for text, row in zip(told, expected >= least, strict=True):
            assert text == "; ".join(np.array(names)[row])


@pytest.mark.parametrize("ending", [".gpkg", ".geojson"])
def test_a_map_file_has_a_point_for_each_patch(predictor, images, tmp_path, ending):
    pyogrio = pytest.importorskip("pyogrio")
    shapely = pytest.importorskip("shapely")
    out = tmp_path / f"points{ending}"
    deploy.predict_table(predictor, deploy.open_unlabelled(predictor, images), out)
    about, _, points, fields = pyogrio.raw.read(out)
    places = shapely.get_coordinates(shapely.from_wkb(points))
    np.testing.assert_allclose(
        places, np.stack([11 + 2 * np.arange(N), np.full(N, 49)], 1)
    )
    assert about["crs"] == "EPSG:4326"
    assert {"sample", "name"} <= set(about["fields"])
    assert len(fields[0]) == N


def test_patches_without_a_place_have_no_points(predictor, tmp_path):
    pytest.importorskip("pyogrio")
    data = deploy.open_unlabelled(predictor, {"image": patches()})
    with pytest.raises(UserError, match=r"coordinates for \.gpkg, found none"):
        deploy.predict_table(predictor, data, tmp_path / "p.gpkg")
    assert not list(tmp_path.iterdir())
    deploy.predict_table(predictor, data, tmp_path / "p.csv")
    assert "longitude" not in pd.read_csv(tmp_path / "p.csv")


def test_few_patches_are_in_memory_at_once(predictor, tmp_path, monkeypatch):
    data = deploy.open_unlabelled(predictor, {"image": patches(100)})
    most = []
    read = type(data).read

    def watched(self, rows):
        most.append(len(rows))
        return read(self, rows)

    monkeypatch.setattr(type(data), "read", watched)
    deploy.predict_table(predictor, data, tmp_path / "p.csv", batch_size=8)
    assert max(most) == 8 and sum(most) == 100


def test_two_predictions_do_not_write_one_file(predictor, tmp_path):
    """Before, the second removed the half-written file of the first."""
    data = deploy.open_unlabelled(predictor, {"image": patches()})
    out = tmp_path / "p.csv"
    with (
        output_alone(out, "predict"),
        pytest.raises(UserError, match="another predict at work"),
    ):
        deploy.predict_table(predictor, data, out)


def test_a_file_is_not_replaced_by_mistake(predictor, tmp_path):
    data = deploy.open_unlabelled(predictor, {"image": patches()})
    out = tmp_path / "p.csv"
    out.write_text("mine")
    with pytest.raises(UserError, match=r"exists already.*overwrite=True"):
        deploy.predict_table(predictor, data, out)
    assert out.read_text() == "mine"
    deploy.predict_table(predictor, data, out, overwrite=True)
    assert len(pd.read_csv(out)) == N


def test_another_ending_or_a_missing_package_is_named(tmp_path, monkeypatch):
    with pytest.raises(UserError, match=r"ends with \.csv, \.parquet, .*found \.txt"):
        tables.check(tmp_path / "p.txt", False)
    monkeypatch.setattr(tables.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(UserError, match=r"pyarrow .*autoai4eo\[parquet\]"):
        tables.check(tmp_path / "p.parquet", False)
    with pytest.raises(UserError, match=r"pyogrio .*autoai4eo\[vectors\]"):
        tables.check(tmp_path / "p.gpkg", False)


def test_parquet_is_written_by_pandas(predictor, tmp_path, monkeypatch):
    """pyarrow is not installed where these tests run: pandas is looked at instead."""
    data = deploy.open_unlabelled(predictor, {"image": patches()})
    monkeypatch.setattr(predicting, "check", lambda *_: None)

    def keep(self, path, **how):
        assert how == {"engine": "pyarrow", "index": False}
        self.to_csv(path, index=False)

    monkeypatch.setattr(pd.DataFrame, "to_parquet", keep)
    deploy.predict_table(predictor, data, tmp_path / "p.parquet", batch_size=2)
    assert len(pd.read_csv(tmp_path / "p.parquet")) == N


def test_text_that_a_spreadsheet_would_run_is_marked(predictor, images, tmp_path):
    folder = shutil.copytree(images, tmp_path / "odd")
    (folder / "p0.tif").rename(folder / "=1+1.tif")
    data = deploy.open_unlabelled(predictor, folder)
    deploy.predict_table(predictor, data, tmp_path / "p.csv")
    assert "'=1+1.tif" in list(pd.read_csv(tmp_path / "p.csv")["name"])


def test_masks_are_for_map(segmented, tmp_path):
    predictor = deploy.load_predictor(segmented.run)
    with pytest.raises(UserError, match="`autoai4eo map`"):
        deploy.open_unlabelled(predictor, tmp_path / "no data are read")


def test_the_command_evaluates_and_predicts_an_export(tmp_path, monkeypatch, capsys):
    import sys

    from autoai4eo.cli.main import main
    from autoai4eo.deploy.export.formats import FORMATS

    network = predictors.network("class")
    names = predictors.TARGETS["class"]["classes"]
    FORMATS["onnx"].write(network, tmp_path / "m.onnx", {"classes": names}, None, None)
    predictors.describe(tmp_path, "class")
    truth = network.predict({"image": patches(12)}, verbose=0).argmax(1)
    np.savez(tmp_path / "data.npz", image=patches(12), label=truth)

    def run(*arguments):
        monkeypatch.setattr(sys, "argv", ["autoai4eo", *map(str, arguments)])
        with pytest.raises(SystemExit) as end:
            main()
        return end.value.code, capsys.readouterr()

    model, data, out = (tmp_path / n for n in ("m.onnx", "data.npz", "p.csv"))
    code, told = run("predict", model, data, out, "--bands", ",".join(scenes.BANDS))
    assert code == 0, told
    assert list(pd.read_csv(out)["class"]) == [names[i] for i in truth]
    more = ("--bands", ",".join(scenes.BANDS), "--json")
    code, told = run("evaluate", model, data, *more)
    assert code == 0, told
    assert json.loads(told.out)["accuracy"] == 1.0
