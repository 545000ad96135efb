"""A small search with trials of every kind, made once."""

from __future__ import annotations

import shutil
from typing import Any

import numpy as np
import pytest
import small
from optuna.trial import TrialState, create_trial

import autoai4eo as ae
from autoai4eo.runs.study import open_study

#: A class name as nobody should give one.
EVIL = '<img src=x onerror="document.title=1">'

FAILURE = "ValueError: </script><b>bad</b>"


def dataset(seed: int) -> Any:
    """As `small.dataset`, with bands that have a colour and names that need escapes."""
    plain = small.dataset(samples=60, seed=seed)
    return ae.open_dataset(
        plain.read(np.arange(60)),
        labels=plain.labels,
        class_names=[EVIL, "forest & field", "water"],
        bands={"sen2": ["B02", "B03", "B04", "B08"]},
    )


@pytest.fixture
def data():
    """Makes data of those classes from a seed: 0 training, 1 validation."""
    return dataset


@pytest.fixture(scope="session")
def searched(tmp_path_factory):
    """A finished run: complete, infeasible and failed trials; nothing may change it."""
    model = small.model(
        tmp_path_factory.mktemp("report"),
        objective=["val_cohen_kappa", "params"],
        tuner="random",
        constraints={"params": 1_000},
        max_trials=3,
    )
    with small.in_this_process():
        model.fit(
            dataset(0),
            validation_data=dataset(1),
            epochs=2,
            verbose=0,
            references=True,
        )
    kept = {"message": FAILURE}
    failed = create_trial(state=TrialState.FAIL, user_attrs=kept)
    open_study(model.run, model.objectives).add_trial(failed)
    return model


@pytest.fixture
def run(searched, tmp_path):
    """A copy of that run's folder."""
    return shutil.copytree(searched.run, tmp_path / "run")
