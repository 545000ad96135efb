"""``autoai4eo``: its commands, and what the shell is told when one goes wrong."""

from __future__ import annotations

import io
import logging
import os
import re
import signal
import sys
import warnings

import typer

from autoai4eo.cli import check, demo, fit, inspect, map, model, report, simulate
from autoai4eo.errors import SearchError, UserError
from autoai4eo.search.log import printable

_INTERRUPTED = 130  # what newer versions of Typer make of Ctrl-C

app = typer.Typer(
    name="autoai4eo",
    help="Neural architecture search for Earth observation.",
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)
app.command("inspect")(inspect.inspect)
app.command("fit")(fit.fit)
app.command("trials")(fit.trials)
app.command("pareto")(fit.pareto)
app.command("check")(check.check)
app.command("evaluate")(model.evaluate)
app.command("profile")(model.profile)
app.command("export")(model.export)
app.command("map")(map.map)
app.command("report")(report.report)
app.command("simulate")(simulate.simulate)
app.command("demo")(demo.demo)


def main() -> None:
    """Exit status 0 done, 2 the input or the call is wrong, 1 anything else."""
    # TensorFlow tells of missing GPUs and of its instruction sets before anything else
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    # that each candidate is traced anew is no news
    logging.getLogger("tensorflow").setLevel(logging.ERROR)
    # a path or a name need not be of characters that the terminal has
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    # a batch system ends a job so: as Ctrl-C does, workers and locks are let go
    signal.signal(signal.SIGTERM, _interrupt)
    warnings.showwarning = lambda message, *_: _tell(f"warning: {message}")
    warnings.simplefilter("ignore")
    warnings.filterwarnings("default", module="autoai4eo")
    sys.argv[1:] = [_at_home(argument) for argument in sys.argv[1:]]
    if not sys.argv[1:]:
        sys.argv.append("--help")
    try:
        status = app(standalone_mode=False)
        if status == _INTERRUPTED:
            raise KeyboardInterrupt
        sys.exit(status)
    except UserError as error:
        _tell(f"error: {error}")
        sys.exit(2)
    except SearchError as error:
        _tell(f"error: {error}")
        sys.exit(1)
    except (typer.Abort, KeyboardInterrupt):
        _tell("interrupted; rerun fit, map or simulate to resume")
        sys.exit(1)
    except Exception as error:
        # Typer brings its own copy of click, whose exceptions have no public name
        if not hasattr(error, "format_message"):
            raise
        _tell(f"error: {error.format_message()}")
        sys.exit(2)


def _at_home(argument: str) -> str:
    """With the home folder for ~ where a shell leaves it: after an = and a comma."""
    start = r"(^|^--[a-z-]+=|,)"
    return re.sub(
        rf"{start}(~[^/,]*)", lambda m: m[1] + os.path.expanduser(m[2]), argument
    )


def _tell(line: str) -> None:
    print(printable(line), file=sys.stderr, flush=True)


def _interrupt(*_: object) -> None:
    raise KeyboardInterrupt
