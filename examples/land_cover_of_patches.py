"""Which land covers a patch has, and the share of each, beside simple references.

Cuts BigEarthNet patches with a land-cover map (data sets sen1, sen2 and label of an
HDF5 file) into tiles of 40 px. A tile has the labels of the groups that cover 5 % of it
or more; its values are their shares. Tiles of one patch stay in one part of the split.

python examples/land_cover_of_patches.py patches.h5 out
"""

import sys
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from sklearn.dummy import DummyClassifier, DummyRegressor
from sklearn.ensemble import ExtraTreesClassifier, ExtraTreesRegressor

import autoai4eo as ae
from autoai4eo.data.splits import split
from autoai4eo.learning.evaluation import score

SIDE, LEAST = 40, 0.05
SETTINGS: dict[str, Any] = {
    "max_trials": 4,
    "seed": 0,
    "constraints": {"macs": 20_000_000},
}


def main(patches: str, out: str, epochs: int = 30) -> None:
    """Prints a table for labels and one for shares."""
    folder = Path(out)
    folder.mkdir(parents=True, exist_ok=True)
    tiles = write_tiles(Path(patches), folder / "tiles.h5")
    several = ae.ImageClassifier(
        multi_label=True, directory=folder, project_name="labels", **SETTINGS
    )
    dummy, trees = DummyClassifier(), ExtraTreesClassifier(500, random_state=0)
    compare(several, tiles, "labels", dummy, trees, epochs)
    shares = ae.ImageRegressor(directory=folder, project_name="shares", **SETTINGS)
    dummy, trees = DummyRegressor(), ExtraTreesRegressor(500, random_state=0)
    compare(shares, tiles, "value", dummy, trees, epochs)


def write_tiles(patches: Path, out: Path) -> Path:
    """Tiles, ``label`` (N, classes) of zeros and ones, ``value`` (N, classes)."""
    with h5py.File(patches) as file, h5py.File(out, "w") as tiles:
        classes = list(file.attrs["class_names"])
        for name in ("sen1", "sen2"):
            tiles[name] = cut(file[name][:]).astype("float32")
            tiles.attrs[f"{name}_bands"] = file.attrs[f"{name}_bands"]
        cover = cut(file["label"][:])
        shares = [(cover == i).mean(axis=(1, 2)) for i in range(len(classes))]
        tiles["value"] = np.stack(shares, axis=1)
        tiles["label"] = (tiles["value"][:] >= LEAST).astype("uint8")
        tiles.attrs["class_names"] = tiles.attrs["value_names"] = classes
        tiles["parent"] = np.repeat(
            file["patch_id"][:], len(cover) // len(file["patch_id"])
        )
    return out


def cut(patches: np.ndarray) -> np.ndarray:
    """(N, H, W, …) to (N · tiles, 40, 40, …), the tiles of a patch together."""
    n, height, width, *bands = patches.shape
    rows = patches.reshape(n, height // SIDE, SIDE, width // SIDE, SIDE, *bands)
    return rows.swapaxes(2, 3).reshape(-1, SIDE, SIDE, *bands)


def compare(
    model: Any, tiles: Path, kind: str, dummy: Any, trees: Any, epochs: int
) -> None:
    """Trains on three fifths of the patches and prints the scores on one fifth."""
    dataset = ae.open_dataset(tiles, kind=kind)
    training, validation, testing = split(
        dataset, (0.6, 0.2, 0.2), group="parent", seed=0
    )
    model.fit(training, validation_data=validation, epochs=epochs, verbose=0)
    found = {type(model).__name__: model.evaluate(testing)}
    for reference in (dummy, trees):
        reference.fit(statistics(training), training.targets)
        answer = outputs(reference, statistics(testing), kind)
        found[type(reference).__name__] = score(testing, answer)
    for name, scores in found.items():
        for metric, value in scores.items():
            if isinstance(value, float):
                low, high = scores["intervals"].get(metric, (np.nan, np.nan))
                print(f"{name:22} {metric:24} {value:.3f} [{low:.3f}, {high:.3f}]")


def statistics(dataset: ae.data.dataset.Dataset) -> np.ndarray:
    """Mean and standard deviation of each band of each tile."""
    pixels = dataset.read(np.arange(len(dataset))).values()
    parts = [f(x, axis=(1, 2)) for x in pixels for f in (np.mean, np.std)]
    return np.concatenate(parts, axis=1)


def outputs(reference: Any, features: np.ndarray, kind: str) -> np.ndarray:
    """What a network would give: a probability of each class, or values."""
    if kind == "value":
        return reference.predict(features)
    each = zip(reference.predict_proba(features), reference.classes_, strict=True)
    return np.stack([p @ np.asarray(classes) for p, classes in each], axis=1)


if __name__ == "__main__":
    if len(sys.argv) <= 2 or "--help" in sys.argv:
        sys.exit(__doc__)
    main(sys.argv[1], sys.argv[2], *map(int, sys.argv[3:]))
