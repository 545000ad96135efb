"""What the values of a mask mean: classes with names and colours, or nothing."""

import pickle

import numpy as np
import pytest
import rasterio
from mask_pairs import HOW, SIZE, classes, pair, whole, write_mask
from PIL import Image
from scenes import digits, write_scene

from autoai4eo.data.class_colours import colours
from autoai4eo.data.masks.reopening import classes_again
from autoai4eo.data.readers.opening import open_dataset
from autoai4eo.data.scenes.scene import Scene
from autoai4eo.deploy.predictors.description import target_of
from autoai4eo.errors import UnknownClassError, UserError
from autoai4eo.runs.data_record import describe


def test_missing_pixels_are_the_median_of_their_band(tmp_path):
    pixels = digits(SIZE, SIZE).astype(np.float32)
    pixels[3, 4] = np.nan
    write_scene(tmp_path / "a.tif", pixels)
    write_mask(tmp_path / "m.tif", classes())
    found = open_dataset(tmp_path / "a.tif", masks=tmp_path / "m.tif", **HOW).read([0])
    assert np.isfinite(found["sen2"]).all()
    assert 300 < found["sen2"][0, 3, 4, 0] < 3200


@pytest.mark.parametrize("how", ["nan", "nodata", "zero"])
def test_pixels_without_data_in_the_scene_are_ignored(how, tmp_path):
    """As in a map: where an input has data in none of its bands."""
    pixels = digits(SIZE, SIZE)
    missing = np.zeros((SIZE, SIZE), bool)
    missing[:3], missing[5, 6], missing[19, 19] = True, True, True
    profile = {}
    if how == "nan":
        pixels = pixels.astype(np.float32)
    if how == "nodata":
        profile["nodata"] = 9
    pixels[missing] = {"nan": np.nan, "nodata": 9, "zero": 0}[how]
    pixels[10, 10, 0] = pixels[0, 0, 0]  # of one band among others
    write_scene(tmp_path / "a.tif", pixels, **profile)
    write_mask(tmp_path / "m.tif", classes())
    d = open_dataset(tmp_path / "a.tif", masks=tmp_path / "m.tif", **HOW)
    found = whole(d, np.arange(9))
    assert (found[missing] == -9).all()
    np.testing.assert_array_equal(found[~missing], classes()[~missing])
    np.testing.assert_array_equal(d.label_counts(), np.bincount(classes()[~missing]))
    told = [note for note in d.notes if "have no data in one of the inputs" in note]
    assert len(told) == 1
    assert told[0].startswith("masks: 62 pixels (15.50%)")
    assert any("some bands only" in note for note in d.notes)
    copy = pickle.loads(pickle.dumps(d))
    np.testing.assert_array_equal(whole(copy, np.arange(9)), found)


def test_missing_pixels_need_the_other_bands_only_where_the_first_lacks_data(
    tmp_path, monkeypatch
):
    """Users rely on: a large scene opens fast, and ignores the same pixels."""
    pixels = digits(160, 160)
    pixels[70:90, 100:] = 0
    pixels[9, 5, 0] = 0
    write_scene(tmp_path / "a.tif", pixels, nodata=0)
    write_mask(tmp_path / "m.tif", np.resize(classes(), (160, 160)))
    read, has_data = [], Scene.has_data
    monkeypatch.setattr(
        Scene,
        "has_data",
        lambda *a: read.append([len(some) for some in a[5].values()]) or has_data(*a),
    )
    how = {"masks": tmp_path / "m.tif", "tile": 4}
    d = open_dataset(tmp_path / "a.tif", **how)
    assert d.label_counts().sum() == 160 * 160 - 20 * 60
    # 40 rows of tiles: each second in all bands, others in one, where 3 need all
    assert len(read) == 43 and read.count([1]) == 20
    assert any(
        "about 0.01% of the pixels have data in some bands" in n for n in d.notes
    )


def test_an_input_that_is_left_out_does_not_ignore_pixels(tmp_path):
    radar = np.full((SIZE, SIZE, 1), -9.0, np.float32)
    radar[4:8] = np.nan
    write_scene(tmp_path / "o.tif", digits(SIZE, SIZE))
    write_scene(tmp_path / "r.tif", radar, ("VV",))
    write_mask(tmp_path / "m.tif", classes())
    both = f"{tmp_path}/o.tif,{tmp_path}/r.tif"
    for inputs, left in ((None, 16), ("sen2", 20), (["sen1"], 16)):
        d = open_dataset(both, masks=tmp_path / "m.tif", inputs=inputs, **HOW)
        assert d.label_counts().sum() == left * SIZE
    with pytest.raises(UserError, match="expected an input called sen3"):
        open_dataset(both, masks=tmp_path / "m.tif", inputs=["sen3"], **HOW)


def test_a_scene_without_data_is_refused(tmp_path):
    write_scene(tmp_path / "a.tif", np.full((SIZE, SIZE, 3), np.nan, np.float32))
    write_mask(tmp_path / "m.tif", classes())
    with pytest.raises(UserError, match=r"only ignored values \(no data in an input"):
        open_dataset(tmp_path / "a.tif", masks=tmp_path / "m.tif", **HOW)


