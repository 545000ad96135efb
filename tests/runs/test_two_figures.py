"""Why the finalist and its trial have the figures that they have."""

from autoai4eo.learning.objectives import DEFAULTS
from autoai4eo.runs.two_figures import two_figures

SCORES = {"val_cohen_kappa": 0.3918}
TRIAL = {"training": "trial 6", "epochs": 3, "kept": 3, "best": 0.3918}


def told(*phases):
    evaluation = {
        "trial": 6,
        "trained_on": "training",
        "metrics": SCORES,
        "epochs": 3,
        "phases": [TRIAL, *phases],
    }
    return two_figures(evaluation, SCORES, [DEFAULTS["class"]])


def test_a_training_that_did_not_happen_is_not_told():
    """Users rely on: with a proxy, the full training of a trial is the last one."""
    assert "training did not improve" not in told()
    assert told().endswith(
        "trial 6 in the search and of the finalist, whose network it is."
    )


def test_a_further_training_without_a_gain_is_told():
    further = {"training": "further training", "epochs": 4, "kept": 0, "best": 0.38}
    assert "as further training, which reached 0.3800, did not improve it" in told(
        further
    )
