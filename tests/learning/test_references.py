"""References of every kind of target: what they predict, from what, and how well."""

import masks
import numpy as np
import pytest
import small

import autoai4eo as ae
from autoai4eo.data.pixel_neighbourhoods import pixel_neighbourhoods
from autoai4eo.errors import UserError
from autoai4eo.learning import mask_references, references
from autoai4eo.learning.comparison import beside_references
from autoai4eo.learning.lazy_outputs import LazyOutputs
from autoai4eo.learning.references import (
    MAJORITY,
    MEAN,
    PIXEL_TREES,
    TREES,
    reference_outputs,
    train_references,
)

N = 120
RNG = np.random.default_rng(0)
NOISE = RNG.normal(0, 0.3, (N, 4, 4, 3)).astype("float32")
LABELS = RNG.integers(0, 2, (N, 3))


def dataset(labels, kind=None, shown=None, **more):
    """Patches whose bands are as bright as `shown`, (N, 3)."""
    shown = labels if shown is None else shown
    pixels = NOISE + 2 * np.asarray(shown, "float32")[:, None, None]
    return ae.open_dataset({"sen2": pixels, **more}, labels=labels, kind=kind)


def one_hot(classes):
    return np.eye(3)[classes]


def classes_of(numbers, names=("water", "forest", "town")):
    pixels = NOISE + 2 * one_hot(numbers).astype("float32")[:, None, None]
    return ae.open_dataset({"sen2": pixels}, labels=numbers, class_names=names)


def outputs(train, validation, tmp_path, **how):
    record = train_references(train, validation, tmp_path / "trees", **how)
    return record, reference_outputs(record, tmp_path / "trees", validation)


def test_of_classes(tmp_path):
    numbers = np.repeat([0, 1, 2], [60, 40, 20])
    record, found = outputs(classes_of(numbers), classes_of(numbers[::-1]), tmp_path)
    assert (found[MAJORITY] == np.float32([0.5, 1 / 3, 1 / 6])).all()
    np.testing.assert_allclose(found[TREES].sum(axis=1), 1, rtol=1e-5)
    assert record["scores"][TREES]["cohen_kappa"] > 0.9
    assert record["scores"][MAJORITY]["cohen_kappa"] == 0
    assert record["scores"][MAJORITY]["accuracy"] == pytest.approx(0.5)
    assert record["samples"] == N and record["seconds"] > 0


@pytest.fixture(scope="module")
def absent(tmp_path_factory):
    """References of data that lack the class in the middle."""
    data = classes_of(np.arange(N) % 2 * 2)
    trees = tmp_path_factory.mktemp("absent") / "trees"
    return train_references(data, data, trees), trees, data


def test_a_class_without_a_sample_is_never_predicted(absent):
    record, trees, data = absent
    found = reference_outputs(record, trees, data)
    for output in found.values():
        assert output.shape == (N, 3) and (output[:, 1] == 0).all()
    assert (found[TREES].argmax(axis=1) == data.labels).mean() > 0.9
    assert record["scores"][TREES]["absent_classes"] == ["forest"]


def test_of_several_labels(tmp_path):
    train = dataset(LABELS, "labels")
    record, found = outputs(train, dataset(LABELS[::-1].copy(), "labels"), tmp_path)
    np.testing.assert_allclose(found[MAJORITY][0], LABELS.mean(axis=0), rtol=1e-6)
    assert record["scores"][TREES]["mean_average_precision"] > 0.9
    # as the trials of a search have them: tuned thresholds are for the finalist
    first, *_ = record["scores"][TREES]["per_class"].values()
    assert first["threshold"] == 0.5
    assert len(record["fitted"][TREES]["thresholds"]) == 3


def test_a_label_that_all_samples_have_is_as_common_as_it_is(tmp_path):
    labels = LABELS.copy()
    labels[:, 1] = 1
    _, found = outputs(dataset(labels, "labels"), dataset(labels, "labels"), tmp_path)
    assert (found[TREES][:, 1] == 1).all()
    assert ((found[TREES][:, 0] > 0.5) == labels[:, 0]).mean() > 0.9


