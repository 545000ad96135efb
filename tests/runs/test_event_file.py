"""TensorBoard's own reader and HParams backend on a run's folder."""

import warnings
from types import SimpleNamespace

import pytest
import small

from autoai4eo.runs import event_file

pytestmark = pytest.mark.usefixtures("in_process")


@pytest.fixture(scope="module")
def searched(tmp_path_factory):
    model = small.model(
        tmp_path_factory.mktemp("tensorboard"),
        max_trials=2,
        constraints={"params": 1_000},
    )
    model.fit(
        small.dataset(), validation_data=small.dataset(seed=1), epochs=2, verbose=0
    )
    return model


@pytest.fixture(scope="module")
def plugin(searched):
    return shown(searched.run)


def shown(folder):
    """Returns what TensorBoard shows for a folder, without its server."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # TensorBoard's own
        from tensorboard.backend.event_processing import (
            data_provider,
            plugin_event_multiplexer,
        )
        from tensorboard.plugins import base_plugin
        from tensorboard.plugins.hparams import backend_context

        multiplexer = plugin_event_multiplexer.EventMultiplexer()
        multiplexer.AddRunsFromDirectory(str(folder))
        multiplexer.Reload()
        provider = data_provider.MultiplexerDataProvider(multiplexer, "")
        context = base_plugin.TBContext(data_provider=provider)
        return backend_context.Context(context), provider


def sessions(plugin):
    from tensorboard.context import RequestContext
    from tensorboard.plugins.hparams import api_pb2, list_session_groups

    context, _ = plugin
    asked = api_pb2.ListSessionGroupsRequest(
        start_index=0,
        slice_size=100,
        allowed_statuses=[api_pb2.STATUS_SUCCESS, api_pb2.STATUS_FAILURE],
    )
    handler = list_session_groups.Handler(RequestContext(), context, "", asked)
    return handler.run().session_groups


@pytest.mark.slow
def test_every_trial_is_a_session_of_hparams(searched, plugin):
    found = {group.name: group for group in sessions(plugin)}
    trials = searched.trials(all=True).set_index("trial")
    assert set(found) == {str(number) for number in trials.index}
    assert "complete" in set(trials["status"])
    for number, row in trials.iterrows():
        group = found[str(number)]
        assert group.hparams["status"].string_value == row["status"]
        width = next(v for n, v in group.hparams.items() if n.endswith("/width"))
        assert width.number_value == row[next(c for c in row.index if "/width" in c)]
        metrics = {m.name.tag: m.value for m in group.metric_values}
        assert metrics["params"] == row["params"]
        if row["status"] == "complete":
            expected = row["val_cohen_kappa"]
            assert metrics["val_cohen_kappa"] == pytest.approx(expected, abs=1e-6)


def test_learning_curves_are_scalars(searched, plugin):
    from tensorboard.context import RequestContext

    _, provider = plugin
    found = provider.read_scalars(
        RequestContext(), experiment_id="", plugin_name="scalars", downsample=100
    )
    trial = searched.trials(all=True).query("status == 'complete'")["trial"].iloc[0]
    steps = found[f"trials/{trial}"]["epoch/val_loss"]
    assert [point.step for point in steps] == [1, 2]


def test_a_failed_trial_is_a_session_too(tmp_path):
    choices = {"width": 8, "extra": None}
    trial = SimpleNamespace(number=7, user_attrs={"hyperparameters": choices})
    event_file.write(tmp_path, trial, 0.0, "failed")
    (group,) = sessions(shown(tmp_path))
    assert group.hparams["status"].string_value == "failed"
    assert "extra" not in group.hparams
