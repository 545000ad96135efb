"""Polygons of a map: what was mapped, each area once, edges in common."""

import numpy as np
import predictors
import pyogrio
import pytest
import rasterio
import scenes
import segmenters
import shapely
from rasterio.features import rasterize
from rasterio.transform import Affine
from scipy.ndimage import label, uniform_filter

from autoai4eo.data.scenes.grid import Grid
from autoai4eo.deploy import load_predictor, map_scene
from autoai4eo.deploy.mapping.earlier import beside
from autoai4eo.deploy.mapping.pixel_areas import pixel_areas
from autoai4eo.deploy.mapping.polygons import Polygons
from autoai4eo.deploy.mapping.products import MadeMap
from autoai4eo.errors import UserError

CLASSES = ("water", "field", "$town_")


def blobs(height, width, seed=0):
    """Classes 0 to 3 in areas of all sizes; their corners touch here and there."""
    rng = np.random.default_rng(seed)
    smooth = uniform_filter(rng.normal(size=(height, width)), 4)
    return np.digitize(smooth, np.quantile(smooth, [0.1, 0.4, 0.7])).astype(np.uint8)


def write(folder, classes, crs="EPSG:32630", transform=scenes.UTM):
    """A map and its confidence."""
    rng = np.random.default_rng(1)
    confidence = rng.uniform(0.3, 1, classes.shape).astype(np.float32)
    confidence[classes == 0] = np.nan
    for name, values in (("m", classes), ("m_confidence", confidence)):
        scenes.write_scene(
            folder / f"{name}.tif",
            values[..., None],
            None,
            crs=crs,
            transform=transform,
        )
    return folder / "m.tif", confidence


def polygons(out, **how):
    made = Polygons(out.with_suffix(".gpkg"), **how)
    number = made.write(MadeMap(out, beside(out, "confidence"), CLASSES), made.path)
    told, _, shapes, values = pyogrio.raw.read(made.path)
    assert number == len(shapes)
    table = dict(zip(told["fields"], values, strict=True))
    return told["crs"], shapely.from_wkb(shapes), table


def connected(classes):
    """Value and mask of each area of the whole map."""
    for value in (1, 2, 3):
        found, number = label(classes == value)
        for i in range(1, number + 1):
            yield value, found == i


@pytest.mark.parametrize("strip", [2**22, 90 * 7, 90])
def test_each_area_is_a_polygon_with_its_class_size_and_confidence(
    tmp_path, monkeypatch, strip
):
    monkeypatch.setattr("autoai4eo.deploy.mapping.strips.PIXELS", strip)
    classes = blobs(61, 90)
    out, confidence = write(tmp_path, classes)
    crs, shapes, table = polygons(out)
    assert crs == "EPSG:32630" and shapely.is_valid(shapes).all()
    expected = sorted(
        (value, 100.0 * mask.sum(), confidence[mask].mean(dtype=float))
        for value, mask in connected(classes)
    )
    columns = (table[name].tolist() for name in ("value", "area_m2", "confidence"))
    np.testing.assert_allclose(sorted(zip(*columns, strict=True)), expected)
    assert [CLASSES[v - 1] for v in table["value"]] == table["class"].tolist()
    np.testing.assert_allclose(shapely.area(shapes), table["area_m2"])
    drawn = rasterize(
        zip(shapes, table["value"], strict=True), classes.shape, transform=scenes.UTM
    )
    np.testing.assert_array_equal(drawn, classes)


@pytest.mark.parametrize("strip", [2**22, 120 * 16])
def test_simplified_neighbours_have_no_gaps_and_do_not_overlap(
    tmp_path, monkeypatch, strip
):
    monkeypatch.setattr("autoai4eo.deploy.mapping.strips.PIXELS", strip)
    classes = blobs(80, 120)
    out, _ = write(tmp_path, classes)
    _, exact, table = polygons(out)
    (tmp_path / "m.gpkg").unlink()
    _, simple, same = polygons(out, tolerance=15.0)
    np.testing.assert_allclose(np.sort(same["area_m2"]), np.sort(table["area_m2"]))
    assert shapely.is_valid(simple).all()
    points = [shapely.get_num_coordinates(x).sum() for x in (simple, exact)]
    assert points[0] < 0.75 * points[1]
    # the polygons and the areas without data fill the map as before
    assert shapely.area(simple).sum() == pytest.approx(
        shapely.area(shapely.union_all(simple)), rel=1e-9
    )
    gaps = shapely.area(
        shapely.union_all(exact).symmetric_difference(shapely.union_all(simple))
    )
    empty = 100 * (classes == 0).sum()
    assert gaps < 0.5 * empty  # only at the edges of nodata
    moved = shapely.hausdorff_distance(
        shapely.union_all(exact), shapely.union_all(simple)
    )
    assert moved < 60


def test_small_areas_are_left_out(tmp_path, monkeypatch):
    monkeypatch.setattr("autoai4eo.deploy.mapping.strips.PIXELS", 90 * 7)
    classes = blobs(61, 90)
    out, _ = write(tmp_path, classes)
    expected = sorted(
        100 * mask.sum() for _, mask in connected(classes) if mask.sum() >= 20
    )
    for tolerance in (0.0, 12.0):
        _, _, table = polygons(out, min_area=2000.0, tolerance=tolerance)
        np.testing.assert_allclose(np.sort(table["area_m2"]), expected)
        (tmp_path / "m.gpkg").unlink()


