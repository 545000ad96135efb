"""Divides the data of ``fit``: what trains, what judges, what tests in the end."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from autoai4eo.data.between_parts import check_apart, told_parts
from autoai4eo.data.dataset import Dataset
from autoai4eo.data.splits import split


def divided(
    whole: Dataset,
    shares: Sequence[float],
    *,
    group: str | None,
    block_km: float | None,
    allow_overlap: bool,
    seed: int,
    tell: Callable[[str], None],
) -> tuple[Dataset, Dataset, Dataset | None]:
    """Divides data into training, validation and, with three shares, test data.

    Args:
        whole: the data.
        shares: of the parts.
        group, block_km, seed: see `autoai4eo.data.splits.split`.
        allow_overlap: whether windows that overlap may lie in several parts.
        tell: takes a line about the parts.

    Raises:
        UserError: they cannot be divided so.
    """
    training, validation, *rest = split(
        whole, shares, group=group, block_km=block_km, seed=seed
    )
    tell(told_parts([training, validation, *rest], group))
    if group is None and not allow_overlap:
        check_apart(
            training,
            [validation, *rest],
            "give --val, or pass --allow-overlap",
        )
    return training, validation, rest[0] if rest else None
