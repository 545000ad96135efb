"""A scene in, a georeferenced map of classes out."""

from __future__ import annotations

import contextlib
import json
import warnings
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np

from autoai4eo.data.scenes.scene import Scene, grid_of
from autoai4eo.data.units import advice
from autoai4eo.deploy.mapping.geotiff import NODATA, MapFile, colours, map_file, picture
from autoai4eo.deploy.mapping.patchwise import Forward, forward_of, read
from autoai4eo.deploy.mapping.placing import check_free, is_placed, place
from autoai4eo.deploy.mapping.tile_store import TileStore, folder_of
from autoai4eo.deploy.mapping.windows import Tile, WindowGrid, valid_cells
from autoai4eo.deploy.predictors.base import Classifier, load_classifier
from autoai4eo.errors import UserError
from autoai4eo.files import check_can_write_into, check_not_input, remove_leftovers
from autoai4eo.locks import output_alone
from autoai4eo.runs.folder import Run
from autoai4eo.text import line

STRIDE = 10  # 100 m of Sentinel-2, as local climate zones are mapped
MOST_CLASSES = 255
MOST_STRIDE = 100_000  # pixels, more than scenes have
# Bytes of blocks that GDAL keeps; by itself it takes a twentieth of the memory.
CACHE = 256 * 2**20
ScenePaths = str | Path | Sequence[str | Path]


def map_scene(
    model: str | Path | Classifier,
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
    trial: int | None = None,
    weights: str | Path | None = None,
    trust: bool = False,
    overwrite: bool = False,
    allow_no_crs: bool = False,
    allow_remote: bool = False,
    verbose: int = 1,
) -> Path:
    """Classifies the windows of a scene and writes the map of their classes.

    ``OUT.tif`` has the classes, uint8 from 1, 0 where more than half of a window has no
    data or is outside of the scene; ``OUT_confidence.tif`` the probability of that
    class, float32; ``OUT_probabilities.tif``, where asked for, those of all. All are
    Cloud-Optimized GeoTIFFs on the scene's grid, coarser by `stride`. Broken off at
    whatever instant, the same call goes on with the tiles that are missing and gives
    the same bytes; until then they lie in ``.mapping-OUT.tif``. Where ``OUT.tif`` is
    the other layers are of the same map.

    Args:
        model: a run, a ``.keras``, SavedModel or ONNX file, a name of the weight
            catalogue, or what `load_classifier` gave.
        scene: GeoTIFFs, VRTs or folders of band files (SAFE) of one place, of all
            sensors that the network wants; bands are matched by name.
        out: the map's path, ``.tif``.
        stride: pixels between windows, and the size of a cell; None: the map step that
            the network was made for, else 10.
        seasons: further scenes of the place; probabilities are averaged over all before
            the class is chosen.
        bands: names of the scene's bands in their order, where it does not tell them.
        scale, offset: value = digital number × scale + offset, for all but radar bands;
            the scale ``"tags"`` takes those of each band's file, of a radar as well.
        like: a raster whose grid the map takes; None: of the scene's files that with
            the smallest pixels in metres (of those up to 5 % larger a projected one
            before a geographic one, then the first band's name in the alphabet).
        mask_clouds: pixels that the scene's bands SCL or QA60 call cloud or snow have
            no data.
        probabilities: whether those of all classes are written.
        min_confidence: a cell under it has no class.
        dense: computes what windows have in common once. None: where that is provably
            equal; True: elsewhere, too, if it agrees with `min_agreement` of a sample
            of this scene's windows; False: never.
        min_agreement: see `dense`.
        trial: of a run; None: its finalist.
        weights: the file of the catalogue's weights, where it is not in the cache.
        trust: see `load_classifier`.
        overwrite: replaces a map that is there.
        allow_no_crs: takes a scene without a coordinate reference system.
        allow_remote: takes VRTs that are made of files elsewhere, in the network or by
            programs, and any format that GDAL knows.
        verbose: 0 keeps quiet.

    Returns:
        The path of the map.

    Raises:
        UserError: model, scene or output that cannot be used; another process writes
            the same output; no cell has data.
    """
    import rasterio

    out = Path(out)
    _check_place(out)
    layers = {"class": out, "confidence": beside(out, "confidence")}
    others = [beside(out, "probabilities")]
    if probabilities:
        layers["probabilities"] = others.pop()
    with ExitStack() as opened:
        with _resumable(out):
            for path in (*layers.values(), *others):
                opened.enter_context(output_alone(path, "map"))
            with contextlib.suppress(OSError):
                folder_of(out).rmdir()  # what a process killed at its very end leaves
            check_free(folder_of(out), layers.values(), others, overwrite)
        classifier = (
            model
            if isinstance(model, Classifier)
            else load_classifier(model, trial=trial, weights=weights, trust=trust)
        )
        if stride is None:
            stride = classifier.map_step or STRIDE
        if not 1 <= stride <= MOST_STRIDE:
            raise UserError(
                f"stride: expected 1 to {MOST_STRIDE:,} pixels, got {str(stride)[:20]}"
            )
        if len(classifier.classes) > MOST_CLASSES:
            raise UserError(
                f"{classifier.path}: expected at most {MOST_CLASSES} classes, as many "
                f"as a map has values, found {len(classifier.classes)}; use another "
                "model"
            )
        opened.enter_context(rasterio.Env(GDAL_CACHEMAX=CACHE))
        scenes: list[Scene] = []
        grid = None if like is None else grid_of(like, allow_no_crs, allow_remote)
        for paths in (scene, *seasons):
            one = Scene(
                paths,
                bands,
                scale=scale,
                offset=offset,
                grid=grid,
                mask_clouds=mask_clouds,
                allow_no_crs=allow_no_crs,
                allow_remote=allow_remote,
            )
            scenes.append(opened.enter_context(one))
            grid = one.grid
            _check(classifier, one)
        shown = _picture_of(classifier, out)
        inputs = [path for one in scenes for path in one.files]
        inputs += [*classifier.files, *(() if like is None else (Path(like),))]
        for path in (*layers.values(), *others, *(() if shown is None else (shown,))):
            check_not_input(path, inputs)
        grid = scenes[0].grid
        cells = WindowGrid((grid.height, grid.width), classifier.window, stride)
        forward = forward_of(classifier, scenes, cells, dense, min_agreement, verbose)
        asked = _asked(classifier, scenes, [stride, dense, probabilities, mask_clouds])
        whole = f"{asked} {min_confidence} {classifier.classes}"
        number = len(classifier.classes)
        with _resumable(out), TileStore(out, asked, number, probabilities) as tiles:
            if not is_placed(tiles.folder, layers, whole):
                _compute(classifier, scenes, cells, forward, tiles, verbose)
                _write(tiles, cells, classifier, scenes, list(layers), min_confidence)
                check_free(tiles.folder, layers.values(), others, overwrite)
                place(tiles.folder, layers, others, whole)
            if shown is not None:
                _keep_picture(shown, out, classifier.classes)
            tiles.forget()
    return out


