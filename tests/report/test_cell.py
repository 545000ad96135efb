"""The drawing of a cell: every edge with its operation, no label over another."""

from itertools import combinations
from xml.etree import ElementTree

import pytest
from compact_records import GENOTYPE
from hypothesis import given, settings
from hypothesis import strategies as st

from autoai4eo.errors import UserError
from autoai4eo.networks.genotype import INPUTS, OPERATIONS, Genotype
from autoai4eo.report.cell import WORDS, cell_svg, draw_cell

#: Of a letter of 12 pixels, more than any font has on average.
WIDE = 7.5


def pairs(node):
    """Some different predecessors of a node, each with an operation."""
    before = st.sets(st.integers(0, node - 1), min_size=1)
    return before.flatmap(
        lambda known: st.tuples(
            *(st.tuples(st.sampled_from(OPERATIONS), st.just(j)) for j in sorted(known))
        )
    )


genotypes = (
    st.integers(1, 5)
    .flatmap(lambda n: st.tuples(*(pairs(INPUTS + i) for i in range(n))))
    .map(Genotype)
)


def labels(drawn):
    """Each text of a drawing, with its centre."""
    return [
        (text.text, float(text.attrib["x"]), float(text.attrib["y"]))
        for text in drawn.iter("text")
    ]


def test_every_operation_has_a_word():
    assert WORDS.keys() == set(OPERATIONS)


@settings(deadline=None, max_examples=10)
@given(genotypes)
def test_each_edge_has_a_label_and_none_is_over_another(genotype):
    """Users rely on: a cell can be read, whatever was found."""
    drawn = ElementTree.fromstring(cell_svg(genotype))
    found = labels(drawn)
    known = [kind for node in genotype.nodes for kind, _ in node]
    edges = [text for text, *_ in found if text in WORDS.values()]
    assert sorted(edges) == sorted(WORDS[kind] for kind in known)
    for one, other in combinations(found, 2):
        apart = abs(one[1] - other[1]) - WIDE * (len(one[0]) + len(other[0])) / 2
        assert apart > 0 or abs(one[2] - other[2]) >= 20, (one, other)
    _, _, width, height = map(float, drawn.attrib["viewBox"].split())
    for text, x, y in found:
        half = WIDE * len(text) / 2
        assert half < x < width - half and 10 < y < height - 4


def test_it_stands_alone_and_is_told_to_screen_readers():
    drawn = ElementTree.fromstring(cell_svg(Genotype.of(GENOTYPE)))
    assert drawn.attrib["aria-label"] == f"cell: {Genotype.of(GENOTYPE)}"
    for element in drawn.iter():
        assert element.tag not in ("use", "defs", "style", "metadata")
        assert not {"id", "clip-path"} & element.attrib.keys()
        assert not any("href" in name for name in element.attrib)


@pytest.mark.parametrize(
    ("name", "begins"), [("cell.png", b"\x89PNG"), ("cell.svg", b"<?xml")]
)
def test_a_cell_is_drawn_into_a_file(tmp_path, name, begins):
    path = draw_cell(Genotype.of(GENOTYPE), tmp_path / name)
    assert path.read_bytes().startswith(begins)


def test_other_kinds_of_file_are_refused(tmp_path):
    with pytest.raises(UserError, match=r"ends in \.png, \.svg or \.dot"):
        draw_cell(Genotype.of(GENOTYPE), tmp_path / "cell.gif")


def test_graphviz_gets_every_edge(tmp_path):
    """Golden: Graphviz's own grammar, an edge is ``tail -> head [label=…]``."""
    genotype = Genotype.of(GENOTYPE)
    lines = draw_cell(genotype, tmp_path / "cell.dot").read_text().splitlines()
    assert (lines[0], lines[-1]) == ("digraph cell {", "}")
    for node, pairs in enumerate(genotype.nodes, INPUTS):
        assert f"  {node} -> out [style=dashed];" in lines
        for kind, before in pairs:
            assert f'  {before} -> {node} [label="{WORDS[kind]}"];' in lines
