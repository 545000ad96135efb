"""What the commands print with, and hush."""

from __future__ import annotations

import json
import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from autoai4eo.errors import UserError
from autoai4eo.search.log import printable


class _PlainConsole(Console):
    """Prints text as it is: no markup, no emoji codes, no control characters.

    Class names, paths and messages are not ours; a style is an argument of `print`.
    """

    def render_str(self, text: str, **how: Any) -> Text:
        lines = "\n".join(map(printable, text.split("\n")))
        return super().render_str(lines, **{**how, "markup": False, "emoji": False})


# a file or a pipe has no width: nothing needs to be folded there
console = _PlainConsole(highlight=False, width=None if sys.stdout.isatty() else 160)


@contextmanager
def hushed() -> Iterator[None]:
    """Keeps from the terminal what TensorFlow's C++ writes.

    It writes to the file descriptor before its own settings can quiet it. Where
    something fails that is not the user's error, all is shown.
    """
    sys.stderr.flush()
    kept = os.dup(2)
    with tempfile.TemporaryFile() as noise:
        os.dup2(noise.fileno(), 2)
        try:
            yield
        except UserError:
            raise
        except BaseException:
            os.dup2(kept, 2)
            noise.seek(0)
            sys.stderr.write(noise.read().decode(errors="replace"))
            raise
        finally:
            os.dup2(kept, 2)
            os.close(kept)


def table(title: str, columns: list[str], rows: list[list[Any]]) -> Table:
    """A table, numbers to the right; only messages are folded."""
    made = Table(title=printable(title), title_justify="left")
    for i, name in enumerate(columns):
        numbers = all(isinstance(row[i], int | float | None) for row in rows)
        made.add_column(
            name,
            justify="right" if numbers else "left",
            overflow="fold",
            no_wrap=name != "message",
        )
    for row in rows:
        made.add_row(*[_text(value) for value in row])
    return made


def print_json(content: Any) -> None:
    """Plain JSON on standard output."""
    print(json.dumps(content, indent=2))


def _text(value: Any) -> str:
    if value is None or value != value:
        return ""
    if isinstance(value, float):
        return f"{value:,.4g}" if abs(value) < 1e4 else f"{value:,.0f}"
    return f"{value:,}" if isinstance(value, int) else printable(str(value))
