"""Images that are opened by several threads."""

import threading

import numpy as np
import pytest

from autoai4eo.data.readers import image_store
from autoai4eo.data.readers.image_store import ImageStore
from autoai4eo.errors import UserError


@pytest.fixture
def folder(build, tmp_path, monkeypatch):
    """Twelve images of 1 to 12 pixels, three threads' worth."""
    monkeypatch.setattr(image_store, "AT_ONCE", 4)
    for i in range(12):
        pixels = np.full((i + 1, 2, 3), i, np.uint8)
        build.write_image(tmp_path / "d" / "a" / f"{i:02}.png", pixels)
    return tmp_path / "d"


def heights(folder, read=lambda image: image.height):
    store = ImageStore(folder)
    names = store.list().names
    with store.gdal():
        return store.each(names, read)


def test_the_order_is_that_of_the_names(folder):
    assert heights(folder) == list(range(1, 13))


def test_several_threads_read(folder):
    together = threading.Barrier(3, timeout=20)

    def read(image):
        if image.height in (1, 5, 9):  # the first of each thread's four
            together.wait()  # for the two others
        return image.height

    assert heights(folder, read) == list(range(1, 13))


def test_the_first_broken_image_is_named(folder):
    for broken in ("06", "10"):
        path = folder / "a" / f"{broken}.png"
        path.write_bytes(path.read_bytes()[:20])
    with pytest.raises(UserError, match=r"cannot read the image a/06\.png"):
        heights(folder)


def test_masks_beside_images_are_found_by_each_thread(folder):
    (folder / "a" / "11.png.aux.xml").write_text(
        "<PAMDataset><PAMRasterBand band='1'><Description>B02</Description>"
        "</PAMRasterBand></PAMDataset>"
    )
    names = heights(folder, lambda image: image.descriptions[0])
    assert names == [None] * 11 + ["B02"]


def test_without_images_nothing_is_read(folder):
    store = ImageStore(folder)
    with store.gdal():
        assert list(store.each([], lambda image: image.height)) == []