def test_of_values_some_of_them_unknown(tmp_path):
    shown = RNG.random((N, 3)) * 3
    values = shown[:, :2] * [5, 1] + [300, 0]
    values[::7, 0] = np.nan
    values[3] = np.nan  # not a training sample at all
    train = dataset(values, "value", shown)
    record, found = outputs(train, train, tmp_path)
    assert set(found) == set(record["scores"]) == {MEAN, TREES}
    np.testing.assert_allclose(found[MEAN][0], np.nanmean(values, 0), rtol=1e-6)
    assert record["scores"][TREES]["r2"] > 0.8 > record["scores"][MEAN]["r2"]
    del record["constant"]  # of an earlier version
    assert MAJORITY in reference_outputs(record, tmp_path / "trees", train)
    assert record["samples"] == N - 1


def test_missing_pixels_and_several_inputs(tmp_path):
    numbers = np.arange(N) % 3
    pixels = NOISE.copy()
    pixels[::2] = np.nan  # the other input tells the class
    other = 2 * one_hot(numbers).astype("float32")[:, None, None] + NOISE
    both = ae.open_dataset({"a": pixels, "b": other}, labels=numbers)
    record, found = outputs(both, both, tmp_path)
    assert record["scores"][TREES]["accuracy"] > 0.9
    # a network may have its inputs in another order
    turned = ae.open_dataset({"b": other, "a": pixels}, labels=numbers)
    again = reference_outputs(record, tmp_path / "trees", turned)
    np.testing.assert_array_equal(again[TREES], found[TREES])


@pytest.mark.parametrize("kind", ["class", "labels", "value"])
@pytest.mark.parametrize("pixel", [np.nan, 0])
@pytest.mark.filterwarnings("ignore")  # of the reader, about these data
def test_bands_without_any_data_are_no_error(tmp_path, kind, pixel):
    pixels = np.full((2, 2, 2, 2), pixel, "float32")
    labels = {"class": [0, 1], "labels": np.eye(2), "value": [[0.5], [1.0]]}[kind]
    bands = {"sen2": ["B04", "B08"]}  # an index of them is NaN
    data = ae.open_dataset({"sen2": pixels}, labels=labels, kind=kind, bands=bands)
    record, found = outputs(data, data, tmp_path)
    assert record["samples"] == 2
    np.testing.assert_allclose(found[TREES], found[record["constant"]], rtol=1e-5)


def test_of_more_samples_a_part_is_used_that_has_every_class(tmp_path, monkeypatch):
    monkeypatch.setattr(references, "SAMPLES", 30)
    numbers = np.repeat([0, 1, 2], [70, 48, 2])
    record, found = outputs(classes_of(numbers), classes_of(numbers), tmp_path)
    assert record["samples"] == 30
    assert record["columns"] == [[0, 1, 2]]
    # this one needs no limit
    np.testing.assert_allclose(found[MAJORITY][0] * N, [70, 48, 2], rtol=1e-5)


def test_a_seed_gives_the_same_trees_again(tmp_path):
    data = small.dataset(N), small.dataset(60, seed=1)
    (_, one), (_, two) = (outputs(*data, tmp_path, seed=5) for _ in range(2))
    np.testing.assert_array_equal(one[TREES], two[TREES])


@pytest.mark.parametrize(
    "changed",
    [
        {"bands": {"sen2": ["band1"]}},
        {"bands": {"sen1": ["band1", "band2", "band3"]}},
        {"output": [0.5, 0.5]},
        {"columns": []},
        {"columns": [[0, 1, 7]]},
        {"columns": [[0, 1, 2, 0]]},
    ],
)
def test_a_record_of_other_data_is_refused_in_a_line(absent, changed):
    record, trees, data = absent
    with pytest.raises(UserError, match=r"found others; `autoai4eo fit`"):
        reference_outputs({**record, **changed}, trees, data)


def test_zero_probabilities_can_be_calibrated(absent):
    record, _, data = absent
    for name, told in record["fitted"].items():
        assert np.isfinite(told["temperature"]), name
    assert data.num_classes == 3


def tiles(seed, groups=None):
    truth = masks.random_masks(n=10, seed=seed)
    truth[truth == 1] = 2  # a class without a pixel
    return masks.dataset(truth, seed=seed, groups=groups)


