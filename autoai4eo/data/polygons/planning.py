"""Chooses what is cut out of each scene, before anything is written."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from autoai4eo.data.polygons.areas import Areas
from autoai4eo.data.polygons.overlaps import without_contradictions, without_overlaps
from autoai4eo.data.polygons.placing import extent, place
from autoai4eo.data.polygons.scene_checks import (
    advice_on_units,
    check_given_once,
    files_of,
    told_units,
)
from autoai4eo.data.polygons.scene_inputs import check_inputs, inputs_of, level_of
from autoai4eo.data.polygons.windows import (
    WindowRule,
    Windows,
    choose,
    sharing_pixels,
)
from autoai4eo.data.scenes.scene import Scene, ScenePaths
from autoai4eo.errors import UserError, warn
from autoai4eo.files import check_not_input
from autoai4eo.text import counted


@dataclass(frozen=True)
class Plan:
    """What is cut out of a scene.

    Attributes:
        paths: files of the scene.
        name: of the scene.
        windows: whose owners are places in `rows`.
        rows: which of the areas lie on the scene.
        geometries: of these, in pixels of the scene, without overlaps.
        level: of processing, by input.
    """

    paths: ScenePaths
    name: str
    windows: Windows
    rows: np.ndarray
    geometries: np.ndarray
    level: Mapping[str, str]


def plans_of(
    scenes: Sequence[ScenePaths],
    areas: Areas,
    out: Path,
    rule: WindowRule,
    inputs: Mapping[str, Sequence[str]] | None,
    drop: bool,
    how: Mapping[str, Any],
) -> tuple[list[Plan], Mapping[str, Sequence[str]]]:
    """Chooses the windows of each scene, and the inputs; nothing is written yet."""
    plans: list[Plan] = []
    places: list[str] = []
    due: list[bool] = []
    told: list[str] = []
    advised: dict[str, str] = {}
    seen: list[tuple[str, frozenset[object]]] = []
    for paths, name in zip(scenes, _names(scenes), strict=True):
        with Scene(paths, **how) as scene:
            check_not_input(out, [*scene.files, areas.path])
            check_given_once(scene, seen)
            seen.append((str(scene), files_of(scene)))
            if inputs is None:
                inputs = inputs_of(scene)
            check_inputs(scene, inputs, rule.size)
            due.append(scene.offset_is_due)
            names = [band for some in inputs.values() for band in some]
            for note in scene.notes(names):
                _warn(note)
            advice = advice_on_units(scene, list(dict.fromkeys(names)))
            if advice and not scene.offset_is_due:
                advised[str(scene)] = advice
            placed = place(areas, scene.grid)
            if not len(placed.rows):
                places.append(f"{scene}: {extent(areas, scene.grid)}")
                continue
            classes = areas.classes[placed.rows]
            geometries, pairs = without_overlaps(placed.geometries, classes, drop)
            if len(pairs):
                whose = "neither class" if drop else "the smaller polygon"
                _warn(
                    f"{areas.path}: {counted(len(pairs), 'pair')} of polygons of "
                    f"different classes overlap on {scene}; what they share has {whose}"
                    + ("" if drop else " (--drop-overlap leaves it out)")
                )
            geometries, pixels = without_contradictions(geometries, classes, drop)
            if pixels:
                whose = "none counts" if drop else "the first in the file counts"
                _warn(
                    f"{areas.path}: {counted(pixels, 'pixel')} of {scene} "
                    f"{'has' if pixels == 1 else 'have'} points of different classes; "
                    f"{whose}" + ("" if drop else " (--drop-overlap leaves them out)")
                )
            shape = (scene.grid.height, scene.grid.width)
            windows = choose(geometries, shape, rule)
            drawn = placed.rows[[g.geom_type != "Point" for g in geometries]]
            gone = placed.rows[[g.is_empty for g in geometries]]
            told += _without_windows(
                windows, placed.rows, drawn, gone, areas, scene, rule
            )
            told += _sharing(windows, placed.rows, areas, scene, rule, len(scenes))
            plans.append(
                Plan(
                    paths,
                    name,
                    windows,
                    placed.rows,
                    geometries,
                    level_of(scene, inputs),
                )
            )
    if not plans:
        raise UserError(
            f"{areas.path}: expected polygons or points on a scene, found none on "
            f"{'; '.join(places)}; check the coordinate reference systems, or name "
            "other scenes"
        )
    for there in places:
        _warn(f"{areas.path}: no polygon or point lies on {there}")
    on_scenes = np.unique(np.concatenate([plan.rows for plan in plans]))
    if outside := len(areas.classes) - len(on_scenes):
        _warn(
            f"{areas.path}: {outside:,} of {len(areas.classes):,} polygons and points "
            "lie on no scene; check their coordinate reference system, or give more "
            "scenes"
        )
    _check_plans(plans, areas, rule)
    for sentence in told:
        _warn(sentence)
    if advised:
        _warn(told_units(advised, len(scenes)))
    if any(due):
        some = "all" if all(due) else f"{sum(due)} of {len(due)}"
        _warn(
            f"{some} of the scenes have numbers of Sentinel-2's processing baseline "
            "04.00, which are 1,000 higher: for reflectance give --scale 0.0001 "
            "--offset -0.1" + ("" if all(due) else ", and cut the others by themselves")
        )
    assert inputs is not None
    return plans, inputs


def _names(scenes: Sequence[ScenePaths]) -> list[str]:
    """Returns a name for each scene, which differs from the others'."""
    found: list[str] = []
    for paths in scenes:
        first = paths if isinstance(paths, str | Path) else next(iter(paths), None)
        if first is None:
            raise UserError("scenes: expected files of each scene, got none of one")
        name = plain = Path(first).stem or str(first)
        number = 1
        while name in found:
            number += 1
            name = f"{plain} ({number})"
        found.append(name)
    return found


