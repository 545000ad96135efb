"""``autoai4eo``: its commands, their errors and exit statuses."""

from __future__ import annotations

import contextlib
import io
import logging
import os
import re
import select
import signal
import sys
import threading
import time
import warnings
from typing import Annotated, TextIO

import typer

from autoai4eo.callers import called_from_shell
from autoai4eo.cli import (
    check,
    compact,
    demo,
    device,
    ensemble,
    failures,
    fit,
    inspect,
    map,
    model,
    nasbench,
    patches,
    predict,
    report,
    rerun,
    selecting,
    simulate,
    slurm,
    trials,
)
from autoai4eo.cli.options import RENAMED_OPTIONS
from autoai4eo.cli.usage import Commands
from autoai4eo.errors import AutoAI4EOWarning
from autoai4eo.log import open_streams
from autoai4eo.runs import databases, starts
from autoai4eo.text import line
from autoai4eo.version import __version__

app = Commands(
    name="autoai4eo",
    help="Neural architecture search for Earth observation.\n\n"
    "autoai4eo --install-completion makes your shell complete commands and options.",
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)
app.command("inspect")(inspect.inspect)
app.command("patches")(patches.patches)
app.command("fit")(fit.fit)
app.command("trials")(trials.trials)
app.command("pareto")(trials.pareto)
app.command("ensemble")(ensemble.ensemble)
app.command("select")(selecting.select)
app.command("check")(check.check)
app.command("evaluate")(model.evaluate)
app.command("predict")(predict.predict)
app.command("profile")(model.profile)
app.command("export")(model.export)
app.command("map")(map.map)
app.command("report")(report.report)
app.command("rerun")(rerun.rerun)
app.command("simulate")(simulate.simulate)
app.command("slurm")(slurm.slurm)
app.command("demo")(demo.demo)


def _show_version(is_asked: bool) -> None:
    if is_asked:
        print(f"autoai4eo {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_show_version, is_eager=True, help="Show the version."
        ),
    ] = False,
) -> None:
    """Options of no command."""


#: Commands that have commands of their own.
GROUPS = {"compact": compact.app, "device": device.app, "nasbench": nasbench.app}
#: Set by a shell that asks for completions.
COMPLETE = "_AUTOAI4EO_COMPLETE"
_MOMENT_S = 0.05  # after which a lost signal is repeated
for _name, _group in GROUPS.items():
    app.add_typer(_group, name=_name)


def main() -> None:
    """Runs a command, see `_main`; its messages speak of options."""
    with called_from_shell():
        _main()


def _main() -> None:
    """Runs a command: exit status 0 done, 2 wrong input or call, 1 anything else.

    After Ctrl-C it is 130, after SIGTERM 143, after SIGHUP 129, see
    `failures.status_and_line`. If nobody reads standard output any more (``| head``),
    it is 141, as of other programs that SIGPIPE ends.
    """
    begun = time.time()
    _open_streams()
    # hides TensorFlow's warning that each candidate is traced again
    logging.getLogger("tensorflow").setLevel(logging.ERROR)
    # batch systems send these: as with Ctrl-C, workers end and locks are released
    signal.signal(signal.SIGTERM, _interrupt)
    signal.signal(signal.SIGUSR1, _interrupt)
    # a terminal that is closed; ignored under nohup
    if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:
        signal.signal(signal.SIGHUP, _interrupt)
    sys.unraisablehook = _interrupt_again
    told: set[str] = set()  # Python forgets them with every `catch_warnings`
    warnings.showwarning = lambda message, *_: _tell_once(f"warning: {message}", told)
    warnings.simplefilter("ignore")
    warnings.filterwarnings("default", category=AutoAI4EOWarning)
    if COMPLETE in os.environ:
        app(prog_name="autoai4eo")  # answers the shell, and ends
    try:
        # removes passwords before anything can show them
        given = [databases.name(_at_home(argument)) for argument in sys.argv[1:]]
        given = [_renamed(_command(given), argument) for argument in given]
        starts.begun_by(given)
        status = _called(given)
        sys.stdout.flush()
    except SystemExit:
        raise
    except BaseException as error:
        if isinstance(error, BrokenPipeError) and (
            _is_unread(sys.stdout) or _is_unread(sys.stderr)
        ):
            status = 128 + signal.SIGPIPE
        else:
            if isinstance(error, KeyboardInterrupt):  # a further one adds nothing
                signal.signal(signal.SIGINT, signal.SIG_IGN)
                signal.signal(signal.SIGTERM, signal.SIG_IGN)
            status, reason = failures.status_and_line(
                error, _command(sys.argv[1:]), sys.argv[1:], begun
            )
            _tell(reason)
            signal.signal(signal.SIGTERM, signal.SIG_DFL)  # ends what hangs at exit
            _forget_interrupt()
    _leave(sys.stdout)
    _leave(sys.stderr)
    sys.exit(status)


