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
timed. The last columns are the largest difference of a probability and the share of
windows of the same class, over the scene and over the 96 patches of 120 × 120 pixels
that the training patches were cut from, of whose kind the network knows more.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from pathlib import Path

import h5py
import keras
import numpy as np
import rasterio

from autoai4eo.networks.dense import dense_classifier
from autoai4eo.runs.folder import Run
from autoai4eo.runs.study import open_study, trials_table

BANDS = (2, 3, 4, 8)  # of the file, counted from 1: B2, B3, B4, B8
BATCHES = (32, 64, 128, 256)


def read_scene(data: Path) -> np.ndarray:
    """Reflectance (1, 512, 512, 4), float32."""
    with rasterio.open(data / "scenes" / "Spain_7370579_S2Hand.tif") as file:
        numbers = file.read(BANDS)
    return np.moveaxis(numbers, 0, -1)[None].astype("float32") / 10_000


def read_patches(data: Path) -> np.ndarray:
    """Reflectance (96, 120, 120, 4), float32."""
    with h5py.File(data / "bigearthnet_s1s2" / "patches.h5") as file:
        return file["sen2"][:].astype("float32") / 10_000


def cut_windows(tiles: np.ndarray, side: int, step: int) -> np.ndarray:
    """All windows (N, side, side, bands), tile by tile and row by row."""
    view = np.lib.stride_tricks.sliding_window_view(tiles, (side, side), (1, 2))
    cut = np.moveaxis(view[:, ::step, ::step], 3, -1)
    return np.ascontiguousarray(cut.reshape(-1, side, side, tiles.shape[-1]))


def seconds(run: Callable[..., object], *arguments: object) -> float:
    """How long one call takes."""
    start = time.perf_counter()
    run(*arguments)
    return time.perf_counter() - start


def compare(
    model: keras.Model, scene: np.ndarray, patches: np.ndarray, step: int, runs: int
) -> dict[str, float]:
    """Seconds of both ways, how many times faster, and how far apart."""
    dense = dense_classifier(model, step)
    windows = cut_windows(scene, dense.window[0], step)
    tile = {model.inputs[0].name: scene}

    def loop(batch: int) -> np.ndarray:
        return model.predict(windows, batch_size=batch, verbose=0)

    for batch in BATCHES:
        loop(batch)
    fastest = min(BATCHES, key=lambda b: np.median([seconds(loop, b) for _ in "123"]))
    expected, found = loop(fastest), dense(tile)
    both = [(seconds(loop, fastest), seconds(dense, tile)) for _ in range(runs)]
    loops, shares = np.array(both).T
    cut = cut_windows(patches, dense.window[0], step)
    more = model.predict(cut, batch_size=fastest, verbose=0)
    expected = np.concatenate([expected, more])
    found = np.concatenate(
        [
            p.reshape(-1, p.shape[-1])
            for p in (found, dense({model.inputs[0].name: patches}))
        ]
    )
    return {
        "stride": dense.stride,
        "batch": fastest,
        "loop_s": float(np.median(loops)),
        "shared_s": float(np.median(shares)),
        "times": float(np.median(loops / shares)),
        "difference": float(np.abs(found - expected).max()),
        "same": float((found.argmax(-1) == expected.argmax(-1)).mean()),
        "classes": len(set(expected.argmax(-1))),
    }


def main() -> None:
    """Prints one markdown table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("run", type=Path)
    parser.add_argument("data", type=Path)
    parser.add_argument("--runs", type=int, default=9)
    parser.add_argument("--trial", type=int, help="this one only")
    args = parser.parse_args()
    step = Run(args.run).read()["arguments"]["map_step"]
    trials = trials_table(open_study(args.run)).set_index("trial")
    if args.trial is not None:
        trials = trials.loc[[args.trial]]
    scene, patches = read_scene(args.data), read_patches(args.data)
    print(
        "| trial | kappa | MACs | stride | map_ms_per_km2 | batch | loop s | shared s "
        "| × | difference | same class | classes |\n" + "|---" * 12 + "|"
    )
    for number, trial in trials[trials["status"] == "complete"].iterrows():
        model = keras.models.load_model(
            args.run / "trials" / str(number) / "model.keras"
        )
        found = compare(model, scene, patches, step, args.runs)
        figures = {**trial, **found, "million": trial["macs"] / 1e6}
        print(
            "| {number} | {val_cohen_kappa:.3f} | {million:.2f} M | {stride} "
            "| {map_ms_per_km2:.3g} | {batch} | {loop_s:.3f} | {shared_s:.3f} "
            "| {times:.1f} | {difference:.1e} | {same:.2%} | {classes} |".format(
                number=number, **figures
            ),
            flush=True,
        )


if __name__ == "__main__":
    main()
