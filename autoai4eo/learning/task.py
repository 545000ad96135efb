"""Task and Scorer: what is learnt for a kind of target, and how it is judged."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol

import numpy as np

from autoai4eo.data.dataset import Dataset
from autoai4eo.data.target import Target
from autoai4eo.errors import UserError
from autoai4eo.learning.objectives import Objective


class Scorer(Protocol):
    """Judges a network's output batch by batch."""

    def add(
        self, truth: np.ndarray, output: np.ndarray, group: np.ndarray | None = None
    ) -> None:
        """Takes n samples.

        Args:
            truth: their targets, see `autoai4eo.data.target.Target`.
            output: what the network gave for them, (n, …).
            group: the number, from 0, of the group that each belongs to, int (n,).
                None, in every call, where samples belong to no groups.
        """

    def result(self) -> dict[str, Any]:
        """All scores of the samples so far, ready for JSON.

        A score is a number under its name in `autoai4eo.learning.figures`;
        ``intervals`` holds [lower, upper] (95 %) of those that have them.
        """


@dataclass(frozen=True)
class Task:
    """What is learnt for one kind of target, and how it is judged: the base class.

    A kind of target is added by one file with a subclass and one line in
    `autoai4eo.learning.registry.TASKS`.

    Attributes:
        target: what is to be predicted.
        losses: names of the losses; the first is the default.
        metrics: names of the metrics that a training reports after each epoch, see
            `autoai4eo.learning.figures`.
        objective: what a search optimises by default.
        fitted: names of what `fit` gives.
    """

    target: Target
    losses: ClassVar[tuple[str, ...]]
    metrics: ClassVar[tuple[str, ...]]
    objective: ClassVar[Objective]
    fitted: ClassVar[tuple[str, ...]] = ()

    @property
    def widths(self) -> tuple[int, ...]:
        """How many numbers per sample a network's output may have."""
        return (len(self.target.classes),)

    def check(self, dataset: Dataset) -> None:
        """Whether there is something to learn.

        Raises:
            UserError: nothing is known, or it is the same for all samples.
        """
        raise NotImplementedError

    def encode(self, targets: np.ndarray) -> np.ndarray:
        """Targets of n samples as the losses and metrics take them, float32 (n, …)."""
        return targets.astype(np.float32)

    def loss(self, name: str, targets: np.ndarray) -> Any:
        """The Keras loss of this name, for training data with these targets."""
        raise NotImplementedError

    def keras_metrics(self, targets: np.ndarray) -> list[Any]:
        """The Keras metrics, called as `metrics`, for these training targets."""
        raise NotImplementedError

    def head(self, loss: str, targets: np.ndarray) -> dict[str, Any]:
        """Attributes of the head block: what its output must look like.

        Args:
            loss: the name of the loss.
            targets: of the training data.

        Returns:
            ``shape``, of one sample's output, and further attributes of such heads.
        """
        return {"shape": self.widths[:1]}

    def class_weight(
        self, asked: str | Mapping[int, float] | None, train: Dataset
    ) -> dict[int, float] | None:
        """Weights of the loss by class number.

        Raises:
            UserError: the kind of target has none.
        """
        if asked is None:
            return None
        raise UserError(
            "class_weight: expected one class per sample to weigh, found a target of "
            f"kind {self.target.kind}; leave class_weight out"
        )

    def fit(self, truth: np.ndarray, output: np.ndarray) -> dict[str, Any]:
        """What is fitted on the validation data after the training, ready for JSON."""
        return {}

    def decide(self, output: np.ndarray, fitted: Mapping[str, Any]) -> np.ndarray:
        """What the network predicts: targets of n samples, from its output (n, …).

        Args:
            output: of the network.
            fitted: as `fit` gave it; what is missing has a default.
        """
        raise NotImplementedError

    def scorer(self, fitted: Mapping[str, Any]) -> Scorer:
        """A new scorer; see `decide` for ``fitted``."""
        raise NotImplementedError
