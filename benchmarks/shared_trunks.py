"""Networks made for maps: a scene with shared work against the loop over its windows.

    autoai4eo fit ../shared/data/so2sat_layout/training.h5 \
        --val ../shared/data/so2sat_layout/validation.h5 --out RUN --input sen2 \
        --map-step 10 --objective val_cohen_kappa --objective map_ms_per_km2 \
        --max-trials 8 --epochs 8
    python benchmarks/shared_trunks.py RUN ../shared/data

Every trained network of RUN maps the Spain scene (512 × 512, B2 B3 B4 B8, DN / 10000)
at the run's map step: by `keras.Model.predict` on cut windows, with the batch size
(32, 64, 128, 256) that is fastest for it, and by `autoai4eo.cost.shared` over the whole
scene as one tile. Both run in turn; medians. The windows are cut beforehand and not
timed. The last two columns are the largest difference of a probability and the share of
windows of the same class.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from pathlib import Path

import keras
import numpy as np
import rasterio

from autoai4eo.cost import shared
from autoai4eo.search.record import open_study, trials_table
from autoai4eo.search.run_folder import read_run

BANDS = (2, 3, 4, 8)  # of the file, counted from 1: B2, B3, B4, B8
BATCHES = (32, 64, 128, 256)


def read_scene(data: Path) -> np.ndarray:
    """Reflectance (1, 512, 512, 4), float32."""
    with rasterio.open(data / "scenes" / "Spain_7370579_S2Hand.tif") as file:
        numbers = file.read(BANDS)
    return np.moveaxis(numbers, 0, -1)[None].astype("float32") / 10_000


def cut_windows(scene: np.ndarray, side: int, step: int) -> np.ndarray:
    """All windows (N, side, side, bands), row by row."""
    view = np.lib.stride_tricks.sliding_window_view(scene[0], (side, side), (0, 1))
    cut = np.moveaxis(view[::step, ::step], 2, -1)
    return np.ascontiguousarray(cut.reshape(-1, side, side, scene.shape[-1]))


def seconds(run: Callable[[], object]) -> float:
    """How long one call takes."""
    start = time.perf_counter()
    run()
    return time.perf_counter() - start


def main() -> None:
    """Prints one markdown table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("run", type=Path)
    parser.add_argument("data", type=Path)
    parser.add_argument("--runs", type=int, default=9)
    args = parser.parse_args()
    step = read_run(args.run)["arguments"]["map_step"]
    trials = trials_table(open_study(args.run)).set_index("trial")
    scene = read_scene(args.data)
    print(
        "| trial | kappa | MACs | stride | map_ms_per_km2 | loop s | shared s | × "
        "| difference | same class |\n" + "|---" * 10 + "|"
    )
    for number, trial in trials[trials["status"] == "complete"].iterrows():
        path = args.run / "trials" / str(number) / "model.keras"
        model = keras.models.load_model(path)
        (image,) = model.inputs
        dense = shared(model, step)
        windows = cut_windows(scene, dense.window[0], step)

        def loop(
            batch: int, model: keras.Model = model, cut: np.ndarray = windows
        ) -> np.ndarray:
            return model.predict(cut, batch_size=batch, verbose=0)

        tile = {image.name: scene}
        for batch in BATCHES:
            loop(batch)
        fastest = min(
            BATCHES, key=lambda b: np.median([seconds(lambda: loop(b)) for _ in "123"])
        )
        expected, found = loop(fastest), dense(tile)
        found = found.reshape(expected.shape)
        dense(tile)
        loops, shares = np.array(
            [
                (seconds(lambda: loop(fastest)), seconds(lambda: dense(tile)))
                for _ in range(args.runs)
            ]
        ).T
        same = (found.argmax(-1) == expected.argmax(-1)).mean()
        print(
            f"| {number} | {trial['val_cohen_kappa']:.3f} | {trial['macs'] / 1e6:.2f} M "
            f"| {dense.stride} | {trial['map_ms_per_km2']:.3g} "
            f"| {np.median(loops):.3f} | {np.median(shares):.3f} "
            f"| {np.median(loops / shares):.1f} | {np.abs(found - expected).max():.1e} "
            f"| {same:.2%} |",
            flush=True,
        )


if __name__ == "__main__":
    main()
