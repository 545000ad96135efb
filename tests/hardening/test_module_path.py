"""Files in the current folder are not executed in place of Python's and ours."""

import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
ENVIRONMENT = {
    **os.environ,
    "PYTHONPATH": str(ROOT),
    "CUDA_VISIBLE_DEVICES": "",
    "TF_CPP_MIN_LOG_LEVEL": "3",
}
PLANTED = (
    "pickle",
    "random",
    "json",
    "threading",
    "queue",
    "multiprocessing/__init__",
    "numpy/__init__",
    "keras/__init__",
)


@pytest.fixture
def hostile(tmp_path):
    """A folder in which modules lie that leave a trace where they are executed."""
    folder = tmp_path / "hostile"
    for name in PLANTED:
        path = folder / f"{name}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        trace = tmp_path / "executed"
        path.write_text(
            f"open({str(trace)!r}, 'a').write(__name__ + ' ')\nraise SystemExit(9)\n"
        )
    return folder


def run(*command, cwd):
    return subprocess.run(
        list(map(str, command)),
        cwd=cwd,
        env=ENVIRONMENT,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )


def script(tmp_path, code):
    """A script elsewhere, so that Python itself is not misled before ours begins."""
    path = tmp_path / "elsewhere" / "script.py"
    path.parent.mkdir()
    path.write_text(textwrap.dedent(code))
    return path


def check_clean(tmp_path, done):
    assert not (tmp_path / "executed").exists(), (tmp_path / "executed").read_text()
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("first", [[], [""]])
def test_a_worker_begins_with_the_standard_library(tmp_path, hostile, first):
    from autoai4eo.search.workers.pool import _BEGIN, _PYTHON

    (hostile / "beside.py").write_text("mine = 1\n")
    begins, _, _ = _BEGIN.partition("from autoai4eo")
    code = f"{begins}\nimport pickle, random, json, threading, queue"
    code += ", multiprocessing\nimport beside; print(beside.mine)"
    # as a notebook's there, or a script's that lies there
    places = [*(first or [str(hostile)]), *sys.path]
    done = run(sys.executable, *_PYTHON, code, 0, *places, cwd=hostile)
    check_clean(tmp_path, done)
    assert done.stdout == "1\n"


def test_the_module_takes_nothing_from_the_current_folder(tmp_path, hostile):
    done = run(sys.executable, "-m", "autoai4eo", "--help", cwd=hostile)
    check_clean(tmp_path, done)
    assert "fit" in done.stdout


@pytest.mark.slow
def test_processes_of_a_simulation_begin_without_the_current_folder(tmp_path, hostile):
    path = script(
        tmp_path,
        """
        from pathlib import Path
        from autoai4eo.nasbench.replay import replay_all
        from autoai4eo.nasbench.table import read_table

        if __name__ == "__main__":
            with open("../t.csv", "w") as file:
                file.write("a,val_accuracy\\n1,0.5\\n2,0.6\\n3,0.7\\n")
            table = read_table(
                Path("../t.csv"), maximize=["val_accuracy"], minimize=[], choices=["a"]
            )
            found = replay_all(table, ["random"], 2, 2, 2)
            print(len(found["random"]))
        """,
    )
    done = run(sys.executable, path, cwd=hostile)
    check_clean(tmp_path, done)
    assert done.stdout.split()[-1] == "2"


OWN = """
import autokeras as ak
import keras
from autoai4eo.blocks import pixels


@keras.utils.register_keras_serializable(package="own")
class OwnBlock(ak.Block):
    def build(self, hp, inputs=None):
        tensor = pixels.standardise(self, 0, keras.tree.flatten(inputs)[0])
        width = hp.Choice("width", [8, 12])
        return keras.layers.Conv2D(width, 3, strides=2, activation="relu")(tensor)
"""
SEARCH = """
import numpy as np
import autoai4eo as ae
from own_blocks import OwnBlock

if __name__ == "__main__":
    pixels = np.random.default_rng(0).normal(0, 1, (24, 8, 8, 4)).astype("float32")
    data = ae.open_dataset({"sen2": pixels}, labels=np.arange(24) % 3)
    node = ae.ImageInput("sen2")
    head = ae.blocks.PooledHead(pooling="average", dropout=0.0)
    model = ae.AutoModel(
        node, head(OwnBlock()(node)), directory="out", max_trials=1, tuner="random"
    )
    how = {"epochs": 1, "verbose": 0, "allow_overlap": True}
    model.fit(data, validation_data=data, **how)
    print(*model.trials()["status"])
"""


@pytest.mark.slow
def test_a_block_beside_the_script_stays_importable(tmp_path):
    (tmp_path / "own_blocks.py").write_text(OWN)
    (tmp_path / "script.py").write_text(SEARCH)
    done = run(sys.executable, "script.py", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split()[-1] == "complete"


@pytest.mark.slow
def test_a_search_takes_nothing_from_the_current_folder(tmp_path, hostile):
    path = script(tmp_path, SEARCH)
    path.with_name("own_blocks.py").write_text(OWN)
    done = run(sys.executable, path, cwd=hostile)
    check_clean(tmp_path, done)
    assert done.stdout.split()[-1] == "complete"
