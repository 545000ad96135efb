"""``autoai4eo device serve``, as a user starts it."""

import contextlib
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
import urllib.request
import venv
from urllib.parse import quote

import onnx_networks as networks
import pytest
from commands import run  # noqa: F401
from device_servers import ROOT, TOKEN, Served

from autoai4eo.devices.client import Client

HEAVY = ("keras", "tensorflow", "typer", "rich", "optuna", "autokeras", "pandas")


def serve(*options, python=sys.executable, timeout=60, **environment):
    return subprocess.run(
        [python, "-P", "-m", "autoai4eo", "device", "serve", *map(str, options)],
        capture_output=True,
        text=True,
        timeout=timeout,
        env={**os.environ, "PYTHONPATH": str(ROOT), **environment},
    )


def test_help_shows_an_example():
    done = serve("--help")
    assert done.returncode == 0
    assert "Example: autoai4eo device serve --runtime litert" in done.stdout
    assert "--token-file" in done.stdout


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        (["--port", 99999], "--port: expected 0 to 65535"),
        (["--threads", 0], "--threads: expected 1 or more"),
        (["--max-mib", -1], "--max-mib: expected 1 or more"),
        (["--token-file", "/nowhere/token"], "/nowhere/token: expected a file"),
        (["--host", "192.0.2.1"], "--host 192.0.2.1 .*: expected an address of this"),
        (["--runtime", "tensorflow"], "invalid choice"),
        (["--prot", "1"], "unrecognized arguments"),
    ],
)
def test_a_wrong_call_ends_with_status_2_and_a_line(options, reason):
    done = serve(*options)
    assert done.returncode == 2
    assert re.search(reason, done.stderr)
    assert "Traceback" not in done.stderr and not done.stdout


def test_a_short_token_is_made_anew_where_the_device_is_started(tmp_path):
    (tmp_path / "token").write_text("short")
    done = serve("--token-file", tmp_path / "token")
    assert done.returncode == 2
    assert "expected a token of 16 or more" in done.stderr
    assert "make one: python3 -c" in done.stderr


def test_a_token_is_printed_once_and_no_other_is_accepted():
    command = [sys.executable, "-P", "-m", "autoai4eo", "device", "serve", "--port=0"]
    process = subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    try:
        lines = [process.stdout.readline() for _ in range(3)]
        (token,) = re.findall(r"^AUTOAI4EO_DEVICE_TOKEN=(\S+)$", "".join(lines), re.M)
        assert len(token) >= 43 and token != TOKEN
        url = "http://127.0.0.1:" + lines[-1].strip().rpartition(":")[2]
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("AUTOAI4EO_DEVICE_TOKEN", token)
            assert Client(url).about()["runtime"] == "onnx"
        with pytest.raises(Exception, match="refuses it"):
            Client(url).about()
    finally:
        process.send_signal(signal.SIGTERM)
        rest, _ = process.communicate(timeout=30)
    assert process.returncode == 0
    assert token not in rest and "the server has ended" in rest


def test_beyond_this_machine_it_warns(tmp_path):
    with Served(tmp_path, "--host", "0.0.0.0") as served:
        assert any("warning: listens beyond this machine" in x for x in served.lines)
        assert Client(served.url).about()
    with Served(tmp_path) as served:
        assert not any("warning" in line for line in served.lines)


def test_it_ends_at_once_while_it_measures_and_leaves_nothing(tmp_path, monkeypatch):
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    with Served(tmp_path) as served:
        asked = threading.Thread(target=ask_in_vain, args=(served.url,), daemon=True)
        asked.start()
        end = 100
        while not list(tmp_path.glob("autoai4eo-scratch-*/*/network.onnx")) and end:
            time.sleep(0.1)
            end -= 1
        assert end, "the network has arrived"
        assert served.stop(signal.SIGTERM) == 0
    assert list(tmp_path.glob("autoai4eo-scratch-*")) == []


def ask_in_vain(url):
    request = urllib.request.Request(
        f"{url}/measure?job={quote(networks.JOB.text())}",
        networks.looping(),
        {"Authorization": f"Bearer {TOKEN}"},
    )
    with contextlib.suppress(OSError):
        urllib.request.urlopen(request, timeout=60)


