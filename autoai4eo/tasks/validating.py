"""Scores the finalist on the validation data, once, and records the scores."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from autoai4eo import deploy
from autoai4eo.data.dataset import Dataset
from autoai4eo.data.pictures import pictures
from autoai4eo.errors import UserError, warn
from autoai4eo.learning import evaluation
from autoai4eo.learning.lazy_outputs import Outputs
from autoai4eo.learning.registry import task_of
from autoai4eo.log import told_while
from autoai4eo.networks.outputs import without_spread
from autoai4eo.runs import ensembles
from autoai4eo.runs.folder import Run, locked
from autoai4eo.runs.layout import own_folder
from autoai4eo.runs.network_id import TRAINING, finalist_in
from autoai4eo.runs.scoring import score_beside
from autoai4eo.tasks.kept_tiles import JudgedOutputs, judged_outputs, keep_tiles

_SHOWN = 12


def judge(
    run: Path, validation: Dataset, batch_size: int, tell: Callable[[str], None]
) -> None:
    """Does `validate` while no other worker does, and tells so."""
    with locked(run, "finalist"):
        if not _is_done(run, validation):
            with told_while(tell, _doing(run)):
                validate(run, validation, batch_size)


def _is_done(run: Path, validation: Dataset) -> bool:
    """Returns whether ``RUN/best`` has all that `validate` writes."""
    folder, task = Run(run), task_of(validation.target)
    kept = folder.read_evaluation()
    references = folder.read_references().get("scores", {}).keys()
    done = {"evaluated_on", *task.fitted} <= kept.keys()
    done = done and references <= kept.get("references", {}).keys()
    pictured = folder.pictured(task.target.kind)
    return done and (pictured is None or pictured.is_file())


def _doing(run: Path) -> str:
    """Returns what `validate` does, in words."""
    kept = Run(run).read_evaluation()
    if kept.get("trained_on", TRAINING) == TRAINING:
        return "evaluating the finalist on the validation data"
    return (
        f"evaluating {finalist_in(kept)} as the search left it on the validation data, "
        "which the finalist learned from"
    )


def validate(run: Path, validation: Dataset, batch_size: int = 32) -> None:
    """Writes scores, fitted parameters and mistakes of the finalist to ``RUN/best``.

    ``evaluation.json`` gets the result of `score_beside` and what `Task.fit` fits: for
    a class the ``temperature`` and the ``calibrated_expected_calibration_error`` of the
    same samples; for labels the ``thresholds``. Its ``evaluated_network`` is
    ``"finalist"``, or ``"trial"`` if the finalist was trained on the validation data
    too, which its trial was not. For masks, ``tiles.npz`` gets the worst and the best
    tiles, see `keep_tiles`. For a class, ``mistakes.npz`` gets up to twelve
    patches, the surest one of each confusion: ``truth``, ``prediction``,
    ``confidence``, for each input ``image_NAME``, uint8 (n, H, W, 3), and ``network``,
    the finalist's digest. A second call does nothing.

    Args:
        run: the folder of a run with a trained finalist.
        validation: the data that candidates were judged on.
        batch_size: patches per batch.
    """
    folder = Run(run)
    kept = folder.read_evaluation()
    finalist = finalist_in(kept)
    if finalist is None or _is_done(run, validation):
        return
    task = task_of(validation.target)
    apart = kept["trained_on"] == TRAINING
    try:
        if apart or not finalist.is_ensemble:
            network = deploy.load_network(run, None if apart else finalist.key)
            found = judged_outputs(network, validation, batch_size)
        else:
            found = _before_refit(run, finalist.number, validation, batch_size)
    except UserError as error:
        warn(f"{error}; the finalist has no scores without it")
        return
    fitted = {}
    if isinstance(found, np.ndarray):
        fitted = task.fit(validation.targets, found)
    scores = score_beside(run, validation, found, fitted, batch_size)
    if isinstance(found, JudgedOutputs):
        keep_tiles(folder, validation, found, kept.get("network"))
    elif isinstance(found, np.ndarray) and task.target.kind == "class":
        _keep_mistakes(folder, validation, found, kept.get("network"))
    folder.write_evaluation(
        {
            **kept,
            "evaluated_on": "validation",
            "evaluated_network": "finalist" if apart else "trial",
            **scores,
            **fitted,
        }
    )


def _before_refit(
    run: Path, number: int, validation: Dataset, batch_size: int
) -> Outputs:
    """Returns the output of an ensemble of the trials' networks, as it was selected."""
    weights = ensembles.read(run, number).weights
    members = [
        without_spread(deploy.load_network(run, trial), validation.target)
        for trial in weights
    ]

    def mean(part: Dataset) -> np.ndarray:
        some = [
            weight * evaluation.outputs(member, part, batch_size)
            for member, weight in zip(members, weights.values(), strict=True)
        ]
        return np.asarray(sum(some))

    if validation.target.kind == "mask":
        return JudgedOutputs(validation, mean)
    return mean(validation)


def keep_test(run: Path, network: str | None, scores: Mapping[str, Any]) -> None:
    """Writes scores of the finalist on test data, ``RUN/best/test.json``.

    Args:
        run: the folder.
        network: the digest of the scored finalist.
        scores: from `evaluation.evaluate`.

    Raises:
        UserError: the run has another finalist by now.
    """
    with locked(run, "finalist"):
        if Run(run).read_evaluation().get("network") != network:
            raise UserError(
                f"{run}: expected the finalist that was tested, found another one "
                "since; give the same command again"
            )
        own_folder(Run(run).best)
        Run(run).write_test({"network": network, **scores})


def _keep_mistakes(
    run: Run, dataset: Dataset, probabilities: np.ndarray, network: str | None
) -> None:
    predicted, confidence = probabilities.argmax(axis=-1), probabilities.max(axis=-1)
    wrong = np.flatnonzero(predicted != dataset.labels)
    surest = wrong[np.argsort(-confidence[wrong], kind="stable")]
    kinds = np.stack([dataset.labels[surest], predicted[surest]], axis=1)
    _, first = np.unique(kinds, axis=0, return_index=True)
    chosen = surest[np.sort(first)][:_SHOWN]
    pixels = dataset.read(chosen) if len(chosen) else {}
    images = {
        f"image_{spec.name}": pictures(pixels[spec.name], spec)
        for spec in dataset.inputs
        if spec.name in pixels
    }
    of = {} if network is None else {"network": np.array(network)}
    run.write_mistakes(
        {
            "truth": dataset.labels[chosen],
            "prediction": predicted[chosen],
            "confidence": confidence[chosen],
            **of,
            **images,
        }
    )
