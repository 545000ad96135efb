import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autoai4eo.blocks.cells import found
from autoai4eo.errors import UserError
from autoai4eo.networks.genotype import OPERATIONS, Architecture, Genotype

PAIR = ("skip_connect", 0)


@st.composite
def genotypes(draw):
    nodes = []
    for i in range(2, 2 + draw(st.integers(1, 5))):
        before = draw(st.lists(st.integers(0, i - 1), min_size=1, unique=True))
        kinds = [draw(st.sampled_from(OPERATIONS)) for _ in before]
        nodes.append(tuple(zip(kinds, before, strict=True)))
    return Genotype(tuple(nodes))


@given(genotypes(), st.lists(st.integers(1, 9), min_size=1), st.integers(1, 64))
def test_json_gives_the_same_architecture(genotype, depths, channels):
    one = Architecture(genotype, tuple(depths), channels)
    assert Architecture.of(json.loads(json.dumps(one.record()))) == one
    assert Genotype.of(json.dumps(genotype.to_list())) == genotype


def test_a_file_gives_the_same_architecture(tmp_path):
    one = Architecture(found.genotype("darts-v2"), (1, 2, 3), 8)
    for path in (tmp_path / "a.json", str(tmp_path / "b.json")):
        one.write(path)
        assert Architecture.read(path) == one


def test_the_order_of_pairs_does_not_matter():
    one = Genotype(((("skip_connect", 1), ("none", 0)),))
    assert one == Genotype(((("none", 0), ("skip_connect", 1)),))
    assert str(one) == "none(0) + skip_connect(1)"


@pytest.mark.parametrize(
    ("nodes", "expected"),
    [
        ([], "one node or more"),
        ([[]], "different predecessors for node 2, found none"),
        ([[PAIR, ("none", 0)]], "different predecessors"),
        ([[("conv_7x7", 0)]], r"one of the operations none, .*, found 'conv_7x7'"),
        ([[("none", 2)]], "a predecessor from 0 to 1 for node 2, found 2"),
        ([[("none", -1)]], "a predecessor from 0 to 1"),
        ([[("none", 0.5)]], "a list of nodes"),
        ([[("none", True)]], "a list of nodes"),
        (7, "a list of nodes"),
        ("{", "a list of nodes"),
    ],
)
def test_a_wrong_genotype_is_refused_in_a_line(nodes, expected):
    with pytest.raises(UserError, match=expected) as caught:
        Genotype.of(nodes)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"depths": [1, 0]}, "depths: expected a number from 1"),
        ({"depths": []}, "depths: expected a number from 1"),
        ({"depths": ["a"]}, "depths: expected whole numbers"),
        ({"channels": 0}, "channels: expected 1 or more"),
        ({"genotype": [[["x", 0]]]}, "found 'x' in node 2"),
    ],
)
def test_a_wrong_file_is_refused_with_its_name(tmp_path, change, expected):
    record = Architecture(Genotype(((PAIR,),)), (1,)).record() | change
    (tmp_path / "a.json").write_text(json.dumps(record))
    with pytest.raises(UserError, match=expected) as caught:
        Architecture.read(tmp_path / "a.json")
    assert str(tmp_path / "a.json") in str(caught.value)


def test_every_record_can_be_read():
    for name in found.NAMES:
        assert found.architecture(name).genotype.edges == 8
    with pytest.raises(UserError, match="expected one of"):
        found.genotype("nasnet")
