import dataclasses
import json
import os

import h5py
import keras
import numpy as np
import pytest
from keras.src.legacy.saving import legacy_h5_format
from keras.src.utils import file_utils

from autoai4eo.blocks.backbones.resnets import build_classifier
from autoai4eo.blocks.pretrained_weights import files
from autoai4eo.blocks.pretrained_weights.catalogue import (
    CATALOGUE,
    Weights,
    find_weights,
    standardised,
)
from autoai4eo.data.sensors import SENTINEL2, unknown_bands
from autoai4eo.errors import UserError

# Keras itself calls what NumPy deprecates.
pytestmark = pytest.mark.filterwarnings(
    "ignore:__array__ implementation:DeprecationWarning"
)
S2 = "S2_RESNET20_BS16_LR2e-4_IN32-32-10_PRO-52-0R12_2019-06-27.h5"
S1 = "S1_RESNET20_BS32_LR1e-4_IN32-32-7_PRO52A-R10-GLOBAL_2019-06-22.h5"


def save_legacy(model, path):
    """A weight file as Keras 2 wrote it."""
    with h5py.File(path, "w") as file:
        legacy_h5_format.save_weights_to_hdf5_group(file, model)


def scrambled(model, seed=0):
    rng = np.random.default_rng(seed)
    for layer in model.layers:
        layer.set_weights(
            [rng.uniform(0.1, 1, a.shape) * 0.2 for a in layer.get_weights()]
        )
    return model


@pytest.fixture(scope="module")
def classifier():
    return scrambled(build_classifier("resnet20", (32, 32, 4), 5, "net"))


@pytest.fixture(scope="module")
def trunk(classifier):
    return keras.Model(classifier.input, classifier.layers[-3].output)


def assert_same_layers(layers, model):
    own = {n.name: n.get_weights() for n in model.layers if n.weights}
    own.pop("predictions", None)
    assert layers.keys() == own.keys()
    for name, arrays in own.items():
        for a, b in zip(layers[name], arrays, strict=True):
            np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("name", ["net.h5", "net.weights.h5"])
@pytest.mark.parametrize("top", [False, True])
def test_a_keras_weight_file_loads_with_and_without_its_top(
    name, top, classifier, trunk, tmp_path
):
    model, path = classifier if top else trunk, tmp_path / name
    if name.endswith(".weights.h5"):
        model.save_weights(path)
    else:
        save_legacy(model, path)
    record = files.from_file(path, "resnet20", ["B2", "B3", "B4", "B8"])
    assert [b.name for b in record.bands] == ["B02", "B03", "B04", "B08"]
    assert_same_layers(files.load_layers(record), classifier)
    if top:
        pixels = np.random.default_rng(1).normal(size=(2, 32, 32, 4)).astype("float32")
        loaded = files.load_classifier(record)
        np.testing.assert_allclose(loaded(pixels), classifier(pixels), atol=1e-6)
    else:
        with pytest.raises(UserError, match="with their own top"):
            files.load_classifier(record)


def test_a_file_is_read_once_until_it_changes(classifier, tmp_path, monkeypatch):
    path = tmp_path / "net.weights.h5"
    classifier.save_weights(path)
    record = files.from_file(path, "resnet20", unknown_bands(4))
    first = files.load_layers(record)
    read, reads = files._read_file, []
    monkeypatch.setattr(
        files, "_read_file", lambda *args: reads.append(args) or read(*args)
    )
    assert files.load_layers(record) is first
    assert not reads
    os.utime(path, (1, 1))
    files.load_layers(record)
    assert len(reads) == 1


def test_imagenet_goes_through_the_download_of_keras(tmp_path, monkeypatch):
    theirs = keras.applications.ResNet50(
        include_top=False, weights=None, input_shape=(32, 32, 3)
    )
    path = tmp_path / "resnet50_notop.h5"
    save_legacy(theirs, path)
    asked = []

    def get_file(name, origin, **options):
        asked.append((origin, options["file_hash"]))
        return str(path)

    monkeypatch.setattr(file_utils, "get_file", get_file)
    record = find_weights("imagenet-resnet50")
    # What is kept in memory has another test's file, or none, behind it.
    files._load_layers.cache_clear()
    assert_same_layers(files.load_layers(record), theirs)
    files._load_layers.cache_clear()
    assert asked == [
        (
            f"{record.url}resnet50_weights_tf_dim_ordering_tf_kernels_notop.h5",
            "4d473c1dd8becc155b73f8504c6f6626",
        )
    ]
    local = find_weights("imagenet-resnet50", path)
    assert_same_layers(files.load_layers(local), theirs)
    assert len(asked) == 1


def test_imagenet_that_cannot_be_downloaded_says_what_to_do(monkeypatch):
    def get_file(*args, **options):
        raise Exception("URL fetch failure on …: None -- no network")

    monkeypatch.setattr(file_utils, "get_file", get_file)
    with pytest.raises(UserError, match=r"no network.*find_weights\('imagenet-resnet5"):
        files.load_layers(find_weights("imagenet-resnet50"))
    with pytest.raises(UserError, match="with their own top"):
        files.load_classifier(find_weights("imagenet-resnet50"))