@contextlib.contextmanager
def _resumable(out: Path) -> Iterator[None]:
    """Tells in one line that a map cannot be written, and that it can be gone on with.

    Raises:
        UserError: the disk is full, or nothing may be written there.
    """
    try:
        yield
    except OSError as error:
        raise UserError(
            f"{out}: cannot be written ({error.strerror or error}); make room there, "
            "and the same call goes on"
        ) from error


def _picture_of(classifier: Classifier, out: Path) -> Path | None:
    """``RUN/maps/NAME.png`` of a run's map."""
    run = Run(Path(classifier.path))
    return run.map_picture(out.stem) if run.exists else None


def _keep_picture(path: Path, out: Path, classes: Sequence[str]) -> None:
    """Writes the picture of a map; the map stands without it, too."""
    try:
        if path.parent.is_symlink():
            raise NotADirectoryError(f"{path.parent} is a link")
        path.parent.mkdir(exist_ok=True)
        with output_alone(path, "map"):
            remove_leftovers(path.parent, path.name)
            picture(lambda size: thumbnail(out, size), classes, out.stem, path)
    except (OSError, UserError) as error:
        told = getattr(error, "strerror", None) or error
        warnings.warn(
            f"{path}: the map's picture cannot be written ({told}); the map itself is "
            "there",
            stacklevel=3,
        )


def thumbnail(path: Path, size: int) -> np.ndarray:
    """A map, uint8 (rows, columns), read at no more than so many cells an edge."""
    import rasterio

    with rasterio.open(path) as source:
        factor = max(1, max(source.shape) / size)
        shape = tuple(max(1, round(n / factor)) for n in source.shape)
        return np.asarray(source.read(1, out_shape=shape))


def beside(out: Path, what: str) -> Path:
    """The path of a layer that goes with a map: ``confidence``, ``probabilities``."""
    return out.with_name(f"{out.stem}_{what}.tif")


def _check_place(out: Path) -> None:
    if out.suffix.lower() not in (".tif", ".tiff"):
        raise UserError(f"{out}: expected a name that ends with .tif; add it")
    if not out.parent.is_dir():
        raise UserError(
            f"{out}: expected the folder {out.parent} to write to, found none; make it"
        )
    check_can_write_into(out.parent)


def _check(classifier: Classifier, scene: Scene) -> None:
    scene.check_bands(classifier.bands)
    height, width = classifier.window
    if scene.grid.height < height or scene.grid.width < width:
        raise UserError(
            f"{scene}: expected a scene of at least one window, {height}×{width} "
            f"pixels, found {scene.grid.height}×{scene.grid.width}; use a larger one"
        )
    if classifier.level and scene.level and classifier.level != scene.level:
        warnings.warn(
            f"{scene}: a scene of level {scene.level}, and the network was made for "
            f"{classifier.level}: its classes may be wrong; use a {classifier.level} "
            "product of the scene",
            stacklevel=3,
        )
    names = list(dict.fromkeys(n for some in classifier.bands.values() for n in some))
    for note in (*scene.notes(names), *_units(classifier, scene, names)):
        warnings.warn(line(note), stacklevel=3)


