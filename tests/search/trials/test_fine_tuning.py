"""The finalist is trained further while it rounds as in int8."""

import json
from dataclasses import replace

import keras
import numpy as np
import pytest
import small

import autoai4eo as ae
from autoai4eo.errors import UserError
from autoai4eo.learning import evaluation
from autoai4eo.learning.objectives import DEFAULTS
from autoai4eo.learning.optimizer import layerwise_adamw
from autoai4eo.learning.training import Training
from autoai4eo.networks.fake_quantized import fake_quantized
from autoai4eo.search.settings import SearchSettings
from autoai4eo.search.trials.fine_tuning import fine_tune, is_done
from autoai4eo.search.trials.instruments import some
from autoai4eo.search.trials.quantized import quantized_metrics

DATA = small.dataset()
OTHER = small.dataset(seed=1)
KAPPA = DEFAULTS["class"]


def network():
    keras.utils.set_random_seed(0)
    inputs = keras.Input((8, 8, 4), name="sen2")
    x = keras.layers.Conv2D(4, 3, activation="relu", name="first")(inputs)
    x = keras.layers.GlobalAveragePooling2D()(x)
    x = keras.layers.Dense(small.CLASSES, activation="softmax")(x)
    model = keras.Model({"sen2": inputs}, x)
    model.compile(layerwise_adamw(model, {"first": 0.0}), "categorical_crossentropy")
    return model


def tuned(kappas):
    """A network that is judged so in turn; and its weights whenever it was."""
    model, seen, left = network(), [], iter(kappas)

    def judge(found):
        assert found is model
        seen.append(model.get_weights())
        return {"val_accuracy": 0.5, "val_cohen_kappa": next(left)}

    best = fine_tune(
        model,
        Training(DATA, DATA),
        len(kappas) - 1,
        1e-2,
        0,
        judge,
        (DEFAULTS["value"], KAPPA),
    )
    return model, seen, best


@pytest.mark.parametrize(
    ("kappas", "kept"), [([0.1, 0.3, 0.2], 1), ([0.4, 0.3, 0.2], 0), ([0.1, 0.1], 0)]
)
def test_the_best_epoch_in_the_runtime_is_kept_or_the_network_as_it_was(kappas, kept):
    """Users rely on: fine-tuning never makes the int8 network worse in validation."""
    model, seen, best = tuned(kappas)
    assert best.epoch == kept - 1 and best.objective == KAPPA
    assert best.before["val_cohen_kappa"] == kappas[0]
    assert best.metrics["val_cohen_kappa"] == kappas[kept]
    for found, expected in zip(model.get_weights(), seen[kept], strict=True):
        np.testing.assert_array_equal(found, expected)


def faint(samples, seed):
    """As `small.dataset`, but each class is hard to see."""
    rng = np.random.default_rng(seed)
    labels = np.arange(samples) % small.CLASSES
    pixels = rng.normal(0, 1, (samples, 8, 8, 4)).astype("float32")
    pixels[np.arange(samples), :, :, labels] += 0.35
    return ae.open_dataset({"sen2": pixels}, labels=labels)


def spoiled(training):
    """A trained network, one channel of which is so large that int8 loses the rest."""
    keras.utils.set_random_seed(0)
    inputs = keras.Input((8, 8, 4), name="sen2")
    x = keras.layers.Conv2D(12, 3, activation="relu", name="first")(inputs)
    x = keras.layers.Conv2D(8, 3, activation="relu", name="second")(x)
    x = keras.layers.GlobalAveragePooling2D()(x)
    x = keras.layers.Dense(small.CLASSES, activation="softmax")(x)
    model = keras.Model({"sen2": inputs}, x)
    optimizer = layerwise_adamw(model, {}, learning_rate=1e-2)
    model.compile(optimizer, "categorical_crossentropy")
    training.run(model, 0, [])
    kernel, bias = model.get_layer("first").get_weights()
    kernel[..., 0], bias[0] = 500 * kernel[..., 0], 500 * abs(bias[0])
    model.get_layer("first").set_weights([kernel, bias])
    kernel, bias = model.get_layer("second").get_weights()
    kernel[:, :, 0] /= 500
    model.get_layer("second").set_weights([kernel, bias])
    return model


