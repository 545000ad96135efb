"""Patches with classes out of scenes: figures by hand, and files that others read."""

import json
import warnings

import h5py
import numpy as np
import polygons
import pytest
import rasterio
import scenes
from rasterio.transform import Affine

import autoai4eo as ae
from autoai4eo.data.splits import split
from autoai4eo.errors import AutoAI4EOWarning, UserError

# whose pixels are compared with those that were written
pytestmark = pytest.mark.filterwarnings("ignore:.*digital numbers are cut as they are")

HOW = {"size": 8, "stride": 4, "verbose": 0}
#: See test_windows.py: windows begin at -2, 2, 6, …; their centres are at 2, 6, 10, ….
TOWN, WOOD = polygons.square(9, 9, 6), polygons.square(29, 9, 6)


@pytest.fixture
def pixels():
    return scenes.digits(40, 60)


@pytest.fixture
def scene(tmp_path, pixels):
    return scenes.write_scene(tmp_path / "scene.tif", pixels)


@pytest.fixture
def labels(tmp_path):
    made = (polygons.polygon(TOWN, use="town"), polygons.polygon(WOOD, use="wood"))
    return polygons.write_geojson(tmp_path / "areas.geojson", made)


def content(path):
    with h5py.File(path) as file:
        return {name: file[name][:] for name in file}, dict(file.attrs)


@pytest.mark.filterwarnings("ignore:.*the classes are those of the field use")
def test_patches_of_two_polygons(tmp_path, scene, labels, pixels):
    """By hand: windows of the town begin at 6 and 10, of the wood at 26 and 30."""
    out = ae.data.cut_patches(scene, labels, tmp_path / "p.h5", **HOW)
    found, told = content(out)
    rows, columns = [6, 6, 6, 6, 10, 10, 10, 10], [6, 10, 26, 30] * 2
    assert found["window"].tolist() == [
        list(place) for place in zip(rows, columns, strict=True)
    ]
    for patch, row, column in zip(found["sen2"], rows, columns, strict=True):
        assert (patch == pixels[row : row + 8, column : column + 8]).all()
    assert found["label"].tolist() == [[1, 0], [1, 0], [0, 1], [0, 1]] * 2
    assert found["polygon"].tolist() == [b"1", b"1", b"2", b"2"] * 2
    assert set(found["scene"].tolist()) == {b"scene"}
    lonlat = polygons.moved([(c + 4, r + 4) for r, c in found["window"]])
    assert np.allclose(np.stack([found["lon"], found["lat"]], axis=1), lonlat)
    assert list(told["class_names"]) == ["town", "wood"]
    assert list(told["sen2_bands"]) == ["B02", "B03", "B04"]
    assert json.loads(told["origin"])["labels"] == "areas.geojson"


@pytest.mark.filterwarnings("ignore:.*the classes are those of the field use")
def test_patches_of_generated_scenes_are_synthetic(tmp_path, scene, labels):
    out = tmp_path / "p.h5"
    assert not ae.open_dataset(
        ae.data.cut_patches(scene, labels, out, **HOW)
    ).is_synthetic
    with rasterio.open(scene, "r+") as file:
        file.update_tags(SYNTHETIC="no measurement")
    made = ae.data.cut_patches(scene, labels, out, overwrite=True, **HOW)
    assert ae.open_dataset(made).is_synthetic


def test_the_file_is_read_and_split_by_polygon(tmp_path, scene, labels):
    """Users rely on: `inspect` and `fit --group polygon` take it as it is."""
    more = [
        polygons.polygon(polygons.square(9, 25, 6), use="town"),
        polygons.polygon(polygons.square(29, 25, 6), use="wood"),
    ]
    made = json.loads(labels.read_text())["features"] + more
    polygons.write_geojson(labels, made)
    out = ae.data.cut_patches(scene, labels, tmp_path / "p.h5", field="use", **HOW)
    dataset = ae.open_dataset(out)
    assert dataset.class_names == ("town", "wood") and len(dataset) == 16
    assert set(dataset.groups) == {"polygon", "scene"}
    assert dataset.inputs[0].named and dataset.coordinates().shape == (16, 2)
    one, other = split(dataset, (0.5, 0.5), group="polygon")
    polygons_of = [set(part.groups["polygon"].tolist()) for part in (one, other)]
    assert len(one) == len(other) == 8 and not polygons_of[0] & polygons_of[1]
    assert split(dataset, (0.5, 0.5), group="spatial_block")


