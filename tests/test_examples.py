"""The examples run as they stand, on small generated data."""

import inspect
import re
import runpy
import zipfile
from pathlib import Path

import nbformat
import numpy as np
import pytest
import rasterio
import shapely
from nbclient import NotebookClient

import autoai4eo as ae

EXAMPLES = Path(__file__).parents[1] / "examples"


@pytest.fixture(autouse=True)
def short(monkeypatch, in_process):
    """One trial of one epoch in this process, whatever the example asks for."""
    fit, init = ae.AutoModel.fit, ae.AutoModel.__init__

    def one_epoch(self, *arguments, **named):
        return fit(self, *arguments, **{**named, "epochs": 1, "verbose": 0})

    def one_trial(self, *arguments, **named):
        init(self, *arguments, **{**named, "max_trials": 1})

    monkeypatch.setattr(ae.AutoModel, "fit", one_epoch)
    monkeypatch.setattr(ae.AutoModel, "__init__", one_trial)


def run(name, *arguments):
    example = runpy.run_path(str(EXAMPLES / f"{name}.py"))
    example["main"](*map(str, arguments))


@pytest.mark.slow
def test_so2sat_is_fitted_exported_and_served(so2sat, tmp_path, capsys):
    files = [so2sat / f"{n}.h5" for n in ("training", "validation", "testing")]
    run("fit_and_export_so2sat", *files, tmp_path)
    capsys.readouterr()
    run("serve_savedmodel", tmp_path / "savedmodel", files[2])
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 16
    assert all(0 < float(line.split()[-1]) <= 1 for line in lines)
    run("classify_onnx", tmp_path / "lcz.onnx", files[2])
    assert [line.split()[:-1] for line in capsys.readouterr().out.splitlines()] == [
        line.split()[:-1] for line in lines
    ]


@pytest.mark.slow
def test_a_graph_of_ones_own(so2sat, tmp_path, capsys):
    run("custom_graph", so2sat / "training.h5", so2sat / "validation.h5", tmp_path)
    assert "latency_ms" in capsys.readouterr().out


@pytest.mark.slow
@pytest.mark.usefixtures("in_process")
@pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")
@pytest.mark.filterwarnings("ignore:.*the classes are the folders in EuroSAT")
def test_eurosat_from_a_zip_file(tmp_path, capsys):
    rng = np.random.default_rng(0)
    size = {"width": 16, "height": 16, "count": 3}
    with zipfile.ZipFile(tmp_path / "images.zip", "w") as archive:
        for i in range(60):
            image = rng.integers(0, 255, (3, 16, 16), "uint8")
            path = tmp_path / "one.jpg"
            with rasterio.open(path, "w", driver="JPEG", dtype="uint8", **size) as file:
                file.write(image)
            archive.write(path, f"EuroSAT/class{i % 3}/{i}.jpg")
    run("eurosat_folder", tmp_path / "images.zip", tmp_path)
    assert (tmp_path / "eurosat.keras").is_file()
    assert "recall" in capsys.readouterr().out


@pytest.mark.slow
def test_the_notebook_runs(tmp_path):
    text = (EXAMPLES / "so2sat.ipynb").read_text(encoding="utf-8")
    for long, short in (("max_trials=2", "max_trials=1"), ("epochs=2", "epochs=1")):
        assert long in text
        text = text.replace(long, short)
    notebook = nbformat.reads(text, as_version=4)
    client = NotebookClient(
        notebook,
        timeout=400,
        kernel_name="python3",
        resources={"metadata": {"path": str(tmp_path)}},
    )
    client.execute()
    text = str([cell.get("outputs") for cell in notebook.cells])
    assert "complete" in text and "cohen_kappa" in text


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:.*no validation samples of")
def test_a_map_from_polygons(tmp_path, capsys, shared):
    run("lcz_from_polygons", tmp_path, shared / "scenes")
    assert (tmp_path / "map.tif").is_file()
    out = capsys.readouterr().out
    assert "on polygons not trained on" in out and "of the mask's is in the map" in out


def test_without_the_scene_the_example_says_so(tmp_path):
    with pytest.raises(SystemExit, match=r"expected .*, found none; name the folder"):
        run("lcz_from_polygons", tmp_path / "out", tmp_path)
    assert not (tmp_path / "out").exists()


def test_each_example_has_what_it_printed():
    printed = EXAMPLES.parent / "docs" / "printed"
    names = {path.stem for path in EXAMPLES.glob("*.py")}
    assert {path.stem for path in printed.iterdir()} == names
    for name in names:
        command, *lines = (printed / f"{name}.txt").read_text("utf-8").splitlines()
        assert command.startswith(f"$ python examples/{name}.py ") and lines


def test_the_polygons_of_the_example():
    """They are valid, of four zones, and on the scene that they were drawn on."""
    from autoai4eo.data.polygons.areas import read_areas

    areas = read_areas(EXAMPLES / "spain_areas.geojson")
    names = {areas.class_names[i] for i in areas.classes}
    assert len(areas.names) == 25
    assert {name.split()[0] for name in names} == {"3", "8", "D", "G"}
    # the bounds of Spain_7370579_S2Hand.tif
    left, bottom, right, top = shapely.total_bounds(areas.geometries)
    assert -0.782 < left < right < -0.735 and 38.082 < bottom < top < 38.129


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*.py")), ids=lambda p: p.stem)
def test_without_arguments_an_example_says_how_it_is_called(path):
    source = path.read_text("utf-8")
    usage = f"python examples/{path.name} "
    assert usage in source.split('"""')[1]
    begin = source.index('if __name__ == "__main__":')
    required = int(re.findall(r"len\(sys.argv\) <= (\d)", source[begin:])[0])
    called = runpy.run_path(str(path))["main"]
    parameters = inspect.signature(called).parameters.values()
    assert required == sum(p.default is p.empty for p in parameters)
    assert "sys.exit(__doc__)" in source[begin:]
