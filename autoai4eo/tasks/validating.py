"""The finalist held against the validation data, once, for the record of the run."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from autoai4eo import deploy
from autoai4eo.data.dataset import Dataset
from autoai4eo.data.pictures import pictures
from autoai4eo.deploy.calibration import fit_temperature, scaled
from autoai4eo.files import in_one_step, write_json
from autoai4eo.search.run_folder import read_evaluation
from autoai4eo.tasks import evaluation
from autoai4eo.tasks.calibration import expected_calibration_error, reliability

MISTAKES = 12


def validate(run: Path, validation: Dataset, batch_size: int = 32) -> None:
    """Adds scores, calibration and mistakes of the finalist to ``RUN/best``.

    ``evaluation.json`` gets the scores of `evaluation.evaluate`, the ``temperature``
    that was fitted, ``calibrated_expected_calibration_error``, which is that of the
    same samples after it, and ``evaluated_network``: ``"finalist"``, or ``"trial"``
    where the finalist was trained on the validation data, too; its trial was not.
    ``mistakes.npz`` gets up to twelve patches, of each confusion the one that the
    network was surest of: ``truth``, ``prediction``, ``confidence``, and by input an
    ``image_NAME``, uint8 (n, H, W, 3). Nothing is done where it was done before.

    Args:
        run: the folder; its finalist is trained.
        validation: what candidates were judged on.
        batch_size: patches at a time.
    """
    path = run / "best" / "evaluation.json"
    kept = read_evaluation(run)
    if "temperature" in kept:
        return
    apart = kept["trained_on"] == "training"
    network = deploy.load_network(run, None if apart else kept["trial"])
    found = evaluation.probabilities(network, validation, batch_size)
    temperature = fit_temperature(validation.labels, found)
    calibrated = reliability(validation.labels, scaled(found, temperature))
    _keep_mistakes(run / "best" / "mistakes.npz", validation, found)
    write_json(
        path,
        {
            **kept,
            "evaluated_on": "validation",
            "evaluated_network": "finalist" if apart else "trial",
            **evaluation.judge(validation, found),
            "temperature": temperature,
            "calibrated_expected_calibration_error": expected_calibration_error(
                calibrated
            ),
        },
    )


def _keep_mistakes(path: Path, dataset: Dataset, probabilities: np.ndarray) -> None:
    predicted, confidence = probabilities.argmax(axis=-1), probabilities.max(axis=-1)
    wrong = np.flatnonzero(predicted != dataset.labels)
    surest = wrong[np.argsort(-confidence[wrong], kind="stable")]
    kinds = np.stack([dataset.labels[surest], predicted[surest]], axis=1)
    _, first = np.unique(kinds, axis=0, return_index=True)
    chosen = surest[np.sort(first)][:MISTAKES]
    pixels = dataset.read(chosen) if len(chosen) else {}
    images = {
        f"image_{spec.name}": pictures(pixels[spec.name], spec)
        for spec in dataset.inputs
        if spec.name in pixels
    }
    with in_one_step(path) as temporary:
        np.savez_compressed(
            temporary,
            truth=dataset.labels[chosen],
            prediction=predicted[chosen],
            confidence=confidence[chosen],
            **images,  # type: ignore[arg-type]
        )
