"""What a search says where there is no terminal."""

import io
import os
import pty
import re
import subprocess
import sys
import textwrap
import time

import pytest

from autoai4eo import log
from autoai4eo.learning.objectives import Objective
from autoai4eo.log import say, tracked
from autoai4eo.search.workers import view

KAPPA = Objective("val_cohen_kappa", "max")


def test_a_line_has_its_time_and_needs_no_unicode(monkeypatch):
    ascii_only = io.TextIOWrapper(io.BytesIO(), "ascii")
    monkeypatch.setattr(sys, "stdout", ascii_only)
    before = time.strftime("%Y-%m-%d %H:%M")
    say("Gewässer [red] :smile:\n2")
    written = ascii_only.buffer.getvalue().decode()  # at once: nobody closed it
    assert written.endswith("   Gew\\xe4sser [red] :smile:\\n2\n")
    assert before <= written[:16] <= time.strftime("%Y-%m-%d %H:%M")


@pytest.fixture
def shown(monkeypatch, capsys):
    """What a view writes, line by line, without the time."""
    clock = [0.0]
    monkeypatch.setattr(view.time, "monotonic", lambda: clock[0])

    def pass_(seconds):
        clock[0] += seconds

    def lines():
        return [line[22:] for line in capsys.readouterr().out.splitlines()]

    return pass_, lines


def test_what_ends_is_told_at_once_and_what_goes_on_once_a_minute(shown):
    pass_, lines = shown
    with view.View(1, (KAPPA,), KAPPA) as seen:
        seen.told(1, {"doing": "trial 0   in epoch 1/9"})
        seen.go_on()
        assert lines() == []
        pass_(61)
        seen.go_on()
        assert lines() == ["trial 0   in epoch 1/9"]
        seen.told(1, {"best": 0.5})
        seen.told(1, {"done": "trial 0   complete"})
        assert lines() == ["trial 0   complete"]
        seen.told(1, {"doing": "trial 1   epoch 3/9"})
        seen.told(2, {"doing": "trial 2   epoch 1/9"})
        pass_(59)
        seen.go_on()
        assert lines() == []
        pass_(2)
        seen.go_on()
        seen.go_on()
        best = "best val_cohen_kappa so far 0.500"
        assert lines() == [
            f"worker 1   trial 1   epoch 3/9   {best}",
            f"worker 2   trial 2   epoch 1/9   {best}",
        ]


def test_every_epoch_is_told_if_asked(shown):
    _, lines = shown
    with view.View(2, (KAPPA,), KAPPA) as seen:
        seen.told(1, {"doing": "trial 0   epoch 1/9"})
        seen.told(1, {"batch": True})
        seen.told(2, {"doing": "trial 1   epoch 1/9"})
        seen.told(1, {"done": "trial 0   complete"})
    assert lines() == [
        "trial 0   epoch 1/9",
        "worker 2   trial 1   epoch 1/9",
        "trial 0   complete",
    ]


def test_quiet_is_quiet(shown):
    pass_, lines = shown
    with view.View(0, (KAPPA,), KAPPA) as seen:
        seen.told(1, {"doing": "trial 0", "done": "trial 0   complete"})
        pass_(100)
        seen.go_on()
    assert lines() == []


def test_what_takes_long_is_told_again(monkeypatch):
    """Users rely on: a job's log shows that it is alive while it reads a large file."""
    monkeypatch.setattr(log, "EVERY_S", 0.05)
    told = []
    with log.told_while(told.append, "opening a.h5"):
        assert told == ["opening a.h5"]  # at once
        time.sleep(0.4)
    assert len(told) >= 3
    assert all(re.fullmatch(r"opening a\.h5   for \d s so far", t) for t in told[1:])
    count = len(told)
    time.sleep(0.2)
    assert len(told) == count  # and no more when it is done
    monkeypatch.setattr(log, "EVERY_S", 60)
    with log.told_while(told.append, "reading b.h5", after=0.02):
        assert len(told) == count  # what is over soon is not told
        time.sleep(0.2)
    assert told[count:] == ["reading b.h5"]


SCRIPT = """
    from autoai4eo.learning.objectives import Objective
    from autoai4eo.search.workers.view import View

    kappa = Objective("val_cohen_kappa", "max")
    with View(VERBOSE, (kappa,), kappa) as view:
        view.told(1, {"doing": "in epoch 1/9"})
        view.told(1, {"done": "a[0] [red]:smile:"})
"""


def in_a_process(verbose=1, **environment):
    script = textwrap.dedent(SCRIPT).replace("VERBOSE", str(verbose))
    return [sys.executable, "-c", script], {
        **os.environ,
        **environment,
    }


def test_a_file_gets_no_control_characters_though_colours_are_forced():
    command, environment = in_a_process(FORCE_COLOR="1", TTY_COMPATIBLE="1")
    done = subprocess.run(
        command, env=environment, capture_output=True, text=True, check=True
    )
    assert done.stdout[22:] == "a[0] [red]:smile:\n" and done.stderr == ""


def on_a_terminal(**environment):
    ours, theirs = pty.openpty()
    command, environment = in_a_process(**environment)
    process = subprocess.Popen(
        command, env=environment, stdin=theirs, stdout=theirs, stderr=theirs
    )
    os.close(theirs)
    written = b""
    while True:
        try:
            part = os.read(ours, 4096)
        except OSError:  # it is closed
            break
        written += part
    os.close(ours)
    assert process.wait() == 0
    return written.decode()


def test_a_terminal_shows_it_live_with_texts_as_they_are():
    written = on_a_terminal(TERM="xterm")
    assert "a[0] [red]:smile:" in written
    assert "in epoch 1/9" in written and "\x1b[" in written


def test_a_terminal_gets_every_epoch_in_lines_if_asked():
    """Users rely on: --verbose log is the same log in tmux as in a batch job."""
    written = on_a_terminal(verbose=2, TERM="xterm-256color")
    assert "\x1b" not in written
    told = [line[22:] for line in written.splitlines()]
    assert told == ["in epoch 1/9", "a[0] [red]:smile:"]


def test_a_terminal_that_cannot_show_it_gets_the_log():
    written = on_a_terminal(TERM="dumb")
    assert written[22:] == "a[0] [red]:smile:\r\n"


TELLS = """
import os, sys
from autoai4eo.log import log, open_streams
open_streams()
for number in range(3):
    os.fstat(number)
assert os.open(os.devnull, os.O_RDONLY) > 2
say = log(1)
for i in range(20_000):
    say(f"trial {i}")
open(sys.argv[1], "w").write("went on")
"""


@pytest.mark.parametrize("end", [">&-", "2>&-", ">&- 2>&- <&-", "| head -n 1"])
def test_a_search_goes_on_where_nobody_reads(tmp_path, end):
    done = subprocess.run(
        ["sh", "-c", f'"$@" {end}', "sh", sys.executable, "-c", TELLS, tmp_path / "x"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert (tmp_path / "x").read_text() == "went on"
    assert done.stderr == ""


def test_a_file_gets_no_empty_line_of_a_bar(capfd):
    assert list(tracked([1, 2], "mapping", 2, verbose=1)) == [1, 2]
    assert capfd.readouterr() == ("", "")
