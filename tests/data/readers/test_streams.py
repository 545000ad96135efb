"""Streams of batches, `tf.data.Dataset` and `keras.utils.PyDataset`, as data."""

import gc
import os
import pickle
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf

import autoai4eo as ae
from autoai4eo.data.readers.streams import in_arrays
from autoai4eo.errors import UserError
from autoai4eo.files import scratch
from autoai4eo.learning import evaluation

PIXELS = np.random.default_rng(0).normal(size=(20, 8, 9, 2)).astype("float32")
LABELS = np.arange(20) % 3
NAMES = np.array(["lake", "wood", "road"])[LABELS]
tensors = tf.data.Dataset.from_tensor_slices


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """Where temporary files are written."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


class Batches(keras.utils.PyDataset):
    """Batches of 7, the last of 6."""

    def __init__(self, *arrays, length=3):
        super().__init__()
        self.arrays, self.length = arrays, length

    def __len__(self):
        return self.length

    def __getitem__(self, i):
        if not 0 <= i < 3:
            raise IndexError(i)
        return tuple(array[7 * i : 7 * i + 7] for array in self.arrays)


class Ragged(Batches):
    """The second batch has smaller images."""

    def __getitem__(self, i):
        pixels, labels = super().__getitem__(i)
        return (pixels[:, :4] if i == 1 else pixels), labels


STREAMS = {
    "batches": lambda: tensors((PIXELS, LABELS)).batch(6),
    "samples": lambda: tensors((PIXELS, LABELS)),
    "tuples, as AutoKeras's tutorial": lambda: tensors(((PIXELS,), (LABELS,))),
    "names of inputs": lambda: tensors(({"image": PIXELS}, LABELS)).batch(6),
    "one-hot": lambda: tensors((PIXELS, np.eye(3)[LABELS])),
    "doubles": lambda: tensors((PIXELS.astype("float64"), LABELS)),
    "text": lambda: tensors((PIXELS, NAMES)).batch(6),
    "a generator": lambda: tf.data.Dataset.from_generator(
        lambda: zip(PIXELS, LABELS, strict=True),
        output_signature=(
            tf.TensorSpec((8, 9, 2), tf.float32),
            tf.TensorSpec((), tf.int32),
        ),
    ),
    "a PyDataset": lambda: Batches(PIXELS, LABELS),
}


@pytest.mark.parametrize("form", STREAMS)
def test_a_stream_is_the_same_data_as_its_arrays(form):
    labels = NAMES if form == "text" else LABELS
    found, known = (
        ae.open_dataset(STREAMS[form]()),
        ae.open_dataset(PIXELS, labels=labels),
    )
    assert found.fingerprint() == known.fingerprint()
    np.testing.assert_array_equal(found.read([3, 17, 4])["image"], PIXELS[[3, 17, 4]])
    assert found.target == known.target


def test_bytes_stay_bytes_so_that_three_bands_are_a_picture():
    pixels = np.zeros((4, 8, 8, 3), "uint8")
    found = ae.open_dataset(tensors((pixels, [0, 1, 0, 1])).batch(2))
    assert [band.name for band in found.inputs[0].bands] == ["R", "G", "B"]


@pytest.mark.parametrize(
    "source", [tensors(PIXELS[..., 0]).batch(6), Batches(PIXELS[..., 0])]
)
def test_images_without_bands_have_one(source):
    found = ae.open_dataset(source)
    assert found.inputs[0].shape == (8, 9, 1) and not found.known.any()
    np.testing.assert_array_equal(found.read([5])["image"], PIXELS[[5], ..., :1])


def test_several_inputs_keep_their_order_or_names():
    other = PIXELS[:, :4, :4]
    (first, second), y = in_arrays(tensors(((PIXELS, other), LABELS)).batch(6))
    np.testing.assert_array_equal(first, PIXELS)
    np.testing.assert_array_equal(second, other)
    np.testing.assert_array_equal(y, LABELS)
    named = ae.open_dataset(tensors(({"sen1": PIXELS, "sen2": other}, LABELS)))
    assert [spec.name for spec in named.inputs] == ["sen1", "sen2"]


def test_masks_and_values_are_targets():
    masks = (PIXELS[..., 0] > 0).astype("int32")
    found = ae.open_dataset(tensors((PIXELS, masks)).batch(6))
    assert found.target.kind == "mask"
    np.testing.assert_array_equal(found.read_targets([2, 9]), masks[[2, 9]])
    values = ae.open_dataset(tensors((PIXELS, PIXELS[:, 0, 0])).batch(6), kind="value")
    np.testing.assert_array_equal(values.targets, PIXELS[:, 0, 0])


def test_pixels_lie_in_a_file_while_they_are_needed(folder):
    found = ae.open_dataset(STREAMS["batches"]())
    (file,) = folder.glob("*/*")
    assert file.stat().st_size == PIXELS.nbytes
    del found
    gc.collect()
    assert not list(folder.iterdir())


def test_a_file_is_removed_after_an_error_and_a_prediction(folder):
    node = keras.Input((8, 9, 2), name="image")
    model = keras.Model([node], keras.layers.Flatten()(node))
    data = ae.open_dataset(STREAMS["samples"]())
    assert evaluation.outputs(model, data).shape == (20, 144)
    del data
    ragged = Ragged(PIXELS, LABELS)
    with pytest.raises(
        UserError, match=r"one shape, found \(8, 9, 2\) and \(4, 9, 2\)"
    ):
        ae.open_dataset(ragged)
    gc.collect()
    assert not list(folder.iterdir())


def test_the_file_of_a_killed_process_goes_with_the_next_stream(folder):
    child = os.fork()
    if not child:
        kept = in_arrays(Batches(PIXELS, LABELS))
        os.kill(os.getpid(), signal.SIGKILL if kept else 0)
    os.waitpid(child, 0)
    (left,) = folder.iterdir()
    os.utime(left, (time.time() - 3600,) * 2)
    scratch._remove_abandoned.cache_clear()
    arrays, _ = in_arrays(Batches(PIXELS, LABELS))
    (found,) = folder.iterdir()
    assert found != left and found in Path(arrays.filename).parents


def test_another_process_opens_the_file_instead_of_a_copy():
    (pixels, _) = in_arrays(STREAMS["batches"]())
    for array in (pixels, pixels[..., None]):
        pickled = pickle.dumps(array)
        assert len(pickled) < 1000
        np.testing.assert_array_equal(pickle.loads(pickled), array)
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(pixels[3:5])), PIXELS[3:5])


@pytest.mark.parametrize(
    ("stream", "message"),
    [
        (tensors((PIXELS, LABELS)).repeat(), "ends, found one without an end"),
        (Batches(PIXELS, length=None), "ends, found one without an end"),
        (tensors((PIXELS, LABELS, LABELS)), "found 3 parts; leave sample weights out"),
        (tensors((PIXELS, (LABELS, LABELS))), "one target, found 2"),
        (tensors((PIXELS, LABELS)).take(0), "with samples, found none"),
        (
            tf.data.Dataset.from_generator(lambda: PIXELS, output_types=tf.float32),
            "output_signature",
        ),
    ],
)
def test_what_cannot_be_read_is_told(stream, message, monkeypatch):
    if isinstance(stream, Batches) and stream.length is None:
        monkeypatch.setattr(Batches, "num_batches", None)
    with pytest.raises(UserError, match=message):
        ae.open_dataset(stream)


def test_labels_beside_a_stream_are_refused():
    with pytest.raises(UserError, match="leave y out"):
        ae.open_dataset(STREAMS["batches"](), labels=LABELS)


def test_arrays_do_not_import_tensorflow():
    code = """
import sys, numpy as np
from autoai4eo.data.readers.streams import in_arrays
in_arrays(np.zeros((2, 4, 4)), [0, 1])
assert not {"tensorflow", "keras"} & sys.modules.keys()
"""
    root = Path(ae.__file__).parents[1]
    done = subprocess.run([sys.executable, "-c", code], cwd=root, check=False)
    assert done.returncode == 0
