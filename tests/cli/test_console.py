"""Names, paths and messages are printed as they are, on whatever terminal."""

import contextlib
import io
import os
import signal
import subprocess
import sys
import warnings

import numpy as np
import pandas as pd
import pytest
import small
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.cells import cell_len

import autoai4eo as ae
from autoai4eo.cli import console as module
from autoai4eo.cli import trials as cli_trials
from autoai4eo.cli.options import RENAMED_OPTIONS
from autoai4eo.cli.scores import print_scores
from autoai4eo.cli.trials import Shown, print_trials
from autoai4eo.errors import SearchError, warn
from autoai4eo.text import line

ODD = ["[red]", "a[0]", "[/x]", ":smile:", "[link=x]", "ü × \x1b[31m", "\\[b]"]


def printed(*what, by=module.console.print, **how):
    """What the console writes to a file of UTF-8."""
    with contextlib.redirect_stdout(io.StringIO()) as file:
        by(*what, **how)
    return file.getvalue()


# Rich leaves spaces out where a line ends, and what has no width in a column of none
words = st.text(
    st.characters(exclude_categories=("Z", "M"), exclude_characters="\n"),
    min_size=1,
    max_size=9,
).filter(lambda text: all(map(cell_len, line(text))))


@given(st.one_of(words, st.sampled_from(ODD)))
def test_text_is_neither_markup_nor_lost(text):
    as_line = line(text)
    assert printed(text) == printed(text, style="bold") == f"{as_line}\n"
    shown = printed(text, [text], [[text]], by=module.print_table)
    assert shown.count(as_line) >= 3


numbers = st.one_of(
    st.integers(-(10**12), 10**12),
    st.floats(allow_nan=False, allow_infinity=False, width=32),
)


@settings(max_examples=50, deadline=None)
@given(
    st.integers(20, 200),
    st.integers(1, 9).flatmap(
        lambda n: st.lists(
            st.tuples(st.text("ab 住", max_size=30), *[numbers] * n),
            min_size=1,
            max_size=3,
        )
    ),
    st.booleans(),
)
def test_a_number_is_whole_or_visibly_shortened_at_any_width(width, rows, turned):
    rows = [row[::-1] if turned else row for row in rows]
    names = [f"column {i}" for i in range(len(rows[0]))]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module.console, "_width", width)
        shown = printed("", names, rows, by=module.print_table)
    assert all(cell_len(text) <= width for text in shown.splitlines())
    whole = {module._text(value) for row in rows for value in row}
    drawn = [text[1:-1] for text in shown.splitlines() if text.startswith("│")]
    for cell in (part.strip() for text in drawn for part in text.split("│")):
        if cell[:1].isdigit() or cell.startswith("-"):
            assert cell in whole or cell.endswith("…")


def test_80_columns_show_macs_to_the_last_digit():
    names = ["trial", "status", "kappa", "OA", "AA", "params", "MACs", "message"]
    row = [0, "complete", 0.61234, 0.71234, 0.81234, 123_456, 4_489_920, ""]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module.console, "_width", 80)
        assert "4,489,920" in printed("run", names, [row], by=module.print_table)
        patch.setattr(module.console, "_width", 67)
        shown = printed("run", names, [row], by=module.print_table)
    assert "4,489" not in shown and "narrow terminal: MACs" in shown


def test_a_pipe_folds_nothing():
    message = "a long reason, " * 100
    shown = printed("t" * 500, ["n", "message"], [[1, message]], by=module.print_table)
    assert message.strip() in shown and "t" * 500 in shown
    assert message.strip() in printed(message)


def test_a_table_of_text_holds_no_formula_and_the_same_numbers():
    frame = pd.DataFrame(
        {
            "=column": ["=1+1", "@a", "-2", "plain"],
            "kappa": [0.1 + 0.2, -1e-300, np.nan, -0.5],
            "params": [1, -2, 3, 2**62],
        }
    )
    text = module.as_csv(frame)
    back = pd.read_csv(io.StringIO(text))
    assert list(back["'=column"]) == ["'=1+1", "'@a", "-2", "plain"]
    pd.testing.assert_frame_equal(
        back[["kappa", "params"]], frame[["kappa", "params"]], check_exact=True
    )


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
        assert line(text) in out


def test_an_interval_of_no_width_is_no_certainty(capsys):
    """Of 15 samples that are all right, every resample is all right."""
    print_scores(scores(["water"]), "run")
    assert "no width" not in capsys.readouterr().out
    told = scores(["water"])
    told["intervals"]["accuracy"] = (1.0, 1.0)
    print_scores(told, "run")
    assert "an interval of no width says nothing" in capsys.readouterr().out


def test_classes_that_do_not_occur_are_named_once(capsys):
    """Of LCZ's 17 classes a place has few; the others' rows would say nothing."""
    told = {**scores(["water", "wood", "rock"]), "absent_classes": ["wood", "rock"]}
    told |= {"unseen_classes": ["rock"], "resampled_by": "city", "resampled_groups": 24}
    print_scores(told, "run")
    out = capsys.readouterr().out
    assert [out.count(name) for name in ("water", "wood", "rock")] == [1, 1, 1]
    assert "samples ┃" in out and "support" not in out
    assert "F1 ┃" in out and "f1" not in out
    assert "95 % intervals over 24 cities" in out