def test_of_masks_each_pixel_is_predicted_and_never_all_are_in_memory(tmp_path):
    train = tiles(0)
    validation = tiles(1, {"parent": np.arange(10) // 2})
    record, found = outputs(train, validation, tmp_path)
    known = validation.read_targets(np.arange(10)) >= 0
    assert record["samples"] == train.class_pixels.sum()
    assert record["columns"] == [[0, 2]]
    assert record["scores"][PIXEL_TREES]["mean_iou"] > 0.9
    assert record["scores"][PIXEL_TREES]["absent_classes"] == ["forest"]
    assert record["scores"][MAJORITY]["cohen_kappa"] == 0
    assert record["scores"][MAJORITY]["accuracy"] == pytest.approx(
        validation.class_pixels[:, 2].sum() / known.sum()
    )
    rows = np.array([7, 2])
    for name in (MAJORITY, PIXEL_TREES):
        assert isinstance(found[name], LazyOutputs)
        some = found[name][rows]
        assert some.shape == (2, 16, 16, 3) and (some[..., 1] == 0).all()
        np.testing.assert_allclose(some.sum(axis=-1), 1, rtol=1e-5)
    beside = beside_references(
        record, tmp_path / "trees", validation, found[PIXEL_TREES], {}
    )
    against = beside["against_reference"]
    assert (against["other"], against["metric"]) == (PIXEL_TREES, "mean_iou")
    assert (against["difference"], against["interval"]) == (0, [0, 0])
    for columns in ([], [[0, 1, 2]], [[0, 7]]):
        with pytest.raises(UserError, match=r"found others; `autoai4eo fit`"):
            changed = {**record, "columns": columns}
            again = reference_outputs(changed, tmp_path / "trees", validation)
            again[PIXEL_TREES][rows]


def test_pixels_are_drawn_by_class_and_are_those_of_the_data(monkeypatch):
    monkeypatch.setattr(mask_references, "PIXELS", 100)
    monkeypatch.setattr(mask_references, "_IN_TILES", 16 * 16 * 6)
    truth = masks.random_masks(n=10)
    truth[truth == 2] = 1
    truth[3, :2, :2] = 2  # a rare class, in one tile
    data = masks.dataset(truth)
    counts = data.class_pixels
    bands = {"sen2": ["B03", "B04", "B08"]}
    table, classes = mask_references.drawn_pixels(data, counts, bands, 0)
    drawn = np.bincount(classes)
    assert 100 <= len(classes) <= 102 and drawn[2] == 1
    # the drawn tiles are six or seven of the ten
    assert drawn[0] / 100 == pytest.approx(counts[:, 0].sum() / counts.sum(), abs=0.1)
    everything = pixel_neighbourhoods(data.read(np.arange(10)), bands)
    of_class = [everything[truth == c] for c in range(3)]
    for row, number in zip(table, classes, strict=True):
        assert np.isclose(of_class[number], row, rtol=1e-4).all(axis=1).any()


@pytest.mark.parametrize("groups", [None, {"scene": np.repeat([0, 1, 2], [6, 30, 4])}])
def test_of_many_pixels_tiles_of_every_scene_are_scored(tmp_path, monkeypatch, groups):
    """Users rely on: references cost little, and intervals are still over scenes."""
    train = tiles(0)
    truth = masks.random_masks(n=40, unknown=0)
    truth[truth == 1] = 0
    validation = masks.dataset(truth, groups=groups)
    assert len(mask_references.judged_rows(validation)) == 40
    monkeypatch.setattr(mask_references, "JUDGED_PIXELS", 16 * 16 * 10)
    rows = mask_references.judged_rows(validation)
    if groups:
        assert np.bincount(groups["scene"][rows]).tolist() == [2, 8, 1]
    else:
        assert len(rows) == len(set(rows)) == 10
    record, _ = outputs(train, validation, tmp_path)
    assert (record["tiles"], record["all_tiles"]) == (len(rows), 40)
    scores = record["scores"][PIXEL_TREES]
    assert sum(map(sum, scores["confusion_matrix"])) == len(rows) * 16 * 16
    best = np.eye(3, dtype="float32")[truth]  # a network without a mistake
    beside = beside_references(record, tmp_path / "trees", validation, best, {})
    assert beside["references"][PIXEL_TREES]["mean_iou"] == scores["mean_iou"]
    against = beside["against_reference"]
    assert against["difference"] == pytest.approx(1 - scores["mean_iou"])
    assert (against["tiles"], against["all_tiles"]) == (len(rows), 40)
    assert against["resampled_groups"] == (3 if groups else len(rows))
