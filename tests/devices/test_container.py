"""The container file of the device server, without a container: what it would hold."""

import json
import re
import tomllib

import pytest
from device_servers import ROOT

from autoai4eo.devices import serving
from autoai4eo.runtimes import RUNTIMES

FILE = ROOT / "docs" / "device.Containerfile"


@pytest.fixture(scope="module")
def steps():
    """By instruction, what follows it, in order."""
    found = {}
    for line in FILE.read_text().splitlines():
        if line and not line.startswith("#"):
            word, _, rest = line.partition(" ")
            found.setdefault(word, []).append(rest)
    return found


def test_it_copies_what_the_package_is_built_from_and_nothing_else(steps):
    copied = [name for line in steps["COPY"] for name in line.split()[:-1]]
    assert all((ROOT / name).exists() for name in copied)
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    needed = {"pyproject.toml", "setup.py", "autoai4eo", project["readme"]}
    assert set(copied) == needed | set(project["license-files"])
    assert "ADD" not in steps


def test_it_installs_numpy_and_a_runtime_without_dependencies_of_ours(steps):
    first, second, *_ = steps["RUN"]
    assert first.endswith('numpy "$RUNTIME"')
    assert "--no-deps /src" in second
    served = {RUNTIMES[name].distribution for name in serving.SERVED}
    (default,) = steps["ARG"]
    other = re.search(r"RUNTIME=([\w-]+) \.\.\.", FILE.read_text())[1]
    assert {default.removeprefix("RUNTIME="), other} == served
    requires = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    version = re.search(r"python:3\.(\d+)-slim", steps["FROM"][0])[1]
    assert f"Python :: 3.{version}" in " ".join(requires["classifiers"])


def test_its_entry_point_is_the_command_and_its_options_are_understood(steps):
    scripts = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["scripts"]
    entry, options = (json.loads(steps[word][0]) for word in ("ENTRYPOINT", "CMD"))
    assert entry[0] in scripts and entry[1:] == ["device", "serve"]
    read = serving._options().parse_args(options)
    assert read.host == "0.0.0.0" and str(read.token_file).startswith("/run/secrets")
    assert steps["EXPOSE"] == [str(read.port)]


def test_it_does_not_run_as_root_and_holds_no_secret(steps):
    assert steps["USER"] == ["device"]
    assert "ENV" not in steps


def test_the_page_tells_how_to_run_it():
    page = (ROOT / "docs" / "devices.md").read_text()
    assert "-f docs/device.Containerfile" in page
    assert "-p 127.0.0.1:8642:8642" in page and "/run/secrets/device_token" in page