def test_zones_are_those_of_so2sat(tmp_path, scene):
    made = (polygons.polygon(TOWN, lcz="LCZ 3"), polygons.polygon(WOOD, lcz="101"))
    path = polygons.write_geojson(tmp_path / "a.geojson", made)
    out = ae.data.cut_patches(scene, path, tmp_path / "p.h5", **HOW)
    dataset = ae.open_dataset(out)
    assert len(dataset.class_names) == 17
    names = {dataset.class_names[i] for i in dataset.labels}
    assert names == {"3 compact low-rise", "A dense trees"}


def test_labels_and_scenes_in_other_systems(tmp_path, scene, pixels, labels):
    """The same windows, whichever system the labels have; a scene in degrees, too."""
    where = content(
        ae.data.cut_patches(scene, labels, tmp_path / "a.h5", field="use", **HOW)
    )[0]["window"]
    for crs in ("EPSG:3857", "EPSG:32631", "EPSG:3035"):
        path = polygons.write_vectors(
            tmp_path / f"{crs[5:]}.gpkg",
            [(TOWN, "town"), (WOOD, "wood")],
            driver="GPKG",
            crs=crs,
        )
        out = ae.data.cut_patches(scene, path, tmp_path / f"{crs[5:]}.h5", **HOW)
        assert (content(out)[0]["window"] == where).all()
    (left, top), (right, bottom) = polygons.moved([(0, 0), (60, 40)])
    degrees = Affine((right - left) / 60, 0, left, 0, (bottom - top) / 40, top)
    other = scenes.write_scene(
        tmp_path / "degrees.tif", pixels, crs="EPSG:4326", transform=degrees
    )
    out = ae.data.cut_patches(other, labels, tmp_path / "d.h5", field="use", **HOW)
    # the scene is turned by 1.4 degrees there: less than half a stride
    assert len(content(out)[0]["window"]) >= 4


def test_several_scenes_of_several_files(tmp_path, labels, pixels):
    """Dates, systems and sensors: each scene by its name, a polygon in one group."""
    optical = [tmp_path / date / "s2.tif" for date in ("may", "june")]
    radar = [tmp_path / date / "s1.tif" for date in ("may", "june")]
    for i, (s2, s1) in enumerate(zip(optical, radar, strict=True)):
        scenes.write_scene(s2, pixels + i)
        scenes.write_scene(s1, (pixels[..., :2] / -100).astype("float32"), ("VV", "VH"))
    out = ae.data.cut_patches(
        list(zip(optical, radar, strict=True)),
        labels,
        tmp_path / "p.h5",
        field="use",
        **HOW,
    )
    found, told = content(out)
    assert found["scene"].tolist() == [b"s2"] * 8 + [b"s2 (2)"] * 8
    assert (found["sen2"][8:] == found["sen2"][:8] + 1).all()
    assert found["sen1"].shape == (16, 8, 8, 2)
    assert list(told["sen1_bands"]) == ["VV", "VH"]
    assert found["polygon"].tolist()[:8] == found["polygon"].tolist()[8:]


