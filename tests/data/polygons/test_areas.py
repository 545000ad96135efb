"""Polygons and points with classes; what is wrong with them is said by feature."""

import polygons
import pytest
import shapely

from autoai4eo.data.polygons.areas import read_areas
from autoai4eo.errors import AutoAI4EOWarning, UserError

BOW_TIE = [(0, 0), (8, 8), (8, 0), (0, 8)]


def write(folder, *features):
    return polygons.write_geojson(folder / "areas.geojson", features)


def a(corners=None, **more):
    return polygons.polygon(
        corners or polygons.square(0, 0, 9), **{"class": "town", **more}
    )


def b(corners=None):
    return polygons.polygon(corners or polygons.square(20, 0, 9), **{"class": "wood"})


def test_parts_of_a_feature_are_areas_of_their_own(tmp_path):
    """Users rely on: a class drawn as one multipolygon can be split by polygon."""
    one, two = a(), a(polygons.square(10, 10, 5))
    parts = [f["geometry"]["coordinates"] for f in (one, two)]
    multi = {"type": "MultiPolygon", "coordinates": parts}
    collection = {
        "type": "GeometryCollection",
        "geometries": [polygons.point(3, 3)["geometry"], b()["geometry"]],
    }
    path = write(
        tmp_path,
        polygons.feature(multi, **{"class": "town"}),
        polygons.feature(collection, **{"class": "wood"}),
        polygons.point(1, 1, **{"class": "wood"}),
    )
    found = read_areas(path)
    assert found.names.tolist() == ["1.1", "1.2", "2.1", "2.2", "3"]
    assert found.classes.tolist() == [0, 0, 1, 1, 1]
    kinds = [shape.geom_type for shape in found.geometries]
    assert kinds == ["Polygon", "Polygon", "Point", "Polygon", "Point"]


def test_a_polygon_that_crosses_itself(tmp_path):
    path = write(tmp_path, a(), b(), b(BOW_TIE))
    with pytest.raises(UserError) as told:
        read_areas(path)
    assert "feature 3 (Self-intersection" in str(told.value)
    assert "give repair" in str(told.value)
    with pytest.warns(AutoAI4EOWarning, match=r"feature 3 is repaired \(Self"):
        found = read_areas(path, repair=True)
    # the two triangles of the bow tie
    assert found.names.tolist() == ["1", "2", "3.1", "3.2"]
    assert all(shapely.is_valid(found.geometries))


def test_all_invalid_features_are_counted(tmp_path):
    path = write(tmp_path, a(), b(), *(b(BOW_TIE) for _ in range(5)))
    with pytest.raises(
        UserError, match=r"feature 3 .* feature 5 .* and 2 more invalid"
    ):
        read_areas(path)


def test_a_ring_that_is_not_closed(tmp_path):
    open_ring = a()
    del open_ring["geometry"]["coordinates"][0][-1]
    path = write(tmp_path, open_ring, b())
    with (
        pytest.raises(UserError, match=r"feature 1 \(a ring that is not closed"),
        pytest.warns(AutoAI4EOWarning, match="Non closed ring"),
    ):
        read_areas(path)
    with pytest.warns(AutoAI4EOWarning):
        found = read_areas(path, repair=True)
    assert found.names.tolist() == ["1", "2"]


def test_lines_are_refused_and_empty_features_are_told(tmp_path):
    line = polygons.feature(
        {"type": "LineString", "coordinates": [[0, 0], [1, 1]]}, **{"class": "town"}
    )
    with pytest.raises(UserError, match="found LineString in feature 3; draw"):
        read_areas(write(tmp_path, a(), b(), line))
    path = write(tmp_path, a(), b(), polygons.feature(None, **{"class": "wood"}))
    with pytest.warns(AutoAI4EOWarning, match="1 of 3 features have no geometry"):
        assert len(read_areas(path).names) == 2
    path = write(tmp_path, a(), polygons.feature(None, **{"class": "wood"}))
    with (
        pytest.raises(UserError, match="of two classes or more, found 1 of 1"),
        pytest.warns(AutoAI4EOWarning),
    ):
        read_areas(path)
    with pytest.warns(AutoAI4EOWarning):
        assert read_areas(path, reference=True).classes.tolist() == [0]


def test_a_file_without_a_crs(tmp_path):
    path = polygons.write_vectors(
        tmp_path / "a.shp",
        [(polygons.square(0, 0, 9), "town"), (polygons.square(20, 0, 9), "wood")],
        driver="ESRI Shapefile",
        crs="EPSG:32630",
    )
    path.with_suffix(".prj").unlink()
    with pytest.raises(UserError, match="name it with labels_crs"):
        read_areas(path)
    assert read_areas(path, crs="EPSG:32630").crs.to_epsg() == 32630
    with pytest.raises(UserError, match="that PROJ knows, found nonsense"):
        read_areas(path, crs="nonsense")
    with pytest.raises(UserError, match="expected longitudes and latitudes, found x 3"):
        read_areas(path, crs="EPSG:4326")


def test_a_coordinate_system_of_another_planet_is_refused(tmp_path):
    with pytest.raises(UserError, match="labels_crs, such as EPSG:4326"):
        read_areas(write(tmp_path, a(), b()), None, crs="IAU_2015:30100")
