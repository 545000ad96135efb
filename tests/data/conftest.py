"""The builders of `builders.py`, as fixtures (tests are no package)."""

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest


@pytest.fixture(scope="session")
def build() -> ModuleType:
    """Functions that write small data sets."""
    path = Path(__file__).with_name("builders.py")
    spec = importlib.util.spec_from_file_location("builders", path)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
