"""Compares a network with the references of its run, on the same samples."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from autoai4eo.data.dataset import Dataset
from autoai4eo.learning.evaluation import groups_of, resampled_by, scored
from autoai4eo.learning.figures import FIGURES, VALIDATION
from autoai4eo.learning.intervals import blocks, interval
from autoai4eo.learning.lazy_outputs import Outputs
from autoai4eo.learning.mask_references import judged_rows, told_part
from autoai4eo.learning.references import reference_outputs
from autoai4eo.learning.registry import task_of

#: Scores that differ by less, relative to them, differ by the order of a sum.
_ROUNDING = 1e-12


def beside_references(
    record: Mapping[str, Any],
    trees: Path,
    dataset: Dataset,
    output: Outputs,
    fitted: Mapping[str, Any],
    networks: Mapping[str, Outputs] | None = None,
    objectives: Sequence[str] = (),
    compares: bool = True,
) -> dict[str, Any]:
    """Scores references on the same samples as a network, and compares, for JSON.

    The comparison is a paired bootstrap of whole groups: each resample scores the
    network and the reference on the same samples, of masks on those of `judged_rows`.
    The score is the first objective of the search that has intervals; if none has, the
    one that a search improves by default.

    Args:
        record, trees: of the references, see `autoai4eo.learning.references`.
        dataset: N samples with known targets.
        output: of the network for these samples, (N, …).
        fitted: the result of `Task.fit` for the network; without one, that of the
            references is not used either.
        networks: output of further references for these samples, by name.
        objectives: names of the objectives of the search.
        compares: whether to compare the network; False: ``against_reference`` is left
            out.

    Returns:
        ``references``: the scores of each by name. ``against_reference``: of the
        reference that the network surpasses least, its name ``other``; ``metric``;
        ``difference``: how much better the network is, in units of the metric;
        ``interval``: [lower, upper] (95 %) of that. Both with the result of
        `autoai4eo.learning.evaluation.resampled_by`, and ``against_reference`` with
        ``tiles`` and ``all_tiles`` if these are a part of all, and the ``params`` of a
        reference that is a network.
    """
    _, groups = groups_of(dataset)
    rows = judged_rows(dataset)
    whole = len(rows) == len(dataset)
    drawn = resampled_by(dataset if whole else dataset.subset(rows))
    part = told_part(dataset, rows)
    if groups is None:
        groups = blocks(len(dataset))
    references, scores = {}, {}
    others = {**reference_outputs(record, trees, dataset), **(networks or {})}
    for name, found in others.items():
        known = record["fitted"].get(name) if fitted else None
        references[name] = scored(dataset, found, groups, known, rows)
        scores[name] = {**references[name].result(), **drawn}
    if not compares:
        return {"references": scores}
    network = scored(dataset, output, groups, fitted, rows)
    mine, my_draws = network.result(), network.resampled()
    default = task_of(dataset.target).objective.name
    wanted = [name.removeprefix(VALIDATION) for name in (*objectives, default)]
    metric = next(name for name in wanted if name in my_draws)
    sign = 1 if FIGURES[metric].direction == "max" else -1
    against = []
    for name, reference in references.items():
        size = {n: v for n, v in record.get(name, {}).items() if n == "params"}
        ours, theirs = my_draws[metric], reference.resampled()[metric]
        equal = np.isclose(ours, theirs, rtol=_ROUNDING, atol=0)
        gains = np.where(equal, 0.0, sign * (ours - theirs))
        against.append(
            {
                "other": name,
                "metric": metric,
                "difference": sign * (mine[metric] - scores[name][metric]),
                "interval": interval(gains),
                **drawn,
                **part,
                **size,
            }
        )
    least = min(against, key=lambda found: found["difference"])
    return {"references": scores, "against_reference": least}
