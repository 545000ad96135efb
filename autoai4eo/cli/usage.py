"""Commands whose usage line names the arguments first: ``fit TRAIN [OPTIONS]``."""

from __future__ import annotations

from typing import Any

import typer
from typer.core import TyperArgument, TyperCommand


class Command(TyperCommand):
    """A command; its arguments have upper-case names in the help."""

    def __init__(self, *given: Any, **named: Any) -> None:
        super().__init__(*given, **named)
        for argument in self._arguments():
            if argument.metavar is None:
                more = "" if argument.nargs == 1 else "..."
                argument.metavar = f"{argument.name}{more}".upper()

    def collect_usage_pieces(self, ctx: Any) -> list[str]:
        """Returns the parts of the usage line."""
        named = [
            str(a.metavar) if a.required else f"[{a.metavar}]"
            for a in self._arguments()
        ]
        last = [name for name in named if name.startswith("--")]
        return [*(n for n in named if n not in last), "[OPTIONS]", *last]

    def _arguments(self) -> list[TyperArgument]:
        return [p for p in self.params if isinstance(p, TyperArgument)]


class Commands(typer.Typer):
    """A Typer application of such commands."""

    def command(self, name: str | None = None, **how: Any) -> Any:
        """Returns a decorator that registers a command, see `typer.Typer`."""
        return super().command(name, **{"cls": Command, **how})
