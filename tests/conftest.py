"""What every test may rely on."""

from pathlib import Path

import pytest

SHARED = Path(__file__).resolve().parents[2] / "shared" / "data"


@pytest.fixture(scope="session")
def so2sat(tmp_path_factory) -> Path:
    """A folder with generated training.h5, validation.h5 and testing.h5."""
    from autoai4eo.data.synthetic import write_so2sat_like

    folder = tmp_path_factory.mktemp("so2sat")
    for seed, name in enumerate(("training", "validation", "testing")):
        write_so2sat_like(folder / f"{name}.h5", 160, seed=seed)
    return folder


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of real satellite data beside the project."""
    if not SHARED.is_dir():
        pytest.skip(f"needs the real data at {SHARED}, which is not here")
    return SHARED
