"""Accuracy in places never seen: networks, searches and what costs next to nothing.

    python benchmarks/unseen_places.py run ../shared/data OUT [--data so2sat|eurosat]
    python benchmarks/unseen_places.py show ../shared/data OUT [--against after]

All patches of `so2sat_layout` together (2,085 of 96 parents), in five folds of whole
parents; or 5,000 images of EuroSAT, in five folds at random. Each method learns from
four folds and predicts the fifth, which it never sees before. It divides the four folds
itself: a fifth of them, whole parents again, is validation data. Networks have one
thread each, `--workers` (2) of them run at the same time.

`run` does the jobs (method, fold) that OUT lacks, so that the same command resumes;
`--methods a,b` does only these; `before` and `transfer` only so. `show` prints a table:
kappa, overall and average accuracy and calibration error (mean over the folds, and
standard error), the calibration error at the temperature that suits the predictions of
the other folds (as `export --calibrated` does with validation data), the difference of
kappa to `--against` with its 95 % interval (paired bootstrap of whole parents over the
predictions of all folds), the worst parent, MACs, and CPU seconds: those of a search
and of its ensembles together.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import resource
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from functools import partial
from pathlib import Path
from typing import Any

import ingredients
import numpy as np

FOLDS, SAMPLES = 5, 5000
TRIALS, EPOCHS = 4, {"so2sat": 10, "eurosat": 5}
FINAL = 4  # the finalist's epochs, for each of a trial
#: Multiply-adds at most, in both searches; the default network has 4.5 M and 12.5 M.
MACS = {"so2sat": 5e6, "eurosat": 13e6}
#: About as many patches as a search trains its finalist with.
CNN_EPOCHS = {"so2sat": 14, "eurosat": 10}
TRANSFER_EPOCHS = 10  # chosen between 10 and 15 on the first fold
ONE_THREAD = {f"TF_NUM_{of}_THREADS": "1" for of in ("INTRAOP", "INTEROP")}
QUIET: dict[str, Any] = {"references": False, "verbose": 0}

Found = tuple[np.ndarray, dict[str, Any]]


def opened(data: Path, name: str) -> Any:
    """Returns all samples of a data set."""
    import autoai4eo as ae
    from autoai4eo.data.readers.joined import joined
    from autoai4eo.data.splits import sample

    if name == "eurosat":
        whole = ae.open_dataset(data / "eurosat_rgb" / "EuroSAT_RGB.zip")
        return sample(whole, SAMPLES, seed=0)
    parts = ("training", "validation", "testing")
    files = [ae.open_dataset(data / "so2sat_layout" / f"{p}.h5") for p in parts]
    return joined(joined(files[0], files[1]), files[2])


def held_out(whole: Any) -> list[np.ndarray]:
    """Returns the samples of each fold: whole groups, classes in proportion."""
    from sklearn.model_selection import StratifiedGroupKFold

    group = next(iter(whole.groups.values()), np.arange(len(whole)))
    divide = StratifiedGroupKFold(FOLDS, shuffle=True, random_state=0)
    return [rows for _, rows in divide.split(whole.labels, whole.labels, group)]


def in_two(train: Any, seed: int) -> tuple[Any, Any]:
    """Divides the data of a method into training and validation data."""
    from autoai4eo.data.splits import split

    group = next(iter(train.groups), None)
    first, second = split(train, (0.8, 0.2), group=group, seed=seed)
    return first, second


def trees(train: Any, test: Any, folder: Path) -> Found:
    """The reference of every search: boosted trees on band statistics."""
    from autoai4eo.learning.references import TREES, reference_outputs, train_references

    path = folder / "trees.skops"
    record = train_references(train, test, path)
    return np.asarray(reference_outputs(record, path, test)[TREES]), {}


def forest(train: Any, test: Any, folder: Path) -> Found:
    """A random forest on the same statistics."""
    from sklearn.ensemble import RandomForestClassifier

    from autoai4eo.data.patch_statistics import patch_statistics

    bands = {spec.name: [b.name for b in spec.bands] for spec in train.inputs}
    model = RandomForestClassifier(500, random_state=0, n_jobs=1)
    model.fit(np.nan_to_num(patch_statistics(train, bands)), train.labels)
    output = np.zeros((len(test), test.num_classes), np.float32)
    found = model.predict_proba(np.nan_to_num(patch_statistics(test, bands)))
    output[:, model.classes_] = found
    return output, {}


def cnn(train: Any, test: Any, folder: Path, epochs: int) -> Found:
    """A residual network of about 100,000 parameters, as one writes it by hand.

    It has the same augmentation and learning rate schedule as ours and label smoothing,
    and learns from all four folds.
    """
    import keras
    from keras import layers

    from autoai4eo.cost import profile
    from autoai4eo.data.statistics import statistics
    from autoai4eo.learning import evaluation
    from autoai4eo.learning.training import Training
    from autoai4eo.tasks.auto_model import AUGMENTATION

    keras.utils.set_random_seed(0)
    found = statistics(train)
    inputs = [keras.Input(spec.shape, name=spec.name) for spec in train.inputs]
    scaled = [
        layers.Normalization(
            mean=found[node.name].mean, variance=np.square(found[node.name].std)
        )(node)
        for node in inputs
    ]
    x = scaled[0] if len(scaled) == 1 else layers.Concatenate()(scaled)
    large = train.inputs[0].shape[0] > 32
    for i, width in enumerate((16, 32, 64)):
        strides = 2 if i or large else 1
        x = layers.Conv2D(width, 3, strides, "same", use_bias=False)(x)
        x = layers.BatchNormalization()(x)
        y = x = layers.Activation("relu")(x)
        for _ in range(2):
            y = layers.Conv2D(width, 3, 1, "same", use_bias=False)(y)
            y = layers.Activation("relu")(layers.BatchNormalization()(y))
        x = layers.Add()([x, y])
    x = layers.Dropout(0.3)(layers.GlobalAveragePooling2D()(x))
    x = layers.Dense(train.num_classes, activation="softmax")(x)
    model = keras.Model(inputs, x)
    how = Training(train, None, epochs=epochs, augmentation=AUGMENTATION)
    steps = how.steps or 1
    rate = keras.optimizers.schedules.CosineDecay(
        3e-5, steps, warmup_target=3e-3, warmup_steps=max(1, steps // 20)
    )
    model.compile(
        keras.optimizers.AdamW(rate, weight_decay=1e-2),
        keras.losses.CategoricalCrossentropy(label_smoothing=0.1),
    )
    how.run(model, 0, [])
    cost = profile(model, latency=False)
    output = evaluation.outputs(model, test, 64)
    return output, {"macs": cost.macs, "params": cost.params}


def autokeras(train: Any, test: Any, folder: Path) -> Found:
    """Stock AutoKeras's first network, with its own epochs and early stopping."""
    import keras
    from stock import search

    def arrays(part: Any) -> tuple[np.ndarray, np.ndarray]:
        pixels = part.read(np.arange(len(part)))
        names = [spec.name for spec in part.inputs]
        stacked = np.concatenate([pixels[name] for name in names], axis=-1)
        return stacked, np.eye(part.num_classes, dtype="float32")[part.labels]

    from autoai4eo.cost import profile

    first, second = in_two(train, 0)
    search(arrays(first), arrays(second), folder, None, 0, max_trials=1)
    model = keras.models.load_model(folder / "best.keras")
    cost = profile(model, latency=False)
    output = model.predict(arrays(test)[0], verbose=0)
    return output, {"macs": cost.macs, "params": cost.params}


