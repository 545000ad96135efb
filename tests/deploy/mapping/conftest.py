"""A small network, beside it what it is made of, and a scene for it."""

import pytest
import scenes
from scenes import HEIGHT, WIDTH, WINDOW


@pytest.fixture(scope="module")
def network():
    return scenes.classifier(WINDOW)


@pytest.fixture(scope="module")
def model(tmp_path_factory, network):
    return scenes.save(network, tmp_path_factory.mktemp("model"))


@pytest.fixture(scope="module")
def pixels():
    return scenes.digits(HEIGHT, WIDTH)


@pytest.fixture(scope="module")
def scene(tmp_path_factory, pixels):
    return scenes.write_scene(tmp_path_factory.mktemp("scene") / "s.tif", pixels)
