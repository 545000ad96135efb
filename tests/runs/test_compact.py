"""The record of a compact search, in a run's folder before there is a run."""

import json

import numpy as np
import pytest
import small
from compact_records import record
from runs import run_folder

from autoai4eo.errors import DamagedError, MissingError
from autoai4eo.runs.folder import Run
from autoai4eo.runs.soundness import findings
from autoai4eo.runs.study import open_study


@pytest.fixture
def begun(tmp_path):
    """A folder in which a compact search was interrupted."""
    run = Run(tmp_path / "run")
    run.write_compact(record(epochs=3, over=False))
    np.savez(run.compact_checkpoint, story=np.array("{}"))
    return run


def test_it_is_read_as_written_also_when_the_folder_has_become_a_run(tmp_path):
    """Users rely on: the search that found a network stays beside it."""
    run = Run(tmp_path / "run")
    assert run.read_compact() == {}
    run.write_compact(record())
    assert run.read_compact() == {"schema": 1, "run": None, **record()}
    (run.path / "run.json").write_bytes(
        (run_folder(tmp_path / "other") / "run.json").read_bytes()
    )
    _mark(run, "a mark")
    assert run.read_compact()["run"] is None
    run.write_compact(record())
    assert run.read_compact()["run"] == "a mark"


def test_that_of_another_run_is_refused(tmp_path):
    run = Run(run_folder(tmp_path / "run"))
    _mark(run, "another mark")
    run.write_compact(record())
    _mark(run, "a mark")
    with pytest.raises(DamagedError, match=r"a file of this run.*; restore it"):
        run.read_compact()


def _mark(run, mark):
    known = json.loads(run.json.read_text())
    run.json.write_text(json.dumps({**known, "id": mark}))


def _without(name, of=None):
    def change(known):
        del (known if of is None else known[of])[name]

    return change


def _of_epoch(name, value):
    def change(known):
        known["epochs"][1][name] = value

    return change


def _edge(operation, before):
    nodes = record()["epochs"][1]["genotype"]
    return _of_epoch("genotype", [*nodes[:3], [[operation, before], ["none", 1]]])


@pytest.mark.parametrize(
    ("change", "found"),
    [
        (_without("settings"), "no settings in it"),
        (_without("constant", "settings"), "no constant in settings"),
        (_without("epochs"), "no epochs in it"),
        (_without("fingerprint", "data"), "no fingerprint in data"),
        (_without("channels", "architecture"), "no channels in architecture"),
        (_of_epoch("expected_cost", None), "expected_cost is NoneType"),
        (_of_epoch("depths", [3, 0, 3]), "expected a number from 1 for each block"),
        (_of_epoch("depths", []), "expected a number from 1 for each block"),
        (_of_epoch("genotype", []), "genotype: expected one node or more"),
        (_of_epoch("genotype", [[1, 2]]), "genotype: expected a list of nodes"),
        (_edge("conv_7x7", 0), "found 'conv_7x7' in node 5"),
        (_edge("none", 5), "expected a predecessor from 0 to 4 for node 5, found 5"),
        (_edge("none", -1), "expected a predecessor from 0 to 4"),
        (_edge("none", 1), "expected different predecessors for node 5"),
        (_edge("none", float("inf")), "genotype: expected a list of nodes"),
        (_edge("none", float("nan")), "genotype: expected a list of nodes"),
    ],
)
def test_what_is_no_record_is_a_line_with_a_cure(begun, change, found):
    known = record()
    change(known)
    begun.write_compact(known)
    with pytest.raises(DamagedError) as error:
        begun.read_compact()
    told = str(error.value)
    assert told.startswith(f"{begun.compact}: ") and found in told
    assert told.endswith(
        "search again in another folder with `autoai4eo compact search`"
    )
    assert len(told) < 450


@pytest.mark.parametrize("content", ["", "{", "[]", "\0" * 20])
def test_a_damaged_file_is_a_line_with_a_cure(begun, content):
    begun.compact.write_text(content)
    with pytest.raises(
        DamagedError, match=r"compact\.json: expected JSON.*in another folder"
    ):
        begun.read_compact()
    # also where it explains why there is no run
    with pytest.raises(
        DamagedError, match=r"compact\.json: expected JSON.*in another folder"
    ):
        begun.read()


@pytest.mark.parametrize("read", [Run.read, lambda run: open_study(run.path)])
def test_a_search_that_is_not_over_is_told_from_no_search(begun, read):
    """Users rely on: `report` and `trials` say what to do."""
    with pytest.raises(MissingError) as error:
        read(begun)
    assert str(error.value).endswith(
        "in it, found a compact search that is not over (3 of 4 epochs); rerun its "
        "command to resume it"
    )
    begun.write_compact(record())
    with pytest.raises(MissingError, match="whose network is not trained yet; rerun"):
        read(begun)
    begun.compact.unlink()
    with pytest.raises(MissingError, match="found none; `autoai4eo fit"):
        read(begun)


def test_a_run_that_lost_its_study_is_not_taken_for_a_search(tmp_path):
    run = Run(run_folder(tmp_path / "run", study=False))
    run.write_compact(record(over=False))
    with pytest.raises(MissingError, match=r"with study\.db in it, found none"):
        open_study(run.path)


def test_a_damaged_record_is_found_and_does_not_stop_a_search(tmp_path):
    run = Run(run_folder(tmp_path / "run"))
    run.write_compact(record())
    before = findings(run.path)  # there is no network in it
    run.compact.write_text("{")
    (found,) = (one for one in findings(run.path) if one not in before)
    assert found.path == run.compact and found.can_go
    assert found.remedy == "continues without it"


def test_fit_takes_the_folder_of_a_compact_search(begun):
    """Users rely on: the network is trained where it was searched."""
    begun.write_compact(record())
    before = begun.compact.read_bytes()
    model = small.model(begun.path.parent, max_trials=1)
    data = small.dataset()
    with small.in_this_process():
        model.fit(data, validation_data=small.dataset(seed=1), epochs=1, verbose=0)
    assert begun.exists and begun.network.is_file()
    assert begun.compact.read_bytes() == before and begun.compact_checkpoint.is_file()
    assert findings(begun.path) == []
