"""The validation data of a run, opened again."""

import numpy as np
import pytest
import small

from autoai4eo.data.splits import split
from autoai4eo.errors import UserError
from autoai4eo.tasks.recorded_data import validation_data

DATA = small.dataset()


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    with small.in_this_process():
        model = small.model(tmp_path_factory.mktemp("run"), max_trials=1, seed=3)
        model.fit(DATA, epochs=1, verbose=0)  # splits a fifth off
    return model.run


def test_what_fit_split_off_by_default_is_found_without_being_told(run):
    found = validation_data(run, DATA)
    expected = split(DATA, (0.8, 0.2), seed=3)[1]
    assert len(found) == len(expected) < len(DATA)
    np.testing.assert_array_equal(found.labels, expected.labels)
    assert found.fingerprint() == expected.fingerprint()


def test_the_part_itself_is_taken_as_it_is(run):
    part = split(DATA, (0.8, 0.2), seed=3)[1]
    assert validation_data(run, part).fingerprint() == part.fingerprint()


def test_another_split_is_refused(run):
    with pytest.raises(UserError, match="give validation_data, or call fit"):
        validation_data(run, DATA, shares=(0.5, 0.5))
    with pytest.raises(UserError, match="found others"):
        validation_data(run, small.dataset(seed=7))
    with pytest.raises(UserError, match="the group spatial_block, found no group"):
        validation_data(run, DATA, shares=(0.8, 0.2), block_km=5)
