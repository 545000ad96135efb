"""What is made from a finished map: polygons, a figure, a comparison."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from autoai4eo.data.class_colours import Rgb
from autoai4eo.data.scenes.grid import Grid, is_on_earth
from autoai4eo.data.scenes.scene import Scene
from autoai4eo.deploy.predictors.base import Predictor
from autoai4eo.errors import UserError
from autoai4eo.files import check_can_write


@dataclass(frozen=True)
class MadeMap:
    """A finished map of classes.

    Attributes:
        path: of the map, classes from 1, nodata 0.
        confidence: its layer of confidence.
        classes: names; that of value 1 is the first.
        scenes: that it was made from, open.
        colours: of the classes by name, see `Target.colours`.
    """

    path: Path
    confidence: Path
    classes: tuple[str, ...]
    scenes: Sequence[Scene] = ()
    colours: Mapping[str, Rgb] = field(default_factory=dict)


class Product(Protocol):
    """A file that is made from a map; `map_scene` calls the methods in this order."""

    @property
    def path(self) -> Path:
        """The file that is written."""

    def check(self, predictor: Predictor, overwrite: bool) -> None:
        """Checks whether it can be made, before the map is; raises UserError."""

    def check_place(self, grid: Grid) -> None:
        """Checks whether it can be made of this grid; raises UserError."""

    def write(self, made: MadeMap, path: Path) -> object:
        """Makes it, at a temporary path."""


def check_product(
    path: Path,
    option: str,
    suffixes: Sequence[str],
    predictor: Predictor,
    overwrite: bool,
) -> None:
    """Checks that a file can be made from a map of classes.

    Raises:
        UserError: the map has no classes, or the file cannot be written.
    """
    if predictor.target.kind not in ("class", "mask"):
        raise UserError(
            f"{option}: expected a network that predicts classes, found "
            f"{predictor.path}, which predicts {predictor.target.kind}; leave "
            f"--{option} out"
        )
    if path.suffix.lower() not in suffixes:
        raise UserError(
            f"{path}: expected a name that ends with {' or '.join(suffixes)}; add it"
        )
    check_can_write(path)
    if path.exists() and not overwrite:
        raise UserError(
            f"{path}: exists already; choose another name for the {option}, or "
            "overwrite it (--overwrite)"
        )


def check_on_earth(grid: Grid, option: str) -> None:
    """Checks that a map has a place on the Earth.

    Raises:
        UserError: the scene has no coordinate reference system.
    """
    if not is_on_earth(grid.crs):
        raise UserError(
            f"{option}: expected a scene with a coordinate reference system, found "
            f"none; georeference it, or leave --{option} out"
        )
