"""Checks scenes to cut patches from: given twice, or in digital numbers."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from autoai4eo.data.quantities import BRIGHTEST
from autoai4eo.data.raster_files import is_remote
from autoai4eo.data.scenes.scene import Scene
from autoai4eo.data.sensors import band
from autoai4eo.errors import UserError

#: Smallest 98th percentile that digital numbers have as reflectance, over a dark sea.
_DARKEST = 0.002
_SCALE = 1e-4  # of the digital numbers of Sentinel-2 and Landsat's like


def files_of(scene: Scene) -> frozenset[object]:
    """Returns what the files of a scene are, whatever path or link names them."""
    stored = [os.stat(path) for path in scene.files]
    remote = {str(path) for path in scene.paths if is_remote(path)}
    return frozenset({(file.st_dev, file.st_ino) for file in stored} | remote)


def check_given_once(
    scene: Scene, others: Iterable[tuple[str, frozenset[object]]]
) -> None:
    """Checks that no scene before has the same files.

    A file that two scenes have beside others, such as radar of one date, is none twice.

    Args:
        scene: that is checked.
        others: name and `files_of` of the scenes before.

    Raises:
        UserError: all files of the one are files of the other, too.
    """
    files = files_of(scene)
    for name, known in others:
        if files <= known or known <= files:
            also = f"{name} as {scene}" if name != str(scene) else f"{scene} twice"
            raise UserError(
                f"scenes: expected each scene once, found {also}; leave one out, as "
                "its patches would be in the data twice"
            )


def advice_on_units(scene: Scene, names: Sequence[str]) -> str:
    """Returns what turns a scene's digital numbers into reflectance.

    Empty if its bands are read as reflectance, or have none. A conversion is advised
    only if it was tried on the values.

    Args:
        scene: the scene.
        names: of the bands that are cut.
    """
    sample = scene.sample(names)
    if not _brightest(sample.read) > BRIGHTEST:
        return ""
    if scene.tags:
        tagged = {
            name: scale * sample.raw[name] + offset
            for name, (scale, offset) in scene.tags.items()
            if name in names
        }
        if _DARKEST <= _brightest(tagged) <= BRIGHTEST:
            return "give --scale tags, as its file tells"
    if _DARKEST <= _SCALE * _brightest(sample.raw) <= BRIGHTEST:
        return f"give --scale {_SCALE:g}"
    return "check --scale and --offset"


def told_units(advised: Mapping[str, str], scenes: int) -> str:
    """Returns a sentence on scenes in digital numbers.

    Args:
        advised: by name of a scene, its `advice_on_units`, not empty.
        scenes: number of all scenes.
    """
    first, *more = advised
    which = f"{first} and {len(more)} more" if more else first
    some = f" ({len(advised)} of the {scenes} scenes)" if len(advised) < scenes else ""
    return (
        f"{which}: digital numbers are cut as they are{some}, and So2Sat's layout holds"
        f" reflectance: {' or '.join(dict.fromkeys(advised.values()))}, here and to map"
    )


def _brightest(values: Mapping[str, np.ndarray]) -> float:
    """Returns the 98th percentile of bands of reflectance, the median of the bands."""
    found = [
        float(np.percentile(some, 98))
        for name, some in values.items()
        if len(some) and band(name).quantity == "reflectance"
    ]
    return float(np.median(found)) if found else 0.0
