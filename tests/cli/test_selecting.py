"""``select``: another network of a run becomes its finalist."""

import json

import pytest
import small


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A finished run of two trials, over a block of the tests."""
    place = tmp_path_factory.mktemp("select")
    file = small.write(place / "data.h5")
    with small.in_this_process():
        model = small.model(place, objective=["val_cohen_kappa", "params"])
        model.fit(file, epochs=1, verbose=0)
    return model.run


def finalist(folder):
    return json.loads((folder / "best" / "evaluation.json").read_text())["trial"]


def test_the_finalist_is_left_alone(run, folder):
    file = folder / "best" / "model.keras"
    before, number = file.stat().st_mtime_ns, finalist(folder)
    told = run("select", folder, "--trial", number)
    assert told.status == 0
    assert f"trial {number} is the finalist already; nothing was changed" in told.out
    assert f"finalist: {file} (trial {number})" in told.out.replace("\n", "")
    assert f"autoai4eo evaluate {folder} DATA" in told.out.replace("\n", "")
    assert file.stat().st_mtime_ns == before


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--max", "params=1"], "expected a trial within params 1, found none of"),
        (["--max", "params"], "--max: expected NAME=LIMIT"),
        (["--max", "params=9", "--max", "params=1"], "expected params once, got it"),
        (["--max", "beauty=1"], "expected a limit of params"),
        (["--trial", "99"], "expected a complete trial, found trial 99 to be missing"),
        (["--trial", "best"], "expected the number of a trial"),
        (["--trial", "ensemble-3"], "expected the ensemble 3"),
        (["--knee", "--one-se"], "expected one of --trial, --knee and --one-se"),
        (["--trial", "1", "--max", "params=9"], "expected one of --trial"),
    ],
)
def test_a_choice_that_cannot_be_made_is_one_line(run, folder, options, message):
    before = finalist(folder)
    told = run("select", folder, *options)
    assert told.status == 2 and message in told.err
    assert len(told.err.strip().splitlines()) == 1
    assert finalist(folder) == before


def test_a_run_over_blocks_of_ones_own_says_what_to_do(run, folder):
    other = 1 - finalist(folder)
    told = run("select", folder, "--trial", other)
    assert told.status == 2
    assert "give an AutoModel its blocks, and call fit with the same" in told.err
