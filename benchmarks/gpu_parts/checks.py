"""Whether measured latencies can be true, without a profiler of the card.

Twice the batch takes between as long and twice as long; a network computes no more
operations a second than a large matrix product does; the clock is what it is under
load; and the card computes what the CPU computes.
"""

from __future__ import annotations

import threading
import time
from typing import Any

import jax
import numpy as np

import autoai4eo as ae
from autoai4eo.networks.compiled import Pass, compiled_pass
from autoai4eo.networks.inputs import input_tensors, random_arrays
from autoai4eo.runtimes.timing import WARM_UP, timed
from autoai4eo.search.space.drawing import draw, network_of
from gpu_parts import card
from gpu_parts.asked import Asked, Rows

#: Latency at 2 N over that at N: less is noise, more is a batch that does not fit.
LEAST, MOST = 0.9, 2.4


def checks(asked: Asked) -> None:
    """Doubles the batch of a few networks, and looks at the clock meanwhile."""
    rows = Rows(asked.out, "checks")
    ceiling = _matrix_product(asked.choose(8192, 8192, 512))
    rows.find(**{"matrix product, TFLOP/s (float32 as JAX computes it)": ceiling})
    graph, _ = ae.So2SatClassifier().search_space(asked.data / "training.h5")
    batches = [2**n for n in range(asked.choose(13, 11, 4))]
    pixels = ae.open_dataset(asked.data / "testing.h5").read(np.arange(64))
    for number, (values, network) in enumerate(draw(graph, asked.choose(6, 3, 1))):
        exact = network.predict_on_batch(pixels)
        with jax.default_device(jax.devices("cpu")[0]):
            twin = network_of(graph, values)
            twin.set_weights(network.get_weights())
            slow = twin.predict_on_batch(pixels)
        differs = float(np.abs(exact - slow).max())
        flops = ae.profile(network, latency=False).flops
        before: float | None = None
        for batch in batches:
            if asked.time_is_up:
                rows.find(cut=f"the time was up at network {number}, batch {batch}")
                return _judge(rows, ceiling)
            arrays = random_arrays(input_tensors(network, batch))
            run = compiled_pass(network, arrays)
            for _ in range(WARM_UP):
                run()
            budget = asked.choose(1.0, 0.2, 0.1)
            seconds = timed(run, time.perf_counter() + budget, budget / 5)
            median = float(np.median(seconds))
            rows.add(
                **{
                    "network": number,
                    "batch": batch,
                    "latency_ms": 1000 * median,
                    "p95_ms": 1000 * float(np.percentile(seconds, 95)),
                    "passes": len(seconds),
                    "times that of half": None if before is None else median / before,
                    "TFLOP/s": batch * flops / median / 1e12,
                    "differs from CPU by": differs if batch == 1 else None,
                    **_state_under(run),
                }
            )
            before = median
    _judge(rows, ceiling)


def _judge(rows: Rows, ceiling: float) -> None:
    steps = [r for r in rows.rows if r["times that of half"] is not None]
    odd = [r for r in steps if not LEAST <= r["times that of half"] <= MOST]
    last = [r for r in steps if r["batch"] == max(s["batch"] for s in steps)]
    fast = [r for r in rows.rows if r["TFLOP/s"] > ceiling]
    rows.find(
        **{
            f"doublings outside of {LEAST} to {MOST}": f"{len(odd)} of {len(steps)}",
            "times that of half, largest batch": ", ".join(
                f"{r['times that of half']:.2f}" for r in last
            ),
            "faster than the matrix product": f"{len(fast)} of {len(rows.rows)}",
        }
    )


def _state_under(run: Pass) -> dict[str, str]:
    """The card's state while it computes; the passes are not timed."""
    found: dict[str, str] = {}
    asking = threading.Thread(target=lambda: found.update(card.state()))
    asking.start()
    while asking.is_alive():
        run()
    return found


def _matrix_product(side: int) -> float:
    """TFLOP/s of a product of random matrices (side, side)."""
    one, other = (
        jax.random.normal(key, (side, side))
        for key in jax.random.split(jax.random.key(0))
    )
    product: Any = jax.jit(lambda a, b: a @ b)

    def run() -> None:
        jax.block_until_ready(product(one, other))

    for _ in range(WARM_UP):
        run()
    seconds = timed(run, time.perf_counter() + 1, 0.2)
    return 2 * side**3 / float(np.median(seconds)) / 1e12
