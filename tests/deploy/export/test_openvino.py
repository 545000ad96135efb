"""OpenVINO's folder: quantised, overwritten, mapped, refused in one line."""

import importlib.util
import sys

import numpy as np
import predictors
import pytest
import rasterio
import scenes
from typer.testing import CliRunner

from autoai4eo import deploy
from autoai4eo.cli.main import app
from autoai4eo.errors import UserError
from autoai4eo.runtimes.openvino import FILE, OpenVINO


@pytest.fixture(scope="module")
def of_class(tmp_path_factory):
    """A run of a class for patches of 8 × 8 pixels, and its export."""
    folder = tmp_path_factory.mktemp("class")
    run = predictors.write_run(folder / "run", "class", predictors.network("class"))
    return run, deploy.export(run, folder / "vino", "openvino").path


@pytest.fixture(scope="module")
def scene(tmp_path_factory):
    land = np.random.default_rng(0).integers(300, 3000, (5, 7, 3)).astype("uint16")
    pixels = land.repeat(8, axis=0).repeat(8, axis=1)
    return scenes.write_scene(tmp_path_factory.mktemp("scene") / "s.tif", pixels)


def classes(path):
    with rasterio.open(path) as file:
        return file.read(1)


@pytest.mark.parametrize("runtime", [None, "openvino"])
def test_a_map_by_the_export_is_that_of_the_run(tmp_path, of_class, scene, runtime):
    run, exported = of_class
    how = {"stride": 4, "scale": 1e-4, "verbose": 0}
    one = deploy.map_scene(run, scene, tmp_path / "run.tif", dense=False, **how)
    other = deploy.map_scene(
        exported, scene, tmp_path / "vino.tif", runtime=runtime, **how
    )
    assert len(np.unique(classes(one))) > 2
    np.testing.assert_array_equal(classes(other), classes(one))


def test_the_files_are_openvinos_and_nothing_else(of_class):
    _, exported = of_class
    assert {path.name for path in exported.iterdir()} == {
        *(FILE, "network.bin"),
        *("model.json", "MODEL_CARD.md"),
    }
    assert OpenVINO().reads(exported) and not OpenVINO().reads(exported.parent)


def test_int8_is_calibrated_and_what_it_loses_is_told(run, tmp_path):
    """Users rely on: they see what quantising costs before they deploy it."""
    plain = deploy.export(run, tmp_path / "plain", "openvino")
    done = deploy.export(run, tmp_path / "int8", "openvino", quantize="int8")
    assert 1e-6 < done.max_difference <= done.tolerance
    assert (done.path / "network.bin").read_bytes() != (
        plain.path / "network.bin"
    ).read_bytes()
    assert set(done.accuracy) == {"on", "float32", "quantized"}
    card = (done.path / "MODEL_CARD.md").read_text()
    assert "Scores without and with quantising of int8" in card


def test_an_export_is_replaced_and_a_folder_of_other_files_is_not(of_class, tmp_path):
    run, _ = of_class
    out = deploy.export(run, tmp_path / "vino", "openvino").path
    before = (out / FILE).stat().st_ino
    with pytest.raises(UserError, match=r"exists already.*overwrite=True"):
        deploy.export(run, out, "openvino")
    deploy.export(run, out, "openvino", overwrite=True)
    assert (out / FILE).stat().st_ino != before
    (out / "thesis.tex").write_text("years of work")
    with pytest.raises(UserError, match=r"openvino to overwrite, found thesis\.tex"):
        deploy.export(run, out, "openvino", overwrite=True)
    (out / "thesis.tex").unlink()
    with pytest.raises(UserError, match=r"savedmodel to overwrite, found network"):
        deploy.export(run, out, overwrite=True)


def test_without_openvino_one_line_names_the_extra(of_class, tmp_path, monkeypatch):
    run, exported = of_class
    find = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda n: None if n == "openvino" else find(n)
    )
    command = ["export", str(run), str(tmp_path / "m"), "--format", "openvino"]
    done = CliRunner().invoke(app, command)
    assert isinstance(done.exception, UserError)
    line = str(done.exception)
    assert line.startswith("format openvino: ") and "\n" not in line
    assert line.endswith('pip install "autoai4eo[openvino]"')
    assert not any(tmp_path.iterdir())
    monkeypatch.setitem(sys.modules, "openvino", None)  # an import fails
    with pytest.raises(UserError, match=r"found none; pip install .*\[openvino\]"):
        deploy.load_predictor(exported)


def test_damaged_files_and_commands_that_cannot_run_it_are_one_line(of_class, tmp_path):
    _, exported = of_class
    for content in ("", "<net>", (exported / FILE).read_text()[:999], "garbage" * 99):
        damaged = tmp_path / str(len(content))
        damaged.mkdir()
        (damaged / FILE).write_text(content)
        with pytest.raises(UserError, match="files that OpenVINO cannot") as error:
            deploy.load_predictor(damaged)
        assert "\n" not in str(error.value)
    with pytest.raises(UserError, match="found an OpenVINO network, which evaluate"):
        deploy.load_network(exported)
