"""``autoai4eo compact search`` and ``table``, as the documentation says."""

import json

import numpy as np
import pandas as pd
import pytest
import small

TINY = (
    *("--channels", 4, "--blocks", 1, "--depth", 1, "--max-depth", 2),
    *("--search-epochs", 1, "--search-batch-size", 8, "--epochs", 1),
)


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    folder = tmp_path_factory.mktemp("compact")
    for seed, name in enumerate(("training", "validation", "testing")):
        small.write(folder / f"{name}.h5", 48 + seed, seed)
    return folder


@pytest.mark.usefixtures("in_process")
@pytest.mark.filterwarnings("ignore")
def test_a_search_is_a_run(run, data, tmp_path):
    out = tmp_path / "RUN"
    given = ("compact", "search", data / "training.h5", "--out", out, "--no-references")
    given = (*given, "--val", data / "validation.h5", *TINY)
    done = run(*given)
    assert done.status == 0, done.err
    assert "compact search: epoch 1 of 1" in done.out
    assert "expected" in done.out and "M FLOPs" in done.out
    found = json.loads((out / "compact.json").read_text())["architecture"]
    assert len(found["genotype"]) == 4 and len(found["depths"]) == 1
    scores = json.loads(run("evaluate", out, data / "testing.h5", "--json").out)
    assert 0 <= scores["accuracy"] <= 1
    again = run(*given)
    assert again.status == 0, again.err
    assert "over already" in again.out
    other = run(*given, "--seed", 1)
    assert other.status == 2 and "found --seed 1 in place of 0" in other.err


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_the_scores_of_a_test_part_are_kept(run, data, tmp_path):
    given = ("--split", "0.7/0.2/0.1", "--allow-overlap", "--out", tmp_path / "RUN")
    source = data / "training.h5"
    done = run("compact", "search", source, *given, *TINY, "--no-references")
    assert done.status == 0, done.err
    assert (tmp_path / "RUN" / "best" / "test.json").is_file()


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_a_table_has_a_row_for_each_method(run, data, tmp_path):
    out = tmp_path / "TABLE"
    methods = ("--methods", "resnet-8,s+c+d", "--seeds", 2)
    done = run("compact", "table", data, "--out", out, *methods, *TINY)
    assert done.status == 0, done.err
    table = pd.read_csv(out / "table.csv")
    assert list(table.columns) == [
        *("method", "seeds", "accuracy", "accuracy_std", "average_accuracy"),
        *("average_accuracy_std", "cohen_kappa", "cohen_kappa_std", "params", "macs"),
        *("depths", "search_seconds", "train_seconds"),
    ]
    assert list(table["method"]) == ["resnet-8", "s+c+d"]
    assert list(table["seeds"]) == [2, 2]
    assert "| resnet-8 | 2 |" in (out / "table.md").read_text()
    assert (out / "confusion.png").stat().st_size > 5000
    assert "s+c+d seed 0   compact search: epoch 1 of 1" in done.out
    assert "resnet-8 seed 1   trains 1 epoch" in done.out
    (out / "s+c+d-1" / "result.json").unlink()
    again = run("compact", "table", data, "--out", out, *methods, *TINY)
    assert "3 of 4 trainings are done" in again.out
    pd.testing.assert_frame_equal(
        pd.read_csv(out / "table.csv").drop(columns="train_seconds"),
        table.drop(columns="train_seconds"),
    )
    other = run("compact", "table", data, "--out", out, *methods, *TINY, "--epochs", 2)
    assert other.status == 2 and "choose another --out" in other.err


def test_mistakes_are_told_in_a_line(run, data, tmp_path):
    out = ("--out", tmp_path / "x")
    search = ("compact", "search", data / "training.h5", *out)
    table = ("compact", "table")
    for given, expected in (
        ((*search, *TINY, "--max-depth", 0), "--max-depth: expected 1 or more, got 0"),
        ((*search, *TINY, "--method", "c"), "--method: expected one of s, s+c"),
        ((*search, "--depth", 4, "--max-depth", 3), "--depth: expected at most"),
        ((*search, "--search-epochs", 0), "--search-epochs: expected 1 or more"),
        ((*search, *TINY, "--temperature", "1"), "--temperature: expected two numbers"),
        ((*search, "--method", "s"), "2 batches of 64 samples or more in each half"),
        ((*search, "--val", "v", "--split", "0.8/0.2"), "--val or --split, got both"),
        (
            (*table, data, *out, "--methods", "vgg"),
            "methods: expected some of",
        ),
        ((*table, data / "training.h5", *out), "--test: expected the test data"),
        ((*table, data, *out, "--distribution", "d3"), "expected d1 or d2"),
        ((*table, tmp_path / "no", *out, "--distribution", "d2"), "no"),
    ):
        done = run(*given)
        assert done.status == 2, (given, done)
        assert expected in done.err
        assert len(done.err.strip().splitlines()) == 1, done.err


