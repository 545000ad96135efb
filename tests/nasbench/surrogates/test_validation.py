"""Nested cross-validation: walks stay whole, scores are those of the definitions."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from autoai4eo.errors import UserError
from autoai4eo.nasbench.surrogates import learning_curve, validate, validation
from autoai4eo.nasbench.surrogates.scores import score_table
from autoai4eo.nasbench.surrogates.validation import choose, folds_of


@settings(max_examples=50, deadline=None)
@given(
    st.lists(st.integers(0, 12), min_size=12, max_size=60),
    st.integers(2, 5),
    st.integers(0, 3),
)
def test_a_walk_is_in_one_fold_and_folds_are_even(groups, number, seed):
    groups = np.array(groups)
    sizes = np.unique(groups, return_counts=True)[1]
    if len(sizes) < number:
        with pytest.raises(UserError, match=rf"folds: expected 2 to {len(sizes)}"):
            folds_of(groups, number, seed)
        return
    folds = folds_of(groups, number, seed)
    for one in np.unique(groups):
        assert len(set(folds[groups == one])) == 1
    filled = np.bincount(folds, minlength=number)
    assert filled.min() > 0 and filled.max() - filled.min() <= sizes.max()


def test_a_model_never_learns_from_the_walks_that_it_is_tested_on(records, monkeypatch):
    """Neither for its settings: every fit sees only walks of its training part."""
    seen = []
    kind = validation.kind_of("ridge")
    names = {features.tobytes(): i for i, features in enumerate(records.features)}

    def spy(part_of):
        def wrapped(name, part, seed):
            seen.append({records.groups[names[row.tobytes()]] for row in part.features})
            return part_of(name, part, seed)

        return wrapped

    monkeypatch.setattr(validation, "choose", spy(choose))
    found = validate(records, ["ridge"], folds=4)
    for fold, walks in enumerate(seen):
        assert not walks & set(records.groups[found.folds == fold])
    assert len(found.settings["ridge"]) == 4
    assert all(one in kind.grid for one in found.settings["ridge"])


def test_planted_figures_are_predicted_better_than_by_baselines(records):
    found = validate(records, ["lightgbm", "ridge"], folds=3)
    table = found.table.set_index("model")
    assert list(table.index) == ["lightgbm", "ridge", "mean", "log_macs"]
    for name in ("lightgbm", "ridge"):
        assert table.loc[name, "r2"] > table.loc["log_macs", "r2"] + 0.2
        assert table.loc[name, "kendall_tau"] > 0.5
        assert table.loc[name, "r2_lower"] < table.loc[name, "r2"]
        assert table.loc[name, "r2"] < table.loc[name, "r2_upper"]
        assert 0.75 < table.loc[name, "coverage_90"] <= 1
    assert np.isnan(table.loc["mean", "kendall_tau"])
    assert table.loc["mean", "r2"] < 0.05
    curve = learning_curve(records, "ridge", found)
    assert (np.diff(curve["trained"]) > 0).all()
    assert curve["r2"].iloc[-1] == pytest.approx(table.loc["ridge", "r2"])
    assert curve["r2"].iloc[0] < curve["r2"].iloc[-1]


def test_scores_are_those_of_the_definitions():
    rng = np.random.default_rng(0)
    values, groups = rng.normal(0, 1, 40), np.repeat(np.arange(8), 5)
    mean, std = values + rng.normal(0, 0.5, 40), np.full(40, 0.5)
    row = score_table(values, {"m": (mean, std)}, groups).iloc[0]
    error = values - mean
    assert row["kendall_tau"] == pytest.approx(stats.kendalltau(values, mean)[0])
    assert row["spearman"] == pytest.approx(stats.spearmanr(values, mean).statistic)
    assert row["r2"] == pytest.approx(1 - (error**2).sum() / (40 * values.var()))
    assert row["rmse"] == pytest.approx((error**2).mean() ** 0.5)
    assert row["mae"] == pytest.approx(np.abs(error).mean())
    assert row["coverage_90"] == (np.abs(error) < 1.6449 * 0.5).mean()
    each = [
        stats.kendalltau(values[groups == g], mean[groups == g])[0] for g in range(8)
    ]
    assert row["kendall_within"] == pytest.approx(np.mean(each))
    spread = np.std(each, ddof=1) / 8**0.5  # of a mean over walks
    width = row["kendall_within_upper"] - row["kendall_within_lower"]
    assert width == pytest.approx(2 * 1.96 * spread, rel=0.25)


def test_intervals_are_those_of_drawing_walks_one_after_another():
    """The sums give what resampled networks give, also where figures are tied."""
    rng = np.random.default_rng(0)
    groups = rng.integers(0, 12, 80)
    values = rng.integers(0, 6, 80) + groups / 6
    mean, std = np.round(values + rng.normal(0, 1.5, 80)), np.ones(80)
    row = score_table(values, {"m": (mean, std)}, groups).iloc[0]
    parts = [np.flatnonzero(groups == one) for one in np.unique(groups)]
    found = []
    for _ in range(600):
        some = np.concatenate([parts[i] for i in rng.integers(0, 12, 12)])
        x, y = values[some], mean[some]
        r2 = 1 - np.square(x - y).mean() / x.var()
        found.append((stats.kendalltau(x, y)[0], stats.spearmanr(x, y)[0], r2))
    names = ("kendall_tau", "spearman", "r2")
    for name, drawn in zip(names, np.array(found).T, strict=True):
        ends = np.quantile(drawn, (0.025, 0.975))
        width = 0.2 * np.ptp(ends)
        assert row[f"{name}_lower"] == pytest.approx(ends[0], abs=width), name
        assert row[f"{name}_upper"] == pytest.approx(ends[1], abs=width), name


def test_many_networks_on_no_walk_are_scored():
    rng = np.random.default_rng(0)
    values = rng.normal(0, 1, 1500)
    mean = values + rng.normal(0, 1, 1500)
    row = score_table(values, {"m": (mean, np.ones(1500))}, np.arange(1500)).iloc[0]
    assert row["kendall_tau"] == pytest.approx(stats.kendalltau(values, mean)[0])
    assert row["coverage_90"] == pytest.approx(0.9, abs=0.03)
    width = row["mae_upper"] - row["mae_lower"]
    assert width == pytest.approx(
        3.92 * np.abs(values - mean).std() / 1500**0.5, rel=0.2
    )
