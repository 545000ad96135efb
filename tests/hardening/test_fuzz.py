"""A sample of what `benchmarks/fuzz.py` does for an hour, and that it finds faults."""

import gc
import json
import os
import time
from pathlib import Path

import pytest

from autoai4eo.errors import UserError

BENCHMARKS = Path(__file__).resolve().parents[2] / "benchmarks"


@pytest.fixture
def fuzzing(tmp_path, monkeypatch):
    """Fuzzing that gives up an input after 20 s."""
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    import fuzz

    made = fuzz.Fuzzing(tmp_path / "found", tmp_path / "work", limit=20)
    made.write_seeds(["readers"])
    with made.child:
        yield made


def tried(fuzzing, part, inputs):
    """How many inputs ended how."""
    fuzzing.run(part, time.monotonic() + 60, seed=0, inputs=inputs)
    for path in fuzzing.out.glob("*/traceback.txt"):
        print(path.read_text())
    return {end: n for (_, end), n in fuzzing.counts.items()}


def test_damaged_data_end_in_one_line_of_ours(fuzzing):
    """Users rely on: whatever a file holds, they read what is wrong with it."""
    ends = tried(fuzzing, "readers", 40)
    assert not fuzzing.found
    assert ends["refused"] > 5 and ends["well"] > 1


def test_garbage_of_the_parent_is_not_freed_in_the_child(fuzzing, monkeypatch):
    """Developers rely on: networks that other tests left do not end the fuzzing."""
    from autoai4eo.data.readers import arrays, opening

    class Left:
        def __del__(self):
            if os.getpid() != parent:
                os.abort()

    def collect(*_):
        gc.collect()
        raise UserError("expected a, found b; do c")

    parent = os.getpid()
    monkeypatch.setattr(
        opening, "READERS", [opening.Form("a .npz file", arrays.accepts, collect)]
    )
    left = Left()
    left.itself = left
    gc.disable()
    try:
        del left
        arrays_folder = fuzzing.work / "seeds" / "arrays"
        verdict = fuzzing.child.run(arrays_folder, ["read", "numbers.npz"])
    finally:
        gc.enable()
    assert verdict.end == "refused", verdict


def test_odd_arguments_end_in_one_line_of_ours(fuzzing, monkeypatch):
    """Users rely on: a mistake in a call is told in a line, never by a traceback."""
    from fuzzing import parts, seeds

    every = fuzzing.work / "seeds" / "all"
    for name in ("h5", "arrays"):
        seeds.copy(fuzzing.work / "seeds" / name, every / name)
    seeds.write_traps(every / "traps")
    # those that need no TensorFlow
    light = {name: parts.commands()[name] for name in ("inspect", "trials", "pareto")}
    monkeypatch.setattr(parts, "commands", lambda: light)
    ends = tried(fuzzing, "commands", 20)
    assert not fuzzing.found
    assert ends["refused"] > 5


@pytest.mark.parametrize(
    ("fault", "told"),
    [
        (lambda *_: {}["planted"], "KeyError"),
        (lambda *_: os.abort(), "crash"),
        (lambda *_: time.sleep(60), "hang"),
        (lambda *_: bytearray(2**40), "MemoryError"),
    ],
    ids=["exception", "crash", "hang", "memory"],
)
def test_a_planted_fault_is_found_once_and_kept(fuzzing, monkeypatch, fault, told):
    """Developers rely on: the fuzzing sees faults, and goes on after each."""
    from fuzzing import parts

    from autoai4eo.data.readers import arrays, opening

    monkeypatch.setattr(
        opening, "READERS", [opening.Form("a .npz file", arrays.accepts, fault)]
    )
    monkeypatch.setattr(
        parts, "CALLS", {"readers": {"arrays": [["read", "numbers.npz"]]}}
    )
    fuzzing.child.limit = 0.5
    tried(fuzzing, "readers", 3)
    assert [key.split(" at ")[0] for _, key in fuzzing.found] == [told]
    assert fuzzing.found.total() == 3
    [folder] = fuzzing.out.iterdir()
    assert (folder / "files" / "numbers.npz").exists()
    assert json.loads((folder / "input.json").read_text())["call"][0] == "read"
    assert "opening.py" in (folder / "traceback.txt").read_text()


@pytest.mark.parametrize(
    ("status", "printed", "end"),
    [
        (2, "error: expected a, found b; do c\n", "refused"),
        (2, "warning: d\nerror: expected a, found b; do c\n", "refused"),
        (1, "Traceback (most recent call last):\n  File x\nKeyError: 1\n", "finding"),
        (1, "error: internal error, see /nowhere/x.txt\n", "finding"),
        (2, "error: one\nand another line\n", "finding"),
        (2, "", "finding"),
        (3, "error: expected a, found b; do c\n", "finding"),
    ],
)
def test_a_command_that_fails_must_say_why_in_one_line(fuzzing, status, printed, end):
    """Users rely on: exit status 1 or 2 comes with one line that helps."""
    from fuzzing.child import judged

    assert judged(status, printed).end == end
