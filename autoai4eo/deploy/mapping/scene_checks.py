"""Checks that a scene suits a network: bands, size, processing level, units."""

from __future__ import annotations

from collections.abc import Sequence

from autoai4eo.data.scenes.scene import Scene
from autoai4eo.data.unit_advice import advice
from autoai4eo.data.unlike import shifted, told_shifted
from autoai4eo.deploy.predictors.base import Predictor
from autoai4eo.errors import UserError, warn
from autoai4eo.text import line


def check_scene(predictor: Predictor, scene: Scene) -> bool:
    """Warns if the predictions for a scene may be wrong.

    Returns:
        Whether nothing was found that says that its values have other units than the
        training data's.

    Raises:
        UserError: the scene lacks bands, or is smaller than a window; or than half a
            tile of a network with a class for each pixel, for which it is reflected.
    """
    scene.check_bands(predictor.bands)
    height, width, least = *predictor.window, "one window"
    if predictor.target.kind == "mask":
        height, width, least = -(-height // 2), -(-width // 2), "half a tile"
    if scene.grid.height < height or scene.grid.width < width:
        raise UserError(
            f"{scene}: expected a scene of at least {least}, {height}×{width} "
            f"pixels, found {scene.grid.height}×{scene.grid.width}; use a larger one"
        )
    if predictor.level and scene.level and predictor.level != scene.level:
        warn(
            f"{scene}: a scene of level {scene.level}, and the network was made for "
            f"{predictor.level}: the map may be wrong; use a {predictor.level} product "
            "of the scene"
        )
    names = list(dict.fromkeys(n for some in predictor.bands.values() for n in some))
    units = _units(predictor, scene, names)
    for note in (*scene.notes(names), *units):
        warn(line(note))
    return not units


def warn_of_shifted(predictor: Predictor, scene: Scene, match: str | None) -> None:
    """Warns of bands whose distribution lies elsewhere than the training data's.

    Args:
        predictor: that maps the scene.
        scene: as it is mapped.
        match: how it was matched to the training data, if it was.
    """
    typical = predictor.typical_by_band
    values = scene.sample(tuple(typical)).read
    names = shifted(values, typical)
    if names:
        cure = "try --match-training dark-object" if match is None else f"after {match}"
        warn(
            line(
                f"{scene}: {told_shifted(names, values, typical)} ({cure}); --unlike "
                "shows which pixels"
            )
        )


def _units(predictor: Predictor, scene: Scene, names: Sequence[str]) -> list[str]:
    """Returns warnings of units that differ, or may, from the training data's."""
    if predictor.typical:
        typical = predictor.typical_by_band
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
