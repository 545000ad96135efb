"""Cuts training patches out of scenes, where polygons and points say the class."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from autoai4eo.data.polygons.areas import Areas, read_areas
from autoai4eo.data.polygons.overlaps import by_size
from autoai4eo.data.polygons.patch_file import IGNORED, PatchFile
from autoai4eo.data.polygons.placing import to_lonlat
from autoai4eo.data.polygons.planning import (
    Plan,
    plans_of,
    processing_levels,
)
from autoai4eo.data.polygons.scene_inputs import (
    named_inputs,
)
from autoai4eo.data.polygons.windows import WindowRule
from autoai4eo.data.scenes.scene import Scene, ScenePaths
from autoai4eo.data.scenes.window_places import has_enough
from autoai4eo.errors import UserError, warn
from autoai4eo.files import (
    check_can_write,
    in_one_step,
    remove_leftovers,
    written,
)
from autoai4eo.locks import output_alone
from autoai4eo.log import tracked
from autoai4eo.text import counted, listed

MOST_PIXELS = 100_000  # of a window's edge or stride, more than scenes have
_TILE = 512  # scene pixels along the edge of what is read at once, without overlap
_BATCH_BYTES = 64 * 2**20  # of patches that are written at once
_TARGETS = ("class", "mask")


def cut_patches(
    scenes: ScenePaths | Sequence[ScenePaths],
    labels: str | Path,
    out: str | Path,
    *,
    field: str | None = None,
    size: int = 32,
    stride: int = 10,
    min_share: float | None = None,
    inputs: Mapping[str, Sequence[str]] | None = None,
    bands: Sequence[str] | None = None,
    scale: float | str = 1.0,
    offset: float = 0.0,
    mask_clouds: bool = False,
    layer: str | None = None,
    labels_crs: str | None = None,
    lcz: bool | None = None,
    repair: bool = False,
    drop_overlap: bool = False,
    target: str = "class",
    overwrite: bool = False,
    allow_remote: bool = False,
    verbose: int = 1,
) -> Path:
    """Cuts patches with classes out of scenes, for training.

    The windows are those of a map of the same stride. A window has the class of the
    polygon that its centre lies in, or of the one that covers at least `min_share` of
    it. A point has one window, centred on its pixel. As in a map, a window with data in
    less than half of its pixels is left out, and other missing values become the
    median of their band. The result is an HDF5 file in So2Sat's layout: it is whole
    or absent, and the same call writes the same bytes.

    Args:
        scenes: a scene, or a list of scenes (places, dates). A scene is a path
            or, where its bands are in several files, a list of them; see `Scene`.
        labels: polygons and points: KML, KMZ, GeoJSON, GeoPackage or a shapefile, in
            any coordinate reference system.
        out: the HDF5 file to write.
        field: that holds the class; None: ``class``, ``label``, ``lcz``; in KML the
            folders or the names of the placemarks.
        size: height and width of a patch, in pixels of its scene.
        stride: pixels from window to window.
        min_share: share of a window, above 0 and up to 1, that a polygon must cover;
            None: the centre of the window lies in the polygon.
        inputs: names of the bands of each input; None: ``sen2`` has the bands of
            Sentinel-2, ``sen1`` those of radar, ``image`` all others.
        bands: names of the files' bands in their order, if the files do not name them.
        scale, offset, mask_clouds, allow_remote: see `Scene`.
        layer: name of a layer of `labels`, or of a folder of KML.
        labels_crs: coordinate reference system of `labels`, such as ``EPSG:32630``;
            None: as the file says.
        lcz: whether the classes are local climate zones, by number, letter or name;
            they get So2Sat's 17 names and numbers, and others are left out. None: if
            all of them are.
        repair: whether polygons that cross themselves are made valid.
        drop_overlap: whether what polygons of different classes share belongs to none
            of them; by default it belongs to the smaller.
        target: ``"class"``: a class for each patch; ``"mask"``: a class for each pixel,
            -1 outside of all polygons and where an input has no data.
        overwrite: replaces an existing file.
        verbose: 0: shows no progress.

    Returns:
        The path of the file.

    Raises:
        UserError: scenes, labels or options cannot be used; no polygon lies on a scene;
            there are fewer than two classes, or no windows; another process writes the
            same file.

    Warns:
        AutoAI4EOWarning: what was chosen, left out, counted or repaired.
    """
    out, labels = Path(out), Path(labels)
    rule = _rule(size, stride, min_share, target)
    each = _scenes(scenes)
    if inputs is not None:
        inputs = named_inputs(inputs)
    check_can_write(out)
    if out.exists() and not overwrite:
        raise UserError(
            f"{out}: expected a new name, found a file; choose another, or give "
            "--overwrite"
        )
    how: dict[str, Any] = {
        "bands": bands,
        "scale": scale,
        "offset": offset,
        "mask_clouds": mask_clouds,
        "allow_remote": allow_remote,
    }
    areas = read_areas(
        labels, field, layer=layer, crs=labels_crs, lcz=lcz, repair=repair
    )
    plans, inputs = plans_of(each, areas, out, rule, inputs, drop_overlap, how)
    with output_alone(out, "patches"), written(out):
        remove_leftovers(out.parent, out.name)
        with (
            in_one_step(out) as temporary,
            PatchFile(temporary, inputs, size) as file,
        ):
            cutter = _Cutter(areas, size, inputs, target, file)
            for plan in plans:
                cutter.cut(plan, how, verbose)
            _check_classes(areas, file, labels)
            origin = {
                "labels": labels.name,
                "scenes": [plan.name for plan in plans],
                **{"stride": stride, "min_share": min_share, "target": target},
                **{"scale": scale, "offset": offset, "mask_clouds": mask_clouds},
            }
            file.finish(areas.class_names, processing_levels(plans), origin)
    return out


def _rule(size: int, stride: int, min_share: float | None, target: str) -> WindowRule:
    for name, number in (("size", size), ("stride", stride)):
        if not 1 <= number <= MOST_PIXELS:
            raise UserError(
                f"{name}: expected 1 to {MOST_PIXELS:,} pixels, got {str(number)[:20]}"
            )
    if min_share is not None and not 0 < min_share <= 1:
        raise UserError(
            f"min_share: expected a share above 0 and up to 1, got {min_share:g}; "
            "leave it out to take windows by their centres"
        )
    if target not in _TARGETS:
        raise UserError(
            f"target: expected one of {', '.join(_TARGETS)}, got {target!r}"
        )
    return WindowRule(size, stride, min_share)


def _scenes(scenes: ScenePaths | Sequence[ScenePaths]) -> list[ScenePaths]:
    each: list[ScenePaths]
    each = [scenes] if isinstance(scenes, str | Path) else list(scenes)
    if not each:
        raise UserError("scenes: expected one or more, got none; name them")
    return each


def _check_classes(areas: Areas, file: PatchFile, labels: Path) -> None:
    """Tells classes without patches.

    Raises:
        UserError: there are fewer than two classes with patches.
    """
    found = set(file.classes_seen)
    drawn = set(areas.classes.tolist())
    if len(found) < 2:
        raise UserError(
            f"{labels}: expected patches of two classes or more, found "
            f"{counted(file.samples, 'patch')} of "
            f"{listed(areas.class_names[i] for i in sorted(found)) or 'none'}: the "
            "other polygons have no windows, or these no data; draw more, or give a "
            "smaller --stride"
        )
    lacking = [areas.class_names[i] for i in sorted(drawn - found)]
    if lacking:
        none = f"{labels}: no patches of {listed(lacking)}"
        warn(none)


@dataclass(frozen=True)
class _Cutter:
    """Cuts the windows of one plan after the other into a file.

    Attributes:
        areas: the polygons and points.
        size: height and width of a window.
        inputs: names of the bands of each.
        target: ``"class"`` or ``"mask"``.
        file: that is written.
    """

    areas: Areas
    size: int
    inputs: Mapping[str, Sequence[str]]
    target: str
    file: PatchFile

    def cut(self, plan: Plan, how: Mapping[str, Any], verbose: int) -> None:
        """Reads a scene tile by tile, and writes the windows that have data.

        Warns of polygons and points of which no window has.
        """
        tiles = list(_tiles(plan.windows.places))
        found: set[str] = set()
        with Scene(plan.paths, **how) as scene:
            self.file.is_synthetic |= scene.is_synthetic
            for some in tracked(tiles, plan.name, len(tiles), verbose):
                found |= self._tile(plan, scene, some)
        sought = set(self.areas.names[plan.rows[plan.windows.owners]])
        if lost := len(sought - found):
            warn(
                f"{self.areas.path}: {lost:,} of {len(sought):,} polygons and points "
                f"have no window with enough data on {plan.name}: they lie at its "
                "edge, or where it has no data"
            )

    def _tile(self, plan: Plan, scene: Scene, some: np.ndarray) -> set[str]:
        """Writes the windows of a tile, so many at once as need little memory.

        Returns the names of the areas that they are of.
        """
        places = plan.windows.places[some]
        top, left = (int(n) for n in places.min(axis=0))
        height, width = places.max(axis=0) - (top, left) + self.size
        pixels, valid = scene.read(top, left, height, width, self.inputs)
        if self.target == "mask":
            label = _mask(plan, self.areas, top, left, height, width)
            pixels["label"] = np.where(valid, label, np.int16(IGNORED))

        def at(values: np.ndarray, i: int) -> np.ndarray:
            row, column = places[i] - (top, left)
            return values[row : row + self.size, column : column + self.size]

        kept = [i for i in range(len(places)) if has_enough(at(valid, i))]
        bands = sum(len(names) for names in self.inputs.values())
        batch = max(1, _BATCH_BYTES // (4 * bands * self.size**2))
        for start in range(0, len(kept), batch):
            now = kept[start : start + batch]
            patches = {
                name: np.stack([at(values, i) for i in now])
                for name, values in pixels.items()
            }
            rows = plan.rows[plan.windows.owners[some][now]]
            self._write(patches, rows, places[now], plan.name, scene)
        return set(self.areas.names[plan.rows[plan.windows.owners[some][kept]]])

    def _write(
        self,
        patches: dict[str, np.ndarray],
        rows: np.ndarray,
        places: np.ndarray,
        name: str,
        scene: Scene,
    ) -> None:
        centres = places + self.size / 2
        lonlat = to_lonlat(centres[:, 1], centres[:, 0], scene.grid)
        columns = {
            "polygon": self.areas.names[rows],
            "scene": np.full(len(rows), name),
            "lon": lonlat[:, 0],
            "lat": lonlat[:, 1],
            "window": places.astype(np.int32),
        }
        classes = self.areas.classes[rows]
        if self.target == "class":
            hot = classes[:, None] == np.arange(len(self.areas.class_names))
            columns["label"] = hot.astype(np.uint8)
        self.file.append(patches, columns, classes)


def _mask(
    plan: Plan, areas: Areas, top: int, left: int, height: int, width: int
) -> np.ndarray:
    """Returns the class of each pixel of a tile whose centre is in a polygon, int16."""
    from rasterio.features import rasterize
    from rasterio.transform import Affine

    shapes = [
        (plan.geometries[i], int(areas.classes[plan.rows[i]]))
        for i in by_size(plan.geometries)[::-1]  # the last one wins
        if not plan.geometries[i].is_empty
    ]
    return np.asarray(
        rasterize(
            shapes,
            (height, width),
            fill=IGNORED,
            transform=Affine.translation(left, top),
            dtype="int16",
        )
    )


def _tiles(places: np.ndarray) -> Iterator[np.ndarray]:
    """Yields which windows begin in each tile of a scene, row by row."""
    if not len(places):
        return
    tile = places // _TILE
    order = np.lexsort((tile[:, 1], tile[:, 0]))
    changes = (tile[order][1:] != tile[order][:-1]).any(axis=1)
    yield from np.split(order, np.flatnonzero(changes) + 1)
