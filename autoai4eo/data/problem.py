"""A problem of a dataset, in a sentence."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Problem:
    """A problem of a dataset.

    Attributes:
        message: a sentence that describes it.
        serious: whether it would make results wrong.
    """

    message: str
    serious: bool = False

    def __str__(self) -> str:
        return self.message


def times(count: int, one: str, several: str) -> str:
    """Returns a number with the word for one, or for several."""
    return f"{count:,} {one if count == 1 else several}"
