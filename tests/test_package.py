"""What is installed, how fast it starts, that the two commands set themselves up."""

import os
import resource
import shutil
import statistics
import subprocess
import sys
import tomllib
import zipfile
from collections.abc import Sequence
from pathlib import Path

import pytest

import autoai4eo

ROOT = Path(__file__).resolve().parents[1]
COMMAND = Path(sys.executable).with_name("autoai4eo")
HEAVY = ("tensorflow", "jax", "keras", "autokeras", "keras_tuner", "pandas", "optuna")
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


def seconds(command: Sequence[str | Path]) -> float:
    """Processor seconds (user and system) of a command, the median of three runs.

    Not wall-clock: other tests run beside this one, and waiting for them is not the
    command's doing. On an idle machine a command of one thread takes as long by the
    clock, but for what it waits for the disk.
    """
    runs = []
    for _ in range(3):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run(command, check=True, capture_output=True, cwd=ROOT)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        runs.append(after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime)
    return statistics.median(runs)


def heavy_modules_after(code: str) -> list[str]:
    """Which of `HEAVY` a fresh process holds once it has run `code`."""
    report = f"print('LOADED', *(m for m in {HEAVY} if m in sys.modules))"
    done = subprocess.run(
        [sys.executable, "-c", f"import sys\n{code}\n{report}"],
        check=True,
        capture_output=True,
        text=True,
        cwd=ROOT,
    )
    return done.stdout.rpartition("LOADED")[2].split()


def test_import_takes_half_a_second_at_most() -> None:
    assert seconds([sys.executable, "-c", "import autoai4eo"]) <= 0.5


def test_help_takes_half_a_second_at_most() -> None:
    assert seconds([COMMAND, "--help"]) <= 0.5


def test_import_loads_nothing_heavy() -> None:
    assert heavy_modules_after("import autoai4eo") == []


def test_help_loads_nothing_heavy() -> None:
    call = (
        "from autoai4eo.cli import main\n"
        "sys.argv = ['autoai4eo', '--help']\n"
        "try:\n    main()\nexcept SystemExit:\n    pass"
    )
    assert heavy_modules_after(call) == []


def test_a_heavy_module_would_be_noticed() -> None:
    assert heavy_modules_after("import optuna") == ["optuna"]


@pytest.mark.parametrize("given", [None, "ACTIVE"])
def test_threads_that_wait_sleep_unless_the_user_says_otherwise(given: str) -> None:
    """Trees took twenty times as long where other processes used the cores."""
    name = "OMP_WAIT_POLICY"
    environment = {k: v for k, v in os.environ.items() if k != name}
    code = f"import os, autoai4eo; print(os.environ[{name!r}])"
    found = subprocess.run(
        [sys.executable, "-c", code],
        env={**environment, **({name: given} if given else {})},
        check=True,
        capture_output=True,
        text=True,
        cwd=ROOT,
    )
    assert found.stdout.strip() == (given or "PASSIVE")


def test_one_version() -> None:
    assert autoai4eo.__version__ == PROJECT["version"]


def test_the_changelog_knows_the_version_or_is_unreleased() -> None:
    changelog = (ROOT / "CHANGELOG.md").read_text()
    assert "[Unreleased]" in changelog or f"[{PROJECT['version']}]" in changelog


@pytest.mark.parametrize("name", ["blocks", "tasks"])
def test_the_links_at_the_top_lead_into_the_package(name: str) -> None:
    link = ROOT / name
    assert link.is_symlink()
    assert link.resolve() == ROOT / "autoai4eo" / name
    assert (link / "__init__.py").is_file()


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The project as a new clone has it, without what was made in this one."""
    folder = tmp_path_factory.mktemp("clone")
    for name in ("setup.py", "pyproject.toml", "Makefile", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, folder)
    for name in ("autoai4eo", "blocks", "tasks", "tests"):
        ignore = shutil.ignore_patterns("__pycache__")
        if (ROOT / name).is_symlink():
            os.symlink(os.readlink(ROOT / name), folder / name)
        else:
            shutil.copytree(ROOT / name, folder / name, ignore=ignore)
    return folder


def test_the_wheel_holds_the_package_and_nothing_beside_it(
    clone: Path, tmp_path: Path
) -> None:
    build = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps"]
    build += ["--no-build-isolation", "--wheel-dir", str(tmp_path), str(clone)]
    subprocess.run(build, check=True, capture_output=True)
    (wheel,) = tmp_path.glob("*.whl")
    names = zipfile.ZipFile(wheel).namelist()
    package = {name for name in names if name.startswith("autoai4eo/")}
    beside = {name.split("/")[0] for name in set(names) - package}
    assert beside == {f"autoai4eo-{PROJECT['version']}.dist-info"}
    folder = ROOT / "autoai4eo"
    sources = {p for p in folder.rglob("*.py*") if p.suffix == ".py"}
    texts = (".css", ".html", ".js", ".json", ".sh")
    templates = {p for p in folder.rglob("*") if p.suffix in texts}
    expected = {p.relative_to(ROOT).as_posix() for p in sources | templates}
    assert package == expected | {"autoai4eo/py.typed"}


def make(clone: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """`make` as a user types it, free of the variables of a `make` around the tests."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith("MAKE")}
    environment.pop("MFLAGS", None)
    return subprocess.run(
        ["make", *words], cwd=clone, env=environment, capture_output=True, text=True
    )


@pytest.mark.parametrize("target", ["demo", "test"])
def test_a_clone_makes_a_venv_of_its_own(clone: Path, target: str) -> None:
    plan = make(clone, "--dry-run", target, f"PYTHON={sys.executable}").stdout
    lines = plan.splitlines()
    assert f"{sys.executable} -m venv .venv" in lines
    assert str(ROOT) not in plan.replace(sys.executable, "")
    installs = [line for line in lines if "pip install" in line]
    assert len(installs) == 1
    assert installs[0].startswith(".venv/bin/python")


def test_without_a_python_make_says_what_it_needs(clone: Path) -> None:
    done = make(clone, "demo", "PYTHON=")
    assert done.returncode == 2
    assert done.stderr.startswith("error: expected Python 3.11 to 3.13")
    assert not (clone / ".venv").exists()
