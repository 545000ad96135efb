"""What the user is told about a network and the references."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autoai4eo.learning.verdict import in_words, resampled, short, told_unseen, verdict

AGAINST = {
    "other": "trees",
    "metric": "cohen_kappa",
    "difference": 0.051,
    "interval": [-0.02, 0.1],
    "resampled_by": "city",
}


def test_a_network_whose_gain_may_be_chance_is_not_surely_better():
    assert verdict(AGAINST, "test") == (
        "The network is not surely better than boosted trees on band statistics: gain "
        "in Cohen's kappa +0.051 on the test data (95 % interval -0.020 to +0.100 "
        "resampled by city)."
    )


def test_intervals_tell_how_many_groups_they_are_over():
    """Few groups make an interval that says little: the reader must know."""
    told = verdict({**AGAINST, "resampled_groups": 24})
    assert "(95 % interval -0.020 to +0.100 over 24 cities)." in told
    of_two = {"resampled_by": "city", "resampled_groups": 2}
    few = "over 2 cities, too narrow: fewer than 11"
    assert resampled(of_two) == few
    assert f"{few})." in verdict({**AGAINST, **of_two})
    assert resampled({**of_two, "resampled_groups": 11}) == "over 11 cities"
    assert resampled({"resampled_by": "parent"}) == "resampled by parent"
    squares = {"resampled_by": "spatial_block", "resampled_groups": 25}
    assert resampled(squares) == "over 25 spatial blocks"


@pytest.mark.parametrize(("groups", "sure"), [(10, False), (11, True), (None, True)])
def test_of_few_groups_nothing_is_sure(groups, sure):
    """Their intervals are too narrow: of two, half of them miss the mean."""
    known = {"interval": [0.02, 0.1]} | ({"resampled_groups": groups} if groups else {})
    assert ("The network is better" in verdict({**AGAINST, **known})) == sure
    worse = {**known, "difference": -0.05, "interval": [-0.1, -0.02]}
    told = verdict({**AGAINST, **worse})
    assert ("The network is worse" in told) == sure
    assert ("The network is not better" in told) == (not sure)


def test_what_rounds_to_nothing_has_no_sign():
    told = verdict({**AGAINST, "interval": [-0.0003, 0.058]})
    assert "(95 % interval 0.000 to +0.058 " in told


def test_of_masks_it_says_how_many_tiles_were_compared():
    told = verdict({**AGAINST, "other": "pixel_trees", "tiles": 61, "all_tiles": 1500})
    assert "than boosted trees on pixel neighbourhoods: gain" in told
    assert "+0.051 on 61 of 1,500 tiles (95 %" in told
    told = verdict({**AGAINST, "tiles": 61, "all_tiles": 1500}, "test")
    assert "+0.051 on 61 of 1,500 tiles of the test data (95 %" in told


def test_of_a_network_it_says_its_size():
    """Beside other networks of the run it is not of their size."""
    told = verdict({**AGAINST, "other": "unet", "params": 12345})
    assert "than a plain U-Net of 12,345 parameters: gain" in told


def test_classes_that_tables_leave_out_are_counted():
    assert told_unseen({}) == told_unseen({"unseen_classes": []}) == ""
    assert told_unseen({"unseen_classes": ["a"]}).startswith("1 class that does not")
    assert told_unseen({"unseen_classes": ["a"] * 13}) == (
        "13 classes that do not occur and were never predicted are left out of the "
        "tables."
    )


def test_errors_are_reduced_in_their_unit():
    told = verdict(
        {**AGAINST, "metric": "rmse", "difference": 1234.5, "interval": [12.3456, 2e3]}
    )
    assert (
        "is better than boosted trees on band statistics: reduction of the root" in told
    )
    assert "+1,234 (95 % interval +12.35 to +2,000" in told


@given(st.floats(-1, 1), st.floats(-1, 1))
def test_better_means_that_the_interval_is_above_zero(low, high):
    middle = (low + high) / 2
    told = verdict({**AGAINST, "difference": middle, "interval": sorted([low, high])})
    assert ("is better" in told) == (min(low, high) > 0)
    assert ("is worse" in told) == (max(low, high) < 0)
    unsure = min(low, high) <= 0 <= max(low, high)
    assert ("is not surely better" in told) == (unsure and middle > 0)
    assert ("is not better" in told) == (unsure and middle <= 0)


def test_scores_are_a_line():
    scores = {"cohen_kappa": 0.5, "accuracy": 0.25, "macro_f1": 0.1, "per_class": {}}
    assert in_words(scores) == "Cohen's kappa 0.500   overall accuracy 0.250"


@pytest.mark.parametrize("other", ["majority", "of a later version"])
def test_any_reference_has_a_title(other):
    assert (short("pixel_trees"), short(other)) == ("pixel trees", other)
    assert "better than" in verdict({**AGAINST, "other": other})
