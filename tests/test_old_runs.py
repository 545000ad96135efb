"""Runs of earlier versions, see `old_runs/make.py`, and every command on them."""

import json
import runpy
import shutil
import warnings
from pathlib import Path
from typing import ClassVar

import autokeras as ak
import keras
import numpy as np
import pandas as pd
import pytest
import scenes
from commands import run  # noqa: F401
from small import dataset, in_this_process

import autoai4eo as ae
from autoai4eo.runs.instrument import instrument_of
from autoai4eo.runs.study import open_study

pytestmark = pytest.mark.usefixtures("checked_here")

OLD_RUNS = Path(__file__).parent / "old_runs"


@pytest.fixture
def old(tmp_path):
    """The folder of the run of the first storey: three complete trials."""
    shutil.unpack_archive(OLD_RUNS / "first_storey.zip", tmp_path)
    return tmp_path / "first_storey"


@pytest.fixture
def data(tmp_path):
    """Labelled patches as a file, by which the run is evaluated."""
    made = dataset(24, 1)
    pixels = np.asarray(made.read([*range(24)])["sen2"])
    np.savez(tmp_path / "data.npz", sen2=pixels, label=made.labels)
    return tmp_path / "data.npz"


def test_old_run_is_read(run, old):  # noqa: F811
    """Users rely on: a new version shows what an old one found."""
    assert run("check", old).status == 0
    table = old.parent / "trials.csv"
    assert run("trials", old, "--csv", table).status == 0
    trials = pd.read_csv(table)
    assert list(trials["status"]) == ["complete"] * 3
    assert list(trials["params"]) == [1067, 1875, 4475]
    assert list(trials["val_cohen_kappa"]) == [0.9375, 0.125, 1.0]
    assert run("pareto", old).status == 0
    assert run("report", old).status == 0
    assert "first_storey" in (old / "report.html").read_text("utf-8")


def test_old_finalist_is_used(run, old, data):  # noqa: F811
    """Users rely on: the network of an old run works in every command."""
    told = run("evaluate", old, data, "--json")
    assert told.status == 0, told.err
    scores = json.loads(told.out)
    recorded = json.loads((old / "best" / "evaluation.json").read_text())
    for name in ("cohen_kappa", "per_class", "confusion_matrix", "intervals"):
        assert scores[name] == recorded[name]
    assert run("profile", old).status == 0
    pixels = np.ones((24, 24, 4), "uint16")
    scene = scenes.write_scene(old.parent / "s.tif", pixels, None)
    bands = "band1,band2,band3,band4"
    how = ("--stride", "8", "--bands", bands)
    told = run("map", old, scene, old.parent / "m.tif", *how)
    assert told.status == 0, told.err
    out = old.parent / "out.keras"
    told = run("export", old, out, "--format", "keras")
    assert told.status == 0, told.err
    told = run("evaluate", out, data)
    assert told.status == 0, told.err


def test_old_search_goes_on(old):
    """Users rely on: an old search is continued, no trial of it is trained again."""
    made = runpy.run_path(str(OLD_RUNS / "make.py"))
    before = {p: p.read_bytes() for p in old.glob("trials/*/model.keras")}
    assert len(before) == 3
    with warnings.catch_warnings(), in_this_process():
        model = made["search"](old.parent, 4)
    assert list(model.trials()["status"]) == ["complete"] * 4
    assert {p: p.read_bytes() for p in before} == before
    # latency as the old trials have it
    assert instrument_of(open_study(old))["runtime"] == "tensorflow"
    assert model.trials(all=True)["runtime"].iloc[-1] == "tensorflow"


class Growing(ak.Block):
    """A block of which a later version offers more."""

    kinds: ClassVar[list[str]] = ["same", "valid"]

    def build(self, hp, inputs=None):
        (tensor,) = keras.tree.flatten(inputs)
        kind = hp.Choice("kind", self.kinds)
        padding = "same" if kind == "new" else kind
        return keras.layers.Conv2D(4, 3, padding=padding, activation="relu")(tensor)


def test_a_search_goes_on_where_a_block_has_more_choices(tmp_path, monkeypatch):
    """Users rely on: a search keeps the choices that it began with."""

    def search(max_trials):
        node = ae.ImageInput("sen2")
        head = ae.blocks.PooledHead(pooling="average", hidden=0, dropout=0.0)
        model = ae.AutoModel(
            node,
            head(Growing()(node)),
            directory=tmp_path,
            max_trials=max_trials,
            tuner="cost-aware",
            seed=3,
        )
        with warnings.catch_warnings(), in_this_process():
            training, validation = dataset(24), dataset(12, 1)
            how = {"epochs": 1, "verbose": 0, "references": False}
            model.fit(training, validation_data=validation, **how)
        return model.trials(all=True)

    search(1)
    monkeypatch.setattr(Growing, "kinds", ["new", *Growing.kinds])
    trials = search(2)
    assert list(trials["status"]) == ["complete"] * 2
    assert set(trials["growing_1/kind"]) <= {"same", "valid"}
