import json
import re
import shutil
import subprocess
import sys

import jsonschema
import numpy as np
import pystac
import pytest
from pystac.validation.stac_validator import JsonSchemaSTACValidator
from small import EXPORTS, FOLDERS
from stac_model.schema import MLModelExtension, MLModelProperties

import autoai4eo as ae
from autoai4eo import deploy
from autoai4eo.deploy.export import card as model_card
from autoai4eo.deploy.export.scores import scores_on_other_data
from autoai4eo.learning.verdict import resampled, verdict
from autoai4eo.runs import ensembles, evaluations
from autoai4eo.runs.data_record import SYNTHETIC
from autoai4eo.runs.folder import Run
from autoai4eo.runs.network_id import finalist_in


@pytest.fixture
def item(exported):
    return json.loads((exported.folder / "model.json").read_text())


def valid(item):
    """By STAC's own schema, which pystac brings, and by the MLM extension's package."""
    JsonSchemaSTACValidator().validate_core(
        item, pystac.STACObjectType.ITEM, "1.1.0", None
    )
    read = pystac.Item.from_dict(item)
    assert MLModelExtension.has_extension(read)
    return MLModelProperties(**read.properties)


def test_it_is_a_stac_item_with_the_mlm_extension(exported, item):
    model = valid(item)
    assert [given.name for given in model.input] == ["sen1", "sen2"]
    assert model.input[1].bands[:2] == ["B02", "B03"]
    assert model.input[1].input.shape == [-1, 32, 32, 10]
    assert model.output[0].classes[16].to_dict()["value"] == 17
    inside = json.loads((exported.folder / "saved" / "model.json").read_text())
    valid(inside)
    assert list(inside["assets"]) == ["saved"]


def test_the_validator_refuses_other_items(item):
    del item["properties"]["mlm:input"]
    with pytest.raises(ValueError, match="mlm:input"):
        valid(item)
    item["stac_version"] = 1
    with pytest.raises((pystac.STACValidationError, jsonschema.ValidationError)):
        valid(item)


def test_every_format_of_a_network_is_an_asset(item):
    files = [name for name in EXPORTS if name not in FOLDERS]
    assert list(item["assets"]) == files
    for name in files:
        asset = item["assets"][name]
        assert "mlm:model" in asset["roles"] and asset["mlm:artifact_type"]
        assert asset["href"] == f"./{name}"
        assert asset["autoai4eo:max_difference"] <= asset["autoai4eo:tolerance"]


def test_the_few_fields_suffice_to_know_the_model(run, item):
    properties = item["properties"]
    known = json.loads((run / "run.json").read_text())["data"]["training"]
    assert {g["name"]: g["bands"] for g in properties["mlm:input"]} == {
        s["name"]: s["bands"] for s in known["inputs"]
    }
    (output,) = properties["mlm:output"]
    assert [(c["value"], c["name"]) for c in output["classification:classes"]] == list(
        enumerate(known["classes"], 1)
    )
    assert properties["autoai4eo:training_data"]["fingerprint"] == known["fingerprint"]
    assert properties["autoai4eo:latency"]["milliseconds"] > 0


