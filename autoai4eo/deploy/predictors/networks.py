"""Loads networks from disk."""

from __future__ import annotations

from pathlib import Path

import keras

from autoai4eo.errors import UserError
from autoai4eo.runs.belonging import finalist_file
from autoai4eo.runs.folder import Run
from autoai4eo.runs.layout import check_no_links
from autoai4eo.runs.network_id import Which, network_id
from autoai4eo.runs.networks import network_path
from autoai4eo.runs.study import best_trial, open_study
from autoai4eo.runtimes.openvino import FILE

#: Exported folders, by a file in them.
_EXPORTED = {"saved_model.pb": "a SavedModel", FILE: "an OpenVINO network"}


def load_model(path: str | Path) -> keras.Model:
    """Loads a ``.keras`` file, also one with layers of this package.

    Raises:
        UserError: the file does not exist, or Keras cannot read it.
    """
    from autoai4eo import blocks  # noqa: F401  (registers its layers)

    path = Path(path).expanduser()
    if not path.is_file() or path.suffix != ".keras":
        raise UserError(
            f"{path}: expected a .keras file, found {what_is(path)}; check the path, "
            "or open a run with open_run and a model of another format with "
            "deploy.load_predictor"
        )
    try:
        # safe_mode: the file cannot run code or read other files
        model = keras.models.load_model(path, compile=False, safe_mode=True)
        if not isinstance(model, keras.Model) or not model.built:
            raise TypeError(f"a {type(model).__name__} that is no whole network")
        _ = model.inputs, model.outputs
    except Exception as error:  # for a wrong file Keras raises errors of any class
        raise UserError(
            f"{path}: expected a network saved by Keras, found a file that it cannot "
            f"read ({reason(error)}); restore it from a copy, or export it again"
        ) from None
    return model


def what_is(path: Path) -> str:
    """Returns what is at a path, for messages."""
    if path.is_dir():
        return "a folder"
    return f"a file {path.suffix or 'without suffix'}" if path.exists() else "nothing"


def reason(error: Exception) -> str:
    """Returns the first line that tells of another library's error, shortened."""
    lines = str(error).strip().splitlines()
    # OpenVINO begins with places in its source
    told = [
        text for text in lines if not text.startswith(("Exception from", "Check '"))
    ]
    return ([*told, *lines, type(error).__name__][0]).strip()[:200]


def load_finalist(run: Path) -> keras.Model:
    """Loads the finalist of a run.

    Raises:
        UserError: the folder is no run, or has no finalist.
    """
    return load_model(network_file(run))


def load_network(path: Path, trial: Which = None) -> keras.Model:
    """Loads a network of a run, see `network_file`, or of a ``.keras`` file.

    Raises:
        UserError: it does not exist, or cannot be read.
    """
    for file, kind in _EXPORTED.items():
        if (path / file).is_file() and not Run(path).json.exists():
            raise UserError(
                f"{path}: expected a run folder or a .keras file, found {kind}, which "
                "evaluate, predict and map take; export with --format keras"
            )
    if not path.is_dir() and (not path.is_file() or path.suffix != ".keras"):
        raise UserError(
            f"{path}: expected a run folder or a .keras file, found {what_is(path)}; "
            "check the path"
        )
    return load_model(network_file(path, trial) if path.is_dir() else path)


def network_file(run: Path, trial: Which = None) -> Path:
    """Returns the ``.keras`` file of a network of a run.

    Args:
        run: the folder.
        trial: the number of a trial, or an ensemble such as ``"ensemble-0"``; None: the
            finalist.

    Raises:
        UserError: the folder is no run, or has no finalist or no such network.
    """
    check_no_links(run)
    asked = Run(run).read()["arguments"]
    if trial is not None:
        return network_path(run, network_id(trial))
    if not Run(run).network.is_file():
        if Run(run).is_at_work():
            raise UserError(
                f"{run}: expected a finished search, found a search at work in it; "
                "wait for it, or choose a trial that ended with --trial"
            )
        best_trial(open_study(run))
        if asked.get("finalists") == 0:
            raise UserError(
                f"{run}: expected a search with a finalist, found one that ends with "
                "its trials; choose one of them with --trial"
            )
        raise UserError(
            f"{run}: expected a finished search, found an interrupted one; "
            "`autoai4eo fit` with the same folder resumes it, or choose --trial"
        )
    return finalist_file(run)
