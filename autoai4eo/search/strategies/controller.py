"""An autoregressive network over choices, and its training by PPO.

The network is a neural autoregressive distribution estimator (Larochelle and Murray
2011): the choices made so far are embedded and summed, and one hidden layer for each
step gives the probabilities of the next choice. It has no recurrence, so that all steps
of recorded sequences are computed at once. It is written in NumPy: a policy is learned
anew from the trials for each proposal, in hundreds of steps of microseconds, and must
be the same in every worker, whatever its Keras backend.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from scipy.special import log_softmax

_WIDTH = 16  # of the hidden layer
_CLOSED = -1e9  # logit of a level that a choice does not have
_CLIP, _ENTROPY = 0.2, 0.02  # of PPO; of its entropy bonus
_PASSES, _RATE = 4, 0.03  # over a batch; learning rate of Adam
_DECAY, _DECAY_OF_SQUARES, _TINY = 0.9, 0.99, 1e-8


class Weights(NamedTuple):
    """Of a network over t choices of at most l levels, with h hidden units.

    Attributes:
        embedding: of each level of each choice, (t, l, h).
        first: bias of the hidden layers, (t, h).
        out: from the hidden layers to the levels, (t, l, h).
        bias: of the levels, (t, l).
    """

    embedding: np.ndarray
    first: np.ndarray
    out: np.ndarray
    bias: np.ndarray


def untrained(names: Sequence[str], levels: Sequence[int], seed: int) -> Weights:
    """Returns weights by which all levels of a choice are equally probable.

    Those of a choice depend on its name and the seed only, so that a choice that a
    search meets later changes nothing of the others.

    Args:
        names: of the choices, (t,).
        levels: how many each of them has, (t,).
        seed: of the search.
    """
    most = max(levels, default=1)
    hidden = np.zeros((len(names), most + 1, _WIDTH))
    bias = np.zeros((len(names), most))
    for step, (name, count) in enumerate(zip(names, levels, strict=True)):
        rng = np.random.default_rng((seed, zlib.crc32(name.encode())))
        hidden[step, : count + 1] = rng.normal(size=(count + 1, _WIDTH))
        bias[step, count:] = _CLOSED
    out = np.zeros((len(names), most, _WIDTH))
    return Weights(hidden[:, 1:], hidden[:, 0], out, bias)


def next_log_probabilities(
    weights: Weights, step: int, state: np.ndarray
) -> np.ndarray:
    """Returns those of the levels of one choice, (n, l).

    Args:
        weights: of the network.
        step: of the choice.
        state: sums of the embeddings of the choices made before it, (n, h).
    """
    hidden = np.tanh(weights.first[step] + state)
    return np.asarray(
        log_softmax(hidden @ weights.out[step].T + weights.bias[step], axis=-1)
    )


def log_probabilities(weights: Weights, codes: np.ndarray) -> np.ndarray:
    """Returns those of each choice of sequences, (n, t); 0 where it is not made.

    Args:
        weights: of the network.
        codes: the levels of the choices, int (n, t); -1: the choice is not made.
    """
    _, every = _forward(weights, codes)
    return _of_codes(every, codes)


class Learner:
    """Proximal policy optimisation (Schulman et al. 2017) with an entropy bonus.

    A sequence is an episode with one reward, at its end; each choice is an action.

    Attributes:
        weights: of the network; a new object after each update.

    Args:
        weights: to begin with.
    """

    def __init__(self, weights: Weights) -> None:
        self.weights = weights
        self._means = [np.zeros_like(w) for w in weights]
        self._squares = [np.zeros_like(w) for w in weights]
        self._steps = 0

    def update(
        self, codes: np.ndarray, advantages: np.ndarray, old: np.ndarray
    ) -> None:
        """Learns from a batch, in several passes.

        Args:
            codes: see `log_probabilities`.
            advantages: of the sequences, (n,).
            old: the log-probabilities of the choices under the weights by which they
                were drawn, (n, t).
        """
        for _ in range(_PASSES):
            self._climb(gradients(self.weights, codes, advantages, old))

    def _climb(self, slopes: Weights) -> None:
        """Takes a step of Adam (Kingma and Ba 2015)."""
        self._steps += 1
        new = []
        for i, (weight, slope) in enumerate(zip(self.weights, slopes, strict=True)):
            self._means[i] += (1 - _DECAY) * (slope - self._means[i])
            self._squares[i] += (1 - _DECAY_OF_SQUARES) * (slope**2 - self._squares[i])
            mean = self._means[i] / (1 - _DECAY**self._steps)
            square = self._squares[i] / (1 - _DECAY_OF_SQUARES**self._steps)
            new.append(weight + _RATE * mean / (np.sqrt(square) + _TINY))
        self.weights = Weights(*new)


def objective(
    weights: Weights, codes: np.ndarray, advantages: np.ndarray, old: np.ndarray
) -> float:
    """Returns what PPO maximises: its clipped objective and the entropy bonus.

    The arguments are those of `Learner.update`.
    """
    _, every = _forward(weights, codes)
    ratio = np.exp(_of_codes(every, codes) - old)
    clipped = np.clip(ratio, 1 - _CLIP, 1 + _CLIP)
    gain = np.minimum(ratio * advantages[:, None], clipped * advantages[:, None])
    entropy = -(np.exp(every) * every).sum(axis=-1)
    made = codes >= 0
    return float(((gain + _ENTROPY * entropy) * made).sum() / len(codes))


def gradients(
    weights: Weights, codes: np.ndarray, advantages: np.ndarray, old: np.ndarray
) -> Weights:
    """Returns the gradients of `objective`, of whose arguments these are."""
    hidden, every = _forward(weights, codes)
    probable = np.exp(every)
    made = (codes >= 0)[..., None] / len(codes)
    chosen = np.arange(every.shape[-1]) == codes[..., None]
    ratio = np.exp(_of_codes(every, codes) - old)
    gain = ratio * advantages[:, None]
    clipped = np.clip(ratio, 1 - _CLIP, 1 + _CLIP) * advantages[:, None]
    open_ = np.where(gain <= clipped, gain, 0.0)[..., None]
    entropy = -(probable * every).sum(axis=-1, keepdims=True)
    logits = open_ * (chosen - probable) - _ENTROPY * probable * (every + entropy)
    logits *= made
    before = np.einsum("ntl,tlh->nth", logits, weights.out) * (1 - hidden**2)
    # an embedding counts in all later steps
    later = np.cumsum(before[:, ::-1], axis=1)[:, ::-1] - before
    return Weights(
        np.einsum("ntl,nth->tlh", chosen.astype(float), later),
        before.sum(axis=0),
        np.einsum("ntl,nth->tlh", logits, hidden),
        logits.sum(axis=0),
    )


def _forward(weights: Weights, codes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Returns hidden layers (n, t, h) and log-probabilities of all levels (n, t, l)."""
    steps = np.arange(codes.shape[1])
    embedded = weights.embedding[steps, codes] * (codes >= 0)[..., None]
    state = np.cumsum(embedded, axis=1) - embedded
    hidden = np.tanh(weights.first + state)
    logits = np.einsum("nth,tlh->ntl", hidden, weights.out) + weights.bias
    return hidden, np.asarray(log_softmax(logits, axis=-1))


def _of_codes(every: np.ndarray, codes: np.ndarray) -> np.ndarray:
    """Selects the log-probabilities of codes, (n, t); 0 where they are -1."""
    found = np.take_along_axis(every, np.maximum(codes, 0)[..., None], axis=-1)
    return np.where(codes >= 0, found[..., 0], 0.0)
