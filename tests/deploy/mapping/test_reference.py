"""A map against a reference: each pixel where it lies, classes as they are told."""

import json
from types import SimpleNamespace

import numpy as np
import predictors
import pytest
import rasterio
import rasterio.shutil
import scenes
import shapely
from rasterio.transform import Affine

from autoai4eo.data.target import Target
from autoai4eo.deploy import map_scene
from autoai4eo.deploy.mapping.products import MadeMap
from autoai4eo.deploy.mapping.reference import Reference
from autoai4eo.deploy.mapping.reference_classes import (
    groups_of,
    parse_legend,
    values_of,
)
from autoai4eo.errors import AutoAI4EOWarning, UserError

CLASSES = ("water", "field", "town")


@pytest.fixture
def classes():
    return np.random.default_rng(0).integers(0, 4, (30, 40)).astype(np.uint8)


def write_map(folder, classes):
    path = scenes.write_scene(folder / "m.tif", classes[..., None], None, nodata=0)
    return MadeMap(path, folder / "none.tif", CLASSES)


def compare(made, source, legend=(), field=None):
    path = made.path.with_name("r.json")
    found = Reference(source, path, parse_legend(legend), field).write(made, path)
    assert json.loads(path.read_text()) == found
    return found


def test_a_map_against_itself(tmp_path, classes):
    made = write_map(tmp_path, classes)
    found = compare(made, made.path)
    assert found["scores"]["accuracy"] == 1 and found["pixels"] == (classes > 0).sum()
    for i, name in enumerate(CLASSES, start=1):
        one = found["estimates"]["per_class"][name]
        assert one["area_km2"]["value"] == pytest.approx((classes == i).sum() * 1e-4)
        assert one["area_km2"]["standard_error"] == 0


def test_tags_that_name_no_value_are_no_classes(tmp_path, classes):
    made = write_map(tmp_path, classes)
    with rasterio.open(made.path, "r+") as file:
        file.update_tags(1, CLASS_NAMES="water, field", CLASS_x="water", CLASS_2="town")
    found = compare(made, made.path)
    assert found["pixels"] == (classes == 2).sum()
    assert found["scores"]["confusion_matrix"][2] == [0, (classes == 2).sum(), 0]


@pytest.mark.parametrize("how", ["tag of the file", "categories"])
def test_a_reference_names_its_classes_as_masks_do(how, tmp_path, classes):
    """Users rely on: numbers from 0 with names are not taken for a map's from 1."""
    made = write_map(tmp_path, classes)
    path = scenes.write_scene(tmp_path / "t.tif", classes[..., None], None)
    names = ("unlabelled", *CLASSES)
    if how == "categories":
        each = "".join(f"<Category>{name}</Category>" for name in names[::-1])
        path.with_name("t.tif.aux.xml").write_text(
            f'<PAMDataset><PAMRasterBand band="1"><CategoryNames>{each}'
            "</CategoryNames></PAMRasterBand></PAMDataset>"
        )
    else:
        with rasterio.open(path, "r+") as file:
            file.update_tags(class_names=",".join(names[::-1]))
    found = compare(made, path)
    places = {name: i for i, name in enumerate(CLASSES)}
    expected = np.zeros((3, 3), int)
    for value, name in enumerate(names[::-1][:3]):
        expected[places[name]] = np.bincount(classes[classes == value], minlength=4)[1:]
    assert found["scores"]["confusion_matrix"] == expected.tolist()
    assert found["pixels_left_out"] == (classes == 3).sum()
    assert found["values_left_out"] == {"3": (classes == 3).sum()}


def test_finer_labels_are_compared_pixel_by_pixel(tmp_path, classes):
    """With groups of classes, values that stand for none, and nodata."""
    rng = np.random.default_rng(1)
    truth = rng.integers(-1, 4, (90, 120)).astype(np.int16)
    truth[:9] = -99
    path = scenes.write_scene(
        tmp_path / "t.tif",
        truth[..., None],
        None,
        transform=scenes.UTM @ Affine.scale(1 / 3),
        nodata=-99,
    )
    made = write_map(tmp_path, classes)
    found = compare(made, path, ["1=water", "2=field+town"])
    assert found["classes"] == ["water", "field+town"]
    fine = classes.repeat(3, axis=0).repeat(3, axis=1)
    expected = [
        [((truth == t) & np.isin(fine, of)).sum() for of in ([1], [2, 3])]
        for t in (1, 2)
    ]
    assert found["scores"]["confusion_matrix"] == expected
    left_out = np.isin(truth, [-1, 0, 3]) & (fine > 0)  # their values have no class
    assert found["pixels_left_out"] == left_out.sum()
    assert found["values_left_out"] == {
        str(v): (left_out & (truth == v)).sum() for v in (-1, 0, 3)
    }
    found = compare(made, path, ["1=water", "0=rest", "3=rest"])
    expected = [
        [(np.isin(truth, t) & np.isin(fine, of)).sum() for of in ([1], [2, 3])]
        for t in ([1], [0, 3])
    ]
    assert found["classes"] == ["water", "rest"]
    assert found["scores"]["confusion_matrix"] == expected


