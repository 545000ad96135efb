"""A database of trained networks: one SQLite file.

Its tables (version 1):

========  ===============================  ===========================================
about     name, value                      ``version``, ``space``, and in JSON whatever
                                           the networks have in common
networks  id, architecture, walk, step     architecture in JSON; walk and step where
                                           the networks were met on walks
figures   network, epoch, name, value      those of epoch 0 are known before training:
                                           costs, scores without training
========  ===============================  ===========================================

Spaces: ``nasbench101``, whose architectures are records of `Cell` and whose ids are
those of cells; ``choices``, whose architectures are values by name. Scores are named
``train_…``, ``val_…`` and ``test_…`` with ``accuracy`` (overall), ``average_accuracy``,
``cohen_kappa`` and ``loss``.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import math
import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self
from urllib.parse import quote

import pandas as pd

from autoai4eo.errors import UserError, warn
from autoai4eo.files import check_regular, in_one_step
from autoai4eo.nasbench.database_file import check_new, database_in, using
from autoai4eo.networks.cell import Cell

VERSION = 1
NASBENCH101, CHOICES = "nasbench101", "choices"
SPACES = (NASBENCH101, CHOICES)

Architecture = Cell | Mapping[str, Any]
#: By epoch: figures by name.
Figures = Mapping[int, Mapping[str, float]]

_ORDER = "ORDER BY walk, step, id"
_TABLES = """
CREATE TABLE about (name TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE networks (
    id INTEGER PRIMARY KEY, architecture TEXT NOT NULL, walk INTEGER, step INTEGER
);
CREATE TABLE figures (
    network INTEGER NOT NULL REFERENCES networks (id), epoch INTEGER NOT NULL,
    name TEXT NOT NULL, value REAL NOT NULL, PRIMARY KEY (network, epoch, name)
) WITHOUT ROWID;
"""


@dataclass(frozen=True)
class Entry:
    """A trained network.

    Attributes:
        architecture: a cell, or choices by name.
        figures: by epoch and name; epoch 0 is before training.
        walk, step: where it was met on a walk.
    """

    architecture: Architecture
    figures: Figures
    walk: int | None = None
    step: int | None = None


class Database:
    """An open database; use it in a ``with`` statement, or call `close`.

    All figures are read into memory when they are first needed, so that a query takes
    microseconds.

    Attributes:
        path: of the file.
        space: see `SPACES`.
    """

    def __init__(self, path: str | Path) -> None:
        """Opens a file.

        Raises:
            UserError: there is none, it is no such database, or one of another
                version.
        """
        self.path = database_in(Path(path))
        check_regular(self.path)
        if not self.path.is_file():
            raise UserError(
                f"{path}: expected a database of networks, found none; make one with "
                "`autoai4eo nasbench import`"
            )
        uri = f"file:{quote(str(self.path.absolute()))}?mode=rw"
        with using(self.path):
            self._file = sqlite3.connect(uri, uri=True, timeout=60)
            about = dict(self._file.execute("SELECT name, value FROM about"))
        version, self.space = about.pop("version", "none"), about.pop("space", "")
        if version != str(VERSION) or self.space not in SPACES:
            self.close()
            raise UserError(
                f"{path}: expected a database of version {VERSION}, of the spaces "
                f"{', '.join(SPACES)}, found version {version}, space "
                f"{self.space or 'none'}; use the autoai4eo that made it"
            )
        with using(self.path):
            self._about = {name: json.loads(value) for name, value in about.items()}
        self._known: dict[int, dict[int, dict[str, float]]] | None = None

    @classmethod
    def create(cls, path: str | Path, space: str, about: Mapping[str, Any]) -> Database:
        """Makes an empty database.

        Args:
            path: of the file, which does not exist.
            space: see `SPACES`.
            about: what the networks have in common, for JSON.

        Raises:
            UserError: the file exists, or there is no such space.
        """
        if space not in SPACES:
            raise UserError(
                f"space: expected one of {', '.join(SPACES)}, got {space!r}"
            )
        path = Path(path)
        check_new(path)
        rows = {"version": str(VERSION), "space": space}
        rows |= {name: json.dumps(value) for name, value in about.items()}
        with (
            in_one_step(path) as temporary,
            contextlib.closing(sqlite3.connect(temporary)) as file,
            file,
        ):
            file.executescript(_TABLES)
            file.executemany("INSERT INTO about VALUES (?, ?)", rows.items())
        return cls(path)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Closes the file."""
        self._file.close()

    @property
    def about(self) -> dict[str, Any]:
        """What the networks have in common."""
        return dict(self._about)

    def __len__(self) -> int:
        return len(self._figures)

    def __contains__(self, architecture: Architecture) -> bool:
        return self.id_of(architecture) in self._figures

    def add(self, entries: Iterable[Entry]) -> None:
        """Adds networks and all their figures, in one step.

        Raises:
            UserError: a network is there already, or a figure is no finite number.
        """
        new: dict[int, Entry] = {}
        for entry in entries:
            number = self.id_of(entry.architecture)
            if number in self._figures or number in new:
                raise UserError(
                    f"{self.path}: expected new networks, found one twice: "
                    f"{_text(entry.architecture):.80}"
                )
            new[number] = entry
        rows = [
            (number, epoch, name, float(value))
            for number, entry in new.items()
            for epoch, some in entry.figures.items()
            for name, value in some.items()
        ]
        for _, epoch, name, value in rows:
            if not (isinstance(epoch, int) and epoch >= 0 and math.isfinite(value)):
                raise UserError(
                    f"{self.path}: expected whole epochs from 0 and finite figures, "
                    f"found {name} {value} after epoch {epoch!r}; leave out what is "
                    "not known"
                )
        with using(self.path), self._file:
            self._file.executemany(
                "INSERT INTO networks VALUES (?, ?, ?, ?)",
                [(n, _text(e.architecture), e.walk, e.step) for n, e in new.items()],
            )
            self._file.executemany("INSERT INTO figures VALUES (?, ?, ?, ?)", rows)
        for number, entry in new.items():
            self._figures[number] = {e: dict(f) for e, f in entry.figures.items()}

    def query(
        self, architecture: Architecture, epoch: int | None = None
    ) -> dict[str, float]:
        """Returns what is known of a network: before training, and after an epoch.

        Args:
            architecture: of the network.
            epoch: None: its last one.

        Raises:
            UserError: the network or the epoch is not there.
        """
        number = self.id_of(architecture)
        known = self._figures.get(number)
        if known is None:
            raise UserError(
                f"{self.path}: expected one of its {len(self):,} networks, got another "
                f"({_text(architecture):.80})"
            )
        epoch = max(known, default=0) if epoch is None else epoch
        if epoch not in known:
            raise UserError(
                f"{self.path}: expected an epoch of this network "
                f"({', '.join(map(str, sorted(known)))}), got {epoch}"
            )
        return {**known.get(0, {}), **known[epoch]}

    @property
    def epochs(self) -> list[int]:
        """The epochs after which figures are known, ascending; without 0."""
        every = {epoch for known in self._figures.values() for epoch in known}
        return sorted(every - {0})

    def frame(self, epoch: int | None = None) -> pd.DataFrame:
        """Returns a row for each network, in the order of walks and steps.

        Columns: id; matrix and operations of cells, or the choices; walk, step; the
        figures known before training and those of an epoch.

        Args:
            epoch: None: the last one of the database.

        Warns:
            AutoAI4EOWarning: networks without figures of this epoch are left out.
        """
        order = f"SELECT id, architecture, walk, step FROM networks {_ORDER}"
        with using(self.path):
            found = list(self._file.execute(order))
        if epoch is None:
            epoch = max(self.epochs, default=0)
        rows = []
        for number, text, walk, step in found:
            known = self._figures.get(number, {})
            if epoch not in known:
                continue
            architecture = json.loads(text)
            if self.space == NASBENCH101:
                parts = architecture.items()
                architecture = {name: json.dumps(part) for name, part in parts}
            place = {"walk": walk, "step": step}
            figures = {**known.get(0, {}), **known[epoch]}
            rows.append({"id": number, **architecture, **place, **figures})
        if missing := len(found) - len(rows):
            warn(
                f"{self.path}: {missing:,} of {len(found):,} networks have no figures "
                f"of epoch {epoch} and are left out"
            )
        return pd.DataFrame(rows)

    def architectures(self) -> Iterator[Architecture]:
        """Yields the architecture of each network, also without figures."""
        for entry in self.entries():
            yield entry.architecture

    def entries(self) -> Iterator[Entry]:
        """Yields each network with all that is known of it, also without figures."""
        order = f"SELECT id, architecture, walk, step FROM networks {_ORDER}"
        with using(self.path):
            found = list(self._file.execute(order))
        for number, text, walk, step in found:
            record = json.loads(text)
            one = Cell.of(**record) if self.space == NASBENCH101 else record
            yield Entry(one, self._figures.get(number, {}), walk, step)

    @property
    def _figures(self) -> dict[int, dict[int, dict[str, float]]]:
        if self._known is None:
            with using(self.path):
                numbers = self._file.execute("SELECT id FROM networks")
                known: dict[int, dict[int, dict[str, float]]]
                known = {number: {} for (number,) in numbers}
                every = "SELECT network, epoch, name, value FROM figures"
                for number, epoch, name, value in self._file.execute(every):
                    known[number].setdefault(epoch, {})[name] = value
            self._known = known
        return self._known

    def figures_after(self, architecture: Architecture, epoch: int) -> dict[str, float]:
        """Returns the figures of a network after an epoch; {} without any."""
        return dict(self._figures.get(self.id_of(architecture), {}).get(epoch, {}))

    def id_of(self, architecture: Architecture) -> int:
        """Returns the id that a network has in this database.

        Raises:
            UserError: it is of another space.
        """
        if isinstance(architecture, Cell) != (self.space == NASBENCH101):
            raise UserError(
                f"{self.path}: expected networks of the space {self.space}, got "
                f"{architecture!r:.80}"
            )
        if isinstance(architecture, Cell):
            return architecture.id
        return _number_of(architecture)


def _text(architecture: Architecture) -> str:
    if isinstance(architecture, Cell):
        return json.dumps(architecture.record())
    return json.dumps(dict(architecture))


def _number_of(choices: Mapping[str, Any]) -> int:
    """Returns a number of choices, the same whatever their order, below 2**63."""
    text = json.dumps(dict(choices), sort_keys=True)
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8]) >> 1