def transfer(train: Any, test: Any, folder: Path, weights: Path, epochs: int) -> Found:
    """A ResNet-20 with the So2Sat project's weights, beside a small trunk for radar.

    It learns from all four folds; its pretrained layers at a tenth of the rate.
    """
    import dataclasses

    import autokeras as ak
    import keras
    import keras_tuner

    from autoai4eo import blocks
    from autoai4eo.blocks.pretrained_weights.catalogue import CATALOGUE
    from autoai4eo.cost import profile
    from autoai4eo.data.statistics import statistics
    from autoai4eo.learning import evaluation
    from autoai4eo.learning.training import Training
    from autoai4eo.search.space.graph import build
    from autoai4eo.tasks.auto_model import AUGMENTATION
    from autoai4eo.tasks.configuration import configure, graph_of

    file = next(weights.glob("S2_RESNET20*.h5"))
    record = dataclasses.replace(CATALOGUE["lcz42-resnet20-s2"], file=str(file))
    radar, optical = (blocks.ImageInput(spec.name) for spec in train.inputs)
    pretrained = blocks.PretrainedResNetBlock(
        weights=record,
        upscaling=1,
        freeze="nothing",
        learning_rate_factor=0.1,
        adaptation="by_band",
    )
    small = blocks.EOImageBlock(family="residual", width=8, strides=2, depth=1)
    trunks = [pretrained(optical)[0], small(radar)[0]]
    pooled = [ak.SpatialReduction(reduction_type="global_avg")(x) for x in trunks]
    merged = ak.Merge(merge_type="concatenate")(pooled)
    head = blocks.PooledHead(pooling="average", hidden=0, dropout=0.25)(merged)
    graph = graph_of([radar, optical], keras.tree.flatten(head))
    configure(graph, train, statistics(train), None)
    how = Training(
        train, None, epochs=epochs, augmentation=AUGMENTATION, label_smoothing=0.1
    )
    model = build(graph, keras_tuner.HyperParameters(), 0, how.steps or 1)
    how.run(model, 0, [])
    cost = profile(model, latency=False)
    output = evaluation.outputs(model, test, 64)
    return output, {"macs": cost.macs, "params": cost.params}