def test_a_reference_may_name_other_files_where_the_user_allows_it(tmp_path, classes):
    made = write_map(tmp_path, classes)
    elsewhere = tmp_path / "elsewhere" / "labels.vrt"
    elsewhere.parent.mkdir()
    rasterio.shutil.copy(made.path, elsewhere, driver="VRT")
    with pytest.raises(UserError, match="allow that with allow_remote=True"):
        compare(made, elsewhere)
    path = tmp_path / "r.json"
    found = Reference(elsewhere, path, {}, allow_remote=True)
    assert found.write(made, path)["scores"]["accuracy"] == 1
    assert found.picture(made, 20).labels.shape == (15, 20)


def test_classes_that_no_value_stands_for_are_wrong(tmp_path, classes):
    made = write_map(tmp_path, classes)
    found = compare(made, made.path, ["1=water"])
    assert found["classes"] == ["water", "rest"]
    assert found["scores"]["confusion_matrix"] == [[(classes == 1).sum(), 0], [0, 0]]


@pytest.mark.parametrize("crs", ["EPSG:32630", "EPSG:4326"])
def test_polygons_and_points_count_the_pixels_that_they_cover(tmp_path, classes, crs):
    from pyogrio.raw import write

    made = write_map(tmp_path, classes)
    boxes = {"water": (5, 4, 25, 14), "Town": (10, 20, 36, 29)}
    shapes = [shapely.box(*box) for box in boxes.values()] + [shapely.Point(2.5, 2.5)]
    t = np.array(scenes.UTM).reshape(3, 3)

    def place(pixels):
        x, y, _ = t @ np.array([*pixels.T, np.ones(len(pixels))])
        if crs == "EPSG:4326":
            x, y = rasterio.warp.transform("EPSG:32630", crs, x, y)
        return np.array([x, y]).T

    placed = shapely.transform(np.array(shapes), place)
    path = tmp_path / "truth.gpkg"
    write(
        path,
        shapely.to_wkb(placed),
        [np.array([*boxes, "water"], object)],
        ["label"],
        crs=crs,
        geometry_type="Unknown",
        driver="GPKG",
    )
    found = compare(made, path)
    inside = {1: classes[4:14, 5:25], 3: classes[20:29, 10:36]}
    expected = np.zeros((3, 3), int)
    for truth, some in inside.items():
        expected[truth - 1] = np.bincount(some.ravel(), minlength=4)[1:]
    if classes[2, 2]:
        expected[0, classes[2, 2] - 1] += 1
    assert found["scores"]["confusion_matrix"] == expected.tolist()
    found = compare(made, path, ["water=water", "Town=field"])
    assert not found["values_left_out"]
    found = compare(made, path, ["Town=town"])
    (left_out,) = found["values_left_out"]
    assert left_out == "water"


def test_local_climate_zones_are_named_as_in_the_file(tmp_path, classes):
    """And those that it lacks are not listed."""
    from pyogrio.raw import write

    made = write_map(tmp_path, classes)
    at = [scenes.UTM @ (column + 0.5, 8.5) for column in (6, 20)]
    path = tmp_path / "zones.gpkg"
    write(
        path,
        shapely.to_wkb(shapely.points(at)),
        [np.array(["G", "D"], object)],
        ["lcz"],
        crs="EPSG:32630",
        geometry_type="Point",
        driver="GPKG",
    )
    found = compare(made, path, ["G=water", "D=rest"])
    assert found["pixels"] == 2 and found["classes"] == ["water", "rest"]
    with pytest.raises(UserError, match="found D low plants, G water; say"):
        compare(made, path)
    with pytest.raises(UserError, match=r"\(D low plants, G water\), got 8"):
        compare(made, path, ["8=water"])
    with pytest.raises(UserError, match="each local climate zone once, got G, LCZ G"):
        compare(made, path, ["G=water", "LCZ G=town"])


