"""Reads the blocks of a network from its ``.keras`` file, without Keras."""

from __future__ import annotations

import json
import re
import zipfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import takewhile
from pathlib import Path
from typing import Any

from autoai4eo.files import reading

_CURE = "restore it from a copy, or export it again"
_NAMED = re.compile(r"(.+?_\d+)(?:_(.+))?$")
#: Layers in the summary of a block; others are only in its list of all layers.
_TOLD = {
    "Conv2D": "conv",
    "DepthwiseConv2D": "depthwise",
    "SeparableConv2D": "separable",
    "Dense": "dense",
    "MaxPooling2D": "max pooling",
    "AveragePooling2D": "average pooling",
    "GlobalAveragePooling2D": "global average",
    "GlobalMaxPooling2D": "global maximum",
    "Concatenate": "concatenate",
    "Softmax": "softmax",
    "Dropout": "dropout",
}
#: Those that tell how a decoder merges features.
_OF_DECODER = {"Add": "sum", "Multiply": "product"}
_LINES, _PARTS = 24, 4


@dataclass(frozen=True)
class Layer:
    """A layer: its class, its settings, and the shape of its output."""

    name: str
    kind: str
    detail: str
    shape: str
    sources: tuple[str, ...]
    is_operation: bool

    @property
    def brief(self) -> str:
        """The layer in a word or two."""
        told = (_TOLD | _OF_DECODER).get(self.kind, self.kind)
        return f"{told} {self.detail}".strip()


@dataclass
class Block:
    """Layers that belong together by their names.

    ``column`` is the position of the middle of the block in its row, from 0 to 1.
    """

    name: str
    kind: str
    layers: list[Layer] = field(default_factory=list)
    sources: set[str] = field(default_factory=set)
    row: int = 0
    column: float = 0.5

    @property
    def title(self) -> str:
        """The title, such as "eo image block" for ``eo_image_block_1``."""
        return re.sub(r"_\d+$", "", self.name).replace("_", " ")

    @property
    def lines(self) -> list[tuple[str, str, str]]:
        """For each part: its name, its main layers, the shape of its output.

        Of a decoder each level or cell is a part; its words end with what it takes.
        """
        split = {
            layer: (match[2] or "").split("_")
            if (match := _NAMED.match(layer.name)) and match[1] == self.name
            else [""]
            for layer in self.layers
            if not layer.is_operation
        }
        first = {word for word, *_ in split.values()}
        is_decoder = len(first) == 1 and any(_numbered(w[1:]) for w in split.values())
        parts: dict[str, list[Layer]] = {}
        for layer, (word, *rest) in split.items():
            # of a decoder each level or cell: "unet level4" of unet_level4_up
            name = " ".join([word, *_numbered(rest)]) if is_decoder else word
            parts.setdefault(name, []).append(layer)
        told = []
        for part, layers in parts.items():
            known = _TOLD | (_OF_DECODER if is_decoder else {})
            briefs = Counter(layer.brief for layer in layers if layer.kind in known)
            if not briefs:
                continue
            words = [f"{n} × {b}" if n > 1 else b for b, n in briefs.items()]
            if len(words) > _PARTS and not is_decoder:
                words = [*words[:_PARTS], "…"]
            text = ", ".join(words)
            if is_decoder and (taken := _taken(layers, self.name)):
                text += f" of {' and '.join(taken)}"
            told.append(("" if text.startswith(part) else part, text, layers[-1].shape))
        return told if len(told) <= _LINES else [*told[:_LINES], ("…", "", "")]


def _numbered(words: list[str]) -> list[str]:
    """Returns the first words, as long as they are names with numbers: "level4"."""
    return [*takewhile(re.compile(r"[a-z]+\d+").fullmatch, words)]


def _taken(layers: list[Layer], block: str) -> list[str]:
    """Returns the parts of this block and of others that a part takes features of."""
    own = {layer.name for layer in layers}
    found: dict[str, None] = {}
    for layer in layers:
        for source in layer.sources:
            match = _NAMED.match(source)
            if source not in own and match and match[2]:
                word, *rest = match[2].split("_")
                inside = match[1] == block
                found[" ".join(_numbered(rest)) if inside else word] = None
    return [name for name in found if name]


def read_layers(path: Path) -> list[Layer]:
    """Reads the layers of a functional network, inputs first; [] for other networks.

    Raises:
        UserError: the file is damaged.
    """
    with (
        reading(path, "a network saved by Keras", _CURE),
        zipfile.ZipFile(path) as file,
    ):
        content = json.loads(file.read("config.json"))
    raw = content["config"].get("layers", [])
    if not all("inbound_nodes" in layer for layer in raw):
        return []
    tensors = {layer["config"]["name"]: list(_tensors(layer)) for layer in raw}
    shapes = {name: shape for found in tensors.values() for name, shape in found}
    for layer in raw:
        name, settings = layer["config"]["name"], layer["config"]
        if name not in shapes and layer["class_name"] == "InputLayer":
            shapes[name] = settings["batch_shape"]
        elif name not in shapes:  # an output, which no other layer takes
            before = [shape for _, shape in tensors[name]]
            units = (
                [*before[0][:-1], settings["units"]] if "units" in settings else None
            )
            shapes[name] = units or (before[0] if before else [])
    return [
        Layer(
            name,
            layer["class_name"],
            _detail(layer["class_name"], layer["config"]),
            "×".join(str(size) for size in shapes[name][1:]),
            tuple(dict.fromkeys(source for source, _ in tensors[name])),
            not layer["module"].startswith("keras.layers"),
        )
        for layer in raw
        for name in [layer["config"]["name"]]
    ]