@pytest.fixture
def known(data, tmp_path):
    """A table whose one training is done, without a training."""
    from autoai4eo.compact.job import TableSettings, asked_of
    from autoai4eo.compact.settings import CompactSettings
    from autoai4eo.data.readers.opening import open_dataset

    training, testing = (
        open_dataset(data / f"{name}.h5") for name in ("training", "testing")
    )
    settings = TableSettings(("resnet-8",), 1, 1, search=CompactSettings(epochs=1))
    classes = len(testing.target.classes)
    folder = tmp_path / "TABLE" / "resnet-8-0"
    folder.mkdir(parents=True)
    np.savez(folder / "outputs.npz", output=np.eye(classes)[testing.labels])
    result = {
        "method": "resnet-8",
        "seed": 0,
        "asked": asked_of(training, testing, settings),
        **dict.fromkeys(("accuracy", "average_accuracy", "cohen_kappa"), 1.0),
        "confusion_matrix": np.eye(classes, dtype=int).tolist(),
        **{"params": 1000, "macs": 5000, "depths": None},
        **{"search_seconds": None, "train_seconds": 1.5},
    }
    (folder / "result.json").write_text(json.dumps(result))
    given = ("compact", "table", data, "--out", tmp_path / "TABLE", "--seeds", 1)
    return (
        *given,
        "--methods",
        "resnet-8",
        "--epochs",
        1,
        "--search-epochs",
        1,
    ), result


def test_a_table_that_is_done_trains_nothing(run, known, tmp_path):
    given, _ = known
    done = run(*given)
    assert done.status == 0, done.err
    assert "1 of 1 trainings are done" in done.out
    # a residual network does not depend on the search
    other = run(*given, "--search-epochs", 2)
    assert "1 of 1 trainings are done" in other.out
    assert "validation" not in run(*given, "--distribution", "d2").out
    differences = pd.read_csv(tmp_path / "TABLE" / "differences.csv")
    assert differences.empty  # none beside the one that is compared with


def test_a_storage_that_cannot_be_used_is_told_in_a_line(run, known, tmp_path):
    given, _ = known
    shared = f"sqlite:///{tmp_path}/shared.db"
    for storage, expected in (
        ("mysql://me@server/searches", "expected a URL like sqlite:///FILE"),
        ("postgresql://me@127.0.0.1:1/searches", "start the server or correct the URL"),
    ):
        done = run(*given, "--storage", storage)
        assert done.status == 2 and expected in done.err
        assert len(done.err.strip().splitlines()) == 1
    assert "1 of 1" in run(*given, "--storage", shared).out
    done = run(*given)
    assert done.status == 2 and f"expected --storage {shared}" in done.err
    assert len(done.err.strip().splitlines()) == 1


@pytest.mark.slow  # processes that import Keras
@pytest.mark.filterwarnings("ignore")
def test_a_table_of_the_former_form_goes_on(run, known, tmp_path):
    given, _ = known
    assert not (tmp_path / "TABLE" / "study.db").exists()
    done = run(*given, "--seeds", 2)
    assert done.status == 0, done.err
    assert "1 of 2 trainings are done" in done.out
    assert "resnet-8 seed 1   trains" in done.out and "seed 0 " not in done.out
    table = pd.read_csv(tmp_path / "TABLE" / "table.csv")
    assert list(table["seeds"]) == [2]


@pytest.mark.parametrize(
    "change",
    [
        {"accuracy": None},
        {"accuracy": "x"},
        {"asked": []},
        {"depths": 5},
        {"method": "s", "seed": 7},
    ],
)
def test_a_damaged_result_is_told_in_a_line(run, known, tmp_path, change):
    given, result = known
    path = tmp_path / "TABLE" / "resnet-8-0" / "result.json"
    path.write_text(json.dumps(result | change))
    done = run(*given)
    assert done.status == 2, done
    assert "remove it to train again" in done.err
    assert len(done.err.strip().splitlines()) == 1


def test_the_run_of_another_search_is_not_touched(run, data, tmp_path):
    folder = tmp_path / "RUN"
    folder.mkdir()
    (folder / "run.json").write_text(json.dumps({"arguments": {}, "data": {}}))
    given = ("--val", data / "validation.h5", "--out", folder, *TINY)
    done = run("compact", "search", data / "training.h5", *given)
    assert done.status == 2 and "found another run" in done.err
    assert not (folder / "compact.json").exists()


@pytest.mark.parametrize("group", ["compact", "device"])
def test_a_group_of_commands_shows_its_help(run, group):
    done = run(group)
    assert done.status == 0 and not done.err
    assert "Commands:" in done.out