def by_city(**groups):
    """As `by_group` gives it: of each city the kappa and the accuracy."""
    figures = {
        city: {"samples": 20, "cohen_kappa": kappa, "accuracy": accuracy}
        for city, (kappa, accuracy) in groups.items()
    }
    return {
        **{"group": "city", "metric": "cohen_kappa", "least": 10, "groups": figures},
        **{"worst_group": None, "worst": None, "median": None},
    }


def test_a_kappa_that_no_group_has_is_said(capsys):
    """Each polygon has one class, so that kappa by polygon says nothing."""
    found = by_city(nara=(None, 0.9), lagos=(None, 0.25))
    print_scores({**scores(ODD), "by_group": found}, "run")
    out = capsys.readouterr().out
    assert "Cohen's kappa is not defined in any city: each has samples of one" in out
    assert "compare cities by OA, the overall accuracy" in out
    assert out.index("lagos") < out.index("nara")  # the worst first
    found = by_city(nara=(0.5, 0.9), lagos=(None, 0.25))
    print_scores({**scores(ODD), "by_group": found}, "run")
    out = capsys.readouterr().out
    assert "not defined" not in out and out.index("nara") < out.index("lagos")


def test_groups_of_tiles_are_told_as_in_the_table_of_trials(capsys):
    """Of masks every group counts, and what is counted are tiles."""
    figures = {"samples": 3, "mean_iou": 0.5, "accuracy": 0.75}
    found = {"group": "scene", "metric": "mean_iou", "least": 1}
    found |= {"groups": {"a": figures}, "worst_group": "a", "worst": 0.5, "median": 0.5}
    told = {"mean_iou": 0.5, "intervals": {}, "per_class": {"sea": {"iou": 0.5}}}
    print_scores({**told, "resampled_by": "tile", "by_group": found}, "run")
    out = capsys.readouterr().out
    assert "scene ┃ tiles ┃   mIoU ┃     OA ┃" in out and "do not count" not in out
    assert "mean intersection over union (mIoU) by scene: worst 0.500 (a)" in out
    found = by_city(nara=(0.5, 0.9)) | {"worst_group": "nara", "worst": 0.5}
    print_scores({**scores(ODD), "by_group": found | {"median": 0.5}}, "run")
    told = "groups of fewer than 10 samples, or of one class, do not count"
    assert told in capsys.readouterr().out


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


