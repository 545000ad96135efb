"""Device profiles: how well do they predict networks that were held out?

    python benchmarks/device_profile.py --out device_profile.jsonl
    python benchmarks/device_profile.py --summarise device_profile.jsonl

Rerun to resume. Two runtimes and two numbers of threads stand for devices. Measured in
each of them, in turn and twice: 40 random networks of So2Sat's search space (two
inputs, 32 × 32 pixels), 60 of their layers, and 50 networks that are held out. The
summary predicts these 50 from what `autoai4eo device profile` would have measured (the
smaller of both rounds), and holds the predictions against the measurements: rank
correlation (Spearman) and relative error. Beside it: how well the two rounds agree,
what MACs alone reach, and what the latencies of another "device" would.
"""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import asdict
from itertools import islice
from pathlib import Path
from typing import Any

import keras
import numpy as np
from scipy.stats import spearmanr

import autoai4eo as ae
from autoai4eo.cost.instrument import Instrument
from autoai4eo.cost.layers import calls_by_configuration, layer_configurations
from autoai4eo.devices import single_layers
from autoai4eo.devices.prediction import LatencyModel, accuracy
from autoai4eo.devices.profile import Measurement, layer_from
from autoai4eo.devices.profiling import Sizes
from autoai4eo.errors import UserError
from autoai4eo.search.space.drawing import draw
from autoai4eo.tasks.profiling import so2sat_patches

WAYS = {
    "ONNX Runtime, 1 thread": ("onnx", "float32", 1),
    "ONNX Runtime, 2 threads": ("onnx", "float32", 2),
    "LiteRT, 1 thread": ("litert", "float32", 1),
}
SIZES, ROUNDS, SECONDS = Sizes(), 2, 0.3


def networks() -> Iterator[keras.Model]:
    """Networks of the space of `ae.So2SatClassifier`."""
    graph, _ = ae.So2SatClassifier().search_space(*so2sat_patches())
    return (found for _, found in draw(graph, SIZES.networks + SIZES.held_out))


def parts() -> Iterator[tuple[str, int, keras.Model]]:
    """Networks, layers, held-out networks, each with its number."""
    calls: dict[Any, Any] = {}
    drawn = networks()
    for i, model in enumerate(islice(drawn, SIZES.networks)):
        calls.update(calls_by_configuration(model))
        yield "networks", i, model
    for i, call in enumerate(single_layers.choose(calls, SIZES.single_layers)):
        yield "layers", i, single_layers.one_layer(call)
    for i, model in enumerate(drawn):
        yield "held_out", i, model


def measured(model: keras.Model) -> dict[str, list[list[float]]]:
    """Median and spread in each way and round."""
    with ExitStack() as stack:
        ready = {
            way: stack.enter_context(Instrument(*how).prepared(model))
            for way, how in WAYS.items()
        }
        found: dict[str, list[list[float]]] = {way: [] for way in WAYS}
        for _ in range(ROUNDS):
            for way, network in ready.items():
                latency = network.latency(1, SECONDS)
                found[way].append([latency.median_ms, latency.spread_ms])
    return found


def measure(out: Path) -> None:
    """Adds a line for each network that is not measured yet."""
    lines = out.read_text().splitlines() if out.exists() else []
    done = {(row["part"], row["number"]) for row in map(json.loads, lines)}
    for part, number, model in parts():
        if (part, number) in done:
            continue
        try:
            times = measured(model)
        except UserError as error:
            print(part, number, error, flush=True)
            continue
        layers = layer_configurations(model)
        row = {
            "part": part,
            "number": number,
            "layers": [[asdict(layer), count] for layer, count in layers.items()],
            "ms": times,
        }
        with out.open("a") as file:
            file.write(json.dumps(row) + "\n")
        print(part, number, [round(t[0][0], 3) for t in times.values()], flush=True)


def read(
    out: Path, way: str, part: str, round_: int | None = None
) -> list[Measurement]:
    """What was measured in a way, in a round; None: the smaller of both."""
    rows = [json.loads(line) for line in out.read_text().splitlines()]
    return [
        Measurement(
            {layer_from(layer): count for layer, count in row["layers"]},
            *(min(row["ms"][way]) if round_ is None else row["ms"][way][round_]),
        )
        for row in rows
        if row["part"] == part
    ]


def summarise(out: Path) -> None:
    """Prints the table of benchmarks/README.md."""
    head = ["stand-in", "median ms", "predicted", "median error", "90 % within"]
    head += ["two rounds", "differ by", "MACs", *(f"as {way}" for way in WAYS)]
    print("| " + " | ".join(head) + " |\n|" + "---|" * len(head))
    ms = {way: np.array([m.ms for m in read(out, way, "held_out")]) for way in WAYS}
    for way in WAYS:
        learned = read(out, way, "layers"), read(out, way, "networks")
        held_out = read(out, way, "held_out")
        judged = accuracy(LatencyModel(*learned), held_out)
        first, again = (
            np.array([m.ms for m in read(out, way, "held_out", round_)])
            for round_ in range(ROUNDS)
        )
        row = [
            f"{np.median(ms[way]):.2f}",
            f"{judged.spearman:.3f}",
            f"{judged.median_error:.1%}",
            f"{judged.p90_error:.1%}",
            f"{spearmanr(first, again).statistic:.3f}",
            f"{np.median(np.abs(again / first - 1)):.1%}",
            f"{judged.spearman_of_macs:.3f}",
            *(f"{spearmanr(ms[way], other).statistic:.3f}" for other in ms.values()),
        ]
        print(f"| {way} | " + " | ".join(row) + " |")


def main() -> None:
    """See above."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("device_profile.jsonl"))
    parser.add_argument("--summarise", type=Path)
    asked = parser.parse_args()
    if asked.summarise is None:
        print(f"load at the beginning: {os.getloadavg()[0]:.1f}")
        measure(asked.out)
        print(f"load at the end: {os.getloadavg()[0]:.1f}")
    summarise(asked.summarise or asked.out)


if __name__ == "__main__":
    main()
