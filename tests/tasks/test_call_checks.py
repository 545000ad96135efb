"""A call with a mistake ends at once, in one line."""

from contextlib import contextmanager

import keras
import numpy as np
import optuna
import pytest
import small

import autoai4eo as ae
from autoai4eo.cost.instrument import Instrument
from autoai4eo.errors import AutoAI4EOWarning, SearchError, UserError
from autoai4eo.runtimes.checking import not_convertible
from autoai4eo.search import stopping
from autoai4eo.tasks.call_checks import check_callbacks

DATA, OTHER = small.dataset(), small.dataset(seed=1)


@pytest.mark.parametrize(
    "made", [ae.ImageClassifier, ae.So2SatClassifier, ae.ImageRegressor]
)
def test_an_unknown_argument_of_a_task_is_named_with_the_nearest(made, tmp_path):
    with pytest.raises(UserError, match=r"max_trails \(did you mean max_trials\?\)"):
        made(directory=tmp_path, max_trails=3)


def test_every_argument_is_known(tmp_path):
    for made in (ae.ImageClassifier, ae.So2SatClassifier):
        model = made(
            inputs=["sen2"],
            max_latency_ms=3.0,
            multi_label=False,
            directory=tmp_path,
            max_model_size=10**6,
            latency_batch_size=2,
        )
        assert model.settings.latency_batch_size == 2


@pytest.mark.parametrize(
    ("how", "message"),
    [
        ({"epoch": 3}, r"fit: .*got epoch \(did you mean epochs\?\)"),
        ({"initial_epoch": 3, "shuffle": True}, "fit: .*got initial_epoch.*, shuffle"),
        ({"callbacks": [print]}, "found builtin_function_or_method"),
        ({"callbacks": [keras.callbacks.TerminateOnNaN]}, r"write TerminateOnNaN\(\)"),
        ({"callbacks": keras.callbacks.TerminateOnNaN()}, r"write \[callback\]"),
    ],
)
def test_a_wrong_call_of_fit_writes_nothing(tmp_path, how, message):
    model = small.model(tmp_path)
    with pytest.raises(UserError, match=message) as error:
        model.fit(DATA, validation_data=OTHER, verbose=0, **how)
    assert "\n" not in str(error.value)
    assert not model.run.exists() or not [*model.run.iterdir()]


def test_callbacks_of_keras_are_taken():
    given = [keras.callbacks.TerminateOnNaN()]
    assert check_callbacks(given) == tuple(given)
    assert check_callbacks(()) == ()


class Broken(keras.callbacks.Callback):
    """A callback with a mistake in it."""

    def on_train_begin(self, logs=None):
        raise ValueError("the callback is broken")


HOW = {"validation_data": OTHER, "epochs": 1, "verbose": 0}


@pytest.mark.usefixtures("in_process")
def test_equal_failures_in_a_row_end_the_search_until_the_mistake_is_mended(tmp_path):
    model = small.model(tmp_path, max_trials=98)
    message = r"3 trials in a row failed alike: .*the callback is broken .*trials/0"
    with pytest.raises(SearchError, match=message):
        model.fit(DATA, callbacks=[Broken()], **HOW)
    assert len(model.trials()) == 3
    again = small.model(tmp_path, max_trials=4)
    again.fit(DATA, **HOW)
    assert list(again.trials()["status"]) == ["failed"] * 3 + ["complete"]


@pytest.mark.usefixtures("in_process")
def test_networks_that_the_runtime_cannot_run_count_as_failures(tmp_path):
    @contextmanager
    def prepared(self, model, input_shapes=None):
        raise not_convertible("onnx", ValueError("No Op registered for Bitcast"))
        yield

    model = small.model(tmp_path, max_trials=98)
    message = r"3 networks in a row cannot run; the last: .*onnx: .*Bitcast"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Instrument, "prepared", prepared)
        patch.setattr(stopping, "MAX_REFUSED", 3)
        with pytest.raises(SearchError, match=message):
            model.fit(DATA, **HOW)
    statuses = list(model.trials()["status"])
    assert set(statuses) == {"infeasible"}
    again = small.model(tmp_path, max_trials=1)
    again.fit(DATA, **HOW)
    assert list(again.trials()["status"]) == [*statuses, "complete"]


