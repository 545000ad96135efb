"""Segmentation of places never seen: fixed decoders, searched ones, and thresholds.

    python benchmarks/segmentation.py run ../shared/data OUT --data water
    python benchmarks/segmentation.py show ../shared/data OUT --data water

``water``: the Spain scene of Sen1Floods11, Sentinel-1 and -2, in tiles of 64 pixels;
four folds, the quarters of the scene. ``fires``: burned area of 12 fires, tiles of 128
pixels; four folds of three fires. ``landcover``: 96 patches of BigEarthNet with both
sensors and 11 classes; five folds of whole patches. ``own``: your scenes, in folders
``images`` and ``masks`` of the one that is given in place of ../shared/data; four folds
of whole scenes. Each method learns from all folds but one, of which a fifth is
validation data (whole groups; tiles where there are fewer than five groups, as of
water), and predicts that one.

All networks have the same epochs in all, `EPOCHS`: a fixed network learns for half of
them and then for as many more, the better of the two by validation is kept; a search
spends half on its trials and half on its finalist, which learns anew. ``unet``, ``fpn``
and ``fpn_inverted`` are the default network with that decoder and trunk, ``unet_seeds``
the best in validation of four trainings of the U-Net with other seeds; ``found`` is a
search of all decoders, ``found_fast`` one in which a network may need half the latency
of ``unet``; as an epoch of it then takes about half the time, its finalist learns for
twice the epochs.
``threshold`` is the best threshold of NDWI (water) or of the normalised burn ratio of
B8 and B12 (fires) on the training folds; ``trees`` is the reference of every search.

`run` does the jobs (method, fold) that OUT lacks, so that the same command resumes.
Latency is that of ONNX Runtime with one thread, so that two jobs may run beside each
other on two cores. `measure` measures the networks of OUT again, one after the other,
on a machine that does nothing else; `show` then prints these latencies.
`show` prints the mean intersection over union (mean over the folds, standard error),
that of the last class (water, burned), the difference to `--against` of the mean
intersections over union of all pixels together, not of folds, with its 95 % interval
(paired bootstrap over all patches, fires or tiles of the water), latency, MACs,
parameters and CPU seconds; then the intersection over union of each class (mean over
the folds that have it).
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

TRIALS, SEEDS = 8, 4
EPOCHS = {"water": 48, "fires": 48, "landcover": 48, "own": 48}
FOLDS = {"water": 4, "fires": 4, "landcover": 5, "own": 4}
INDICES = ("water", "fires")  # data with a threshold of an index
TILE, QUARTER = 64, 256  # pixels, of the scene of 512
BATCH = 8
RESAMPLES = 1000
FIT: dict[str, Any] = {"verbose": 0, "batch_size": BATCH}

Found = tuple[np.ndarray, dict[str, Any]]


def water(data: Path) -> tuple[Any, np.ndarray]:
    """Returns the tiles of the scene with water, and the quarter of each."""
    import rasterio

    import autoai4eo as ae

    def pixels(name: str) -> np.ndarray:
        with rasterio.open(data / "scenes" / f"Spain_7370579_{name}.tif") as file:
            return np.moveaxis(file.read(), 0, -1)

    corners = [
        (y, x) for y in range(0, 2 * QUARTER, TILE) for x in range(0, 2 * QUARTER, TILE)
    ]

    def tiles(values: np.ndarray) -> np.ndarray:
        return np.stack([values[y : y + TILE, x : x + TILE] for y, x in corners])

    optical = tiles(pixels("S2Hand")).astype("float32") / 10_000
    radar = tiles(pixels("S1Hand")).astype("float32")
    bands = [f"B{i:02}" for i in range(1, 13)]
    bands.insert(8, "B8A")
    dataset = ae.open_dataset(
        {"sen1": radar, "sen2": optical},
        labels=tiles(pixels("LabelHand")[..., 0]),
        bands={"sen1": ["VV", "VH"], "sen2": bands},
        class_names=["dry", "water"],
        kind="mask",
    )
    return dataset, np.array([2 * (y // QUARTER) + x // QUARTER for y, x in corners])


def own(folder: Path) -> tuple[Any, np.ndarray]:
    """Returns the tiles of scenes with masks, and the number of each tile's scene."""
    import autoai4eo as ae

    dataset = ae.open_dataset(folder / "images", masks=folder / "masks", tile=128)
    scenes, numbers = np.unique(dataset.groups["scene"], return_inverse=True)
    if len(scenes) < FOLDS["own"]:
        raise SystemExit(
            f"{folder}: expected {FOLDS['own']} scenes with masks or more, one or more "
            f"for each fold, found {len(scenes)}"
        )
    return dataset, numbers


