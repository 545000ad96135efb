"""Figures of a network's structure: of a built one, and of cells of NAS-Bench-101."""

from __future__ import annotations

import itertools
import math
from collections import Counter
from typing import Any, NamedTuple

import keras
import numpy as np
from keras import layers

from autoai4eo.cost.registry import has_rule
from autoai4eo.cost.work import work_of
from autoai4eo.networks.graph import Call, walk
from autoai4eo.networks.inputs import input_tensors

STAGES = 5  # resolutions: that of the input, a half, … and all smaller ones
KINDS = ("spatial", "pointwise", "depthwise", "pooling", "merge", "dense")


class Flow(NamedTuple):
    """The most and the least before a tensor: layers with multiply-adds, and paths."""

    longest: int = 0
    shortest: int = 0
    paths: int = 1
    stride: int = 1
    field: int = 1


def structure(model: keras.Model) -> dict[str, float]:
    """Returns figures of a network; names and the order of its layers do not matter."""
    inputs = input_tensors(model, 1)
    side = max(x.shape[1] for x in inputs if len(x.shape) == 4)
    flows: dict[int, tuple[Flow, Any]] = {id(x): (Flow(), x) for x in inputs}
    counts: Counter[str | None] = Counter()
    macs, params, convolutions, width = (np.zeros(STAGES) for _ in range(4))

    def visit(call: Call) -> None:
        given = keras.tree.flatten((call.args, dict(call.kwargs)))
        before = [flows[id(x)][0] for x in given if id(x) in flows]
        work = work_of(call).macs
        counts[kind_of(call, len(before))] += 1
        kernel, stride = window_of(call.layer)
        jump = max(flow.stride for flow in before)
        after = Flow(
            max(flow.longest for flow in before) + (work > 0),
            min(flow.shortest for flow in before) + (work > 0),
            sum(flow.paths for flow in before),
            jump * stride,
            max(flow.field for flow in before) + (kernel - 1) * jump,
        )
        flows.update((id(x), (after, x)) for x in keras.tree.flatten(call.result))
        if len(call.output) == 4:
            stage = min(round(math.log2(side / call.output[1])), STAGES - 1)
            macs[stage] += work
            weights = getattr(call.layer, "trainable_weights", [])
            params[stage] += sum(math.prod(w.shape) for w in weights)
            convolutions[stage] += work > 0
            width[stage] = max(width[stage], call.output[-1] * (work > 0))

    end, _ = flows[id(keras.tree.flatten(walk(model, inputs, visit, has_rule))[0])]
    figures = {
        "longest": float(end.longest),
        "shortest": float(end.shortest),
        "log_paths": math.log(end.paths),
        "log_field": math.log2(end.field),
        "log_stride": math.log2(end.stride),
        "skips": float(counts["merge"] / convolutions.sum()),
        **{kind: float(counts[kind]) for kind in KINDS},
    }
    by_stage = {
        "macs_share": macs / macs.sum(),
        "params_share": params / params.sum(),
        "log_macs": np.log1p(macs),
        "convolutions": convolutions,
        "log_width": np.log2(1 + width),
    }
    for name, column in by_stage.items():
        figures |= {f"{name}_{i}": float(value) for i, value in enumerate(column)}
    return figures


def window_of(layer: Any) -> tuple[int, int]:
    """Returns the side of a layer's window and its stride."""
    side = getattr(layer, "kernel_size", None) or getattr(layer, "pool_size", None)
    if not side:
        return 1, 1
    dilation = np.max(getattr(layer, "dilation_rate", 1))
    return int((np.max(side) - 1) * dilation + 1), int(np.max(layer.strides))


def kind_of(call: Call, tensors: int) -> str | None:
    """Returns which of `KINDS` a call is."""
    layer = call.layer
    if isinstance(layer, layers.DepthwiseConv2D | layers.SeparableConv2D):
        return "depthwise"
    if getattr(layer, "kernel_size", None):
        return "spatial" if np.max(layer.kernel_size) > 1 else "pointwise"
    if getattr(layer, "pool_size", None):
        return "pooling"
    if isinstance(layer, layers.Dense):
        return "dense"
    return "merge" if tensors > 1 else None


def channels_of(matrices: np.ndarray, ends: float) -> np.ndarray:
    """Returns the channels of the vertices, the output having `ends`, (n, 5)."""
    joined = matrices[:, 1:6, 6]
    found = joined * ends / np.maximum(joined.sum(axis=1, keepdims=True), 1)
    for v in range(5, 0, -1):
        most = (found * matrices[:, v, 1:6]).max(axis=1)
        found[:, v - 1] = np.where(joined[:, v - 1], found[:, v - 1], most)
    return found