def _without_windows(
    windows: Windows,
    rows: np.ndarray,
    drawn: np.ndarray,
    gone: np.ndarray,
    areas: Areas,
    scene: Scene,
    rule: WindowRule,
) -> list[str]:
    """Returns sentences on polygons without windows; points always have one.

    Args:
        windows: of the scene.
        rows: see `Plan`.
        drawn: those of them that are polygons.
        gone: those of them of which others left nothing.
        areas, scene, rule: see `plans_of`.
    """
    without = set(areas.names[drawn]) - set(areas.names[rows[windows.owners]])
    covered = without & set(areas.names[gone])
    told = []
    if covered:
        told.append(
            f"{areas.path}: {counted(len(covered), 'polygon')} without windows on "
            f"{scene}, as polygons of other classes cover every part"
        )
    few = len(without - covered)
    if not few:
        return told
    what = "whose centre they hold"
    if rule.min_share is not None:
        what = f"that they cover to {rule.min_share:g}"
    return [
        *told,
        f"{areas.path}: {counted(few, 'polygon')} without windows {what}, on {scene}; "
        "a smaller --stride finds more",
    ]


def _sharing(
    windows: Windows,
    rows: np.ndarray,
    areas: Areas,
    scene: Scene,
    rule: WindowRule,
    scenes: int,
) -> list[str]:
    """Returns a sentence on polygons whose windows share pixels with another's."""
    owners = Windows(windows.places, rows[windows.owners])
    shared = sharing_pixels(owners, rule.size)
    if not len(shared):
        return []
    apart = f"draw polygons {rule.size} pixels apart, or take a smaller --size"
    if scenes > 1:
        apart = f"{apart}, or split by --group scene if they show other places"
    return [
        f"{areas.path}: windows of {len(shared)} of {len(set(owners.owners))} polygons "
        f"on {scene} share pixels with those of another polygon, so that a split by "
        f"polygon is not independent for them; {apart}"
    ]


def _check_plans(plans: Sequence[Plan], areas: Areas, rule: WindowRule) -> None:
    if any(len(plan.windows) for plan in plans):
        return
    how = "its centre in a polygon"
    if rule.min_share is not None:
        how = f"{rule.min_share:g} of it covered by a polygon"
    raise UserError(
        f"{areas.path}: expected windows of {rule.size} pixels with {how}, found none; "
        "give a smaller --stride, --size or --min-share, or draw larger polygons"
    )


def processing_levels(plans: Sequence[Plan]) -> dict[str, str]:
    """Returns the processing level of each input, where all scenes have the same."""
    found: dict[str, str] = {}
    for name in {name for plan in plans for name in plan.level}:
        levels = {plan.level.get(name) for plan in plans}
        if len(levels) > 1:
            _warn(
                f"{name}: the scenes have the processing levels "
                f"{', '.join(sorted(map(str, levels)))}; a network may learn them, not "
                "the classes"
            )
        elif (level := levels.pop()) is not None:
            found[name] = level
    return found


def _warn(sentence: str) -> None:
    warn(sentence)