def fires(data: Path) -> tuple[Any, np.ndarray]:
    """Returns the tiles of the fires, and the number of each tile's fire."""
    return own(data / "burned_area")


def landcover(data: Path) -> tuple[Any, np.ndarray]:
    """Returns the patches, each of which is a group."""
    import autoai4eo as ae

    path = data / "bigearthnet_s1s2" / "patches.h5"
    dataset = ae.open_dataset(path, kind="mask")
    return dataset, np.arange(len(dataset))


OPENED: dict[str, Callable[[Path], tuple[Any, np.ndarray]]] = {
    "water": water,
    "fires": fires,
    "landcover": landcover,
    "own": own,
}


def folds_of(name: str, groups: np.ndarray) -> np.ndarray:
    """Returns the fold of each sample: a quarter of the scene, or groups at random."""
    if name == "water":
        return groups
    members = np.random.default_rng(0).permutation(groups.max() + 1)
    return np.asarray(members[groups] % FOLDS[name])


def in_two(train: Any, groups: np.ndarray) -> tuple[Any, Any]:
    """Divides training data; a fifth of the groups, or of the tiles, is validation."""
    if len(np.unique(groups)) < 5:
        groups = np.arange(len(groups))
    judged = np.isin(groups, np.unique(groups)[::5])
    return train.subset(~judged), train.subset(judged)


def majority(train: Any, test: Any, groups: np.ndarray, folder: Path) -> Found:
    """The class with most pixels."""
    best = int(train.label_counts().argmax())
    return np.full((len(test), *test.target.shape), best, np.int16), {}


def trees(train: Any, test: Any, groups: np.ndarray, folder: Path) -> Found:
    """The reference of every search: boosted trees on the neighbourhood of a pixel."""
    from autoai4eo.learning import references

    path = folder / "trees.skops"
    record = references.train_references(train, test, path)
    outputs = references.reference_outputs(record, path, test)
    found = outputs[references.PIXEL_TREES][np.arange(len(test))]
    return found.argmax(axis=-1).astype(np.int16), {}


def index_of(dataset: Any, name: str) -> np.ndarray:
    """Returns NDWI, or the negative normalised burn ratio, of all pixels."""
    spec = dataset.inputs[-1]
    bands = [band.name for band in spec.bands]
    pixels = dataset.read(np.arange(len(dataset)))[spec.name]
    one, other = ("B03", "B08") if name == "water" else ("B12", "B08")
    a, b = pixels[..., bands.index(one)], pixels[..., bands.index(other)]
    return np.asarray((a - b) / np.maximum(a + b, 1e-6))


def threshold(
    train: Any, test: Any, groups: np.ndarray, folder: Path, name: str
) -> Found:
    """The threshold of an index with the best intersection over union in training."""
    truth = train.read_targets(np.arange(len(train)))
    values = index_of(train, name)
    known = (truth >= 0) & np.isfinite(values)
    candidates = np.quantile(values[known], np.linspace(0.01, 0.99, 99))

    def iou(limit: float) -> float:
        found, right = values[known] > limit, truth[known] == 1
        return float((found & right).sum() / (found | right).sum())

    best = max(candidates, key=iou)
    return (index_of(test, name) > best).astype(np.int16), {"threshold": float(best)}


def segmenter(
    train: Any,
    test: Any,
    groups: np.ndarray,
    folder: Path,
    *,
    trials: int,
    epochs: int,
    trunk: str = "residual",
    decoder: str | None = None,
    fast: bool = False,
    seed: int = 0,
) -> Found:
    """A search, or a fixed network (`decoder`) trained as long."""
    import autoai4eo as ae
    from autoai4eo import blocks

    first, second = in_two(train, groups)

    class Fixed(ae.ImageSegmenter):
        def _features(self) -> Any:
            pyramid = blocks.FeaturePyramid(family=trunk, levels=self._levels)
            return blocks.DecoderBlock(decoder=decoder or "unet")(pyramid(self.inputs))[
                0
            ]

    limits = {}
    if fast:
        graph = Fixed(directory=folder, project_name="unet").search_space(first)[0]
        import keras_tuner

        from autoai4eo.search.space.graph import build

        unet = build(graph, keras_tuner.HyperParameters(), 0, 1)
        limits = {"latency_ms": (ae.profile(unet, threads=1).latency_ms or np.inf) / 2}
    kind = Fixed if decoder else ae.ImageSegmenter
    clf = kind(
        directory=folder,
        project_name="run",
        max_trials=1 if decoder else trials,
        constraints=limits,
        threads=1,
        seed=seed,
    )
    clf.fit(
        first,
        validation_data=second,
        epochs=epochs // (2 if decoder else 2 * trials),
        final_epochs=None if decoder else epochs // (1 if fast else 2),
        references=False,
        **FIT,
    )
    network = clf.export_model()
    cost = ae.profile(network, threads=1)
    return clf.predict(test), {
        "macs": cost.macs,
        "params": cost.params,
        "latency_ms": cost.latency_ms,
        "limit_ms": limits.get("latency_ms"),
        "network": network.to_json(),
        "validation": clf.evaluate(second, verbose=0)["mean_iou"],
    }


