"""The mechanics of a supernet: gradients, draws, costs."""

import keras
import numpy as np
import pytest
import tensorflow as tf
import toy_supernet
from keras import ops

from autoai4eo.compact.choices import entropy, strongest
from autoai4eo.compact.mixed_cell import EDGES
from autoai4eo.compact.network import build
from autoai4eo.compact.supernet import Space
from autoai4eo.cost import profile
from autoai4eo.networks.genotype import OPERATIONS, Architecture, Genotype

DEEP = Space(channels=4, blocks=2, depth=1, deepest=2)


def numpy(tensor):
    return np.asarray(ops.convert_to_numpy(tensor))


def cell_of(model):
    return next(layer for layer in model.layers if layer.name == "block1_cell1")


def genotype_of(drawn):
    """The cell in which every edge has the drawn operation."""
    nodes = []
    for i in range(2, 6):
        edges = [(at, j) for at, (node, j) in enumerate(EDGES) if node == i]
        nodes.append(tuple((OPERATIONS[drawn[at]], j) for at, j in edges))
    return Genotype(tuple(nodes))


def test_gradient_of_the_logits_equals_finite_differences():
    model = toy_supernet.built()
    cell, choice = cell_of(model), model.edges
    rng = np.random.default_rng(0)
    logits = rng.normal(0, 1, choice.logits.shape).astype("float32")
    noise = rng.gumbel(0, 1, logits.shape).astype("float32")
    features = ops.convert_to_tensor(rng.normal(0, 1, (4, 8, 8, 4)), "float32")
    weights = ops.convert_to_tensor(rng.normal(0, 1, (16,)), "float32")
    temperature = 2.0

    def shares(values):
        scores = values - np.log(np.exp(values).sum(-1, keepdims=True)) + noise
        grown = np.exp((scores / temperature) - (scores / temperature).max())
        return grown / grown.sum(-1, keepdims=True)

    drawn = shares(logits).argmax(-1)
    rows = np.arange(len(EDGES))

    def loss(gates):
        output = cell(features, features, ops.convert_to_tensor(drawn, "int32"), gates)
        return ops.mean(ops.square(output) * weights)

    from autoai4eo.compact.sampling import hard_sample

    variable = tf.Variable(logits)
    with tf.GradientTape() as tape:
        found, gates = hard_sample(
            ops.convert_to_tensor(variable), ops.convert_to_tensor(noise), temperature
        )
        value = loss(gates)
    np.testing.assert_array_equal(numpy(found), drawn)
    gradient = tape.gradient(value, variable).numpy()

    def straight_through(values):
        # the gate is 1 and moves as the share of what was drawn
        gates = 1 + shares(values)[rows, drawn] - shares(logits)[rows, drawn]
        return float(loss(ops.convert_to_tensor(gates.astype("float32"))))

    for edge, operation in ((0, 1), (3, 5), (7, int(drawn[7])), (13, int(drawn[13]))):
        step = np.zeros_like(logits)
        step[edge, operation] = 1e-2
        wanted = (
            straight_through(logits + step) - straight_through(logits - step)
        ) / 2e-2
        assert gradient[edge, operation] == pytest.approx(wanted, rel=0.05, abs=2e-5)


def test_only_the_drawn_operation_runs(monkeypatch):
    model = toy_supernet.built()
    cell = cell_of(model)
    calls = []
    original = keras.layers.DepthwiseConv2D.call

    def counted(self, inputs):
        calls.append(self.name)
        return original(self, inputs)

    monkeypatch.setattr(keras.layers.DepthwiseConv2D, "call", counted)
    features = ops.convert_to_tensor(np.ones((1, 8, 8, 4), "float32"))
    gates = ops.ones(len(EDGES))
    tf.config.run_functions_eagerly(True)
    try:
        for kind, each in (
            ("none", 0),
            ("skip_connect", 0),
            ("max_pool_3x3", 0),
            ("dil_conv_5x5", 1),
            ("sep_conv_3x3", 2),
        ):
            calls.clear()
            drawn = ops.full((len(EDGES),), OPERATIONS.index(kind), "int32")
            cell(features, features, drawn, gates)
            assert len(calls) == each * len(EDGES), kind
            assert all(name.startswith(kind) for name in calls)
    finally:
        tf.config.run_functions_eagerly(False)


def test_running_all_operations_gives_the_same_output():
    pixels, _ = toy_supernet.batch()
    alone, all_of_them = (toy_supernet.built(run_all=r) for r in (False, True))
    for one, other in zip(alone.weights, all_of_them.weights, strict=True):
        other.assign(one)
    for seed in range(3):
        logits = np.random.default_rng(seed).normal(0, 1, (len(EDGES), 8))
        for model in (alone, all_of_them):
            model.edges.logits.assign(logits)
        np.testing.assert_allclose(
            numpy(alone({"sen2": pixels})),
            numpy(all_of_them({"sen2": pixels})),
            atol=1e-5,
        )


def test_expected_flops_are_those_of_drawn_networks():
    model = toy_supernet.built(DEEP)
    costs = model.complexity
    rng = np.random.default_rng(0)
    for depths in ((1, 2), (2, 1)):
        drawn = rng.integers(0, len(OPERATIONS), len(EDGES))
        network = build(
            Architecture(genotype_of(drawn), depths, DEEP.channels),
            toy_supernet.SHAPES,
            toy_supernet.CLASSES,
        )
        wanted = profile(network, latency=False).flops
        found = costs.expected(
            np.eye(len(OPERATIONS))[drawn], np.eye(2)[[d - 1 for d in depths]]
        )
        assert found == pytest.approx(wanted, rel=0.02)


