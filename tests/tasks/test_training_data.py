"""Windows of one scene in training and validation data."""

import numpy as np
import pytest
import small

import autoai4eo as ae
from autoai4eo.data.splits import split
from autoai4eo.errors import UserError


def windows(stride):
    """Patches (N, 16, 16, 4) of one scene each `stride` pixels."""
    scene = np.random.default_rng(0).random((96, 96, 4)).astype("float32")
    places = range(0, 81, stride)
    found = np.stack([scene[i : i + 16, j : j + 16] for i in places for j in places])
    return ae.open_dataset({"sen2": found}, labels=np.arange(len(found)) % 3)


def test_a_random_split_of_windows_that_overlap_is_refused(tmp_path):
    with pytest.raises(UserError, match=r"without common ground, found \d+ of \d+"):
        small.model(tmp_path).fit(windows(8), epochs=1, verbose=0)
    assert not (tmp_path / "run").exists()


def test_windows_side_by_side_are_divided(tmp_path):
    with pytest.raises(UserError, match="epochs"):  # what is looked at next
        small.model(tmp_path).fit(windows(16), epochs=0, verbose=0)


def test_validation_data_with_ground_of_the_training_data_are_told(tmp_path):
    training, validation = split(windows(8), (0.8, 0.2))
    with (
        small.in_this_process(),
        pytest.warns(UserWarning, match=r"validation data: \d+ patches share ground"),
    ):
        small.model(tmp_path, max_trials=1).fit(
            training, validation_data=validation, epochs=1, verbose=0
        )
