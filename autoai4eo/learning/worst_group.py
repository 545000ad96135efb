"""The kappa of the worst group of samples, such as that of the worst city.

The kappa of all samples can hide a place that fails.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from autoai4eo.data.dataset import Dataset
from autoai4eo.data.groups import coarsest
from autoai4eo.errors import UserError
from autoai4eo.learning.classification import ClassScorer
from autoai4eo.learning.figures import VALIDATION
from autoai4eo.learning.objectives import Objective

#: The scores of `CountedGroups`.
WORST, MEDIAN = "worst_group_kappa", "median_group_kappa"
#: The worst score as an objective.
OBJECTIVE = f"{VALIDATION}{WORST}"
#: Fewer samples tell too little of a group to call it the worst.
LEAST = 10


@dataclass(frozen=True)
class CountedGroups:
    """The coarsest groups of a dataset, of which those that tell enough count.

    A group counts if it has `LEAST` samples or more, of two classes or more: otherwise
    its kappa is not defined.

    Attributes:
        by: the name of the groups, such as ``"city"``.
        names: of the groups that count.
        classes: names of the classes.
        rows: of the samples in groups that count.
        truth: the class of each of these samples.
        member: the number of the group of each of these samples.
    """

    by: str
    names: tuple[str, ...]
    classes: tuple[str, ...]
    rows: np.ndarray
    truth: np.ndarray
    member: np.ndarray

    @classmethod
    def of(cls, dataset: Dataset) -> CountedGroups | None:
        """Returns the groups that count, by samples with labels; None without any."""
        by = coarsest(dataset)
        if by is None or dataset.target.kind != "class":
            return None
        names, member = np.unique(dataset.groups[by], return_inverse=True)
        counts = np.zeros((len(names), dataset.num_classes), int)
        known = np.flatnonzero(dataset.known)
        np.add.at(counts, (member[known], dataset.labels[known]), 1)
        counted = (counts.sum(axis=1) >= LEAST) & ((counts > 0).sum(axis=1) > 1)
        if not counted.any():
            return None
        rows = known[counted[member[known]]]
        return cls(
            by,
            tuple(str(name) for name in names[counted]),
            dataset.class_names,
            rows,
            dataset.labels[rows],
            (np.cumsum(counted) - 1)[member[rows]],
        )

    def kappas(self, output: np.ndarray) -> np.ndarray:
        """Returns the kappa of each group that counts, (groups,).

        Args:
            output: of the network for all samples, (N, classes).
        """
        scorer = ClassScorer(self.classes)
        scorer.add(self.truth, output[self.rows], self.member)
        return scorer.of_each_group()["cohen_kappa"]

    def worst(self, output: np.ndarray) -> float:
        """Returns the kappa of the worst group, see `kappas`."""
        return float(self.kappas(output).min())

    def scores(self, output: np.ndarray) -> dict[str, Any]:
        """Returns scores for JSON, see `kappas`.

        Returns:
            ``worst_group_kappa``, ``median_group_kappa``, and ``worst_group``: its
            ``name``, the name of all ``groups``, how many ``count``, and the ``least``
            samples of these.
        """
        kappas = self.kappas(output)
        worst = {
            "name": self.names[int(kappas.argmin())],
            "groups": self.by,
            "count": len(kappas),
            "least": LEAST,
        }
        return {
            WORST: float(kappas.min()),
            MEDIAN: float(np.median(kappas)),
            "worst_group": worst,
        }


def is_asked_for(objectives: Iterable[Objective]) -> bool:
    """Returns whether the kappa of the worst group is an objective."""
    return OBJECTIVE in [objective.name for objective in objectives]


def check_groups(objectives: Iterable[Objective], validation: Dataset) -> None:
    """Checks that validation data have the groups that an objective needs.

    Raises:
        UserError: the kappa of the worst group is an objective, and the target is not
            one class per patch, or no group of the validation data counts.
    """
    if not is_asked_for(objectives):
        return
    if validation.target.kind != "class":
        raise UserError(
            f"objective: {OBJECTIVE} is of data with one class per patch, found "
            f"{validation.path} with a target of kind {validation.target.kind}; choose "
            "another objective"
        )
    by = coarsest(validation)
    if by is None:
        raise UserError(
            f"objective: {OBJECTIVE} needs validation data with two groups or more "
            f"(city, parent, …), found none in {validation.path}; give data with "
            f"groups, or take {VALIDATION}cohen_kappa"
        )
    if CountedGroups.of(validation) is None:
        raise UserError(
            f"objective: {OBJECTIVE} needs groups of {LEAST} samples or more and of "
            f"two classes or more, found none among the groups {by} of "
            f"{validation.path}; give larger groups, or take {VALIDATION}cohen_kappa"
        )
