"""A compact search on JAX."""

import json
import os
import subprocess
import sys
from importlib.util import find_spec

import pytest

SCRIPT = """
import sys
import small
from autoai4eo.compact.search import search
from autoai4eo.compact.settings import CompactSettings

settings = CompactSettings(
    method="s+c+d", max_depth=2, channels=4, blocks=1, depth=1, batch_size=8, epochs=2
)
search(small.dataset(48), sys.argv[1], settings)
"""


@pytest.mark.slow
@pytest.mark.skipif(find_spec("jax") is None, reason="needs the extra autoai4eo[jax]")
def test_a_search_runs_on_jax(tmp_path):
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", SCRIPT, str(tmp_path)],
        env={
            **os.environ,
            "KERAS_BACKEND": "jax",
            "XLA_FLAGS": "--xla_backend_optimization_level=0",
            "PYTHONPATH": os.pathsep.join(("tests", ".")),
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    record = json.loads((tmp_path / "compact.json").read_text())
    first, last = record["epochs"]
    assert last["loss"] < first["loss"] * 1.2
    assert last["entropy"] < first["entropy"]
    assert len(record["architecture"]["genotype"]) == 4