def along_paths(
    matrices: np.ndarray, weights: np.ndarray, allowed: np.ndarray
) -> tuple[np.ndarray, ...]:
    """Returns the least, most and mean sum of weights on a path, and log(paths), (n,).

    Args:
        matrices: of cells, (n, 7, 7).
        weights, allowed: of the vertices between, (n, 5). Without an allowed path the
            least is 10, the others are 0.
    """
    number = len(matrices)
    least, most = np.full((number, 7), np.inf), np.full((number, 7), -np.inf)
    total, paths = np.zeros((number, 7)), np.zeros((number, 7))
    least[:, 0], most[:, 0], paths[:, 0] = 0, 0, 1
    for j in range(1, 7):
        weight = weights[:, j - 1] if j < 6 else np.zeros(number)
        before = matrices[:, :j, j] > 0
        before[:, 1:] &= allowed[:, : j - 1]
        least[:, j] = np.where(before, least[:, :j], np.inf).min(axis=1) + weight
        most[:, j] = np.where(before, most[:, :j], -np.inf).max(axis=1) + weight
        paths[:, j] = np.where(before, paths[:, :j], 0).sum(axis=1)
        total[:, j] = np.where(before, total[:, :j], 0).sum(axis=1)
        total[:, j] += weight * paths[:, j]
    count = paths[:, 6]
    return (
        np.where(count, least[:, 6], 10),
        np.where(count, most[:, 6], 0),
        total[:, 6] / np.maximum(count, 1),
        np.log(np.maximum(count, 1)),
    )


def structure_of_cells(matrices: np.ndarray, kinds: np.ndarray) -> np.ndarray:
    """Returns the same of cells without building them, (n, 34).

    The stages of such networks are alike, so that shares of a cell tell all.

    Args:
        matrices, kinds: see `networks.canonical.padded`.
    """
    every = kinds >= -1
    is_kind = [(kinds == kind).astype(float) for kind in range(3)]
    wide, narrow, pool = is_kind
    columns = list(along_paths(matrices, wide + narrow, every))
    for weights in is_kind:
        columns += along_paths(matrices, weights, every)[:3]
    # of the whole network: a stem, three stacks of three cells, halved between them
    for each in along_paths(matrices, wide + pool, every)[:3]:
        columns.append(np.log2(6 + 2 * 3 * 7 * each))
    channels = channels_of(matrices.astype(float), 1)
    from_input = matrices[:, 0, 1:6]
    macs = [
        (9 * wide * channels**2).sum(axis=1),
        (narrow * channels**2).sum(axis=1),
        (from_input * channels).sum(axis=1) + matrices[:, 0, 6],
    ]
    columns += [one / sum(macs) for one in macs] + [np.log(sum(macs))]
    columns += [one.sum(axis=1) for one in is_kind]
    columns += [(one * channels * matrices[:, 1:6, 6]).sum(axis=1) for one in is_kind]
    columns += [(one * channels * from_input).sum(axis=1) for one in is_kind]
    merged = np.maximum(matrices[:, :, 1:6].sum(axis=1) - 1, 0).sum(axis=1)
    columns += [matrices.sum(axis=(1, 2)), matrices[:, 0, 6], merged]
    columns += [channels.max(axis=1), (channels * wide).max(axis=1)]
    return np.column_stack(columns)


def graph_features(matrices: np.ndarray, kinds: np.ndarray) -> np.ndarray:
    """Returns path lengths and degrees by subsets of the operations, and counts."""
    columns = [(kinds == kind).sum(axis=1) for kind in range(3)]
    ones = np.ones(kinds.shape)
    for some in itertools.chain(
        *(itertools.combinations(range(3), r) for r in (1, 2, 3))
    ):
        allowed = np.isin(kinds, some)
        columns += along_paths(matrices, ones, allowed)[:2]
        kept = np.pad(allowed, ((0, 0), (1, 1)), constant_values=True)
        left = matrices * kept[:, :, None] * kept[:, None, :]
        out, into = left.sum(axis=2), left.sum(axis=1)
        columns += [out[:, 0], into[:, 6]]
        for degree in (out[:, 1:6], into[:, 1:6]):
            columns += [degree.mean(axis=1), degree.max(axis=1)]
    return np.column_stack(columns).astype(float)