@pytest.mark.parametrize(
    ("legend", "values", "match"),
    [
        ({"1": "sea"}, {}, "expected classes of the map .water, field, town. or rest"),
        ({"1": "watr"}, {}, "or rest, got watr .did you mean water.."),
        ({"1": "rset"}, {}, "or rest, got rset .did you mean rest.."),
        ({"1": "water", "2": "town+Water"}, {}, "found water in water and town"),
        ({"1": "water+field+town", "0": "rest"}, {}, "in no group"),
        ({}, {"1": "sea"}, "found sea; .* such as reference_classes={'1': 'water'}"),
    ],
)
def test_classes_that_are_not_the_maps_are_told(legend, values, match):
    with pytest.raises(UserError, match=match) as error:
        groups_of("truth.tif", CLASSES, legend, values)
    assert "\n" not in str(error.value)


def test_a_map_is_written_also_where_it_is_compared(tmp_path):
    """The comparison needs no more than the map; nothing is written in its place."""
    net = scenes.save(scenes.classifier(), tmp_path / "net")
    scene = scenes.write_scene(tmp_path / "s.tif", scenes.digits(40, 60))
    how = {"scale": 1e-4, "stride": 5, "verbose": 0}
    first = map_scene(net, scene, tmp_path / "a.tif", **how)
    out = map_scene(net, scene, tmp_path / "b.tif", reference=first, **how)
    found = json.loads((tmp_path / "b_reference.json").read_text())
    assert out.exists() and found["scores"]["accuracy"] == 1
    elsewhere = scenes.write_scene(
        tmp_path / "far.tif",
        np.ones((9, 9, 1), np.uint8),
        None,
        transform=scenes.UTM @ Affine.translation(9999, 0),
    )
    with pytest.raises(UserError, match="found none there; give labels of this"):
        map_scene(net, scene, tmp_path / "c.tif", reference=elsewhere, **how)
    others = scenes.write_scene(
        tmp_path / "others.tif", np.full((40, 60, 1), 77, np.uint8), None
    )
    match = r"found 77; .* reference_classes={'77': 'CLASS'} \(the map itself is"
    with pytest.raises(UserError, match=match):
        map_scene(net, scene, tmp_path / "d.tif", reference=others, **how)
    assert (tmp_path / "d.tif").exists()


def test_masks_as_a_reference_have_the_values_of_the_training_masks(tmp_path):
    """The run tells them; of an export, names such as ``class 10``."""
    run = predictors.write_run(tmp_path / "run", "class", predictors.network("class"))
    known = json.loads((run / "run.json").read_text())
    values = {"0": "soil", "10": "water"}
    opened = {"masks": None, "tile": 8, "tile_stride": None, "ignored": []}
    training = known["data"]["training"]
    training |= {"target": "mask", "classes": ["soil", "water"]}
    training["opened"] = {**opened, "classes": values}
    (run / "run.json").write_text(json.dumps(known))

    def of(path, *names, kind="mask"):
        return values_of(SimpleNamespace(path=path, target=Target(kind, names)))

    assert of(run, "soil", "water") == values
    elsewhere = tmp_path / "net.onnx"
    assert of(elsewhere, "class 0", "class 10") == {"0": "class 0", "10": "class 10"}
    assert of(elsewhere, "soil", "class 10") == {}
    assert of(elsewhere, "#000000", "#0000ff") == {c: c for c in ("#000000", "#0000ff")}
    training["opened"] |= {"classes": {"0": "soil", "255": "water"}, "coloured": True}
    (run / "run.json").write_text(json.dumps(known))
    assert of(run, "soil", "water") == {"#000000": "soil", "#0000ff": "water"}
    assert of(elsewhere, "class 0", "class 1", kind="class") == {}


def test_values_of_masks_are_not_taken_for_numbers_of_a_map(tmp_path, classes):
    made = write_map(tmp_path, classes)
    path = scenes.write_scene(tmp_path / "t.tif", classes[..., None] - 1, None)
    values = {str(i): name for i, name in enumerate(CLASSES)}
    out = tmp_path / "r.json"
    found = Reference(path, out, {}, None, values).write(made, out)
    assert found["scores"]["accuracy"] == 1


def test_values_that_are_probably_no_numbers_of_the_map_are_told(tmp_path):
    """A mask of water, 0 and 1, beside a map whose value 1 is another class."""
    made = write_map(tmp_path, np.full((30, 40), 2, np.uint8))
    truth = np.zeros((30, 40, 1), np.uint8)
    truth[:9] = 1
    path = scenes.write_scene(tmp_path / "t.tif", truth, None)
    told = "own values: 1 = water; but the map has none of these and 70% of the pixels"
    with pytest.warns(AutoAI4EOWarning, match=told):
        found = compare(made, path)
    assert found["estimates"]["overall_accuracy"] is None
    compare(made, path, ["1=water", "0=rest"])  # the user's own words: no warning


