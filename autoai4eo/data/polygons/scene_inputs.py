"""Which bands of a scene become which input of the training data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from autoai4eo.callers import either
from autoai4eo.data.input_names import input_names
from autoai4eo.data.polygons.patch_file import TAKEN
from autoai4eo.data.scenes.masks import QUALITY, scene_band
from autoai4eo.data.scenes.scene import Scene
from autoai4eo.data.sensors import band
from autoai4eo.data.units import RADAR
from autoai4eo.errors import UserError


def inputs_of(scene: Scene) -> dict[str, tuple[str, ...]]:
    """Returns the bands of each input: ``sen1`` of radar, ``sen2`` of reflectance.

    All other bands, except those that mark clouds, are the input ``image``.
    """
    found: dict[str, list[str]] = {}
    for name in scene.bands:
        if name in QUALITY:
            continue
        quantity = band(name).quantity
        called = "sen2" if quantity == "reflectance" else "image"
        if quantity in RADAR:
            called = "sen1"
        found.setdefault(called, []).append(name)
    return {name: tuple(found[name]) for name in sorted(found)}


def named_inputs(inputs: Mapping[str, Sequence[str]]) -> dict[str, tuple[str, ...]]:
    """Returns inputs that a user names, with standard names of bands.

    Raises:
        UserError: there is none; a name cannot be an input's; bands are missing or
            twice there.
    """
    if not inputs:
        raise UserError("inputs: expected one or more, got none; leave them out")
    made, _ = input_names(list(inputs), "inputs")
    for name, plain in made.items():
        if name != plain or name in TAKEN or name.endswith("_bands"):
            raise UserError(
                f"inputs: expected names of letters, digits and _ other than "
                f"{', '.join(TAKEN)}, got {name!r}; choose another"
            )
    found = {n: tuple(scene_band(b) for b in some) for n, some in inputs.items()}
    for name, some in found.items():
        if not some or not all(some) or len(set(some)) < len(some):
            raise UserError(
                f"inputs: expected each band once, such as {name}=B02,B03,B04, got "
                f"{name}={','.join(some)}; correct it"
            )
    return found


def check_inputs(scene: Scene, inputs: Mapping[str, Sequence[str]], size: int) -> None:
    """Checks that a scene has the bands of all inputs, and the size of a window.

    Raises:
        UserError: bands are missing, have no data, or the scene is smaller.
    """
    wanted = list(dict.fromkeys(name for some in inputs.values() for name in some))
    missing = [name for name in wanted if name not in scene.bands]
    if missing:
        raise UserError(
            f"{scene}: expected the bands {', '.join(wanted)} of the inputs, found "
            f"{', '.join(scene.bands)}; {', '.join(missing)} missing: add their files "
            + either(
                "(files of one scene have commas between them: S2.tif,S1.tif)",
                '(files of one scene are a list in the list: [["S2.tif", "S1.tif"]])',
            )
            + ", or choose bands that all scenes have, such as "
            + either(
                "--input sen2=B02,B03,B04", 'inputs={"sen2": ["B02", "B03", "B04"]}'
            )
        )
    if scene.grid.height < size or scene.grid.width < size:
        raise UserError(
            f"{scene}: expected a scene of at least one window, {size}×{size} pixels, "
            f"found {scene.grid.height}×{scene.grid.width}; give a smaller --size"
        )
    raw = scene.sample(wanted).raw
    empty = [name for name in wanted if not len(raw[name])]
    if empty and len(empty) < len(wanted):
        raise UserError(
            f"{scene}: expected data in all bands, found none of {', '.join(empty)} in "
            "16 windows spread over the scene; give a file that covers it"
        )


def level_of(scene: Scene, inputs: Mapping[str, Sequence[str]]) -> dict[str, str]:
    """Returns the processing level (``L1C``, ``L2A``) of inputs of reflectance."""
    return {
        name: scene.level
        for name, some in inputs.items()
        if scene.level and all(band(one).quantity == "reflectance" for one in some)
    }
