"""Small networks for each kind of target, and a run folder of one."""

from __future__ import annotations

import json
from dataclasses import fields
from pathlib import Path
from typing import Any

import keras
import numpy as np
import optuna
import scenes
from runs import close

from autoai4eo.data.statistics import BandStatistics
from autoai4eo.deploy.predictors.description import TARGET
from autoai4eo.learning.objectives import parse_objectives
from autoai4eo.runs.study import open_study

#: By kind of target: what ``run.json`` and ``model.json`` say of it.
TARGETS: dict[str, dict[str, Any]] = {
    "class": {"kind": "class", "classes": ["water", "field", "town"]},
    "labels": {
        "kind": "labels",
        "classes": ["water", "field", "town"],
        "thresholds": [0.2, 0.5, 0.7],
    },
    "value": {"kind": "value", "classes": ["biomass [t/ha]", "height [m]"]},
}
_LAST = {"class": "softmax", "labels": "sigmoid", "value": "linear"}


def network(kind: str, *, window: int = 8, padded: bool = False) -> keras.Model:
    """A network whose outputs depend on the mean reflectance of the bands.

    Of values they are some tens, as units of the field are.
    """
    keras.utils.set_random_seed(0)
    pixels = keras.Input((window, window, 3), name="image")
    x = pixels
    if padded:
        x = keras.layers.Conv2D(4, 3, padding="same", activation="relu")(x)
    x = keras.layers.GlobalAveragePooling2D()(x)
    number = len(TARGETS[kind]["classes"])
    last = keras.layers.Dense(number, activation=_LAST[kind])
    model = keras.Model({"image": pixels}, last(x))
    # of an untrained network all outputs are alike: spread them over land's colours
    rng = np.random.default_rng(0)
    land = rng.uniform(0.03, 0.3, (64, 1, 1, 3)) * np.ones((window, window, 1))
    features = keras.Model({"image": pixels}, x).predict({"image": land}, verbose=0)
    kernel = rng.normal(size=(features.shape[1], number))
    plain = features @ kernel
    mean, std = (50, 10) if kind == "value" else (0, 1.5)
    slope = std / plain.std(axis=0)
    last.set_weights([kernel * slope, mean - plain.mean(axis=0) * slope])
    return model


def describe(folder: Path, kind: str, **more: Any) -> None:
    """Writes the few lines of ``model.json`` that suffice."""
    told = TARGETS[kind]
    output: dict[str, Any] = {TARGET: told}
    if kind != "value":
        output["classification:classes"] = [
            {"value": i, "name": name} for i, name in enumerate(told["classes"], 1)
        ]
    given = {
        "name": "image",
        "bands": list(scenes.BANDS),
        "autoai4eo:statistics": {"p2": [0.02] * 3, "p98": [0.3] * 3},
    }
    known = {"mlm:input": [given], "mlm:output": [output], **more}
    (folder / "model.json").write_text(json.dumps({"properties": known}))


def write_run(run: Path, kind: str, model: keras.Model) -> Path:
    """A run folder, as far as predictions and exports read it."""
    (run / "best").mkdir(parents=True)
    _write_study(run)
    model.save(run / "best" / "model.keras")
    spec = {"name": "image", "bands": list(scenes.BANDS), "sensor": "Sentinel-2"}
    target = TARGETS[kind]
    data = {
        "path": str(run.parent / "no_data.h5"),
        "samples": 1,
        "fingerprint": "0",
        "classes": target["classes"],
        "inputs": [{**spec, "shape": [8, 8, 3], "level": None}],
    }
    if kind != "class":
        data["target"] = kind
    known = {
        "id": "0",
        "arguments": {},
        "versions": {},
        "device": "CPU",
        "started": "2026-01-01T00:00:00Z",
        "data": {"training": data, "validation": data},
    }
    (run / "run.json").write_text(json.dumps(known))
    told = {"mean": 0.16, "std": 0.07, "p2": 0.02, "p98": 0.3, "maximum": 1.0}
    names = (field.name for field in fields(BandStatistics))
    of_bands = {name: [told.get(name, 0.0)] * 3 for name in names}
    statistics = {"format": 2, "fingerprint": "0", "inputs": {"image": of_bands}}
    (run / "statistics.json").write_text(json.dumps(statistics))
    evaluation = {"trial": 0, "trained_on": "training", "metrics": {}, "epochs": 1}
    if kind == "labels":
        evaluation["thresholds"] = target["thresholds"]
    (run / "best" / "evaluation.json").write_text(json.dumps(evaluation))
    return run


def _write_study(run: Path) -> None:
    """The record of the one trial that made the network."""
    cost = {
        "macs": 1,
        "flops": 2,
        "size_bytes": 3,
        "latency_ms": 0.1,
        "latency_p95_ms": 0.2,
        "latency_batch_size": 1,
        "device": "CPU",
    }
    study = open_study(run, parse_objectives("val_cohen_kappa"))
    attributes = {"metrics": {"val_cohen_kappa": 0.5}, "cost": cost}
    study.add_trial(optuna.trial.create_trial(value=0.5, user_attrs=attributes))
    close(study)