def best_of_seeds(
    train: Any, test: Any, groups: np.ndarray, folder: Path, of: Callable[..., Found]
) -> Found:
    """The best in validation of several trainings of one network with other seeds."""
    each = [
        of(train, test, groups, folder / str(seed), seed=seed) for seed in range(SEEDS)
    ]
    return max(each, key=lambda found: found[1]["validation"])


def methods(
    name: str, trials: int = TRIALS, epochs: int | None = None
) -> dict[str, Callable[..., Found]]:
    """Returns what does each method, by its name, for a data set."""
    of = partial(segmenter, trials=trials, epochs=epochs or EPOCHS[name])
    index = {"threshold": partial(threshold, name=name)} if name in INDICES else {}
    return {
        "majority": majority,
        **index,
        "trees": trees,
        "unet": partial(of, decoder="unet"),
        "unet_seeds": partial(best_of_seeds, of=partial(of, decoder="unet")),
        "fpn": partial(of, decoder="fpn"),
        "fpn_inverted": partial(of, trunk="inverted", decoder="fpn"),
        "found": of,
        "found_fast": partial(of, fast=True),
    }


def job(
    data: Path,
    name: str,
    method: str,
    fold: int,
    out: Path,
    trials: int,
    epochs: int | None,
) -> None:
    """Does a method on a fold; writes a confusion matrix of each sample, and costs."""
    does = methods(name, trials, epochs)[method]
    dataset, groups = OPENED[name](data)
    held = np.flatnonzero(folds_of(name, groups) == fold)
    rest = np.setdiff1d(np.arange(len(dataset)), held)
    test = dataset.subset(held)
    with tempfile.TemporaryDirectory() as folder:
        # the jobs do not wait for each other's measurements: `measure` repeats them
        os.environ["XDG_RUNTIME_DIR"] = folder
        train = dataset.subset(rest)
        found, about = does(train, test, groups[rest], Path(folder))
    truth, classes = test.read_targets(np.arange(len(test))), dataset.num_classes
    cells = np.where(truth >= 0, truth.astype(int) * classes + found, -1)
    counts = np.stack([np.bincount(c[c >= 0], minlength=classes**2) for c in cells])
    used = [
        resource.getrusage(who)
        for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    ]
    about["cpu_s"] = round(sum(u.ru_utime + u.ru_stime for u in used), 1)
    network = about.pop("network", None)
    if network is not None:
        (out / f"{method}-{fold}.json").write_text(network)
    temporary = out / f"{method}-{fold}.tmp.npz"
    np.savez(temporary, rows=held, counts=counts, about=json.dumps(about))
    os.replace(temporary, out / f"{method}-{fold}.npz")
    print(f"{method} {fold}: {about}", flush=True)


def measure(out: Path) -> None:
    """Measures the networks of a folder; their weights do not matter for that."""
    import keras

    import autoai4eo as ae

    latencies = {}
    for file in sorted(out.glob("*-?.json")):
        cost = ae.profile(keras.models.model_from_json(file.read_text()), threads=1)
        latencies[file.stem] = cost.latency_ms
        print(f"{file.stem}: {cost.latency_ms:.2f} ms on {cost.device}", flush=True)
    (out / "latencies.json").write_text(json.dumps(latencies, indent=1))


def ious(counts: np.ndarray) -> np.ndarray:
    """Returns intersections over unions, (…, classes), of flat confusion matrices."""
    classes = int(np.sqrt(counts.shape[-1]))
    table = counts.reshape(*counts.shape[:-1], classes, classes)
    right = np.diagonal(table, axis1=-2, axis2=-1)
    truth = table.sum(axis=-1)
    union = truth + table.sum(axis=-2) - right
    present = truth > 0
    return np.where(present, right / np.maximum(union, 1), np.nan)


