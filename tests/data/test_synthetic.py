"""The generated data are physically plausible, and can be learnt but not trivially."""

import h5py
import numpy as np
import pytest
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.metrics import cohen_kappa_score

from autoai4eo.data.lcz42 import LCZ42_CLASSES, LCZ42_SEN1_BANDS, LCZ42_SEN2_BANDS
from autoai4eo.data.readers.opening import open_dataset
from autoai4eo.data.splits import split
from autoai4eo.data.synthetic import write_so2sat_like
from autoai4eo.errors import UserError


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    path = tmp_path_factory.mktemp("synthetic") / "training.h5"
    write_so2sat_like(path, 800, seed=0)
    return path


def test_layout(path):
    d = open_dataset(path)
    assert [s.shape for s in d.inputs] == [(32, 32, 8), (32, 32, 10)]
    assert d.inputs[0].bands == LCZ42_SEN1_BANDS
    assert d.inputs[1].bands == LCZ42_SEN2_BANDS
    assert d.class_names == LCZ42_CLASSES and list(d.groups) == ["city"]
    counts = d.label_counts()
    assert counts.min() >= 1 and counts.max() > 4 * counts.min()
    with h5py.File(path) as file:
        assert "no measurement" in file.attrs["synthetic"]
        assert file["sen1"].dtype == file["sen2"].dtype == np.float32
    assert d.is_synthetic and d.subset([0]).is_synthetic
    assert [p.name for p in path.parent.iterdir()] == ["training.h5"]


def test_physics(path):
    d = open_dataset(path)
    pixels = d.read(np.arange(len(d)))
    sen1, sen2 = pixels["sen1"], pixels["sen2"]
    assert np.isfinite(sen1).all() and sen2.min() > 0 and sen2.max() < 1.6
    mean = {
        name[0]: sen2[d.labels == i].mean((0, 1, 2))
        for i, name in enumerate(LCZ42_CLASSES)
    }
    red, near = 2, 6
    assert mean["A"][near] > 4 * mean["A"][red]  # red edge of trees
    assert mean["G"][near] < mean["G"][0] and mean["G"][near] < 0.08  # water
    assert sen2[d.labels == 0].mean((0, 1, 2)).std() < 0.06  # flat, compact high-rise
    vv = [sen1[d.labels == i, ..., 5].mean() for i in range(17)]
    assert vv[0] > 3 * vv[10] and vv[16] < vv[10] / 3  # double bounce; water mirrors
    # Averaged power of the unfiltered signal is the filtered intensity.
    power = (sen1[..., 2] ** 2 + sen1[..., 3] ** 2).mean()
    assert sen1[..., 5].mean() == pytest.approx(power, rel=0.05)
    assert sen1[..., 5].std() < (sen1[..., 2] ** 2 + sen1[..., 3] ** 2).std()


def test_learnable_across_cities_but_not_trivial(path):
    train, test = split(open_dataset(path), (0.6, 0.4), group="city")

    def means(part):
        found = part.read(np.arange(len(part)))
        parts = [f(x, axis=(1, 2)) for x in found.values() for f in (np.mean, np.std)]
        return np.concatenate(parts, axis=1)

    model = LinearDiscriminantAnalysis().fit(means(train), train.labels)
    kappa = cohen_kappa_score(test.labels, model.predict(means(test)))
    assert 0.4 < kappa < 0.9


def test_seed_is_everything(path, tmp_path):
    for name, seed in (("a", 3), ("b", 3), ("c", 4)):
        write_so2sat_like(tmp_path / f"{name}.h5", 20, seed)
    a, b, c = (open_dataset(tmp_path / f"{n}.h5").fingerprint() for n in "abc")
    assert a == b != c


def test_errors(tmp_path):
    with pytest.raises(UserError, match="17 samples or more, one per class, found 5"):
        write_so2sat_like(tmp_path / "a.h5", 5, 0)
    with pytest.raises(UserError, match="cannot be written"):
        write_so2sat_like(tmp_path / "no" / "a.h5", 20, 0)
    assert list(tmp_path.iterdir()) == []
