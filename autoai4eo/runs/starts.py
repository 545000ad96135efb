"""The starts of a search: when, by which command, with which versions.

A search that is interrupted is started again by the same command; run.json keeps every
start.
"""

from __future__ import annotations

import importlib
import importlib.metadata
import json
import os
import platform
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextvars import ContextVar
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from autoai4eo import version

_PACKAGES = ("autokeras", "keras", "keras-tuner", "optuna", "numpy")
_VERSION = Path(version.__file__)
_GIT_S = 5.0  # a repository may be on a slow disk
_command: ContextVar[tuple[str, ...] | None] = ContextVar("command", default=None)


def begun_by(arguments: Sequence[str]) -> None:
    """Names the command that this process runs, for `start`.

    Args:
        arguments: of ``autoai4eo``, without passwords.
    """
    _command.set(tuple(arguments))


def start(device: str) -> dict[str, Any]:
    """Returns the record of a start that happens now.

    Args:
        device: that measures latency.

    Returns:
        ``time`` in UTC; ``command``: the arguments of ``autoai4eo``, or ``program``:
        the file of the Python code that began the search, maybe empty; ``folder``: the
        working directory; ``device`` and ``versions``.
    """
    command = _command.get()
    how: dict[str, Any] = {"program": sys.argv[0] if sys.argv else ""}
    if command is not None:
        how = {"command": list(command)}
    return {
        "time": datetime.now(UTC).isoformat(timespec="seconds"),
        **how,
        "folder": _working_directory(),
        "device": device,
        "versions": versions(),
    }


def earlier(known: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Returns the starts that run.json records, oldest first.

    Of earlier versions of this package, that recorded the last one only: that one, of
    which the command is not known.
    """
    if "starts" in known:
        return list(known["starts"])
    if "started" not in known:
        return []
    names = ("device", "versions")
    return [{"time": known["started"], **{name: known[name] for name in names}}]


def versions() -> dict[str, str]:
    """Returns the versions of Python and of what a search depends on.

    With the backend of Keras, with CUDA if networks are computed by it, and with the
    commit of this package if it is known.
    """
    import keras

    from autoai4eo.networks.device import cuda_version

    backend = keras.backend.backend()
    found = {
        # its own also where it runs from its source and is not installed
        "autoai4eo": version.__version__,
        "autoai4eo commit": _commit(),
        "python": platform.python_version(),
        **{name: importlib.metadata.version(name) for name in _PACKAGES},
        backend: str(importlib.import_module(backend).__version__),
        "cuda": cuda_version(),
    }
    return {name: known for name, known in found.items() if known is not None}


def _commit() -> str | None:
    """Returns the commit of this package; with ``-dirty`` if files were changed."""
    try:
        told = importlib.metadata.distribution("autoai4eo").read_text("direct_url.json")
    except importlib.metadata.PackageNotFoundError:
        told = None
    of_version_control = json.loads(told or "{}").get("vcs_info", {})
    if "commit_id" in of_version_control:
        return str(of_version_control["commit_id"])
    # a package among others in a repository of the user has not its commit
    if _git("ls-files", "--error-unmatch", _VERSION.name) is None:
        return None
    return _git("describe", "--always", "--abbrev=40", "--dirty", "--exclude=*")


def _git(*arguments: str) -> str | None:
    """Returns what git prints in the folder of the package; None if it fails."""
    try:
        done = subprocess.run(
            ["git", "-C", str(_VERSION.parent), *arguments],
            capture_output=True,
            text=True,
            timeout=_GIT_S,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None  # without git the commit is not known
    return done.stdout.strip() if done.returncode == 0 else None


def _working_directory() -> str:
    try:
        return os.getcwd()
    except FileNotFoundError:
        return ""  # it was removed meanwhile
