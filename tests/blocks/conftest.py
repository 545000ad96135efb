"""Graphs to build blocks in, and a walk through the corners of a search space."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import autokeras as ak
import keras
import keras_tuner
import numpy as np
import pytest
from autokeras.graph import Graph

from autoai4eo.blocks import (
    DecoderBlock,
    FeaturePyramid,
    ImageInput,
    PooledHead,
    SegmentationHead,
)

CLASSES = 17
Wiring = Callable[..., Any]

# Every number of bands and every size; not every pair, for the sake of time.
SHAPES = [(32, 32, 1), (64, 64, 3), (32, 32, 4), (32, 32, 10), (64, 64, 18)]


def image_graph(
    wiring: Wiring,
    shapes: Sequence[tuple[int, ...]],
    bands: Sequence[str] | None = None,
    head: ak.Head | None = None,
    target: tuple[int, ...] = (CLASSES,),
) -> Graph:
    """The graph inputs -> wiring -> head, knowing its shapes."""
    inputs = [
        ImageInput(f"input{i}", bands=bands, mean=[0.1] * s[-1], std=[0.2] * s[-1])
        for i, s in enumerate(shapes)
    ]
    head = head or PooledHead(pooling="average", hidden=0, dropout=0.0)
    graph = Graph(inputs, head(wiring(*inputs)))
    graph.set_io_shapes(([np.array((1, *s)) for s in shapes], [np.array((1, *target))]))
    return graph


def build(
    graph: Graph, values: dict[str, Any]
) -> tuple[Any, keras_tuner.HyperParameters]:
    """The model with `values`, not compiled, and the hyperparameters that it used.

    As `Graph.build`, without the optimizer, whose hyperparameters are AutoKeras's.
    """
    hp = keras_tuner.HyperParameters()
    hp.values.update(values)
    graph._compile_keras_model = lambda hp, model: model
    return graph.build(hp), hp


def corners(graph: Graph) -> Iterator[tuple[dict[str, Any], Any]]:
    """(values, model): each value of each hyperparameter once, all first, all last.

    From the defaults one value is changed at a time; a hyperparameter that only shows
    itself then is walked there. Fails where a list of choices changed on the way.
    """
    space: dict[str, list[Any]] = {}
    seen = set()
    waiting: list[dict[str, Any]] = [{}]
    while waiting:
        values = waiting.pop()
        model, hp = build(graph, values)
        for parameter in hp.space:
            choices = list(parameter.values)
            assert space.setdefault(parameter.name, choices) == choices
            for choice in choices:
                if (parameter.name, choice) in seen:
                    continue
                seen.add((parameter.name, choice))
                if choice != hp.values[parameter.name]:
                    waiting.append({**values, parameter.name: choice})
        yield values, model
    for end in (0, -1):
        values = {name: choices[end] for name, choices in space.items()}
        model, hp = build(graph, values)
        assert {p.name for p in hp.space} <= space.keys()
        yield values, model


def round_trip(block: Any) -> Any:
    """The block as it comes back from JSON."""
    return keras.utils.deserialize_keras_object(
        keras.utils.serialize_keras_object(block)
    )


def finite_probabilities(model: Any, seed: int = 0) -> np.ndarray:
    """The model's answer to 2 random patches, checked to be probabilities."""
    rng = np.random.default_rng(seed)
    batch = [rng.random((2, *t.shape[1:]), "float32") for t in model.inputs]
    answer = keras.tree.flatten(model(batch, training=False))[0]
    answer = keras.ops.convert_to_numpy(answer)
    assert answer.dtype == np.float32
    assert np.isfinite(answer).all()
    np.testing.assert_allclose(answer.sum(-1), 1, rtol=1e-5)
    return answer


def segmenter(
    shapes: Sequence[tuple[int, ...]],
    decoder: ak.Block | None = None,
    size: tuple[int, int] | None = None,
    bands: Sequence[str] | None = None,
    **pyramid: Any,
) -> Graph:
    """The graph inputs -> pyramid -> decoder -> head, for masks of 4 classes."""
    decoder = decoder or DecoderBlock(name="decoder")
    return image_graph(
        lambda *nodes: decoder(FeaturePyramid(name="pyramid", **pyramid)(nodes)),
        shapes,
        bands,
        SegmentationHead(name="head"),
        (*(size or shapes[0][:2]), 4),
    )


def sampled(graph: Graph, seed: int) -> tuple[dict[str, Any], Any]:
    """(values, model): each hyperparameter drawn at random, also those that show up."""
    rng = np.random.default_rng(seed)
    space: dict[str, list[Any]] = {}
    values: dict[str, Any] = {}
    while True:
        model, hp = build(graph, values)
        for parameter in hp.space:
            choices = list(parameter.values)
            assert space.setdefault(parameter.name, choices) == choices
        new = [name for name in space if name not in values]
        if not new:
            return values, model
        for name in new:
            values[name] = space[name][rng.integers(len(space[name]))]


class Kit:
    """What the tests of the blocks share."""

    SHAPES = SHAPES
    CLASSES = CLASSES
    graph = staticmethod(image_graph)
    segmenter = staticmethod(segmenter)
    sampled = staticmethod(sampled)
    build = staticmethod(build)
    corners = staticmethod(corners)
    round_trip = staticmethod(round_trip)
    finite_probabilities = staticmethod(finite_probabilities)


@pytest.fixture(scope="session")
def kit() -> type[Kit]:
    """Helpers to build graphs and to walk search spaces."""
    return Kit
