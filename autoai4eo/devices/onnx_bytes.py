"""Looks into the bytes of an ONNX file without the package ``onnx``.

An ONNX file may name other files as the place of its weights. A device reads none: the
network that is sent must be whole. The message types are those of ``onnx.proto``
(https://github.com/onnx/onnx/blob/main/onnx/onnx.proto).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from autoai4eo.devices.protocol import Refused

_DEEPEST = 64
_MODEL, _TENSOR = "model", "tensor"
#: By message, the fields that hold a message which a tensor can lie in.
_FIELDS: Mapping[str, Mapping[int, str]] = {
    _MODEL: {7: "graph", 20: "training", 25: "function"},
    "graph": {1: "node", 5: _TENSOR, 15: "sparse"},
    "node": {5: "attribute"},
    "attribute": {
        **{5: _TENSOR, 6: "graph", 10: _TENSOR, 11: "graph"},
        **{22: "sparse", 23: "sparse"},
    },
    "sparse": {1: _TENSOR, 2: _TENSOR},
    "function": {7: "node", 11: "attribute"},
    "training": {1: "graph", 2: "graph"},
}
#: Fields of a tensor: the entries of its external data, and where its data lie.
_ENTRIES, _LOCATION = 13, 14
_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5


def check_onnx(content: bytes) -> None:
    """Checks that bytes are an ONNX model which needs no other file.

    Raises:
        Refused: they are something else, or name a file of external data.
    """
    view = memoryview(content)
    try:
        has_graph = _look(view, _MODEL, 0)
    except (IndexError, ValueError, RecursionError) as error:
        raise Refused(415, f"expected an ONNX file, found other bytes ({error})") from (
            error
        )
    if not has_graph:
        raise Refused(415, "expected an ONNX file, found bytes without a graph")


def _look(message: memoryview, kind: str, depth: int) -> bool:
    """Looks for external data; tells whether a message of the next kind was there."""
    if depth > _DEEPEST:
        raise ValueError(f"messages more than {_DEEPEST} deep")
    inner, found = _FIELDS.get(kind, {}), False
    for number, value in _fields(message):
        if kind == _TENSOR and (
            number == _ENTRIES or (number == _LOCATION and value != 0)
        ):
            raise Refused(
                415,
                "expected an ONNX file with its weights inside, found one whose "
                "weights lie in another file (external data); save it as one file",
            )
        if number in inner:
            if not isinstance(value, memoryview):
                raise ValueError(f"field {number} of {kind} is a number")
            found = True
            _look(value, inner[number], depth + 1)
    return found


def _fields(message: memoryview) -> Iterator[tuple[int, int | memoryview]]:
    """The fields of a message of Protocol Buffers: numbers, and bytes of known length.

    Raises:
        ValueError: it is no such message.
        IndexError: it ends within a field.
    """
    place, end = 0, len(message)
    while place < end:
        key, place = _varint(message, place)
        number, wire = key >> 3, key & 7
        if number == 0:
            raise ValueError("field 0")
        if wire == _VARINT:
            value, place = _varint(message, place)
            yield number, value
            continue
        if wire == _BYTES:
            size, place = _varint(message, place)
        elif wire in (_FIXED64, _FIXED32):
            size = 8 if wire == _FIXED64 else 4
        else:
            raise ValueError(f"wire type {wire}")
        if size > end - place:
            raise ValueError("a field that is longer than the file")
        yield number, message[place : place + size]
        place += size


def _varint(message: memoryview, place: int) -> tuple[int, int]:
    value = 0
    for shift in range(0, 70, 7):
        byte = message[place]
        place += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, place
    raise ValueError("a number of more than 10 bytes")