def test_bands_by_name_and_inputs_of_ones_own(tmp_path, scene, labels, pixels):
    out = ae.data.cut_patches(
        scene,
        labels,
        tmp_path / "p.h5",
        field="use",
        inputs={"red": ["b4"], "others": ["B03", "B02"]},
        scale=0.5,
        offset=1,
        **HOW,
    )
    dataset = ae.open_dataset(out)
    assert [spec.name for spec in dataset.inputs] == ["red", "others"]
    assert [b.name for b in dataset.inputs[1].bands] == ["B03", "B02"]
    read = dataset.read([0])
    assert (read["others"][0] == pixels[6:14, 6:14, [1, 0]] * 0.5 + 1).all()
    rgb = scenes.write_scene(tmp_path / "c.tif", pixels, ("R", "G", "B"))
    out = ae.data.cut_patches(rgb, labels, tmp_path / "c.h5", field="use", **HOW)
    assert [spec.name for spec in ae.open_dataset(out).inputs] == ["image"]
    for inputs, message in (
        ({"a": ["B02", "B08"]}, "expected the bands B02, B08 of the inputs"),
        ({"label": ["B02"]}, "got 'label'"),
        ({"a/b": ["B02"]}, "got 'a/b'"),
        ({"a": ["B02", "B2"]}, "each band once"),
        ({"a": []}, "each band once"),
        ({}, "one or more, got none"),
    ):
        with pytest.raises(UserError, match=message):
            ae.data.cut_patches(
                scene, labels, tmp_path / "q.h5", field="use", inputs=inputs, **HOW
            )


def test_windows_without_data_are_left_out_as_in_a_map(tmp_path, labels, pixels):
    """By hand: columns up to 12 have no data.

    Of the window at column 6 (6 to 14) 6 of 8 columns lack data, at 10 two: kept, with
    the median in their place.
    """
    pixels[:, :12] = 0
    path = scenes.write_scene(tmp_path / "s.tif", pixels, nodata=0)
    out = ae.data.cut_patches(path, labels, tmp_path / "p.h5", field="use", **HOW)
    found, _ = content(out)
    assert found["window"][:, 1].tolist() == [10, 26, 30] * 2
    filled = found["sen2"][0][:, :2]
    assert (filled == filled[0, 0]).all() and (filled > 0).all()


def test_points_have_one_window_each(tmp_path, scene, pixels):
    made = [
        polygons.point(20.5, 12.5, use="town"),
        polygons.point(40.5, 30.5, use="wood"),
        polygons.point(0.5, 0.5, use="wood"),  # reflected at the edge: half has no data
    ]
    path = polygons.write_geojson(tmp_path / "points.geojson", made)
    with pytest.warns(AutoAI4EOWarning, match="1 of 3 polygons and points have no win"):
        out = ae.data.cut_patches(scene, path, tmp_path / "p.h5", field="use", **HOW)
    found, _ = content(out)
    assert sorted(map(tuple, found["window"].tolist())) == [(8, 16), (26, 36)]


@pytest.mark.filterwarnings("ignore:.*share pixels with those of another")
@pytest.mark.filterwarnings("ignore:.*1 polygon without windows")
def test_overlaps_of_classes_are_counted(tmp_path, scene):
    """By hand: the centres 10 and 14 of both; the smaller polygon covers 13 to 15."""
    made = [
        polygons.polygon(TOWN, use="town"),
        polygons.polygon(polygons.square(13, 13, 3), use="wood"),
    ]
    path = polygons.write_geojson(tmp_path / "a.geojson", made)

    def classes(**how):
        with pytest.warns(AutoAI4EOWarning, match="1 pair of polygons of different"):
            out = ae.data.cut_patches(
                scene, path, tmp_path / "p.h5", field="use", **HOW, **how
            )
        return content(out)[0]["label"].argmax(axis=1).tolist()

    assert classes() == [0, 0, 0, 1]
    with pytest.raises(UserError, match="found 3 patches of town: the other polygons"):
        classes(drop_overlap=True, overwrite=True)


def test_polygons_of_which_others_leave_nothing_are_told_without_a_stride(
    tmp_path, scene
):
    made = [
        *(
            polygons.polygon(ring, use=use)
            for ring, use in ((TOWN, "town"), (WOOD, "wood"))
        ),
        polygons.polygon(polygons.square(11, 11, 2), use="wood"),
    ]
    path = polygons.write_geojson(tmp_path / "a.geojson", made)
    with pytest.warns(AutoAI4EOWarning) as warned:
        ae.data.cut_patches(
            scene, path, tmp_path / "p.h5", field="use", drop_overlap=True, **HOW
        )
    told = " ".join(str(warning.message) for warning in warned)
    assert "1 polygon without windows on" in told and "cover every part" in told
    assert "stride finds more" not in told


