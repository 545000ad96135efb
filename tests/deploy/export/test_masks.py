"""An exported segmenter: a class for each pixel in every format, item and card."""

import json
import re

import numpy as np
import pystac
import pytest
import small_masks
from pystac.validation.stac_validator import JsonSchemaSTACValidator
from stac_model.schema import MLModelProperties

from autoai4eo import deploy
from autoai4eo.deploy.export import samples
from autoai4eo.errors import UserError

FORMATS = {
    "saved": "savedmodel",
    "m.keras": "keras",
    "m.onnx": "onnx",
    "m.tflite": "litert",
    "vino": "openvino",
}
pytestmark = pytest.mark.filterwarnings("ignore:masks")


@pytest.fixture(scope="module")
def folder(segmented, tmp_path_factory):
    """A folder with the finalist as ONNX."""
    folder = tmp_path_factory.mktemp("masks")
    deploy.export(segmented.run, folder / "m.onnx", "onnx")
    return folder


@pytest.mark.slow
def test_every_format_has_the_class_probabilities_of_each_pixel(segmented, tmp_path):
    """Users rely on: whatever the format, masks are those of Keras."""
    for name, format in FORMATS.items():
        done = deploy.export(segmented.run, tmp_path / name, format)
        assert done.max_difference <= done.tolerance, name
        assert done.checked_on.startswith("12 tiles of val.h5 (validation)")
        assert done.sample == "tile"
    validation = small_masks.dataset(segmented.directory / "val.h5")
    pixels = validation.read(np.arange(12))
    expected = segmented.predict_proba(validation)
    for name in ("m.onnx", "vino", "m.keras", "saved"):
        predictor = deploy.load_predictor(tmp_path / name, trust=True)
        assert predictor.target.kind == "mask"
        assert predictor.target.classes == small_masks.CLASSES
        found = predictor.predict(pixels)
        np.testing.assert_allclose(found, expected, atol=1e-3)


def test_the_item_describes_masks(folder):
    item = json.loads((folder / "model.json").read_text())
    JsonSchemaSTACValidator().validate_core(
        item, pystac.STACObjectType.ITEM, "1.1.0", None
    )
    model = MLModelProperties(**item["properties"])
    assert set(model.tasks) == {"semantic-segmentation"}
    (output,) = item["properties"]["mlm:output"]
    assert output["result"] == {
        "shape": [-1, 16, 16, 4],
        "dim_order": ["batch", "height", "width", "class"],
        "data_type": "float32",
    }
    assert output["tasks"] == ["semantic-segmentation"]
    metrics = item["properties"]["autoai4eo:metrics"]
    assert metrics["iou_by_class"].keys() == set(small_masks.CLASSES)
    assert metrics["iou_by_class"]["snow"] is None
    known = [v for v in metrics["iou_by_class"].values() if v is not None]
    assert metrics["mean_iou"]["value"] == pytest.approx(np.mean(known))
    assert "temperature" not in metrics
    confusion = metrics["confusion_matrix"]
    counts = np.array(confusion["counts"])
    assert (confusion["rows"], confusion["columns"]) == ("truth", "prediction")
    assert counts.shape == (4, 4) and counts[3].sum() == 0  # there is no snow
    right = counts.trace() / counts.sum()
    assert metrics["accuracy"]["value"] == pytest.approx(right)
    item["properties"]["mlm:output"][0]["tasks"] = ["segmentation of pixels"]
    with pytest.raises(ValueError, match="tasks"):
        MLModelProperties(**item["properties"])


def test_the_card_speaks_of_tiles_and_pixels(folder):
    card = (folder / "MODEL_CARD.md").read_text()
    assert "assigns each pixel of a tile to one of 4 classes" in card
    assert "16 × 16 × 4" in card and "24 tiles" in card
    assert "| snow | not measured |" in card
    item = json.loads((folder / "model.json").read_text())
    counts = item["properties"]["autoai4eo:metrics"]["confusion_matrix"]["counts"]
    row = " | ".join(f"{count:,}" for count in counts[0])
    assert "Confusion of pixels; rows: truth, columns: prediction." in card
    assert f"| {small_masks.CLASSES[0]} | {row} |" in card
    assert re.search(r"\| water \| 0\.\d{3} \|", card)
    assert "mean intersection over union" in card
    for word in ("patch", "temperature", "calibration (whether"):
        assert word not in card, word
    blocks = re.findall(r"```python\n(.*?)```", card, re.DOTALL)
    onnx = next(code for code in blocks if "onnxruntime" in code)
    found = {}
    exec(onnx.replace("'m.onnx'", repr(str(folder / "m.onnx"))), found)
    assert found["probabilities"].shape == (1, 16, 16, 4)


def test_masks_have_no_temperature(segmented, tmp_path):
    with pytest.raises(UserError, match="target mask, which has no temperature"):
        deploy.export(segmented.run, tmp_path / "m.keras", "keras", calibrated=True)


def test_large_masks_are_compared_in_parts(segmented, monkeypatch):
    """Users rely on: an export of large tiles does not run out of memory."""
    model = segmented.export_model()
    assert samples.at_once(model) == 64
    monkeypatch.setattr(samples, "_BYTES", 4 * 16 * 16 * 4 * 5)
    assert samples.at_once(model) == 5
    monkeypatch.setattr(samples, "_PIXELS", 16 * 16 * 7)
    known = json.loads((segmented.run / "run.json").read_text())
    part = samples.find(known, "validation", model, {}, samples.JUDGED)
    assert len(part.rows) == 7 and part.told == "7 tiles of val.h5 (validation)"
    pixels, truth = next(part.blocks(5))
    assert pixels["sen2"].shape == (5, 16, 16, 4)
    assert (truth.shape, truth.dtype) == ((5, 16, 16), np.int16)
