"""``slurm``: a search on a cluster, as an array of jobs that share it."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Sequence
from importlib import resources
from typing import Annotated, Any

import typer

from autoai4eo.cli import fit
from autoai4eo.cli.console import console
from autoai4eo.cli.usage import Commands
from autoai4eo.data.scenes.files import split_paths
from autoai4eo.errors import UserError
from autoai4eo.runs import databases
from autoai4eo.text import line

#: Seconds before the end of a job's time at which it gives its trial back.
NOTICE_S = 120
#: Times as sbatch takes them: 90, 90:00, 4:00:00, 2-0, 2-12:00, 2-12:00:00.
_TIME = re.compile(
    r"(?P<days>\d+)-(?P<h>\d+)(:(?P<m>\d+)(:(?P<s>\d+))?)?"
    r"|((?P<hours>\d+):(?=\d+:))?(?P<minutes>\d+)(:(?P<seconds>\d+))?"
)
#: Options of sbatch without which the script does not do what it says.
_OURS = {
    **dict.fromkeys(("--array", "-a"), "--jobs"),
    **dict.fromkeys(("--time", "-t"), "--time"),
    **dict.fromkeys(("--signal", "--requeue", "--no-requeue", "--open-mode"), None),
}


def slurm(
    fit_arguments: Annotated[
        list[str],
        typer.Argument(
            metavar="-- TRAIN --out OUT …",
            help="After --: the arguments of `autoai4eo fit`.",
        ),
    ],
    time: Annotated[
        str, typer.Option(help="Time of one job as sbatch takes it: 4:00:00 or 2-12.")
    ],
    jobs: Annotated[
        int, typer.Option(min=1, help="Jobs of the array; each works on the search.")
    ] = 1,
    sbatch: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME=VALUE",
            help="A further option of sbatch: partition=gpu, cpus-per-task=8, "
            "gres=gpu:1.",
        ),
    ] = None,
    setup: Annotated[
        list[str] | None,
        typer.Option(
            metavar="LINE",
            help="A line of shell that prepares the environment: 'module load …', "
            "'source …/activate'.",
        ),
    ] = None,
    submit: Annotated[
        bool, typer.Option("--submit", help="Give the script to sbatch at once.")
    ] = False,
) -> None:
    """Print a SLURM job script for a search, or submit it.

    autoai4eo slurm --jobs 8 --time 4:00:00 --sbatch partition=gpu --sbatch gres=gpu:1
    --setup 'module load python' -- training.h5 --val validation.h5 --out /shared/RUN
    --storage postgresql://me@server/searches > job.sh

    Before its time is over a job gives its trial back for another job to go on with,
    and queues again, until the search is over.
    """
    asked = _parsed(fit_arguments)
    name = os.path.basename(os.path.realpath(asked["out"]))
    _check_can_be_shared(asked, jobs)
    _check_time(time)
    script = _script(
        name=_value(f"autoai4eo-{name}"),
        jobs=jobs,
        time=time,
        notice=NOTICE_S,
        folder=_value(os.getcwd()),
        log=_value(name.replace("%", "%%") + "-%A_%a.log"),
        options=[_option(text) for text in sbatch or []],
        programs=shlex.quote(os.path.dirname(sys.executable)),
        setup=setup or [],
        command=shlex.join(["autoai4eo", "fit", *fit_arguments]),
    )
    for path in _missing(asked):
        print(
            f"warning: {path}: found nothing of this name in {os.getcwd()}, where the "
            "jobs look; correct it, unless it comes later",
            file=sys.stderr,
        )
    if submit:
        console.print(_submitted(script, asked["storage"]))
        return
    print(script, end="")
    if databases.environment(asked["storage"]):
        print(
            "warning: the password of --storage is not written into the script; put it "
            f"into ~/.pgpass, or set {databases.VARIABLE} where you call sbatch",
            file=sys.stderr,
        )


def _parsed(arguments: Sequence[str]) -> dict[str, Any]:
    """What `fit` understands, so that no job waits in a queue for a misspelt option."""
    app = Commands(add_completion=False, rich_markup_mode=None)
    app.command("fit")(fit.fit)
    command = typer.main.get_command(app)
    with command.make_context("autoai4eo fit", [*arguments]) as context:
        return dict(context.params)


def _missing(asked: dict[str, Any]) -> list[str]:
    """Data that are not there, so that no job waits in a queue for a misspelt name."""
    given = [asked[name] for name in ("train", "val", "masks", "val_masks")]
    found = []
    for path in filter(None, given):
        files = [os.path.expanduser(one) for one in split_paths(str(path))]
        missing = [one for one in files if not os.path.exists(one)]
        found += missing if len(missing) < len(files) else [str(path)]
    return found


def _check_can_be_shared(asked: dict[str, Any], jobs: int) -> None:
    """Whether jobs can begin the search, go on with it, and share it.

    Raises:
        UserError: they would forget what the others found, or cannot see it.
    """
    if asked["overwrite"]:
        raise UserError(
            "slurm: expected fit's arguments without --overwrite, found it; each job "
            "would forget what the others found: choose another --out, or empty that "
            "folder first"
        )
    storage = asked["storage"]
    if jobs > 1 and (storage is None or not storage.startswith("postgresql")):
        raise UserError(
            f"slurm: expected --storage postgresql://USER@HOST/DATABASE for {jobs} "
            f"jobs, found {'none' if storage is None else storage}; add it after --, "
            "or give --jobs 1"
        )


def _check_time(text: str) -> None:
    """Whether a job has time to do something before it is told to end.

    Raises:
        UserError: it has not, or that is no time.
    """
    found = _TIME.fullmatch(text)
    if found is None:
        raise UserError(
            "--time: expected HOURS:MINUTES:SECONDS or another time of sbatch's, got "
            f"{text!r}"
        )
    given = {name: int(number or 0) for name, number in found.groupdict().items()}
    minutes = 60 * (24 * given["days"] + given["h"] + given["hours"])
    minutes += given["m"] + given["minutes"]
    if 60 * minutes + given["s"] + given["seconds"] <= 2 * NOTICE_S:
        raise UserError(
            f"--time: expected more than {2 * NOTICE_S // 60} minutes, as a job gives "
            f"its trial back {NOTICE_S // 60} minutes before their end, got {text}"
        )


def _option(text: str) -> str:
    """An option of sbatch as a script has it."""
    name, equals, value = (text if text.startswith("-") else f"--{text}").partition("=")
    if not re.fullmatch(r"--?[\w-]+", name):
        raise UserError(f"--sbatch: expected such as partition=gpu, got {text!r}")
    if name in _OURS:
        instead = f"use {_OURS[name]}" if _OURS[name] else "leave it out"
        raise UserError(
            f"--sbatch: expected an option that the script does not have, got {name}; "
            f"{instead}"
        )
    return name + equals + (_value(value) if equals else "")


def _value(text: str) -> str:
    """A value in a line of #SBATCH."""
    if re.fullmatch(r"[\w./:,%+@=~\[\]-]+", text):
        return text
    if not text.isprintable() or '"' in text or "\\" in text:
        raise UserError(
            "slurm: expected names without line breaks, quotes and backslashes, which "
            f"sbatch does not read, found {line(text)}; rename it"
        )
    return f'"{text}"'


def _script(**values: Any) -> str:
    import jinja2  # `autoai4eo --help` need not wait for it

    template = resources.files("autoai4eo.cli").joinpath("slurm.sh").read_text("utf-8")
    environment = jinja2.Environment(
        trim_blocks=True,
        keep_trailing_newline=True,
        undefined=jinja2.StrictUndefined,
        autoescape=False,
    )
    return environment.from_string(template).render(values)


def _submitted(script: str, storage: str | None) -> str:
    """What sbatch says to a script.

    Raises:
        UserError: there is no sbatch, or it refuses the script.
    """
    program = shutil.which("sbatch")
    if program is None:
        raise UserError(
            "--submit: expected sbatch among the programs (PATH), found none; give "
            "this command on a machine of the cluster, or print the script (without "
            "--submit) and take it there"
        )
    # jobs get the environment of sbatch; a password goes that way
    done = subprocess.run(
        [program],
        input=script,
        text=True,
        capture_output=True,
        env=os.environ | databases.environment(storage),
        check=False,
    )
    if done.returncode:
        raise UserError(
            "--submit: expected a script that sbatch takes, found that it says "
            f"{line(done.stderr.strip())!r}; correct --sbatch or --time"
        )
    return done.stdout.strip()