def test_windows_that_share_pixels_across_polygons_are_told(tmp_path, scene, labels):
    """A split by polygon would leak there: which users must know."""
    near = [
        polygons.polygon(TOWN, use="town"),
        polygons.polygon(polygons.square(17, 9, 6), use="wood"),
    ]
    path = polygons.write_geojson(tmp_path / "near.geojson", near)
    with pytest.warns(AutoAI4EOWarning, match="windows of 2 of 2 polygons .* share"):
        ae.data.cut_patches(scene, path, tmp_path / "p.h5", field="use", **HOW)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        how = {"field": "use", "scale": 0.0001, **HOW}
        ae.data.cut_patches(scene, labels, tmp_path / "q.h5", **how)


def test_a_split_by_scene_is_advised_only_where_there_are_several(tmp_path, scene):
    near = [
        polygons.polygon(TOWN, use="town"),
        polygons.polygon(polygons.square(17, 9, 6), use="wood"),
    ]
    path = polygons.write_geojson(tmp_path / "near.geojson", near)
    pixels = scenes.digits(40, 60)
    other = scenes.write_scene(tmp_path / "other.tif", pixels)
    for scenes_, advised in (([scene], False), ([scene, other], True)):
        with pytest.warns(AutoAI4EOWarning) as told:
            out = tmp_path / f"{len(scenes_)}.h5"
            ae.data.cut_patches(scenes_, path, out, field="use", **HOW)
        texts = [str(t.message) for t in told if "share pixels" in str(t.message)]
        assert len(texts) == len(scenes_)
        assert all(("group='scene'" in text) == advised for text in texts)


def test_points_that_contradict_each_other_are_counted(tmp_path, scene):
    """Users rely on: one patch does not get two classes without a word."""
    made = [
        polygons.point(20.2, 12.2, use="town"),
        polygons.point(20.8, 12.8, use="wood"),  # the same pixel
        polygons.point(40.5, 30.5, use="wood"),
        polygons.point(30.5, 30.5, use="town"),
        polygons.point(30.1, 30.1, use="town"),  # the same, and the same class
    ]
    path = polygons.write_geojson(tmp_path / "points.geojson", made)

    def cut(name, message, **how):
        with pytest.warns(AutoAI4EOWarning) as told:
            out = tmp_path / name
            ae.data.cut_patches(scene, path, out, field="use", **HOW, **how)
        texts = [str(t.message) for t in told]
        (text,) = (text for text in texts if "points of different classes" in text)
        assert message in text and "1 pixel of" in text
        assert not any("without windows" in text for text in texts)
        found, _ = content(out)
        return {
            (tuple(place), int(label.argmax()))
            for place, label in zip(
                found["window"].tolist(), found["label"], strict=True
            )
        }

    clear = {((26, 36), 1), ((26, 26), 0)}
    assert cut("a.h5", "the first in the file counts") == {((8, 16), 0), *clear}
    assert cut("b.h5", "none counts", drop_overlap=True) == clear


def test_masks_have_a_class_for_each_pixel(tmp_path, scene):
    """By hand: a square of 6 in a window of 8; outside of it -1."""
    made = [polygons.polygon(TOWN, use="town"), polygons.polygon(WOOD, use="wood")]
    path = polygons.write_geojson(tmp_path / "a.geojson", made)
    out = ae.data.cut_patches(
        scene, path, tmp_path / "p.h5", field="use", target="mask", **HOW
    )
    found, _ = content(out)
    assert found["label"].shape == (8, 8, 8) and found["label"].dtype == np.int16
    wanted = np.full((8, 8), -1)
    wanted[3:, 3:] = 0  # the window begins at 6, the square at 9
    assert (found["label"][0] == wanted).all()
    wanted[wanted == 0] = 1
    assert (found["label"][2] == wanted).all()
    with h5py.File(out) as file:
        assert file["label"].attrs["ignored"] == -1


