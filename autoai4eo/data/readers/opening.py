"""`open_dataset`, which chooses the reader by the content of the path."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from autoai4eo.data.dataset import Dataset
from autoai4eo.data.masks.pairs import is_list, pairs_of
from autoai4eo.data.masks.reopening import record_of
from autoai4eo.data.masks.tiles import TILE
from autoai4eo.data.readers import arrays, bigearthnet, images, so2sat
from autoai4eo.data.readers.base import Reader, ReadOptions
from autoai4eo.data.readers.cache import CachedReader, worth_keeping
from autoai4eo.data.readers.scene_pairs import ScenePairsReader, open_list
from autoai4eo.data.readers.streams import in_arrays
from autoai4eo.data.readers.targets import Told
from autoai4eo.data.scenes.files import SUFFIXES, split_paths
from autoai4eo.data.sensors import canonical
from autoai4eo.data.target import UNNAMED_CLASS
from autoai4eo.errors import MissingError, UserError
from autoai4eo.files import check_regular

COLOURS = {"R", "G", "B", "alpha"}
_SCENE = (
    "a scene, give its masks (--masks) to learn from or to evaluate, or map it with "
    "`autoai4eo map`"
)
Bands = Mapping[str, Sequence[str]] | Sequence[str]


@dataclass(frozen=True)
class Form:
    """A form of data that can be opened.

    Attributes:
        words: description of the form, for messages.
        accepts: returns whether a path looks like this form; fast.
        opens: returns the reader for an accepted path.
        has_levels: whether ``class_level`` has a meaning for this form.
    """

    words: str
    accepts: Callable[[Path], bool]
    opens: Callable[[Path, ReadOptions], Reader]
    has_levels: bool = False


# The first form that accepts a path opens it. Images accept every folder, so they come
# last.
READERS: list[Form] = [
    Form("an HDF5 file in So2Sat's layout", so2sat.accepts, so2sat.So2SatReader),
    Form("a .npz file", arrays.accepts, arrays.open_npz),
    Form("a CSV or GeoJSON list of images and masks", is_list, open_list),
    Form(
        "a folder of BigEarthNet",
        bigearthnet.accepts,
        bigearthnet.BigEarthNetReader,
        has_levels=True,
    ),
    Form(
        "a folder or zip file of images with one folder per class",
        images.accepts,
        images.ImagesReader,
        has_levels=True,
    ),
]


def open_dataset(
    source: Any,
    *,
    inputs: Sequence[str] | None = None,
    bands: Bands | None = None,
    class_names: Sequence[str] | Mapping[int, str] | None = None,
    labels: np.ndarray | None = None,
    class_level: int | None = None,
    unlabelled: bool = False,
    allow_remote: bool = False,
    kind: str | None = None,
    masks: str | Path | None = None,
    ignored: int | Sequence[int] | None = None,
    tile: int = TILE,
    tile_stride: int | None = None,
) -> Dataset:
    """Opens data at a path, or wraps arrays.

    Args:
        source: an HDF5 file in So2Sat's layout, a folder or zip file with one folder
            of images per class (or images without folders, which have no labels), a
            folder of BigEarthNet, a ``.npz`` file, an array (N, H, W, bands) or a dict
            of them by input name, a scene or a folder of scenes with `masks`, a CSV or
            GeoJSON list of ``image`` and ``mask``, a stream of batches
            (`tf.data.Dataset`, `keras.utils.PyDataset`), which is written to temporary
            files, see `autoai4eo.data.readers.streams`, or a dataset. An array may be
            (N, H, W): one band.
        inputs: names of the inputs to use (``["sen2"]``); None: all.
        bands: names of the bands to use: a dict of them for each input, or a list for
            all inputs. If the source does not name its bands and their number is the
            same, these become their names. ``alpha`` makes an image's alpha band a
            band.
        class_names: names of the classes in order, such as those of the training data.
            Classes that the source names are matched by name; class numbers refer to
            this order. For masks also a dict of them by value: ``{10: "forest"}``.
        labels: for arrays: class indices (N,), one-hot or multi-hot rows (N, classes)
            or names (N,); for the kind ``value`` numbers (N,) or (N, values); masks
            (N, H, W) of a class for each pixel. Without labels, samples can be
            predicted but not learned from.
        class_level: level of the folders that are the classes, from 1; None: the first
            level with several folders. For BigEarthNet the number of classes, 19 or 43.
        unlabelled: whether to keep samples without a label if others have one.
        allow_remote: whether an HDF5 file may use other files outside its own folder
            (external links and storage, virtual data sets). Such a file can show any
            of your files as pixels.
        kind: kind of target, if the source allows several: ``class``, ``labels`` (even
            if every sample has exactly one), ``value`` or ``mask`` (even if there are
            labels); ``none`` reads no targets, but those of masks beside scenes.
        masks: a folder of a mask (GeoTIFF) for each scene of `source`, or the mask of
            one scene; see `autoai4eo.data.masks.pairs.pairs_of`. Samples are then tiles
            of the scenes, see `autoai4eo.data.readers.scene_pairs`.
        ignored: value, or values, of masks whose pixels have no known class, beside
            values below 0 and what the files declare.
        tile: height and width of a tile in pixels.
        tile_stride: pixels from tile to tile; None: the tile's size.

    Arrays of a ``.npz`` file, labels and each sample must need at most 4 GiB of memory,
    or the number of GiB in the environment variable ``AUTOAI4EO_MAX_GIB``.

    Raises:
        UserError: the path is missing, unreadable or in no known form; a class is
            unknown; an input or band is missing.
    """
    source, labels = in_arrays(source, labels)
    if inputs is not None:
        inputs = [inputs] if isinstance(inputs, str) else list(inputs)
    if isinstance(source, Dataset):
        dataset = _named_by_value(source, class_names)
        dataset = _of_classes(dataset, _names_in_order(class_names))
    else:
        names = _names_of_image(bands)
        options = ReadOptions(
            _names_in_order(class_names),
            None if names is None else tuple(names),
            class_level,
            unlabelled,
            allow_remote,
            kind,
            tuple(class_names) if isinstance(class_names, Mapping) else None,
            frozenset(np.atleast_1d([] if ignored is None else ignored).tolist()),
            tile,
            tile_stride,
            None if inputs is None else tuple(inputs),
        )
        if masks is None:
            reader = _reader(source, labels, options)
        else:
            reader = _with_masks(source, masks, options)
        keep = not isinstance(reader, arrays.ArraysReader) and worth_keeping(reader)
        found: Reader = CachedReader(reader) if keep else reader
        opened = record_of(reader, masks, options)
        dataset = Dataset(found, notes=found.notes, opened=opened)
        if kind != "none" and dataset.target.kind not in (
            kind or dataset.target.kind,
            "none",
        ):
            raise UserError(
                f"{dataset.path}: expected a target of the kind {kind}, found "
                f"{dataset.target.kind}; leave kind={kind!r} out, or open other data"
            )
        known = dataset.known
        if known.any() and not known.all() and not unlabelled:
            dataset = dataset.subset(np.flatnonzero(known))
    if inputs is not None:
        dataset = dataset.select(inputs)
    return dataset if bands is None else _choose(dataset, bands)


def _reader(
    source: str | Path | np.ndarray | Mapping[str, np.ndarray],
    labels: np.ndarray | None,
    options: ReadOptions,
) -> Reader:
    if isinstance(source, str | Path):
        return _reader_of(_expanded(Path(source)), options)
    if isinstance(source, np.ndarray):
        source = {"image": source}
    if not isinstance(source, Mapping):
        raise UserError(
            "expected a path, a dataset, an array (N, H, W, bands) or a dict of "
            f"arrays, found {type(source).__name__}"
        )
    if options.kind == "value":
        return arrays.ArraysReader(source, None, options, values=Told(labels))
    # whoever gives arrays gives the names of their numbers
    return arrays.ArraysReader(source, labels, options, names=options.class_names)


def _with_masks(source: Any, masks: str | Path, options: ReadOptions) -> Reader:
    if not (isinstance(source, str | Path) and isinstance(masks, str | Path)):
        raise UserError(
            "masks: expected paths of scenes and of their masks, found "
            f"{type(source).__name__} and {type(masks).__name__}; give masks of arrays "
            "as labels=…"
        )
    pairs = pairs_of(_expanded(Path(source)), _expanded(Path(masks)))
    return ScenePairsReader(str(source), pairs, options)


def _reader_of(path: Path, options: ReadOptions) -> Reader:
    check_regular(path)
    if not path.exists():
        files = split_paths(str(path))
        if len(files) > 1 and all(os.path.exists(file) for file in files):
            raise UserError(f"{path}: expected data, found the files of {_SCENE}")
        raise MissingError(
            f"{path}: no such file or folder; check the path (now in {Path.cwd()})"
        )
    if not os.access(path, os.R_OK):
        raise UserError(f"{path}: may not be read; change its permissions")
    for form in READERS:
        if form.accepts(path) and (form.has_levels or options.class_level is None):
            return form.opens(path, options)
    if options.class_level is not None:
        raise UserError(
            f"{path}: expected a folder or zip file of images for a class level, "
            "found another file; leave it out"
        )
    *most, last = (form.words for form in READERS)
    is_scene = path.suffix.lower() in SUFFIXES
    cure = f"; if this is {_SCENE}" if is_scene else ""
    raise UserError(
        f"{path}: expected {', '.join(most)}, or {last}; found none of these{cure}"
    )


def _names_in_order(
    names: Sequence[str] | Mapping[int, str] | None,
) -> tuple[str, ...] | None:
    if isinstance(names, Mapping):
        return tuple(names.values())
    return None if names is None else tuple(names)


def _expanded(path: Path) -> Path:
    try:
        return path.expanduser()
    except RuntimeError as error:  # ~NOBODY
        raise UserError(f"{path}: {error}; write the path out") from None


def _named_by_value(dataset: Dataset, names: Any) -> Dataset:
    """Names the classes of open masks that have no names, if `names` are by value."""
    values = dataset.opened.get("classes", {})
    unnamed = all(UNNAMED_CLASS.fullmatch(name) for name in dataset.class_names)
    if not isinstance(names, Mapping) or not values or not unnamed:
        return dataset
    known = {n: names[int(v)] for v, n in values.items() if int(v) in names}
    if not known.keys() >= set(dataset.class_names):
        return dataset
    return dataset.rename_classes([known[name] for name in dataset.class_names])


def _of_classes(dataset: Dataset, wanted: Sequence[str] | None) -> Dataset:
    """Matches the classes of an open dataset by name."""
    if wanted is None or tuple(wanted) == dataset.class_names:
        return dataset
    return dataset.with_classes(wanted)


def _names_of_image(bands: Bands | None) -> Sequence[str] | None:
    """Returns the bands requested for images."""
    if isinstance(bands, Mapping):
        return bands.get("image")
    return None if bands is None else [str(name) for name in bands]


def _choose(dataset: Dataset, bands: Bands) -> Dataset:
    """Selects bands by name, or names them if the source does not."""
    by_input = dict(bands) if isinstance(bands, Mapping) else None
    if by_input is None and len(dataset.inputs) == 1:
        by_input = {dataset.inputs[0].name: [str(b) for b in bands]}
    for spec in dataset.inputs:
        names = (by_input or {}).get(spec.name)
        if names is None or len(names) != len(spec.bands):
            continue
        # a picture's colours may be other bands, if the user says so
        colours = {b.name for b in spec.bands} <= COLOURS
        if not spec.named or (colours and not {*map(canonical, names)} <= COLOURS):
            dataset = dataset.name_bands(spec.name, names)
    return dataset.select_bands(by_input or [str(b) for b in bands])
