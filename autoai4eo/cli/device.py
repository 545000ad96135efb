"""``device``: measures networks where they will run.

`autoai4eo.__main__` runs ``device serve`` itself, where it is called as a command: this
is for who calls the command line from Python, and for the help.
"""

from __future__ import annotations

import typer

app = typer.Typer(
    help="Measure networks on the device where they will run.",
    no_args_is_help=True,
    rich_markup_mode=None,
)


@app.callback()
def device() -> None:
    """Measure networks on the device where they will run."""


@app.command(
    "serve",
    add_help_option=False,
    context_settings={"ignore_unknown_options": True, "allow_extra_args": True},
)
def serve(context: typer.Context) -> None:
    """Measure networks here for a search on another machine.

    Example: autoai4eo device serve --runtime litert --threads 2
    """
    from autoai4eo.devices.serving import main

    raise typer.Exit(main(context.args))
