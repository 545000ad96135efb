"""Warnings point at the user's line, however deep the function is that warns."""

import inspect
import warnings

from autoai4eo import errors


def by_way_of(code):
    """A function of another package, as Keras is, between ours and ours."""
    names = {"__name__": "another.package"}
    exec(code, names)
    return names["call"]


def test_a_warning_is_at_the_line_that_called_the_package():
    inner = {"__name__": "autoai4eo.deep", "warn": errors.warn}
    exec("def deep():\n    warn('something')", inner)
    between = by_way_of("def call(f):\n    f()")
    outer = {"__name__": "autoai4eo.top", "call": between, "deep": inner["deep"]}
    exec("def top():\n    call(deep)", outer)
    with warnings.catch_warnings(record=True) as found:
        warnings.simplefilter("always")
        outer["top"]()
        line = inspect.currentframe().f_lineno - 1
    (one,) = found
    assert (one.filename, one.lineno) == (__file__, line)
    assert one.category is errors.AutoAI4EOWarning
