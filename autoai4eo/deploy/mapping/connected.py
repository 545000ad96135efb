"""Connected areas of a map that is read in strips."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Strip:
    """The connected areas in some rows of a map; pixels are connected by their edges.

    Attributes:
        labels: number of the area of each pixel, int32 (rows, columns), from 0.
        values: the class of each area; 0 for nodata.
        sizes: of each area in square metres.
        counts: pixels of each area.
        confidences: sum of the confidence over the pixels of each area.
        at_edge: whether each area may go on in another strip.
        first: the first row, in the map.
        is_last: whether it ends with the map.
    """

    labels: np.ndarray
    values: np.ndarray
    sizes: np.ndarray
    counts: np.ndarray
    confidences: np.ndarray
    at_edge: np.ndarray
    first: int
    is_last: bool

    @classmethod
    def of(
        cls,
        classes: np.ndarray,
        confidence: np.ndarray,
        areas: np.ndarray,
        first: int,
        is_last: bool,
    ) -> Strip:
        """Finds the areas of a strip.

        Args:
            classes: uint8 (rows, columns).
            confidence: float32 (rows, columns), NaN where there is no class.
            areas: of each pixel in square metres, (rows, columns).
            first: the first row, in the map.
            is_last: whether it ends with the map.
        """
        from scipy.ndimage import label

        labels = np.zeros(classes.shape, np.int32)
        values: list[int] = []
        for value in np.unique(classes):
            found, number = label(classes == value)
            labels += np.where(found > 0, found - 1 + len(values), 0).astype(np.int32)
            values += [int(value)] * number
        flat, number = labels.ravel(), len(values)

        def summed(numbers: np.ndarray) -> np.ndarray:
            return np.bincount(flat, np.nan_to_num(numbers.ravel()), minlength=number)

        at_edge = np.zeros(number, bool)
        if first:
            at_edge[labels[0]] = True
        if not is_last:
            at_edge[labels[-1]] = True
        return cls(
            labels,
            np.array(values),
            summed(areas),
            np.bincount(flat, minlength=number),
            summed(confidence),
            at_edge,
            first,
            is_last,
        )


@dataclass(eq=False)
class Area:
    """A connected area of a class.

    Attributes:
        value: of the class in the map.
        size: in square metres.
        count: of its pixels.
        summed: the confidence of all its pixels together.
        parts: its polygons in each strip, in columns and rows.
    """

    value: int
    size: float
    count: int
    summed: float
    parts: list[Any] = field(default_factory=list)

    @property
    def confidence(self) -> float:
        """The mean over its pixels."""
        return self.summed / self.count

    def take(self, other: Area) -> None:
        """Adds what another area has, which is connected with this one."""
        self.size += other.size
        self.count += other.count
        self.summed += other.summed
        self.parts += other.parts

    def polygon(self) -> Any:
        """Returns its polygon, in columns and rows."""
        import shapely

        return self.parts[0] if len(self.parts) == 1 else shapely.union_all(self.parts)


class Joined:
    """Joins the areas of strips, from the top to the bottom of a map."""

    def __init__(self) -> None:
        self._above: list[Area] = []  # of each column, in the last row so far
        self._seen: list[Area] = []

    def add(self, strip: Strip, polygons: dict[int, Any]) -> Iterator[Area]:
        """Adds a strip, and yields the areas that are complete now.

        Args:
            strip: the rows below those added before.
            polygons: of its areas with a class, by number; areas without one that do
                not go on elsewhere are left out.
        """
        found: dict[int, Area] = {}
        for number, polygon in polygons.items():
            found[number] = Area(
                int(strip.values[number]),
                float(strip.sizes[number]),
                int(strip.counts[number]),
                float(strip.confidences[number]),
                [polygon],
            )
        # an area that was joined with others: which one it is now
        now: dict[Area, Area] = {}

        def root(area: Area) -> Area:
            while area in now:
                area = now[area]
            return area

        for above, below in self._links(strip, found):
            one, other = root(above), root(below)
            if one is not other:
                few, many = sorted((one, other), key=lambda area: len(area.parts))
                many.take(few)
                now[few] = many
        all_of_them = dict.fromkeys(map(root, (*self._seen, *found.values())))
        row = [] if strip.is_last else strip.labels[-1].tolist()
        lookup = {n: root(found[n]) for n in set(row) if n in found}
        self._above = [lookup.get(n) for n in row]  # type: ignore[misc]
        self._seen = list(dict.fromkeys(lookup.values()))
        going_on = set(self._seen)
        yield from (area for area in all_of_them if area not in going_on)

    def _links(
        self, strip: Strip, found: dict[int, Area]
    ) -> Iterator[tuple[Area, Area]]:
        """Yields areas above and below the strip's first row that are connected."""
        seen = set()
        for above, number in zip(self._above, strip.labels[0].tolist(), strict=False):
            below = found.get(number)
            if above is None or below is None or above.value != below.value:
                continue
            if (above, below) not in seen:
                seen.add((above, below))
                yield above, below
