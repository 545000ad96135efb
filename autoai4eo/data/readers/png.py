"""Whether a PNG file is whole.

GDAL (3.10, at least) reads one that is cut off without an error, as whatever lay in
memory before.
"""

from __future__ import annotations

import zlib

_SIGNATURE = b"\x89PNG\r\n\x1a\n"


def check_png(content: bytes) -> None:
    """Follows the chunks of a file to the last, IEND, and compares their checksums.

    PNG specification, third edition, section 5.3: length, type, data and CRC-32.

    Raises:
        OSError: it is cut off or damaged.
    """
    if not content.startswith(_SIGNATURE):
        return  # some other format, in spite of its name
    at = len(_SIGNATURE)
    while at + 12 <= len(content):
        end = at + 8 + int.from_bytes(content[at : at + 4])
        told = int.from_bytes(content[end : end + 4])
        if end + 4 > len(content) or zlib.crc32(content[at + 4 : end]) != told:
            break
        if content[at + 4 : at + 8] == b"IEND":
            return
        at = end + 4
    raise OSError("the PNG file is cut off or damaged")
