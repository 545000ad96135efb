"""A segmenter stands beside a U-Net of its size, trained as long."""

import json

import pytest
import small_masks

from autoai4eo.runs.folder import Run
from autoai4eo.runs.soundness import findings
from autoai4eo.tasks import unet_reference

pytestmark = pytest.mark.filterwarnings("ignore:masks. .*are ignored")


class Widened(small_masks.TinySegmenter):
    """A search with references, of three epochs."""

    def again(self, **how):
        self.fit(
            str(self.directory / "train.h5"),
            validation_data=str(self.directory / "val.h5"),
            references=True,
            epochs=3,
            batch_size=4,
            verbose=0,
            **how,
        )


@pytest.fixture(scope="module")
def fitted(tmp_path_factory):
    folder = tmp_path_factory.mktemp("unet")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(small_masks, "TinySegmenter", Widened)
        model = small_masks.searched(folder, max_trials=2)
    model.again()
    return model


@pytest.mark.slow
def test_it_is_as_large_and_trained_as_long_as_the_finalist(fitted):
    record = Run(fitted.run).read_references()
    unet = record["unet"]
    evaluation = Run(fitted.run).read_evaluation()
    cost = fitted.trials().set_index("trial").loc[evaluation["trial"]]
    assert unet["wanted_params"] == cost["params"]
    # three of its trial and three more, whichever of them was the best
    assert [phase["epochs"] for phase in evaluation["phases"]] == [3, 3]
    assert unet["epochs"] == 6
    # one convolution is smaller than any U-Net
    assert unet["width"] == 1 and unet["params"] > unet["wanted_params"]
    assert set(record["scores"]) == {"majority", "pixel_trees", "unet"}
    found = evaluation["references"]["unet"]
    assert found["confusion_matrix"] == record["scores"]["unet"]["confusion_matrix"]


@pytest.mark.slow
def test_further_data_are_scored_with_the_same_network(fitted, monkeypatch):
    monkeypatch.setattr(unet_reference, "train_network", None)
    again = fitted.evaluate(str(fitted.directory / "val.h5"))
    assert 0 <= again["references"]["unet"]["mean_iou"] <= 1
    fitted.again()  # trains no second one


@pytest.mark.slow
def test_another_finalist_gets_a_unet_of_its_own(fitted, capsys):
    """Users rely on: the run compares its finalist with a network of its size."""
    before = Run(fitted.run).read_references()["unet"]
    trials = fitted.trials().set_index("trial")
    (other,) = set(trials.index) - {Run(fitted.run).read_evaluation()["trial"]}
    fitted.select(trial=int(other))
    unet = Run(fitted.run).read_references()["unet"]
    assert unet["wanted_params"] == trials["params"][other] != before["wanted_params"]
    assert unet["network"] != before["network"] and findings(fitted.run) == []
    assert "unet" in Run(fitted.run).read_evaluation()["references"]
    assert "reference U-Net: " in capsys.readouterr().out


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # of the damage: it is set aside
def test_a_damaged_one_is_told_and_made_again(fitted):
    path = fitted.run / "references.keras"
    path.write_bytes(path.read_bytes()[:100])
    (found,) = findings(fitted.run)
    assert found.path == path and "the U-Net among the references" in found.problem
    fitted.again()
    assert findings(fitted.run) == []
    assert (fitted.run / "references.keras.damaged").is_file()


@pytest.mark.slow
def test_a_finalist_that_is_a_unet_needs_none(fitted, monkeypatch):
    monkeypatch.setattr(unet_reference, "_is_unet", lambda values: True)
    path = Run(fitted.run).references
    record = json.loads(path.read_text())
    del record["unet"], record["scores"]["unet"], record["fitted"]["unet"]
    path.write_text(json.dumps(record))
    fitted.again()
    assert "unet" not in Run(fitted.run).read_references()["scores"]


@pytest.mark.parametrize(
    ("kept", "trial", "epochs"),
    [
        (
            {
                "trained_on": "training",
                "epochs": 6,
                "phases": [
                    {"training": "trial 0", "epochs": 4, "kept": 3},
                    {"training": "further training", "epochs": 5, "kept": 3},
                ],
            },
            {"epochs": 4},
            9,
        ),
        # of earlier versions: epochs of the last training
        ({"trained_on": "training", "epochs": 5}, {"epochs": 4}, 9),
        # judged is the trial's network
        ({"trained_on": "training and validation", "epochs": 5}, {"epochs": 4}, 4),
        # a candidate that was trained in full after a cheaper training
        ({"trained_on": "training", "epochs": 4}, {"epochs": 4, "retrains": 0}, 4),
        (
            {"trained_on": "training", "epochs": 30, "final_epochs": 30},
            {"epochs": 4, "retrains": 0},
            34,
        ),
    ],
)
def test_epochs_are_those_of_the_network_that_is_judged(kept, trial, epochs):
    from autoai4eo.runs.trials import FULL_TRAINING_OF

    trial = {FULL_TRAINING_OF if n == "retrains" else n: v for n, v in trial.items()}
    assert unet_reference._epochs(kept, trial) == epochs


def test_a_unet_is_told_by_its_decoder_and_trunk():
    chosen = {"feature_pyramid_1/family": "residual", "decoder_block_1/decoder": "unet"}
    assert unet_reference._is_unet(chosen)
    assert not unet_reference._is_unet({**chosen, "decoder_block_1/decoder": "fpn"})
    assert not unet_reference._is_unet(
        {**chosen, "feature_pyramid_1/family": "compact"}
    )
    assert not unet_reference._is_unet({})