def _units(classifier: Classifier, scene: Scene, names: Sequence[str]) -> list[str]:
    """Sentences on units that are not those of the training data, or may not be."""
    if classifier.typical:
        typical = {
            name: one
            for key, bands in classifier.bands.items()
            if key in classifier.typical
            for name, one in zip(bands, classifier.typical[key], strict=True)
        }
        sample = scene.sample(names)
        told = advice(sample.raw, sample.read, typical, scene.tags, scene.offset_is_due)
        return [f"{scene}: {sentence}" for sentence in told]
    told = []
    if scene.offset_is_due:
        told.append(
            f"{scene}: Sentinel-2 numbers since processing baseline 04.00 are "
            "1,000 higher, and what the network was trained on is not known; if on "
            "reflectance, give --scale 0.0001 --offset -0.1"
        )
    unused = {n: t for n, t in scene.tags.items() if n in names and scene.units[n] != t}
    if unused:
        each = ", ".join(f"{n} {s:g} and {o:g}" for n, (s, o) in unused.items())
        told.append(
            f"{scene}: scale and offset that the files tell are not applied ({each}), "
            "and what the network was trained on is not known; if on such values, give "
            "--scale tags"
        )
    return told


def _compute(
    classifier: Classifier,
    scenes: Sequence[Scene],
    cells: WindowGrid,
    forward: Forward,
    tiles: TileStore,
    verbose: int,
) -> None:
    """Computes the tiles that are missing; what is next is read meanwhile."""
    from rich.progress import track

    missing = tiles.missing(cells.tiles())
    ahead = _ahead(missing, lambda tile: [read(s, tile, classifier) for s in scenes])
    for tile, seasons in track(
        ahead, "mapping", total=len(missing), disable=not verbose, transient=True
    ):
        shape = (tile.rows, tile.columns)
        total = np.zeros((*shape, len(classifier.classes)), np.float32)
        number = np.zeros(shape, np.int64)
        for pixels, valid in seasons:
            wanted = valid_cells(valid, cells.window, cells.stride)
            if wanted.any():
                total[wanted] += forward(pixels, wanted)
                number += wanted
        total[number == 0] = np.nan
        tiles.keep(tile, total / np.maximum(number, 1)[..., None])


def _ahead(tiles: Sequence[Tile], get: Callable[[Tile], Any]) -> Iterator[Any]:
    """Each tile with what was read of it, the next being read meanwhile."""
    with ThreadPoolExecutor(1) as reader:
        coming: Future[Any] | None = None
        for tile, after in zip(tiles, [*tiles[1:], None], strict=False):
            now = coming or reader.submit(get, tile)
            values = now.result()
            coming = None if after is None else reader.submit(get, after)
            yield tile, values


def _asked(
    classifier: Classifier,
    scenes: Sequence[Scene],
    how: list[Any],
) -> str:
    """What a tile depends on."""
    grid = scenes[0].grid
    asked = {
        "classifier": [classifier.path, classifier.fingerprint, classifier.bands],
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
    return json.dumps(asked, sort_keys=True)


def _write(
    tiles: TileStore,
    cells: WindowGrid,
    classifier: Classifier,
    scenes: Sequence[Scene],
    layers: Sequence[str],
    min_confidence: float,
) -> None:
    """Writes the layers of a map from its tiles, into their folder."""
    tiles.wait()
    names, grid = classifier.classes, scenes[0].grid
    coarse = grid.coarser(cells.stride)
    bands = {"confidence": ["confidence"], "probabilities": list(names)}
    with ExitStack() as opened:

        def layer(what: str, *how: Any, average: bool) -> MapFile:
            path = tiles.folder / f"{what}.tif"
            return opened.enter_context(map_file(path, coarse, *how, average=average))

        classes = layer("class", "uint8", NODATA, ["class"], average=False)
        files = {"class": classes}
        for what in layers[1:]:
            files[what] = layer(what, "float32", np.nan, bands[what], average=True)
        classes.colour(dict(enumerate(colours(names), start=1)))
        classes.tag({f"CLASS_{i}": n for i, n in enumerate(names, start=1)}, band=1)
        classes.tag(
            {
                "MODEL": classifier.path,
                "WINDOW": "{}x{}".format(*cells.window),
                "STRIDE": str(cells.stride),
                "MIN_CONFIDENCE": str(min_confidence),
            }
        )
        some = False
        for tile in cells.tiles():
            kept = tiles.read(tile)
            some |= bool(kept["class"].any())
            kept["class"][kept["confidence"] < min_confidence] = NODATA
            for what, file in files.items():
                file.write(kept[what], tile.row, tile.column)
        if not some:
            tiles.forget()
            raise UserError(
                f"expected a scene with data, found that most of each window of "
                f"{' and '.join(map(str, scenes))} is nodata; check the scene and its "
                "nodata value"
            )