def test_the_server_loads_nothing_heavy():
    code = (
        "import sys\n"
        "import autoai4eo.devices.serving, autoai4eo.devices.measuring\n"
        f"print(*(m for m in {HEAVY} if m in sys.modules))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        cwd=ROOT,
    )
    assert done.stdout.split() == []


def test_the_command_line_of_python_knows_it_too(run):  # noqa: F811
    done = run("device", "serve", "--port", 99999)
    assert done.status == 2 and "--port: expected 0 to 65535" in done.err
    done = run("device", "--help")
    assert done.status == 0 and "serve" in done.out


@pytest.mark.parametrize(
    ("url", "content", "reason"),
    [
        ("http://127.0.0.1:9", TOKEN, "expected a device, found none"),
        ("raspberrypi", TOKEN, "expected http://HOST:PORT"),
        ("http://127.0.0.1:9", "short", "give the one that autoai4eo device serve"),
    ],
)
def test_fit_with_a_device_that_cannot_be_used_ends_with_status_2(
    run,  # noqa: F811
    so2sat,
    tmp_path,
    monkeypatch,
    url,
    content,
    reason,
):
    monkeypatch.delenv("AUTOAI4EO_DEVICE_TOKEN")
    monkeypatch.setenv("AUTOAI4EO_DEVICE_TOKEN_FILE", "")  # put back at the end
    file = tmp_path / "token"
    file.write_text(content)
    done = run(
        *("fit", so2sat / "training.h5", "--out", tmp_path / "RUN", "--device", url),
        *("--device-token-file", file),
    )
    assert done.status == 2 and reason in done.err.splitlines()[-1]
    assert not (tmp_path / "RUN" / "run.json").exists()


def clone(folder):
    """The files that are installed, so that building leaves nothing in the project."""
    folder.mkdir()
    for name in ("pyproject.toml", "setup.py", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, folder)
    ignore = shutil.ignore_patterns("__pycache__")
    shutil.copytree(ROOT / "autoai4eo", folder / "autoai4eo", ignore=ignore)
    return folder


@pytest.mark.slow
def test_it_runs_where_there_is_numpy_and_one_runtime_only(tmp_path):
    """As docs/devices.md says: the package without its dependencies, in a venv."""
    folder = tmp_path / "venv"
    venv.create(folder, with_pip=True)
    python = folder / "bin" / "python"
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"}

    def pip(*words):
        install = [python, "-m", "pip", "install", "--quiet"]
        subprocess.run([*install, *words], check=True, env=environment)

    pip("numpy", "onnxruntime")
    pip("setuptools>=77")  # builds the package
    pip("--no-deps", "--no-build-isolation", clone(tmp_path / "clone"))
    listed = subprocess.run(
        [python, "-m", "pip", "list"], capture_output=True, text=True, env=environment
    ).stdout.lower()
    assert "autoai4eo" in listed
    assert not [name for name in HEAVY if re.search(rf"^{name}\s", listed, re.M)]
    file = tmp_path / "token"
    file.write_text(TOKEN)
    process = subprocess.Popen(
        [folder / "bin/autoai4eo", "device", "serve", "--port=0", "--token-file", file],
        stdout=subprocess.PIPE,
        text=True,
        cwd=tmp_path,
        env=environment,
    )
    try:
        for line in process.stdout:
            if "serving on" in line:
                break
        asked = Client("http://127.0.0.1:" + line.strip().rpartition(":")[2])
        assert asked.about()["runtime"] == "onnx"
        answer = asked.measure(networks.whole(), networks.JOB)
        assert answer["median_ms"] > 0
    finally:
        process.terminate()
        process.communicate(timeout=30)
    assert process.returncode == 0
    # other commands say what is missing, as Python does
    done = subprocess.run(
        [folder / "bin" / "autoai4eo", "--help"],
        capture_output=True,
        text=True,
        env=environment,
    )
    assert done.returncode != 0 and "typer" in done.stderr


def test_its_runtime_must_be_installed():
    code = (
        "import sys\n"
        f"sys.path.insert(0, {str(ROOT)!r})\n"
        "import importlib.util as u\n"
        "found = u.find_spec\n"
        "u.find_spec = lambda n, *a: None if n == 'onnxruntime' else found(n, *a)\n"
        "from autoai4eo.devices.serving import main\n"
        "sys.exit(main(['--port', '0']))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 2
    assert "expected the package onnxruntime, found none; pip install onnxr" in (
        done.stderr
    )
