"""Polygons lie where they lie, whatever the coordinate reference systems."""

import numpy as np
import polygons
import pytest
import scenes
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from rasterio.crs import CRS
from rasterio.transform import Affine
from rasterio.warp import transform

from autoai4eo.data.polygons.areas import Areas
from autoai4eo.data.polygons.placing import extent, place, to_lonlat
from autoai4eo.data.scenes.grid import Grid

UTM = CRS.from_epsg(32630)
GRID = Grid(UTM, scenes.UTM, 60, 80)


def areas(crs, *rings):
    shapes = np.empty(len(rings), object)
    shapes[:] = [shapely.Polygon(ring) for ring in rings]
    numbers = np.arange(len(rings))
    return Areas(
        "areas", CRS.from_user_input(crs), ("a", "b"), numbers, numbers, shapes
    )


@settings(max_examples=40, deadline=None)
@given(
    column=st.floats(-20, 90),
    row=st.floats(-20, 70),
    size=st.floats(1, 60),
    crs=st.sampled_from(
        ["EPSG:4326", "EPSG:3857", "EPSG:32630", "EPSG:32631", "EPSG:3035", "EPSG:4979"]
    ),
)
def test_a_polygon_in_any_system_is_found_at_its_pixels(column, row, size, crs):
    """To a hundredth of a pixel: users draw in degrees, scenes are in metres."""
    ring = polygons.square(column, row, size)
    there = polygons.moved(ring, "EPSG:4326" if crs == "EPSG:4979" else crs)
    found = place(areas(crs, there), GRID)
    scene = shapely.box(0, 0, 80, 60)
    wanted = shapely.Polygon(ring).intersection(scene)
    if not wanted.area:
        return
    assert found.rows.tolist() == [0]
    got = found.geometries[0].intersection(scene)
    assert got.symmetric_difference(wanted).area < 0.01 * shapely.length(wanted)


@pytest.mark.parametrize("middle", [179.999, -179.999, 180.001])
def test_a_scene_at_180_degrees(middle):
    """Labels at -180 and at 180 degrees lie on a scene on either side of the line."""
    grid = Grid(
        CRS.from_epsg(4326), Affine(1e-4, 0, middle - 0.003, 0, -1e-4, 0.003), 60, 60
    )
    rings = [
        [(179.9995, 0), (179.9997, 0), (179.9997, 0.001), (179.9995, 0.001)],
        [(-179.9997, 0), (-179.9995, 0), (-179.9995, 0.001), (-179.9997, 0.001)],
    ]
    found = place(areas("EPSG:4326", *rings), grid)
    assert found.rows.tolist() == [0, 1]
    assert np.allclose([shape.area for shape in found.geometries], 2 * 10)
    lonlat = [np.array(ring).T for ring in rings]
    utm = [np.stack(transform("EPSG:4326", "EPSG:32601", *r), 1) for r in lonlat]
    metres = place(areas("EPSG:32601", *utm), grid)
    assert metres.rows.tolist() == [0, 1]
    for one, other in zip(found.geometries, metres.geometries, strict=True):
        assert one.symmetric_difference(other).area < 0.1


def test_a_scene_that_is_turned():
    turned = Affine(6, 8, 3e5, 8, -6, 4.2e6)
    ring = np.array(polygons.square(10, 20, 15), float)
    x, y = 6 * ring[:, 0] + 8 * ring[:, 1], 8 * ring[:, 0] - 6 * ring[:, 1]
    there = np.stack([x + 3e5, y + 4.2e6], axis=1)
    lonlat = np.stack(transform(UTM, "EPSG:4326", *there.T), axis=1)
    found = place(areas("EPSG:4326", lonlat), Grid(UTM, turned, 60, 80))
    assert found.geometries[0].symmetric_difference(shapely.Polygon(ring)).area < 0.01


def test_a_polygon_around_the_whole_world_is_cut_to_the_scene():
    world = [(-180, -90), (180, -90), (180, 90), (-180, 90)]
    found = place(areas("EPSG:4326", world), GRID)
    assert found.geometries[0].contains(shapely.box(0, 0, 80, 60))


def test_a_scene_at_the_pole():
    polar = Grid(CRS.from_epsg(3995), Affine(1e4, 0, -3e5, 0, -1e4, 3e5), 60, 60)
    cap = [(-180, 89), (0, 89), (180, 89), (180, 90), (-180, 90)]
    found = place(areas("EPSG:4326", cap), polar)
    # a degree of latitude is 111.7 km there, and the projection's scale 0.973
    assert set(found.rows.tolist()) == {0}
    parts = shapely.union_all(found.geometries)
    assert parts.area == pytest.approx(np.pi * (11.17 * 0.973) ** 2, rel=0.01)
    assert not parts.contains(shapely.Point(30.5, 42.5))
    assert parts.contains(shapely.Point(30.5, 40.5))


def test_a_scene_of_the_whole_world():
    grid = Grid(CRS.from_epsg(4326), Affine(1, 0, -180, 0, -1, 90), 180, 360)
    world = [(-180, -90), (180, -90), (180, 90), (-180, 90)]
    found = place(areas("EPSG:4326", world), grid)
    assert shapely.union_all(found.geometries).area == pytest.approx(180 * 360)


def test_a_straight_edge_in_metres_is_curved_in_degrees():
    """An edge of 40 km lies where its points do, not where its ends are joined."""
    grid = Grid(UTM, Affine(10, 0, 3e5, 0, -10, 4.2e6), 4000, 4000)
    ring = [(0, 1000), (4000, 1000), (4000, 3000), (0, 3000)]
    metres = [(3e5 + 10 * column, 4.2e6 - 10 * row) for column, row in ring]
    dense = shapely.get_coordinates(shapely.segmentize(shapely.Polygon(metres), 100))
    lonlat = np.stack(transform(UTM, "EPSG:4326", *dense.T), axis=1)
    one = place(areas("EPSG:32630", metres), grid).geometries[0]
    other = place(areas("EPSG:4326", lonlat), grid).geometries[0]
    assert one.symmetric_difference(other).area / one.area < 1e-6
    corners = np.stack(transform(UTM, "EPSG:4326", *np.array(metres).T), axis=1)
    joined = place(areas("EPSG:4326", corners), grid).geometries[0]
    assert one.symmetric_difference(joined).area / one.area > 1e-4


def test_nothing_on_the_scene_is_described():
    """Users rely on: the error shows both places in one system."""
    far = areas("EPSG:3857", [(0, 0), (1000, 0), (1000, 1000)])
    assert not len(place(far, GRID).rows)
    told = extent(far, GRID)
    assert "the polygons at longitudes 0 to 0.0089832 and latitudes 0 to" in told
    assert "the scene at longitudes -5.27" in told and "latitudes 37.9" in told


def test_longitudes_and_latitudes_of_places():
    lonlat = to_lonlat(np.array([0.0, 80.0]), np.array([0.0, 60.0]), GRID)
    assert np.allclose(lonlat, polygons.moved([(0, 0), (80, 60)]), atol=1e-9)
