"""Task and Scorer: the training and the evaluation of a kind of target."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol

import keras
import numpy as np

from autoai4eo.data.dataset import Dataset
from autoai4eo.data.target import Target
from autoai4eo.errors import UserError
from autoai4eo.learning.objectives import Objective


class Scorer(Protocol):
    """Evaluates a network's output batch by batch."""

    def add(
        self, truth: np.ndarray, output: np.ndarray, group: np.ndarray | None = None
    ) -> None:
        """Adds n samples.

        Args:
            truth: their targets, see `autoai4eo.data.target.Target`.
            output: of the network for these samples, (n, …).
            group: the number of each sample's group, from 0, int (n,); None in every
                call if there are no groups.
        """

    def result(self) -> dict[str, Any]:
        """Returns all scores of the samples so far, for JSON.

        Scores have their names in `autoai4eo.learning.figures`; ``intervals`` has
        [lower, upper] (95 %) of scores with intervals.
        """

    def resampled(self) -> dict[str, np.ndarray]:
        """Returns scores with intervals, of each of 1,000 resamples of the groups.

        Scorers that were given the same groups resample them alike.
        """


@dataclass(frozen=True)
class Task:
    """The base class of the training and evaluation of one kind of target.

    To add a kind of target, add a file with a subclass, and an entry in
    `autoai4eo.learning.registry.TASKS`.

    Attributes:
        target: of the network.
        losses: names of the losses; the first is the default.
        keras_losses: Keras's names of losses, and which of `losses` each is.
        metrics: names of the metrics that a training reports after each epoch, see
            `autoai4eo.learning.figures`.
        objective: the default objective of a search.
        resampled: names of the scores that have intervals, by `Scorer.resampled`.
        fitted: names of the results of `fit`.
        weighs_pixels: whether `encode_training` applies class weights, to each pixel;
            otherwise Keras does, to each sample.
    """

    target: Target
    losses: ClassVar[tuple[str, ...]]
    keras_losses: ClassVar[Mapping[str, str]]
    metrics: ClassVar[tuple[str, ...]]
    objective: ClassVar[Objective]
    resampled: ClassVar[tuple[str, ...]]
    fitted: ClassVar[tuple[str, ...]] = ()
    weighs_pixels: ClassVar[bool] = False

    @property
    def widths(self) -> tuple[int, ...]:
        """Possible numbers of values in a network's output per sample."""
        return (len(self.target.classes),)

    def check(self, dataset: Dataset) -> None:
        """Checks that the targets can be learnt.

        Raises:
            UserError: no target is known, or all are the same.
        """
        raise NotImplementedError

    def encode(self, targets: np.ndarray) -> np.ndarray:
        """Encodes targets of n samples for losses and metrics, float32 (n, …)."""
        return targets.astype(np.float32)

    def encode_training(
        self,
        targets: np.ndarray,
        label_smoothing: float,
        class_weight: Mapping[int, float] | None,
    ) -> np.ndarray:
        """Encodes targets of n samples for the loss in training, float32 (n, …).

        Args:
            targets: of the samples.
            label_smoothing: share of each label that is spread over other classes.
            class_weight: weights by class number, see `weighs_pixels`.
        """
        return smooth(self.encode(targets), label_smoothing)

    def loss_name(self, asked: Any) -> str | None:
        """Returns which of `losses` is asked for; None for a loss of the user's own.

        Args:
            asked: one of `losses`, Keras's name of one, None for the default; or
                another Keras loss or its name, or a function of targets and output.

        Raises:
            UserError: it is none of these, or a loss of class numbers.
        """
        if asked is None:
            return self.losses[0]
        if isinstance(asked, str) and asked in (*self.losses, *self.keras_losses):
            return self.keras_losses.get(asked, asked)
        try:
            keras.losses.get(asked)
            known = "sparse" not in told_loss(asked)
        except ValueError:
            known = False
        if known:
            return None
        raise UserError(
            f"--loss: expected one of {', '.join(self.losses)}, or a Keras loss of "
            f"{self.target.output} (classes are one-hot), got {asked!r}"
        )

    def loss(self, name: str, targets: np.ndarray) -> Any:
        """Returns the Keras loss of a name, for training data with these targets."""
        raise NotImplementedError

    def keras_metrics(self, targets: np.ndarray) -> list[Any]:
        """Returns the Keras metrics, named as in `metrics`, for training targets."""
        raise NotImplementedError

    def head(self, loss: str, targets: np.ndarray) -> dict[str, Any]:
        """Returns attributes of the head block.

        Args:
            loss: the name of the loss.
            targets: of the training data.

        Returns:
            ``shape``, of one sample's output, and further attributes of the head.
        """
        return {"shape": self.widths[:1]}

    def class_weight(
        self, asked: str | Mapping[int, float] | None, train: Dataset
    ) -> dict[int, float] | None:
        """Returns weights of the loss by class number.

        Raises:
            UserError: the kind of target has no class weights.
        """
        if asked is None:
            return None
        raise UserError(
            "class_weight: expected one class per sample to weigh, found a target of "
            f"kind {self.target.kind}; leave class_weight out"
        )

    def fit(self, truth: np.ndarray, output: np.ndarray) -> dict[str, Any]:
        """Fits parameters on validation data after the training, for JSON."""
        return {}

    def decide(self, output: np.ndarray, fitted: Mapping[str, Any]) -> np.ndarray:
        """Returns predicted targets of n samples from a network's output.

        Args:
            output: of the network, (n, …).
            fitted: the result of `fit`; missing values have defaults.
        """
        raise NotImplementedError

    def scorer(self, fitted: Mapping[str, Any]) -> Scorer:
        """Returns a new scorer; see `decide` for ``fitted``."""
        raise NotImplementedError


def told_loss(loss: Any) -> str:
    """Returns the name of a Keras loss, or of a function."""
    return str(getattr(loss, "name", getattr(loss, "__name__", loss)))


def smooth(encoded: np.ndarray, share: float) -> np.ndarray:
    """Spreads a share of each sample's label evenly over all classes, (n, classes).

    Rows of unknown labels, all zero, stay zero (Szegedy et al., 2016,
    arXiv:1512.00567).
    """
    if not share:
        return encoded
    total = encoded.sum(axis=-1, keepdims=True)
    spread: np.ndarray = (1 - share) * encoded + share * total / encoded.shape[-1]
    return spread


def parsed_weights(
    asked: str | Mapping[int, float] | None, balanced: Callable[[], dict[int, float]]
) -> dict[int, float] | None:
    """Returns class weights by class number; None if none are asked for.

    Args:
        asked: weights, or ``"balanced"``.
        balanced: returns the balanced weights.

    Raises:
        UserError: another word was given.
    """
    if asked is None or isinstance(asked, Mapping):
        return None if asked is None else dict(asked)
    if asked != "balanced":
        raise UserError(
            f"class_weight: expected balanced or weights by class, got {asked!r}"
        )
    return balanced()