def test_long_codes_that_are_left_out_are_told_apart(tmp_path, classes):
    """Such as those of crops in EuroCrops."""
    made = write_map(tmp_path, classes)
    codes = np.array([0, 1, 330101001, 330101002], np.int32)[classes]
    path = scenes.write_scene(tmp_path / "t.tif", codes[..., None], None, nodata=0)
    left_out = compare(made, path, ["1=water"])["values_left_out"]
    assert left_out == {
        "330101001": (classes == 2).sum(),
        "330101002": (classes == 3).sum(),
    }


@pytest.mark.parametrize("form", ["colours", "alpha"])
def test_a_coloured_reference_is_read_as_masks_are(form, tmp_path, classes):
    """Users rely on: scores of labels as a picture, whose red is the same here."""
    made = write_map(tmp_path, classes)
    palette = np.array([[9, 9, 9], [0, 0, 0], [0, 0, 255], [0, 99, 0]], np.uint8)
    picture, known = palette[classes], classes > 0
    if form == "alpha":
        clear = np.where(known, 255, 0).astype(np.uint8)[..., None]
        picture = np.concatenate([picture, clear], axis=-1)
    path = scenes.write_scene(tmp_path / "t.tif", picture, None)
    colours = dict(zip(("#000000", "#0000ff", "#006300"), CLASSES, strict=True))
    of = Reference(path, tmp_path / "r.json", {}, None, colours)
    found = of.write(made, of.path)
    assert found["scores"]["accuracy"] == 1 and found["pixels"] == known.sum()
    np.testing.assert_array_equal(of.picture(made, 800).labels, classes)
    found = compare(made, path, ["#0000FF=field", "#000000=rest"])
    expected = [[(classes == 2).sum(), 0], [0, (classes == 1).sum()]]
    assert found["scores"]["confusion_matrix"] == expected
    assert found["values_left_out"] == {"#006300": (classes == 3).sum()}
    with pytest.raises(UserError, match="expected colours such as #1f78b4, the val"):
        compare(made, path, ["255=field"])


@pytest.mark.parametrize(
    ("coloured", "values", "match"),
    [
        (True, {}, "the map's classes by number, found colours such as #1f78b4; say"),
        (True, {"0": "water"}, "values such as 0, as the training masks have, found c"),
        (False, {"#000000": "water"}, "such as #000000, .*found numbers; .*{'1': 'wat"),
    ],
)
def test_colours_and_numbers_are_not_taken_for_each_other(
    coloured, values, match, tmp_path, classes
):
    labels = np.stack([classes] * (3 if coloured else 1), axis=-1)
    path = scenes.write_scene(tmp_path / "t.tif", labels, None)
    with pytest.raises(UserError, match=match) as error:
        out = tmp_path / "r.json"
        Reference(path, out, {}, None, values).write(write_map(tmp_path, classes), out)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("kind", ["raster", "finer", "groups", "polygons"])
def test_the_reference_is_drawn_in_the_classes_of_the_map(kind, tmp_path, classes):
    """Users rely on: the panels of reference and map have the same colours."""
    made = write_map(tmp_path, classes)
    truth = np.full((30, 40), 255, np.uint8)
    truth[5:20, 10:25], truth[5:20, 25:30] = 1, 3
    expected = np.where(truth == 255, 0, truth)
    legend, path = [], tmp_path / "t.tif"
    if kind == "polygons":
        path = tmp_path / "t.geojson"
        corners = ((10, 25, "water"), (25, 30, "town"))
        boxes = [
            (shapely.box(*(scenes.UTM @ (a, 20)), *(scenes.UTM @ (b, 5))), name)
            for a, b, name in corners
        ]
        features = [
            {
                "type": "Feature",
                "properties": {"class": name},
                "geometry": json.loads(shapely.to_geojson(box)),
            }
            for box, name in boxes
        ]
        crs = {"type": "name", "properties": {"name": "urn:ogc:def:crs:EPSG::32630"}}
        text = {"type": "FeatureCollection", "crs": crs, "features": features}
        path.write_text(json.dumps(text))
    else:
        fine, transform = truth, scenes.UTM
        if kind == "finer":
            fine = truth.repeat(3, axis=0).repeat(3, axis=1)
            transform = scenes.UTM @ Affine.scale(1 / 3)
        how = {"transform": transform, "nodata": 255}
        scenes.write_scene(path, fine[..., None], None, **how)
        if kind == "groups":
            legend = ["1=field+town", "3=water"]
            expected = np.select([truth == 1, truth == 3], [4, 1])
    of = Reference(path, tmp_path / "r.json", parse_legend(legend))
    np.testing.assert_array_equal(of.picture(made, 800).labels, expected)
    assert of.picture(made, 20).labels.shape == (15, 20)