def blocks_of(layers: list[Layer]) -> list[list[Block]]:
    """Arranges blocks in rows, from the inputs to the output."""
    block_of = _assigned(layers)
    blocks: dict[str, Block] = {}
    for layer in layers:
        name = block_of[layer.name]
        kind = "input" if layer.kind == "InputLayer" else "block"
        block = blocks.setdefault(name, Block(name, kind))
        block.layers.append(layer)
        for source in layer.sources:
            if block_of[source] != name:
                block.sources.add(block_of[source])
    rows: list[list[Block]] = []
    placed: dict[str, Block] = {}
    for name, block in blocks.items():
        # only placed blocks: a cycle of blocks would never end
        before = [placed[source] for source in block.sources if source in placed]
        block.row = 1 + max((b.row for b in before), default=-1)
        placed[name] = block
        rows.extend([] for _ in range(block.row + 1 - len(rows)))
        rows[block.row].append(block)
    for row in rows:
        row.sort(key=lambda b: _mean([placed[s].column for s in b.sources]))
        for i, block in enumerate(row):
            block.column = (i + 0.5) / len(row)
    last = blocks[block_of[layers[-1].name]]
    if last.kind == "block":
        last.kind = "output"
    return rows


def links(rows: list[list[Block]]) -> list[list[tuple[float, float]]]:
    """For each pair of neighbouring rows: the columns that tensors connect."""
    found: list[list[tuple[float, float]]] = []
    everything = {block.name: block for row in rows for block in row}
    for row in rows[1:]:
        found.append(
            [
                (everything[source].column, block.column)
                for block in row
                for source in sorted(block.sources)
                if everything[source].row == block.row - 1
            ]
        )
    return found


def _assigned(layers: list[Layer]) -> dict[str, str]:
    """The block of each layer.

    Blocks name their layers after themselves. An operation belongs to the block that
    takes its output; connected layers with names from Keras form a block.
    """
    block_of: dict[str, str] = {}
    unnamed = 0
    for layer in layers:
        match = _NAMED.match(layer.name)
        automatic = re.sub(r"(?<!^)(?=[A-Z])", "_", layer.kind).lower()
        plain = automatic.replace("_", "")
        if layer.kind == "InputLayer":
            block_of[layer.name] = layer.name
        elif layer.is_operation:
            continue
        elif match and match[1].rsplit("_", 1)[0].replace("_", "") != plain:
            block_of[layer.name] = match[1]
        else:
            before = [block_of.get(s, "") for s in layer.sources]
            joined = next((b for b in before if b.startswith("layers_")), None)
            unnamed += joined is None
            block_of[layer.name] = joined or f"layers_{unnamed}"
    for layer in reversed(layers):
        if layer.name in block_of:
            for source in layer.sources:
                block_of.setdefault(source, block_of[layer.name])
        else:
            block_of[layer.name] = "layers_0"
    return block_of


def _tensors(layer: dict[str, Any]) -> Iterator[tuple[str, list[int | None]]]:
    """Yields the source and the shape of each tensor that a layer takes."""

    def walk(value: Any) -> Iterator[tuple[str, list[int | None]]]:
        if isinstance(value, dict):
            if value.get("class_name") == "__keras_tensor__":
                settings = value["config"]
                yield settings["keras_history"][0], settings["shape"]
            else:
                for inner in value.values():
                    yield from walk(inner)
        elif isinstance(value, list):
            for inner in value:
                yield from walk(inner)

    return walk(layer["inbound_nodes"])


def _detail(kind: str, settings: dict[str, Any]) -> str:
    parts = []
    if "kernel_size" in settings:
        parts.append("×".join(map(str, settings["kernel_size"])))
    if "filters" in settings:
        parts.append(f"{settings['filters']} filters")
    if "units" in settings:
        parts.append(f"{settings['units']} units")
    if "pool_size" in settings:
        parts.append("×".join(map(str, settings["pool_size"])))
    strides = settings.get("strides")
    if isinstance(strides, list) and max(strides) > 1:
        parts.append(f"stride {max(strides)}")
    if kind == "Dropout":
        parts.append(f"{settings['rate']:g}")
    return " ".join(parts)


def _mean(values: list[float]) -> float:
    return sum(values) / len(values) if values else 0.5
