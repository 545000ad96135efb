"""BigEarthNet's folders: labels of two nomenclatures, bands of three resolutions."""

import json

import numpy as np
import pandas as pd
import pytest

from autoai4eo.data.bigearthnet_classes import CLASS_OF, CLASSES_19, CLASSES_43
from autoai4eo.data.readers.opening import open_dataset
from autoai4eo.data.splits import split
from autoai4eo.errors import UserError


def labels_of(dataset):
    """The names of the labels of each sample."""
    return [
        {name for name, has in zip(dataset.class_names, row, strict=True) if has}
        for row in dataset.targets
    ]


@pytest.fixture
def parquet(monkeypatch):
    """Writes a table as Parquet; without pyarrow pandas reads it from elsewhere."""

    def write(table, path):
        try:
            import pyarrow  # noqa: F401
        except ImportError:
            table.to_pickle(path)
            monkeypatch.setattr(pd, "read_parquet", pd.read_pickle)
        else:
            table.to_parquet(path)

    return write


def version_2(build, root, parquet, patches=4, **columns):
    build.write_bigearthnet(root, patches, table=True)
    names = sorted(f.name for f in root.glob("BigEarthNet-S2/*/*"))
    names.append("S2B_MSIL2A_20180101T101031_N9999_R022_T30UPU_5_5")  # not here
    table = pd.DataFrame(
        {
            "patch_id": names[::-1],
            "labels": [["Arable land", "Transitional woodland, shrub"], ["Pastures"]]
            * 2
            + [["Marine waters"]],
            "country": ["Austria", "Portugal", "Austria", "Portugal", "Serbia"],
            "split": ["train", "test", "train", "train", "train"],
        }
        | columns
    )
    parquet(table, root / "metadata.parquet")
    return table.set_index("patch_id")


def test_the_nomenclatures_are_those_of_the_paper():
    assert len(CLASSES_43) == 43 and len(CLASSES_19) == 19
    assert {c for c in CLASS_OF.values() if c} == set(CLASSES_19)
    assert sum(c is None for c in CLASS_OF.values()) == 11


def test_43_classes_become_19(build, tmp_path):
    root = build.write_bigearthnet(tmp_path / "a", 4)
    d = open_dataset(root)
    assert d.target.kind == "labels" and d.class_names == CLASSES_19
    assert labels_of(d) == [
        {"Pastures", "Arable land"},
        {"Marine waters"},
        {"Permanent crops", "Inland wetlands"},
        {"Mixed forest"},
    ]
    d = open_dataset(root, class_level=43)
    assert d.class_names == CLASSES_43
    assert labels_of(d)[2:] == [
        {"Vineyards", "Olive groves", "Peatbogs"},
        {"Mixed forest", "Airports"},
    ]
    known = open_dataset(root, class_names=CLASSES_43[::-1])
    assert labels_of(known) == labels_of(d)
    with pytest.raises(UserError, match=r"19 or 43 as the class level.*found 2"):
        open_dataset(root, class_level=2)


def test_a_patch_of_none_of_the_19_is_left_out_and_told(build, tmp_path):
    root = build.write_bigearthnet(tmp_path / "a", 4)
    last = max(root.iterdir())
    file = next(last.glob("*.json"))
    file.write_text(json.dumps({"labels": ["Airports", "Dump sites"]}))
    d = open_dataset(root)
    assert len(d) == 3 and last.name not in d.names
    assert "1 of 4 patches have none of the 19 classes: no label" in d.notes
    assert len(open_dataset(root, unlabelled=True)) == 4
    assert labels_of(open_dataset(root, class_level=43))[3] == {
        "Airports",
        "Dump sites",
    }
    file.unlink()
    d = open_dataset(root)
    assert len(d) == 3 and "1 of 4 patches have no file of labels" in d.notes
    for other in root.glob("*/*.json"):
        other.unlink()
    d = open_dataset(root, class_names=CLASSES_19)
    assert len(d) == 4 and d.target.kind == "none"


def test_bands_come_to_10_m_in_sentinels_order(build, tmp_path):
    root = build.write_bigearthnet(tmp_path / "a", 3)
    d = open_dataset(root)
    (spec,) = d.inputs
    assert spec.name == "sen2" and spec.shape == (12, 12, 12) and spec.level == "L2A"
    names = [b.name for b in spec.bands]
    assert names[:2] == ["B01", "B02"] and names[-4:] == ["B8A", "B09", "B11", "B12"]
    pixels = d.read([2])["sen2"][0]
    order = list(build.BIGEARTHNET_SIDES)
    for i, name in enumerate(names):
        assert (pixels[..., i] == 200 + order.index(name)).all()
    assert d.coordinates()[1, 0] == pytest.approx(12, abs=0.01)
    # halfway between two pixels of 20 m lies their mean, by weights 3 : 1
    patch = root / d.names[0] / f"{d.names[0]}_B05.tif"
    ramp = np.repeat(np.arange(0, 600, 100, np.uint16)[None, :, None], 6, 0)
    build.write_image(patch, ramp, place=(11, 48))
    row = open_dataset(root).read([0])["sen2"][0, 5, :, names.index("B05")]
    assert row[:4].tolist() == [0, 25, 75, 125]


