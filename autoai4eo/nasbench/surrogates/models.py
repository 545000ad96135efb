"""Models that predict a figure of networks from features, with its uncertainty.

Ten regressions are fitted to resamples (bagging, Breiman 1996). Their variance and that
of the networks that each of them has not seen give the uncertainty.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self

import numpy as np

from autoai4eo.errors import UserError
from autoai4eo.nasbench.surrogates.kinds import KINDS, Settings, kind_of

NAMES = tuple(KINDS)
MEMBERS = 10


def make(name: str, seed: int, settings: Settings | None = None) -> Model:
    """Returns a model that is not fitted.

    Args:
        name: one of `NAMES`.
        seed: of the resamples and of the regressions.
        settings: of the regression; None: the default.

    Raises:
        UserError: there is no such model, or its package is not installed.
    """
    if name not in NAMES:
        raise UserError(f"model: expected one of {', '.join(NAMES)}, got {name!r}")
    return Model(name, seed, settings or kind_of(name).grid[0])


class Model:
    """An ensemble of regressions of one kind, see `make`.

    Attributes:
        name: of the kind.
        seed: of the resamples and of the regressions.
        settings: of the regressions.
    """

    def __init__(self, name: str, seed: int, settings: Settings) -> None:
        self.name, self.seed, self.settings = name, seed, dict(settings)
        self._kind = kind_of(name)
        self._members: list[Any] = []
        self._noise = 0.0

    def fit(
        self,
        features: np.ndarray,
        values: np.ndarray,
        groups: np.ndarray | None = None,
    ) -> Self:
        """Fits the regressions; returns the model.

        Args:
            features: of networks, (n, d).
            values: that are to be predicted, (n,).
            groups: int (n,); networks of one group, such as a walk, are drawn together,
                so that the uncertainty is that of a new group. None: each is its own.

        Raises:
            UserError: there are fewer than two networks, or values that are not finite.
        """
        features, values = np.asarray(features, float), np.asarray(values, float)
        if len(values) < 2 or len(features) != len(values):
            raise UserError(
                "surrogate: expected two networks or more with a value each, found "
                f"{len(features)} networks and {len(values)} values"
            )
        if not (np.isfinite(values).all() and np.isfinite(features).all()):
            raise UserError(
                "surrogate: expected finite features and values, found others; leave "
                "these networks out"
            )
        rng = np.random.default_rng(self.seed)
        own = np.arange(len(values)) if groups is None else np.asarray(groups)
        places = np.unique(own, return_inverse=True)[1]
        several = int(places.max()) + 1
        if several == 1:
            places, several = np.arange(len(values)), len(values)
        self._members, unseen, found = [], [], []
        for _ in range(MEMBERS):
            times = rng.multinomial(several, np.full(several, 1 / several))[places]
            rows = np.repeat(np.arange(len(values)), times)
            seed = int(rng.integers(2**31))
            one = self._kind.fit(features[rows], values[rows], self.settings, seed)
            self._members.append(one)
            unseen.append(times == 0)
            found.append(self._kind.predict(one, features))
        self._noise = _noise(values, np.array(found), np.array(unseen))
        return self

    def predict(self, features: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Returns the mean and the standard deviation of each network, (n,) each.

        Args:
            features: as those that were fitted, (n, d).
        """
        features = np.asarray(features, float)
        found = np.array([self._kind.predict(one, features) for one in self._members])
        return found.mean(axis=0), np.sqrt(found.var(axis=0) + self._noise)

    def dumped(self) -> tuple[dict[str, Any], dict[str, bytes]]:
        """Returns what describes the model, for JSON, and its files by name."""
        record = {
            "name": self.name,
            "seed": self.seed,
            "settings": self.settings,
            "noise": self._noise,
        }
        files = {
            f"member_{i}{self._kind.suffix}": self._kind.dump(one)
            for i, one in enumerate(self._members)
        }
        return record, files

    @classmethod
    def loaded(cls, record: Mapping[str, Any], files: Mapping[str, bytes]) -> Self:
        """Returns the model that `dumped` described.

        Raises:
            UserError: its package is not installed.
        """
        model = cls(record["name"], record["seed"], record["settings"])
        model._noise = float(record["noise"])
        model._members = [model._kind.load(content) for content in files.values()]
        return model


def _noise(values: np.ndarray, found: np.ndarray, unseen: np.ndarray) -> float:
    """Returns the variance that the members' own variance does not explain.

    Args:
        values: (n,).
        found: what the members predict, (members, n).
        unseen: whether the member was fitted without the network, (members, n).
    """
    times = unseen.sum(axis=0)
    some = times > 0
    if not some.any():
        return float(values.var())
    mean = (found * unseen).sum(axis=0)[some] / times[some]
    error = np.square(values[some] - mean).mean()
    return max(0.0, float(error - found[:, some].var(axis=0).mean()))
