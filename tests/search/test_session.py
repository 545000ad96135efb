"""What is refused before a search begins or resumes, and leaves the folder as it is."""

import json

import pytest
import small

from autoai4eo.errors import UserError
from autoai4eo.runtimes.litert import LiteRT

DATA = small.dataset()
FRONT = ["val_cohen_kappa", "latency_ms"]
pytestmark = pytest.mark.usefixtures("in_process")


def fit(folder, verbose=0, **arguments):
    model = small.model(folder, max_trials=1, **arguments)
    model.fit(DATA, validation_data=small.dataset(seed=1), epochs=1, verbose=verbose)
    return model


def test_another_runtime_is_refused_and_changes_nothing(tmp_path):
    """Users rely on: run.json says what measured the latencies of the trials."""
    run = fit(tmp_path, objective=FRONT, runtime="litert").run
    before = (run / "run.json").read_bytes()
    assert json.loads(before)["instrument"]["runtime"] == "litert"
    with pytest.raises(UserError, match=r"began \(litert in float32.*found onnx in"):
        fit(tmp_path, objective=FRONT, runtime="onnx")
    assert (run / "run.json").read_bytes() == before


def test_a_search_resumes_in_its_runtime_without_the_option(
    tmp_path, monkeypatch, capsys
):
    """Users rely on: an update of the runtime between two halves does not go unseen."""
    run = fit(tmp_path, objective=FRONT, runtime="litert", threads=1).run
    before = json.loads((run / "run.json").read_text())["instrument"]
    monkeypatch.setattr(LiteRT, "version", "99.0")
    again = fit(tmp_path, objective=FRONT, verbose=1)
    assert set(again.trials(all=True)["runtime"]) == {"litert"}
    about = json.loads((again.run / "run.json").read_text())["instrument"]
    assert about == {**before, "runtime_version": "99.0"}
    assert (about["runtime"], about["threads"]) == ("litert", 1)
    (line,) = (s for s in capsys.readouterr().out.splitlines() if "99.0" in s)
    assert f"expected litert {before['runtime_version']}, " in line
    assert "warning: " in line and "found 99.0; " in line


def test_energy_is_refused_where_nothing_reports_it(tmp_path, monkeypatch):
    monkeypatch.setattr("autoai4eo.runtimes.energy.POWERCAP", tmp_path / "none")
    with pytest.raises(UserError, match=r"energy_mj: expected .*RAPL.* found none"):
        fit(tmp_path, objective=["val_cohen_kappa", "energy_mj"])
    assert not (tmp_path / "run" / "run.json").exists()


def test_energy_is_an_objective_where_it_is_reported(tmp_path, monkeypatch):
    clock = iter(range(1, 10**6))
    for module in ("runtimes.energy", "search.trials.instruments"):
        monkeypatch.setattr(
            f"autoai4eo.{module}.read_energy",
            lambda _: {"package": (10**6 * next(clock), 10**12)},
        )
    table = fit(tmp_path, objective=["val_cohen_kappa", "energy_mj"]).trials(all=True)
    assert (table["energy_mj"] > 0).all()