def _classifier(folder: Path, name: str, **settings: Any) -> Any:
    import autoai4eo as ae

    return ae.ImageClassifier(directory=folder, project_name=name, **settings)


def _cost(of: Any) -> dict[str, Any]:
    from autoai4eo.cost import profile

    cost = profile(of.export_model(), latency=False)
    return {"macs": cost.macs, "params": cost.params}


def default_seeds(
    train: Any, test: Any, folder: Path, trials: int, epochs: int
) -> Found:
    """The default network with as many seeds as a search has time for; the best.

    Each is trained twice as long as a trial, as every finalist is.
    """
    first, second = in_two(train, 0)
    best: tuple[float, Any] = (-1.0, None)
    for seed in range(trials):
        clf = _classifier(folder, str(seed), max_trials=1, seed=seed)
        clf.fit(first, validation_data=second, epochs=epochs, **QUIET)
        reached = float(clf.trials()["val_cohen_kappa"].max())
        best = max(best, (reached, clf), key=lambda pair: pair[0])
    return best[1].predict_proba(test), _cost(best[1])


def default_longer(train: Any, test: Any, folder: Path, epochs: int) -> Found:
    """The default network, trained as long as the whole search."""
    first, second = in_two(train, 0)
    clf = _classifier(folder, "long", max_trials=1)
    clf.fit(first, validation_data=second, epochs=epochs, **QUIET)
    return clf.predict_proba(test), _cost(clf)


def search_before(
    train: Any, test: Any, folder: Path, trials: int, epochs: int, macs: float
) -> Found:
    """A search whose finalist never learns from the validation data.

    The table's row is that of the version before issue 13: `PYTHONPATH` names it.
    """
    first, second = in_two(train, 0)
    clf = _classifier(folder, "run", max_trials=trials, constraints={"macs": macs})
    clf.fit(first, validation_data=second, epochs=epochs, **QUIET)
    return clf.predict_proba(test), _cost(clf)