# a machine that knows nothing but ASCII, and UTF-8 that is not to be had
POOR = [
    {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
    pytest.param({"PYTHONIOENCODING": "ascii"}, marks=pytest.mark.slow),
    pytest.param({"PYTHONIOENCODING": "latin-1"}, marks=pytest.mark.slow),
]


# several commands in one process, since each takes seconds to begin
CALLS = """
import sys
from autoai4eo.cli import main
run, *others = sys.argv[1:]
for command, path in (("trials", run), ("report", run), ("trials", others[0])):
    sys.argv[1:] = [command, path]
    try:
        main()
    except SystemExit as end:
        print("ENDED", end.code)
"""


@pytest.mark.parametrize("poor", POOR, ids=lambda poor: next(iter(poor)))
def test_a_terminal_without_unicode_is_no_traceback(searched, poor):
    done = subprocess.run(
        [sys.executable, "-c", CALLS, searched, searched / "Gewässer[/x]"],
        env={**os.environ, **poor},
        capture_output=True,
        check=True,
    )
    trials, report, wrong = done.stdout.split(b"ENDED ")[:3]
    assert b"[red]" in trials and b"complete" in trials
    assert report.startswith(b"0") and b"report.html" in report
    assert wrong.startswith(b"0") and done.stdout.endswith(b"ENDED 2\n")
    assert done.stderr.count(b"\n") == 1 and b"[/x]: expected" in done.stderr
    page = (searched / "report.html").read_text(encoding="utf-8")
    assert "Gewässer" in page and "a[0]" in page


def test_messages_of_trials_are_not_markup(searched):
    from autoai4eo.runs.study import open_study, trials_table

    trials = trials_table(open_study(searched)).assign(message="a[0] is not [/closed]")
    shown = printed(trials, Shown("[red]", []), by=cli_trials.print_trials)
    assert "a[0] is not [/closed]" in shown and "[red]" in shown


def test_an_error_is_one_line_whatever_is_in_it(run, tmp_path):
    result = run("trials", tmp_path / "two\nlines[red]\x1b[31m")
    assert result.status == 2
    assert "two\\nlines[red]\\x1b[31m: expected" in result.err
    assert result.err.count("\n") == 1 and "\x1b" not in result.err


@pytest.mark.parametrize(
    ("raised", "status", "told"),
    [
        (SearchError("every trial failed"), 1, "error: every trial failed\n"),
        (
            signal.SIGTERM,
            143,
            "interrupted\n",
        ),
        (signal.SIGHUP, 129, "interrupted\n"),
    ],
    ids=["failed", "terminated", "terminal closed"],
)
def test_what_ends_a_command_is_one_line(run, monkeypatch, raised, status, told):
    def ends(*_, **__):
        if isinstance(raised, Exception):
            raise raised
        os.kill(os.getpid(), raised)

    numbers = signal.SIGTERM, signal.SIGHUP
    before = {number: signal.getsignal(number) for number in numbers}
    signal.signal(signal.SIGHUP, signal.SIG_DFL)
    monkeypatch.setattr("autoai4eo.report.page.write_report", ends)
    try:
        result = run("report", "a_run")
    finally:
        for number, action in before.items():
            signal.signal(number, action)
    assert (result.status, result.err) == (status, told)


def test_under_nohup_a_closed_terminal_ends_nothing(run, monkeypatch):
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    monkeypatch.setattr(
        "autoai4eo.report.page.write_report",
        lambda *_, **__: os.kill(os.getpid(), signal.SIGHUP),
    )
    try:
        result = run("report", "a_run")
    finally:
        signal.signal(signal.SIGHUP, before)
    assert "interrupted" not in result.err and result.status != 129


def test_old_option_names_still_work(run, tmp_path):
    """Users rely on: a script for the last release runs, and says what to change."""
    done = run(
        *("simulate", tmp_path / "none.csv", "--out", tmp_path / "o"),
        *("--choices", "a", "--maximize", "b", "--strategies=tpe"),
    )
    assert "--strategies is called --tuners now" in done.err
    assert "expected a CSV file, found none" in done.err
    assert run("map", "none", "--no-share", "a", "b").err.startswith("warning: --no-")
    done = run("fit", "none", "--stop-hopeless", "--out", tmp_path / "run")
    assert "--prune" in done.err and "o such option" not in done.err
    other = run("fit", "none", "--share", "--out", tmp_path / "run")
    assert "--dense" not in other.err and "found --share" in other.err
    assert {name for _, name in RENAMED_OPTIONS} == {
        "--strategies",
        "--share",
        "--no-share",
        "--stop-hopeless",
    }


def test_an_uncertain_latency_is_told_with_its_spread(capsys):
    latencies = {"latency_ms": [1.705, 2.5], "latency_spread_ms": [11.2, 0.1]}
    trials = pd.DataFrame({"trial": [0, 1], "status": "complete", **latencies})
    print_trials(trials, Shown("run", []))
    out = capsys.readouterr().out
    assert "│ 1.705 ± 11 │" in out and "2.5" in out and out.count("±") == 1


def test_objectives_and_cheaper_trainings_have_a_column(capsys):
    """Users rely on: they see what the search improves, and which trials compare."""
    trials = pd.DataFrame(
        {
            "trial": [0, 1],
            "status": "complete",
            "training": ["proxy", "full, of trial 0"],
            "val_loss": [2.1, 2.0],
            "cohen_kappa": [0.7, 0.8],
            "val_cohen_kappa": [0.3, 0.4],
            "size_bytes": [334_404, 11],
            "flops": [5, 6],
            "val_my_metric": [0.25, 0.5],
        }
    )
    print_trials(trials, Shown("run", ["val_loss", "size_bytes", "val_my_metric"]))
    head = capsys.readouterr().out.splitlines()[2]
    names = ["trial", "status", "training", "my_metric", "kappa", "loss", "bytes"]
    assert [cell.strip() for cell in head.strip("┃").split("┃")] == [
        name if name != "my_metric" else "val_my_metric" for name in names
    ]
    print_trials(trials.drop(columns="training"), Shown("run", []))
    head = capsys.readouterr().out.splitlines()[2]
    assert "training" not in head and "bytes" not in head


def test_a_number_with_its_spread_stands_with_the_numbers():
    rows = [[12.5, "a"], ["1.705 ± 11", "b"]]
    shown = printed("", ["ms", "name"], rows, by=module.print_table)
    assert "       12.5 │" in shown and " 1.705 ± 11 │" in shown


def test_a_command_tells_each_warning_once(run, monkeypatch):
    """Python forgets which were told, whenever its filters change."""
    import warnings

    def warns(*_):
        for number in (1, 2, 1):
            warn(f"mask {number} is odd")
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")

    monkeypatch.setattr("autoai4eo.report.page.write_report", warns)
    told = run("report", "RUN").err.splitlines()
    assert told[:2] == ["warning: mask 1 is odd", "warning: mask 2 is odd"]
    assert sum("is odd" in line for line in told) == 2


def test_warnings_are_shown_also_where_tensorflow_is_hidden(monkeypatch, capfd):
    """Users rely on: a warning is on standard error, whatever the command hides."""
    with warnings.catch_warnings():
        warnings.simplefilter("default")
        monkeypatch.setattr(
            warnings, "showwarning", lambda message, *_: print(message, file=sys.stderr)
        )
        with module.hushed():
            os.write(2, b"noise")
            warn("files of another network")
    told = capfd.readouterr().err
    assert "files of another network" in told and "noise" not in told
