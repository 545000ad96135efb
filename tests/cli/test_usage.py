"""Usage lines, version, names in the help, and completion in the shell."""

import os
import re
import subprocess
import sys

import pytest

from autoai4eo.cli.main import GROUPS, app
from autoai4eo.learning.figures import COSTS, objectives_for
from autoai4eo.version import __version__

COMMANDS = [[str(command.name)] for command in app.registered_commands]
COMMANDS += [
    [group, str(command.name)]
    for group, its in GROUPS.items()
    for command in its.registered_commands
    if (group, command.name) != ("device", "serve")  # runs without Typer
]


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_arguments_come_first_in_the_usage_line(command, run):
    """Users rely on: what they must give is read first, and named as in the text."""
    help_ = run(*command, "--help").out
    usage = " ".join(help_.split("\n\n")[0].split())
    name = " ".join(command)
    argument = r"(?: [A-Z]+(?:\.\.\.| OUT\.tif| PREDICTED…)?)"
    allowed = rf"Usage: autoai4eo {name}(?:{argument}* \[OPTIONS\]|.* -- TRAIN.*)"
    assert re.fullmatch(allowed, usage.replace("SCENE... OUT.tif", "SCENE")), usage
    for argument in re.findall(r" ([A-Z]{3,})(?=[ .])", usage.partition("--")[0]):
        assert re.search(rf"^  .*{argument}", help_, re.M), argument


def test_the_version_is_told(run):
    assert run("--version") == (0, f"autoai4eo {__version__}\n", "")


WRONG = [*COMMANDS, ["device", "serve"]]


@pytest.mark.parametrize("command", WRONG, ids=" ".join)
def test_a_wrong_call_is_one_line_of_every_command(command, run):
    """Users rely on: what was expected, what was found, what to do next."""
    path = f"autoai4eo {' '.join(command)}"
    wrong = [["--no-such-option"]]
    if command not in (["map"], ["inspect"], ["patches"], ["predict"], ["slurm"]):
        wrong.append(["extra"] * 9)
    for arguments in wrong:
        status, out, err = run(*command, *arguments)
        assert (status, out, err.count("\n")) == (2, "", 1), err
        assert re.fullmatch(
            f"error: {path}: expected .+ found .+see {path} --help\n", err
        )


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ("demo x", "autoai4eo demo: expected options only, found also x; see"),
        ("trials a b", "autoai4eo trials: expected RUN, found also b; see"),
        ("trials", "autoai4eo trials: expected RUN, found none; see"),
        ("fit a", "autoai4eo fit: expected --out, found none; see"),
        ("tria", "its commands, found tria; did you mean trials? see autoai4eo --help"),
        ("device nope", "autoai4eo device: expected one of its commands, found nope"),
        ("--nope", "autoai4eo: expected an option that it has, found --nope; see"),
        ("fit a --epoch 3", "found --epoch; did you mean --epochs or --final-epochs?"),
        ("fit a --epochs x", "--epochs: expected a whole number, found 'x'; see"),
        ("compact search a --blocks 0", "--blocks: expected 1 or more, found '0'; see"),
        ("fit a --out", "--out: expected a value, found none; give one after it"),
        (
            "trials a --json=3",
            "--json: expected no value, found one; give",
        ),
    ],
)
def test_a_wrong_call_says_what_was_expected_and_found(arguments, told, run):
    status, out, err = run(*arguments.split())
    assert (status, out, err.count("\n")) == (2, "", 1) and told in err


def test_every_metric_and_cost_is_named_in_the_help_of_fit(run, monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")
    text = " ".join(run("fit", "--help").out.split())
    told = text.partition("--objective")[2].partition("--tuner")[0]
    for kind in ("class", "labels", "value", "mask"):
        for name in objectives_for(kind):
            assert re.search(rf"\b{name}\b", told), name
    limits = told.partition("--constraint")[2]
    assert [name for name in COSTS if not re.search(rf"\b{name}\b", limits)] == [
        "samples_per_second"  # is maximised
    ]


def completed(*words, **environment):
    """What the shell would offer for the last word."""
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "autoai4eo"],
        env={
            **os.environ,
            "_AUTOAI4EO_COMPLETE": "complete_bash",
            "COMP_WORDS": " ".join(["autoai4eo", *words]),
            "COMP_CWORD": str(len(words)),
            **environment,
        },
        capture_output=True,
        text=True,
        check=True,
    )
    assert " keras\n" not in done.stderr and " tensorflow\n" not in done.stderr
    return done.stdout.split()


def test_the_shell_completes_commands_and_options():
    assert completed("tri") == ["trials"]
    assert completed("fit", "--obj") == ["--objective"]
    assert completed("nasbench", "sur") == ["surrogate"]


def test_completion_is_installed_for_the_users_shell(tmp_path):
    """Users rely on: the line in the help makes Tab work in the next shell."""
    done = subprocess.run(
        [sys.executable, "-m", "autoai4eo", "--install-completion", "bash"],
        env={
            **os.environ,
            "HOME": str(tmp_path),
            # a name in place of the shell that started the test
            "_TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION": "1",
        },
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stderr == "" and "bash completion installed" in done.stdout
    assert "autoai4eo" in (tmp_path / ".bashrc").read_text()
    script = tmp_path / ".bash_completions" / "autoai4eo.sh"
    assert "_AUTOAI4EO_COMPLETE=complete_bash" in script.read_text()