def test_masks_ignore_pixels_without_data(tmp_path, pixels):
    values = pixels.astype(np.float32)
    values[10] = np.nan
    scene = scenes.write_scene(tmp_path / "scene.tif", values)
    made = [polygons.polygon(TOWN, use="town"), polygons.polygon(WOOD, use="wood")]
    path = polygons.write_geojson(tmp_path / "a.geojson", made)
    out = ae.data.cut_patches(
        scene, path, tmp_path / "p.h5", field="use", target="mask", **HOW
    )
    found, _ = content(out)
    assert found["window"][0].tolist() == [6, 6]
    assert (found["label"][0, 4] == -1).all() and (found["label"][0, 5, 3:] == 0).all()


def test_the_same_call_writes_the_same_bytes(tmp_path, scene, labels, monkeypatch):
    def cut(name):
        out = tmp_path / name
        ae.data.cut_patches(scene, labels, out, field="use", **HOW)
        return out

    assert cut("a.h5").read_bytes() == cut("b.h5").read_bytes()
    # and tiles and batches change the order only
    monkeypatch.setattr("autoai4eo.data.polygons.cutting._TILE", 8)
    monkeypatch.setattr("autoai4eo.data.polygons.cutting._BATCH_BYTES", 1)
    (one, _), (other, _) = content(cut("c.h5")), content(tmp_path / "a.h5")
    back = np.lexsort((one["window"][:, 1], one["window"][:, 0]))
    for name in one:
        assert (one[name][back] == other[name]).all()


@pytest.mark.parametrize("error", [KeyboardInterrupt, OSError(28, "No space left")])
def test_whatever_happens_nothing_half_is_left(
    error, tmp_path, scene, labels, monkeypatch
):
    """Ctrl-C, a full disk: an earlier file stays, and no other is there."""
    out = tmp_path / "p.h5"
    out.write_bytes(b"earlier")
    before = sorted(tmp_path.iterdir())

    def fail(*_, **__):
        raise error

    monkeypatch.setattr("autoai4eo.data.polygons.patch_file.PatchFile.finish", fail)
    expected = KeyboardInterrupt if error is KeyboardInterrupt else UserError
    with pytest.raises(expected):
        ae.data.cut_patches(scene, labels, out, field="use", overwrite=True, **HOW)
    assert sorted(tmp_path.iterdir()) == before and out.read_bytes() == b"earlier"


def test_no_overlap_shows_both_places(tmp_path, scene):
    made = [
        polygons.polygon(polygons.square(9000 + 50 * i, 0, 9), use=name)
        for i, name in enumerate(("town", "wood"))
    ]
    path = polygons.write_geojson(tmp_path / "far.geojson", made)
    with pytest.raises(UserError) as told:
        ae.data.cut_patches(scene, path, tmp_path / "p.h5", field="use", **HOW)
    text = str(told.value)
    assert "found none on" in text and "\n" not in text
    assert "the polygons at longitudes -4.2" in text
    assert "the scene at longitudes -5.2" in text


@pytest.mark.parametrize(
    ("how", "message"),
    [
        ({"field": "kind"}, "a field called kind, found use"),
        ({"size": 0}, "size: expected 1 to"),
        ({"stride": 0}, "stride: expected 1 to"),
        ({"size": 50}, "at least one window, 50×50 pixels"),
        ({"min_share": 0}, "min_share: expected a share above 0"),
        ({"min_share": 1.5}, "min_share: expected a share above 0"),
        ({"target": "box"}, "target: expected one of class, mask"),
        ({"stride": 40}, "found none; give a smaller stride"),
        ({"lcz": True}, "expected local climate zones"),
        ({"mask_clouds": True}, "SCL or QA60"),
        ({"bands": ["B02"]}, "one name for each of its 3 bands"),
    ],
)
def test_wrong_options(how, message, tmp_path, scene, labels):
    given = {"field": "use", **HOW, **how}
    with pytest.raises(UserError, match=message) as told:
        ae.data.cut_patches(scene, labels, tmp_path / "p.h5", **given)
    assert "\n" not in str(told.value) and not (tmp_path / "p.h5").exists()


