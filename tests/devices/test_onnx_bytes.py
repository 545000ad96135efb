"""ONNX files whose weights lie elsewhere are known, without the package onnx."""

import subprocess
import sys

import onnx_networks as networks
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autoai4eo.devices.onnx_bytes import check_onnx
from autoai4eo.devices.protocol import Refused


def test_a_whole_network_passes():
    check_onnx(networks.whole())
    check_onnx(networks.looping())


@pytest.mark.parametrize(
    "content",
    [
        networks.external(),
        networks.external("/etc/passwd"),
        networks.external("../../weights.bin"),
        networks.external_in_constant(),
        networks.external_in_branch(),
        networks.external_in_function(),
    ],
    ids=["beside", "absolute", "above", "constant", "branch", "function"],
)
def test_weights_in_another_file_are_refused_wherever_they_are_named(content):
    with pytest.raises(Refused, match="external data") as refused:
        check_onnx(content)
    assert refused.value.status == 415


@pytest.mark.parametrize(
    "content",
    [b"", b"\x00", b"hello", b"\x08\x08", b"PK\x03\x04" * 9, b"\xff" * 100],
    ids=["empty", "zero", "text", "no graph", "zip", "ones"],
)
def test_other_bytes_are_refused(content):
    with pytest.raises(Refused, match="expected an ONNX file") as refused:
        check_onnx(content)
    assert refused.value.status == 415


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_damaged_files_pass_or_are_refused_and_nothing_else(data):
    content = bytearray(networks.external_in_branch())
    for _ in range(data.draw(st.integers(1, 8))):
        place = data.draw(st.integers(0, len(content) - 1))
        content[place] = data.draw(st.integers(0, 255))
    cut = data.draw(st.integers(0, len(content)))
    for damaged in (bytes(content), bytes(content[:cut])):
        try:
            check_onnx(damaged)
        except Refused as refused:
            assert refused.status == 415


def test_graphs_within_graphs_end():
    content = b""
    for _ in range(200):  # an attribute of a node that holds a graph, again and again

        def field(number, inner):
            size, length = len(inner), bytearray()
            while size > 0x7F:
                length.append(size & 0x7F | 0x80)
                size >>= 7
            return bytes([number << 3 | 2]) + bytes([*length, size]) + inner

        content = field(1, field(5, field(6, content)))
    with pytest.raises(Refused, match="deep"):
        check_onnx(field(7, content))


def test_the_package_onnx_is_not_needed():
    code = (
        "import sys; sys.modules['onnx'] = None\n"
        "from autoai4eo.devices.onnx_bytes import check_onnx\n"
        "check_onnx(sys.stdin.buffer.read())"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], input=networks.external(), capture_output=True
    )
    assert b"external data" in done.stderr
