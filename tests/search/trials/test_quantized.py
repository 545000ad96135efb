"""Candidates are scored as the runtime of deployment computes."""

import numpy as np
import pytest
import small

from autoai4eo.errors import UserError
from autoai4eo.runs.study import open_study
from autoai4eo.search.settings import SearchSettings

DATA = small.dataset()
pytestmark = pytest.mark.usefixtures("in_process")


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:.*these are the training data")
def test_scores_are_those_of_the_quantised_network(tmp_path, monkeypatch):
    """Users rely on: the kappa of a trial is that of the int8 network."""
    from autoai4eo.runtimes.litert import LiteRT

    load, seen = LiteRT.load, []

    def first_class(self, file, precision="float32", threads=None):
        """As the network, but half of the samples are called the first class."""
        run = load(self, file, precision, threads)

        def called(pixels):
            found = run(pixels)
            if len(found) > 16:  # validation, not the comparison with Keras
                seen.append(precision)
                found[::2] = np.eye(small.CLASSES, dtype="float32")[0]
            return found

        return called

    monkeypatch.setattr(LiteRT, "load", first_class)
    model = small.model(
        tmp_path,
        max_trials=1,
        runtime="litert",
        precision="int8",
        judge_quantized=True,
    )
    model.fit(DATA, validation_data=small.dataset(seed=1), epochs=15, verbose=0)
    (trial,) = open_study(model.run).trials
    kept = trial.user_attrs
    assert set(seen) == {"int8"}
    assert kept["float32_metrics"]["val_cohen_kappa"] > 0.9
    assert kept["metrics"]["val_cohen_kappa"] < 0.8
    assert kept["metrics"]["val_loss"] == kept["float32_metrics"]["val_loss"]
    assert model.trials()["val_cohen_kappa"][0] == kept["metrics"]["val_cohen_kappa"]
    # the finalist is the network in float32
    assert model.evaluate(DATA)["cohen_kappa"] > 0.9


def test_a_precision_is_needed():
    with pytest.raises(UserError, match="judge_quantized: expected a precision"):
        SearchSettings(judge_quantized=True)
    with pytest.raises(UserError, match="judge_quantized: expected a precision"):
        SearchSettings(judge_quantized=True, precision="float32")
