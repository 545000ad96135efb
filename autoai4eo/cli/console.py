"""The console of the commands: tables, JSON, CSV; TensorFlow's noise is hidden."""

from __future__ import annotations

import json
import os
import re
import sys
import tempfile
import warnings
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from numbers import Real
from typing import Any

from rich.cells import cell_len
from rich.console import Console
from rich.table import Table
from rich.text import Text

from autoai4eo.errors import UserError
from autoai4eo.log import told_while
from autoai4eo.text import cell, line

#: Seconds; what takes less is not told, see `told_beside`.
SOON_S = 2.0
_NARROWEST = 20
_WORD = 10  # characters; shorter text and words of headings are not folded


class _PlainConsole(Console):
    """Prints text unchanged: no markup, no emoji codes, no control characters.

    Class names, paths and messages come from the user, so their text cannot set a
    style; pass `style` to `print`.
    """

    def render_str(self, text: str, **how: Any) -> Text:
        lines = "\n".join(map(line, text.split("\n")))
        return super().render_str(lines, **{**how, "markup": False, "emoji": False})

    def on_broken_pipe(self) -> None:
        """Raises the error, so that `main` handles it; Rich would end the process."""
        raise


def _width() -> int | None:
    """The width to fold text at; None: the terminal's current width."""
    # sys.stdout is None when the shell closed it (>&-)
    if sys.stdout is None or not sys.stdout.isatty():
        return 1_000_000  # a file or a pipe has no width: nothing needs to be folded
    columns = os.environ.get("COLUMNS", "")
    return max(int(columns), _NARROWEST) if columns.isdecimal() else None


console = _PlainConsole(highlight=False, width=_width(), height=25)


@contextmanager
def hushed() -> Iterator[None]:
    """Hides what TensorFlow's C++ code writes to standard error.

    TensorFlow writes to the file descriptor before its settings can silence it. If an
    exception other than `UserError` is raised, the output becomes a note of it.
    Python's warnings are shown at the end.
    """
    sys.stderr.flush()
    kept = os.dup(2)
    show, held = warnings.showwarning, []
    warnings.showwarning = lambda *warning, **how: held.append((warning, how))
    with tempfile.TemporaryFile() as noise:
        os.dup2(noise.fileno(), 2)
        try:
            yield
        except UserError:
            raise
        except BaseException as error:
            noise.seek(0)
            if output := noise.read().decode(errors="replace"):
                error.add_note(output)
            raise
        finally:
            os.dup2(kept, 2)
            os.close(kept)
            warnings.showwarning = show
            for warning, how in held:
                show(*warning, **how)


def told_beside(doing: str) -> AbstractContextManager[None]:
    """Says on standard error what takes long, beside tables and JSON.

    Args:
        doing: what is done inside of the ``with``; told after `SOON_S` seconds.
    """
    return told_while(lambda text: print(line(text), file=sys.stderr), doing, SOON_S)


def print_table(
    title: str, columns: Sequence[str], rows: Sequence[Sequence[Any]]
) -> None:
    """Prints a table as wide as the terminal, with numbers aligned to the right.

    Long text is folded, numbers are not: the last columns of numbers that do not fit
    are left out, and their names are printed. Numbers that still do not fit end with
    an ellipsis.
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
    """Prints JSON to standard output."""
    print(json.dumps(content, indent=2))


def as_csv(frame: Any) -> str:
    """Returns a pandas table as CSV; spreadsheets do not read its text as formulas."""
    plain = frame.rename(columns=cell).map(
        lambda value: cell(value) if isinstance(value, str) else value
    )
    return str(plain.to_csv(index=False))


#: In the place of a number that is not defined.
MISSING = "–"
_NUMBER = re.compile(r"-?[\d,]*\.\d+|[\d.,]+ ± [\d.,e+]+")


@dataclass(frozen=True, eq=False)
class _Column:
    """A column; ``least``: its smallest width; ``whole``: its width without folding."""

    name: str
    cells: list[str]
    numbers: bool
    least: int
    whole: int


def _column(name: str, values: list[Any]) -> _Column:
    name, cells = line(name), [_text(value) for value in values]
    lengths = [cell_len(cell) for cell in cells]
    least = [
        length if _is_number(value) else min(length, _WORD)
        for value, length in zip(values, lengths, strict=True)
    ]
    return _Column(
        name,
        cells,
        all(map(_is_number, values)),
        max([1, *(min(cell_len(word), _WORD) for word in name.split()), *least]),
        max([1, cell_len(name), *lengths]),
    )


def _is_number(value: Any) -> bool:
    """Whether a cell is a number, as text (.9500, 1.7 ± 11) too, or empty."""
    if isinstance(value, Real | None) or value == MISSING:
        return True
    return bool(_NUMBER.fullmatch(str(value)))


def _that_fit(columns: list[_Column], width: int) -> list[_Column]:
    """Returns the columns that fit, at least two."""
    shown = list(columns)
    while len(shown) > 2 and _spare(shown, width) < 0:
        numbers = [i for i, column in enumerate(shown) if column.numbers and i > 0]
        del shown[numbers[-1] if numbers else -1]
    return shown


def _widths(columns: list[_Column], width: int) -> list[int]:
    """Widens the first columns with spare width; narrows them if width is lacking."""
    spare, widths = _spare(columns, width), []
    for column in columns:
        more = max(min(spare, column.whole - column.least), 1 - column.least)
        widths.append(column.least + more)
        spare -= more
    return widths


def _spare(columns: list[_Column], width: int) -> int:
    """The width that is left besides the columns, their borders and spaces."""
    return width - 3 * len(columns) - 1 - sum(column.least for column in columns)


def _text(value: Any) -> str:
    if value is None or value != value:
        return ""
    if isinstance(value, float):
        return f"{value:,.4g}" if abs(value) < 1e4 else f"{value:,.0f}"
    return f"{value:,}" if isinstance(value, int) else line(str(value))
