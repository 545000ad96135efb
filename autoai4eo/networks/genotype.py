"""The genotype of a cell: which operation joins which nodes."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from autoai4eo.errors import UserError
from autoai4eo.files import in_one_step, read_json

#: The operations of an edge, by the names of DARTS.
OPERATIONS = (
    "none",
    "skip_connect",
    "sep_conv_3x3",
    "sep_conv_5x5",
    "dil_conv_3x3",
    "dil_conv_5x5",
    "avg_pool_3x3",
    "max_pool_3x3",
)
NONE = "none"
#: Nodes 0 and 1 of a cell are its inputs.
INPUTS = 2
_CURE = "restore it from a copy, or search again with `autoai4eo compact search`"

Pair = tuple[str, int]


@dataclass(frozen=True)
class Genotype:
    """The edges of a cell (Liu et al. 2019, *DARTS*, arXiv:1806.09055).

    Nodes 0 and 1 are the inputs; node ``2 + i`` is the sum of the operations in
    ``nodes[i]``, each applied to an earlier node. The output of the cell is the
    concatenation of all nodes but the inputs.

    Attributes:
        nodes: for each node but the inputs its ``(operation, predecessor)`` pairs, the
            predecessors in ascending order.

    Raises:
        UserError: there is no node, a node has no pair or two of one predecessor, an
            operation is unknown, or a predecessor is not an earlier node.
    """

    nodes: tuple[tuple[Pair, ...], ...]

    def __post_init__(self) -> None:
        if not self.nodes:
            raise UserError("genotype: expected one node or more, found none")
        for i, pairs in enumerate(self.nodes, INPUTS):
            known = [before for _, before in pairs]
            if not pairs or len(set(known)) != len(known):
                raise UserError(
                    f"genotype: expected different predecessors for node {i}, found "
                    f"{known or 'none'}"
                )
            for operation, before in pairs:
                if operation not in OPERATIONS:
                    raise UserError(
                        f"genotype: expected one of the operations "
                        f"{', '.join(OPERATIONS)}, found {operation!r:.60} in node {i}"
                    )
                if not 0 <= before < i:
                    raise UserError(
                        f"genotype: expected a predecessor from 0 to {i - 1} for node "
                        f"{i}, found {before}"
                    )
        ordered = tuple(
            tuple(sorted(pairs, key=lambda pair: pair[1])) for pairs in self.nodes
        )
        object.__setattr__(self, "nodes", ordered)

    def __str__(self) -> str:
        return "; ".join(
            " + ".join(f"{operation}({before})" for operation, before in pairs)
            for pairs in self.nodes
        )

    @property
    def edges(self) -> int:
        """The number of edges."""
        return sum(len(pairs) for pairs in self.nodes)

    def to_list(self) -> list[list[list[Any]]]:
        """Returns the nodes as lists, for JSON."""
        return [[[op, before] for op, before in pairs] for pairs in self.nodes]

    @classmethod
    def of(cls, nodes: Any) -> Genotype:
        """Returns the genotype of nested lists, or of their JSON text.

        Raises:
            UserError: they have another form, or see the class.
        """
        if isinstance(nodes, Genotype):
            return nodes
        try:
            lists = json.loads(nodes) if isinstance(nodes, str) else nodes
            pairs = tuple(
                tuple((str(op), _whole(before)) for op, before in node)
                for node in lists
            )
        except (TypeError, ValueError):
            raise UserError(
                "genotype: expected a list of nodes, each a list of [operation, "
                f"predecessor] pairs, found {str(nodes)[:60]!r}"
            ) from None
        return cls(pairs)


@dataclass(frozen=True)
class Architecture:
    """What a compact search finds: a cell, and how often it stands in each block.

    Attributes:
        genotype: of the cell.
        depths: cells in each block.
        channels: filters of the cells of the first block; those of block ``i`` have
            ``2**i`` times as many.

    Raises:
        UserError: there is no block, or a number is below 1.
    """

    genotype: Genotype
    depths: tuple[int, ...]
    channels: int = 16

    def __post_init__(self) -> None:
        if not self.depths or min(self.depths) < 1:
            raise UserError(
                "depths: expected a number from 1 for each block, found "
                f"{list(self.depths)}"
            )
        if self.channels < 1:
            raise UserError(f"channels: expected 1 or more, found {self.channels}")

    def record(self) -> dict[str, Any]:
        """Returns the content of its JSON file."""
        return {
            "genotype": self.genotype.to_list(),
            "depths": list(self.depths),
            "channels": self.channels,
        }

    @classmethod
    def of(cls, record: Mapping[str, Any]) -> Architecture:
        """Returns the architecture of a record."""
        depths = record["depths"]
        if not isinstance(depths, Sequence) or isinstance(depths, str):
            raise UserError(f"depths: expected a list of numbers, found {depths!r}")
        return cls(
            Genotype.of(record["genotype"]),
            tuple(_number("depths", depth) for depth in depths),
            _number("channels", record["channels"]),
        )

    def write(self, path: str | Path) -> None:
        """Writes the JSON file, in one step."""
        with in_one_step(Path(path)) as temporary:
            temporary.write_text(json.dumps(self.record(), indent=1) + "\n")

    @classmethod
    def read(cls, path: str | Path) -> Architecture:
        """Reads a JSON file.

        Raises:
            UserError: it is missing or damaged, or see `Genotype`.
        """
        form = {"genotype": list, "depths": list, "channels": int}
        try:
            return cls.of(read_json(Path(path), _CURE, form))
        except UserError as error:
            if str(path) in str(error):
                raise
            raise UserError(f"{path}: {error}") from None


def _number(name: str, value: Any) -> int:
    try:
        return _whole(value)
    except (TypeError, ValueError):
        raise UserError(f"{name}: expected whole numbers, found {value!r}") from None


def _whole(value: Any) -> int:
    if isinstance(value, bool) or value % 1 != 0:  # NaN and infinity, too
        raise ValueError(value)
    return int(value)