def test_a_network_that_int8_spoils_is_repaired_and_not_by_further_training():
    train, judged = faint(480, 0), faint(240, 1)
    training = Training(train, judged, epochs=8)
    model = spoiled(training)
    weights = model.get_weights()
    outputs = evaluation.outputs(model, judged)
    assert evaluation.score(judged, outputs)["cohen_kappa"] > 0.75
    about = {"runtime": "litert", "precision": "int8"}
    kappas = {}
    for name, rounding in (("fine-tuned", fake_quantized), ("control", lambda n: n)):
        model.set_weights(weights)
        epochs = iter(range(8))

        def judge(network, epochs=epochs):
            if next(epochs) not in (0, 7):  # each conversion takes a second
                return {"val_cohen_kappa": -1.0}
            return quantized_metrics(network, about, some(train), judged, False)

        best = fine_tune(model, training, 7, 0.1, 0, judge, [KAPPA], rounding=rounding)
        assert best.before["val_cohen_kappa"] < 0.6
        kappas[name] = best.metrics["val_cohen_kappa"]
    assert kappas["fine-tuned"] > 0.7 and kappas["control"] < 0.6


def test_frozen_layers_stay_as_they_are():
    model, seen, _ = tuned([0.1, 0.3])
    frozen = len(model.get_layer("first").weights)
    for i, (before, after) in enumerate(zip(*seen, strict=True)):
        assert np.array_equal(before, after) == (i < frozen)


@pytest.mark.usefixtures("in_process")
def test_the_finalist_is_judged_as_the_runtime_computes(tmp_path):
    model = small.model(
        tmp_path,
        max_trials=1,
        runtime="litert",
        precision="int8",
        fine_tune_quantized=1,
    )
    model.fit(DATA, validation_data=OTHER, epochs=3, verbose=0)
    found = json.loads((model.run / "best" / "evaluation.json").read_text())
    before, after = found["quantized"]["before"], found["quantized"]["after"]
    epoch = found["quantized"]["epoch"]
    assert (after["val_cohen_kappa"] > before["val_cohen_kappa"]) == (epoch > 0)
    assert epoch or before == after
    # the network in the folder has these scores, in float32 as in int8
    assert found["metrics"]["val_cohen_kappa"] == pytest.approx(
        found["cohen_kappa"], abs=1e-6
    )
    # a finalist of before is fine-tuned when this is wanted
    file = model.run / "best" / "evaluation.json"
    without = {k: v for k, v in found.items() if k != "quantized"}
    file.write_text(json.dumps(without))
    assert not is_done(model.run, model.settings)
    assert is_done(model.run, replace(model.settings, fine_tune_quantized=None))
    model.fit(DATA, validation_data=OTHER, epochs=3, verbose=0)
    assert is_done(model.run, model.settings)


@pytest.mark.usefixtures("in_process")
def test_it_needs_data_that_judge_the_finalist(tmp_path):
    asked = {"runtime": "litert", "precision": "int8", "fine_tune_quantized": 1}
    model = small.model(tmp_path, **asked)
    with pytest.raises(UserError, match="give validation_data"):
        model.fit(DATA, epochs=1, verbose=0)
    assert not model.run.exists()


@pytest.mark.parametrize("precision", [None, "float32", "float16"])
def test_it_needs_int8(precision):
    with pytest.raises(UserError, match="fine_tune_quantized: expected the precision"):
        SearchSettings(fine_tune_quantized=2, runtime="litert", precision=precision)
    with pytest.raises(UserError, match="expected 1 or more"):
        SearchSettings(fine_tune_quantized=0, runtime="litert", precision="int8")
