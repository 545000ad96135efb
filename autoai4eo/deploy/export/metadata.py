"""``model.json``: the description of an exported model for other programs.

A STAC item (1.1.0) with the Machine Learning Model extension, version 1.6.0, which
stac-model 0.7 validates. Fields of this package begin with ``autoai4eo:``.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import keras
import numpy as np

from autoai4eo.deploy.export.scores import (
    beside_references,
    scores_on_other_data,
    scores_on_validation,
)
from autoai4eo.deploy.export.signature import (
    TASKS,
    bands_of,
    described_output,
    input_of,
)
from autoai4eo.deploy.predictors.description import METADATA as METADATA
from autoai4eo.deploy.predictors.description import MODEL_ROLE, target_of, target_told
from autoai4eo.errors import UserError
from autoai4eo.files import is_plain, read_json
from autoai4eo.runs import phases
from autoai4eo.runs.data_record import is_synthetic
from autoai4eo.runs.folder import Run
from autoai4eo.runs.network_id import Which, finalist_in, network_id
from autoai4eo.runs.networks import KnownNetwork, known_network
from autoai4eo.runs.study import objectives_of, open_study
from autoai4eo.runs.two_figures import two_figures
from autoai4eo.text import plural

EXTENSION = "https://stac-extensions.github.io/mlm/v1.6.0/schema.json"
_WEIGHTS = "autoai4eo:weights_sha256"
_COSTS = ("macs", "flops", "size_bytes")


def item(
    run: Path,
    known: Mapping[str, Any],
    network: keras.Model,
    trial: Which,
    calibrated: bool = False,
) -> dict[str, Any]:
    """Returns the STAC item of a run's network, without assets.

    Args:
        run: the run's folder.
        known: its ``run.json``, with the result of `target_of_run` as the training
            data's ``target``.
        network: the network of `trial`.
        trial: a trial or an ensemble; None: the finalist.
        calibrated: whether the finalist's temperature is in `network`.
    """
    evaluation = Run(run).read_evaluation()
    chosen = finalist_in(evaluation) if trial is None else network_id(trial)
    if chosen is None:
        raise UserError(
            f"{Run(run).evaluation}: expected it beside the finalist, found none; "
            "`autoai4eo fit` with the same arguments makes it again"
        )
    study = open_study(run)
    found = known_network(run, study, chosen)
    cost = found.cost or read_json(
        Run(run).trial(chosen.number).cost,
        "restore it from a copy",
        dict.fromkeys(_COSTS, int | float | None),
    )
    training = known["data"]["training"]
    target, told_target = target_told(training), target_of(training)
    statistics = Run(run).read_statistics()
    which = f"{chosen}" + (" finalist" if trial is None else "")
    which += " calibrated" if calibrated else ""
    name = re.sub(r"[^a-zA-Z0-9_.\-]", "-", run.resolve().name)
    levels = {spec.get("level") for spec in training["inputs"]} - {None}
    told = evaluation if trial is None else found.scores
    named = chosen.record() if chosen.is_ensemble else {}
    story = two_figures({**named, **told}, found.metrics, objectives_of(study))
    if calibrated:
        error = told["calibrated_expected_calibration_error"]
        told = {**told, "expected_calibration_error": error}
    return {
        "type": "Feature",
        "stac_version": "1.1.0",
        "stac_extensions": [EXTENSION],
        "id": f"{name}-{which.replace(' ', '-')}",
        "geometry": None,
        "properties": {
            "datetime": known["started"],
            "created": datetime.now(UTC).isoformat(timespec="seconds"),
            "title": f"{name}, {which}",
            "bands": bands_of(training["inputs"]),
            "mlm:name": f"autoai4eo {name} {which}",
            "mlm:architecture": "weighted mean of the outputs of networks found by "
            "architecture search"
            if chosen.is_ensemble
            else "convolutional network found by architecture search",
            "mlm:tasks": [TASKS[target["kind"]]],
            "mlm:framework": "Keras",
            "mlm:framework_version": keras.__version__,
            "mlm:total_parameters": network.count_params(),
            "mlm:accelerator": None,
            "mlm:accelerator_constrained": False,
            "mlm:accelerator_summary": f"any; latency {_how(cost)} on {cost['device']}",
            "mlm:pretrained": True,
            "mlm:pretrained_source": f"{Path(training['path']).name}, "
            f"{training['samples']} {plural(told_target.sample)}",
            **_hyperparameters(found.hyperparameters),
            "mlm:input": [
                input_of(network, spec, statistics.get(spec["name"]))
                for spec in training["inputs"]
            ],
            "mlm:output": [
                described_output(target, told_target.output, network.output_shape[1:-1])
            ],
            "autoai4eo:run": known.get("id"),
            f"autoai4eo:{chosen.kind}": chosen.number,
            **_members(found),
            _WEIGHTS: weights_sha256(network),
            "autoai4eo:training_data": {
                "name": Path(training["path"]).name,
                "samples": training["samples"],
                "fingerprint": training["fingerprint"],
                **({"synthetic": True} if is_synthetic(known) else {}),
                "sensors": {s["name"]: s["sensor"] for s in training["inputs"]},
            },
            "autoai4eo:trained_on": told.get("trained_on", "training"),
            **_epochs(found, told if trial is None else {}),
            "autoai4eo:metrics": {
                **scores_on_validation(target["kind"], told, found.metrics),
                "two_figures": story,
                **beside_references(told),
            },
            "autoai4eo:evaluations": scores_on_other_data(
                run, trial, chosen, evaluation, calibrated
            ),
            "autoai4eo:level": levels.pop() if len(levels) == 1 else None,
            "autoai4eo:map_step": known["arguments"].get("map_step"),
            **{f"autoai4eo:{name}": cost[name] for name in _COSTS},
            "autoai4eo:latency": {
                "milliseconds": cost["latency_ms"],
                "p95_milliseconds": cost["latency_p95_ms"],
                "batch_size": cost["latency_batch_size"],
                "device": cost["device"],
                **_runtime(cost),
            },
            "autoai4eo:versions": known["versions"],
        },
        "links": [],
        "assets": {},
    }


def _epochs(found: KnownNetwork, finalist: Mapping[str, Any]) -> dict[str, Any]:
    """The epochs that the weights went through, and the trainings they were of."""
    of = phases.read(finalist) if finalist else found.phases
    return {
        "autoai4eo:epochs": finalist.get("epochs", found.epochs),
        "autoai4eo:trainings": [phase.record() for phase in of],
    }


def _members(found: KnownNetwork) -> dict[str, Any]:
    """The trials of an ensemble, with the weights of their networks; else nothing."""
    members = [{"trial": t, "weight": w} for t, w in found.weights.items()]
    return {"autoai4eo:members": members} if members else {}


def _runtime(cost: Mapping[str, Any]) -> dict[str, Any]:
    """The runtime of a latency; costs of earlier versions were measured in Keras."""
    if not cost.get("runtime"):
        return {"runtime": "Keras, when it was searched"}
    return {
        "runtime": cost["runtime"],
        "runtime_version": cost["runtime_version"],
        "precision": cost["precision"],
        "threads": cost["threads"],
        "spread_milliseconds": cost["latency_spread_ms"],
        **({"prediction": cost["prediction"]} if cost.get("prediction") else {}),
    }


def _how(cost: Mapping[str, Any]) -> str:
    return "predicted" if cost.get("prediction") else "measured"


def weights_sha256(network: keras.Model) -> str:
    """Returns a digest of a network's weights, equal only for equal weights."""
    digest = hashlib.sha256()
    for weight in network.get_weights():
        digest.update(np.ascontiguousarray(weight).tobytes())
    return digest.hexdigest()


