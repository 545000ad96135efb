"""What 20 random networks cost on the card: latency and memory, in two precisions."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import keras
import numpy as np
from scipy.stats import spearmanr

import autoai4eo as ae
from autoai4eo.networks.device import peak_memory_bytes
from autoai4eo.search.space.drawing import draw, network_of
from gpu_parts import page
from gpu_parts.asked import Asked, Rows

FLOAT32, MIXED = "float32", "mixed_bfloat16"
BATCHES = (1, 64)
MIB = 2**20


@contextmanager
def precision(policy: str) -> Iterator[None]:
    """Networks that are built meanwhile compute so."""
    keras.config.set_dtype_policy(policy)
    try:
        yield
    finally:
        keras.config.set_dtype_policy(FLOAT32)


def costs(asked: Asked) -> None:
    """Profiles each network in float32, then mixed with the same weights."""
    rows = Rows(asked.out, "costs")
    graph, _ = ae.So2SatClassifier().search_space(asked.data / "training.h5")
    budget = asked.choose(1.0, 0.3, 0.1)
    testing = ae.open_dataset(asked.data / "testing.h5")
    pixels = testing.read(np.arange(max(BATCHES)))
    for number, (values, network) in enumerate(draw(graph, asked.choose(20, 20, 2))):
        if asked.time_is_up:
            break
        _profile(rows, number, network, FLOAT32, budget)
        with precision(MIXED):
            mixed = network_of(graph, values)
        mixed.set_weights(network.get_weights())
        _profile(rows, number, mixed, MIXED, budget)
        one, other = (
            model.predict_on_batch(pixels).astype("float32")
            for model in (network, mixed)
        )
        apart = np.abs(one - other)
        rows.rows[-1]["differs by"] = float(np.nanmax(apart, initial=0))
        rows.rows[-1]["same class"] = float((one.argmax(1) == other.argmax(1)).mean())
        rows.rows[-1]["NaN"] = f"{np.isnan(apart).mean():.0%}"
    _summarise(rows)


def again(asked: Asked) -> None:
    """Profiles the first networks twice more, each time compiled and tuned anew."""
    rows = Rows(asked.out, "again")
    graph, _ = ae.So2SatClassifier().search_space(asked.data / "training.h5")
    budget = asked.choose(1.0, 0.3, 0.1)
    for number, (values, network) in enumerate(draw(graph, asked.choose(20, 8, 2))):
        for build in (1, 2):
            if asked.time_is_up:
                break
            model = network if build == 1 else network_of(graph, values)
            _profile(rows, number, model, FLOAT32, budget, build=build)
    before = page.read(asked.out, "costs").get("rows", [])
    for batch in BATCHES:
        old = _latencies(before, FLOAT32, batch)
        one, other = (
            _latencies([r for r in rows.rows if r["build"] == build], FLOAT32, batch)
            for build in (1, 2)
        )
        _compare(rows, f"batch {batch}, two processes", old, one)
        _compare(rows, f"batch {batch}, one process", one, other)


def _compare(
    rows: Rows, what: str, one: dict[int, float], other: dict[int, float]
) -> None:
    """Finds how far two latencies of the same networks are apart."""
    ratios = [max(one[n] / o, o / one[n]) for n, o in other.items() if n in one]
    if len(ratios) > 2:
        rows.find(
            **{
                f"{what}: networks": len(ratios),
                f"{what}: Spearman": _spearman(one, other),
                f"{what}: median ratio": float(np.median(ratios)),
                f"{what}: largest ratio": max(ratios),
            }
        )


def _latencies(
    found: list[dict[str, Any]], policy: str, batch: int
) -> dict[int, float]:
    return {
        r["network"]: r["latency_ms"]
        for r in found
        if (r["precision"], r["batch"]) == (policy, batch)
    }


def _profile(
    rows: Rows,
    number: int,
    network: keras.Model,
    policy: str,
    budget: float,
    **about: Any,
) -> None:
    for batch in BATCHES:
        cost = ae.profile(network, batch, budget_s=budget)
        assert cost.latency_ms is not None
        planned = cost.peak_memory_bytes
        rows.add(
            **{
                "network": number,
                "precision": policy,
                **about,
                "params": cost.params,
                "MACs": cost.macs,
                "batch": batch,
                "latency_ms": cost.latency_ms,
                "p95_ms": cost.latency_p95_ms,
                "spread_ms": cost.latency_spread_ms,
                "energy_mJ": cost.energy_mj,
                "samples/s": 1000 * batch / cost.latency_ms,
                "memory_MiB": None if planned is None else planned / MIB,
            }
        )


def _summarise(rows: Rows) -> None:
    """Medians, and how alike the networks are ranked."""
    latency = {
        (policy, batch): _latencies(rows.rows, policy, batch)
        for policy in (FLOAT32, MIXED)
        for batch in BATCHES
    }
    macs = {r["network"]: r["MACs"] for r in rows.rows}
    base = latency[FLOAT32, 1]
    for (policy, batch), of in latency.items():
        if not of:
            continue
        name = f"{policy}, batch {batch}"
        rows.find(**{f"{name}: networks": len(of)})
        rows.find(**{f"{name}: median ms": float(np.median(list(of.values())))})
        if len(of) > 2:
            rows.find(
                **{
                    f"{name}: Spearman with MACs": _spearman(of, macs),
                    f"{name}: Spearman with {FLOAT32}, batch 1": _spearman(of, base),
                }
            )
    peak = peak_memory_bytes()
    if peak is not None:
        rows.find(**{"most memory in use, MiB (all networks)": peak / MIB})


def _spearman(one: dict[int, float], other: dict[int, float]) -> float:
    both = [n for n in one if n in other]
    return float(spearmanr([one[n] for n in both], [other[n] for n in both])[0])
