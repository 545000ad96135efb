"""An ensemble as one network: its output, its file, its cost."""

import subprocess
import sys

import keras
import numpy as np
import pytest

from autoai4eo import cost, deploy
from autoai4eo.errors import UserError
from autoai4eo.networks.ensemble import weighted_mean
from autoai4eo.networks.saving import save_model


def network(seed, swapped=False, classes=3):
    """Two inputs with preprocessing; `swapped`: in the other order."""
    keras.utils.set_random_seed(seed)
    one, two = keras.Input((8, 8, 2), name="sen1"), keras.Input((8, 8, 4), name="sen2")
    scaled = keras.layers.Normalization(mean=[0.5, 1], variance=[1, 2])(one)
    features = keras.layers.Concatenate()([scaled, (two - 3.0) / 2.0])
    features = keras.layers.Conv2D(4, 3, activation="relu")(features)
    pooled = keras.layers.GlobalAveragePooling2D()(features)
    output = keras.layers.Dense(classes, activation="softmax")(pooled)
    return keras.Model([two, one] if swapped else [one, two], output)


def pixels(samples=5):
    rng = np.random.default_rng(0)
    shapes = {"sen1": (8, 8, 2), "sen2": (8, 8, 4)}
    return {
        name: rng.normal(size=(samples, *shape)).astype("float32")
        for name, shape in shapes.items()
    }


def predicted(model, given=None):
    return model.predict(given or pixels(), verbose=0)


def test_the_output_is_the_weighted_mean_of_its_members_outputs():
    members = {"trial_0": network(0), "trial_3": network(1, swapped=True)}
    found = predicted(weighted_mean(members, [3, 1]))
    outputs = [predicted(member) for member in members.values()]
    expected = 0.75 * outputs[0] + 0.25 * outputs[1]
    assert np.abs(outputs[0] - outputs[1]).max() > 0.01
    np.testing.assert_allclose(found, expected, atol=1e-6)
    np.testing.assert_allclose(found.sum(axis=1), 1, atol=1e-5)


def test_an_ensemble_of_one_network_equals_that_network():
    one = network(0)
    np.testing.assert_array_equal(
        predicted(weighted_mean({"trial_0": one}, [7])), predicted(one)
    )


def test_its_counted_cost_is_the_sum_of_its_members_and_the_mean():
    members = {"trial_0": network(0), "trial_1": network(1)}
    whole = cost.count(weighted_mean(members, [1, 1]))
    each = [cost.count(member) for member in members.values()]
    assert whole.params == sum(c.params for c in each)
    assert whole.macs == sum(c.macs for c in each)
    assert 0 < whole.flops - sum(c.flops for c in each) < 20


@pytest.mark.slow
def test_keras_alone_opens_it(tmp_path):
    """Users rely on: the file needs no autoai4eo."""
    members = {"trial_0": network(0), "trial_1": network(1)}
    ensemble = weighted_mean(members, [2, 1])
    save_model(ensemble, tmp_path / "m.keras")
    np.savez(tmp_path / "given.npz", **pixels())
    code = (
        "import sys, keras, numpy as np\n"
        "given = dict(np.load('given.npz'))\n"
        "model = keras.models.load_model('m.keras')\n"
        "np.save('found.npy', model.predict(given, verbose=0))\n"
        "assert not any(name.startswith('autoai4eo') for name in sys.modules)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    again = deploy.load_model(tmp_path / "m.keras")
    for found in (np.load(tmp_path / "found.npy"), predicted(again)):
        np.testing.assert_allclose(found, predicted(ensemble), atol=1e-6)


@pytest.mark.parametrize(
    ("members", "weights", "message"),
    [
        ({}, [], "expected one or more networks"),
        ({"a": network(0)}, [0], "a weight above 0 for each"),
        ({"a": network(0), "b": network(0, classes=2)}, [1, 1], "in b; leave it out"),
    ],
)
def test_networks_that_cannot_be_averaged_are_refused(members, weights, message):
    with pytest.raises(UserError, match=message):
        weighted_mean(members, weights)
