"""What a search tells of itself in Python: short tables, names, one line."""

import pytest
import small

from autoai4eo.errors import UserError
from autoai4eo.tasks.search_record import SearchRecord


@pytest.fixture(scope="module")
def model(tmp_path_factory, in_process):
    model = small.model(tmp_path_factory.mktemp("search"))
    data = {"validation_data": small.dataset(seed=1), "epochs": 1, "verbose": 0}
    model.fit(small.dataset(), **data)
    return model


def test_the_table_is_short_unless_all_is_asked_for(model):
    brief, whole = model.trials(), model.trials(all=True)
    assert brief.equals(whole[brief.columns])
    assert list(brief)[:3] == ["trial", "status", "val_cohen_kappa"]
    assert {"params", "macs", "latency_ms", "message"} <= {*brief}
    assert "tiny_block_1/width" not in brief and "tiny_block_1/width" in whole
    assert len(brief.columns) <= 12
    front = model.pareto_front()
    assert list(front) == list(brief)
    assert front.equals(model.pareto_front(all=True)[front.columns])


def test_classes_are_those_of_the_training_data(model):
    assert model.class_names == small.dataset().class_names
    with pytest.raises(UserError, match=r"expected a run folder"):
        _ = SearchRecord(model.directory, "none").class_names


def test_one_line_tells_the_state(model):
    best = int(model.pareto_front()["trial"][0])
    told = repr(model)
    assert told.startswith(f"WithoutReferences({model.run}: finished, 2 complete; ")
    assert told.endswith(f"(trial {best}); finalist trial {best})")
    assert repr(small.model(model.directory / "x")).endswith("run: no search yet)")


def test_data_and_costs_tell_what_they_are(model):
    assert repr(small.dataset()) == (
        "Dataset(arrays: 48 samples; 3 classes; sen2 8×8 pixels, 4 bands "
        "(band1 band2 band3 band4))"
    )
