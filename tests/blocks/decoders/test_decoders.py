"""All decoders: tiles of any size, every choice, costs, training, saved models."""

import json
import os
import subprocess
import sys
from importlib.util import find_spec

import keras
import numpy as np
import pytest
from autokeras.graph import Graph
from keras_tuner import HyperParameters

from autoai4eo.blocks import (
    DecoderBlock,
    FPNDecoder,
    LRASPPDecoder,
    NASFPNBlock,
    UNetDecoder,
)
from autoai4eo.blocks.decoders.block import DECODERS
from autoai4eo.blocks.decoders.levels import enlarged
from autoai4eo.cost import count
from autoai4eo.errors import UserError

# Opens saved models without this package, and trains them a step.
LOAD = """
import sys, keras, numpy as np
for path in sys.argv[1:]:
    model = keras.models.load_model(path)
    batch = [np.full((2, *t.shape[1:]), 0.5, "float32") for t in model.inputs]
    answer = keras.tree.flatten(model(batch, training=False))[0]
    answer = keras.ops.convert_to_numpy(answer)
    np.save(path + ".npy", answer)
    jit = keras.backend.backend() == "jax"
    model.compile("adam", "categorical_crossentropy", jit_compile=jit)
    before = [keras.ops.convert_to_numpy(w) for w in model.trainable_weights]
    truth = np.eye(4, dtype="float32")[np.arange(answer[..., 0].size) % 4]
    rng = np.random.default_rng(0)
    batch = [rng.normal(size=b.shape).astype("float32") for b in batch]
    model.train_on_batch(batch, [truth.reshape(answer.shape)])
    still = [
        w.path for w, b in zip(model.trainable_weights, before)
        if np.array_equal(keras.ops.convert_to_numpy(w), b)
    ]
    assert not still, still
assert not {"autoai4eo", "autokeras"} & sys.modules.keys()
"""


def positions(model):
    """Multiply-adds: each kernel's size times the positions where it is applied."""
    return sum(
        int(np.prod(layer.output.shape[1:-1]) * np.prod(layer.kernel.shape))
        for layer in model.layers
        if hasattr(layer, "kernel")
    )


@pytest.mark.parametrize("decoder", DECODERS)
@pytest.mark.parametrize("size", [(120, 225), (33, 37), (64, 64)])
def test_the_output_has_the_size_of_the_tile(kit, decoder, size):
    graph = kit.segmenter([(*size, 3)], DecoderBlock(decoder), width=8)
    model, _ = kit.build(graph, {})
    assert model.outputs[0].shape == (None, *size, 4)
    assert model.output_names == ["head"]
    if size == (33, 37):
        kit.finite_probabilities(model)


@pytest.mark.parametrize("decoder", DECODERS)
@pytest.mark.parametrize("levels", [2, 3, 4])
def test_small_tiles_have_fewer_levels(kit, decoder, levels):
    side = {2: 5, 3: 11, 4: 17}[levels]
    graph = kit.segmenter([(side, side, 2)], DecoderBlock(decoder), levels=levels)
    model, _ = kit.build(graph, {})
    assert kit.finite_probabilities(model).shape == (2, side, side, 4)


@pytest.mark.parametrize("seed", range(3))
def test_sampled_networks_build(kit, seed):
    _check_sample(kit, seed)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(3, 20))
def test_many_sampled_networks_build(kit, seed):
    _check_sample(kit, seed)


def _check_sample(kit, seed):
    shapes = [(45, 45, 3), (23, 23, 2)] if seed % 2 else [(45, 45, 3)]
    values, model = kit.sampled(kit.segmenter(shapes), seed)
    assert kit.finite_probabilities(model).shape == (2, 45, 45, 4), values
    assert count(model).macs == positions(model), values


@pytest.mark.slow
@pytest.mark.parametrize("block", [UNetDecoder, FPNDecoder, LRASPPDecoder])
def test_every_corner_builds(kit, block):
    # what is fixed here is varied in the samples, as are the cells of NAS-FPN
    graph = kit.segmenter([(17, 17, 3)], block(), width=8, levels=4, family="residual")
    for _, model in kit.corners(graph):
        assert model.outputs[0].shape == (None, 17, 17, 4)
    kit.finite_probabilities(model)