@pytest.mark.parametrize("how", ["nodata", "minus one", "ignored", "float"])
def test_ignored_pixels(how, tmp_path):
    mask = classes().astype(np.int16)
    where = classes() == 2
    options, profile = {}, {}
    if how == "nodata":
        profile = {"nodata": 2}
    elif how == "minus one":
        mask[where] = -1
    elif how == "ignored":
        mask[where], options = 255, {"ignored": 255}
    else:
        mask = np.where(where, np.nan, mask).astype(np.float32)
    scenes, masks = pair(tmp_path, mask=mask, **profile)
    d = open_dataset(scenes, masks=masks, **HOW, **options)
    found = whole(d, np.arange(len(d)))
    assert (found[where] == -9).all()
    np.testing.assert_array_equal(found[~where], classes()[~where])
    assert any(f"{where.mean():.2%} of the pixels are ignored" in n for n in d.notes)


@pytest.mark.parametrize(
    ("mask", "message"),
    [
        (classes() + 0.5, "found fractions such as"),
        (np.full((SIZE, SIZE), -1, np.int16), "pixels of known classes, found only"),
        (classes() * 0, "two classes or more, found one only"),
        (
            np.stack([classes()] * 2, axis=-1),
            "one band of class numbers, .*found 2 bands",
        ),
    ],
)
def test_bad_masks_are_refused(mask, message, tmp_path):
    scenes, masks = pair(tmp_path)
    pixels = mask if mask.ndim == 3 else mask[..., None]
    write_scene(masks / "a.tif", pixels, None)
    with pytest.raises(UserError, match=message):
        open_dataset(scenes, masks=masks, **HOW)


@pytest.mark.parametrize(
    "write",
    [
        lambda path: write_mask(
            path,
            classes() * 10,
            tags={"CLASS_0": "sea", "CLASS_10": "land", "CLASS_20": "ice"},
        ),
        lambda path: write_category_names(path, classes(), ["sea", "land", "ice"]),
        lambda path: write_attribute_table(path, classes() * 10),
    ],
)
def test_names_in_the_file(write, tmp_path):
    write_scene(tmp_path / "a.tif", digits(SIZE, SIZE))
    write(tmp_path / "m.tif")
    d = open_dataset(tmp_path / "a.tif", masks=tmp_path / "m.tif", **HOW)
    assert d.class_names == ("sea", "land", "ice")
    np.testing.assert_array_equal(whole(d, np.arange(9)), classes())
    how = {"masks": tmp_path / "m.tif", **HOW}
    again = open_dataset(tmp_path / "a.tif", class_names=["ice", "sea", "land"], **how)
    np.testing.assert_array_equal(
        whole(again, np.arange(9)), np.array([1, 2, 0])[classes()]
    )
    with pytest.raises(UnknownClassError, match="unknown: ice"):
        open_dataset(tmp_path / "a.tif", class_names=["sea", "land"], **how)


def write_category_names(path, mask, names):
    write_mask(path, mask)
    each = "".join(f"<Category>{name}</Category>" for name in names)
    path.with_name(path.name + ".aux.xml").write_text(
        f'<PAMDataset><PAMRasterBand band="1"><CategoryNames>{each}</CategoryNames>'
        "</PAMRasterBand></PAMDataset>"
    )


def write_attribute_table(path, mask):
    write_mask(path, mask)
    rows = zip((0, 10, 20), ("sea", "land", "ice"), strict=True)
    each = "".join(f"<Row><F>{v}</F><F>{n}</F></Row>" for v, n in rows)
    path.with_name(path.name + ".aux.xml").write_text(
        '<PAMDataset><PAMRasterBand band="1"><GDALRasterAttributeTable>'
        "<FieldDefn><Name>Value</Name><Usage>5</Usage></FieldDefn>"
        f"<FieldDefn><Name>N</Name><Usage>2</Usage></FieldDefn>{each}"
        "</GDALRasterAttributeTable></PAMRasterBand></PAMDataset>"
    )


def test_names_of_the_user_are_in_the_order_of_the_values(tmp_path):
    scenes, masks = pair(tmp_path, mask=classes() * 10 + 5)
    d = open_dataset(scenes, masks=masks, **HOW)
    named = d.rename_classes(["sea", "land", "ice"])
    assert named.class_names == ("sea", "land", "ice")
    np.testing.assert_array_equal(named.read_targets([3]), d.read_targets([3]))
    assert not any("nothing names them" in note for note in named.notes)
    how = classes_again(named.opened, named.class_names)
    again = open_dataset(scenes, masks=masks, **HOW, **how)
    assert again.fingerprint() == named.fingerprint()
    with pytest.raises(UserError, match="3 names for class 5, class 15, class 25"):
        d.rename_classes(["sea", "land"])
    with pytest.raises(UserError, match="found sea, land, ice; leave class_names"):
        named.rename_classes(["a", "b", "c"])


