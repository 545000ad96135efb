"""Networks from disk."""

from __future__ import annotations

from pathlib import Path

import keras

from autoai4eo.errors import UserError
from autoai4eo.search.record import best_trial, open_study
from autoai4eo.search.run_folder import read_run


def load_model(path: str | Path) -> keras.Model:
    """The network in a ``.keras`` file, also where it has layers of this package.

    Raises:
        UserError: no such file, or not one that Keras reads.
    """
    from autoai4eo import blocks  # noqa: F401  (registers its layers)

    path = Path(path)
    if not path.is_file() or path.suffix != ".keras":
        found = "something else" if path.exists() else "nothing"
        raise UserError(
            f"{path}: expected a run folder or a .keras file, found {found}; check the "
            "path"
        )
    try:
        return keras.models.load_model(path, compile=False)
    except (ValueError, OSError) as error:
        reason = str(error).strip().splitlines()[0]
        raise UserError(
            f"{path}: expected a network saved by Keras, found a file that it cannot "
            f"read ({reason}); export it again"
        ) from None


def load_finalist(run: Path) -> keras.Model:
    """The finalist of a run.

    Raises:
        UserError: no run, or one without a finished search.
    """
    read_run(run)
    path = run / "best" / "model.keras"
    if not path.is_file():
        best_trial(open_study(run))
        raise UserError(
            f"{run}: expected a finished search, found one that was broken off; "
            "`autoai4eo fit` with the same folder goes on with it, or choose --trial"
        )
    return load_model(path)


def load_network(path: Path, trial: int | None = None) -> keras.Model:
    """The network of a run folder (the finalist, or a trial) or of a ``.keras`` file.

    Raises:
        UserError: there is none.
    """
    if not path.is_dir():
        return load_model(path)
    if trial is None:
        return load_finalist(path)
    read_run(path)
    network = path / "trials" / str(trial) / "model.keras"
    if not network.is_file():
        kept = sorted(int(p.parent.name) for p in path.glob("trials/*/model.keras"))
        raise UserError(
            f"{path}: expected a trained trial {trial}, found "
            f"{', '.join(map(str, kept)) or 'none'}; `autoai4eo trials {path}` lists "
            "them"
        )
    return load_model(network)
