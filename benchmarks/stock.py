"""The peer: stock AutoKeras under a wall clock, mended only where it does not run.

    python benchmarks/stock.py TRAINING VALIDATION TESTING --out DIR --minutes 20

Each data set is a So2Sat-layout HDF5 file, its `sen1` and `sen2` stacked as the
channels of one image, or a tree of one folder of images per class. The search is what a
user of AutoKeras types, `ak.ImageClassifier(objective="val_accuracy")`, with its own
epochs and early stopping. One thing is repaired: `Graph.set_io_shapes` hands Keras an
`np.int64`. One thing is done in AutoKeras's favour: the model judged is the epoch of
the highest validation accuracy, of any trial, finished or not when the time is over.

Its own tuner tries ResNet-50 and EfficientNet-B7 at 224 pixels second and third, which
takes a small machine's whole time; `--tuner greedy` is the same search without them.

Prints JSON: kappa, overall and average accuracy (classes that TESTING lacks left out)
on TESTING; the trials; the seconds searched. DIR/best.keras is the model.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import multiprocessing
import os
import time
import warnings
from pathlib import Path
from typing import Any

import numpy as np


def read(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """Pixels float32 (N, height, width, channels) and one-hot labels (N, classes)."""
    if path.is_dir():
        return _read_folders(path)
    import h5py

    with h5py.File(path) as file:
        pixels = np.concatenate([file["sen1"][:], file["sen2"][:]], axis=-1)
        return pixels.astype("float32"), file["label"][:].astype("float32")


def _read_folders(path: Path) -> tuple[np.ndarray, np.ndarray]:
    import rasterio

    warnings.simplefilter("ignore", rasterio.errors.NotGeoreferencedWarning)
    classes = sorted(folder for folder in path.iterdir() if folder.is_dir())
    images, labels = [], []
    for label, folder in enumerate(classes):
        for file in sorted(folder.iterdir()):
            with rasterio.open(file) as image:
                images.append(np.moveaxis(image.read(), 0, -1))
            labels.append(label)
    one_hot = np.eye(len(classes), dtype="float32")[labels]
    return np.stack(images).astype("float32"), one_hot


Arrays = tuple[np.ndarray, np.ndarray]


def search_files(
    training: Path, validation: Path, out: Path, tuner: str | None, seed: int
) -> None:
    """`search` on files."""
    search(read(training), read(validation), out, tuner, seed)


def search(
    training: Arrays,
    validation: Arrays,
    out: Path,
    tuner: str | None,
    seed: int,
    max_trials: int = 100,
) -> None:
    """AutoKeras's image search; its best model so far is out/best.keras.

    Args:
        training, validation: pixels and one-hot labels, see `read`.
        out: a folder.
        tuner: of AutoKeras; None: its own for images.
        seed: of the search.
        max_trials: networks to train; 100 take longer than anyone waits.
    """
    import autokeras as ak
    import keras
    from autokeras.graph import Graph

    stock = Graph.set_io_shapes

    def with_python_ints(graph: Graph, shapes: Any) -> None:
        stock(graph, shapes)
        for node in graph.outputs:
            head = node.in_blocks[0]
            head.shape = tuple(int(size) for size in head.shape)

    Graph.set_io_shapes = with_python_ints

    class KeepBest(keras.callbacks.Callback):
        """Saves the best epoch of all trials; KerasTuner copies it for each trial."""

        best = -1.0

        def on_epoch_end(self, epoch: int, logs: dict[str, float]) -> None:
            if logs["val_accuracy"] > KeepBest.best:
                KeepBest.best = logs["val_accuracy"]
                self.model.save(out / "unfinished.keras")
                os.replace(out / "unfinished.keras", out / "best.keras")

    keras.utils.set_random_seed(seed)
    classifier = ak.ImageClassifier(
        objective="val_accuracy",
        directory=out,
        project_name="search",
        tuner=tuner,
        max_trials=max_trials,
        overwrite=True,
        seed=seed,
    )
    x, y = training
    with (
        open(out / "search.log", "w", buffering=1) as log,
        contextlib.redirect_stdout(log),
    ):
        classifier.fit(
            x, y, validation_data=validation, callbacks=[KeepBest()], verbose=2
        )


def trials(out: Path) -> list[dict[str, Any]]:
    """What KerasTuner wrote of each trial: its network, status and score."""
    rows = []
    for file in sorted((out / "search").glob("trial_*/trial.json")):
        record = json.loads(file.read_text())
        values = record["hyperparameters"]["values"]
        rows.append(
            {
                "block_type": values["image_block_1/block_type"],
                "status": record["status"],
                "val_accuracy": record["score"],
                "message": (record.get("message") or "").strip().rpartition("\n")[2],
            }
        )
    return rows


def judge(out: Path, testing: Path) -> dict[str, float]:
    """Kappa, overall and average accuracy of out/best.keras on `testing`."""
    import autokeras  # noqa: F401  (its layers must be known to open the file)
    import keras
    from sklearn.metrics import accuracy_score, cohen_kappa_score, recall_score

    x, y = read(testing)
    model = keras.models.load_model(out / "best.keras")
    truth, answer = y.argmax(-1), model.predict(x, verbose=0).argmax(-1)
    return {
        "cohen_kappa": float(cohen_kappa_score(truth, answer)),
        "accuracy": float(accuracy_score(truth, answer)),
        "average_accuracy": float(
            recall_score(truth, answer, labels=np.unique(truth), average="macro")
        ),
    }


def main() -> None:
    """Searches in a process of its own until the time is over, then judges."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    for name in ("training", "validation", "testing"):
        parser.add_argument(name, type=Path)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--minutes", type=float, default=20.0)
    parser.add_argument("--tuner", choices=["greedy", "bayesian", "random"])
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)

    start = time.monotonic()
    process = multiprocessing.get_context("spawn").Process(
        target=search_files,
        args=(args.training, args.validation, args.out, args.tuner, args.seed),
    )
    process.start()
    process.join(timeout=60 * args.minutes)
    seconds = time.monotonic() - start
    process.kill()
    process.join()

    if not (args.out / "best.keras").exists():
        raise SystemExit("error: expected a model in time, not one epoch was finished")
    tried = trials(args.out)
    result = {
        **judge(args.out, args.testing),
        "trials_finished": sum(trial["status"] == "COMPLETED" for trial in tried),
        "seconds": round(seconds, 1),
        "trials": tried,
    }
    print(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()