def test_open_masks_without_names_take_those_of_a_run_by_value(tmp_path):
    """Users rely on: what `fit` called burned is so in any masks of its values."""
    x, y = pair(tmp_path)
    masks = open_dataset(x, masks=y, **HOW)
    names = {1: "wood", 0: "water", 2: "town"}
    found = open_dataset(masks, class_names=names)
    assert found.class_names == ("wood", "water", "town")
    assert found.opened["classes"] == {"0": "water", "1": "wood", "2": "town"}
    np.testing.assert_array_equal(
        found.read_targets([0]), np.array([1, 0, 2])[masks.read_targets([0])]
    )
    with pytest.raises(UserError, match=r"unknown: class 0.*Name them as expected"):
        open_dataset(masks, class_names={1: "wood", 2: "town"})


def test_colours_of_the_file_are_those_of_the_classes(tmp_path):
    scenes, masks = pair(tmp_path, mask=classes() * 10)
    table = {0: (1, 2, 3, 255), 10: (0, 128, 255, 255), 20: (9, 9, 9, 255)}
    with rasterio.open(masks / "a.tif", "r+") as file:
        file.write_colormap(1, {**table, 30: (7, 7, 7, 255)})
    d = open_dataset(scenes, masks=masks, **HOW)
    shown = {"class 0": "#010203", "class 10": "#0080ff", "class 20": "#090909"}
    assert d.opened["colours"] == shown
    named = d.rename_classes(["sea", "land", "ice"])
    assert named.opened["colours"]["land"] == "#0080ff"
    assert named.opened["classes"] == {"0": "sea", "10": "land", "20": "ice"}
    target = target_of(describe(named))
    assert target.colours == {"sea": (1, 2, 3), "land": (0, 128, 255), "ice": (9, 9, 9)}
    assert colours(target.classes, target.colours)[1] == (0, 128, 255)


@pytest.mark.parametrize("table", [{}, {0: (1, 2, 3), 1: (1, 2, 3), 2: (5, 5, 5)}])
def test_colours_that_do_not_tell_classes_apart_are_none(table, tmp_path):
    scenes, masks = pair(tmp_path)
    if table:
        with rasterio.open(masks / "a.tif", "r+") as file:
            file.write_colormap(1, table)
    assert "colours" not in open_dataset(scenes, masks=masks, **HOW).opened


@pytest.mark.parametrize("form", ["tif", "png", "alpha"])
def test_colours_of_masks_are_classes_in_their_order(form, tmp_path):
    """Users rely on: masks of many published data sets are coloured pictures."""
    palette = np.array([[0, 0, 0], [0, 255, 10], [200, 0, 0]], np.uint8)
    numbers = classes().astype(int)
    picture = palette[numbers]
    if form == "alpha":
        clear = np.where(numbers == 0, 0, 255).astype(np.uint8)[..., None]
        picture = np.concatenate([picture, clear], axis=-1)
    write_scene(tmp_path / "x" / "a.tif", digits(SIZE, SIZE))
    (tmp_path / "y").mkdir()
    if form == "tif":
        write_scene(tmp_path / "y" / "a.tif", picture, None)
    else:
        Image.fromarray(picture).save(tmp_path / "y" / "a_mask.png")
    folders, found = {"masks": tmp_path / "y"}, ("#000000", "#00ff0a", "#c80000")
    names, expected = ("soil", "forest", "town"), numbers
    if form == "alpha":  # black is transparent
        found, names, expected = (
            found[1:],
            names[1:],
            np.where(numbers, numbers - 1, -9),
        )
    d = open_dataset(tmp_path / "x", **folders, **HOW)
    assert d.class_names == found
    np.testing.assert_array_equal(whole(d, np.arange(len(d))), expected)
    assert any(f"the colours {', '.join(found)} become" in note for note in d.notes)
    assert d.opened["colours"] == dict(zip(found, found, strict=True))
    assert d.opened["coloured"] is True
    named = open_dataset(tmp_path / "x", class_names=names, **folders, **HOW)
    assert named.class_names == d.rename_classes(names).class_names == names
    np.testing.assert_array_equal(named.label_counts(), d.label_counts())
    assert named.opened["colours"] == dict(zip(names, found, strict=True))
    # other data have the classes of these, by their colours
    like = classes_again(named.opened, names)
    again = open_dataset(tmp_path / "x", **folders, **like, **HOW)
    assert again.class_names == names
    np.testing.assert_array_equal(whole(again, np.arange(len(again))), expected)


def test_masks_of_colours_and_of_numbers_are_not_mixed(tmp_path):
    pair(tmp_path)
    write_scene(tmp_path / "x" / "b.tif", digits(SIZE, SIZE))
    write_scene(tmp_path / "y" / "b.tif", np.stack([classes()] * 3, axis=-1), None)
    with pytest.raises(UserError, match=r"b.tif: expected a mask of class numbers as"):
        open_dataset(tmp_path / "x", masks=tmp_path / "y", **HOW)
