"""A run's folder: the content of its files, read and written in one place."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from autoai4eo.data.dataset import Dataset
from autoai4eo.data.statistics import FORM
from autoai4eo.errors import DamagedError, MissingError, UserError
from autoai4eo.files import (
    check_regular,
    in_one_step,
    read_json,
    read_npz,
    write_json,
)
from autoai4eo.networks.genotype import Architecture
from autoai4eo.runs import cures, schemas, starts
from autoai4eo.runs.data_record import describe, target_kind
from autoai4eo.runs.locking import alone as alone
from autoai4eo.runs.locking import is_locked
from autoai4eo.runs.locking import locked as locked
from autoai4eo.runs.network_id import finalist_in
from autoai4eo.runs.paths import RUN, RunPaths


@dataclass(frozen=True)
class Run(RunPaths):
    """A run's folder. Only its methods read and write files."""

    def read(self) -> dict[str, Any]:
        """Returns the content of ``run.json``.

        Raises:
            MissingError: the folder holds no run, see `missing`.
            DamagedError: its run.json cannot be read.
            UserError: it is of a later version of autoai4eo.
        """
        check_regular(self.path)
        here = self.path if self.path.is_dir() else "."
        if not os.path.lexists(self.json) and os.access(here, os.X_OK):
            raise self.missing(RUN)
        known = read_json(self.json, cures.RUN, schemas.RUN)
        if known.get("schema", schemas.VERSION) > schemas.VERSION:
            raise UserError(
                f"{self.json}: expected a run of this version of autoai4eo or an "
                "earlier one, found one of a later version; `pip install -U autoai4eo`"
            )
        return known

    def missing(self, name: str) -> MissingError:
        """Returns the error for a folder without a file that every run has.

        A compact search comes before the run: its folder has no run.json yet.

        Args:
            name: of the file.

        Raises:
            DamagedError: the record of a compact search in the folder is damaged.
        """
        expected = f"{self.path}: expected a run folder with {name} in it, found"
        known = {} if self.exists else self.read_compact()
        if not known:
            return MissingError(f"{expected} none; `autoai4eo fit … --out` makes one")
        if "architecture" in known:
            return MissingError(
                f"{expected} a compact search whose network is not trained yet; rerun "
                "its command to train it"
            )
        epochs = f"{len(known['epochs'])} of {known['settings']['epochs']} epochs"
        return MissingError(
            f"{expected} a compact search that is not over ({epochs}); rerun its "
            "command to resume it"
        )

    def damage(self) -> UserError | None:
        """Returns the error of reading ``run.json``; None if it is sound or missing."""
        if os.path.lexists(self.json):
            try:
                read_json(self.json, cures.RUN, schemas.RUN)
            except UserError as error:
                return error
        return None

    def write(
        self,
        arguments: Mapping[str, Any],
        data: Mapping[str, Dataset],
        instrument: Mapping[str, Any],
        mark: str,
        task: Mapping[str, Any],
    ) -> None:
        """Writes ``run.json`` and ``samples.npz``.

        The arguments of a resumed search replace the old ones.

        Every start is kept, see `autoai4eo.runs.starts`.

        Args:
            arguments: of the search.
            data: training and validation data, by role.
            instrument: device, runtime, version, precision and threads that measure
                latency.
            mark: see `mark`.
            task: what trains a network of the run again, for
                `autoai4eo.tasks.reopening`.
        """
        _write_arrays(self.samples, {role: part.rows for role, part in data.items()})
        before = self.read() if self.exists and self.damage() is None else {}
        began = starts.earlier(before) if before.get("id", mark) == mark else []
        now = starts.start(instrument["device"])
        content = {
            "schema": schemas.VERSION,
            "id": mark,
            "arguments": dict(arguments),
            "data": {role: describe(dataset) for role, dataset in data.items()},
            "versions": now["versions"],
            "device": instrument["device"],
            "instrument": dict(instrument),
            "started": (began or [now])[0]["time"],
            "starts": [*began, now],
            "task": dict(task),
        }
        write_json(self.json, content)

    def read_samples(self) -> dict[str, np.ndarray]:
        """Returns `Dataset.rows` of the data by role; {} in runs without the file.

        Raises:
            DamagedError: it is damaged.
        """
        if not self.samples.is_file():
            return {}
        return read_npz(self.samples, cures.SAMPLES, ("training", "validation"))

    def mark(self) -> str | None:
        """Returns the run's unique mark; None without a run, or in earlier versions."""
        return self.read().get("id") if self.exists else None

    def read_evaluation(self) -> dict[str, Any]:
        """Returns the content of ``best/evaluation.json``; {} without a finalist.

        Raises:
            DamagedError: it is damaged, or of another run.
        """
        if not self.evaluation.is_file():
            return {}
        known = read_json(self.evaluation, cures.EVALUATION, schemas.EVALUATION)
        if finalist_in(known) is None:
            raise DamagedError(
                f"{self.evaluation}: expected the name of a trial or an ensemble in "
                f"it, found none; {cures.EVALUATION}"
            )
        self._check_own(self.evaluation, known, cures.EVALUATION)
        return known

    def write_evaluation(self, content: Mapping[str, Any]) -> None:
        """Writes ``best/evaluation.json``, with the version and the run's mark."""
        self._write_own(self.evaluation, content)

    def read_references(self) -> dict[str, Any]:
        """Returns the content of ``references.json``; {} if it is missing.

        Raises:
            DamagedError: it is damaged, or of another run.
        """
        if not self.references.is_file():
            return {}
        known = read_json(self.references, cures.REFERENCES, schemas.REFERENCES)
        self._check_own(self.references, known, cures.REFERENCES)
        return known

    def write_references(self, content: Mapping[str, Any]) -> None:
        """Writes ``references.json``, with the version and the run's mark."""
        self._write_own(self.references, content)

    def read_compact(self) -> dict[str, Any]:
        """Returns the content of ``compact.json``; {} if it is missing.

        Raises:
            DamagedError: it is damaged, or of another run.
        """
        if not self.compact.is_file():
            return {}
        known = read_json(self.compact, cures.COMPACT, schemas.COMPACT)
        channels = known["settings"]["channels"]
        found = known.get("architecture")
        try:
            for epoch in known["epochs"]:
                Architecture.of({**epoch, "channels": channels})
            if found is not None:
                Architecture.of(found)
        except UserError as error:
            raise DamagedError(f"{self.compact}: {error}; {cures.COMPACT}") from None
        # the search writes it before there is a run.json with a mark
        if known.get("run") is not None:
            self._check_own(self.compact, known, cures.COMPACT)
        return known

    def write_compact(self, content: Mapping[str, Any]) -> None:
        """Writes ``compact.json``, with the version and the run's mark, if any."""
        self._write_own(self.compact, content)

    def read_test(self) -> dict[str, Any]:
        """Returns the content of ``best/test.json``; {} if it is missing.

        Raises:
            DamagedError: it is damaged, or of another network than the run's finalist.
        """
        if not self.test.is_file():
            return {}
        known = read_json(self.test, cures.REPORT, self._form_of_test())
        self._check_own(self.test, known, cures.REPORT)
        self._check_finalists(self.test, known, "scores")
        return known

    def _form_of_test(self) -> dict[str, Any]:
        of_class = self.exists and target_kind(self.read()) == "class"
        return schemas.TEST_OF_CLASSES if of_class else schemas.TEST

    def write_test(self, content: Mapping[str, Any]) -> None:
        """Writes ``best/test.json``, with the version and the run's mark."""
        self._write_own(self.test, content)

    def read_statistics(self) -> dict[str, Any]:
        """Returns the statistics of the bands by input; {} without the file.

        Raises:
            DamagedError: it is damaged, or of other bands.
        """
        if not self.statistics.is_file():
            return {}
        content = read_json(self.statistics, cures.STATISTICS, FORM)
        inputs: dict[str, Any] = content["inputs"]
        for spec in self.read()["data"]["training"]["inputs"]:
            known = inputs.get(spec["name"], {"": ()}).values()
            if any(len(values) != len(spec["bands"]) for values in known):
                raise DamagedError(
                    f"{self.statistics}: expected the bands of this run's data, found "
                    f"others; {cures.STATISTICS}"
                )
        return inputs

    def read_mistakes(self) -> dict[str, np.ndarray]:
        """Returns the arrays in ``best/mistakes.npz``; {} if it is missing.

        Raises:
            DamagedError: it is damaged, or of another network than the run's finalist.
        """
        return self._arrays_of_finalist(self.mistakes, "confidence")

    def write_mistakes(self, arrays: Mapping[str, np.ndarray]) -> None:
        """Writes ``best/mistakes.npz``."""
        _write_arrays(self.mistakes, arrays)

    def read_tiles(self) -> dict[str, np.ndarray]:
        """Returns the arrays in ``best/tiles.npz``; {} if it is missing.

        Raises:
            DamagedError: it is damaged, or of another network than the run's finalist.
        """
        return self._arrays_of_finalist(self.tiles, "right", "sample")

    def write_tiles(self, arrays: Mapping[str, np.ndarray]) -> None:
        """Writes ``best/tiles.npz``."""
        _write_arrays(self.tiles, arrays)

    def is_at_work(self) -> bool | None:
        """Returns whether a fit is working in the folder.

        Returns None if unknown: the run has a storage elsewhere, or the lock belongs to
        another user.
        """
        if self.exists and self.read()["arguments"].get("storage") is not None:
            return None
        return is_locked(self.path)

    def _arrays_of_finalist(self, path: Path, *needed: str) -> dict[str, np.ndarray]:
        if not path.is_file():
            return {}
        kept = read_npz(path, cures.REPORT, ("truth", "prediction", *needed))
        self._check_finalists(path, kept, path.stem)
        return {name: values for name, values in kept.items() if name != "network"}

    def _check_finalists(self, path: Path, of: Mapping[str, Any], what: str) -> None:
        finalist = self.read_evaluation().get("network")
        if str(of.get("network", finalist)) != str(finalist):
            raise DamagedError(
                f"{path}: expected {what} of this run's finalist, found those of "
                f"another network; {cures.REPORT}"
            )

    def _write_own(self, path: Path, content: Mapping[str, Any]) -> None:
        write_json(path, {"schema": schemas.VERSION, "run": self.mark(), **content})

    def _check_own(self, path: Path, known: Mapping[str, Any], cure: str) -> None:
        if (own := self.mark()) is not None and known.get("run", own) != own:
            raise DamagedError(
                f"{path}: expected a file of this run, found that of another run; "
                f"{cure}"
            )
        if not self.exists:
            return
        classes = len(self.read()["data"]["training"]["classes"])
        if not schemas.is_of_classes(known, classes):
            raise DamagedError(
                f"{path}: expected scores of this run's {classes} classes with "
                f"intervals, found others; {cure}"
            )


def _write_arrays(path: Path, arrays: Mapping[str, np.ndarray]) -> None:
    with in_one_step(path) as temporary:
        np.savez_compressed(temporary, **arrays)  # type: ignore[arg-type]