@pytest.mark.parametrize(
    ("block", "expected"),
    [
        (
            UNetDecoder(name="d"),
            {"width": [8, 16, 24, 32], "depth": [1, 2], "separable": [True, False]},
        ),
        (
            FPNDecoder(name="d"),
            {
                "channels": [16, 32, 64, 96],
                "finest": [2, 4],
                "separable": [True, False],
            },
        ),
        (
            LRASPPDecoder(name="d"),
            {"channels": [32, 64, 128], "skip": [2, 4, 8, 16]},
        ),
    ],
)
def test_the_space_is_the_documented_one(kit, block, expected):
    _, hp = kit.build(kit.segmenter([(33, 33, 3)], block, width=8), {})
    found = {p.name: list(p.values) for p in hp.space if p.name.startswith("d/")}
    assert found == {f"d/{name}": values for name, values in expected.items()}


def test_choosing_a_decoder_shows_its_choices_only(kit):
    graph = kit.segmenter([(33, 33, 3)], width=8)
    for kind in DECODERS:
        _, hp = kit.build(graph, {"decoder/decoder": kind})
        own = {p.name for p in hp.space if p.name.startswith("decoder/decoder_")}
        assert own
        assert all(name.startswith(f"decoder/decoder_{kind}/") for name in own)


def test_the_multiply_adds_of_unet_are_those_of_its_convolutions():
    sides, channels = [16, 8, 4], [5, 6, 7]
    inputs = [keras.Input((n, n, c)) for n, c in zip(sides, channels, strict=True)]
    model = keras.Model(
        inputs, UNetDecoder(10, 2, False, name="u").build(HyperParameters(), inputs)
    )
    # level 2: 7 + 6 -> 20 -> 20 channels at 8×8; level 1: 20 + 5 -> 10 -> 10 at 16×16
    expected = 64 * 9 * (13 * 20 + 20 * 20) + 256 * 9 * (25 * 10 + 10 * 10)
    assert count(model).macs == expected


def test_light_decoder_is_the_papers_sum_of_two_classifiers():
    inputs = [keras.Input((n, n, 6)) for n in (16, 8, 4, 2)]
    block = LRASPPDecoder(8, 4, name="l")
    features = block.build(HyperParameters(), inputs)
    logits = keras.layers.Conv2D(3, 1, use_bias=False, name="logits")
    model = keras.Model(inputs, logits(features))
    up, skip = model.get_layer("l_both").input
    parts = keras.Model(inputs, [up, skip])
    rng = np.random.default_rng(0)
    batch = [rng.normal(size=(1, *x.shape[1:])).astype("float32") for x in inputs]
    high, low = (np.asarray(x) for x in parts(batch))
    np.testing.assert_array_equal(low, batch[1])  # the features at stride 4
    kernel = np.asarray(logits.kernel)[0, 0]
    np.testing.assert_allclose(
        model(batch), high @ kernel[:8] + low @ kernel[8:], atol=1e-5
    )


@pytest.mark.parametrize("how", ["nearest", "bilinear"])
def test_enlarging_keeps_pixels_where_they_are(how):
    # a ramp of the pixels' centres, at stride 4 of 13 pixels
    coarse = np.arange(4) * 4 + 1.5
    ramp = np.tile(coarse, (4, 1))[None, ..., None].astype("float32")
    tensor = keras.Input((4, 4, 1))
    model = keras.Model(tensor, enlarged(tensor, 4, (13, 13), "up", how))
    found = np.asarray(model(ramp))[0, ..., 0]
    assert found.shape == (13, 13)
    assert (found == found[:1]).all()
    off = np.abs(found[0] - np.arange(13))[2:]  # bilinear is constant at the edge
    assert off.max() <= (1.5 if how == "nearest" else 1e-5)


def test_away_from_the_edges_a_shifted_tile_gives_the_shifted_answer(kit):
    graph = kit.segmenter([(65, 65, 2)], UNetDecoder(name="d"), levels=2, width=8)
    model, _ = kit.build(graph, {})
    scene = np.random.default_rng(0).random((1, 69, 69, 2), "float32")
    one, two = (np.asarray(model([scene[:, k : k + 65, k : k + 65]])) for k in (0, 4))
    np.testing.assert_allclose(one[:, 28:45, 28:45], two[:, 24:41, 24:41], atol=1e-5)


