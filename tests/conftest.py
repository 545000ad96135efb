"""What every test may rely on."""

import gc
import os
import shutil
import sqlite3
import sys
import tempfile
from pathlib import Path

import hypothesis
import pytest
import sooner
from sqlalchemy import Engine, event

import autoai4eo  # before TensorFlow, which then starts silently

#: They take minutes each: begun last, one of them would be waited for alone.
LONGEST = (
    "test_pool.py",
    "test_demo.py",
    "test_jax.py",
    "test_tuner.py",
    "test_readme.py",
    "test_examples.py",
    "test_contract.py",
    "test_slurm.py",
    "test_search.py",
    "test_labels_and_values.py",
    "test_damaged_runs.py",
    "test_causes.py",
    "test_main_job.py",
)
SHARE_EXPORTS = {
    f"tests/deploy/export/test_{name}.py"
    for name in ("contract", "exporting", "metadata")
}
SHARED = Path(__file__).resolve().parents[2] / "shared" / "data"


# Two test processes have a core each; more threads would wait for each other.
for name in ("TF_NUM_INTRAOP_THREADS", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ.setdefault(name, "1")


def pytest_configure():
    """Test processes do not wait for each other's measurements."""
    os.environ["XDG_RUNTIME_DIR"] = tempfile.mkdtemp(prefix="autoai4eo-tests-")


# A test process holds gigabytes of networks; looking through all of them 600 times for
# garbage took two minutes of each on a busy machine.
gc.set_threshold(7_000)

# On a busy machine an example takes as long as others leave it.
hypothesis.settings.register_profile("patient", deadline=None)
hypothesis.settings.load_profile("patient")

# What the tests write need not survive a power cut: nothing waits for the disk.
os.fsync = lambda file: None
sooner.read_migrations_once()


@event.listens_for(Engine, "connect")
def _no_waiting(connection, _):
    if isinstance(connection, sqlite3.Connection):
        connection.execute("PRAGMA synchronous = OFF")


def pytest_unconfigure():
    shutil.rmtree(os.environ["XDG_RUNTIME_DIR"], ignore_errors=True)


def pytest_collection_modifyitems(items, config):
    """The longest files first; by now TensorFlow is imported, or is not needed."""
    items.sort(key=lambda item: item.path.name not in LONGEST)
    if "tensorflow" in sys.modules:
        sooner.leave_jax_alone()
        sooner.record_one_stack()
        sooner.grow_few_trees()
        if config.option.markexpr != "timing":
            sooner.time_networks_briefly()


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config, log):
    """A file's tests in one process; three files share a run and its exports.

    Of pytest-xdist's ``--dist loadfile``, but for those three.
    """
    from xdist.scheduler import LoadFileScheduling

    class Scheduling(LoadFileScheduling):
        def _split_scope(self, nodeid):
            file = super()._split_scope(nodeid)
            return "tests/deploy" if file in SHARE_EXPORTS else file

    return Scheduling(config, log)


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


@pytest.fixture(scope="module")
def in_process():
    """Searches in this process, so that a test can look into it, and sooner."""
    import small

    with small.in_this_process():
        yield


@pytest.fixture
def tiny_networks(monkeypatch):
    """All tasks and `autoai4eo fit` search over `small.TinyBlock`."""
    import small

    def features(self):
        found = [small.TinyBlock()(node) for node in self.inputs]
        return autoai4eo.blocks.SensorFusion()(found)[0] if found[1:] else found[0]

    for task in (autoai4eo.ImageClassifier, autoai4eo.ImageSegmenter):
        monkeypatch.setattr(task, "_features", features)


@pytest.fixture
def checked_here():
    """Exports are checked in this process, sooner; test_contract.py has fresh ones."""
    with sooner.exports_checked_here():
        yield


@pytest.fixture(scope="session")
def segmented(tmp_path_factory):
    """A segmenter with a finished run, see `small_masks`; nothing may change it."""
    import small_masks

    return small_masks.searched(tmp_path_factory.mktemp("segmented"))


@pytest.fixture
def segmented_run(segmented, tmp_path) -> Path:
    """A copy of that run's folder."""
    return shutil.copytree(segmented.run, tmp_path / "run")
