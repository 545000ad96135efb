"""The forms of a run's JSON files, for `autoai4eo.files.check_form`.

`VERSION` increases when earlier versions of this package cannot read a changed file.
Keys added by a later version are optional (``?``), so that earlier runs can be read.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from autoai4eo.data.target import LEARNED
from autoai4eo.files import ANY
from autoai4eo.learning.figures import METRICS

#: Version of run.json, evaluation.json and test.json; runs without one have version 1.
VERSION = 1

_NUMBER = int | float | None
_DATA = {
    "path": str,
    "samples": int,
    "fingerprint": str,
    "target?": LEARNED,
    "classes": [str],
    "synthetic?": bool,
    "scenes?": [str],
    "opened?": {
        "masks": str | None,
        "tile": int,
        "tile_stride": int | None,
        "ignored": [int],
        "classes": {ANY: str},
        "colours?": {ANY: str},
        "coloured?": bool,
    },
    "inputs": [
        {
            "name": str,
            "sensor": str,
            "bands": [str],
            "shape": [int],
            "level?": str | None,
        }
    ],
}
RUN = {
    "schema?": int,
    "id?": str | None,
    "arguments": {
        "objective?": [str],
        "constraints?": {ANY: int | float},
        "map_step?": int | None,
        "storage?": str | None,
    },
    "data": {"training": _DATA, ANY: _DATA},
    "versions": {ANY: str},
    "device": str,
    "instrument?": {
        "device": str,
        "runtime": str,
        "runtime_version": str,
        "precision": str,
        "threads": int,
        "prediction?": {
            "profile": str,
            "networks": int,
            "spearman": int | float,
            "spearman_of_macs": int | float,
            "median_error": int | float,
        },
    },
    "started?": str,
    "starts?": [
        {
            "time": str,
            "command?": [str],
            "program?": str,
            "folder?": str,
            "device": str,
            "versions": {ANY: str},
        }
    ],
    "task?": {
        "name": str,
        "inputs?": [str],
        "max_latency_ms?": int | float,
        "weights?": str | dict,
        "final_epochs?": int | None,
        "refit?": bool,
        "class_weight?": str | dict | None,
        "augmentation?": dict | None,
        "data_parallel?": bool,
        "unrecorded?": [str],
    },
}
_SCORES = {
    "schema?": int,
    **{f"{name}?": int | float for name in METRICS},
    "expected_calibration_error?": _NUMBER,
    "intervals?": {ANY: [int | float]},
    "resampled_by?": str,
    "resampled_groups?": int,
    "worst_group?": {"name": str, "groups": str, "count": int, "least": int},
    "absent_classes?": [str],
    "single_group_classes?": [str],
    "unseen_classes?": [str],
    "per_class?": {ANY: {ANY: _NUMBER}},
    "per_value?": {ANY: {ANY: _NUMBER}},
    "thresholds?": [int | float],
    "reliability?": [{ANY: _NUMBER}],
    "temperature?": int | float,
    "calibrated_expected_calibration_error?": int | float,
    "confusion_matrix?": [[int]],
    "references?": {ANY: {f"{name}?": int | float for name in METRICS}},
    "against_reference?": {
        "other": str,
        "metric": METRICS,
        "difference": int | float,
        "interval": [int | float],
        "resampled_by": str,
        "resampled_groups?": int,
        "tiles?": int,
        "all_tiles?": int,
    },
}
REFERENCES = {
    "schema?": int,
    "bands": {ANY: [str]},
    "output": [int | float],
    "columns": [[int]],
    "samples": int,
    "tiles?": int,
    "all_tiles?": int,
    "unet?": {
        "network": str,
        "params": int,
        "width": int,
        "epochs": int,
        "wanted_params": int,
    },
    "scores": {ANY: {f"{name}?": int | float for name in METRICS}},
    "fitted": {ANY: {"thresholds?": [int | float]}},
    "seconds": int | float,
}
EVALUATION = {
    **_SCORES,
    "trial?": int,
    "ensemble?": int,
    "trained_on": str,
    "metrics": {ANY: _NUMBER},
    "epochs": int,
    "phases?": [
        {
            "training": str,
            "epochs": int,
            "kept": int,
            "best?": _NUMBER,
        }
    ],
    "final_epochs?": int,
    "quantized?": {
        "before": {ANY: _NUMBER},
        "after": {ANY: _NUMBER},
        "epoch": int,
        "epochs": int,
    },
}
ENSEMBLE = {
    "schema?": int,
    "run?": str | None,
    "network": str,
    "members": {ANY: int},
    "metrics": {ANY: _NUMBER},
    "cost": {
        **dict.fromkeys(("params", "macs", "flops", "size_bytes"), int),
        **dict.fromkeys(
            ("latency_ms?", "latency_p95_ms?", "latency_spread_ms?"), _NUMBER
        ),
        "latency_batch_size": int,
        "device": str,
        "runtime?": str | None,
    },
    "summed": {ANY: _NUMBER},
    "limits": {ANY: int | float},
    "size": int,
    "chosen_by": str,
    "epochs": int,
    "scores?": _SCORES,
    "trained_on?": str,
}
REPEAT = {
    "schema?": int,
    "run?": str | None,
    **dict.fromkeys(("trial", "fold", "seed", "epochs"), int),
    "recipe": str,
    "metrics": {ANY: int | float},
}
SELECTION = {
    "schema?": int,
    "run?": str | None,
    "metric": METRICS,
    "over": str,
    "rule": str | None,
    "cost": str,
    "candidates": [
        {
            "trial": int,
            **dict.fromkeys(
                ("mean", "standard_error", "behind", "behind_error"),
                int | float,
            ),
            "cost": _NUMBER,
            "figures": [int | float],
        }
    ],
    "chosen": int,
}
_ARCHITECTURE = {"genotype": [list], "depths": [int]}
COMPACT = {
    "schema?": int,
    "run?": str | None,
    "settings": {
        "method": str,
        **dict.fromkeys(("epochs", "batch_size", "channels", "blocks", "depth"), int),
        "max_depth": int | None,
        "constant": int | float,
        "cost": str,
        "temperature": [int | float],
        "stop_after": int | None,
        "seed": int,
    },
    "data": {"path": str, "fingerprint": str},
    "epochs": [
        {
            **_ARCHITECTURE,
            "epoch": int,
            **dict.fromkeys(
                ("seconds", "entropy", "depth_entropy?", "expected_cost"), int | float
            ),
        }
    ],
    "architecture?": {**_ARCHITECTURE, "channels": int},
    "seconds?": int | float,
}
EVALUATED = {
    "schema?": int,
    "run": str | None,
    "trial?": int,
    "ensemble?": int,
    "finalist": bool,
    "network": str,
    "data": {
        "path": str,
        "samples": int,
        "fingerprint": str,
        "learned_from?": [str],
    },
    "evaluated": str,
    "scores": _SCORES,
}
TEST = _SCORES
TEST_OF_CLASSES = {**TEST, "confusion_matrix": [[int]]}


def is_of_classes(scores: Mapping[str, Any], classes: int) -> bool:
    """Returns whether scores of a classification are complete and fit the classes.

    Args:
        scores: the content of an evaluation. Without a confusion matrix, as before the
            finalist is evaluated, they are not checked.
        classes: their number in the run.
    """
    matrix = scores.get("confusion_matrix")
    if matrix is None:
        return True
    complete = {"absent_classes", "per_class"} <= scores.keys()
    pairs = all(len(pair) == 2 for pair in scores.get("intervals", {}).values())
    return complete and pairs and {len(matrix), *map(len, matrix)} == {classes}
