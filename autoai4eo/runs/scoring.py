"""Scores a network, and the references of its run beside it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from autoai4eo.data.dataset import Dataset
from autoai4eo.data.groups import members
from autoai4eo.data.spatial_blocks import SPATIAL_BLOCK, check_block_km
from autoai4eo.learning import evaluation
from autoai4eo.learning.by_group import by_group
from autoai4eo.learning.comparison import beside_references
from autoai4eo.learning.lazy_outputs import Outputs
from autoai4eo.learning.network import Network
from autoai4eo.learning.user_metrics import user_scores
from autoai4eo.runs import evaluations
from autoai4eo.runs.folder import Run
from autoai4eo.runs.learned_from import warn_if_learned
from autoai4eo.runs.network_id import Which
from autoai4eo.runs.reference_network import network_outputs


def evaluate(
    run: Path | None,
    model: Network,
    dataset: Dataset,
    batch_size: int,
    fitted: Mapping[str, Any],
    by: str | None = None,
    block_km: float | None = None,
    verbose: int = 0,
    metrics: Sequence[Any] = (),
    trial: Which = None,
) -> dict[str, Any]:
    """Scores a network, and the references of its run beside it; the run keeps that.

    Args:
        run: the folder; None: a network without a run.
        model: the network.
        dataset: samples with known targets.
        batch_size: patches per batch.
        fitted: the content of ``best/evaluation.json`` if it is the finalist; else {}.
        by: name of groups that are scored each.
        block_km: side of the squares of the group ``"spatial_block"`` in kilometres.
        verbose: 1 shows Keras's progress bar.
        metrics: of the user, see `autoai4eo.learning.user_metrics`.
        trial: the network's name in the run; None: it is the finalist.

    Returns:
        The result of `score_beside`, for a class that of
        `autoai4eo.learning.classification.ClassScorer` at the least; with groups
        ``by_group``, the result of `autoai4eo.learning.by_group.by_group`. Without
        ``against_reference`` if the network learned from these data.

    Warns:
        AutoAI4EOWarning: it is the finalist or an ensemble, and learned from these
            data; or the run cannot keep the scores.

    Raises:
        UserError: the target of a sample is unknown, there are no such groups, or the
            references are damaged.
    """
    evaluation.check_labelled(dataset)
    check_block_km(by, block_km)
    if by is not None:
        groups = members(dataset, by, block_km)
        if by == SPATIAL_BLOCK:
            dataset = dataset.with_group(by, groups)
    learned = warn_if_learned(run, dataset, fitted, trial) if run is not None else []
    output = evaluation.outputs_in_parts(model, dataset, batch_size, verbose)
    # which is better where both learned says nothing about other data
    scores = score_beside(run, dataset, output, fitted, batch_size, not learned)
    if run is not None:
        evaluations.keep(run, dataset, scores, trial, fitted, learned)
    scores = {**user_scores(metrics, dataset, output), **scores}
    if by is not None:
        scores["by_group"] = by_group(dataset, output, by, fitted, block_km)
    return scores


def score_beside(
    run: Path | None,
    dataset: Dataset,
    output: Outputs,
    fitted: Mapping[str, Any],
    batch_size: int = 32,
    compares: bool = True,
) -> dict[str, Any]:
    """Returns the scores of a network's output, and of the references of its run.

    Args:
        run, dataset, fitted: see `evaluate`.
        output: of the network for these samples.
        batch_size: of a network among the references.
        compares: see `autoai4eo.learning.comparison.beside_references`.

    Returns:
        The result of `evaluation.score`; where the run has references, also that of
        `autoai4eo.learning.comparison.beside_references`.
    """
    scores = evaluation.score(dataset, output, fitted)
    known = {} if run is None else Run(run).read_references()
    if run is None or not known:
        return scores
    trees = Run(run).trees
    networks = network_outputs(run, known, dataset, batch_size)
    objectives = Run(run).read()["arguments"].get("objective", ())
    beside = beside_references(
        known, trees, dataset, output, fitted, networks, objectives, compares
    )
    return {**scores, **beside}