def test_areas_in_degrees_are_those_on_the_ellipsoid(tmp_path):
    classes = blobs(30, 40)
    step = 0.01
    transform = Affine(step, 0, -0.78, 0, -step, 60.0)
    out, _ = write(tmp_path, classes, "EPSG:4326", transform)
    _, _, table = polygons(out)
    expected = [
        sum(band(60 - row * step, step) for row in np.nonzero(mask)[0])
        for _, mask in connected(classes)
    ]
    found = np.sort(table["area_m2"])
    np.testing.assert_allclose(found, np.sort(expected), rtol=1e-6)


def band(top, step):
    """Area of a cell of the ellipsoid between two parallels, in closed form."""
    a, f = 6378137.0, 1 / 298.257223563
    e = np.sqrt(f * (2 - f))

    def q(degrees):
        s = np.sin(np.radians(degrees))
        return s / (1 - e**2 * s**2) + np.arctanh(e * s) / e

    return a**2 * (1 - e**2) / 2 * np.radians(step) * (q(top) - q(top - step))


def test_the_pixels_of_the_whole_earth_are_its_surface():
    with (
        rasterio.MemoryFile() as memory,
        memory.open(
            driver="GTiff",
            width=1,
            height=1800,
            count=1,
            dtype="uint8",
            crs="EPSG:4326",
            transform=Affine(360, 0, -180, 0, -0.1, 90),
        ) as file,
    ):
        grid = Grid.of(file)
    # National Geospatial-Intelligence Agency: 510,065,621.724 km²
    total = pixel_areas(grid, 0, 1800).sum() / 1e6
    assert total == pytest.approx(510_065_621.724, rel=1e-6)


@pytest.fixture(scope="module")
def scene(tmp_path_factory):
    path = tmp_path_factory.mktemp("scene") / "s.tif"
    return scenes.write_scene(path, scenes.digits(60, 84))


@pytest.mark.parametrize("kind", ["patches", "pixels"])
def test_a_map_is_written_with_its_polygons(tmp_path, scene, kind):
    made = scenes.classifier() if kind == "patches" else segmenters.padded((24, 24))
    model = scenes.save(made, tmp_path / "model")
    out = map_scene(
        model,
        scene,
        tmp_path / "m.tif",
        polygons=tmp_path / "m.gpkg",
        scale=1e-4,
        verbose=0,
    )
    told, _, shapes, values = pyogrio.raw.read(tmp_path / "m.gpkg")
    with rasterio.open(out) as file:
        classes, pixel = file.read(1), file.transform.a**2
    table = dict(zip(told["fields"], values, strict=True))
    assert table["area_m2"].sum() == pytest.approx((classes > 0).sum() * pixel)
    assert set(table["class"]) == {
        scenes.CLASSES[i - 1] for i in np.unique(classes) if i
    }
    assert len(shapes) > 1 and not (tmp_path / ".mapping-m.tif").exists()


@pytest.mark.parametrize(
    ("option", "match"),
    [
        ({"tolerance": 1.0}, "expected polygons that they are for, found none"),
        ({"polygons": "p.shp"}, r"expected a name that ends with \.gpkg"),
        ({"polygons": "p.gpkg", "tolerance": -1.0}, "tolerance: expected a number fr"),
        ({"polygons": "p.gpkg", "min_area": np.nan}, "min_area: expected a number fr"),
        ({"polygons": "there.gpkg"}, "exists already"),
        ({"polygons": "p.gpkg", "tolerance": 1e6}, "less than the map's shorter side"),
    ],
)
def test_wrong_options_are_refused_before_the_map(tmp_path, scene, option, match):
    (tmp_path / "there.gpkg").write_text("")
    if "polygons" in option:
        option = {**option, "polygons": tmp_path / option["polygons"]}
    model = load_predictor(scenes.save(scenes.classifier(), tmp_path / "model"))
    with pytest.raises(UserError, match=match) as error:
        map_scene(model, scene, tmp_path / "m.tif", **option)
    assert "\n" not in str(error.value) and not (tmp_path / "m.tif").exists()


def test_maps_without_classes_or_place_have_no_polygons(tmp_path, scene):
    predictors.describe(tmp_path, "value")
    predictors.network("value").save(tmp_path / "v.keras")
    how = {"polygons": tmp_path / "p.gpkg", "scale": 1e-4, "verbose": 0}
    with pytest.raises(UserError, match="expected a network that predicts classes"):
        map_scene(tmp_path / "v.keras", scene, tmp_path / "m.tif", **how)
    nowhere = scenes.write_scene(tmp_path / "n.tif", scenes.digits(60, 84), crs=None)
    model = scenes.save(scenes.classifier(), tmp_path / "model")
    with pytest.raises(UserError, match="with a coordinate reference system"):
        map_scene(model, nowhere, tmp_path / "m.tif", allow_no_crs=True, **how)
