"""Times a step of a compact search against one that runs all operations (DARTS).

    python benchmarks/compact_step.py [--depth 1] [--batch-size 32] [--steps 15]

Both supernets have the same weights and batches, patches of 32×32 pixels and 10 bands,
and take steps in turns; prints the medians and their ratio.
"""

from __future__ import annotations

import argparse
import time
from typing import Any

import numpy as np


def stepper(depth: int, batch_size: int, run_all: bool) -> Any:
    """Returns a function that does a step, after one that was not timed."""
    import keras

    from autoai4eo.compact.complexity import complexity
    from autoai4eo.compact.supernet import Space, supernet
    from autoai4eo.learning.two_optimizers import TwoOptimizers

    keras.utils.set_random_seed(0)
    space = Space(depth=depth)
    shapes, classes = {"sen2": (32, 32, 10)}, 17
    costs = complexity(shapes, classes, space.channels, space.blocks, depth, "flops")
    model = supernet(space, shapes, classes, costs, 0.01, 0, run_all=run_all)
    model.compile(
        TwoOptimizers(
            keras.optimizers.SGD(0.025, 0.9, weight_decay=3e-4, global_clipnorm=5.0),
            keras.optimizers.Adam(3e-4, 0.5),
            [variable.path for variable in model.logits],
        ),
        "categorical_crossentropy",
        jit_compile=keras.backend.backend() == "jax",
    )
    nothing = np.zeros((1, classes), "float32")
    model.compute_loss(None, nothing, nothing)
    rng = np.random.default_rng(0)
    pixels = {"sen2": rng.normal(size=(batch_size, 32, 32, 10)).astype("float32")}
    labels = np.eye(classes, dtype="float32")[rng.integers(0, classes, batch_size)]

    class Pair(keras.utils.PyDataset):
        def __len__(self) -> int:
            return 1

        def __getitem__(self, index: int) -> Any:
            return (pixels, pixels), (labels, labels)

    batches = Pair()

    def step() -> float:
        begun = time.perf_counter()
        model.fit(batches, verbose=0)
        return time.perf_counter() - begun

    step()
    return step


def main() -> None:
    """Prints both medians and their ratio."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--depth", type=int, default=1)
    parser.add_argument("--batch-size", type=int, default=32)
    parser.add_argument("--steps", type=int, default=15)
    args = parser.parse_args()
    drawn = stepper(args.depth, args.batch_size, False)
    every = stepper(args.depth, args.batch_size, True)
    times = np.array([(drawn(), every()) for _ in range(args.steps)])
    one, other = np.median(times, axis=0)
    ratio = np.median(times[:, 1] / times[:, 0])
    print(f"drawn operation only: {one:.2f} s a step")
    print(f"all operations: {other:.2f} s a step, {ratio:.1f} times as long")


if __name__ == "__main__":
    main()
