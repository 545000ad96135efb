"""GeoJSON of 2008 names its coordinate reference system in a member ``crs``."""

import json
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import polygons
import pytest

from autoai4eo.data.polygons.areas import read_areas
from autoai4eo.errors import UserError

AREAS = [
    polygons.polygon(polygons.square(9, 9, 6), use="town"),
    polygons.polygon(polygons.square(29, 9, 6), use="wood"),
]


def named(name):
    return {"type": "name", "properties": {"name": name}}


@pytest.fixture
def areas(tmp_path):
    """Writes a file with this member, and reads it."""

    def read(member, **how):
        path = tmp_path / "areas.geojson"
        content = {"type": "FeatureCollection", "crs": member, "features": AREAS}
        path.write_text(json.dumps(content))
        return read_areas(path, "use", **how)

    return read


@pytest.mark.parametrize(
    "crs",
    [
        named("EPSG:999999"),
        named("urn:ogc:def:crs:EPSG::999999"),
        named("my own system"),
        {"type": "EPSG", "properties": {"code": 999999}},
        {"type": "link", "properties": {"href": "http://localhost/crs"}},
        "EPSG:999999",
        7,
    ],
)
def test_a_system_that_does_not_exist_is_refused(areas, crs, capfd):
    """GDAL takes longitudes and latitudes then, and says nothing."""
    with pytest.raises(UserError, match="system that PROJ knows, found") as told:
        areas(crs)
    assert "labels_crs" in str(told.value) and "\n" not in str(told.value)
    assert "PROJ:" not in capfd.readouterr().err  # it writes nothing either
    assert areas(crs, crs="EPSG:4326").crs.to_epsg() == 4326


def test_a_link_to_a_system_is_not_followed(areas):
    """GDAL asks the server that a file names."""
    asked = []

    class Server(BaseHTTPRequestHandler):
        def do_GET(self):
            asked.append(self.path)
            self.send_error(404)

    with ThreadingHTTPServer(("127.0.0.1", 0), Server) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        href = f"http://127.0.0.1:{server.server_port}/crs"
        with pytest.raises(UserError, match="the link"):
            areas({"type": "link", "properties": {"href": href, "type": "proj4"}})
        server.shutdown()
    assert asked == []


@pytest.mark.parametrize(
    ("crs", "code"),
    [
        (None, 4326),
        (named("urn:ogc:def:crs:OGC:1.3:CRS84"), 4326),
        (named("EPSG:4326"), 4326),
        (named("urn:ogc:def:crs:EPSG::4326"), 4326),
        (named("EPSG:4258"), 4258),
        (named("urn:ogc:def:crs:EPSG::32630"), 32630),
        ({"type": "EPSG", "properties": {"code": 32630}}, 32630),
        ("EPSG:32630", 32630),  # which GDAL does not read
    ],
)
def test_a_system_that_exists_is_that_of_the_coordinates(areas, crs, code):
    assert areas(crs).crs.to_epsg() == code
