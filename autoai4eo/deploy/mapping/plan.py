"""How a map is computed: by windows of patches, or by blended tiles of pixels."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from autoai4eo.cost.mapping import TILE_OVERLAP, tiles_at_once
from autoai4eo.data.scenes.scene import Scene
from autoai4eo.data.scenes.window_places import has_enough
from autoai4eo.deploy.mapping.blending import (
    compute_blended,
    in_bounded_memory,
    predicted,
)
from autoai4eo.deploy.mapping.in_runtime import Converter, check_agreement
from autoai4eo.deploy.mapping.layers import MapKind
from autoai4eo.deploy.mapping.patchwise import forward_of
from autoai4eo.deploy.mapping.seams import measured_seams
from autoai4eo.deploy.mapping.tile_grid import TileGrid, tile_grid
from autoai4eo.deploy.mapping.tile_store import TileStore
from autoai4eo.deploy.mapping.tiles import compute_tiles
from autoai4eo.deploy.mapping.windows import WindowGrid
from autoai4eo.deploy.predictors.base import Predictor
from autoai4eo.errors import UserError
from autoai4eo.networks.unpadded import unpadded_period

STRIDE = 10  # 100 m of Sentinel-2, the usual grid of local climate zones
MOST_STRIDE = 100_000  # pixels, more than scenes have
MOST_OVERLAP = 0.9  # each pixel is then predicted 100 times
_SAMPLED = 8  # tiles on which a runtime is compared with the model
_TRIED = 64  # tiles that are read to find as many with data


@dataclass(frozen=True)
class How:
    """What the user asks of the computation; see `map_scene`.

    Attributes:
        stride, dense, overlap, min_agreement, verbose: see `map_scene`.
    """

    stride: int | None = None
    dense: bool | None = None
    overlap: float | None = None
    min_agreement: float = 0.99
    verbose: int = 1

    def of(self, predictor: Predictor) -> How:
        """Returns the same with the predictor's defaults.

        Raises:
            UserError: an option is out of range, or of another kind of network.
        """
        if predictor.target.kind == "mask":
            return self._of_pixels(predictor)
        if self.overlap is not None:
            raise UserError(
                "overlap: expected a network with a class for each pixel, found "
                f"{predictor.path}, which has one for a patch; leave --overlap out"
            )
        stride = self.stride
        if stride is None:
            stride = predictor.map_step or STRIDE
        if not 1 <= stride <= MOST_STRIDE:
            raise UserError(
                f"stride: expected 1 to {MOST_STRIDE:,} pixels, got {str(stride)[:20]}"
            )
        return replace(self, stride=stride)

    def _of_pixels(self, predictor: Predictor) -> How:
        for name in ("stride", "dense"):
            if getattr(self, name) is not None:
                raise UserError(
                    f"{name}: expected a network with a class for a patch, found "
                    f"{predictor.path}, which has one for each pixel; leave --{name} "
                    "out"
                )
        if self.overlap is not None and not 0 <= self.overlap <= MOST_OVERLAP:
            raise UserError(
                f"overlap: expected a share from 0 to {MOST_OVERLAP}, got "
                f"{self.overlap:g}"
            )
        return self


@dataclass(frozen=True)
class Plan:
    """How a map is computed.

    Attributes:
        grid: the pixels of the map and its tiles.
        compute: computes the tiles that a store lacks.
        tags: measures the map in a store whose tiles are complete, for its tags.
        depends_on: what the kept tiles depend on, besides predictor, scenes and layers.
    """

    grid: WindowGrid | TileGrid
    compute: Callable[[TileStore], None]
    depends_on: list[object]
    tags: Callable[[TileStore], Mapping[str, str]] = field(default=lambda tiles: {})


def plan_of(
    predictor: Predictor,
    scenes: Sequence[Scene],
    kind: MapKind,
    how: How,
    converter: Converter | None,
) -> Plan:
    """Returns how the map of some scenes is computed.

    Args:
        predictor: that makes it.
        scenes: of one grid.
        kind: of the map.
        how: the options, see `How.of`.
        converter: runs the network in another runtime; None: the predictor's own.

    Raises:
        UserError: see `forward_of`; the network's masks are not those of its windows.
    """
    size = (scenes[0].grid.height, scenes[0].grid.width)
    if predictor.target.kind == "mask":
        return _of_pixels(predictor, scenes, kind, how, converter)
    assert how.stride is not None, "see `How.of`"
    grid = WindowGrid(size, predictor.window, how.stride)
    forward = forward_of(
        predictor,
        scenes,
        grid,
        kind,
        how.dense,
        how.min_agreement,
        how.verbose,
        converter,
    )
    return Plan(
        grid,
        lambda tiles: compute_tiles(
            predictor, scenes, grid, forward, kind, tiles, how.verbose
        ),
        [how.stride, how.dense],
    )


def _of_pixels(
    predictor: Predictor,
    scenes: Sequence[Scene],
    kind: MapKind,
    how: How,
    converter: Converter | None,
) -> Plan:
    size = (scenes[0].grid.height, scenes[0].grid.width)
    period = _period(predictor)
    overlap = how.overlap
    if overlap is None:
        overlap = TILE_OVERLAP if period is None else 0.0
    rows, columns = predictor.target.shape
    whole = tile_grid(size, predictor.window, (rows, columns), overlap, period)
    grid = in_bounded_memory(whole, scenes, predictor)
    if converter is not None:
        predictor = _converted(predictor, scenes[0], grid, kind, how, converter)

    def tags(tiles: TileStore) -> dict[str, str]:
        found = measured_seams(predictor, scenes, grid, tiles)
        if found is None:
            return {}
        if how.verbose:
            print(found)
        return found.tags

    return Plan(
        grid,
        lambda tiles: compute_blended(
            predictor, scenes, grid, kind, tiles, how.verbose
        ),
        ["mask", overlap, grid.per_swath],
        tags,
    )


def _period(predictor: Predictor) -> int | None:
    """Returns the period of a network without padding; None: tiles must be blended.

    Raises:
        UserError: the network predicts other pixels than those of its window.
    """
    shape, window = predictor.target.shape, predictor.window
    period = None
    if predictor.network is not None:
        period = unpadded_period(predictor.network)
    even = all(w >= n and (w - n) % 2 == 0 for w, n in zip(window, shape, strict=True))
    if period is not None and even and period <= min(shape):
        return period
    if shape == window:
        return None
    raise UserError(
        f"{predictor.path}: expected a class for each of {window[0]}×{window[1]} pixels"
        f", found {shape[0]}×{shape[1]}; use a network that predicts all pixels, or a "
        ".keras network without padding, which may predict only its centre"
    )


def _converted(
    predictor: Predictor,
    scene: Scene,
    grid: TileGrid,
    kind: MapKind,
    how: How,
    converter: Converter,
) -> Predictor:
    """Returns the predictor in a runtime, compared with the model on some tiles.

    Raises:
        UserError: the runtime cannot run the network, or they agree too seldom.
    """
    windows = list(_sampled(predictor, scene, grid))
    together = {
        name: np.stack([one[name] for one in windows])
        for name in (windows[0] if windows else ())
    }
    found = converter.predictor(predictor, together)
    if windows:
        size = min(tiles_at_once(predictor.window), len(windows))
        one, other = (
            np.concatenate(list(predicted(p, windows, size)))
            for p in (found, predictor)
        )
        same = kind.same(one, other)
        agreement = float(same.mean())
        share = f"{agreement:.1%} of {same.size:,} pixels of this scene"
        check_agreement(converter.how, agreement, share, how.min_agreement, how.verbose)
    return found


def _sampled(predictor: Predictor, scene: Scene, grid: TileGrid) -> Any:
    """Yields windows with data of a few tiles, (height, width, bands) by input."""
    rng = np.random.default_rng(0)
    rows, columns = grid.rows, grid.columns
    number = len(rows.starts) * len(columns.starts)
    found = 0
    for i in rng.permutation(number)[:_TRIED]:
        row, column = divmod(int(i), len(columns.starts))
        pixels, valid = scene.read(
            rows.starts[row] - rows.margin,
            columns.starts[column] - columns.margin,
            *grid.window,
            predictor.bands,
        )
        if has_enough(valid):
            yield pixels
            found += 1
        if found == _SAMPLED:
            return
