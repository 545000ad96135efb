"""The names of a run's files and folders, defined in one place."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from autoai4eo.runs.trial_folder import HISTORY, NETWORK, TrialFolder

RUN, STUDY = "run.json", "study.db"
STATISTICS, REPORT = "statistics.json", "report.html"
SAMPLES = "samples.npz"
REFERENCES, TREES = "references.json", "references.skops"
REFERENCE_NETWORK = "references.keras"
TRIALS, BEST, WORKERS, MAPS, DEVICE = "trials", "best", "workers", "maps", "device"
ENSEMBLES, ENSEMBLE = "ensembles", "ensemble.json"
EVALUATION, TEST = "evaluation.json", "test.json"
MISTAKES, TILES = "mistakes.npz", "tiles.npz"
EVALUATIONS = "evaluations"
REPEATS, SELECTION = "repeats", "selection.json"
COMPACT, COMPACT_CHECKPOINT = "compact.json", "compact.npz"
NETWORKS = "networks.sqlite"


@dataclass(frozen=True)
class RunPaths:
    """The paths in a run's folder; `autoai4eo.runs.folder.Run` reads their files."""

    path: Path

    @property
    def json(self) -> Path:
        """The arguments, data and versions of the search."""
        return self.path / RUN

    @property
    def study(self) -> Path:
        """The record of every trial, unless the run has a ``storage`` elsewhere."""
        return self.path / STUDY

    @property
    def statistics(self) -> Path:
        """The statistics of the bands of the training data."""
        return self.path / STATISTICS

    @property
    def samples(self) -> Path:
        """The numbers of the samples of each part in their file or folder."""
        return self.path / SAMPLES

    @property
    def report(self) -> Path:
        """The HTML report."""
        return self.path / REPORT

    @property
    def trials(self) -> Path:
        """The folder of the trials' folders."""
        return self.path / TRIALS

    @property
    def ensembles(self) -> Path:
        """The folder of the ensembles' folders."""
        return self.path / ENSEMBLES

    @property
    def repeats(self) -> Path:
        """The folder of the scores of repeated trainings."""
        return self.path / REPEATS

    @property
    def selection(self) -> Path:
        """How the finalist was selected."""
        return self.path / SELECTION

    @property
    def compact(self) -> Path:
        """The record of the compact search that found the network, if one did."""
        return self.path / COMPACT

    @property
    def compact_checkpoint(self) -> Path:
        """The state of a compact search that is not over."""
        return self.path / COMPACT_CHECKPOINT

    @property
    def networks(self) -> Path:
        """The database of the sample of networks that the run trained, if it did."""
        return self.path / NETWORKS

    @property
    def best(self) -> Path:
        """The finalist's folder."""
        return self.path / BEST

    @property
    def network(self) -> Path:
        """The finalist's network."""
        return self.best / NETWORK

    @property
    def history(self) -> Path:
        """The learning curve of the finalist's own training, after its trial's."""
        return self.best / HISTORY

    @property
    def evaluation(self) -> Path:
        """The scores of the finalist on the validation data."""
        return self.best / EVALUATION

    @property
    def test(self) -> Path:
        """The scores of the finalist on the test data."""
        return self.best / TEST

    @property
    def evaluations(self) -> Path:
        """The folder of the evaluations of networks on other data."""
        return self.path / EVALUATIONS

    @property
    def mistakes(self) -> Path:
        """Patches that the finalist predicted wrongly."""
        return self.best / MISTAKES

    @property
    def tiles(self) -> Path:
        """Tiles whose pixels the finalist predicted worst and best."""
        return self.best / TILES

    @property
    def judged(self) -> tuple[Path, ...]:
        """What is known of the finalist's predictions."""
        return self.evaluation, self.test, self.mistakes, self.tiles

    def pictured(self, kind: str) -> Path | None:
        """Returns the file of predicted patches or tiles, if the target has one.

        Args:
            kind: of the target.
        """
        return {"class": self.mistakes, "mask": self.tiles}.get(kind)

    @property
    def references(self) -> Path:
        """The record of the references, see `autoai4eo.learning.references`."""
        return self.path / REFERENCES

    @property
    def trees(self) -> Path:
        """The boosted trees, one of the references."""
        return self.path / TREES

    @property
    def reference_network(self) -> Path:
        """The U-Net, one of the references of masks."""
        return self.path / REFERENCE_NETWORK

    @property
    def maps(self) -> Path:
        """The folder of the maps' pictures, ``NAME.png``."""
        return self.path / MAPS

    @property
    def exists(self) -> bool:
        """Whether the folder holds a run, that is, a run.json."""
        return self.json.is_file()

    def trial(self, number: int) -> TrialFolder:
        """Returns the folder of a trial."""
        return TrialFolder(self.trials / str(number))

    def trained(self) -> list[int]:
        """Returns the sorted numbers of the trials that have a network."""
        return sorted(int(p.parent.name) for p in self.trials.glob(f"*/{NETWORK}"))

    def worker_log(self, number: int) -> Path:
        """Returns the path of a worker process's output."""
        return self.path / WORKERS / f"{number}.log"

    def map_picture(self, name: str) -> Path:
        """Returns the path of a map's picture."""
        return self.maps / f"{name}.png"
