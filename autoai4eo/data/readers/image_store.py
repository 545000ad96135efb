"""Opens images of a folder or a zip file with GDAL."""

from __future__ import annotations

import os
import threading
import warnings
import zipfile
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from autoai4eo.data.raster_files import (
    DRIVERS,
    ONE_DECODER,
    check_image,
    is_utf8,
    open_raster,
)
from autoai4eo.data.readers.image_files import (
    ZIP_ERRORS,
    Listing,
    list_folder,
    list_zip,
)
from autoai4eo.errors import UserError
from autoai4eo.files import check_regular

Found = TypeVar("Found")

#: Opening waits for the disk or the network, so there are more threads than cores.
THREADS, AT_ONCE = 8, 50


class ImageStore:
    """The images of a folder or a zip file; can be pickled, and opens the file again.

    Attributes:
        path: of the folder or zip file.
        sidecars: whether there are masks and the like beside the images.

    Raises:
        UserError: the zip file cannot be read.
    """

    def __init__(self, path: Path) -> None:
        self.path = str(path)
        self._zip: zipfile.ZipFile | None = None
        self._opened_by = 0
        self._lock = threading.Lock()
        self._written: dict[str, str] | None = None
        self.sidecars = False

    def list(self) -> Listing:
        """Lists the images, see `list_folder` and `list_zip`."""
        if os.path.isdir(self.path):
            listing = list_folder(Path(self.path))
        else:
            listing, self._written = list_zip(self._open_zip())
        self.sidecars = listing.sidecars
        return listing

    @contextmanager
    def gdal(self) -> Iterator[None]:
        """Sets GDAL for many small files; ignores that images are not georeferenced.

        Turns warnings of libjpeg into errors, as a truncated JPEG would be read as
        grey.
        """
        from rasterio.errors import NodataShadowWarning, NotGeoreferencedWarning

        with warnings.catch_warnings(), self._settings():
            warnings.simplefilter("ignore", NotGeoreferencedWarning)
            warnings.simplefilter("ignore", NodataShadowWarning)
            yield

    def _settings(self) -> Any:
        """GDAL's settings; they belong to one thread."""
        import rasterio

        alone = {"GDAL_DISABLE_READDIR_ON_OPEN": "EMPTY_DIR", "GDAL_PAM_ENABLED": "NO"}
        return rasterio.Env(
            GDAL_ERROR_ON_LIBJPEG_WARNING="YES",
            **ONE_DECODER,
            **({} if self.sidecars else alone),
        )

    def each(
        self, names: Sequence[str], read: Callable[[Any], Found]
    ) -> Sequence[Found]:
        """Opens images in several threads, inside of `gdal`, and reads each.

        Args:
            names: of the images.
            read: is given an open image.

        Returns:
            What was read, in the order of the names.

        Raises:
            UserError: an image cannot be read; the first such one in order.
        """

        def of(some: Sequence[str]) -> list[Found]:
            found = []
            with self._settings():
                for name in some:
                    with self.open(name) as image:
                        found.append(read(image))
            return found

        parts = [names[i : i + AT_ONCE] for i in range(0, len(names), AT_ONCE)]
        if len(parts) < 2:
            return [found for part in parts for found in of(part)]
        with ThreadPoolExecutor(THREADS) as pool:
            return [found for part in pool.map(of, parts) for found in part]

    @contextmanager
    def open(self, name: str) -> Iterator[Any]:
        """Opens one image with rasterio, inside of `gdal`.

        Raises:
            UserError: the image cannot be read, here or inside the ``with``.
        """
        import rasterio
        from rasterio.io import MemoryFile

        try:
            if self._written is None:
                file = os.path.abspath(os.path.join(self.path, name))
                if is_utf8(file):
                    with open_raster(file) as image:
                        check_image(file, image)
                        yield image
                    return
                if self.sidecars:
                    raise OSError(
                        "its name is not UTF-8, so that masks and the like beside it "
                        "are not found: rename it"
                    )
            elif self.sidecars:  # GDAL finds them only beside the image
                self.content(name)  # compares checksums, which GDAL does not
                inside = f"{{{os.path.abspath(self.path)}}}/{self._written[name]}"
                with open_raster(f"/vsizip/{inside}") as image:
                    check_image(f"{self.path}: {name}", image)
                    yield image
                return
            content = self.content(name)
            if not content:  # MemoryFile would open it for writing
                raise OSError("the file is empty")
            with (
                MemoryFile(content) as memory,
                memory.open(driver=list(DRIVERS)) as image,
            ):
                check_image(f"{self.path}: {name}", image)
                yield image
        except UserError:
            raise
        except (
            rasterio.errors.RasterioError,
            *ZIP_ERRORS,
        ) as cause:
            lines = str(cause.__cause__ or cause).splitlines()
            raise UserError(
                f"{self.path}: cannot read the image {name} "
                f"({lines[0] if lines else type(cause).__name__}); repair or remove it"
            ) from cause

    def centres(self, names: Sequence[str]) -> np.ndarray | None:
        """Returns longitude and latitude of the centres of images, float64 (n, 2).

        Returns None if an image is not georeferenced.

        Raises:
            UserError: an image cannot be read.
        """
        from rasterio.warp import transform

        centres = np.empty((len(names), 2))
        with self.gdal():
            for i, name in enumerate(names):
                with self.open(name) as image:
                    if image.crs is None:
                        return None
                    west, south, east, north = image.bounds
                    x, y = (west + east) / 2, (south + north) / 2
                    lon, lat = transform(image.crs, "EPSG:4326", [x], [y])
                centres[i] = lon[0], lat[0]
        return centres

    def content(self, name: str) -> bytes:
        """Reads the bytes of a file."""
        if self._written is None:
            file = Path(self.path, name)
            check_regular(file)
            return file.read_bytes()
        with self._lock:
            return self._open_zip().read(self._written[name])

    def _open_zip(self) -> zipfile.ZipFile:
        if self._zip is None or self._opened_by != os.getpid():
            check_regular(Path(self.path))
            try:
                self._zip = zipfile.ZipFile(self.path)
            except (OSError, zipfile.BadZipFile) as cause:
                raise UserError(
                    f"{self.path}: expected a complete zip file, found one that is cut "
                    f"off or damaged ({cause}); copy it again"
                ) from cause
            self._opened_by = os.getpid()
        return self._zip

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_zip": None, "_lock": None}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._lock = threading.Lock()