def test_a_catalogued_file_is_looked_for_in_the_cache_then_downloaded(
    tmp_path, monkeypatch
):
    record = find_weights("lcz42-resnet20-s2")
    monkeypatch.setenv(files.CACHE_VARIABLE, str(tmp_path))
    asked = []

    def get_file(name, origin, **options):
        asked.append((name, origin, options["file_hash"]))
        (options["cache_dir"] / name).touch()
        return str(options["cache_dir"] / name)

    monkeypatch.setattr(keras.utils, "get_file", get_file)
    assert files.locate(record) == tmp_path / S2
    assert asked == [(S2, record.url, record.sha256)]
    assert files.locate(record) == tmp_path / S2
    assert len(asked) == 1
    other = tmp_path / "mine.h5"
    other.touch()
    assert files.locate(find_weights(record.name, other)) == other
    assert len(asked) == 1


def test_a_missing_file_says_where_to_put_it(tmp_path, monkeypatch):
    monkeypatch.setenv(files.CACHE_VARIABLE, str(tmp_path / "weights"))

    def get_file(*args, **options):
        raise Exception("URL fetch failure")

    monkeypatch.setattr(keras.utils, "get_file", get_file)
    with pytest.raises(UserError, match=f"{tmp_path}/weights/{S2}.*put the file there"):
        files.locate(find_weights("lcz42-resnet20-s2"))


def test_the_default_cache_is_the_users(monkeypatch):
    monkeypatch.delenv(files.CACHE_VARIABLE, raising=False)
    monkeypatch.setenv("HOME", "/home/someone")
    assert str(files.cache_folder()) == "/home/someone/.cache/autoai4eo"


@pytest.mark.parametrize("record", CATALOGUE.values(), ids=lambda r: r.name)
def test_records_are_whole_and_survive_json(record):
    assert Weights.from_dict(json.loads(json.dumps(record.to_dict()))) == record
    scaling = record.scaling
    counts = {len(record.bands), len(scaling.mean), len(scaling.std)}
    assert counts == {len(scaling.shift)}
    assert record.licence.startswith("MIT")
    assert hash(record)


def test_bad_files_are_reported_in_one_line(classifier, tmp_path):
    text = tmp_path / "text.h5"
    text.write_text("no weights")
    four = tmp_path / "four.weights.h5"
    classifier.save_weights(four)
    legacy = tmp_path / "legacy.h5"
    save_legacy(classifier, legacy)
    for path, architecture, bands in (
        (text, "resnet20", 4),
        (four, "resnet20", 10),
        (four, "resnet18", 4),
        (legacy, "resnet20", 10),
    ):
        record = files.from_file(path, architecture, unknown_bands(bands))
        with pytest.raises(UserError, match=f"{path.name}.*{bands} bands") as error:
            files.load_layers(record)
        assert "\n" not in str(error.value)
    with pytest.raises(UserError, match="found no such file"):
        files.from_file(tmp_path / "none.h5", "resnet20", ["B02"])
    with pytest.raises(UserError, match="expected the scaling of 2 bands"):
        files.from_file(four, "resnet20", ["B02", "B03"], standardised(3))
    with pytest.raises(UserError, match="found neither"):
        files.locate(dataclasses.replace(CATALOGUE["lcz42-resnet20-s1"], url=None))
    with pytest.raises(UserError, match=r"lcz42-resnet20-s2.*'imagenet'"):
        find_weights("imagenet")


@pytest.mark.parametrize(
    ("name", "file"), [("lcz42-resnet20-s2", S2), ("lcz42-resnet20-s1", S1)]
)
def test_the_so2sat_projects_files_load(name, file, shared):
    record = find_weights(name, shared / "lcz_weights" / file)
    model = files.load_classifier(record)
    assert model.output_shape == (None, 17)
    assert model.input_shape == (None, 32, 32, len(record.bands))
    assert (
        file_utils.hash_file(files.locate(record), algorithm="sha256") == record.sha256
    )


def test_lcz42_weights_map_a_real_scene(shared):
    """The figures of the data's README, on every 20th pixel instead of every 10th.

    All 2,401 windows, 10 pixels apart, give 613 water, 1,211 low plants, mean
    confidence 0.8366; these 625 take a quarter of the time.
    """
    rasterio = pytest.importorskip("rasterio")
    record = find_weights("lcz42-resnet20-s2", shared / "lcz_weights" / S2)
    names = [b.name for b in SENTINEL2.bands]
    with rasterio.open(shared / "scenes" / "Spain_7370579_S2Hand.tif") as scene:
        pixels = scene.read([names.index(b.name) + 1 for b in record.bands])
    reflectance = pixels.astype("float32") / 10_000
    windows = np.lib.stride_tricks.sliding_window_view(
        reflectance, (32, 32), axis=(1, 2)
    )[:, ::20, ::20]
    patches = windows.transpose(1, 2, 3, 4, 0).reshape(-1, 32, 32, 10)
    assert len(patches) == 625
    answers = files.load_classifier(record).predict(patches, batch_size=125, verbose=0)
    labels = np.bincount(answers.argmax(axis=1), minlength=17)
    assert (labels[16], labels[13]) == (164, 311)
    assert answers.max(axis=1).mean() == pytest.approx(0.8401, abs=1e-3)
