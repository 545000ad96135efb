"""Makes a georeferenced map of a scene."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import Path

from autoai4eo.data.scenes.scene import Scene, ScenePaths
from autoai4eo.deploy.mapping.earlier import BESIDE, beside, check_no_scene
from autoai4eo.deploy.mapping.figure import Figure, keep_picture, picture_of
from autoai4eo.deploy.mapping.in_runtime import MapRuntime, converter
from autoai4eo.deploy.mapping.layers import map_kind
from autoai4eo.deploy.mapping.placing import (
    check_free,
    is_placed,
    is_product,
    place,
    place_product,
)
from autoai4eo.deploy.mapping.plan import How, plan_of
from autoai4eo.deploy.mapping.polygons import Polygons
from autoai4eo.deploy.mapping.products import MadeMap, Product
from autoai4eo.deploy.mapping.reference import Reference, reference_json
from autoai4eo.deploy.mapping.reference_classes import values_of
from autoai4eo.deploy.mapping.scenes import (
    HowRead,
    check_typical,
    opened_scenes,
)
from autoai4eo.deploy.mapping.tile_store import TileStore, folder_of
from autoai4eo.deploy.mapping.tiles import CACHE, write_layers
from autoai4eo.deploy.mapping.unlike import UNLIKE, write_unlike
from autoai4eo.deploy.predictors.base import Predictor
from autoai4eo.deploy.predictors.loading import load_predictor
from autoai4eo.errors import UserError
from autoai4eo.files import check_can_write_into, check_not_input, check_utf8
from autoai4eo.locks import output_alone
from autoai4eo.runs.network_id import Which
from autoai4eo.runtimes.base import FLOAT32


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
    figure: str | Path | None = None,
    reference: str | Path | None = None,
    reference_classes: Mapping[str, str] | None = None,
    reference_field: str | None = None,
    unlike: bool = False,
    match_training: str | None = None,
    stretch: tuple[float, float] | None = None,
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
        figure: a PNG that shows the map of classes beside the scene, see `Figure`;
            None: none is written. A run keeps one anyway.
        reference: a GeoTIFF of labels, or polygons or points: the map is held against
            it, and ``OUT_reference.json`` says how well it agrees, see `Reference`.
        reference_classes: by value of the reference, the classes of the map that it
            stands for, see `groups_of`; None: the reference has the map's classes.
        reference_field: of polygons, that holds the class.
        unlike: whether ``OUT_unlike.tif`` is written, see `write_unlike`.
        match_training: ``"dark-object"`` or ``"moments"``: brings each band of a scene
            to the training data by a shift, or a factor and a shift, from 16 windows
            spread over the scene, see `MATCHINGS`. The map's tags tell them.
        stretch: for a network for colours and a scene of reflectance: the reflectances
            that become 1 and 255, see `on_reflectance`.
        runtime: what runs the network: ``"onnx"``, ``"openvino"``, ``"litert"``, …, see
            `autoai4eo.runtimes`; at least `min_agreement` of a sample of this scene's
            windows must agree with the model. None: whatever the model runs in.
        precision: of the runtime: ``"float32"`` (the default), ``"float16"``,
            ``"bfloat16"`` or ``"int8"``, which is calibrated on windows of the scene.
        threads: of the runtime; None: one for each core.
        trial: see `load_predictor`.
        weights: the file of the catalogue's weights, if it is not in the cache.
        trust: see `load_predictor`.
        overwrite: replaces an existing map, with all layers and the comparison beside
            it; polygons and figures of other names stay.
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
    read = HowRead(
        bands,
        scale,
        offset,
        like,
        mask_clouds,
        match_training,
        stretch,
        allow_no_crs,
        allow_remote,
    )
    read.check(predictor)
    if unlike:
        check_typical(predictor, UNLIKE)
    products: list[Product] = []
    if polygons is not None:
        products.append(Polygons(Path(polygons), tolerance, min_area))
    elif tolerance or min_area:
        raise UserError(
            "tolerance, min_area: expected polygons that they are for, found none; add "
            "--polygons OUT.gpkg, or leave them out"
        )
    against: Reference | None = None
    if reference is not None:
        path, legend = reference_json(out), reference_classes or {}
        of = (Path(reference), path, legend, reference_field, values_of(predictor))
        against = Reference(*of, allow_remote)
        products.append(against)
    elif reference_classes or reference_field is not None:
        raise UserError(
            "--reference-class, --reference-field: expected a reference that they are "
            "for, found none; add --reference LABELS, or leave them out"
        )
    if figure is not None:
        products.append(Figure(Path(figure), against))
    for product in products:
        kept = is_product(folder_of(out), product.path)
        product.check(predictor, overwrite or kept)
    how = How(stride, dense, overlap, min_agreement, verbose).of(predictor)
    kind = map_kind(predictor, probabilities, min_confidence)
    layers = {layer.name: beside(out, layer.name) for layer in kind.layers}
    layers[kind.layers[0].name] = out
    if unlike:
        layers[UNLIKE] = beside(out, UNLIKE)
    others = [p for p in (beside(out, w) for w in BESIDE) if p not in layers.values()]
    if reference is None:
        others.append(reference_json(out))
    with ExitStack() as opened:
        with _resumable(out):
            for path in (*layers.values(), *others):
                opened.enter_context(output_alone(path, "map"))
            with contextlib.suppress(OSError):
                folder_of(out).rmdir()  # empty, of a process that was killed at its end
            check_free(folder_of(out), layers.values(), others, overwrite)
        opened.enter_context(rasterio.Env(GDAL_CACHEMAX=CACHE))
        predictor, scenes, told = opened_scenes(
            opened, predictor, (scene, *seasons), read
        )
        for product in products:
            product.check_place(scenes[0].grid)
            opened.enter_context(output_alone(product.path, "map"))
        shown = picture_of(predictor, out)
        inputs = [path for one in scenes for path in one.files]
        more = [Path(one) for one in (like, reference) if one is not None]
        inputs += [*predictor.files, *more]
        written = [product.path for product in products]
        written += [] if shown is None else [shown]
        for path in (*layers.values(), *others, *written):
            check_not_input(path, inputs)
        for path in layers.values():
            check_no_scene(path)
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
                write_layers(
                    tiles, plan.grid, predictor, scenes, kind, {**measured, **told}
                )
                if unlike:
                    path = tiles.folder / f"{UNLIKE}.tif"
                    write_unlike(path, predictor, scenes, plan.grid, verbose)
                check_free(tiles.folder, layers.values(), others, overwrite)
                place(tiles.folder, layers, others, of_map)
            if shown is not None or products:
                target, confidence = predictor.target, layers["confidence"]
                known = target.colours
                made = MadeMap(out, confidence, target.classes, scenes, known)
                if shown is not None:
                    keep_picture(shown, made, predictor, trial)
                for product in products:
                    place_product(
                        tiles.folder, product.path, partial(product.write, made)
                    )
            tiles.forget()
    return out


@contextlib.contextmanager
def _resumable(out: Path) -> Iterator[None]:
    """Turns an OSError into one line that says how to resume.

    Raises:
        UserError: the disk is full, or the folder cannot be written to.
    """
    try:
        yield
    except OSError as error:
        # rasterio's own message refers to its cause
        why = error.strerror or error.__cause__ or error
        raise UserError(
            f"{out}: cannot be written ({why}); make room there, and rerun to resume"
        ) from error


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
