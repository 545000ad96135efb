"""Options of the form NAME=NUMBER: none silently wins over another."""

import pytest

from autoai4eo.cli.named_numbers import parse_limits, parse_proxy
from autoai4eo.errors import UserError


def test_limits_and_cheaper_training_are_read():
    limits = parse_limits(["latency_ms=2", "params = 1e6"])
    assert limits == {"latency_ms": 2.0, "params": 1e6}
    assert parse_proxy("epochs=5, fraction=0.25") == {"epochs": 5, "fraction": 0.25}
    assert parse_proxy(None) is None and parse_limits([]) == {}


@pytest.mark.parametrize("second", ["1", "2"])
def test_two_numbers_for_one_name_are_refused(second):
    once = "expected {} once, got it twice"
    with pytest.raises(UserError, match=f"max: {once.format('params')}"):
        parse_limits(["params=2", f"params={second}"], "--max")
    with pytest.raises(UserError, match=f"proxy: {once.format('epochs')}"):
        parse_proxy(f"epochs=2,epochs={second}")


@pytest.mark.parametrize("text", ["params", "params=", "params=few", "=2", "=", ""])
def test_what_is_no_number_is_one_line(text):
    with pytest.raises(UserError, match="expected NAME=LIMIT such as") as error:
        parse_limits([text])
    assert "\n" not in str(error.value)
