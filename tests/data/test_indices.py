"""Spectral indices by the names of the bands."""

from autoai4eo.data.indices import index_pairs
from autoai4eo.data.sensors import band


def test_index_pairs_go_by_name_and_b8a_stands_in():
    assert index_pairs([band(b) for b in ("B8", "b04")]) == [(0, 1)]
    assert index_pairs([band(b) for b in ("B8A", "B04")]) == [(0, 1)]
    assert index_pairs([band(b) for b in ("B8A", "B08", "B03")]) == [(2, 1)]
    assert index_pairs([band("B04"), band("B03")]) == []
