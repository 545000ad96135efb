"""Ids, neighbours and queries of cells a second, against the NetworkX way.

    pip install networkx
    python benchmarks/nasbench_space.py ../shared/data/eo_hw_nas

NetworkX has no canonical form; what one writes with it is a Weisfeiler-Lehman hash, and
a comparison of graphs where hashes are equal. Medians of five rounds, in turns.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import networkx as nx
import numpy as np

from autoai4eo.nasbench.importing import import_eo_hw_nas
from autoai4eo.nasbench.space import all_ids, neighbours
from autoai4eo.networks.canonical import canonical_codes
from autoai4eo.networks.cell import MOST_EDGES, OPERATIONS, Cell

ROUNDS = 5


def graph_of(matrix: np.ndarray, operations: list[str]) -> Any:
    """Returns the graph of a cell."""
    graph = nx.from_numpy_array(matrix, create_using=nx.DiGraph)
    names = ["input", *operations, "output"]
    nx.set_node_attributes(graph, dict(enumerate(names)), "operation")
    return graph


def hash_of(graph: Any) -> str:
    """Returns its Weisfeiler-Lehman hash."""
    return nx.weisfeiler_lehman_graph_hash(graph, node_attr="operation")


def neighbours_of(cell: Cell) -> dict[str, Any]:
    """Returns the graphs at one edit, by their hash."""
    last, matrix = cell.vertices - 1, np.array(cell.matrix)
    found = {}
    edits = []
    for i in range(last):
        for j in range(1, last + 1):
            if i != j:
                other = matrix.copy()
                other[i, j] ^= 1
                edits.append((other, list(cell.operations)))
    for i in range(len(cell.operations)):
        for name in OPERATIONS:
            changed = [*cell.operations[:i], name, *cell.operations[i + 1 :]]
            edits.append((matrix, changed))
    for other, operations in edits:
        graph = graph_of(other, operations)
        if other.sum() > MOST_EDGES or not nx.is_directed_acyclic_graph(graph):
            continue
        reached = nx.descendants(graph, 0) | {0}
        if reached & (nx.ancestors(graph, last) | {last}) == set(graph):
            found[hash_of(graph)] = graph
    found.pop(hash_of(graph_of(matrix, list(cell.operations))), None)
    return found


def rate(work: Callable[[], int]) -> float:
    """Returns how many a second."""
    begun = time.perf_counter()
    return work() / (time.perf_counter() - begun)


def main() -> None:
    """Prints a table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("records", type=Path, help="the folder of EO HW-NAS")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        database, _ = import_eo_hw_nas(args.records, Path(folder, "eo.sqlite"))
        with database:
            cells = [c for c in database.architectures() if isinstance(c, Cell)]
            large = [cell for cell in cells if cell.vertices == 7]
            matrices = np.array([cell.matrix for cell in large])
            kinds = np.array(
                [[OPERATIONS.index(o) for o in cell.operations] for cell in large]
            )
            graphs = [graph_of(np.array(c.matrix), list(c.operations)) for c in large]
            some = large[:40]
            database.query(cells[0])
            works: dict[str, Callable[[], int]] = {
                "ids": lambda: len(canonical_codes(matrices, kinds)),
                "hashes of NetworkX": lambda: len([hash_of(g) for g in graphs]),
                "neighbours": lambda: sum(len(neighbours(c)) for c in some),
                "neighbours by NetworkX": lambda: sum(
                    len(neighbours_of(c)) for c in some
                ),
                "queries": lambda: len([database.query(c, 108) for c in cells * 20]),
            }
            assert works["neighbours"]() == works["neighbours by NetworkX"]()
            found: dict[str, list[float]] = {name: [] for name in works}
            for _ in range(ROUNDS):
                for name, work in works.items():
                    found[name].append(rate(work))
    for name, rates in found.items():
        print(f"{name}: {statistics.median(rates):,.0f} a second")
    begun = time.perf_counter()
    print(f"all cells: {len(all_ids()):,} in {time.perf_counter() - begun:.1f} s")


if __name__ == "__main__":
    main()
