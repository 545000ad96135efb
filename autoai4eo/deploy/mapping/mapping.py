"""Makes a georeferenced map of a scene."""

from __future__ import annotations

import contextlib
import json
import warnings
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path

import numpy as np

from autoai4eo.data.scenes.scene import Scene, grid_of
from autoai4eo.deploy.mapping.geotiff import picture
from autoai4eo.deploy.mapping.in_runtime import MapRuntime, converter
from autoai4eo.deploy.mapping.layers import map_kind
from autoai4eo.deploy.mapping.placing import check_free, is_placed, place
from autoai4eo.deploy.mapping.plan import How, plan_of
from autoai4eo.deploy.mapping.polygons import Polygons
from autoai4eo.deploy.mapping.scene_checks import check_scene
from autoai4eo.deploy.mapping.tile_store import TileStore, folder_of
from autoai4eo.deploy.mapping.tiles import CACHE, write_layers
from autoai4eo.deploy.predictors.base import Predictor
from autoai4eo.deploy.predictors.loading import load_predictor
from autoai4eo.errors import AutoAI4EOWarning, UserError
from autoai4eo.files import (
    check_can_write_into,
    check_not_input,
    check_utf8,
    remove_leftovers,
)
from autoai4eo.locks import output_alone
from autoai4eo.runs.folder import Run
from autoai4eo.runs.network_id import Which
from autoai4eo.runtimes.base import FLOAT32

#: The layers that a map can have besides the map itself.
BESIDE = ("confidence", "probabilities")
ScenePaths = str | Path | Sequence[str | Path]


