"""Damaged PNG files are refused: GDAL would read former content of memory."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rasterio.io import MemoryFile

from autoai4eo.data.readers.png import check_png


@pytest.fixture(scope="module")
def png() -> bytes:
    with MemoryFile() as memory:
        with (
            pytest.warns(UserWarning, match="no geotransform"),
            memory.open(
                driver="PNG", height=9, width=7, count=3, dtype="uint8"
            ) as image,
        ):
            image.write(np.arange(189, dtype=np.uint8).reshape(3, 9, 7))
        return memory.read()


def test_a_complete_file_passes(png):
    check_png(png)
    check_png(png + b"what some programs write behind it")


@given(data=st.data())
def test_any_cut_and_any_changed_bit_is_found(png, data):
    place = data.draw(st.integers(8, len(png) - 1))
    with pytest.raises(OSError, match="cut off or damaged"):
        check_png(png[:place])
    changed = bytearray(png)
    changed[place] ^= 1 << data.draw(st.integers(0, 7))
    with pytest.raises(OSError, match="cut off or damaged"):
        check_png(bytes(changed))
