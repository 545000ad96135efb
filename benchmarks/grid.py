"""A grid of small networks, really trained: a table for `autoai4eo simulate`.

    python benchmarks/grid.py train ../shared/data/eurosat_rgb/EuroSAT_RGB.zip grid.csv
    python benchmarks/grid.py measure grid.csv

144 convolutional networks on 1,000 patches for ten epochs, judged on 500 others.
Training takes hours and can be broken off and gone on with; latency is measured
afterwards, when nothing else runs.
"""

from __future__ import annotations

import argparse
import itertools
import math
import time
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pandas as pd

import autoai4eo as ae
from autoai4eo.data.splits import sample, split
from autoai4eo.learning.metrics import CohenKappa

CHOICES = {
    "first_map": (16, 32),
    "width": (8, 16, 24),
    "stages": (1, 2, 3),
    "blocks": (1, 2),
    "unit": ("plain", "separable"),
    "kernel": (3, 5),
}
TRAINED, JUDGED, EPOCHS, BATCH = 1000, 500, 10, 32


def network(
    shape: tuple[int, int, int],
    classes: int,
    *,
    first_map: int,
    width: int,
    stages: int,
    blocks: int,
    unit: str,
    kernel: int,
) -> keras.Model:
    """A stem that shrinks to `first_map` pixels, then stages of doubling width."""
    inputs = keras.Input(shape)
    convolution = {
        "plain": keras.layers.Conv2D,
        "separable": keras.layers.SeparableConv2D,
    }[unit]
    x = keras.layers.Conv2D(
        width, 3, strides=shape[0] // first_map, padding="same", use_bias=False
    )(inputs)
    for stage in range(stages):
        for block in range(blocks):
            x = keras.layers.BatchNormalization(momentum=0.9)(x)
            x = keras.layers.ReLU()(x)
            x = convolution(
                width * 2**stage,
                kernel,
                strides=2 if stage and not block else 1,
                padding="same",
                use_bias=False,
            )(x)
    x = keras.layers.ReLU()(keras.layers.BatchNormalization(momentum=0.9)(x))
    x = keras.layers.GlobalAveragePooling2D()(x)
    return keras.Model(inputs, keras.layers.Dense(classes, activation="softmax")(x))


def arrays(data: Any, mean: np.ndarray, std: np.ndarray) -> tuple[Any, Any]:
    """All pixels, standardised, and one-hot labels."""
    (pixels,) = data.read(np.arange(len(data))).values()
    return (pixels - mean) / std, np.eye(data.num_classes, dtype="float32")[data.labels]


def parts(path: Path) -> tuple[Any, Any]:
    """Training and validation data; the optical sensor's where there are two."""
    whole = ae.open_dataset(path)
    names = [spec.name for spec in whole.inputs]
    whole = whole.select(["sen2"] if "sen2" in names else names)
    if len(whole) > TRAINED + JUDGED:
        whole = sample(whole, TRAINED + JUDGED, seed=0)
    share = TRAINED / (TRAINED + JUDGED)
    group = next(iter(whole.groups), None)
    train, judged = split(whole, (share, 1 - share), group=group, seed=0)
    return train, judged


def train(path: Path, out: Path) -> None:
    """Trains every network that the table does not have yet."""
    training, judged = parts(path)
    x, _ = arrays(training, np.zeros(1, "float32"), np.ones(1, "float32"))
    mean, std = x.mean((0, 1, 2)), x.std((0, 1, 2))
    known = pd.read_csv(out) if out.is_file() else pd.DataFrame(columns=[*CHOICES])
    done = set(known[[*CHOICES]].astype(str).itertuples(index=False, name=None))
    for values in itertools.product(*CHOICES.values()):
        if tuple(map(str, values)) in done:
            continue
        keras.backend.clear_session()
        keras.utils.set_random_seed(0)
        chosen: dict[str, Any] = dict(zip(CHOICES, values, strict=True))
        model = network(training.inputs[0].shape, training.num_classes, **chosen)
        steps = EPOCHS * math.ceil(len(training) / BATCH)
        model.compile(
            keras.optimizers.Adam(keras.optimizers.schedules.CosineDecay(3e-3, steps)),
            loss="categorical_crossentropy",
            metrics=["accuracy", CohenKappa(training.num_classes)],
        )
        begin = time.monotonic()
        fitted = model.fit(
            *arrays(training, mean, std),
            validation_data=arrays(judged, mean, std),
            epochs=EPOCHS,
            batch_size=BATCH,
            verbose=0,
        ).history
        cost = ae.profile(model, latency=False)
        row = {
            **chosen,
            "kappa": fitted["val_cohen_kappa"][-1],
            "accuracy": fitted["val_accuracy"][-1],
            "params": cost.params,
            "macs": cost.macs,
            "train_seconds": round(time.monotonic() - begin, 1),
            "bands": training.inputs[0].shape[2],
            "pixels": training.inputs[0].shape[0],
            "classes": training.num_classes,
        }
        pd.DataFrame([row]).to_csv(out, mode="a", header=not out.is_file(), index=False)
        print(row, flush=True)


def measure(out: Path) -> None:
    """Adds the latency of every network, in ms for one patch, here and now."""
    table = pd.read_csv(out)
    found = []
    for row in table.to_dict("records"):
        keras.backend.clear_session()
        shape = (row["pixels"], row["pixels"], row["bands"])
        model = network(shape, row["classes"], **{name: row[name] for name in CHOICES})
        found.append(ae.profile(model).latency_ms)
    table.assign(latency_ms=pd.Series(found).round(4)).to_csv(out, index=False)


def main() -> None:
    """Trains, or measures."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    jobs = parser.add_subparsers(dest="job", required=True)
    training = jobs.add_parser("train")
    training.add_argument("data", type=Path)
    training.add_argument("out", type=Path)
    jobs.add_parser("measure").add_argument("out", type=Path)
    args = parser.parse_args()
    if args.job == "train":
        train(args.data, args.out)
    else:
        measure(args.out)


if __name__ == "__main__":
    main()