def test_splits_by_tile_do_not_leak(build, tmp_path):
    d = open_dataset(build.write_bigearthnet(tmp_path / "a", 12))
    assert list(d.groups) == ["tile", "product"]
    assert sorted(set(d.groups["tile"])) == ["T30UPU", "T31UPU", "T32UPU"]
    first, second = split(d, (0.7, 0.3), group="tile")
    assert not set(first.groups["tile"]) & set(second.groups["tile"])


def test_version_2_is_told_by_its_table(build, tmp_path, parquet):
    table = version_2(build, tmp_path, parquet)
    d = open_dataset(tmp_path)
    assert len(d) == 4 and d.names == sorted(d.names)
    for name, labels in zip(d.names, labels_of(d), strict=True):
        assert labels == set(table.loc[name, "labels"])
    assert list(d.groups) == ["tile", "product", "country", "split"]
    assert d.groups["country"][0] == table.loc[d.names[0], "country"]
    assert d.groups["tile"][0] in d.names[0]
    assert "1 of 5 patches in metadata.parquet have no folder: they are left out" in (
        d.notes
    )
    assert (d.read([1])["sen2"] % 100 < 12).all()
    with pytest.raises(UserError, match=r"expected 19 \(labels of ver.*found 43"):
        open_dataset(tmp_path, class_level=43)


def test_without_pyarrow_the_message_names_it(build, tmp_path, parquet, monkeypatch):
    version_2(build, tmp_path, parquet)

    def missing(*_, **__):
        raise ImportError("Unable to find a usable engine")

    monkeypatch.setattr(pd, "read_parquet", missing)
    with pytest.raises(UserError, match=r"expected pyarrow.*pip install autoai4eo\[pa"):
        open_dataset(tmp_path)


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"labels": [["Lava"]] * 5}, "BigEarthNet's 19 classes, found Lava in S2A_"),
        ({"patch_id": list("abcde")}, "expected metadata of the patches in .* found n"),
    ],
)
def test_a_table_of_something_else(build, tmp_path, parquet, columns, message):
    version_2(build, tmp_path, parquet, **columns)
    with pytest.raises(UserError, match=message):
        open_dataset(tmp_path)


def test_damaged_patches_are_told_in_one_line(build, tmp_path):
    root = build.write_bigearthnet(tmp_path / "a", 2)
    d = open_dataset(root)
    band = root / d.names[1] / f"{d.names[1]}_B03.tif"
    whole = band.read_bytes()
    for change, message in (
        (lambda: band.write_bytes(whole[:200]), "cannot read the image .*_B03.tif"),
        (band.unlink, "cannot read the image .*_B03.tif"),
        (
            lambda: build.write_image(band, np.zeros((7, 7, 1), np.uint16)),
            "expected 12×12 pixels of uint16, or a whole fraction.*found 7×7",
        ),
    ):
        change()
        with pytest.raises(UserError, match=message):
            open_dataset(root).read([1])
    for file in (root / d.names[0]).glob("*.tif"):
        file.unlink()
    with pytest.raises(UserError, match=r"expected GeoTIFFs of bands.*found none"):
        open_dataset(root)
    next((root / d.names[0]).glob("*.json")).write_text("{}")
    with pytest.raises(UserError, match="no labels in it"):
        open_dataset(root)


def test_a_folder_of_something_else_is_no_bigearthnet(build, tmp_path):
    d = open_dataset(build.class_folders(tmp_path / "S2A_images"))
    assert d.target.kind == "class" and d.class_names == ("forest", "water")


def test_the_real_patch(shared):
    d = open_dataset(shared / "bigearthnet_patch")
    assert len(d) == 1 and d.names == ["S2A_MSIL2A_20170617T113321_36_85"]
    assert labels_of(d) == [{"Arable land", "Pastures"}]
    level_3 = open_dataset(shared / "bigearthnet_patch", class_level=43)
    assert labels_of(level_3) == [{"Non-irrigated arable land", "Pastures"}]
    assert d.inputs[0].shape == (120, 120, 12) and d.groups["tile"] == ["T29UPU"]
    pixels = d.read([0])["sen2"]
    assert np.isfinite(pixels).all() and 300 < pixels.mean() < 5000
    lon, lat = d.coordinates()[0]
    assert (lon, lat) == pytest.approx((-6.89, 52.31), abs=0.01)  # Ireland
