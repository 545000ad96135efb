"""Commands whose usage line names the arguments first: ``fit TRAIN [OPTIONS]``.

A wrong call of them ends with one line, see also `autoai4eo.cli.usage_errors`.
"""

from __future__ import annotations

from typing import Any

import typer
from typer.core import TyperArgument, TyperCommand, TyperGroup

from autoai4eo.cli.usage_errors import like
from autoai4eo.errors import UserError


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

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Returns the arguments that are left: none, unless the command allows them.

        Raises:
            UserError: there are more arguments than the command takes.
        """
        allowed, ctx.allow_extra_args = ctx.allow_extra_args, True
        left = super().parse_args(ctx, args)
        ctx.allow_extra_args = allowed
        if left and not allowed and not ctx.resilient_parsing:
            wanted = " ".join(str(a.metavar) for a in self._arguments())
            raise UserError(
                f"{ctx.command_path}: expected {wanted or 'options only'}, found also "
                f"{' '.join(left)}; see {ctx.command_path} --help"
            )
        return left

    def _arguments(self) -> list[TyperArgument]:
        return [p for p in self.params if isinstance(p, TyperArgument)]


class Group(TyperGroup):
    """A command that has commands of its own."""

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """Returns the name, the command and its arguments.

        Raises:
            UserError: there is no such command.
        """
        known = [name for name, one in self.commands.items() if not one.hidden]
        if args[0] not in self.commands and not ctx.resilient_parsing:
            raise UserError(
                f"{ctx.command_path}: expected one of its commands, found {args[0]}; "
                f"{like(args[0], known)}see {ctx.command_path} --help"
            )
        return super().resolve_command(ctx, args)


class Commands(typer.Typer):
    """A Typer application of such commands."""

    def __init__(self, **how: Any) -> None:
        super().__init__(**{"cls": Group, **how})

    def command(self, name: str | None = None, **how: Any) -> Any:
        """Returns a decorator that registers a command, see `typer.Typer`."""
        return super().command(name, **{"cls": Command, **how})
