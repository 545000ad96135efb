"""A file with boosted trees of scikit-learn, which may come from somebody else.

skops builds only objects of types that it knows to be harmless. scikit-learn follows
the trees in compiled code without checks, so they are checked here before.
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np

from autoai4eo.errors import DamagedError
from autoai4eo.files import check_declared, check_size, in_one_step, reading

CURE = (
    "`autoai4eo fit` with the same arguments and data makes it again, and without "
    "references.json beside it nothing reads it"
)
#: Besides the types that every version of skops trusts.
_TRUSTED = ["sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor"]

_TYPES = "schema.json"  # where skops writes them in its zip archive


def write_trees(path: Path, models: Sequence[Any]) -> None:
    """Writes histogram-based gradient boosting models to a file."""
    import skops.io

    content = skops.io.dumps(list(models), compression=zipfile.ZIP_DEFLATED)
    with in_one_step(path) as temporary:
        temporary.write_bytes(content)


def read_trees(path: Path) -> list[Any]:
    """Returns the models in a file.

    Raises:
        UserError: the file is missing or damaged.
    """
    import skops.io

    with _usable(path):
        check_size(path, path.stat().st_size, "boosted trees")
        content = path.read_bytes()
        check_declared(io.BytesIO(content), path, [_TYPES])
        models = list(skops.io.loads(content, trusted=_TRUSTED))
        for model in models:
            _check_model(model)
    return models


def predicted(models: Sequence[Any], table: np.ndarray, path: Path) -> list[np.ndarray]:
    """Returns what each model in a file predicts, a list of arrays (N, outputs).

    Outputs are a probability of each class that a classifier saw, or a value.

    Args:
        models: from `read_trees`.
        table: what the models predict from, float32 (N, columns).
        path: of the file, for messages.

    Raises:
        UserError: the file is damaged, or of other columns.
    """
    with _usable(path):
        return [
            np.asarray(
                model.predict_proba(table)
                if hasattr(model, "predict_proba")
                else model.predict(table)[:, None],
                np.float32,
            )
            for model in models
        ]


def of_others(path: Path) -> DamagedError:
    """Returns the error of trees that do not fit to the record beside them."""
    return DamagedError(
        f"{path}: expected trees of this run's bands and classes, found others; {CURE}"
    )


@contextmanager
def _usable(path: Path) -> Iterator[None]:
    """Turns errors of a damaged file into a message of one line."""
    with reading(path, "boosted trees", CURE):
        try:
            yield
        except (AttributeError, IndexError, AssertionError) as error:
            raise ValueError(error) from error


def _check_model(model: Any) -> None:
    from sklearn import ensemble

    kinds = (
        ensemble.HistGradientBoostingClassifier,
        ensemble.HistGradientBoostingRegressor,
    )
    if type(model) not in kinds:
        raise ValueError(f"a {type(model).__name__}")
    for tree in chain.from_iterable(model._predictors):
        # a table with another number of columns is refused when it predicts
        _check(tree.nodes, model.n_features_in_)


def _check(nodes: np.ndarray, columns: int) -> None:
    """Checks that a tree's nodes lead from the first one to a leaf.

    Raises:
        ValueError: they lead back or outside, or ask for a column that is missing.
    """
    own = np.flatnonzero(nodes["is_leaf"] == 0)
    inner = nodes[own]
    forward = all((own < inner[n]).all() for n in ("left", "right"))
    inside = all((inner[n] < len(nodes)).all() for n in ("left", "right"))
    feature = inner["feature_idx"]
    known = ((feature >= 0) & (feature < columns)).all()
    if not (len(nodes) and forward and inside and known):
        raise ValueError("a tree that leads nowhere")
    if inner["is_categorical"].any():
        raise ValueError("a tree of categories")
