"""The cause of a failure, whatever Keras, TensorFlow or Python wrap it in."""

from pathlib import Path

import keras
import numpy as np
import pytest
import small
import tensorflow as tf
from breaking import BreaksALayer, BreaksTheFinalist, Broken

from autoai4eo.causes import cause
from autoai4eo.errors import UserError
from autoai4eo.report.page import write_report
from autoai4eo.runs.study import open_study


class Lost(keras.layers.Layer):
    """Fails for a reason of its own."""

    def call(self, x):
        try:
            Path("/nowhere/weights.h5").read_bytes()
        except OSError as error:
            raise RuntimeError("no weights") from error


class UnwrappableError(Exception):
    """Keras cannot make another one of it."""

    def __init__(self, what, why):
        super().__init__(f"{what} since {why}")


class Odd(keras.layers.Layer):
    """Fails with an error of its own."""

    def call(self, x):
        raise UnwrappableError("stopped", "it rained")


class Multiplies(keras.layers.Layer):
    """Cannot be computed; that is seen when it is."""

    def call(self, x):
        return tf.matmul(x, x)


class InPython(keras.layers.Layer):
    """Fails in a function that the graph calls."""

    def call(self, x):
        def fail(values):
            raise ValueError("the table has no such row")

        found = tf.py_function(fail, [x], tf.float32)
        found.set_shape(x.shape)
        return found


@pytest.mark.parametrize(
    ("layer", "told"),
    [
        (Broken(), "ValueError: expected 3 bands, found 4"),
        (
            Lost(),
            "RuntimeError: no weights; caused by FileNotFoundError: [Errno 2] No such "
            "file or directory: '/nowhere/weights.h5'",
        ),
        (Odd(), "UnwrappableError: stopped since it rained"),
        (Multiplies(), "Matrix size-incompatible: In[0]: [8,4], In[1]: [8,4]"),
        (InPython(), "ValueError: the table has no such row"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_of_a_layer(layer, told):
    model = keras.Sequential([layer, keras.layers.Dense(1)])
    model.compile("sgd", "mse")
    with pytest.raises(Exception) as failed:
        model.fit(np.zeros((8, 4)), np.zeros((8, 1)), verbose=0)
    line = cause(failed.value)
    assert line.endswith(told)
    for noise in ("Exception encountered", "Detected at", "Graph execution", "{{node"):
        assert noise not in line


def test_of_a_layer_whose_error_was_sent_elsewhere():
    with pytest.raises(ValueError, match="Exception encountered") as failed:
        Broken()(keras.Input((4,)))
    # all that is left where a process tells another one
    assert cause(ValueError(str(failed.value))) == (
        "ValueError: expected 3 bands, found 4"
    )


@tf.function
def traced(x):
    raise ValueError("in a traced function")


def test_of_a_function_that_is_traced():
    with pytest.raises(ValueError) as failed:
        traced(1)
    assert cause(failed.value) == "ValueError: in a traced function"


def chained(outer, inner):
    try:
        try:
            raise inner
        except type(inner) as error:
            raise outer from error
    except type(outer) as error:
        return error


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (ValueError("one\ntwo"), "ValueError: one"),
        (ValueError("\n  one\n"), "ValueError: one"),
        (KeyError("B02"), "KeyError: B02"),
        (AssertionError(), "AssertionError"),
        (ValueError("a \x1b[31mred\x07 word"), r"ValueError: a red\x07 word"),
        (chained(ValueError("a"), OSError("b")), "ValueError: a; caused by OSError: b"),
        (chained(UserError("do this"), OSError("b")), "UserError: do this"),
        (
            ValueError(
                "2 root error(s) found.\n  (0) INVALID_ARGUMENT:  bad\n\t [[a]]"
            ),
            "ValueError: bad",
        ),
        (
            ValueError("{{function_node __wrapped__Mul}} bad shape [Op:Mul] name: "),
            "ValueError: bad shape",
        ),
    ],
)
def test_of_other_errors(error, line):
    assert cause(error) == line


CAUSE = "ValueError: expected 3 bands, found 4"


def test_a_trials_cause_ends_the_search_and_is_in_its_table_and_report(tmp_path):
    """Told by another process."""
    model = small.model(tmp_path, max_trials=1)
    given = {"validation_data": small.dataset(seed=1), "epochs": 1, "verbose": 0}
    with pytest.raises(RuntimeError) as ended:
        model.fit(small.dataset(), callbacks=[BreaksALayer()], **given)
    assert str(ended.value) == (
        f"every trial failed (1 of them); the first: {CAUSE} ({model.run}/trials/0)"
    )
    assert model.trials()["message"].tolist() == [CAUSE]
    assert CAUSE in write_report(model.run).read_text()
    # all of it is kept
    assert "Arguments received" in (model.run / "trials/0/error.txt").read_text()


@pytest.mark.slow  # test_pool.py has a worker that cannot begin
def test_the_cause_of_a_failure_outside_of_all_trials_is_told(tmp_path):
    model = small.model(tmp_path, max_trials=1)
    breaks = BreaksTheFinalist(model.run / "trials" / "0" / "model.keras")
    given = {"validation_data": small.dataset(seed=1), "epochs": 1, "verbose": 0}
    with pytest.raises(RuntimeError) as ended:
        model.fit(small.dataset(), callbacks=[breaks], **given)
    log = model.run / "workers" / "1.log"
    assert str(ended.value) == f"a worker ended with exit status 1: {CAUSE} ({log})"
    assert len(open_study(model.run).trials) == 1
