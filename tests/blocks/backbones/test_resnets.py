import numpy as np
import pytest

from autoai4eo.blocks.backbones.resnets import (
    ARCHITECTURES,
    build_classifier,
    build_trunk,
)
from autoai4eo.errors import UserError


def trained(model):
    return sum(int(np.prod(w.shape)) for w in model.trainable_weights)


@pytest.mark.parametrize(
    ("architecture", "bands", "parameters", "features"),
    # 18 and 34: torchvision's 11,689,512 and 21,797,672 less the 513,000 of its top.
    [("resnet18", 3, 11_176_512, 512), ("resnet34", 3, 21_284_672, 512)],
)
def test_parameters_are_those_of_the_literature(
    architecture, bands, parameters, features
):
    model = build_trunk(architecture, (64, 64, bands), "trunk")
    assert trained(model) == parameters
    assert model.output_shape == (None, 2, 2, features)


def test_resnet20_has_the_parameters_of_the_so2sat_project():
    model = build_classifier("resnet20", (32, 32, 10), 17, "lcz")
    assert model.count_params() == 576_897
    assert model.layers[-3].output.shape == (None, 8, 8, 256)


@pytest.mark.parametrize(
    # With 3 bands, as Keras states.
    ("architecture", "parameters"),
    [("resnet50", 23_587_712), ("resnet101", 42_658_176)],
)
def test_keras_resnets_take_any_bands_and_small_patches(architecture, parameters):
    model = build_trunk(architecture, (16, 16, 10), "trunk")
    assert model.input_shape == (None, 16, 16, 10)
    # 7 bands more in the first kernel
    assert model.count_params() == parameters + 7 * 7 * 7 * 64
    record = ARCHITECTURES[architecture]
    assert model.get_layer(record.first).kernel.shape == (7, 7, 10, 64)
    assert any(layer.name.startswith(record.last_stage) for layer in model.layers)


@pytest.mark.parametrize("architecture", ["resnet20", "resnet18"])
def test_first_and_last_stage_are_found_by_name(architecture):
    record = ARCHITECTURES[architecture]
    model = build_trunk(architecture, (32, 32, 4), "trunk")
    assert model.get_layer(record.first).kernel.shape[2] == 4
    last = [n for n in model.layers if n.name.startswith(record.last_stage)]
    assert last[-1] is model.layers[-1]
    assert 0 < sum(layer.count_params() for layer in last) < model.count_params()


def test_unknown_architecture_lists_the_known():
    with pytest.raises(UserError, match=r"resnet20, resnet18.*'resnet19'"):
        build_trunk("resnet19", (32, 32, 3), "trunk")