def is_ours(path: Path) -> bool:
    """Whether this package wrote a ``model.json`` or a ``MODEL_CARD.md``."""
    if not is_plain(path):
        return False
    text = path.read_text(errors="replace")
    return f'"{_WEIGHTS}"' in text or "architecture search with autoai4eo" in text


def is_same(path: Path, item: Mapping[str, Any]) -> bool:
    """Whether a path is a ``model.json`` of the same network."""
    if not is_plain(path):
        return False
    try:
        found = json.loads(path.read_text())["properties"].get(_WEIGHTS)
    except (ValueError, KeyError, TypeError, AttributeError, OSError, RecursionError):
        return False
    return bool(found == item["properties"][_WEIGHTS])


def assets_beside(path: Path) -> dict[str, Any]:
    """Returns the assets in a ``model.json`` whose files exist."""
    try:
        return {
            name: asset
            for name, asset in json.loads(path.read_text())["assets"].items()
            if MODEL_ROLE in asset["roles"] and (path.parent / asset["href"]).exists()
        }
    except (ValueError, KeyError, TypeError, AttributeError):
        return {}  # the file was changed


def write(path: Path, content: Mapping[str, Any]) -> None:
    """Writes an item as standard JSON, with null for NaN."""
    text = json.dumps(_plain(content), indent=2, allow_nan=False)
    path.write_text(text + "\n", encoding="utf-8")


def _hyperparameters(values: Mapping[str, Any]) -> dict[str, Any]:
    named = {re.sub(r"[^0-9a-zA-Z_.\-]", ".", n): value for n, value in values.items()}
    return {"mlm:hyperparameters": named} if named else {}


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _plain(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    if isinstance(value, np.generic):
        value = value.item()
    return None if isinstance(value, float) and not np.isfinite(value) else value
