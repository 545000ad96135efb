"""What every test may rely on."""

from pathlib import Path

import pytest

SHARED = Path(__file__).resolve().parents[2] / "shared" / "data"


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of real satellite data beside the project."""
    if not SHARED.is_dir():
        pytest.skip(f"needs the real data at {SHARED}, which is not here")
    return SHARED