def map_scene(
    model: str | Path | Predictor,
    scene: ScenePaths,
    out: str | Path,
    *,
    stride: int | None = None,
    seasons: Sequence[ScenePaths] = (),
    bands: Sequence[str] | None = None,
    scale: float | str = 1.0,
    offset: float = 0.0,
    like: str | Path | None = None,
    mask_clouds: bool = False,
    probabilities: bool = False,
    min_confidence: float = 0.0,
    dense: bool | None = None,
    min_agreement: float = 0.99,
    overlap: float | None = None,
    polygons: str | Path | None = None,
    tolerance: float = 0.0,
    min_area: float = 0.0,
    runtime: str | None = None,
    precision: str | None = None,
    threads: int | None = None,
    trial: Which = None,
    weights: str | Path | None = None,
    trust: bool = False,
    overwrite: bool = False,
    allow_no_crs: bool = False,
    allow_remote: bool = False,
    verbose: int = 1,
) -> Path:
    """Predicts for the windows or pixels of a scene and writes the map.

    What ``OUT.tif`` holds depends on the target of the model:

    - a class: its number, uint8 from 1, nodata 0; ``OUT_confidence.tif`` has the
      probability of that class, float32;
    - labels: a band for each class, uint8, 1 where its probability reaches the class's
      threshold, else 0, nodata 255;
    - values: a band for each value, float32, in the units of the training data,
      nodata NaN;
    - a mask: as a class, but for each pixel of the scene. Tiles of the size that the
      network takes overlap, and each pixel is their mean, weighted by Hann's window.
      Tiles of a network that is known to pad nothing need not overlap: the result is
      that of the whole scene at once.

    A pixel of a mask has nodata where the scene has. In the other maps a pixel has
    nodata where less than half of its window has data, or the window is mostly outside
    of the scene. On request ``OUT_probabilities.tif`` has a band for the
    probability of each class, float32. All are Cloud-Optimized GeoTIFFs on the scene's
    grid, coarser by `stride`.

    To resume a map that was interrupted at any instant, repeat the call: it computes
    only the missing tiles and writes the same bytes. Until then the tiles are in the
    folder ``.mapping-OUT.tif``. A map whose ``OUT.tif`` exists has all its layers.

    Args:
        model: a run, a ``.keras``, SavedModel, ONNX or OpenVINO model, a name of the
            weight catalogue, or a `Predictor`.
        scene: GeoTIFFs, VRTs or folders of band files (SAFE) of one place, of all
            sensors that the network needs; bands are matched by name.
        out: the map's path, ``.tif``.
        stride: pixels between windows, and the size of a map pixel in pixels of the
            scene; None: the map step of the network, or 10 if it has none.
        seasons: further scenes of the place; predictions are averaged over all.
        bands: names of the scene's bands in their order, if its files do not name
            them.
        scale, offset: value = digital number × scale + offset, for all but radar bands;
            the scale ``"tags"`` takes both from each band's file, also for radar bands.
        like: a raster whose grid the map takes; None: the grid of the file with the
            smallest pixels in metres (of files within 5 %, a projected one before a
            geographic one, then the one with the alphabetically first band).
        mask_clouds: whether pixels that SCL or QA60 mark as cloud or snow count as
            missing.
        probabilities: whether the probabilities of all classes are written.
        min_confidence: for a class: pixels with a lower confidence get nodata.
        dense: computes once the features that windows share. None: where the result is
            provably equal; True: also elsewhere, if at least `min_agreement` of a
            sample of this scene's windows agree; False: never.
        overlap: for a mask: the share of a tile that the next one covers, too, 0 to
            0.9. None: 0.5, or 0 for a network that pads nothing.
        min_agreement: see `dense` and `runtime`. Two windows agree if their class or
            labels are equal, or if their values differ by at most a hundredth of their
            spread.
        polygons: for classes: a GeoPackage for the connected areas of each class, with
            the fields ``class``, ``value`` (in the map), ``area_m2`` and
            ``confidence`` (the mean); None: none is written.
        tolerance: the polygons are simplified by it, in units of the map's CRS; edges
            of neighbours stay common.
        min_area: smaller areas, in square metres, get no polygon.
        runtime: what runs the network: ``"onnx"``, ``"openvino"``, ``"litert"``, …, see
            `autoai4eo.runtimes`; at least `min_agreement` of a sample of this scene's
            windows must agree with the model. None: whatever the model runs in.
        precision: of the runtime: ``"float32"`` (the default), ``"float16"``,
            ``"bfloat16"`` or ``"int8"``, which is calibrated on windows of the scene.
        threads: of the runtime; None: one for each core.
        trial: see `load_predictor`.
        weights: the file of the catalogue's weights, if it is not in the cache.
        trust: see `load_predictor`.
        overwrite: replaces an existing map.
        allow_no_crs: accepts a scene without a coordinate reference system.
        allow_remote: accepts VRTs that read files elsewhere or on the network, and any
            format of GDAL.
        verbose: 0: prints nothing.

    Returns:
        The path of the map.

    Raises:
        UserError: model, scene or output cannot be used; an option does not fit the
            model's target; another process writes the same output; no window has data.
    """
    import rasterio

    out = Path(out)
    _check_place(out)
    how_run = MapRuntime(runtime, precision or FLOAT32, threads)
    predictor = (
        model
        if isinstance(model, Predictor)
        else load_predictor(model, trial=trial, weights=weights, trust=trust)
    )
    vectors = None
    if polygons is not None:
        vectors = Polygons(Path(polygons), tolerance, min_area)
        vectors.check(predictor, overwrite)
    elif tolerance or min_area:
        raise UserError(
            "tolerance, min_area: expected polygons that they are for, found none; add "
            "--polygons OUT.gpkg, or leave them out"
        )
    how = How(stride, dense, overlap, min_agreement, verbose).of(predictor)
    kind = map_kind(predictor, probabilities, min_confidence)
    layers = {layer.name: beside(out, layer.name) for layer in kind.layers}
    layers[kind.layers[0].name] = out
    others = [p for p in (beside(out, w) for w in BESIDE) if p not in layers.values()]
    with ExitStack() as opened:
        with _resumable(out):
            for path in (*layers.values(), *others):
                opened.enter_context(output_alone(path, "map"))
            with contextlib.suppress(OSError):
                folder_of(out).rmdir()  # empty, of a process that was killed at its end
            check_free(folder_of(out), layers.values(), others, overwrite)
        opened.enter_context(rasterio.Env(GDAL_CACHEMAX=CACHE))
        scenes: list[Scene] = []
        place_of = None if like is None else grid_of(like, allow_no_crs, allow_remote)
        for paths in (scene, *seasons):
            one = Scene(
                paths,
                bands,
                scale=scale,
                offset=offset,
                grid=place_of,
                mask_clouds=mask_clouds,
                allow_no_crs=allow_no_crs,
                allow_remote=allow_remote,
            )
            scenes.append(opened.enter_context(one))
            place_of = one.grid
            check_scene(predictor, one)
        if vectors is not None:
            vectors.check_place(scenes[0].grid)
            opened.enter_context(output_alone(vectors.path, "map"))
        shown = _picture_of(predictor, out)
        inputs = [path for one in scenes for path in one.files]
        inputs += [*predictor.files, *(() if like is None else (Path(like),))]
        for path in (
            *layers.values(),
            *others,
            *_given(shown, None if vectors is None else vectors.path),
        ):
            check_not_input(path, inputs)
        converts = opened.enter_context(converter(how_run))
        plan = plan_of(predictor, scenes, kind, how, converts)
        depends_on: list[object] = [
            *plan.depends_on,
            probabilities,
            mask_clouds,
            *kind.depends_on,
        ]
        if runtime is not None:
            depends_on += [runtime, how_run.precision]
        cache_key = _cache_key(predictor, scenes, depends_on)
        of_map = f"{cache_key} {min_confidence} {predictor.target.classes}"
        with _resumable(out), TileStore(out, cache_key, kind.layers) as tiles:
            if not is_placed(tiles.folder, layers, of_map):
                plan.compute(tiles)
                measured = plan.tags(tiles)
                write_layers(tiles, plan.grid, predictor, scenes, kind, measured)
                check_free(tiles.folder, layers.values(), others, overwrite)
                place(tiles.folder, layers, others, of_map)
            if shown is not None:
                _keep_picture(shown, out, predictor.target.classes)
            if vectors is not None:
                vectors.write(out, layers["confidence"], predictor.target.classes)
            tiles.forget()
    return out


