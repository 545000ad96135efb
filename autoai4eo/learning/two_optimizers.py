"""Two optimizers for two groups of variables of one network."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras

from autoai4eo.errors import UserError


class TwoOptimizers(keras.optimizers.Optimizer):
    """Updates some variables with a second optimizer, all others with the first.

    A gradient that is None leaves its variable as it is; an optimizer without any
    gradient does no step. The state of both is in `variables`, so that callbacks and
    checkpoints find it.

    Args:
        first: of all other variables.
        second: of the variables in `of_second`.
        of_second: paths of the variables of the second optimizer.

    Raises:
        UserError: when built: an optimizer has no variable.
    """

    def __init__(
        self,
        first: keras.optimizers.Optimizer,
        second: keras.optimizers.Optimizer,
        of_second: Sequence[str],
    ) -> None:
        super().__init__(learning_rate=0.0, name="two_optimizers")
        self.first, self.second = first, second
        self._of_second = frozenset(of_second)

    def build(self, variables: Any) -> None:
        """Makes the state of both optimizers."""
        if self.built:
            return
        parts = self._divided(variables, variables)
        for optimizer, (_, own) in zip((self.first, self.second), parts, strict=True):
            if not own:
                raise UserError(
                    "optimizers: expected variables for both, found none for "
                    f"{optimizer.name}"
                )
            optimizer.build(own)
        super().build(variables)

    @property
    def variables(self) -> list[Any]:
        """The state of both optimizers, after that of this one."""
        return [*super().variables, *self.first.variables, *self.second.variables]

    def apply(self, grads: Any, trainable_variables: Any = None) -> None:
        """Updates the variables whose gradient is not None."""
        known = list(trainable_variables or self._trainable_variables)
        if not self.built:
            self.build(known)
        parts = self._divided(list(grads), known)
        for optimizer, (mine, own) in zip(
            (self.first, self.second), parts, strict=True
        ):
            there = [i for i, gradient in enumerate(mine) if gradient is not None]
            if there:
                optimizer.apply([mine[i] for i in there], [own[i] for i in there])

    def get_config(self) -> dict[str, Any]:
        """Raises NotImplementedError: a search is not saved as one network."""
        raise NotImplementedError("two optimizers belong to a search, not to a file")

    def _divided(self, values: Any, variables: Any) -> list[tuple[list, list]]:
        parts: list[tuple[list, list]] = [([], []), ([], [])]
        for value, variable in zip(values, variables, strict=True):
            part = parts[variable.path in self._of_second]
            part[0].append(value)
            part[1].append(variable)
        return parts
