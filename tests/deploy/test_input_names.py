"""Inputs that no format could hold under their own names: fitted, then exported."""

import numpy as np
import pytest
import small

import autoai4eo as ae

pytestmark = pytest.mark.usefixtures("checked_here")


@pytest.fixture(scope="module")
def fitted(tmp_path_factory):
    def arrays(seed):
        plain = small.dataset(seed=seed)
        pixels = plain.read(np.arange(len(plain)))["sen2"]
        return {"_S2/summer 2017": pixels}, plain.labels

    node = ae.ImageInput("S2_summer_2017")
    head = ae.blocks.PooledHead(pooling="average", dropout=0.0)
    model = ae.AutoModel(
        node,
        head(small.TinyBlock()(node)),
        directory=tmp_path_factory.mktemp("names"),
        project_name="run",
        max_trials=1,
        seed=0,
        tuner="random",
    )
    x, y = arrays(0)
    with (
        small.in_this_process(),
        pytest.warns(UserWarning, match="is called S2_summer"),
    ):
        how = {"epochs": 1, "references": False, "verbose": 0}
        model.fit(x, y, validation_data=arrays(1), **how)
    return model, x


@pytest.mark.parametrize("name", ["saved", "m.keras", "m.onnx", "m.tflite", "vino"])
def test_it_is_exported_in_every_format(fitted, tmp_path, name):
    model, x = fitted
    format, _ = small.EXPORTS[name]
    assert model.export(tmp_path / name, format).exists()
    folder = tmp_path / name if name in small.FOLDERS else tmp_path
    assert "`S2_summer_2017`" in (folder / "MODEL_CARD.md").read_text()
    with pytest.warns(UserWarning, match="is called S2_summer"):
        assert model.predict_proba(x).shape == (48, 3)
