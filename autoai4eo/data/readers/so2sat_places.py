"""City and place of the patches of So2Sat LCZ42's fourth version.

That version (culture-10 with geolocation, https://mediatum.ub.tum.de/1836598) keeps
them in a second file beside each file of patches, in the same order:
``training_geo.h5`` beside ``training.h5``. Its data sets for N patches, by
https://github.com/zhu-xlab/So2Sat-LCZ42 (README.md, demo_geotiff.ipynb and
save_geotiff.py):

- ``city`` or ``cityList``, text (N,): such as ``munich``; not in the first release;
- ``epsg``, (N, 1): the UTM zone;
- ``coord``, (N, 6): of it the first two are the UTM place of the patch's centre;
- ``tfw``, (N, 6): the geotransform, either as GDAL orders it (x, 10, 0, y, 0, 10) or as
  a world file does (10, 0, 0, -10, x, y), with the upper left corner x, y.
"""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np

from autoai4eo.data.masks.tiles import TilePlaces
from autoai4eo.data.readers import hdf5
from autoai4eo.data.readers.hdf5_links import Folders
from autoai4eo.data.readers.hdf5_targets import content_of, strings
from autoai4eo.errors import UserError

_CITIES = ("city", "cityList")
#: UTM coordinates are larger, in metres; pixels and rotations are smaller.
_LARGE = 1000.0


def file_of(path: str) -> Path | None:
    """Returns the file of places beside a file of patches, if there is one."""
    beside = Path(path)
    beside = beside.with_name(f"{beside.stem}_geo{beside.suffix}")
    return beside if beside.is_file() else None


def cities(path: Path, samples: int, folders: Folders) -> np.ndarray | None:
    """Returns the city of each patch, str (N,); None if the file tells none.

    Args:
        path: of the file of places.
        samples: number of patches, N.
        folders: see `hdf5_links.own_folders`.

    Raises:
        UserError: the file is damaged, or is of other patches.
    """
    with hdf5.whole(str(path)), hdf5.open_hdf5(str(path)) as file:
        for name in _CITIES:
            found = _read(file, name, samples, folders)
            if found is not None:
                return np.array(strings(found.reshape(samples)))
    return None


def windows(
    path: str,
    window: h5py.Dataset | None,
    scenes: np.ndarray | None,
    folders: Folders,
) -> TilePlaces | None:
    """Returns where patches lie in their scenes, as `autoai4eo patches` writes it.

    Args:
        path: of the file of patches.
        window: the first row and column of each, (N, 2); None: there is none.
        scenes: the scene of each; None: it is not known.
        folders: see `hdf5_links.own_folders`.

    Returns:
        None if the file does not tell them.
    """
    if scenes is None or getattr(window, "shape", ()) != (len(scenes), 2):
        return None
    if window is None or window.dtype.kind not in "iu":
        return None
    first = content_of(path, window, folders).astype(np.int64)
    names = {scene: f"{path}: {scene}" for scene in np.unique(scenes).tolist()}
    of = np.array([names[s] for s in scenes.tolist()], object)
    return TilePlaces(of, of, first)


def coordinates(
    path: Path, samples: int, size: tuple[int, int], folders: Folders
) -> np.ndarray | None:
    """Returns longitude and latitude of the centres of patches, float64 (N, 2).

    Returns None if the file tells no places.

    Args:
        path, samples, folders: see `cities`.
        size: height and width of a patch in pixels.

    Raises:
        UserError: the file is damaged, is of other patches, or a zone is unknown.
    """
    from rasterio.errors import CRSError
    from rasterio.warp import transform

    with hdf5.whole(str(path)), hdf5.open_hdf5(str(path)) as file:
        zones = _read(file, "epsg", samples, folders)
        centres = _read(file, "coord", samples, folders)
        corners = _read(file, "tfw", samples, folders)
    if zones is None or (centres is None and corners is None):
        return None
    if centres is None:
        centres = _centres(np.asarray(corners, np.float64), size)
    found = np.empty((samples, 2))
    zones = zones.reshape(samples)
    for zone in np.unique(zones):
        rows = zones == zone
        try:
            places = transform(f"EPSG:{zone:.0f}", "EPSG:4326", *centres[rows, :2].T)
        except CRSError as cause:
            raise UserError(
                f"{path}: expected EPSG codes in epsg, found {zone} ({cause}); copy "
                "the file again"
            ) from cause
        found[rows] = np.transpose(places)
    return found


def _read(
    file: h5py.File, name: str, samples: int, folders: Folders
) -> np.ndarray | None:
    if name not in file:
        return None
    data = hdf5.item(file, name, folders)
    shape: tuple[int, ...] = getattr(data, "shape", None) or ()
    many = {"coord": 2, "tfw": 6}.get(name, 1)
    wide = shape[1] if len(shape) == 2 else 1 if len(shape) == 1 else 0
    if shape[:1] != (samples,) or wide < many or (many == 1 and wide > 1):
        raise UserError(
            f"{file.filename}: expected {name} of the {samples:,} patches of the file "
            f"beside it, found the shape {shape}; take the file that belongs to it, or "
            "rename this one"
        )
    return content_of(file.filename, data, folders)


def _centres(geotransform: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Returns the centres of patches in metres, float64 (N, 2)."""
    as_world_file = np.abs(geotransform[:, 4]) > _LARGE
    x = np.where(as_world_file, geotransform[:, 4], geotransform[:, 0])
    y = np.where(as_world_file, geotransform[:, 5], geotransform[:, 3])
    wide = np.where(as_world_file, geotransform[:, 0], geotransform[:, 1])
    high = np.where(as_world_file, geotransform[:, 3], geotransform[:, 5])
    height, width = size
    # the first release has a positive height, though the rows go south
    return np.stack(
        [x + np.abs(wide) * width / 2, y - np.abs(high) * height / 2], axis=1
    )