def test_the_cost_of_a_found_network_is_predicted_to_one_per_cent():
    from autoai4eo.blocks.cells import found

    costs = toy_supernet.costs(DEEP)
    rng = np.random.default_rng(0)
    cells = [strongest(rng.dirichlet(np.ones(8), len(EDGES))) for _ in range(3)]
    for genotype in (found.genotype("darts-v2"), *cells):
        one = Architecture(genotype, (1, 2), DEEP.channels)
        network = build(one, toy_supernet.SHAPES, toy_supernet.CLASSES)
        wanted = profile(network, latency=False).flops
        assert costs.cost_of(one) == pytest.approx(wanted, rel=0.01)


def test_expected_flops_are_the_mean_over_draws():
    costs = toy_supernet.costs(DEEP)
    rng = np.random.default_rng(0)
    edges = rng.dirichlet(np.ones(8), len(EDGES))
    depths = rng.dirichlet(np.ones(2), 2)
    each = []
    for _ in range(4000):
        drawn = [rng.choice(8, p=p) for p in edges]
        deep = [rng.choice(2, p=p) for p in depths]
        each.append(costs.expected(np.eye(8)[drawn], np.eye(2)[deep]))
    assert costs.expected(edges, depths) == pytest.approx(np.mean(each), rel=0.02)


def test_the_complexity_loss_means_the_same_at_every_size():
    from autoai4eo.compact.complexity import complexity

    edges, depths = np.full((14, 8), 1 / 8, "float32"), np.eye(2, dtype="float32")
    values = [
        float(
            complexity({"x": (size, size, 3)}, 3, 4, 2, 2, "flops").loss(
                ops.convert_to_tensor(edges), ops.convert_to_tensor(depths)
            )
        )
        for size in (16, 32, 64)
    ]
    np.testing.assert_allclose(values, values[1], rtol=1e-3)


def test_the_complexity_loss_is_that_of_the_paper():
    """Σ over blocks of depth · 1/8 · Σ p · FLOPs / 2, in millions, by hand."""
    costs = toy_supernet.costs(DEEP)
    rng = np.random.default_rng(0)
    edges = rng.dirichlet(np.ones(8), len(EDGES)).astype("float32")
    depths = rng.dirichlet(np.ones(2), 2).astype("float32")
    wanted = 0.0
    for block in range(2):
        depth = depths[block] @ [1, 2]
        wanted += depth / 8 * sum(costs.operations[block] @ p for p in edges)
    wanted *= 0.5e-6 * 32 * 32 / 64
    found = costs.loss(ops.convert_to_tensor(edges), ops.convert_to_tensor(depths))
    assert float(found) == pytest.approx(wanted, rel=1e-4)


def test_the_found_cell_has_two_predecessors_for_each_node_and_no_zero():
    rng = np.random.default_rng(0)
    for _ in range(20):
        probabilities = rng.dirichlet(np.ones(8) / 4, len(EDGES))
        probabilities[:, 0] += 10  # none is the strongest everywhere
        found = strongest(probabilities)
        for i, pairs in enumerate(found.nodes, 2):
            assert len(pairs) == 2
            for kind, before in pairs:
                at = EDGES.index((i, before))
                assert kind == OPERATIONS[1 + probabilities[at, 1:].argmax()]
            left = [
                probabilities[at, 1:].max()
                for at, (node, j) in enumerate(EDGES)
                if node == i and j not in [b for _, b in pairs]
            ]
            kept = [probabilities[EDGES.index((i, b)), 1:].max() for _, b in pairs]
            assert max(left, default=0) <= min(kept)


def test_entropy_is_in_nats():
    assert entropy(np.full((3, 8), 1 / 8)) == pytest.approx(np.log(8))
    assert entropy(np.eye(8)) == pytest.approx(0, abs=1e-9)


def test_depths_are_the_weighted_mean_of_the_cells():
    from autoai4eo.compact.choices import DepthChoice

    choice = DepthChoice(2, 3)
    cells = [np.full((1, 2, 2, 1), v, "float32") for v in (1.0, 2.0, 4.0)]
    np.testing.assert_allclose(numpy(choice(cells)), 7 / 3, rtol=1e-3)
    choice.logits.assign([-100.0, 100.0, -100.0])
    np.testing.assert_allclose(numpy(choice(cells)), 2.0)


def test_the_first_depth_is_the_one_that_was_given():
    model = toy_supernet.built(Space(4, 2, 2, 3))
    assert model.found().depths == (2, 2)


def test_edges_begin_with_weights_of_their_own():
    for stacked in cell_of(toy_supernet.built()).stacked:
        each = numpy(stacked).reshape(len(EDGES), -1)
        assert len({row.tobytes() for row in each}) == len(EDGES)


def test_the_first_batch_trains_the_weights_and_the_second_the_choices():
    from autoai4eo.learning.two_optimizers import TwoOptimizers

    pixels, labels = toy_supernet.batch()
    for rates, changed in (((0.1, 0.0), 0), ((0.0, 0.1), 1)):
        model = toy_supernet.built(constant=1.0)
        optimizers = [keras.optimizers.SGD(rate) for rate in rates]
        paths = [variable.path for variable in model.logits]
        model.compile(TwoOptimizers(*optimizers, paths), "categorical_crossentropy")
        before = [[numpy(v) for v in group] for group in model.groups]
        # without labels, a batch has no gradient but that of the complexity
        none = np.zeros_like(labels)
        given = [(labels, none), (none, labels)][changed]
        model.train_step((({"sen2": pixels}, {"sen2": pixels}), given))
        for which, (group, old) in enumerate(zip(model.groups, before, strict=True)):
            moved = [
                not np.array_equal(numpy(v), o) for v, o in zip(group, old, strict=True)
            ]
            assert any(moved) == (which == changed)