def show(data: Path, name: str, out: Path, against: str) -> None:
    """Prints the table."""
    dataset, groups = OPENED[name](data)
    folds = folds_of(name, groups)
    if name == "water":
        groups = np.arange(len(dataset))  # tiles; four quarters are too few
    latencies = {}
    if (out / "latencies.json").is_file():
        latencies = json.loads((out / "latencies.json").read_text())
    tables: dict[str, np.ndarray] = {}
    abouts: dict[str, list[dict[str, Any]]] = {}
    for method in methods(name):
        files = [out / f"{method}-{fold}.npz" for fold in range(FOLDS[name])]
        if not all(file.is_file() for file in files):
            continue
        tables[method] = np.zeros((len(dataset), dataset.num_classes**2), int)
        abouts[method] = []
        for file in files:
            with np.load(file) as kept:
                tables[method][kept["rows"]] = kept["counts"]
                about = json.loads(str(kept["about"]))
                if file.stem in latencies:
                    about["latency_ms"] = latencies[file.stem]
                abouts[method].append(about)
    members = np.unique(groups)
    rng = np.random.default_rng(0)
    draws = rng.integers(0, len(members), (RESAMPLES, len(members)))

    def resampled(method: str) -> np.ndarray:
        """Mean intersections over union of resamples, then that of all samples."""
        table = tables[method]
        each = np.stack([table[groups == g].sum(axis=0) for g in members])
        every = np.vstack([each[draws].sum(axis=1), each.sum(axis=0)])
        return np.asarray(np.nanmean(ious(every), axis=1))

    def cost(method: str, key: str, unit: float = 1.0) -> str:
        known = [a[key] / unit for a in abouts[method] if a.get(key) is not None]
        return f"{np.mean(known):.3g}" if known else ""

    last = dataset.class_names[-1]
    titles = ("", "mIoU", f"IoU of {last}", f"minus {against}", "latency ms")
    print(" | ".join((*titles, "M MACs", "M parameters", "CPU s")))
    for method, table in tables.items():
        of_folds = [ious(table[folds == f].sum(axis=0)) for f in range(FOLDS[name])]
        means = np.nanmean(of_folds, axis=1)
        error = means.std(ddof=1) / np.sqrt(len(means))
        apart = resampled(method) - resampled(against)
        low, high = np.percentile(apart[:-1], [2.5, 97.5])
        cells = (
            method,
            f"{means.mean():.3f} ± {error:.3f}",
            f"{np.nanmean([one[-1] for one in of_folds]):.3f}",
            f"{apart[-1]:+.3f} [{low:+.3f}, {high:+.3f}]",
            cost(method, "latency_ms"),
            cost(method, "macs", 1e6),
            cost(method, "params", 1e6),
            cost(method, "cpu_s"),
        )
        print(" | ".join(cells))
    print("\n" + " | ".join(("IoU by class", *dataset.class_names)))
    for method, table in tables.items():
        each = np.array(
            [ious(table[folds == f].sum(axis=0)) for f in range(FOLDS[name])]
        )
        print(" | ".join((method, *(f"{x:.3f}" for x in np.nanmean(each, axis=0)))))


def main() -> None:
    """Does the jobs, or shows the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    what = parser.add_subparsers(dest="what", required=True)
    for command in ("run", "show", "measure"):
        one = what.add_parser(command)
        if command != "measure":
            one.add_argument("shared", type=Path, help="the folder shared/data")
        one.add_argument("out", type=Path)
        if command == "measure":
            continue
        one.add_argument("--data", choices=list(OPENED), default="water")
    what.choices["run"].add_argument("--methods")
    what.choices["run"].add_argument("--workers", type=int, default=2)
    what.choices["run"].add_argument("--trials", type=int, default=TRIALS)
    what.choices["run"].add_argument("--epochs", type=int, help="of a network in all")
    what.choices["show"].add_argument("--against", default="unet")
    args = parser.parse_args()
    if args.what == "show":
        return show(args.shared, args.data, args.out, args.against)
    if args.what == "measure":
        return measure(args.out)
    scale = (args.trials, args.epochs)
    run(args.shared, args.data, args.out, args.methods, args.workers, scale)
    return None


def run(
    data: Path,
    name: str,
    out: Path,
    chosen: str | None,
    workers: int,
    scale: tuple[int, int | None],
) -> None:
    """Does the jobs that are missing, each in a process of its own with one thread."""
    import multiprocessing
    from concurrent.futures import ProcessPoolExecutor

    out.mkdir(parents=True, exist_ok=True)
    os.environ.update({f"TF_NUM_{of}_THREADS": "1" for of in ("INTRAOP", "INTEROP")})
    jobs = [
        (method, fold)
        for method in (chosen.split(",") if chosen else methods(name))
        for fold in range(FOLDS[name])
        if not (out / f"{method}-{fold}.npz").is_file()
    ]
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(workers, spawn, max_tasks_per_child=1) as pool:
        for done in [pool.submit(job, data, name, *one, out, *scale) for one in jobs]:
            done.result()


if __name__ == "__main__":
    main()