def _renamed(command: str, argument: str) -> str:
    """Replaces the old name of a command's option by its new one, with a warning."""
    name, equals, value = argument.partition("=")
    new = RENAMED_OPTIONS.get((command, name))
    if new is None:
        return argument
    _tell(f"warning: {name} is called {new} now; the next release drops {name}")
    return new + equals + value


def _command(arguments: list[str]) -> str:
    """Returns the name of the command in some arguments; empty if there is none."""
    known = {str(command.name) for command in app.registered_commands}
    for group, its in GROUPS.items():
        known |= {f"{group} {command.name}" for command in its.registered_commands}
    name = " ".join(arguments[: 2 if arguments[:1] and arguments[0] in GROUPS else 1])
    return name if name in known else ""


def _called(arguments: list[str]) -> int:
    """Runs a command and returns its exit status."""
    # calling the app itself would treat EOFError as Ctrl-C
    command = typer.main.get_command(app)
    if len(arguments) == 1 and arguments[0] in GROUPS:
        arguments = [*arguments, "--help"]  # otherwise the help would be an error
    try:
        with command.make_context("autoai4eo", arguments or ["--help"]) as context:
            command.invoke(context)
    except typer.Exit as end:
        return int(end.exit_code)
    return failures.DONE


def _open_streams() -> None:
    """Opens streams that the shell closed (>&-), so that no file gets their number."""
    open_streams()
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        if getattr(sys, name) is None:
            setattr(sys, name, open(number, "r" if number == 0 else "w"))  # noqa: SIM115
    # a path or a name may have characters that the terminal cannot show
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def _is_unread(stream: TextIO) -> bool:
    """Whether a stream is a pipe that nobody reads."""
    with contextlib.suppress(OSError, ValueError):
        poll = select.poll()
        poll.register(stream, 0)
        return any(event & select.POLLERR for _, event in poll.poll(0))
    return False


def _leave(stream: TextIO) -> None:
    """Flushes a stream; without this Python prints an error at exit if it is closed."""
    try:
        stream.flush()
    except OSError:
        with contextlib.suppress(OSError, ValueError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def _at_home(argument: str) -> str:
    """Replaces ~ by the home folder, also after = and a comma, where shells do not."""
    start = r"(^|^--[a-z-]+=|,)"
    return re.sub(
        rf"{start}(~[^/,]*)", lambda m: m[1] + os.path.expanduser(m[2]), argument
    )


def _tell(text: str) -> None:
    with contextlib.suppress(OSError):  # nobody reads it
        print(line(text), file=sys.stderr, flush=True)


def _tell_once(text: str, told: set[str]) -> None:
    if text not in told:
        told.add(text)
        _tell(text)


def _forget_interrupt() -> None:
    """Makes Python end with the exit status of the command after Ctrl-C.

    If the signal arrives while text is executed, as classes are made on import, Python
    remembers it, although it was handled, and kills itself at the end. Executing text
    makes it forget.
    """
    exec("")


def _interrupt(number: int, _: object) -> None:
    raise KeyboardInterrupt(number)


def _interrupt_again(lost: sys.UnraisableHookArgs) -> None:
    """Repeats a signal that arrived where nothing can be raised, a moment later.

    That is where an object is deleted, or C calls back: Python goes on there.
    """
    if not isinstance(lost.exc_value, KeyboardInterrupt):
        sys.__unraisablehook__(lost)
        return
    number = failures.signal_of(lost.exc_value)
    threading.Timer(_MOMENT_S, os.kill, (os.getpid(), number)).start()
