"""A segmenter with a pretrained trunk: trained, resumed, evaluated and exported."""

import json

import keras
import numpy as np
import pytest
import small_masks

import autoai4eo as ae
from autoai4eo import blocks
from autoai4eo.blocks.backbones.resnets import build_trunk
from autoai4eo.blocks.pretrained_weights.catalogue import Scaling
from autoai4eo.blocks.pretrained_weights.files import from_file
from autoai4eo.deploy import load_network

pytestmark = [
    pytest.mark.slow,
    pytest.mark.usefixtures("in_process"),
    pytest.mark.filterwarnings("ignore:masks. .*are ignored"),
    pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning"),
]


class Transferred(ae.ImageSegmenter):
    """Its trunk is always the pretrained one."""

    def _features(self):
        pyramid = blocks.FeaturePyramid(
            family="transfer", depth=1, levels=self._levels, weights=self.weights
        )(self.inputs)
        return blocks.FPNDecoder(channels=32, finest=2)(pyramid)[0]


def fitted(folder, trials):
    scaling = Scaling(None, (0.5,) * 4, (0.5,) * 4, (0.0,) * 4)
    path = folder / "trunk.weights.h5"
    weights = from_file(path, "resnet20", small_masks.BANDS, scaling)
    model = Transferred(
        weights=weights, directory=folder, project_name="run", max_trials=trials
    )
    data = [str(folder / f"{part}.h5") for part in ("train", "val")]
    model.fit(data[0], validation_data=data[1], epochs=1, batch_size=8, verbose=0)
    return model


def test_a_file_of_weights_is_used_from_fit_to_export(tmp_path):
    """Users rely on: `fit --weights NAME=FILE` makes networks like any other."""
    keras.utils.set_random_seed(0)
    build_trunk("resnet20", (32, 32, 4), "trunk").save_weights(
        tmp_path / "trunk.weights.h5"
    )
    small_masks.write(tmp_path / "train.h5", 8, size=32)
    small_masks.write(tmp_path / "val.h5", 8, seed=5, size=32)
    fitted(tmp_path, 1)
    model = fitted(tmp_path, 2)  # resumed
    trials = model.trials(all=True)
    assert list(trials["status"]) == ["complete", "complete"]
    network = load_network(model.run)
    assert any("transfer" in layer.name for layer in network.layers)
    # the file is no longer needed
    (tmp_path / "trunk.weights.h5").unlink()
    again = ae.open_run(model.run)
    scores = again.evaluate(str(tmp_path / "val.h5"))
    assert 0 <= scores["mean_iou"] <= 1 and "unet" in scores["references"]
    pixels = small_masks.dataset(tmp_path / "val.h5").read(np.arange(4))["sen2"]
    expected = network.predict(pixels, verbose=0)
    np.testing.assert_allclose(again.predict_proba(pixels), expected, atol=1e-6)
    again.export(tmp_path / "m.onnx", "onnx")
    told = json.loads((model.run / "run.json").read_text())["task"]["weights"]
    assert told["architecture"] == "resnet20"
