"""Several labels and numbers per patch, from fit to evaluate."""

import json

import keras
import keras_tuner
import numpy as np
import pytest
import small

import autoai4eo as ae
from autoai4eo.errors import UserError

pytestmark = pytest.mark.usefixtures("in_process")
DATA = small.dataset(96)
NOISE = DATA.read(np.arange(96))["sen2"]
#: A patch has a class where its band is bright: several, one or none.
LABELS = np.random.default_rng(0).integers(0, 2, (96, 3))
PIXELS = NOISE.copy()
PIXELS[..., :3] += 2 * LABELS[:, None, None]
#: Of different units, and far from zero.
VALUES = np.stack(
    [PIXELS[..., 0].mean((1, 2)) * 5 + 300, PIXELS[..., 1].mean((1, 2))], 1
)
TRAIN, VALIDATION = slice(0, 72), slice(72, 96)


def model(folder, head, objective, **arguments):
    node = ae.ImageInput("sen2")
    direction = "min" if objective == "val_rmse" else "max"
    return ae.AutoModel(
        node,
        head(pooling="average", hidden=0, dropout=0.0, **arguments)(
            small.TinyBlock()(node)
        ),
        directory=folder,
        project_name="run",
        max_trials=1,
        seed=0,
        tuner="random",
        objective=keras_tuner.Objective(objective, direction),
    )


def fitted_on(found, targets, **how):
    found.fit(
        PIXELS[TRAIN],
        targets[TRAIN],
        validation_data=(PIXELS[VALIDATION], targets[VALIDATION]),
        verbose=0,
        **{"epochs": 12, "batch_size": 8, "augmentation": None, **how},
        references=False,
    )
    return found


@pytest.fixture(scope="module")
def labelled(tmp_path_factory):
    found = model(
        tmp_path_factory.mktemp("labels"),
        ae.blocks.PooledHead,
        "val_mean_average_precision",
        multi_label=True,
    )
    return fitted_on(found, LABELS)


@pytest.fixture(scope="module")
def regressor(tmp_path_factory):
    folder = tmp_path_factory.mktemp("values")
    return fitted_on(model(folder, ae.blocks.PooledRegressionHead, "val_rmse"), VALUES)


def kept(run):
    return json.loads((run / "best" / "evaluation.json").read_text())


@pytest.mark.slow
def test_labels_are_learnt_and_predicted(labelled):
    found = labelled.predict(PIXELS)
    assert found.dtype == np.uint8 and found.shape == (96, 3)
    probabilities = labelled.predict_proba(PIXELS)
    assert probabilities.sum(axis=1).max() > 1.2  # a sigmoid for each class
    scores = labelled.evaluate(PIXELS, LABELS)
    assert scores["mean_average_precision"] > 0.9
    assert scores["subset_accuracy"] == (found == LABELS).all(axis=1).mean()
    assert set(scores) >= {"f1_micro", "f1_macro", "f1_samples", "intervals"}


def test_thresholds_are_tuned_on_the_validation_data_and_kept(labelled):
    told = kept(labelled.run)
    proba = labelled.predict_proba(PIXELS)
    np.testing.assert_array_equal(
        labelled.predict(PIXELS), proba >= np.array(told["thresholds"])
    )
    again = labelled.evaluate(PIXELS[VALIDATION], LABELS[VALIDATION])
    assert {name: told[name] for name in again} == again
    plain = np.mean(
        [  # F1 at 0.5
            2 * (a & b).sum() / max(1, a.sum() + b.sum())
            for a, b in zip(
                LABELS[VALIDATION].T, (proba[VALIDATION] >= 0.5).T, strict=True
            )
        ]
    )
    assert told["f1_macro"] >= plain


def test_metrics_of_a_trial_are_those_of_the_evaluation(labelled, regressor):
    row, told = labelled.trials(all=True).iloc[0], kept(labelled.run)
    assert row["status"] == "complete"
    for name in ("f1_macro", "f1_micro", "f1_samples", "subset_accuracy"):
        assert 0 <= row[f"val_{name}"] <= 1
    precision = told["mean_average_precision"]
    assert told["metrics"]["val_mean_average_precision"] == pytest.approx(precision)
    told = kept(regressor.run)
    for name in ("rmse", "mae", "r2"):
        assert told["metrics"][f"val_{name}"] == pytest.approx(told[name], rel=1e-3)


