"""Names of inputs that every format of an exported model can hold."""

import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import autoai4eo as ae
from autoai4eo.data.input_names import RESERVED, input_names, inputs_needed
from autoai4eo.data.readers.opening import open_dataset
from autoai4eo.errors import UserError

PIXELS = np.zeros((6, 4, 4, 2), np.float32)
LABELS = np.arange(6) % 2


def test_where_an_input_is_needed_there_is_none_to_choose():
    """A network of radar and reflectance, evaluated on data of one of them."""
    data = open_dataset({"sen2": PIXELS}, labels=LABELS)
    for choose in (
        lambda: data.select(["sen1", "sen2"]),
        lambda: data.select_bands({"sen1": ["VV"], "sen2": ["B02"]}),
    ):
        needed = "the network, sen1 and sen2, found sen2; give data that have both"
        with (
            pytest.raises(UserError, match=needed),
            inputs_needed(["sen1", "sen2"], "the network"),
        ):
            choose()
    with (
        pytest.raises(
            UserError, match="found sen2; scenes need masks; or give data that"
        ),
        inputs_needed(["sen1", "sen2"], "the network", "scenes need --masks; or "),
    ):
        data.select(["sen1", "sen2"])
    with (  # that the caller chose by name
        pytest.raises(UserError, match="called sen3, found sen2; choose among"),
        inputs_needed(["sen2"], "the network"),
    ):
        data.select(["sen3"])


@given(st.lists(st.text(max_size=12), min_size=1, max_size=4, unique=True))
def test_every_name_becomes_a_possible_one_of_its_own_or_is_refused(names):
    try:
        made, notes = input_names(names, "data")
    except UserError as error:
        assert len(str(error).splitlines()) == 1 or "\n" in "".join(names)
        return
    assert list(made) == names and len(set(made.values())) == len(names)
    for name, new in made.items():
        assert re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_]*", new) and new not in RESERVED
        assert input_names([new], "data") == ({new: new}, [])
        assert (name == new) == (not any(repr(name) in note for note in notes))


@pytest.mark.parametrize(
    ("name", "called"),
    [("S2/summer", "S2_summer"), ("my input", "my_input"), ("_a.b-c", "a_b_c")],
)
def test_arrays_are_called_so_and_a_note_says_it(tmp_path, name, called):
    np.savez(tmp_path / "a.npz", label=LABELS, **{name: PIXELS})
    for d in (
        open_dataset({name: PIXELS}, labels=LABELS),
        open_dataset(tmp_path / "a.npz"),
    ):
        assert [spec.name for spec in d.inputs] == [called]
        assert list(d.read([0])) == [called]
        (note,) = d.notes
        assert f"the input {name!r} is called {called} from here on" in note
    assert open_dataset({name: PIXELS}).notes == (f"arrays: {note.split(': ', 1)[1]}",)


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (["a/b", "a b"], "that differ in letters .* found 'a/b' and 'a b'; rename"),
        (["/"], "found '/'; rename"),
        (["é"], "found 'é'; rename"),
        (["probabilities"], "not probabilities or self, found 'probabilities'"),
        (["/self"], "not probabilities or self, found '/self'"),
    ],
)
def test_names_that_cannot_be_told_apart_or_held_are_refused(names, message):
    with pytest.raises(UserError, match=message):
        open_dataset(dict.fromkeys(names, PIXELS), labels=LABELS)


def test_no_array_at_all():
    with pytest.raises(UserError, match="expected an array for each input, found none"):
        open_dataset({})


def test_an_input_node_is_refused_at_once():
    with pytest.raises(UserError, match=r"got 'my/input'; use my_input"):
        ae.ImageInput("my/input")
