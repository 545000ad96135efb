"""Whether training the finalist on helps, against what else its epochs could buy.

    python benchmarks/training_on.py run ../shared/data OUT [--seeds 8] [--epochs 10]
        [--data so2sat eurosat] [--workers 2] [--minutes 60]
    python benchmarks/training_on.py show OUT

The default network learns from the training data, is judged after each epoch on the
validation data, and its best epoch is kept, as in a trial. `so2sat` has files of its
own for that, and testing.h5 scores; of `eurosat` 5,000 images are divided by
`unseen_places.py`, and its first fold scores. Each seed is one job, of five trainings:

    trial     E epochs
    on        the trial's best epoch, E more: the learning rate starts again
    tenth     the same, at a tenth of the learning rate, which decays to zero again
    anew      from new weights, 2 E epochs
    another   another trial of the same network: other weights and order, E epochs

`run` does the jobs that OUT lacks, so that the same command resumes; each is a process
with one thread of TensorFlow. None begins after `--minutes`. JAX shares its compiled
networks through OUT/compiled. `show` prints for each training its kappa in validation
and in test (mean over the seeds), and the difference to the trial of the same seed;
then the same for the better of it and the trial in validation, which is what a search
keeps. Below the table: what `anew` gains over `on`. Intervals are of 95 %, from
resamples of whole parents and of seeds.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path
from typing import Any

import numpy as np
from unseen_places import ONE_THREAD, held_out, in_two, opened

METHODS = ("trial", "on", "tenth", "anew", "another")
RESAMPLES = 2000


def parts(data: Path, name: str) -> tuple[Any, Any, Any]:
    """Returns training, validation and test data."""
    import autoai4eo as ae

    if name == "so2sat":
        files = ("training.h5", "validation.h5", "testing.h5")
        train, validation, test = (
            ae.open_dataset(data / "so2sat_layout" / file) for file in files
        )
        return train, validation, test
    whole = opened(data, name)
    rows = held_out(whole)[0]
    rest = whole.subset(np.setdiff1d(np.arange(len(whole)), rows))
    return *in_two(rest, 0), whole.subset(rows)


class Trainings:
    """The trainings of one seed; each is added to `found`.

    Args:
        train, validation, test: the data.
        seed: of the search.
        epochs: of a trial.
    """

    def __init__(
        self, train: Any, validation: Any, test: Any, seed: int, epochs: int
    ) -> None:
        import autoai4eo as ae
        from autoai4eo.data.statistics import statistics
        from autoai4eo.learning.evaluation import groups_of
        from autoai4eo.learning.intervals import blocks
        from autoai4eo.tasks.configuration import configure

        self.train, self.validation, self.test = train, validation, test
        self.seed, self.epochs = seed, epochs
        self.graph, _ = ae.ImageClassifier().search_space(train)
        configure(self.graph, train, statistics(train), None)
        groups = groups_of(test)[1]
        self.groups = blocks(len(test)) if groups is None else groups
        self.found: dict[str, tuple[float, np.ndarray]] = {}
        self.about: dict[str, Any] = {}

    def add(
        self,
        method: str,
        of: tuple[int, ...],
        *,
        times: int = 1,
        factor: float = 1.0,
        weights: list[np.ndarray] | None = None,
    ) -> list[np.ndarray]:
        """Trains a network; returns the weights of its best epoch.

        Args:
            method: its name.
            of: candidate, and 1 for a finalist: they and the seed draw weights and
                order, as in a search.
            times: epochs, in those of a trial.
            factor: of the learning rate.
            weights: to begin with; None: new ones.
        """
        import keras_tuner

        from autoai4eo.learning import evaluation
        from autoai4eo.learning.callbacks import BestEpoch
        from autoai4eo.learning.objectives import DEFAULTS
        from autoai4eo.learning.training import Training
        from autoai4eo.runs.seeds import derived_seed
        from autoai4eo.search.space.graph import build
        from autoai4eo.tasks.auto_model import AUGMENTATION

        begun = time.monotonic()
        drawn = derived_seed(self.seed, *of)
        training = Training(
            self.train,
            self.validation,
            epochs=times * self.epochs,
            augmentation=AUGMENTATION,
        )
        hp = keras_tuner.HyperParameters()
        build(self.graph, hp, drawn, training.steps)  # registers the defaults
        again = keras_tuner.HyperParameters()
        rate = factor * hp.values["learning_rate"]
        again.values = {**hp.values, "learning_rate": rate}
        model = build(self.graph, again, drawn, training.steps)
        if weights is not None:
            model.set_weights(weights)
        objective = DEFAULTS["class"]
        with tempfile.TemporaryDirectory() as folder:
            best = BestEpoch(Path(folder) / "best.keras", objective)
            training.by_recipe(hp.values).run(model, drawn, [best])
        output = evaluation.outputs(model, self.test, 256)
        classes = self.test.num_classes
        counts = np.zeros((self.groups.max() + 1, classes, classes), np.int32)
        cells = (self.groups, self.test.labels, output.argmax(axis=-1))
        np.add.at(counts, cells, 1)
        self.found[method] = best.logs[objective.name], counts
        self.about[method] = {
            "best_epoch": best.epoch + 1,
            "curve": [round(value, 4) for value in best.curve],
            "learning_rate": rate,
            "seconds": round(time.monotonic() - begun, 1),
        }
        return best.weights


def job(data: Path, name: str, seed: int, epochs: int, path: Path, end: float) -> str:
    """Does all trainings of a seed; writes their confusion matrices by parent."""
    if time.time() > end:
        return f"{path.stem}: not begun, no time is left"
    begun = time.monotonic()
    of_seed = Trainings(*parts(data, name), seed, epochs)
    weights = of_seed.add("trial", (0,))
    of_seed.add("on", (0, 1), weights=weights)
    of_seed.add("tenth", (0, 1), weights=weights, factor=0.1)
    of_seed.add("anew", (0, 1), times=2)
    of_seed.add("another", (1,))
    temporary = path.with_suffix(".tmp")
    with open(temporary, "wb") as file:
        np.savez_compressed(
            file,
            validation=[of_seed.found[method][0] for method in METHODS],
            confusion=np.stack([of_seed.found[method][1] for method in METHODS]),
            about=json.dumps(of_seed.about),
        )
    os.replace(temporary, path)
    return f"{path.stem}: {time.monotonic() - begun:.0f} s"


def run(given: argparse.Namespace) -> None:
    """Does the jobs that are missing, each in a process of its own."""
    given.out.mkdir(parents=True, exist_ok=True)
    os.environ.update(ONE_THREAD)
    shared = {
        "JAX_COMPILATION_CACHE_DIR": str(given.out.resolve() / "compiled"),
        "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0.5",
        "XLA_PYTHON_CLIENT_PREALLOCATE": "false",  # several processes share the card
    }
    for variable, value in shared.items():
        os.environ.setdefault(variable, value)
    jobs = [
        (given.shared, name, seed, given.epochs, path)
        for seed in range(given.seeds)
        for name in given.data
        if not (path := given.out / f"{name}-{given.epochs}-{seed}.npz").is_file()
    ]
    end = time.time() + 60 * given.minutes
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(given.workers, spawn, max_tasks_per_child=1) as pool:
        begun = [pool.submit(job, *one, end) for one in jobs]
        for done in as_completed(begun):
            print(done.result(), flush=True)


def kappas(counts: np.ndarray) -> np.ndarray:
    """Returns kappa (…,) of confusion matrices (…, classes, classes)."""
    from autoai4eo.learning.confusion import figures

    return figures(counts)["cohen_kappa"]


def cells_of(counts: np.ndarray, base: np.ndarray) -> str:
    """Returns mean kappa and difference to the trial, with intervals.

    Args:
        counts: of a method, (seeds, groups, classes, classes).
        base: those of the trial.
    """
    from autoai4eo.learning.intervals import interval

    seeds, groups = counts.shape[:2]
    both = np.stack([counts, base])
    rng = np.random.default_rng(0)
    drawn = []
    for _ in range(RESAMPLES):
        times = rng.multinomial(groups, np.full(groups, 1 / groups)).astype(float)
        each = kappas(np.einsum("msgij,g->msij", both, times, optimize=True))
        drawn.append(each[:, rng.integers(seeds, size=seeds)].mean(axis=1))
    own, trial = kappas(both.sum(axis=2)).mean(axis=1)
    low, high = interval(np.array(drawn)[:, 0])
    least, most = interval(np.subtract(*np.array(drawn).T))
    return (
        f"{own:.3f} [{low:.3f}, {high:.3f}] | "
        f"{own - trial:+.3f} [{least:+.3f}, {most:+.3f}]"
    )


def show(out: Path) -> None:
    """Prints a table for each data set and number of epochs."""
    for kind in sorted({p.stem.rpartition("-")[0] for p in out.glob("*-*-*.npz")}):
        validation, confusion, about = [], [], []
        for path in sorted(out.glob(f"{kind}-*.npz")):
            with np.load(path) as kept:
                validation.append(kept["validation"])
                confusion.append(kept["confusion"])
                about.append(json.loads(str(kept["about"])))
        judged, counts = np.array(validation), np.array(confusion)
        name, _, epochs = kind.rpartition("-")
        print(
            f"{name}: a trial of {epochs} epochs, {len(judged)} seeds, "
            f"{counts[0, 0].sum()} samples of {counts.shape[2]} groups\n\n"
            "| training | epoch kept | kappa in validation | kappa in test "
            "| minus trial | better kept: kappa in test | minus trial | kept | s |"
        )
        print("|" + "---|" * 9)
        for place, method in enumerate(METHODS):
            better = judged[:, place] > judged[:, 0]
            kept = np.where(better[:, None, None, None], counts[:, place], counts[:, 0])
            epoch = np.mean([each[method]["best_epoch"] for each in about])
            seconds = np.mean([each[method]["seconds"] for each in about])
            print(
                f"| {method} | {epoch:.1f} | {judged[:, place].mean():.3f} "
                f"| {cells_of(counts[:, place], counts[:, 0])} "
                f"| {cells_of(kept, counts[:, 0])} "
                f"| {better.sum()} of {len(better)} | {seconds:.0f} |"
            )
        anew, on = (counts[:, METHODS.index(name)] for name in ("anew", "on"))
        print(f"\nanew minus on: {cells_of(anew, on).rpartition('| ')[2]}\n")


def main() -> None:
    """Does the jobs, or shows the tables."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    what = parser.add_subparsers(dest="what", required=True)
    running = what.add_parser("run")
    running.add_argument("shared", type=Path, help="the folder shared/data")
    running.add_argument("out", type=Path)
    names = ("so2sat", "eurosat")
    running.add_argument("--data", nargs="+", choices=names, default=names)
    running.add_argument("--seeds", type=int, default=8)
    running.add_argument("--epochs", type=int, default=10, help="of a trial")
    running.add_argument("--workers", type=int, default=2, help="jobs at a time")
    running.add_argument(
        "--minutes", type=float, default=float("inf"), help="none begins later"
    )
    what.add_parser("show").add_argument("out", type=Path)
    given = parser.parse_args()
    if given.what == "run":
        run(given)
    else:
        show(given.out)


if __name__ == "__main__":
    main()