def test_a_new_process_knows_what_the_run_predicts(labelled, regressor):
    again = ae.ImageClassifier(
        multi_label=True, directory=labelled.directory, project_name="run"
    )
    np.testing.assert_array_equal(again.predict(PIXELS), labelled.predict(PIXELS))
    again = ae.ImageRegressor(directory=regressor.directory, project_name="run")
    np.testing.assert_array_equal(again.predict(PIXELS), regressor.predict(PIXELS))
    assert again.evaluate(PIXELS, VALUES) == regressor.evaluate(PIXELS, VALUES)


def test_numbers_are_learnt_in_their_own_units(regressor):
    found = regressor.predict(PIXELS)
    assert found.shape == (96, 2)
    scores = regressor.evaluate(PIXELS, VALUES)
    assert scores["r2"] > 0.5
    error = found - VALUES
    assert scores["bias"] == pytest.approx(error.mean(), abs=1e-4)
    assert scores["rmse"] == pytest.approx(np.sqrt((error**2).mean(axis=0)).mean())
    low, high = scores["intervals"]["rmse"]
    assert low < scores["rmse"] < high


def test_the_network_itself_undoes_the_standardisation(regressor):
    network = keras.models.load_model(regressor.run / "best" / "model.keras")
    assert {type(x).__module__.split(".")[0] for x in network.layers} == {"keras"}
    np.testing.assert_allclose(
        network.predict(PIXELS, verbose=0), regressor.predict(PIXELS), rtol=1e-6
    )


@pytest.mark.slow
def test_a_spread_is_as_large_as_the_errors(tmp_path, regressor):
    other = model(tmp_path, ae.blocks.PooledRegressionHead, "val_rmse")
    fitted_on(other, VALUES, loss="gaussian")
    assert other.evaluate(PIXELS, VALUES)["r2"] > 0.5
    told = ae.ImageRegressor(directory=tmp_path, project_name="run")
    found, spread = told.predict(PIXELS), told.predict_spread(PIXELS)
    assert found.shape == spread.shape == (96, 2) and (spread > 0).all()
    assert 0.5 < (np.abs(found - VALUES) < 2 * spread).mean() <= 1
    other = ae.ImageRegressor(directory=regressor.directory, project_name="run")
    with pytest.raises(UserError, match="expected a network that predicts a spread"):
        other.predict_spread(PIXELS)


@pytest.mark.slow
def test_an_image_classifier_takes_several_labels(tmp_path):
    found = ae.ImageClassifier(
        multi_label=True,
        directory=tmp_path,
        max_trials=1,
        seed=0,
        constraints={"macs": 20_000_000},
    )
    assert [o.name for o in found.objectives] == ["val_mean_average_precision"]
    fitted_on(found, LABELS, epochs=1, loss="focal")
    assert found.predict(PIXELS).shape == (96, 3)
    # one label each is a case of several
    assert found.evaluate(PIXELS, np.eye(3)[DATA.labels])["per_class"]


def test_an_image_regressor_takes_numbers(tmp_path, tiny_networks):
    found = ae.ImageRegressor(directory=tmp_path, max_trials=1, seed=0)
    assert [o.name for o in found.objectives] == ["val_rmse"]
    fitted_on(found, VALUES[:, 0], epochs=1)
    assert found.predict(PIXELS).shape == (96, 1)
    with pytest.raises(
        UserError, match="predict_proba: expected a network that predicts"
    ):
        found.predict_proba(PIXELS)


@pytest.mark.parametrize(
    ("make", "y", "fit", "message"),
    [
        (ae.ImageClassifier, LABELS, {}, r"found multi-label data .*multi_label=True"),
        (ae.ImageRegressor, VALUES * 0 + 1, {}, "values that differ from sample"),
        (ae.ImageRegressor, VALUES, {"loss": "focal"}, "expected one of mse, mae"),
        (ae.ImageRegressor, VALUES, {"class_weight": "balanced"}, "class_weight: exp"),
    ],
)
def test_wrong_arguments_are_refused_at_once(tmp_path, make, y, fit, message):
    found = make(directory=tmp_path, project_name="run", max_trials=1)
    with pytest.raises(UserError, match=message):
        found.fit(PIXELS, y, verbose=0, **fit)
    assert not found.run.exists()


def test_labels_that_all_have_are_refused(tmp_path):
    found = ae.ImageClassifier(multi_label=True, directory=tmp_path)
    with pytest.raises(UserError, match="expected labels that some samples have"):
        found.fit(PIXELS, np.ones((96, 3)), verbose=0)
    with pytest.raises(UserError, match="max_latency_ms: expected an argument of"):
        ae.ImageRegressor(max_latency_ms=2.0)
