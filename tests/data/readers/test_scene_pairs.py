"""Scenes with masks, read as tiles: which mask is of which scene, and where."""

import json
import pickle
import warnings

import numpy as np
import pytest
import rasterio
from mask_pairs import HOW, SIZE, classes, moved, pair, whole, write_mask
from rasterio import Affine
from rasterio.crs import CRS
from rasterio.enums import Resampling
from rasterio.warp import reproject, transform_bounds
from scenes import UTM, digits, write_scene

from autoai4eo.data.between_parts import check_apart
from autoai4eo.data.masks.overlapping import each_pixel_once
from autoai4eo.data.masks.raster import MaskRaster
from autoai4eo.data.readers.opening import open_dataset
from autoai4eo.data.splits import LeakWarning, class_weights, split
from autoai4eo.errors import MissingError, UserError


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
    with pytest.raises(UserError, match=r"split by group='scene' .if the scenes"):
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


def test_forgotten_masks_are_asked_for(tmp_path):
    files = [tmp_path / name for name in ("a.tif", "b.tif")]
    for file in files:
        write_scene(file, digits(SIZE, SIZE))
    for scene in (files[0], ",".join(map(str, files))):
        with pytest.raises(UserError, match=r"a scene, give its masks \(masks\)"):
            open_dataset(scene)
