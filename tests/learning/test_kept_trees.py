"""Trees in a file: the same again, and harmless whoever wrote it."""

import json
import random
import zipfile
from copy import deepcopy
from functools import cache
from io import BytesIO

import damaging
import numpy as np
import pytest
import skops.io
from sklearn.ensemble import (
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
)
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer
from sklearn.tree import DecisionTreeClassifier

from autoai4eo.errors import UserError
from autoai4eo.files import MAX_GIB
from autoai4eo.learning.kept_trees import predicted, read_trees, write_trees

RNG = np.random.default_rng(0)
TABLE = RNG.random((90, 4)).astype("float32")
TABLE[::9, 2] = np.nan
CLASSES = np.digitize(TABLE[:, 0], [0.3, 0.6])


@cache
def classifier():
    return HistGradientBoostingClassifier(max_iter=3).fit(TABLE, CLASSES)


@cache
def regressor():
    return HistGradientBoostingRegressor(max_iter=3).fit(TABLE, TABLE[:, 1])


@pytest.fixture
def path(tmp_path):
    write_trees(tmp_path / "trees.skops", [classifier(), regressor()])
    return tmp_path / "trees.skops"


def refused(path):
    with pytest.raises(UserError) as error:
        predicted(read_trees(path), TABLE, path)
    assert "\n" not in str(error.value)
    return str(error.value)


def test_they_predict_what_they_did_before(path):
    of_classes, of_values = predicted(read_trees(path), TABLE, path)
    np.testing.assert_allclose(of_classes, classifier().predict_proba(TABLE), rtol=1e-6)
    np.testing.assert_allclose(of_values[:, 0], regressor().predict(TABLE), rtol=1e-6)
    assert of_classes.dtype == of_values.dtype == np.float32


def test_no_models_are_a_file_too(tmp_path):
    write_trees(tmp_path / "none", [])
    assert predicted(read_trees(tmp_path / "none"), TABLE, tmp_path / "none") == []


def test_a_missing_file_is_a_line(tmp_path):
    assert "expected boosted trees, found no file; `autoai4eo fit`" in refused(
        tmp_path / "trees.skops"
    )


@pytest.mark.parametrize("damage", [damaging.zero, damaging.half, damaging.garbage])
@pytest.mark.parametrize("seed", range(2))
def test_a_damaged_file_is_a_line(path, damage, seed):
    damage(path, random.Random(seed))
    assert "expected boosted trees, found a damaged file" in refused(path)


def test_a_table_with_other_columns_is_a_line(path):
    with pytest.raises(UserError, match="4 features"):
        predicted(read_trees(path), TABLE[:, :3], path)


@pytest.mark.parametrize(
    "other",
    [
        DecisionTreeClassifier(),
        make_pipeline(FunctionTransformer(np.sin), DecisionTreeClassifier()),
    ],
)
def test_other_models_are_not_used(path, other):
    write_trees(path, [other.fit(np.nan_to_num(TABLE), CLASSES)])
    assert "a damaged file (a " in refused(path)


def test_types_that_could_run_code_are_not_built(path):
    path.write_bytes(skops.io.dumps([FunctionTransformer(json.loads)]))
    assert "ntrusted" in refused(path)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("left", 0),  # a ring
        ("right", 2**32 - 1),
        ("left", 10**6),
        ("feature_idx", 4),
        ("feature_idx", -1),
        ("is_categorical", 1),
    ],
)
def test_trees_that_lead_astray_are_not_followed(path, field, value):
    """scikit-learn would read outside of its memory, or never end."""
    model = deepcopy(regressor())
    model._predictors[0][0].nodes[field][0] = value
    write_trees(path, [model])
    assert "a tree" in refused(path)
    with pytest.raises(UserError, match="a tree"):
        read_trees(path)


def test_what_would_fill_the_memory_is_not_read(path, monkeypatch):
    header = BytesIO()
    np.lib.format.write_array_header_1_0(
        header, {"descr": "<f8", "fortran_order": False, "shape": (2**40,)}
    )
    bomb = BytesIO()
    with zipfile.ZipFile(path) as old, zipfile.ZipFile(bomb, "w") as new:
        for member in old.infolist():
            swapped = member.filename.endswith(".npy")
            content = header.getvalue() if swapped else old.read(member)
            new.writestr(member.filename, content)
    path.write_bytes(bomb.getvalue())
    assert "expected arrays of at most 4 GiB" in refused(path)
    monkeypatch.setenv(MAX_GIB, "0.000001")
    assert "expected boosted trees of at most" in refused(path)