def search_after(
    train: Any, test: Any, folder: Path, trials: int, epochs: int, macs: float
) -> dict[str, Found]:
    """A search whose finalist is trained anew and longer, on all data; and ensembles.

    Ensembles of the trials' networks may need once, twice and four times the MACs of
    the finalist.
    """
    first, second = in_two(train, 0)
    clf = _classifier(folder, "run", max_trials=trials, constraints={"macs": macs})
    longer = {"refit": True, "final_epochs": FINAL * epochs}
    how = {"validation_data": second, "epochs": epochs, **longer, **QUIET}
    clf.fit(first, **how)
    single = _cost(clf)
    found = {"": (clf.predict_proba(test), single)}
    for times in (1, 2, 4):
        number = clf.ensemble(max_macs=times * single["macs"], verbose=0)
        clf.select(ensemble=number)
        found[f"_ensemble_{times}x"] = (clf.predict_proba(test), _cost(clf))
    return found


#: Those of `run` without --methods.
METHODS = [
    "trees",
    "forest",
    "autokeras",
    "cnn",
    "default_seeds",
    "default_longer",
    "after",
]


def methods(data: Path, name: str) -> dict[str, Any]:
    """Returns what does each method, by its name, for a data set."""
    epochs = EPOCHS[name]
    search: dict[str, Any] = {"trials": TRIALS, "epochs": epochs, "macs": MACS[name]}
    return {
        "trees": trees,
        "forest": forest,
        "autokeras": autokeras,
        "cnn": partial(cnn, epochs=CNN_EPOCHS[name]),
        "default_seeds": partial(default_seeds, trials=TRIALS // 2, epochs=epochs),
        "default_longer": partial(default_longer, epochs=TRIALS // 2 * epochs),
        "before": partial(search_before, **search),
        "after": partial(search_after, **search),
        "transfer": partial(
            transfer, weights=data / "lcz_weights", epochs=TRANSFER_EPOCHS
        ),
    } | ingredients.METHODS


def job(data: Path, name: str, method: str, fold: int, out: Path) -> str:
    """Does a method on a fold; writes its predictions and what they cost."""
    whole = opened(data, name)
    rows = held_out(whole)[fold]
    rest = np.setdiff1d(np.arange(len(whole)), rows)
    begun = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        work = (whole.subset(rest), whole.subset(rows), Path(folder))
        found = methods(data, name)[method](*work)
    used = [
        resource.getrusage(w) for w in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    ]
    about = {
        "seconds": round(time.monotonic() - begun, 1),
        "cpu_s": round(sum(u.ru_utime + u.ru_stime for u in used), 1),
    }
    # a method may give several predictors, such as ensembles, by a suffix
    several = found if isinstance(found, dict) else {"": found}
    # the file without a suffix, which tells that the job is done, is the last one
    for suffix, (output, costs) in sorted(several.items(), reverse=True):
        path = out / f"{method}{suffix}-{fold}.npz"
        temporary = path.with_suffix(".tmp.npz")
        np.savez(
            temporary, rows=rows, output=output, about=json.dumps({**about, **costs})
        )
        os.replace(temporary, path)
    return f"{method} {fold}: {about['cpu_s']:.0f} CPU s"


def run(data: Path, name: str, out: Path, methods: list[str], workers: int) -> None:
    """Does the jobs that are missing, each in a process of its own."""
    out.mkdir(parents=True, exist_ok=True)
    os.environ.update(ONE_THREAD)
    jobs = [
        (method, fold)
        for method in methods
        for fold in range(FOLDS)
        if not (out / f"{method}-{fold}.npz").is_file()
    ]
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(workers, spawn, max_tasks_per_child=1) as pool:
        begun = [pool.submit(job, data, name, *one, out) for one in jobs]
        for done in as_completed(begun):
            print(done.result(), flush=True)


def show(data: Path, name: str, out: Path, against: str) -> None:
    """Prints the table."""
    from autoai4eo.learning.evaluation import groups_of, scored
    from autoai4eo.learning.intervals import blocks, interval

    whole = opened(data, name)
    _, groups = groups_of(whole)
    groups = blocks(len(whole)) if groups is None else groups
    known = sorted({p.stem.rpartition("-")[0] for p in out.glob("*-?.npz")})
    whole_outputs, rows = {}, []
    for method in known:
        files = [out / f"{method}-{fold}.npz" for fold in range(FOLDS)]
        if not all(file.is_file() for file in files):
            continue
        output = np.zeros((len(whole), whole.num_classes), np.float32)
        folds, about = [], []
        for file in files:
            with np.load(file) as kept:
                output[kept["rows"]] = kept["output"]
                part = whole.subset(kept["rows"])
                folds.append(scored(part, kept["output"], None).result())
                about.append(json.loads(str(kept["about"])))
        whole_outputs[method] = scored(whole, output, groups)
        rows.append((method, output, folds, about))
    base = whole_outputs[against]
    draws, mine = base.resampled()["cohen_kappa"], base.result()["cohen_kappa"]
    names = (
        "cohen_kappa",
        "accuracy",
        "average_accuracy",
        "expected_calibration_error",
    )
    print(
        f"| method | kappa | OA | AA | ECE | calibrated | minus {against} | worst | "
        "MACs | CPU s |"
    )
    print("|" + "---|" * 10)
    held = held_out(whole)
    for method, output, folds, about in rows:
        scorer = whole_outputs[method]
        gain = scorer.result()["cohen_kappa"] - mine
        low, high = interval(scorer.resampled()["cohen_kappa"] - draws)
        cells = []
        for figure in names:
            values = np.array([fold[figure] for fold in folds])
            error = values.std(ddof=1) / np.sqrt(len(values))
            cells.append(f"{values.mean():.3f} ± {error:.3f}")
        cells.append(f"{np.mean(_calibrated(whole, output, held)):.3f}")
        right = output.argmax(1) == whole.labels
        worst = min(right[groups == g].mean() for g in np.unique(groups))
        macs = np.mean([a.get("macs", np.nan) for a in about]) / 1e6
        cpu = np.mean([a["cpu_s"] for a in about])
        print(
            f"| {method} | {' | '.join(cells)} | {gain:+.3f} [{low:+.3f}, {high:+.3f}] "
            f"| {worst:.2f} | {'' if np.isnan(macs) else f'{macs:.2f} M'} | {cpu:.0f} |"
        )


def _calibrated(
    whole: Any, output: np.ndarray, held: Sequence[np.ndarray]
) -> list[float]:
    """Returns the calibration error of each fold, at the others' temperature."""
    from autoai4eo.learning.calibration import (
        expected_calibration_error,
        fit_temperature,
        reliability,
        scaled,
    )

    found = []
    for rows in held:
        rest = np.setdiff1d(np.arange(len(whole)), rows)
        temperature = fit_temperature(whole.labels[rest], output[rest])
        table = reliability(whole.labels[rows], scaled(output[rows], temperature))
        found.append(expected_calibration_error(table))
    return found


def main() -> None:
    """Does the jobs, or shows the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    what = parser.add_subparsers(dest="what", required=True)
    for command in ("run", "show"):
        one = what.add_parser(command)
        one.add_argument("shared", type=Path, help="the folder shared/data")
        one.add_argument("out", type=Path)
        one.add_argument("--data", choices=("so2sat", "eurosat"), default="so2sat")
    what.choices["run"].add_argument("--methods", default=",".join(METHODS))
    what.choices["run"].add_argument("--workers", type=int, default=2)
    what.choices["show"].add_argument("--against", default="after")
    args = parser.parse_args()
    if args.what == "run":
        run(args.shared, args.data, args.out, args.methods.split(","), args.workers)
    else:
        show(args.shared, args.data, args.out, args.against)


if __name__ == "__main__":
    main()