def test_every_decoder_refuses_what_is_no_pyramid(kit):
    for block in (UNetDecoder(), FPNDecoder(), LRASPPDecoder(), NASFPNBlock()):
        with pytest.raises(UserError, match=r"half the size .* found 8×8; give the"):
            kit.build(kit.graph(block, [(8, 8, 3)]), {})
        with pytest.raises(UserError, match="found 8×8, 5×5"):
            inputs = [keras.Input((n, n, 3)) for n in (8, 5)]
            block.build(HyperParameters(), inputs)
    graph = kit.segmenter([(9, 9, 3)], LRASPPDecoder(skip=8), levels=3)
    with pytest.raises(UserError, match="expected skip to be one of 2, 4 for a pyr"):
        kit.build(graph, {})


def test_the_stride_of_an_fpn_needs_the_levels(kit):
    for finest in (None, 2):
        kit.build(kit.segmenter([(5, 5, 3)], FPNDecoder(8, finest), levels=2), {})
    graph = kit.segmenter([(5, 5, 3)], FPNDecoder(8, finest=4), levels=2)
    with pytest.raises(
        UserError, match=r"finest to be one of 2 for a pyramid of 2 levels, g"
    ):
        kit.build(graph, {})


def test_wrong_arguments_are_refused():
    for block, arguments in [
        (DecoderBlock, {"decoder": "deeplab"}),
        (UNetDecoder, {"width": 0}),
        (UNetDecoder, {"depth": 0}),
        (FPNDecoder, {"channels": -1}),
        (FPNDecoder, {"finest": 8}),
        (LRASPPDecoder, {"skip": 3}),
    ]:
        [name] = arguments
        with pytest.raises(UserError, match=f"{name}: expected"):
            block(**arguments)


def test_config_and_graph_round_trip(kit):
    for block in (
        DecoderBlock("fpn"),
        UNetDecoder(8, 2, True),
        FPNDecoder(16, 4, False),
        LRASPPDecoder(32, 2),
    ):
        assert kit.round_trip(block).get_config() == block.get_config()
    graph = kit.segmenter([(33, 33, 3)], DecoderBlock("fpn"), width=8)
    config = json.dumps(graph.get_config())
    again = Graph.from_config(json.loads(config))
    assert json.dumps(again.get_config()) == config
    again.set_io_shapes(([np.array((1, 33, 33, 3))], [np.array((1, 33, 33, 4))]))
    one, two = kit.build(graph, {})[0], kit.build(again, {})[0]
    assert [w.shape for w in one.weights] == [w.shape for w in two.weights]


@pytest.mark.slow
@pytest.mark.parametrize("backend", ["tensorflow", "jax"])
def test_saved_models_open_without_this_package_and_learn(kit, tmp_path, backend):
    if find_spec(backend) is None:
        pytest.skip(f"needs {backend}")
    models = {}
    for kind in DECODERS:
        shapes = [(19, 19, 3), (10, 10, 2)]
        graph = kit.segmenter(shapes, DecoderBlock(kind), width=8, levels=3)
        operations = {
            f"decoder_block_1/decoder_block_1_{kind}/cell_{i}_operation": operation
            for i, operation in enumerate(("attention", "concat"), 1)
        }
        models[tmp_path / f"{kind}.keras"], _ = kit.build(graph, operations)
    for path, model in models.items():
        model.save(path)
    done = subprocess.run(
        [sys.executable, "-c", LOAD, *map(str, models)],
        env={
            **os.environ,
            "KERAS_BACKEND": backend,
            # each function is called once: compiling it well takes longer
            "XLA_FLAGS": "--xla_backend_optimization_level=0",
        },
        capture_output=True,
        text=True,
        check=False,
        timeout=240,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    for path, model in models.items():
        batch = [np.full((2, *t.shape[1:]), 0.5, "float32") for t in model.inputs]
        np.testing.assert_allclose(
            np.load(f"{path}.npy"), model(batch, training=False), atol=1e-4
        )
