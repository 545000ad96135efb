"""The record of a compact search, as the search writes it; nothing was searched."""

from __future__ import annotations

import copy
from typing import Any

GENOTYPE = [
    [["sep_conv_3x3", 0], ["skip_connect", 1]],
    [["dil_conv_5x5", 1], ["max_pool_3x3", 2]],
    [["avg_pool_3x3", 0], ["sep_conv_5x5", 3]],
    [["skip_connect", 2], ["dil_conv_3x3", 4]],
]
SETTINGS = {
    "method": "s+c+d",
    "epochs": 4,
    "batch_size": 32,
    "channels": 16,
    "blocks": 3,
    "depth": 3,
    "max_depth": 5,
    "constant": 0.01,
    "cost": "flops",
    "temperature": [10.0, 1.0],
    "stop_after": None,
    "seed": 0,
}


def epoch(number: int, genotype: Any = GENOTYPE, depths: Any = (3, 3, 3)) -> dict:
    """An epoch of 20 s; the entropies and the expected cost fall."""
    return {
        "epoch": number,
        "seconds": 20.0,
        "loss": 2.0 - 0.1 * number,
        "accuracy": 0.3,
        "entropy": 2.07 - 0.01 * number,
        "depth_entropy": 1.6 - 0.01 * number,
        "expected_cost": 40e6 - 1e6 * number,
        "genotype": copy.deepcopy(genotype),
        "depths": list(depths),
    }


def record(epochs: int = 4, over: bool = True, **settings: Any) -> dict[str, Any]:
    """After epoch 1 an edge changes, after epoch 2 a depth."""
    other = copy.deepcopy(GENOTYPE)
    other[0][1][0] = "avg_pool_3x3"
    rows = [
        epoch(number, other if number == 1 else GENOTYPE, (3, 3, 3 - (number > 2)))
        for number in range(1, epochs + 1)
    ]
    found = {"genotype": GENOTYPE, "depths": [3, 3, 2], "channels": 16}
    return {
        "settings": {**SETTINGS, **settings},
        "data": {"path": "training.h5", "fingerprint": "0"},
        "epochs": rows,
        **({"architecture": found, "seconds": 200.0} if over else {}),
    }
