"""Checks that a PNG file is complete.

GDAL (at least 3.10) reads a truncated one without an error, and returns whatever was in
memory before.
"""

from __future__ import annotations

import zlib

_SIGNATURE = b"\x89PNG\r\n\x1a\n"


def check_png(content: bytes) -> None:
    """Checks the chunks of a file and their checksums, up to the last one, IEND.

    PNG specification, third edition, section 5.3: length, type, data and CRC-32.

    Raises:
        OSError: it is cut off or damaged.
    """
    if not content.startswith(_SIGNATURE):
        return  # another format, despite its name
    at = len(_SIGNATURE)
    while at + 12 <= len(content):
        end = at + 8 + int.from_bytes(content[at : at + 4])
        expected = int.from_bytes(content[end : end + 4])
        if end + 4 > len(content) or zlib.crc32(content[at + 4 : end]) != expected:
            break
        if content[at + 4 : at + 8] == b"IEND":
            return
        at = end + 4
    raise OSError("the PNG file is cut off or damaged")
