"""A training's state that cannot be read."""

import pytest

from autoai4eo.errors import UserError
from autoai4eo.search.checkpoint import epochs


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 cut off"])
def test_a_damaged_state_is_named_with_its_cure(tmp_path, content):
    assert epochs(tmp_path / "state.npz") == 0
    (tmp_path / "state.npz").write_bytes(content)
    with pytest.raises(UserError, match=r"state\.npz: .*remove it: the training then"):
        epochs(tmp_path / "state.npz")
