"""The names of a run's networks."""

import pytest

from autoai4eo.errors import UserError
from autoai4eo.runs.network_id import NetworkId, finalist_in, network_id


@pytest.mark.parametrize(
    ("key", "expected"),
    [
        (3, NetworkId("trial", 3)),
        ("3", NetworkId("trial", 3)),
        ("trial-3", NetworkId("trial", 3)),
        ("ensemble-0", NetworkId("ensemble", 0)),
    ],
)
def test_a_user_names_trials_by_number_and_ensembles_in_words(key, expected):
    found = network_id(key)
    assert found == expected
    assert network_id(found.key) == found


@pytest.mark.parametrize("key", ["best", "-1", "ensemble", "ensemble--1", "1.5", ""])
def test_other_names_are_refused_with_the_two_forms(key):
    with pytest.raises(UserError, match="such as 3, or an ensemble, such as ensemble"):
        network_id(key)


def test_the_finalist_is_the_one_that_the_evaluation_names():
    for name in (NetworkId("trial", 2), NetworkId("ensemble", 1)):
        assert finalist_in({"network": "0", **name.record()}) == name
    assert finalist_in({}) is None
