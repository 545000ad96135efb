"""The options of a compact search."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any

from autoai4eo.compact.complexity import COSTS
from autoai4eo.compact.supernet import Space
from autoai4eo.errors import UserError

#: What is searched: a single cell (s), with the complexity loss (c), depths (d).
METHODS = ("s", "s+c", "s+d", "s+c+d")

_LOGITS_RATE, _MOVE = 3e-4, 10.0
_DEPTH = 3


@dataclass(frozen=True)
class CompactSettings:
    """The options of a compact search.

    The defaults are those of the paper, but for the rate of the logits.

    Attributes:
        method: ``"s"`` searches a single cell; ``+c`` adds the complexity loss, ``+d``
            the depth of each block.
        epochs: most epochs.
        batch_size: samples in each of the two batches of a step.
        channels: filters of the first block; each further block has twice as many.
        blocks: number of blocks.
        depth: cells of each block; a search of depths begins with it. None: 3, or
            `max_depth` if that is less.
        max_depth: most cells of a block, with ``+d``.
        constant: of the complexity loss, with ``+c``.
        cost: what the complexity loss keeps low: ``"flops"``, or ``"latency_ms"`` as
            measured on this machine for each operation.
        temperature: of the draws in the first and in the last epoch.
        logits_rate: learning rate of the logits; None: 3e-4, or more for a search of
            few steps, so that a logit can move by 10.
        stop_after: ends the search when the found architecture has not changed for so
            many epochs; None: never.
        seed: of weights, halves, order and draws.

    Raises:
        UserError: an option is out of range.
    """

    method: str = "s+c+d"
    epochs: int = 50
    batch_size: int = 64
    channels: int = 16
    blocks: int = 3
    depth: int | None = None
    max_depth: int = 5
    constant: float = 0.01
    cost: str = "flops"
    temperature: tuple[float, float] = (10.0, 1.0)
    logits_rate: float | None = None
    stop_after: int | None = None
    seed: int = 0

    def __post_init__(self) -> None:
        for name, known in (("method", METHODS), ("cost", COSTS)):
            if getattr(self, name) not in known:
                raise UserError(
                    f"{name}: expected one of {', '.join(known)}, got "
                    f"{getattr(self, name)!r}"
                )
        for name in ("epochs", "batch_size", "max_depth", "stop_after"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise UserError(f"{name}: expected 1 or more, got {value}")
        deepest = self.max_depth if self.searches_depths else None
        if self.depth is not None and deepest is not None and self.depth > deepest:
            raise UserError(
                f"depth: expected at most max_depth, {deepest}, got {self.depth}"
            )
        if self.logits_rate is not None and not self.logits_rate > 0:
            raise UserError(
                f"logits_rate: expected a number above 0, got {self.logits_rate}"
            )
        if not 0 <= self.constant < math.inf:
            raise UserError(f"constant: expected 0 or more, got {self.constant}")
        if not 0 <= self.seed < 2**32:
            raise UserError(f"seed: expected 0 to 2**32 - 1, got {self.seed}")
        if len(self.temperature) != 2 or not all(
            0 < value < math.inf for value in self.temperature
        ):
            raise UserError(
                "temperature: expected two numbers above 0, for the first and the last "
                f"epoch, got {self.temperature}"
            )
        _ = self.space  # checks the others

    @property
    def searches_depths(self) -> bool:
        """Whether depths are searched."""
        return "+d" in self.method

    @property
    def space(self) -> Space:
        """What is chosen from."""
        deepest = self.max_depth if self.searches_depths else None
        depth = self.depth or min(_DEPTH, deepest or _DEPTH)
        return Space(self.channels, self.blocks, depth, deepest)

    @property
    def weight(self) -> float:
        """The constant of the complexity loss; 0 without it."""
        return self.constant if "+c" in self.method else 0.0

    def logits_rate_of(self, steps: int) -> float:
        """Returns the learning rate of the logits of a search of so many steps."""
        # a step of Adam changes a logit by about the rate
        return self.logits_rate or max(_LOGITS_RATE, _MOVE / steps)

    def temperature_at(self, epoch: int) -> float:
        """Returns the temperature of an epoch, counted from 0."""
        first, last = self.temperature
        return first + (last - first) * epoch / max(1, self.epochs - 1)

    def record(self) -> dict[str, Any]:
        """Returns the options for JSON; the depth is that of the space."""
        depth = self.space.depth
        return {**asdict(self), "depth": depth, "temperature": list(self.temperature)}
