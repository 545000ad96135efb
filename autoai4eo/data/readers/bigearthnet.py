"""Folders of BigEarthNet: one folder of single-band GeoTIFFs per patch.

Version 1 (Sumbul et al. 2019, doi:10.1109/IGARSS.2019.8900532) has the labels of a
patch, of 43 classes, in a JSON file beside its bands. Version 2 (Clasen et al. 2025,
arXiv:2407.03653) has those of all patches, of 19 classes, in ``metadata.parquet``.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from autoai4eo.data.bigearthnet_classes import CLASS_OF, CLASSES_19, CLASSES_43
from autoai4eo.data.readers.base import (
    DEFAULTS,
    InputSpec,
    ReadOptions,
    TargetsInMemory,
)
from autoai4eo.data.readers.image_store import ImageStore
from autoai4eo.data.readers.labels import columns_by_name
from autoai4eo.data.sensors import SENTINEL2
from autoai4eo.data.target import Target
from autoai4eo.errors import UserError
from autoai4eo.files import check_size, read_json

METADATA = "metadata.parquet"
LABELS = "_labels_metadata.json"
_PATCH = re.compile(r"(S2[AB]_MSIL2A_.+)_\d+_\d+")
_TILE = re.compile(r"_(T\d\d[A-Z]{3})(?:_|$)")
_BAND = re.compile(r"_(B\d[\dA])\.tif")
_OF_PATCH = re.compile(rf"(S2[AB]_MSIL2A_.+_\d+_\d+)(?:{LABELS}|_B02\.tif)")
_DEPTH = 3  # of a patch's folder below the one that is opened, at most
_LOOKED_AT = 20  # folders, to see whether there are patches
_CURE = "copy the patch again, or take its folder away"


def accepts(path: Path) -> bool:
    """Returns whether a folder is a patch, or contains patches or their metadata."""
    if not path.is_dir():
        return False
    if (path / METADATA).is_file():
        return True
    return next(_patches(path, _LOOKED_AT), None) is not None


class BigEarthNetReader(TargetsInMemory):
    """See `Reader`. The one input is called ``sen2``; a sample has several labels.

    Bands of 20 and 60 m are brought to the pixels of 10 m by bilinear interpolation, as
    TorchGeo does. Patches lie in one folder, or in folders of their tiles; those of
    Sentinel-1 and the reference maps are not read. Groups are the ``tile`` of
    Sentinel-2's grid, the ``product`` (tile and time), and what the metadata of version
    2 tell: ``country`` and the authors' ``split``.

    Args:
        path: of the folder.
        options: ``class_level`` is the number of classes, 19 (by default) or 43.
            Patches of none of the 19 classes have no label and are left out, as the
            authors do, unless ``unlabelled``.

    Raises:
        UserError: no patches; a patch without bands or with labels that are not known;
            43 classes of version 2; no pyarrow to read ``metadata.parquet``.
    """

    chunk_rows = 1
    whole = False

    def __init__(self, path: Path, options: ReadOptions = DEFAULTS) -> None:
        self.path = str(path)
        self._store = ImageStore(path)
        self._folders = dict(sorted(_patches(path)))
        if not self._folders:
            raise UserError(
                f"{path}: expected folders of patches (S2A_MSIL2A_…), found none; "
                "unpack BigEarthNet-S2 beside its metadata"
            )
        self.notes: tuple[str, ...] = ()
        self.groups: Mapping[str, np.ndarray] = {}
        table = path / METADATA
        self._told = self._of_table(table) if table.is_file() else self._of_files()
        self.names: Sequence[str] = list(self._told)
        self._set_targets(options, 19 if table.is_file() else 43)
        self._set_input()

    def _of_files(self) -> dict[str, Sequence[str] | None]:
        """The labels of each patch of version 1; None where it has no JSON file."""
        told: dict[str, Sequence[str] | None] = {}
        tiles, products = [], []
        for name, folder in self._folders.items():
            file = Path(self.path, folder, name + LABELS)
            content: Mapping[str, Any] = {}
            if file.is_file():
                content = read_json(file, _CURE, {"labels": [str]})
            told[name] = content.get("labels")
            source = str(content.get("tile_source", "")).removesuffix(".SAFE")
            products.append(source or _product(name))
            found = _TILE.search(source)
            tiles.append(found[1] if found else "unknown")
        self.groups = {"tile": np.array(tiles), "product": np.array(products)}
        return told

    def _of_table(self, path: Path) -> dict[str, Sequence[str] | None]:
        """Returns the labels of each patch of version 2 that has a folder."""
        table = _parquet(path)
        rows = table[table["patch_id"].isin(self._folders)].sort_values("patch_id")
        if missing := len(table) - len(rows):
            self.notes += (
                f"{missing:,} of {len(table):,} patches in {METADATA} have no folder: "
                "they are left out",
            )
        if extra := len(self._folders) - len(rows):
            self.notes += (
                f"{extra:,} of {len(self._folders):,} patch folders are not in "
                f"{METADATA}: they are left out",
            )
        if rows.empty:
            raise UserError(
                f"{path}: expected metadata of the patches in {self.path}, found none "
                "of them; take the file of the same version"
            )
        products = [_product(name) for name in rows["patch_id"]]
        tiles = [_TILE.search(product) for product in products]
        self.groups = {
            "tile": np.array([tile[1] if tile else "unknown" for tile in tiles]),
            "product": np.array(products),
            **{
                name: rows[name].astype(str).to_numpy(dtype=str)
                for name in ("country", "split")
                if name in rows
            },
        }
        return {
            name: None if labels is None else list(labels)
            for name, labels in zip(rows["patch_id"], rows["labels"], strict=True)
        }

    def _set_targets(self, options: ReadOptions, most: int) -> None:
        """The target and the labels of all patches."""
        if options.kind == "none":
            self.target = Target("none")
            self.targets = np.full(len(self._told), -1, dtype=np.int64)
            del self._told
            return
        wanted = options.class_names
        count = options.class_level
        if count is None:  # that of the classes that are known
            only_43 = set(wanted or ()) - set(CLASSES_19)
            count = 43 if only_43 and only_43 <= set(CLASSES_43) else 19
        if count not in (19, 43) or count > most:
            both = "19 or 43" if most == 43 else "19 (labels of version 2)"
            raise UserError(
                f"{self.path}: expected {both} as the class level of BigEarthNet, its "
                f"number of classes, found {count}; choose that"
            )
        classes = CLASSES_19 if count == 19 else CLASSES_43
        place = {name: i for i, name in enumerate(classes)}
        labels = np.zeros((len(self._told), len(classes)), np.uint8)
        for row, (patch, names) in enumerate(self._told.items()):
            for name in names or ():
                if name not in place and name not in CLASS_OF:
                    raise UserError(
                        f"{self.path}: expected labels of BigEarthNet's {count} "
                        f"classes, found {name} in {patch}; {_CURE}"
                    )
                merged = name if name in place else CLASS_OF[name]
                if merged is not None:
                    labels[row, place[merged]] = 1
        kept = np.asarray(labels.any(axis=1))
        unknown = sum(names is None for names in self._told.values())
        if dropped := int((~kept).sum()) - unknown:
            self.notes += (
                f"{dropped:,} of {len(kept):,} patches have none of the {count} "
                "classes: no label",
            )
        if unknown and kept.any():
            self.notes += (
                f"{unknown:,} of {len(kept):,} patches have no file of labels",
            )
        if kept.any() and not kept.all() and not options.unlabelled:
            self.names = [n for n, k in zip(self.names, kept, strict=True) if k]
            self.groups = {name: group[kept] for name, group in self.groups.items()}
            labels = labels[kept]
        if wanted is not None:
            labels = columns_by_name(labels, classes, wanted, self.path)
            classes = wanted
        self.target = Target("labels", classes, (len(classes),))
        self.targets = labels
        if not kept.any():
            self.target = Target("none", classes)
            self.targets = np.full(len(labels), -1, dtype=np.int64)
        del self._told

    def _set_input(self) -> None:
        """The bands, as the files of the first patch have them."""
        first = self.names[0]
        folder = self._folders[first]
        files = sorted(os.listdir(Path(self.path, folder)))
        matches = [_BAND.fullmatch(f[len(first) :]) for f in files]
        found = {m[1]: f for m, f in zip(matches, files, strict=True) if m}
        bands = tuple(b for b in SENTINEL2.bands if b.name in found)
        if not bands:
            raise UserError(
                f"{self.path}: expected GeoTIFFs of bands ({first}_B02.tif, …) in "
                f"{folder}, found none; {_CURE}"
            )
        sizes = []
        kinds = set()
        with self._store.gdal():
            for b in bands:
                with self._store.open(os.path.join(folder, found[b.name])) as image:
                    sizes.append((image.height, image.width))
                    kinds.add(image.dtypes[0])
        height, width = max(sizes)
        self._dtype = np.result_type(*kinds)
        self.inputs: tuple[InputSpec, ...] = (
            InputSpec("sen2", SENTINEL2.name, bands, height, width, level="L2A"),
        )

    @property
    def pixel_bytes(self) -> int:
        """See `Reader`."""
        return self._dtype.itemsize

    def read(self, rows: np.ndarray, names: Sequence[str]) -> dict[str, np.ndarray]:
        """See `Reader.read`.

        Raises:
            UserError: a band is missing, cannot be read or is of another size.
        """
        from rasterio.enums import Resampling

        spec = self.inputs[0]
        pixels = np.empty((len(rows), *spec.shape), self._dtype)
        with self._store.gdal():
            for i, row in enumerate(rows):
                for j, b in enumerate(spec.bands):
                    file = self._file(int(row), b.name)
                    with self._store.open(file) as image:
                        self._check(file, image, spec)
                        pixels[i, :, :, j] = image.read(
                            1,
                            out_shape=(spec.height, spec.width),
                            resampling=Resampling.bilinear,
                        )
        return {spec.name: pixels}

    def _file(self, row: int, band: str) -> str:
        name = self.names[row]
        return os.path.join(self._folders[name], f"{name}_{band}.tif")

    def _check(self, file: str, image: Any, spec: InputSpec) -> None:
        whole = spec.height % image.height == 0 and spec.width % image.width == 0
        if not whole or np.dtype(image.dtypes[0]) != self._dtype:
            raise UserError(
                f"{self.path}: expected {spec.height}×{spec.width} pixels of "
                f"{self._dtype}, or a whole fraction of them, found "
                f"{image.height}×{image.width} of {image.dtypes[0]} in {file}; {_CURE}"
            )

    def coordinates(self) -> np.ndarray | None:
        """See `Reader.coordinates`; the centres of the patches."""
        band = self.inputs[0].bands[0].name
        return self._store.centres(
            [self._file(row, band) for row in range(len(self.names))]
        )


def _patches(root: Path, most: int | None = None) -> Iterator[tuple[str, str]]:
    """Names of patches and their folders, relative to ``root``.

    Args:
        root: a patch's folder, or one that has patches, or folders of them.
        most: how many folders are looked at; None: all.
    """
    flat: set[str] = set()
    folders, seen = [("", 1)], 0
    while folders and (most is None or seen < most):
        folder, depth = folders.pop()
        seen += 1
        try:
            with os.scandir(root / folder) as entries:
                inside = sorted((e.name, e.is_dir()) for e in entries)
        except OSError:  # `ImageStore` tells why, where it is needed
            continue
        for name, is_folder in inside:
            place = os.path.join(folder, name)
            if is_folder and _PATCH.fullmatch(name):
                yield name, place
            elif is_folder and depth < _DEPTH and not name.startswith("."):
                folders.append((place, depth + 1))
            elif depth == 1 and (found := _OF_PATCH.fullmatch(name)):
                if found[1] not in flat:
                    yield found[1], "."
                flat.add(found[1])


def _product(patch: str) -> str:
    """The name of a patch without its place in the product."""
    found = _PATCH.fullmatch(patch)
    return found[1] if found else patch


def _parquet(path: Path) -> Any:
    """The table of metadata as a `pandas.DataFrame`."""
    import pandas as pd

    check_size(path, path.stat().st_size, "a table")
    try:
        table = pd.read_parquet(path)
    except ImportError as cause:
        raise UserError(
            f"{path}: expected pyarrow to read it, which is not installed; "
            "`pip install autoai4eo[parquet]`"
        ) from cause
    except (OSError, ValueError) as cause:  # pyarrow's errors are ValueErrors
        raise UserError(
            f"{path}: expected a table in Parquet, found one that cannot be read "
            f"({cause}); copy it again"
        ) from cause
    missing = {"patch_id", "labels"} - set(table.columns)
    if missing:
        raise UserError(
            f"{path}: expected the columns patch_id and labels, found "
            f"{', '.join(map(str, table.columns))}; take BigEarthNet's own file"
        )
    return table
