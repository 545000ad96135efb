"""Predictions from a profile rank networks that were held out."""

import device_profiles
import numpy as np
import pytest
from device_profiles import measured, some_layers
from scipy.stats import spearmanr

from autoai4eo.cost.layers import LayerConfiguration
from autoai4eo.devices.prediction import LatencyModel, accuracy
from autoai4eo.runtimes.checking import NotConvertible


def learned(rng, noise=0.0):
    single = [{layer: 1} for layers in some_layers(rng, 8) for layer in layers]
    networks = some_layers(rng, 40)
    return LatencyModel(measured(single, rng, noise), measured(networks, rng, noise))


def test_a_device_that_is_additive_by_layer_is_predicted():
    rng = np.random.default_rng(0)
    model = learned(rng)
    judged = accuracy(model, measured(some_layers(rng, 50)))
    assert judged.networks == 50
    assert judged.spearman > 0.99 and judged.median_error < 0.03


def test_what_varies_from_network_to_network_does_not_mislead():
    rng = np.random.default_rng(1)
    model = learned(rng, noise=0.05)
    judged = accuracy(model, measured(some_layers(rng, 50), rng, 0.05))
    assert judged.spearman > 0.95
    assert judged.median_error < 0.07 and judged.p90_error > judged.median_error


def test_networks_that_fuse_their_layers_are_corrected():
    """Single layers take twice what they take in a network: only that counts."""
    rng = np.random.default_rng(2)
    single = [{layer: 1} for layers in some_layers(rng, 8) for layer in layers]
    slow = [type(m)(m.layers, 2 * m.ms, m.spread_ms) for m in measured(single)]
    model = LatencyModel(slow, measured(some_layers(rng, 40)))
    assert accuracy(model, measured(some_layers(rng, 50))).median_error < 0.05


def test_the_figures_are_those_of_predictions_and_measurements():
    rng = np.random.default_rng(3)
    model, held_out = learned(rng), measured(some_layers(rng, 20), rng, 0.3)
    predicted = model.predict([m.layers for m in held_out])
    ms = np.array([m.ms for m in held_out])
    judged = accuracy(model, held_out)
    assert judged.spearman == pytest.approx(spearmanr(predicted, ms)[0], abs=1e-4)
    errors = abs(predicted - ms) / ms
    assert judged.median_error == pytest.approx(np.median(errors), abs=1e-4)
    assert judged.p90_error == pytest.approx(np.quantile(errors, 0.9), abs=1e-4)


def test_a_kind_of_layer_that_was_not_measured_is_refused():
    model = learned(np.random.default_rng(0))
    shape = ((1, 4, 4),)
    attention = LayerConfiguration("MultiHeadAttention", shape, shape, macs=9)
    with pytest.raises(NotConvertible, match=r"found MultiHeadAttention;"):
        model.predict([{attention: 1}])
    (one_by_one,) = some_layers(np.random.default_rng(6), 1)
    small = {k: n for k, n in one_by_one.items() if max(k.kernel, default=1) == 1}
    other = LatencyModel(measured([small]), measured([small, small]))
    assert other.knows(small) and not other.knows(one_by_one)
    with pytest.raises(NotConvertible, match="found Conv2D larger than 1 × 1"):
        other.predict([one_by_one])
    # one without multiply-adds costs little; it counts in the correction
    reshape = LayerConfiguration("Reshape", shape, shape)
    (network,) = some_layers(np.random.default_rng(5), 1)
    without, with_it = model.predict([network, {**network, reshape: 1}])
    assert with_it == pytest.approx(without, rel=0.1)


def test_equal_profiles_predict_equally():
    layers = some_layers(np.random.default_rng(4), 5)
    first, again = (
        LatencyModel(p.single_layers, p.networks).predict(layers)
        for p in (device_profiles.profile(), device_profiles.profile())
    )
    assert (first == again).all() and (first > 0).all()
