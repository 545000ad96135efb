"""Where models may lie."""

import pytest

from autoai4eo import deploy
from autoai4eo.errors import UserError


@pytest.mark.parametrize(
    ("name", "file"),
    [
        ("m.onnx", ""),
        ("m.tflite", ""),
        ("saved", "saved_model.pb"),
        ("vino", "network.xml"),
    ],
)
def test_a_path_that_no_runtime_can_open_is_told(name, file, tmp_path):
    """Before, the file was called damaged, to be exported again."""
    model = tmp_path / "l\udce4n" / name
    (model / file).parent.mkdir(parents=True)
    (model / file).write_bytes(b"a network")
    with pytest.raises(UserError, match="expected a path in UTF-8"):
        deploy.load_predictor(model, trust=True)
