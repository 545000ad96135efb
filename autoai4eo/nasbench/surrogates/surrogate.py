"""A surrogate: predicts a figure of networks that were not trained.

It is kept in a folder: ``surrogate.json`` and a file for each regression, in the format
of its library, with checksums.
"""

from __future__ import annotations

import hashlib
import itertools
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Self

import numpy as np

from autoai4eo.errors import UserError
from autoai4eo.files import in_one_step, read_json, reading, write_json
from autoai4eo.nasbench.database import (
    CHOICES,
    NASBENCH101,
    Database,
    Entry,
)
from autoai4eo.nasbench.database_file import check_new
from autoai4eo.nasbench.filling import filled
from autoai4eo.nasbench.space import all_ids
from autoai4eo.nasbench.surrogates.encoding import (
    CellEncoding,
    Encoding,
    encoding_of,
)
from autoai4eo.nasbench.surrogates.models import Model, make
from autoai4eo.nasbench.surrogates.records import Records, known_of
from autoai4eo.nasbench.surrogates.validation import choose
from autoai4eo.networks.cell import MOST_VERTICES, Cell

VERSION = 1
SURROGATE = "surrogate.json"
_CURE = "make it again with `autoai4eo nasbench surrogate`"
_AT_ONCE = 2**15  # networks whose features are in memory


@dataclass(frozen=True)
class Surrogate:
    """A model that is fitted to recorded networks; `Surrogate.fit` makes one.

    Attributes:
        target: name of the figure that it predicts.
        epoch: after which the figure is reached.
        encoding: of the networks.
        known: names of the figures known before training that it needs.
        model: that is fitted.
        about: what the recorded networks have in common.
    """

    target: str
    epoch: int
    encoding: Encoding
    known: tuple[str, ...]
    model: Model
    about: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def fit(
        cls,
        records: Records,
        model: str = "xgboost",
        seed: int = 0,
        about: Mapping[str, Any] | None = None,
    ) -> Self:
        """Fits a model to all networks, with the settings that suit them best.

        Args:
            records: the recorded networks.
            model: its name, see `models.make`.
            seed: of the model.
            about: what the networks have in common, as `Database.about`.

        Raises:
            UserError: there is no such model, or its package is not installed.
        """
        fitted = make(model, seed, choose(model, records, seed))
        fitted.fit(records.features, records.values, records.groups)
        return cls(
            records.target,
            records.epoch,
            records.encoding,
            records.known,
            fitted,
            dict(about or {}),
        )

    def predict(self, entries: Sequence[Entry]) -> tuple[np.ndarray, np.ndarray]:
        """Returns the mean and the standard deviation of each network, (n,) each.

        Args:
            entries: networks of the space of the recorded ones, with the figures before
                training that are in `known`.

        Raises:
            UserError: the networks are of another space, or figures are missing.
        """
        networks = [one.architecture for one in entries]
        if not networks:
            return np.zeros(0), np.zeros(0)
        cells = isinstance(self.encoding, CellEncoding)
        if any(isinstance(one, Cell) != cells for one in networks):
            raise UserError(
                f"surrogate: expected networks of {'cells' if cells else 'choices'}, "
                "as those that it learnt from, got others"
            )
        features = self.encoding.features(networks)
        known = known_of(entries, self.known)
        return self.model.predict(np.hstack([features, known]))

    def as_table(
        self,
        path: Path,
        entries: Iterable[Entry] | None = None,
        vertices: int = MOST_VERTICES,
    ) -> Database:
        """Writes a database of predicted figures.

        Each network has the target and ``TARGET_std`` after the epoch; cells have
        ``macs`` and ``params``, which are counted, before training. All cells of the
        space take a minute or two.

        Args:
            path: of the database, which does not exist.
            entries: networks to predict; None: every cell of the space.
            vertices: of the largest cell, if no networks are given.

        Raises:
            UserError: the file exists; or no networks are given, and the surrogate is
                of choices, or needs figures known before training.
        """
        check_new(path)
        cells = isinstance(self.encoding, CellEncoding)
        if entries is None and (self.known or not cells):
            raise UserError(
                "surrogate: expected one of cells without --known for a table of every "
                "network, found another; name the networks with --sample"
            )
        about = {**self.about, "predicted": self.target, "model": self.model.name}
        some = _every(vertices) if entries is None else iter(entries)
        space = NASBENCH101 if cells else CHOICES
        return filled(path, space, about, self._predicted(some))

    def _predicted(self, entries: Iterator[Entry]) -> Iterator[Entry]:
        """Yields networks with predicted figures."""
        names = [self.target, f"{self.target}_std"]
        while some := list(itertools.islice(entries, _AT_ONCE)):
            after = np.stack(self.predict(some), axis=1).tolist()
            before: list[dict[str, float]] = [{} for _ in some]
            if isinstance(self.encoding, CellEncoding):
                counts = self.encoding.costs([one.architecture for one in some])
                before = [
                    dict(zip(("macs", "params"), row, strict=True))
                    for row in np.stack(counts, axis=1).tolist()
                ]
            for one, first, last in zip(some, before, after, strict=True):
                first.pop(self.target, None)
                figures = {0: first, self.epoch: dict(zip(names, last, strict=True))}
                yield replace(one, figures=figures)

    def save(self, folder: Path) -> None:
        """Writes the surrogate into a folder, which is made where it is missing."""
        folder.mkdir(parents=True, exist_ok=True)
        model, files = self.model.dumped()
        for name, content in files.items():
            with in_one_step(folder / name) as temporary:
                temporary.write_bytes(content)
        some = {
            "target": self.target,
            "epoch": self.epoch,
            "encoding": self.encoding.record(),
            "known": list(self.known),
            "about": dict(self.about),
            "model": model,
            "files": {name: _sum(content) for name, content in files.items()},
        }
        text = json.dumps(some, sort_keys=True)
        whole = {"version": VERSION, "checksum": _sum(text.encode()), "of": some}
        write_json(folder / SURROGATE, whole)

    @classmethod
    def load(cls, folder: str | Path) -> Self:
        """Reads a surrogate; it predicts what the written one predicted.

        Open only what you trust: the checksums find damage, no malice.

        Raises:
            UserError: there is none, it is damaged, of another version, or its package
                is not installed.
        """
        path = Path(folder) / SURROGATE
        whole = read_json(path, _CURE, {"version": int, "checksum": str, "of": dict})
        if whole["version"] != VERSION:
            raise UserError(
                f"{path}: expected a surrogate of version {VERSION}, found version "
                f"{whole['version']}; use the autoai4eo that made it"
            )
        some = whole["of"]
        with reading(path, "a surrogate", _CURE):
            if _sum(json.dumps(some, sort_keys=True).encode()) != whole["checksum"]:
                raise ValueError("another checksum")
            encoding = encoding_of(some["encoding"])
            sums = {str(name): total for name, total in some["files"].items()}
        files = {}
        for name, total in sums.items():
            with reading(path.parent / name, "a part of a surrogate", _CURE):
                files[name] = (path.parent / name).read_bytes()
                if _sum(files[name]) != total:
                    raise ValueError("another checksum")
        return cls(
            some["target"],
            some["epoch"],
            encoding,
            tuple(some["known"]),
            Model.loaded(some["model"], files),
            some["about"],
        )


def _every(vertices: int) -> Iterator[Entry]:
    """Yields every cell of at most so many vertices."""
    for number in all_ids(vertices).tolist():
        yield Entry(Cell.of_code(number), {})


def _sum(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
