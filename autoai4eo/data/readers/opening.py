"""`open_dataset`: the reader is chosen by what lies at the path."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np

from autoai4eo.data.dataset import Dataset
from autoai4eo.data.readers import arrays, images, so2sat
from autoai4eo.data.readers.base import Reader
from autoai4eo.data.readers.cache import CachedReader, worth_keeping
from autoai4eo.data.sensors import canonical
from autoai4eo.errors import UserError
from autoai4eo.files import check_regular

COLOURS = {"R", "G", "B", "alpha"}
Bands = Mapping[str, Sequence[str]] | Sequence[str]

# The first that accepts a path opens it; images are tried last.
READERS: list[tuple[Callable[[Path], bool], Callable[..., Reader]]] = [
    (so2sat.accepts, so2sat.So2SatReader),
    (arrays.accepts, arrays.open_npz),
]


def open_dataset(
    source: str | Path | Dataset | np.ndarray | Mapping[str, np.ndarray],
    *,
    inputs: Sequence[str] | None = None,
    bands: Bands | None = None,
    class_names: Sequence[str] | None = None,
    labels: np.ndarray | None = None,
    values: np.ndarray | None = None,
    class_level: int | None = None,
    unlabelled: bool = False,
    allow_remote: bool = False,
) -> Dataset:
    """Open what lies at a path, or wrap arrays.

    Args:
        source: an HDF5 file in So2Sat's layout, a folder or zip file with one folder
            of images per class (or images without folders, which have no labels), a
            ``.npz`` file, an array (N, H, W, bands) or a dict of them by input name,
            or a dataset.
        inputs: take only these inputs (``["sen2"]``).
        bands: take only these bands, by name, of each input in a dict or of all. Where
            the source does not tell the names of its bands and the number is the same,
            these are their names. ``alpha`` makes an image's alpha band one of them.
        class_names: of the classes that are looked for, such as those of the training
            data, in their order. Classes that the source names are matched by name;
            numbers are taken for this order.
        labels: for arrays, class indices (N,), one-hot (N, classes) or names (N,), or
            which classes each sample has, zeros and ones (N, classes) with several ones
            in a row; without them the samples can only be predicted.
        values: for arrays, numbers to predict, (N,) or (N, values), NaN where one is
            not known; ``class_names`` are their names.
        class_level: which level of a folder's folders is the classes, from 1; None: the
            first with several.
        unlabelled: keeps samples without a label where others have one, and images in
            folders that are no known classes.
        allow_remote: whether an HDF5 file may take data from other files outside its
            own folder (external links and storage, virtual data sets): such a file can
            show any file of yours as pixels.

    Arrays of a ``.npz`` file, labels and each sample must need at most 4 GiB of memory,
    or as many as the environment variable ``AUTOAI4EO_MAX_GIB`` says.

    Raises:
        UserError: nothing there, not readable, not in a known form, a class that is
            not known, inputs or bands that are not there.
    """
    if isinstance(source, Dataset):
        dataset = _of_classes(source, class_names)
    else:
        reader = _reader(
            source,
            class_names,
            labels,
            values,
            _names_of_image(bands),
            class_level,
            unlabelled,
            allow_remote,
        )
        keep = not isinstance(reader, arrays.ArraysReader) and worth_keeping(reader)
        found: Reader = CachedReader(reader) if keep else reader
        dataset = Dataset(found, notes=found.notes)
        if dataset.known.any() and not dataset.known.all() and not unlabelled:
            dataset = dataset.subset(np.flatnonzero(dataset.known))
    if inputs is not None:
        dataset = dataset.select([inputs] if isinstance(inputs, str) else inputs)
    return dataset if bands is None else _choose(dataset, bands)


def _reader(
    source: str | Path | np.ndarray | Mapping[str, np.ndarray],
    class_names: Sequence[str] | None,
    labels: np.ndarray | None,
    values: np.ndarray | None,
    bands: Sequence[str] | None,
    class_level: int | None,
    unlabelled: bool,
    allow_remote: bool,
) -> Reader:
    if isinstance(source, str | Path):
        path = _expanded(Path(source))
        check_regular(path)
        if not path.exists():
            raise UserError(
                f"{path}: no such file or folder; check the path (now in {Path.cwd()})"
            )
        if not os.access(path, os.R_OK):
            raise UserError(f"{path}: may not be read; change its permissions")
        for accepts, opens in READERS:
            if accepts(path) and class_level is None:
                return opens(path, class_names, allow_remote)
        if images.accepts(path):
            return images.ImagesReader(
                path, class_names, bands, class_level, unlabelled
            )
        if class_level is not None:
            raise UserError(
                f"{path}: expected a folder or zip file of images for a class level, "
                "found another file; leave it out"
            )
        raise UserError(
            f"{path}: expected an HDF5 file in So2Sat's layout, a folder or zip file "
            "of images with one folder per class, or a .npz file; found none of these"
        )
    if isinstance(source, Mapping):
        return arrays.ArraysReader(source, labels, class_names, values=values)
    if isinstance(source, np.ndarray):
        return arrays.ArraysReader(
            {"image": source}, labels, class_names, values=values
        )
    raise UserError(
        "expected a path, a dataset, an array (N, H, W, bands) or a dict of arrays, "
        f"found {type(source).__name__}"
    )


def _expanded(path: Path) -> Path:
    try:
        return path.expanduser()
    except RuntimeError as error:  # ~NOBODY
        raise UserError(f"{path}: {error}; write the path out") from None


def _of_classes(dataset: Dataset, wanted: Sequence[str] | None) -> Dataset:
    """A dataset that is open already, its classes matched by name."""
    if wanted is None or tuple(wanted) == dataset.class_names:
        return dataset
    return dataset.with_classes(wanted)


def _names_of_image(bands: Bands | None) -> Sequence[str] | None:
    """The bands that are asked for of a folder of images."""
    if isinstance(bands, Mapping):
        return bands.get("image")
    return None if bands is None else [str(name) for name in bands]


def _choose(dataset: Dataset, bands: Bands) -> Dataset:
    """Select bands by name, or name them where the source does not."""
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