def test_networks_that_cannot_run_end_a_search_only_where_they_differ(tmp_path):
    """Users rely on: a space of which the runtime runs a part is searched."""

    def check(*networks):
        trials = []
        for number, network in enumerate(networks):
            kept = {"inference_fingerprint": network, "message": "no Bitcast"}
            kept |= {"cost": {"latency_ms": 1.0}} if network == "runs" else {}
            kept |= {} if network == "runs" else {"cannot_run": True}
            state = optuna.trial.TrialState.PRUNED
            made = optuna.trial.create_trial(state=state, user_attrs=kept)
            made.number = number
            trials.append(made)
        stopping.raise_if_all_fail_alike(trials, tmp_path)

    different = [str(n) for n in range(stopping.MAX_REFUSED)]
    check(*different[1:], *different[1:])
    check(*different[:5], "runs", *different[5:])
    for networks in (["runs", *different], ["0", "1"] * 25):
        with pytest.raises(SearchError, match="in a row cannot run; the last: no Bit"):
            check(*networks)


def test_failures_that_differ_or_follow_a_success_do_not_end_it(tmp_path):
    def trial(number, message):
        state = optuna.trial.TrialState.FAIL if message else None
        made = optuna.trial.create_trial(
            state=state or optuna.trial.TrialState.COMPLETE,
            value=None if message else 1.0,
            user_attrs={"message": message} if message else {},
        )
        made.number = number
        return made

    def check(*messages, earlier=0):
        trials = [trial(number, m) for number, m in enumerate(messages)]
        stopping.raise_if_all_fail_alike(trials, tmp_path, earlier)

    check("a", "a")
    check("a", "a", "b")
    check("", "a", "a", "a")
    check("a", "a", "a", "a", earlier=2)
    for messages in (("a", "a", "a"), ("b", "a", "a", "a")):
        with pytest.raises(SearchError, match="failed alike: a"):
            check(*messages)


@pytest.mark.usefixtures("in_process")
def test_other_constraints_of_a_resumed_search_are_told(tmp_path):
    small.model(tmp_path, max_trials=1).fit(DATA, **HOW)
    again = small.model(tmp_path, max_trials=1, constraints={"params": 100_000})
    with pytest.warns(AutoAI4EOWarning, match="no constraints, and goes on with the c"):
        again.fit(DATA, **HOW)
    two = {"constraints": {}, "objective": ["val_cohen_kappa", "params"]}
    with pytest.raises(UserError, match="expected the objective"):  # and no warning
        small.model(tmp_path, max_trials=1, **two).fit(DATA, **HOW)
    # the same constraints are no news
    small.model(tmp_path, max_trials=1, constraints={"params": 100_000}).fit(
        DATA, **HOW
    )


@pytest.mark.usefixtures("in_process")
def test_other_epochs_of_a_resumed_search_are_told(tmp_path):
    """Users rely on: they know that networks that are trained are not trained again."""
    small.model(tmp_path, max_trials=1).fit(DATA, **HOW)
    more = {**HOW, "epochs": HOW["epochs"] + 1}
    told = f"had epochs {HOW['epochs']}, and goes on with epochs {more['epochs']}: net"
    with pytest.warns(AutoAI4EOWarning, match=told):
        small.model(tmp_path, max_trials=1).fit(DATA, **more)
    small.model(tmp_path, max_trials=1).fit(DATA, **more)  # no news


def test_numbers_of_samples_that_differ_are_told():
    x = np.zeros((5, 8, 8, 4), "float32")
    with pytest.raises(UserError, match=r"found 4 labels and 5 images.*same samples"):
        ae.open_dataset(x, labels=np.arange(4))
    with pytest.raises(UserError, match="found 5 in a and 3 in b"):
        ae.open_dataset({"a": x, "b": x[:3]})


def test_channels_first_are_told_with_the_remedy():
    first = ae.open_dataset(np.zeros((5, 4, 32, 32), "float32"))
    (note,) = first.notes
    assert "4×32 pixels with 32 bands" in note
    assert "x.transpose(0, 2, 3, 1)" in note
    for shape in ((5, 32, 32, 4), (5, 32, 32, 32), (5, 32, 64, 4)):
        assert not ae.open_dataset(np.zeros(shape, "float32")).notes
