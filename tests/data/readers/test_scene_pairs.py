"""Scenes with masks, read as tiles."""

import json
import pickle
import warnings

import numpy as np
import pytest
import rasterio
from PIL import Image
from rasterio import Affine
from rasterio.crs import CRS
from rasterio.enums import Resampling
from rasterio.warp import reproject, transform_bounds
from scenes import UTM, digits, write_scene

from autoai4eo.data.between_parts import check_apart
from autoai4eo.data.class_colours import colours
from autoai4eo.data.masks.overlapping import each_pixel_once
from autoai4eo.data.masks.raster import MaskRaster
from autoai4eo.data.masks.reopening import classes_again
from autoai4eo.data.readers.opening import open_dataset
from autoai4eo.data.scenes.scene import Scene
from autoai4eo.data.splits import LeakWarning, class_weights, split
from autoai4eo.deploy.predictors.description import target_of
from autoai4eo.errors import MissingError, UnknownClassError, UserError
from autoai4eo.runs.data_record import describe

SIZE = 20
BANDS = ("B02", "B03", "B04")
HOW = {"tile": 8}


def classes(height=SIZE, width=SIZE, seed=0):
    """Classes 0 to 2 in patches of 5 pixels, uint8 (height, width)."""
    rng = np.random.default_rng(seed)
    coarse = rng.integers(0, 3, (-(-height // 5), -(-width // 5)))
    return coarse.repeat(5, 0).repeat(5, 1)[:height, :width].astype(np.uint8)


def moved(columns=0, rows=0, size=1.0):
    """The transform of a grid that is shifted by pixels, or has other ones."""
    x, y = UTM.c + columns * UTM.a, UTM.f + rows * UTM.e
    return Affine(UTM.a * size, 0, x, 0, UTM.e * size, y)


def write_mask(path, mask, *, colours=None, tags=None, **how):
    write_scene(path, mask[..., None], None, **how)
    if tags:
        with rasterio.open(path, "r+") as file:
            file.update_tags(1, **tags)
    return path


def pair(folder, name="a", mask_name=None, seed=0, mask=None, **how):
    """A scene and its mask in the folders ``x`` and ``y``."""
    write_scene(folder / "x" / f"{name}.tif", digits(SIZE, SIZE, seed=seed))
    found = classes(seed=seed) if mask is None else mask
    write_mask(folder / "y" / f"{mask_name or name}.tif", found, **how)
    return folder / "x", folder / "y"


def whole(dataset, rows, size=SIZE, tile=8):
    """The mask of a scene put together of its tiles; -9 where no tile has it."""
    found = np.full((size, size), -9)
    for row, tile_mask in zip(rows, dataset.read_targets(rows), strict=True):
        words = dataset.names[row].split()
        top, left = int(words[-3]), int(words[-1])
        known = tile_mask >= 0
        found[top : top + tile, left : left + tile][known] = tile_mask[known]
    return found


@pytest.mark.parametrize("name", ["a", "a_mask", "mask_a", "a_label", "a-labels"])
def test_masks_are_found_by_name(name, tmp_path):
    scenes, masks = pair(tmp_path, mask_name=name)
    d = open_dataset(scenes, masks=masks, **HOW)
    assert d.target.kind == "mask" and d.target.shape == (8, 8) and len(d) == 9
    np.testing.assert_array_equal(whole(d, np.arange(9)), classes())
    np.testing.assert_array_equal(d.label_counts(), np.bincount(classes().ravel()))


def test_one_folder_has_scenes_and_marked_masks(tmp_path):
    write_scene(tmp_path / "a.tif", digits(SIZE, SIZE))
    write_mask(tmp_path / "a_mask.tif", classes())
    assert len(open_dataset(tmp_path, masks=tmp_path, **HOW)) == 9
    write_mask(tmp_path / "masks" / "a.tif", classes())
    (tmp_path / "a_mask.tif").unlink()
    assert len(open_dataset(tmp_path, masks=tmp_path / "masks", **HOW)) == 9


def test_pixels_are_those_of_the_scene_at_the_place_of_the_mask(tmp_path):
    scenes, masks = pair(tmp_path)
    d = open_dataset(scenes, masks=masks, **HOW)
    pixels = digits(SIZE, SIZE)
    for row in (0, 4, 8):
        top, left = (int(d.names[row].split()[i]) for i in (-3, -1))
        here = np.s_[top : top + 8, left : left + 8]
        np.testing.assert_array_equal(d.read([row])["sen2"][0], pixels[here])
        mask = d.read_targets([row])[0]
        np.testing.assert_array_equal(mask[mask >= 0], classes()[here][mask >= 0])


def test_a_small_scene_is_reflected_and_ignored_there(tmp_path):
    scenes, masks = pair(tmp_path)
    d = open_dataset(scenes / "a.tif", masks=masks / "a.tif", tile=32)
    assert len(d) == 1
    mask = d.read_targets([0])[0]
    np.testing.assert_array_equal(mask[:SIZE, :SIZE], classes())
    assert (mask[SIZE:] == -1).all() and (mask[:, SIZE:] == -1).all()
    pixels = digits(SIZE, SIZE)
    reflected = np.pad(pixels, ((0, 12), (0, 12), (0, 0)), "reflect")
    np.testing.assert_array_equal(d.read([0])["sen2"][0], reflected)
    assert not [note for note in d.notes if "ignored" in note]
    with pytest.raises(UserError, match="at least half a tile"):
        open_dataset(scenes, masks=masks, tile=64)


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


def test_opening_and_dividing_read_each_mask_once(tmp_path, monkeypatch):
    """Classes, counts, strata and weights come of one pass by rows of tiles; then masks
    are kept.
    """
    for name in "ab":
        scenes, masks = pair(tmp_path, name)
    read, stored = [], MaskRaster.read
    monkeypatch.setattr(MaskRaster, "read", lambda *a: read.append(1) or stored(*a))
    d = open_dataset(scenes, masks=masks, **HOW)
    train, validation = split(d, [0.5, 0.5], group="scene")
    class_weights(train)
    validation = each_pixel_once(validation)
    assert len(d) == 18 and len(read) == 6
    for part in (train, validation, train, validation):
        part.read_targets(np.arange(len(part)))
    assert len(read) == 6 + len(d)


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


@pytest.mark.parametrize("suffix", ["csv", "geojson"])
def test_a_list_names_pairs_and_groups(suffix, tmp_path):
    rows = []
    for i, name in enumerate("abc"):
        pair(tmp_path, name, seed=i)
        where = {"image": f"x/{name}.tif", "mask": f"y/{name}.tif"}
        rows.append({**where, "group": "east" if i else "west"})
    path = tmp_path / f"list.{suffix}"
    if suffix == "csv":
        lines = ["image,mask,group", *(",".join(row.values()) for row in rows)]
        path.write_text("\n".join(lines))
    else:
        features = [{"type": "Feature", "properties": row} for row in rows]
        path.write_text(json.dumps({"features": features}))
    d = open_dataset(path, **HOW)
    assert len(d) == 27 and list(d.groups) == ["group", "scene"]
    assert set(d.groups["scene"]) == {"x/a.tif", "x/b.tif", "x/c.tif"}
    assert (d.groups["group"] == "west").sum() == 9
    parts = split(d, [0.5, 0.5], group="scene")
    shared = set(parts[0].groups["scene"]) & set(parts[1].groups["scene"])
    assert not shared


def test_sensors_of_one_scene_in_several_files(tmp_path):
    write_scene(tmp_path / "o.tif", digits(SIZE, SIZE))
    radar = np.linspace(-20, -5, SIZE * SIZE * 2, dtype=np.float32)
    write_scene(tmp_path / "r.tif", radar.reshape(SIZE, SIZE, 2), ("VV", "VH"))
    write_mask(tmp_path / "m.tif", classes())
    (tmp_path / "list.csv").write_text('image,mask\n"o.tif,r.tif",m.tif\n')
    for d in (
        open_dataset(tmp_path / "list.csv", **HOW),
        open_dataset(
            f"{tmp_path}/o.tif,{tmp_path}/r.tif", masks=tmp_path / "m.tif", **HOW
        ),
    ):
        assert [spec.shape for spec in d.inputs] == [(8, 8, 2), (8, 8, 3)]


def test_bands_on_another_grid_than_the_scene_are_told(tmp_path):
    """As of files and arrays; radar of 20 m beside Sentinel-2 of 10 m."""
    radar = np.linspace(-20, -5, SIZE * SIZE // 2, dtype=np.float32)
    radar = radar.reshape(SIZE // 2, SIZE // 2, 2)
    rows = []
    for name in "ab":
        write_scene(tmp_path / f"{name}.tif", digits(SIZE, SIZE))
        write_mask(tmp_path / f"{name}m.tif", classes())
        size = 2 if name == "a" else 1
        grid = {"transform": moved(size=size)}
        pixels = radar if name == "a" else radar.repeat(2, 0).repeat(2, 1)
        write_scene(tmp_path / f"{name}r.tif", pixels, ("VV", "VH"), **grid)
        rows.append(f'"{name}.tif,{name}r.tif",{name}m.tif')
    told = (
        "VV, VH: their pixels of 20 m are interpolated (bilinear) to the 10 m of the "
        "scene's finest bands"
    )
    for some, end in ((rows[:1], ""), (rows, ", in 1 of 2 scenes")):
        (tmp_path / "list.csv").write_text("\n".join(["image,mask", *some]))
        d = open_dataset(tmp_path / "list.csv", **HOW)
        assert [n for n in d.notes if "interpolated" in n] == [told + end]
        d = open_dataset(tmp_path / "list.csv", inputs=["sen2"], **HOW)
        assert not any("interpolated" in note for note in d.notes)


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


def test_a_finer_mask_is_resampled_as_rasterio_does(tmp_path):
    mask = classes(60, 60)
    fine = moved(size=1 / 3)
    scenes, masks = pair(tmp_path, mask=mask, transform=fine)
    d = open_dataset(scenes, masks=masks, **HOW)
    np.testing.assert_array_equal(whole(d, np.arange(9)), mask[1::3, 1::3])
    assert any("resampled" in note and "a.tif" in note for note in d.notes)


def test_a_mask_in_another_projection_is_resampled_as_rasterio_does(tmp_path):
    mask = classes(50, 50)
    here = moved(-15, -15)
    box = rasterio.transform.array_bounds(50, 50, here)
    utm, degrees = CRS.from_epsg(32630), CRS.from_epsg(4326)
    west, south, east, north = transform_bounds(utm, degrees, *box)
    width, height = int((east - west) / 1e-4) + 1, int((north - south) / 1e-4) + 1
    there = Affine(1e-4, 0, west, 0, -1e-4, north)
    other = np.zeros((height, width), np.uint8)
    where = {"src_crs": utm, "dst_crs": degrees, "resampling": Resampling.nearest}
    reproject(mask, other, src_transform=here, dst_transform=there, **where)
    scenes, masks = pair(tmp_path, mask=other, crs="EPSG:4326", transform=there)
    d = open_dataset(scenes, masks=masks, **HOW)
    wanted = np.zeros((SIZE, SIZE), np.uint8)
    reproject(
        other,
        wanted,
        src_transform=there,
        src_crs=degrees,
        dst_transform=UTM,
        dst_crs=utm,
        resampling=Resampling.nearest,
        tolerance=0,
    )
    found = whole(d, np.arange(9))
    # centres that lie on an edge of two pixels may go to either
    assert (found == wanted).mean() > 0.99


@pytest.mark.parametrize("by", [(2, 0), (0, -3), (1000, 0)])
def test_a_shifted_mask_is_refused_with_both_boxes(by, tmp_path):
    scenes, masks = pair(tmp_path, transform=moved(*by))
    with pytest.raises(UserError, match="it lies elsewhere, or is shifted") as caught:
        open_dataset(scenes, masks=masks, **HOW)
    assert str(caught.value).count("x 3") == 2 and "\n" not in str(caught.value)


def test_without_a_place_sizes_decide(tmp_path):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        plain = {"crs": None, "transform": Affine.identity()}
        scenes, masks = pair(tmp_path, **plain)
        assert len(open_dataset(scenes, masks=masks, **HOW)) == 9
        write_mask(masks / "a.tif", classes(40, 40), **plain)
        with pytest.raises(UserError, match=r"mask of 20 × 20 pixels .* found 40 × 40"):
            open_dataset(scenes, masks=masks, **HOW)


def test_bad_pairs_are_refused_in_one_line(tmp_path):
    scenes, masks = pair(tmp_path)
    write_scene(scenes / "b.tif", digits(SIZE, SIZE))
    with pytest.raises(UserError, match=r"no partner of b\.tif"):
        open_dataset(scenes, masks=masks)
    write_mask(masks / "b_mask.tif", classes())
    write_mask(masks / "label_b.tif", classes())
    with pytest.raises(UserError, match=r"one mask, found b_mask\.tif, label_b\.tif"):
        open_dataset(scenes, masks=masks)
    with pytest.raises(UserError, match="found a file beside the folder"):
        open_dataset(scenes, masks=masks / "a.tif")
    with pytest.raises(MissingError, match="no such file or folder of masks"):
        open_dataset(scenes, masks=tmp_path / "z")
    with pytest.raises(UserError, match="masks: expected paths"):
        open_dataset(np.zeros((2, 4, 4, 1)), masks=masks)
    with pytest.raises(UserError, match="expected the kind mask"):
        open_dataset(scenes / "a.tif", masks=masks / "a.tif", kind="class")


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


def test_bad_lists_are_refused(tmp_path):
    pair(tmp_path)
    path = tmp_path / "a.csv"
    for text, message in (
        ("image,label\nx/a.tif,y/a.tif\n", "expected mask in each row, found image"),
        ("image,mask\n", "a row for each image"),
        ("image,mask\nx/a.tif,y/b.tif\n", "no such file"),
        ("image,mask\n" + "x/a.tif,y/a.tif\n" * 2, "each image once"),
    ):
        path.write_text(text)
        with pytest.raises(UserError, match=message):
            open_dataset(path)
    path.rename(tmp_path / "a.geojson")
    with pytest.raises(UserError, match="CSV or GeoJSON list"):
        open_dataset(tmp_path / "a.geojson")


def test_a_random_split_of_overlapping_tiles_is_refused(tmp_path):
    for i, name in enumerate("abcd"):
        write_scene(tmp_path / "x" / f"{name}.tif", digits(64, 64, seed=i))
        write_mask(tmp_path / "y" / f"{name}.tif", classes(64, 64, seed=i))
    how = {"masks": tmp_path / "y", "tile": 32, "tile_stride": 16}
    d = open_dataset(tmp_path / "x", **how)
    with pytest.warns(LeakWarning, match="group='scene'"):
        parts = split(d, [0.5, 0.5])
    with pytest.raises(UserError, match="split by group='scene', stop"):
        check_apart(parts[0], parts[1:], "stop")
    parts = split(d, [0.5, 0.5], group="scene")
    check_apart(parts[0], parts[1:], "stop")


def test_tiles_have_coordinates_for_blocks(tmp_path):
    scenes, masks = pair(tmp_path)
    d = open_dataset(scenes, masks=masks, **HOW)
    found = d.coordinates()
    assert found.shape == (9, 2) and len(np.unique(found, axis=0)) == 9
    centre = rasterio.warp.transform(
        "EPSG:32630", "EPSG:4326", [UTM.c + 40], [UTM.f - 40]
    )
    np.testing.assert_allclose(found[0], np.ravel(centre), atol=1e-9)


def test_a_copy_in_another_process_reads_the_same(tmp_path):
    scenes, masks = pair(tmp_path)
    d = open_dataset(scenes, masks=masks, **HOW)
    copy = pickle.loads(pickle.dumps(d))
    np.testing.assert_array_equal(copy.read([4])["sen2"], d.read([4])["sen2"])
    np.testing.assert_array_equal(copy.read_targets([4]), d.read_targets([4]))


def test_burned_areas(shared):
    folder = shared / "burned_area"
    d = open_dataset(folder / "images", masks=folder / "masks")
    counts = np.zeros(2, int)
    for path in (folder / "masks").iterdir():
        with rasterio.open(path) as file:
            counts += np.bincount(file.read(1).ravel(), minlength=2)
    # one fire, RANCH, has a column of NaN
    assert d.label_counts().tolist() == [counts[0] - 225, counts[1]]
    assert len(np.unique(d.groups["scene"])) == 12
    pixels = d.read(np.arange(len(d)))
    assert all(np.isfinite(values).all() for values in pixels.values())


def test_water_of_spain(shared):
    start = shared / "scenes" / "Spain_7370579_"
    d = open_dataset(
        f"{start}S2Hand.tif,{start}S1Hand.tif",
        masks=f"{start}LabelHand.tif",
        class_names=["dry", "water"],
    )
    assert len(d) == 16 and d.label_counts().tolist() == [192_010, 70_035]
    assert [spec.name for spec in d.inputs] == ["sen1", "sen2"]
    parts = split(d, [0.5, 0.5], group="spatial_block", block_km=1.5)
    assert sum(len(part) for part in parts) == 16


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