def _given(*paths: Path | None) -> list[Path]:
    return [path for path in paths if path is not None]


@contextlib.contextmanager
def _resumable(out: Path) -> Iterator[None]:
    """Turns an OSError into one line that says how to resume.

    Raises:
        UserError: the disk is full, or the folder cannot be written to.
    """
    try:
        yield
    except OSError as error:
        raise UserError(
            f"{out}: cannot be written ({error.strerror or error}); make room there, "
            "and rerun to resume"
        ) from error


def _picture_of(predictor: Predictor, out: Path) -> Path | None:
    """Returns ``RUN/maps/NAME.png`` for a run's map of classes, else None."""
    run = Run(Path(predictor.path))
    if predictor.target.kind not in ("class", "mask") or not run.exists:
        return None
    return run.map_picture(out.stem)


def _keep_picture(path: Path, out: Path, classes: Sequence[str]) -> None:
    """Writes the picture of a map; only warns if that fails, as the map is whole."""
    try:
        if path.parent.is_symlink():
            raise NotADirectoryError(f"{path.parent} is a link")
        path.parent.mkdir(exist_ok=True)
        with output_alone(path, "map"):
            remove_leftovers(path.parent, path.name)
            picture(lambda size: thumbnail(out, size), classes, out.stem, path)
    except (OSError, UserError) as error:
        why = getattr(error, "strerror", None) or error
        warnings.warn(
            f"{path}: the map's picture cannot be written ({why}); the map itself is "
            "complete",
            AutoAI4EOWarning,
            stacklevel=3,
        )


def thumbnail(path: Path, size: int) -> np.ndarray:
    """Reads a map, uint8 (rows, columns), at no more than `size` pixels per edge."""
    import rasterio

    with rasterio.open(path) as source:
        factor = max(1, max(source.shape) / size)
        shape = tuple(max(1, round(n / factor)) for n in source.shape)
        return np.asarray(source.read(1, out_shape=shape))


def beside(out: Path, what: str) -> Path:
    """Returns the path of a layer beside a map, see `BESIDE`."""
    return out.with_name(f"{out.stem}_{what}.tif")


def _check_place(out: Path) -> None:
    if out.suffix.lower() not in (".tif", ".tiff"):
        raise UserError(f"{out}: expected a name that ends with .tif; add it")
    if not out.parent.is_dir():
        raise UserError(
            f"{out}: expected the folder {out.parent} to write to, found none; make it"
        )
    check_can_write_into(out.parent)
    check_utf8(out)


def _cache_key(predictor: Predictor, scenes: Sequence[Scene], how: list[object]) -> str:
    """Returns everything that a tile depends on, as JSON."""
    grid = scenes[0].grid
    key = {
        # the key's old name, so that kept tiles stay valid
        "classifier": [predictor.path, predictor.fingerprint, predictor.bands],
        "scenes": [
            [
                [
                    [str(p.absolute()), p.stat().st_size, p.stat().st_mtime_ns]
                    for p in s.files
                ],
                s.bands,
                s.units,
            ]
            for s in scenes
        ],
        "grid": [str(grid.crs), list(grid.transform), grid.height, grid.width],
        "how": how,
    }
    return json.dumps(key, sort_keys=True)