def test_wrong_files(tmp_path, scene, labels, pixels):
    def refused(message, scenes_=scene, labels_=labels, out=tmp_path / "p.h5"):
        with pytest.raises(UserError, match=message):
            ae.data.cut_patches(scenes_, labels_, out, field="use", **HOW)

    (tmp_path / "there.h5").write_bytes(b"")
    refused("give overwrite=True", out=tmp_path / "there.h5")
    refused("expected a folder to write it to", out=tmp_path / "no" / "p.h5")
    refused("one or more, got none", scenes_=[])
    refused("files of each scene", scenes_=[[]])
    refused("none.tif", scenes_=tmp_path / "none.tif")
    refused("no such file", labels_=tmp_path / "none.kml")
    bare = scenes.write_scene(tmp_path / "bare.tif", pixels, crs=None)
    refused("expected a coordinate reference system", scenes_=bare)
    two = scenes.write_scene(tmp_path / "two.tif", pixels[..., :2], ("B02", "B03"))
    refused(r'B04 missing.* list in the list: \[\["S2.tif"', scenes_=[scene, two])
    with pytest.raises(UserError, match="an output that is not read as well"):
        ae.data.cut_patches(scene, labels, scene, field="use", overwrite=True, **HOW)


def test_a_scene_without_polygons_beside_one_with(tmp_path, scene, labels, pixels):
    far = scenes.write_scene(
        tmp_path / "far.tif", pixels, transform=Affine(10, 0, 4e5, 0, -10, 4.2e6)
    )
    with pytest.warns(AutoAI4EOWarning, match="no polygon or point lies on .*far.tif"):
        out = ae.data.cut_patches(
            [scene, far], labels, tmp_path / "p.h5", field="use", **HOW
        )
    assert set(content(out)[0]["scene"].tolist()) == {b"scene"}


def test_polygons_and_points_on_no_scene_are_counted(tmp_path, scene):
    """Users rely on: half a file in a wrong coordinate system is no silent loss."""
    made = [
        *(
            polygons.polygon(ring, use=use)
            for ring, use in ((TOWN, "town"), (WOOD, "wood"))
        ),
        polygons.polygon(polygons.square(9_000, 25, 4), use="wood"),
        polygons.point(9_000.5, 12.5, use="town"),
    ]
    path = polygons.write_geojson(tmp_path / "a.geojson", made)
    with pytest.warns(AutoAI4EOWarning, match="2 of 4 polygons and points lie on no s"):
        ae.data.cut_patches(scene, path, tmp_path / "p.h5", field="use", **HOW)


def test_polygons_without_windows_and_classes_without_patches(tmp_path, scene):
    made = [
        *(
            polygons.polygon(ring, use=use)
            for ring, use in ((TOWN, "town"), (WOOD, "wood"))
        ),
        polygons.polygon(polygons.square(45, 25, 0.5), use="pond"),
    ]
    path = polygons.write_geojson(tmp_path / "a.geojson", made)
    with (
        pytest.warns(AutoAI4EOWarning, match="1 polygon without windows"),
        pytest.warns(AutoAI4EOWarning, match="no patches of pond"),
    ):
        ae.data.cut_patches(scene, path, tmp_path / "p.h5", field="use", **HOW)


@pytest.mark.filterwarnings("ignore:.*the processing levels L1C, None")
def test_scenes_in_digital_numbers_that_are_too_high(tmp_path, labels, pixels):
    """Products since baseline 04.00 have an offset; mixed with older ones more so."""
    new = tmp_path / "S2A_MSIL1C_20220801T100000_N0400_R022_T30SXH_20220801T120000.SAFE"
    scenes.write_scene(new / "a.tif", pixels)
    with rasterio.open(new / "a.tif") as file:
        assert file.count == 3
    old = scenes.write_scene(tmp_path / "old.tif", pixels)
    with pytest.warns(AutoAI4EOWarning, match="1 of 2 of the scenes have numbers of"):
        ae.data.cut_patches(
            [new / "a.tif", old], labels, tmp_path / "p.h5", field="use", **HOW
        )
