"""`benchmarks/gpu.py` and the wheels that it needs where TensorFlow is not."""

import importlib.util
import json
import re
import sys
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).parents[1]
SCRIPT = ROOT / "benchmarks" / "gpu_wheels.sh"
#: Of other backends or of commands that a GPU machine does not give.
NOT_NEEDED = {"tensorflow", "tensorboard", "onnx", "onnxruntime", "tf2onnx"}
#: That a machine with JAX and scientific Python has, as the script says.
THERE = {
    *("matplotlib", "h5py", "cloudpickle", "jinja2", "numpy", "packaging", "pandas"),
    *("scikit-learn", "scipy", "threadpoolctl", "typer", "rich"),
}


@pytest.fixture
def gpu(monkeypatch):
    """The benchmark as a module."""
    monkeypatch.syspath_prepend(str(SCRIPT.parent))
    spec = importlib.util.spec_from_file_location("gpu", SCRIPT.parent / "gpu.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    yield module
    for name in [n for n in sys.modules if n.split(".")[0] == "gpu_parts"]:
        del sys.modules[name]


def collected():
    """Name -> version of the packages that the script collects."""
    code = "\n".join(
        line.split("#")[0] for line in SCRIPT.read_text().splitlines() if line
    )
    words = re.findall(r"(?:compiled|--platform any) ((?:[^\n\\]|\\\n)+)", code)
    asked = " ".join(words).replace("\\\n", " ").replace("'", "").split()
    found = [Requirement(w) for w in asked if w[0].isalpha()]
    return {one.name.lower(): one.specifier for one in found}


def test_every_dependency_is_collected_or_there():
    """Users rely on: nothing is missing on a machine without a network."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    needed = {r.name: r for r in map(Requirement, project["dependencies"])}
    found = collected()
    assert set(needed) - NOT_NEEDED - THERE - set(found) == set()
    for name in set(needed) & set(found):
        if found[name] != needed[name].specifier:
            # a version of those that are allowed
            (only,) = found[name]
            assert only.operator == "==" and needed[name].specifier.contains(
                only.version
            )
    assert {"dm-tree", "six", "kt-legacy", "optree"} <= set(found)


def test_rows_that_a_cut_part_wrote_stay(gpu, tmp_path, monkeypatch):
    """Users rely on: a run that is cut keeps what it has measured."""
    hangs = tmp_path / "hangs.py"
    hangs.write_text(
        "import sys, time\n"
        "from pathlib import Path\n"
        "out = Path(sys.argv[sys.argv.index('--out') + 1])\n"
        "(out / 'costs.json').write_text('{\"rows\": [{\"network\": 0}]}')\n"
        "print('one is measured', flush=True)\n"
        "time.sleep(600)\n"
    )
    monkeypatch.setattr(gpu, "__file__", str(hangs))
    code, ended = gpu.supervise("costs", 3.0, ["--out", str(tmp_path)], tmp_path)
    assert code is None
    assert ended.startswith("cut at its limit after 3 s of at most 3 s")
    assert ended.endswith("(one is measured)")
    content = {**gpu.page.read(tmp_path, "costs"), "ended": ended}
    gpu.page.write(tmp_path, "costs", content, tuple(gpu.PARTS))
    page = (tmp_path / "gpu.md").read_text()
    assert "| network |\n|---|\n| 0 |" in page and "cut at its limit" in page
    assert json.loads((tmp_path / "costs.json").read_text())["ended"] == ended


def test_quick_ends_within_ten_minutes(gpu):
    assert sum(gpu.PARTS.values()) == pytest.approx(1)
    assert gpu.MINUTES["quick"] < 10
