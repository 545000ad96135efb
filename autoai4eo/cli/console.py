"""What the commands print with, and hush."""

from __future__ import annotations

import json
import os
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from numbers import Real
from typing import Any

from rich.cells import cell_len
from rich.console import Console
from rich.table import Table
from rich.text import Text

from autoai4eo.errors import UserError
from autoai4eo.text import cell, line

_NARROWEST = 20
_WORD, _HEADING = 10, 5  # of so many characters, text and headings are not folded


class _PlainConsole(Console):
    """Prints text as it is: no markup, no emoji codes, no control characters.

    Class names, paths and messages are not ours; a style is an argument of `print`.
    """

    def render_str(self, text: str, **how: Any) -> Text:
        lines = "\n".join(map(line, text.split("\n")))
        return super().render_str(lines, **{**how, "markup": False, "emoji": False})

    def on_broken_pipe(self) -> None:
        """Leaves to `main` what Rich would do: end the process."""
        raise


def _width() -> int | None:
    """In which text is folded; None: the terminal's own, which may change."""
    # without any standard output (>&-) there is none
    if sys.stdout is None or not sys.stdout.isatty():
        return 1_000_000  # a file or a pipe has no width: nothing needs to be folded
    columns = os.environ.get("COLUMNS", "")
    return max(int(columns), _NARROWEST) if columns.isdecimal() else None


console = _PlainConsole(highlight=False, width=_width(), height=25)


@contextmanager
def hushed() -> Iterator[None]:
    """Keeps from the terminal what TensorFlow's C++ writes.

    It writes to the file descriptor before its own settings can quiet it. Where
    something fails that is not the user's error, it is a note of the exception.
    """
    sys.stderr.flush()
    kept = os.dup(2)
    with tempfile.TemporaryFile() as noise:
        os.dup2(noise.fileno(), 2)
        try:
            yield
        except UserError:
            raise
        except BaseException as error:
            noise.seek(0)
            if said := noise.read().decode(errors="replace"):
                error.add_note(said)
            raise
        finally:
            os.dup2(kept, 2)
            os.close(kept)


def print_table(
    title: str, columns: Sequence[str], rows: Sequence[Sequence[Any]]
) -> None:
    """Prints a table, numbers to the right, in the width of the terminal.

    Text is folded where it must be, numbers are not: the last columns of numbers that
    do not fit are left out, and said. What cannot fit at all ends with an ellipsis.
    """
    if title:
        console.print(title, style="italic")
    made = [_column(name, [row[i] for row in rows]) for i, name in enumerate(columns)]
    width = max(console.width, _NARROWEST)
    shown = _that_fit(made, width)
    table = Table()
    for column, size in zip(shown, _widths(shown, width), strict=True):
        table.add_column(
            Text(column.name, overflow="fold", no_wrap=False),
            width=size,
            justify="right" if column.numbers else "left",
            overflow="ellipsis" if column.numbers else "fold",
            no_wrap=column.numbers,
        )
    for cells in zip(*(column.cells for column in shown), strict=True):
        table.add_row(*cells)
    console.print(table, crop=False)
    if left := [column.name for column in made if column not in shown]:
        console.print(f"left out on this narrow terminal: {', '.join(left)}")


def print_json(content: Any) -> None:
    """Plain JSON on standard output."""
    print(json.dumps(content, indent=2))


def as_csv(frame: Any) -> str:
    """A pandas table as CSV, whose text no spreadsheet takes for formulas."""
    plain = frame.rename(columns=cell).map(
        lambda value: cell(value) if isinstance(value, str) else value
    )
    return str(plain.to_csv(index=False))


@dataclass(frozen=True, eq=False)
class _Column:
    """``least`` and ``whole``: widths that it needs, and in which nothing is folded."""

    name: str
    cells: list[str]
    numbers: bool
    least: int
    whole: int


def _column(name: str, values: list[Any]) -> _Column:
    name, cells = line(name), [_text(value) for value in values]
    lengths = [cell_len(cell) for cell in cells]
    least = [
        length if isinstance(value, Real) else min(length, _WORD)
        for value, length in zip(values, lengths, strict=True)
    ]
    return _Column(
        name,
        cells,
        all(isinstance(value, Real | None) for value in values),
        max([1, min(cell_len(name), _HEADING), *least]),
        max([1, cell_len(name), *lengths]),
    )


def _that_fit(columns: list[_Column], width: int) -> list[_Column]:
    """Those that fit, two at least."""
    shown = list(columns)
    while len(shown) > 2 and _spare(shown, width) < 0:
        numbers = [i for i, column in enumerate(shown) if column.numbers and i > 0]
        del shown[numbers[-1] if numbers else -1]
    return shown


def _widths(columns: list[_Column], width: int) -> list[int]:
    """What is over goes to the first that are not whole; what lacks, off the first."""
    spare, widths = _spare(columns, width), []
    for column in columns:
        more = max(min(spare, column.whole - column.least), 1 - column.least)
        widths.append(column.least + more)
        spare -= more
    return widths


def _spare(columns: list[_Column], width: int) -> int:
    """What is over beside columns, their lines and spaces."""
    return width - 3 * len(columns) - 1 - sum(column.least for column in columns)


def _text(value: Any) -> str:
    if value is None or value != value:
        return ""
    if isinstance(value, float):
        return f"{value:,.4g}" if abs(value) < 1e4 else f"{value:,.0f}"
    return f"{value:,}" if isinstance(value, int) else line(str(value))
