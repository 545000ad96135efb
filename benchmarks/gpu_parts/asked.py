"""What a part is asked for, and where it writes."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gpu_parts import card, page

#: In the order of the page.
PARTS = ("costs", "again", "checks", "map", "search", "parallel")


@dataclass(frozen=True)
class Asked:
    """What a part is asked for.

    Attributes:
        data: a folder with training.h5, validation.h5 and testing.h5.
        out: the folder for the rows.
        work: a folder that is removed afterwards.
        end: on the clock `time.monotonic`, after which no row is begun.
        size: ``"full"``, ``"quick"`` or ``"tiny"`` (to try the script on a CPU).
    """

    data: Path
    out: Path
    work: Path
    end: float
    size: str

    def choose(self, full: Any, quick: Any, tiny: Any) -> Any:
        """What belongs to the size."""
        return {"full": full, "quick": quick, "tiny": tiny}[self.size]

    @property
    def time_is_up(self) -> bool:
        """Whether no further row is begun."""
        return time.monotonic() >= self.end


class Rows:
    """The rows of a part; each is on the disk before the next is measured.

    ``PART.json`` has the card, the rows and what follows from them; ``gpu.md`` shows
    those of all parts.
    """

    def __init__(self, out: Path, part: str) -> None:
        self._out, self._part = out, part
        self.rows: list[dict[str, Any]] = []
        self._findings: dict[str, Any] = {}
        self._card = card.describe()
        self._write()

    def add(self, **row: Any) -> None:
        """Adds a row."""
        self.rows.append(row)
        print(f"{self._part}: {row}", flush=True)
        self._write()

    def find(self, **findings: Any) -> None:
        """Adds what follows from the rows."""
        self._findings.update(findings)
        print(f"{self._part}: {findings}", flush=True)
        self._write()

    def _write(self) -> None:
        content = {"card": self._card, "rows": self.rows, "findings": self._findings}
        page.write(self._out, self._part, content, PARTS)
