"""States of trainings that are damaged, or of another training."""

import json

import numpy as np
import pytest

from autoai4eo.errors import UserError
from autoai4eo.learning.checkpoint_file import check, epochs

OF = {"run": "a", "candidate": 3, "fingerprint": "x"}


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 cut off", bytes(100)])
def test_a_damaged_state_is_reported_and_not_used(tmp_path, content):
    path = tmp_path / "state.npz"
    assert epochs(path) == 0
    path.write_bytes(content)
    assert epochs(path) == 0
    with pytest.raises(UserError, match=r"state\.npz: .*the training begins anew"):
        check(path, OF)


def test_a_state_is_of_one_training(tmp_path):
    path = tmp_path / "state.npz"
    np.savez(path, story=np.array(json.dumps({"epochs": 2, "of": OF})))
    check(path, OF)
    assert epochs(path) == 2
    for other in ({"run": "b"}, {"candidate": 4}, {"fingerprint": "y"}):
        with pytest.raises(UserError, match=f"it is that of {next(iter(other))}"):
            check(path, {**OF, **other})


def test_a_state_of_an_earlier_version_is_accepted(tmp_path):
    np.savez(tmp_path / "state.npz", story=np.array(json.dumps({"epochs": 2})))
    check(tmp_path / "state.npz", OF)
