"""Holds a map of classes against a reference: a raster of labels, or polygons."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from autoai4eo.callers import either
from autoai4eo.data.class_colours import hex_of
from autoai4eo.data.lcz42 import LCZ42_CLASSES
from autoai4eo.data.lcz_names import lcz_number
from autoai4eo.data.masks.classes import is_unknown
from autoai4eo.data.masks.colour_values import colour_of, value_of
from autoai4eo.data.masks.mask_file import MaskFile
from autoai4eo.data.scenes.grid import Grid
from autoai4eo.data.scenes.opening import opened
from autoai4eo.deploy.mapping.products import MadeMap, check_on_earth, check_product
from autoai4eo.deploy.mapping.reference_classes import Groups, groups_of
from autoai4eo.deploy.mapping.reference_picture import (
    ReferencePicture,
    as_classes,
    of_areas,
    of_raster,
    small_grid,
)
from autoai4eo.deploy.mapping.reference_pixels import (
    confusion_of,
    covered_by,
    pixels_of,
)
from autoai4eo.deploy.mapping.shares import class_shares
from autoai4eo.deploy.predictors.base import Predictor
from autoai4eo.errors import UserError, warn
from autoai4eo.files import check_regular
from autoai4eo.learning.area_estimates import area_estimates, told_estimates
from autoai4eo.learning.confusion import scores
from autoai4eo.text import listed, with_nearest

#: The form of the JSON of a comparison, see `Reference.write`.
COMPARISON = {"map": str, "reference": str, "scores": dict, "estimates": dict}
_MANY = 10  # values that are listed
_MOST = 0.5  # share of the pixels that values may leave out without a warning
_RASTERS = (".tif", ".tiff", ".vrt", ".jp2")


def reference_json(out: Path) -> Path:
    """Returns where the comparison of a map is written."""
    return out.with_name(f"{out.stem}_reference.json")


@dataclass(frozen=True)
class Reference:
    """The comparison of a map with a reference, as JSON; a `Product`.

    A raster is compared pixel by pixel of its own, each with the map's pixel that it
    lies in; of polygons and points, the map's pixels whose centre they cover. Values
    of a raster are numbers or, in a coloured picture, ``#1f78b4``; see `MaskFile`.

    Attributes:
        source: a GeoTIFF, or a file of polygons or points.
        path: of the JSON.
        legend: see `groups_of`.
        field: of polygons, that holds the class; None: see `read_areas`.
        values: the classes of the values of a raster that names none, see `values_of`;
            {}: numbers from 1, as in a map.
        allow_remote: of a raster, see `Scene`.
    """

    source: Path
    path: Path
    legend: Mapping[str, str]
    field: str | None = None
    values: Mapping[str, str] = dataclasses.field(default_factory=dict)
    allow_remote: bool = False

    def check(self, predictor: Predictor, overwrite: bool) -> None:
        """Checks the options, before the map is made.

        Raises:
            UserError: the reference does not exist, its classes are not the map's, or
                the JSON cannot be written.
        """
        check_product(self.path, "reference", (".json",), predictor, overwrite)
        check_regular(self.source)
        if not self.source.is_file():
            raise UserError(
                f"{self.source}: expected a GeoTIFF or polygons to hold the map "
                "against, found nothing of this name; check the path"
            )
        if self._is_raster:
            with self._opened() as file:
                check_on_earth(file.grid, "reference")
                self._of_raster(file, predictor.target.classes)
        else:
            self._of_areas(predictor.target.classes)

    def check_place(self, grid: Grid) -> None:
        """See `check_on_earth`."""
        check_on_earth(grid, "reference")

    def write(self, made: MadeMap, path: Path) -> dict[str, Any]:
        """Compares, and writes what was found to a path.

        Returns:
            The same: ``classes``; ``pixels``, the number that was compared;
            ``pixels_left_out``, the number where the map has a class and the reference
            a value that stands for none; ``values_left_out``, the pixels of each of
            the most frequent of these values; ``scores``, see `scores`; ``estimates``,
            see `told_estimates`.

        Raises:
            UserError: no pixel can be compared.
        """
        names = made.classes
        unexplained: dict[str, str] = {}
        if self._is_raster:
            with self._opened() as file:
                groups = self._of_raster(file, names)
                if not (self.legend or _named(file)):
                    unexplained = self._values(file, names)
                confusion, left_out = confusion_of(pixels_of(file, made.path), groups)
                texts = {v: _text(v, file.is_coloured) for v in left_out}
        else:
            areas, groups = self._of_areas(names)
            confusion, left_out = confusion_of(covered_by(areas, made.path), groups)
            texts = {v: areas.class_names[int(v)] for v in left_out}
        if not confusion.sum():
            values = [texts[value] for value, _ in left_out.most_common(_MANY)]
            raise self._nothing_common(values)
        shares = class_shares(made.path, len(names))
        assert shares.areas is not None, "see check_place"
        mapped = np.bincount(groups.of_map[1:], shares.areas, len(groups.names))
        if unexplained:
            self._warn_of_reading(
                unexplained, groups, confusion, left_out.total(), mapped
            )
        told_scores = scores(confusion, groups.names)
        content = {
            "map": str(made.path),
            "reference": str(self.source),
            "classes": list(groups.names),
            "pixels": int(confusion.sum()),
            "pixels_left_out": left_out.total(),
            "values_left_out": {
                texts[value]: pixels for value, pixels in left_out.most_common(_MANY)
            },
            "scores": told_scores,
            "estimates": told_estimates(
                area_estimates(confusion, mapped), mapped, groups.names
            ),
        }
        path.write_text(json.dumps(content, indent=2) + "\n")
        return content

    def _nothing_common(self, values: Sequence[str]) -> UserError:
        """The error that no pixel can be compared.

        Args:
            values: those that the reference has where the map has classes.
        """
        if not values:
            return UserError(
                f"{self.source}: expected labels where the map has classes, found none "
                "there; give labels of this place (the map itself is written)"
            )
        return UserError(
            f"{self.source}: expected values of classes of the map, found "
            f"{listed(values)}; say what they are, such as "
            + either(
                f"--reference-class {values[0]}=CLASS",
                f"reference_classes={dict([(values[0], 'CLASS')])}",
            )
            + " (the map itself is written)"
        )

    def picture(self, made: MadeMap, size: int) -> ReferencePicture:
        """Returns the reference in the classes of a map.

        It has the map's grid, with no more than `size` pixels per edge.
        """
        grid = small_grid(made.path, size)
        if self._is_raster:
            with self._opened() as file:
                groups = self._of_raster(file, made.classes)
                return as_classes(*of_raster(file, grid), groups)
        areas, groups = self._of_areas(made.classes)
        return as_classes(*of_areas(areas, grid), groups)

    @property
    def _is_raster(self) -> bool:
        return self.source.suffix.lower() in _RASTERS

    @contextmanager
    def _opened(self) -> Iterator[MaskFile]:
        with opened(self.source, vrt=True, allow_remote=self.allow_remote) as file:
            yield MaskFile(self.source, file)

    def _of_raster(self, file: MaskFile, names: Sequence[str]) -> Groups:
        if self.field is not None:
            raise UserError(
                f"{self.source}: expected polygons for --reference-field, found a "
                "raster; leave it out"
            )
        stored = value_of if file.is_coloured else _number
        what = "colours such as #1f78b4" if file.is_coloured else "numbers"
        for value in self.legend:
            if stored(value) is None:
                raise UserError(
                    f"--reference-class: expected {what}, the values of "
                    f"{self.source}, got {value}"
                )
        values = {} if self.legend else self._values(file, names)
        unlike = [value for value in values if stored(value) is None]
        if unlike or not (self.legend or values):
            wanted = "the map's classes by number"
            if unlike:
                wanted = f"values such as {unlike[0]}, as the training masks have"
            example = "#1f78b4" if file.is_coloured else "1", names[0]
            raise UserError(
                f"{self.source}: expected {wanted}, found {what}; say which class of "
                "the map each stands for, such as "
                + either(
                    f"--reference-class '{'='.join(example)}'",
                    f"reference_classes={dict([example])}",
                )
            )
        groups = groups_of(str(self.source), names, self.legend, values)
        of_truth = {str(stored(v)): group for v, group in groups.of_truth.items()}
        return Groups(groups.names, of_truth, groups.of_map)

    def _values(self, file: MaskFile, names: Sequence[str]) -> dict[str, str]:
        """The class of each value: of the file, else of masks, else of a map."""
        if named := _named(file):
            return named
        if self.values or file.is_coloured:
            return dict(self.values)
        return {str(i): name for i, name in enumerate(names, start=1)}

    def _warn_of_reading(
        self,
        values: Mapping[str, str],
        groups: Groups,
        confusion: np.ndarray,
        left_out: int,
        mapped: np.ndarray,
    ) -> None:
        """Warns where values that nobody explains probably mean something else."""
        occurs = confusion.sum(axis=1) > 0
        absent = not mapped[occurs].any()
        share = left_out / (left_out + confusion.sum())
        if not absent and share <= _MOST:
            return
        there = {groups.names[i].casefold() for i in np.flatnonzero(occurs)}
        told = {v: name for v, name in values.items() if name.casefold() in there}
        doubts = ["the map has none of these"] if absent else []
        if left_out:
            doubts.append(f"{share:.0%} of the pixels have a value of no class")
        how = "values of the training masks" if self.values else "the map's own values"
        value = next(iter(told))
        warn(
            f"{self.source}: its values were read as {how}: "
            f"{'; '.join(map(' = '.join, told.items()))}; but "
            f"{' and '.join(doubts)}: say what they are, such as "
            + either(
                f"--reference-class {value}=CLASS",
                f"reference_classes={dict([(value, 'CLASS')])}",
            )
        )

    def _of_areas(self, names: Sequence[str]) -> tuple[Any, Groups]:
        from autoai4eo.data.polygons.areas import read_areas

        areas = read_areas(self.source, self.field, reference=True)
        there = [areas.class_names[i] for i in np.unique(areas.classes)]
        texts = {name: name for name in there}
        legend = self.legend
        if areas.class_names == LCZ42_CLASSES:  # in the file by any of their names
            legend = {_zone(value): of for value, of in legend.items()}
            if len(legend) < len(self.legend):
                raise UserError(
                    "--reference-class: expected each local climate zone once, got "
                    f"{listed(self.legend)}"
                )
        groups = groups_of(str(self.source), names, legend, texts)
        if unknown := [value for value in legend if value not in texts]:
            raise UserError(
                f"--reference-class: expected classes of {self.source} "
                f"({listed(texts)}), got "
                + listed(with_nearest(value, texts) for value in unknown)
            )
        of_truth = {
            str(i): groups.of_truth[name]
            for i, name in enumerate(areas.class_names)
            if name in groups.of_truth
        }
        return areas, Groups(groups.names, of_truth, groups.of_map)


def _zone(text: str) -> str:
    """The name of a local climate zone that a text means; else the text."""
    number = lcz_number(text)
    return text if number is None else LCZ42_CLASSES[number]


def _named(file: MaskFile) -> dict[str, str]:
    """The class of each value that the file itself names."""
    names = (file.names or {}).items()
    return {str(value): name for value, name in names if not is_unknown(name)}


def _text(value: float, is_colour: bool) -> str:
    return hex_of(colour_of(int(value))) if is_colour else f"{value:.12g}"


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None
