"""The inputs and the output of a network, in the fields of the MLM extension."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import keras

from autoai4eo.deploy.predictors.description import TARGET

_DESCRIPTIONS = {
    "class": "the probability of each class, in this order",
    "labels": "the probability that the patch has each class, in this order; it has "
    "those whose probability is at least their threshold",
    "value": "the values of autoai4eo:target, in this order, in the units of the "
    "training data",
    "mask": "the probability of each class in each pixel, in this order",
}
#: The task of each kind of target, as the extension spells it.
TASKS = {
    "class": "classification",
    "labels": "classification",
    "value": "regression",
    "mask": "semantic-segmentation",
}


def input_of(
    network: keras.Model, spec: Mapping[str, Any], statistics: Mapping[str, Any] | None
) -> dict[str, Any]:
    """Describes an input.

    Args:
        network: that has the input.
        spec: the input in ``run.json``.
        statistics: of its bands, if known.
    """
    (node,) = (node for node in network.inputs if node.name == spec["name"])
    told: dict[str, Any] = {
        "name": node.name,
        "description": "raw pixels, as in the training data: the model itself does "
        "all preprocessing",
        "bands": list(spec["bands"]),
        "input": {
            "shape": [-1, *node.shape[1:]],
            "dim_order": ["batch", "height", "width", "bands"],
            "data_type": "float32",
        },
        "value_scaling": None,
    }
    if statistics is not None:
        told["autoai4eo:statistics"] = {
            name: statistics[name] for name in ("mean", "std", "p2", "p98")
        }
    return told


def described_output(
    target: Mapping[str, Any], name: str, pixels: Sequence[int]
) -> dict[str, Any]:
    """Describes the output, also in `TARGET`.

    Args:
        target: from `target_told`.
        name: of the output.
        pixels: height and width of masks; empty for a target of patches.
    """
    told: dict[str, Any] = {
        "name": name,
        "description": _DESCRIPTIONS[target["kind"]],
        "tasks": [TASKS[target["kind"]]],
        "result": {
            "shape": [-1, *pixels, len(target["classes"])],
            "dim_order": [
                "batch",
                *(("height", "width") if pixels else ()),
                "value" if name == "values" else "class",
            ],
            "data_type": "float32",
        },
        TARGET: {n: v for n, v in target.items() if n not in ("classes", "colours")},
    }
    if target["kind"] == "value":
        return {**told, TARGET: dict(target)}
    # of the classification extension: six digits without a #
    hints = {n: c.removeprefix("#") for n, c in target.get("colours", {}).items()}
    classes = [
        {
            "value": value,
            "name": label,
            "description": label,
            **({"color_hint": hints[label].upper()} if label in hints else {}),
        }
        for value, label in enumerate(target["classes"], 1)
    ]
    return {**told, "classification:classes": classes}


def bands_of(inputs: list[dict[str, Any]]) -> list[dict[str, str]]:
    """Lists each band once; inputs refer to bands by name."""
    sensors = {name: spec["sensor"] for spec in inputs for name in spec["bands"]}
    return [{"name": name, "description": sensor} for name, sensor in sensors.items()]
