"""KerasTuner's oracles go on with searches of earlier versions."""

from toy_search import build, search


def unconditioned(hp):
    """As `build`, but every network has each hyperparameter."""
    hp.Float("x", -1, 1, default=0.5)
    hp.Boolean("more")
    hp.Choice("y", [1, 2, 3])
    return build(hp)


def conditioned(hp):
    hp.Float("x", -1, 1, default=0.5)
    if hp.Boolean("more"):
        with hp.conditional_scope("more", [True]):
            hp.Choice("y", [1, 2, 3])
    return build(hp)


def test_a_search_goes_on_where_hyperparameters_got_conditions(tmp_path):
    """greedy looked for the value of each in the best network, which has it no more."""
    storage = f"sqlite:///{tmp_path / 's.db'}"
    search("greedy", storage, 4, build=unconditioned)
    assert len(search("greedy", storage, 8, build=conditioned)) == 12
