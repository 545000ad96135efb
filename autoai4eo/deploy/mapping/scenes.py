"""Opens the scenes of a map, and brings them to what the network takes."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from autoai4eo.data.band_matching import MATCHINGS, matching
from autoai4eo.data.raster_files import is_remote
from autoai4eo.data.scenes.raster_grid import grid_of
from autoai4eo.data.scenes.scene import Scene, ScenePaths
from autoai4eo.deploy.mapping.scene_checks import check_scene, warn_of_shifted
from autoai4eo.deploy.predictors.base import Predictor
from autoai4eo.deploy.predictors.colours import on_reflectance
from autoai4eo.errors import UserError, warn


@dataclass(frozen=True)
class HowRead:
    """How the scenes of a map are read; see `map_scene` for each of these."""

    bands: Sequence[str] | None = None
    scale: float | str = 1.0
    offset: float = 0.0
    like: str | Path | None = None
    mask_clouds: bool = False
    match_training: str | None = None
    stretch: tuple[float, float] | None = None
    allow_no_crs: bool = False
    allow_remote: bool = False

    def check(self, predictor: Predictor) -> None:
        """Checks that a network's training data are known where they are needed.

        Raises:
            UserError: they are not, or there is no such matching.
        """
        if self.match_training is None:
            return
        if self.match_training not in MATCHINGS:
            raise UserError(
                f"match_training: expected {' or '.join(MATCHINGS)}, got "
                f"{self.match_training}"
            )
        check_typical(predictor, "match-training")


def check_typical(predictor: Predictor, option: str) -> None:
    """Checks that the distribution of the training data is known.

    Raises:
        UserError: it is not.
    """
    if not predictor.typical_by_band:
        raise UserError(
            f"{option}: expected a network with statistics of its training data, found "
            f"none of {predictor.path}; map with the run or its export, or write "
            '"autoai4eo:statistics": {"p2": […], "p98": […]} into the inputs of '
            "model.json"
        )


def opened_scenes(
    opened: ExitStack, predictor: Predictor, paths: Sequence[ScenePaths], how: HowRead
) -> tuple[Predictor, list[Scene], dict[str, str]]:
    """Opens scenes on one grid; warns if the predictions for one may be wrong.

    Args:
        opened: closes them.
        predictor: that maps them.
        paths: of each scene.
        how: they are read.

    Returns:
        The predictor, for the bands that the scenes have; the scenes; tags of the map
        that tell what was done to their values.

    Raises:
        UserError: a scene cannot be used, see `Scene` and `check_scene`.
    """
    grid = None
    if how.like is not None:
        grid = grid_of(how.like, how.allow_no_crs, how.allow_remote)
    scenes: list[Scene] = []
    matched: list[str] = []
    tags: dict[str, str] = {}
    for one in paths:
        scene = Scene(
            one,
            how.bands,
            scale=how.scale,
            offset=how.offset,
            grid=grid,
            mask_clouds=how.mask_clouds,
            allow_no_crs=how.allow_no_crs,
            allow_remote=how.allow_remote,
        )
        scenes.append(opened.enter_context(scene))
        grid = scene.grid
        if len(scenes) == 1:
            predictor, tags = on_reflectance(predictor, scene.bands, how.stretch)
        are_alike = check_scene(predictor, scene)
        if how.match_training is not None:
            matched.append(_match(predictor, scene, how.match_training))
        if are_alike:
            warn_of_shifted(predictor, scene, how.match_training)
        else:
            tags["UNITS"] = "seem to be others than the training data's"
    given = [frozenset(map(_place, scene.paths)) for scene in scenes]
    if len(set(given)) < len(given):
        warn(
            "a scene is given twice, and counts twice in the mean of the seasons; "
            "leave it out once"
        )
    if matched:
        tags["MATCH_TRAINING"] = f"{how.match_training}: {'; '.join(matched)}"
    return predictor, scenes, tags


def _place(path: Path) -> Path:
    """A file, however it is spelt, or an address."""
    return path if is_remote(path) else path.resolve()


def _match(predictor: Predictor, scene: Scene, how: str) -> str:
    """Matches a scene to the training data; returns what was done to each band."""
    typical = predictor.typical_by_band
    lines = matching(scene.sample(tuple(typical)).read, typical, how)
    scene.convert(lines)
    return ", ".join(
        f"{name} × {factor:.4g} {'+' if shift >= 0 else '-'} {abs(shift):.4g}"
        for name, (factor, shift) in lines.items()
    )
