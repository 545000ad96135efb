"""A run folder of one trial, made in a moment: no network was trained."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import optuna

from autoai4eo.learning.objectives import parse_objectives
from autoai4eo.runs.study import open_study

OBJECTIVES = parse_objectives("val_cohen_kappa")
SAMPLES = {
    "path": "training.h5",
    "samples": 2,
    "fingerprint": "0",
    "classes": ["water", "forest"],
    "inputs": [
        {
            "name": "sen2",
            "sensor": "sentinel-2",
            "bands": ["B02"],
            "shape": [8, 8, 1],
            "level": None,
        }
    ],
}


def run_folder(path: Path, storage: str | None = None, study: bool = True) -> Path:
    """Makes one; `storage` is only written into its run.json."""
    path.mkdir(parents=True)
    if study:
        database = open_study(path, OBJECTIVES)
        trial = optuna.trial.create_trial(
            value=0.5, user_attrs={"metrics": {"val_cohen_kappa": 0.5}, "cost": {}}
        )
        database.add_trial(trial)
        close(database)
    write_run_json(path, storage)
    return path


def write_run_json(path: Path, storage: object) -> None:
    told = {
        "arguments": {
            "objective": ["val_cohen_kappa"],
            "constraints": {},
            "storage": storage,
        },
        "data": {"training": SAMPLES, "validation": SAMPLES},
        "versions": {},
        "device": "CPU",
    }
    (path / "run.json").write_text(json.dumps(told))


def close(study: optuna.Study) -> None:
    """Lets go of the database."""
    backend = study._storage._backend
    backend.remove_session()
    backend.engine.dispose()


def content(folder: Path) -> dict[str, Any]:
    """By name, the bytes and the time of every file in a folder."""
    return {
        str(p.relative_to(folder)): (p.read_bytes(), p.stat().st_mtime_ns)
        for p in sorted(folder.rglob("*"))
        if p.is_file()
    }