@pytest.mark.parametrize("name", ["m.onnx", "m8.tflite"])
def test_the_code_of_the_card_runs(exported, code, name):
    card = (exported.folder / "MODEL_CARD.md").read_text()
    assert code(card).keys() == EXPORTS.keys() - set(FOLDERS)
    script = code(card)[name] + "\nprint(probabilities.shape)"
    done = subprocess.run(
        [sys.executable, "-I", "-c", script],
        cwd=exported.folder,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == "(1, 17)"


def test_the_card_tells_intervals_calibration_and_limits(run, tmp_path):
    copy = shutil.copytree(run, tmp_path / "run")
    known = json.loads((copy / "run.json").read_text())
    for spec in known["data"]["training"]["inputs"]:
        spec["level"] = "L2A"
    known["arguments"]["map_step"] = 10
    (copy / "run.json").write_text(json.dumps(known))
    path = copy / "best" / "evaluation.json"
    more = {
        "accuracy": 0.8124,
        "intervals": {"accuracy": [0.7321, 0.8765]},
        "resampled_by": "sample",
        "expected_calibration_error": 0.0456,
        "absent_classes": ["water"],
        "confusion_matrix": np.diag(np.arange(17) * 100).tolist(),
    }
    path.write_text(json.dumps({**json.loads(path.read_text()), **more}))
    deploy.export(copy, tmp_path / "m.onnx", "onnx")
    card = (tmp_path / "MODEL_CARD.md").read_text()
    for words in (
        "| overall accuracy | 0.812 | 0.732 to 0.876 |",
        "| expected calibration error | 0.046 | not measured |",
        "were of processing level L2A",
        "which are not measured there: water",
        "neighbours are not",
        "Confusion of patches; rows: truth, columns: prediction.",
        "| 1,600 |",
    ):
        assert words in card
    kept = json.loads(path.read_text())
    trees = kept["references"]["trees"]["cohen_kappa"]
    row = f"| boosted trees on band statistics | Cohen's kappa | {trees:.3f} |"
    assert f"**{SYNTHETIC}**" in card  # as the files say
    told = re.split("References on the same data|Intervals are", card)
    labels = [set(re.findall(r"\| ([^|]*) \| -?\d[^|]* \|", part)) for part in told[:2]]
    assert labels[1] - labels[0] == set() and "macro F1" in labels[1]
    assert row in card and verdict(kept["against_reference"], "validation") in card
    told = json.loads((tmp_path / "model.json").read_text())["properties"]
    assert (told["autoai4eo:level"], told["autoai4eo:map_step"]) == ("L2A", 10)


def test_the_card_tells_scores_in_their_own_digits(item):
    """An RMSE of small values is not 0.000, and a kappa of chance is not -0.000."""
    scores = {
        "rmse": {"value": 3e-5, "interval_95": [2e-5, 4e-5]},
        "cohen_kappa": {"value": -2e-16, "interval_95": []},
    }
    data = {"path": "a.h5", "samples": 3, "fingerprint": "f"}
    one = {"data": data, "evaluated": "2026-11-28", "metrics": scores}
    properties = {**item["properties"], "autoai4eo:evaluations": [one]}
    written = model_card.render({**item, "properties": properties})
    assert "| 3e-05 | 2e-05 to 4e-05 |" in written
    assert "| Cohen's kappa | 0.000 | not measured |" in written


def test_the_verdict_on_unseen_data_stands_first(run, item, so2sat, tmp_path):
    """Users rely on: the kinder one on the validation data is not all they read."""
    copy = shutil.copytree(run, tmp_path / "run")
    kept = Run(copy).read_evaluation()
    against = {**kept["against_reference"], "difference": -0.1, "interval": [-0.2, 0]}
    scores = {**kept, "against_reference": against}
    for part in ("validation", "testing"):
        data = ae.open_dataset(so2sat / f"{part}.h5")
        evaluations.keep(copy, data, scores, None, kept)
    (one,) = scores_on_other_data(copy, None, finalist_in(kept), kept, False)
    (other,) = scores_on_other_data(copy, None, finalist_in(kept), kept, True)
    # a calibrated network has another calibration, which was not measured
    assert one["metrics"].keys() - other["metrics"] == {"expected_calibration_error"}
    assert one["verdict"] == verdict(against, "testing.h5")
    properties = {**item["properties"], "autoai4eo:evaluations": [one]}
    written = model_card.render({**item, "properties": properties})
    (told, later) = re.findall("The network is .* data", written)
    assert told.startswith("The network is not better than boosted trees")
    assert told.endswith("on the testing.h5 data")
    assert later.endswith("on the validation data")
    trees = one["references"]["boosted trees on band statistics"]["cohen_kappa"]
    row = f"| boosted trees on band statistics | Cohen's kappa | {trees:.3f} |"
    assert written.count(row) == 2


def test_the_card_of_an_ensemble_has_the_same_scores_as_that_of_a_finalist(
    run, tmp_path
):
    copy = shutil.copytree(run, tmp_path / "run")
    kept = json.loads((copy / "best" / "evaluation.json").read_text())
    names = ("intervals", "references", "against_reference", "resampled_by")
    names += ("resampled_groups", "expected_calibration_error")
    ensembles.add(
        copy,
        lambda path: shutil.copy(copy / "best" / "model.keras", path),
        members={kept["trial"]: 1},
        metrics=kept["metrics"],
        cost=json.loads(
            (copy / "trials" / str(kept["trial"]) / "cost.json").read_text()
        ),
        summed={},
        limits={},
        size=1,
        chosen_by="val_cohen_kappa",
        epochs=kept["epochs"],
        scores={name: kept[name] for name in names},
    )
    deploy.export(copy, tmp_path / "m.onnx", "onnx", trial="ensemble-0")
    card = (tmp_path / "MODEL_CARD.md").read_text()
    low, high = kept["intervals"]["cohen_kappa"]
    trees = kept["references"]["trees"]["cohen_kappa"]
    over = resampled(kept)
    assert over.startswith("over ")
    for words in (
        f"| {low:.3f} to {high:.3f} |",
        f"| boosted trees on band statistics | Cohen's kappa | {trees:.3f} |",
        f"Intervals are by bootstrap {over}",
        "its members were chosen by the validation data",
        verdict(kept["against_reference"], "validation"),
    ):
        assert words in card
    (unknown,) = re.findall(".*not measured \\|", card)
    assert "calibration" in unknown  # has no interval anywhere


def test_of_a_finalist_trained_on_everything_the_scores_are_its_trials(run, tmp_path):
    copy = shutil.copytree(run, tmp_path / "run")
    path = copy / "best" / "evaluation.json"
    kept = json.loads(path.read_text())
    kept["trained_on"] = "training and validation"
    path.write_text(json.dumps({**kept, "metrics": {"accuracy": 0.99}}))
    deploy.export(copy, tmp_path / "m.onnx", "onnx")
    card = (tmp_path / "MODEL_CARD.md").read_text()
    assert "of the same architecture trained on the training data alone" in card
    assert "and the validation data with them" in card and "0.99" not in card
