"""Checks that a scene suits a network: bands, size, processing level, units."""

from __future__ import annotations

import warnings
from collections.abc import Sequence

from autoai4eo.data.scenes.scene import Scene
from autoai4eo.data.unit_advice import advice
from autoai4eo.deploy.predictors.base import Predictor
from autoai4eo.errors import AutoAI4EOWarning, UserError
from autoai4eo.text import line


def check_scene(predictor: Predictor, scene: Scene) -> None:
    """Warns if the predictions for a scene may be wrong.

    Raises:
        UserError: the scene lacks bands, or is smaller than a window.
    """
    scene.check_bands(predictor.bands)
    height, width = predictor.window
    if scene.grid.height < height or scene.grid.width < width:
        raise UserError(
            f"{scene}: expected a scene of at least one window, {height}×{width} "
            f"pixels, found {scene.grid.height}×{scene.grid.width}; use a larger one"
        )
    if predictor.level and scene.level and predictor.level != scene.level:
        warnings.warn(
            f"{scene}: a scene of level {scene.level}, and the network was made for "
            f"{predictor.level}: the map may be wrong; use a {predictor.level} product "
            "of the scene",
            AutoAI4EOWarning,
            stacklevel=3,
        )
    names = list(dict.fromkeys(n for some in predictor.bands.values() for n in some))
    for note in (*scene.notes(names), *_units(predictor, scene, names)):
        warnings.warn(line(note), AutoAI4EOWarning, stacklevel=3)


def _units(predictor: Predictor, scene: Scene, names: Sequence[str]) -> list[str]:
    """Returns warnings of units that differ, or may, from the training data's."""
    if predictor.typical:
        typical = {
            name: one
            for key, bands in predictor.bands.items()
            if key in predictor.typical
            for name, one in zip(bands, predictor.typical[key], strict=True)
        }
        sample = scene.sample(names)
        told = advice(sample.raw, sample.read, typical, scene.tags, scene.offset_is_due)
        return [f"{scene}: {sentence}" for sentence in told]
    told = []
    if scene.offset_is_due:
        told.append(
            f"{scene}: Sentinel-2 numbers since processing baseline 04.00 are 1,000 "
            "higher, and the units that the network was trained on are not known; if "
            "it was trained on reflectance, give --scale 0.0001 --offset -0.1"
        )
    unused = {n: t for n, t in scene.tags.items() if n in names and scene.units[n] != t}
    if unused:
        each = ", ".join(f"{n} {s:g} and {o:g}" for n, (s, o) in unused.items())
        told.append(
            f"{scene}: the scale and offset in the files' tags are not applied ({each})"
            ", and the units that the network was trained on are not known; if it was "
            "trained on such values, give --scale tags"
        )
    return told
