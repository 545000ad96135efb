"""Names, paths and messages are printed as they are, on whatever terminal."""

import contextlib
import io
import os
import signal
import subprocess
import sys

import numpy as np
import pytest
import small
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

import autoai4eo as ae
from autoai4eo.cli import console as module
from autoai4eo.cli import fit
from autoai4eo.cli.model import print_scores
from autoai4eo.errors import SearchError
from autoai4eo.search.log import printable

ODD = ["[red]", "a[0]", "[/x]", ":smile:", "[link=x]", "ü × \x1b[31m", "\\[b]"]


def printed(*what, **how):
    """What the console writes to a file of UTF-8."""
    with contextlib.redirect_stdout(io.StringIO()) as file:
        module.console.print(*what, **how)
    return file.getvalue()


# Rich leaves spaces out where a line ends, and what has no width in a column of none
words = st.text(
    st.characters(exclude_categories=("Z", "M"), exclude_characters="\n"),
    min_size=1,
    max_size=9,
).filter(lambda text: all(map(cell_len, printable(text))))


@given(st.one_of(words, st.sampled_from(ODD)))
def test_text_is_neither_markup_nor_lost(text):
    line = printable(text)
    assert printed(text) == printed(text, style="bold") == f"{line}\n"
    shown = printed(module.table(text, [text], [[text]]))
    assert shown.count(line) >= 3


def scores(names):
    """As an evaluation gives them."""
    figures = {"precision": 0.5, "recall": 0.5, "f1": 0.5, "support": 2}
    main = ("accuracy", "average_accuracy", "cohen_kappa")
    return {
        **dict.fromkeys(main, 0.5),
        "intervals": dict.fromkeys(main, (0.4, 0.6)),
        "macro_f1": 0.5,
        "expected_calibration_error": 0.1,
        "resampled_by": "[sample]",
        "absent_classes": names[:1],
        "per_class": dict.fromkeys(names, figures),
    }


def test_scores_of_classes_with_brackets(capsys):
    print_scores(scores(ODD), "[run] on [/data]")
    out = capsys.readouterr().out
    for text in (*ODD, "[run] on [/data]", "[sample]"):
        assert printable(text) in out


def named(seed):
    """Small data, the name of one class beyond ASCII."""
    plain = small.dataset(seed=seed)
    pixels = plain.read(np.arange(len(plain)))
    names = ["Gewässer", "a[0]", "[/x]"]
    return ae.open_dataset(pixels, labels=plain.labels, class_names=names)


@pytest.fixture(scope="module")
def searched(tmp_path_factory):
    """A run whose folder has a name that looks like markup."""
    folder = tmp_path_factory.mktemp("[red]")
    with small.in_this_process():
        model = small.model(folder, max_trials=1)
        model.fit(named(0), validation_data=named(1), epochs=1, verbose=0)
    return model.run


# UTF-8 that is not to be had, and a machine that knows nothing but ASCII
POOR = [
    {"PYTHONIOENCODING": "ascii"},
    {"PYTHONIOENCODING": "latin-1"},
    {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
]


@pytest.mark.parametrize("poor", POOR, ids=lambda poor: next(iter(poor)))
def test_a_terminal_without_unicode_is_no_traceback(searched, poor):
    for command, shown in (("trials", "complete"), ("report", "report.html")):
        done = subprocess.run(
            [sys.executable, "-m", "autoai4eo", command, searched],
            env={**os.environ, **poor},
            capture_output=True,
            check=False,
        )
        assert (done.returncode, done.stderr) == (0, b"")
        assert b"[red]" in done.stdout and shown.encode() in done.stdout
        done = subprocess.run(
            [sys.executable, "-m", "autoai4eo", command, searched / "Gewässer[/x]"],
            env={**os.environ, **poor},
            capture_output=True,
            check=False,
        )
        assert done.returncode == 2 and done.stderr.count(b"\n") == 1
        assert b"[/x]: expected" in done.stderr
    page = (searched / "report.html").read_text(encoding="utf-8")
    assert "Gewässer" in page and "a[0]" in page


def test_messages_of_trials_are_not_markup(searched):
    from autoai4eo.search.record import open_study, trials_table

    trials = trials_table(open_study(searched)).assign(message="a[0] is not [/closed]")
    shown = printed(fit._trials_view(trials, "[red]"))
    assert "a[0] is not [/closed]" in shown and "[red]" in shown


def test_an_error_is_one_line_whatever_is_in_it(run, tmp_path):
    result = run("trials", tmp_path / "two\nlines[red]\x1b[31m")
    assert result.status == 2
    assert "two\\nlines[red]\\x1b[31m: expected" in result.err
    assert result.err.count("\n") == 1 and "\x1b" not in result.err


@pytest.mark.parametrize(
    ("raised", "status", "line"),
    [
        (SearchError("every trial failed"), 1, "error: every trial failed\n"),
        (
            signal.SIGTERM,
            1,
            "interrupted; rerun fit, map or simulate to resume\n",
        ),
    ],
    ids=["failed", "terminated"],
)
def test_what_ends_a_command_is_one_line(run, monkeypatch, raised, status, line):
    def ends(*_, **__):
        if isinstance(raised, Exception):
            raise raised
        os.kill(os.getpid(), raised)

    before = signal.getsignal(signal.SIGTERM)
    monkeypatch.setattr("autoai4eo.report.page.write_report", ends)
    try:
        result = run("report", "a_run")
    finally:
        signal.signal(signal.SIGTERM, before)
    assert (result.status, result.err) == (status, line)
