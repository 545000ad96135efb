"""Vector files are read in each form; damaged and foreign ones are one line."""

import os
import socket
import sys
import zipfile

import polygons
import pyogrio
import pytest
import scenes
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from autoai4eo.data.polygons.vector_files import read_features
from autoai4eo.errors import UserError

TWO = [(polygons.square(0, 0, 9), "water"), (polygons.square(20, 0, 9), "forêt")]


def in_geojson(folder):
    made = [polygons.polygon(ring, **{"class": name}) for ring, name in TWO]
    return polygons.write_geojson(folder / "a.geojson", made)


def in_geopackage(folder):
    path = folder / "a.gpkg"
    return polygons.write_vectors(path, TWO, driver="GPKG", crs="EPSG:32630")


def in_shapefile(folder):
    path = folder / "a.shp"
    return polygons.write_vectors(
        path, TWO, driver="ESRI Shapefile", crs="EPSG:3035", encoding="UTF-8"
    )


def in_kml(folder):
    parts = {name: [("one", ring)] for ring, name in TWO}
    return polygons.write_kml(folder / "a.kml", parts)


def in_kmz(folder):
    with zipfile.ZipFile(folder / "a.kmz", "w") as archive:
        archive.writestr("files/picture.png", b"\x89PNG")
        archive.write(in_kml(folder), "doc.kml")
    return folder / "a.kmz"


@pytest.mark.parametrize(
    ("write", "field"),
    [
        (in_geojson, "class"),
        (in_geopackage, "class"),
        (in_shapefile, "class"),
        (in_kml, "folder"),
        (in_kmz, "folder"),
    ],
)
def test_each_form_gives_features_fields_and_a_crs(write, field, tmp_path):
    found = read_features(write(tmp_path))
    assert found.fields[field].tolist() == ["water", "forêt"]
    assert len(found.wkb) == 2 and all(found.wkb)
    assert found.crs is not None and found.crs.startswith("EPSG:")


def test_kml_has_folders_in_folders_and_placemarks_outside(tmp_path):
    """Users rely on: the innermost folder counts; two of one name are one class."""
    ring = " ".join(f"{x},{y}" for x, y in [(0, 0), (1, 0), (1, 1), (0, 0)])
    mark = (
        "<Placemark><name>{0}</name><ExtendedData><Data name='q'><value>5</value>"
        "</Data></ExtendedData><Polygon><outerBoundaryIs><LinearRing><coordinates>"
        f"{ring}</coordinates></LinearRing></outerBoundaryIs></Polygon></Placemark>"
    )
    folder = "<Folder><name>{0}</name>{1}</Folder>"
    inner = folder.format("LCZ 1", mark.format("x")) + folder.format(
        "LCZ 2", mark.format("y")
    )
    again = folder.format("LCZ 2", mark.format("z"))
    path = tmp_path / "a.kml"
    path.write_text(
        '<kml xmlns="http://www.opengis.net/kml/2.2"><Document><name>all</name>'
        f"{folder.format('built', inner)}{again}{mark.format('out')}</Document></kml>"
    )
    found = read_features(path)
    told = dict(zip(found.fields["Name"], found.fields["folder"], strict=True))
    assert told == {"out": None, "x": "LCZ 1", "y": "LCZ 2", "z": "LCZ 2"}
    assert set(found.fields) == {"Name", "folder", "q"}
    only = read_features(path, "LCZ 2")
    assert only.fields["Name"].tolist() == ["y", "z"]
    with pytest.raises(
        UserError, match="expected the folder LCZ 9, found built, LCZ 1, LCZ 2;"
    ):
        read_features(path, "LCZ 9")


def test_a_geopackage_of_several_layers_needs_a_name(tmp_path):
    path = tmp_path / "a.gpkg"
    for layer in ("old", "new"):
        polygons.write_vectors(
            path,
            TWO,
            driver="GPKG",
            crs="EPSG:4326",
            layer=layer,
            append=path.exists(),
        )
    with pytest.raises(UserError, match="expected one layer, found old, new; choose"):
        read_features(path)
    assert len(read_features(path, "new").wkb) == 2


def test_numbers_are_text_without_a_point(tmp_path):
    made = [
        polygons.polygon(TWO[0][0], n=1.0),
        polygons.polygon(TWO[1][0], n=2.5),
        polygons.polygon(TWO[1][0], n=None),
    ]
    found = read_features(polygons.write_geojson(tmp_path / "a.json", made))
    assert found.fields["n"].tolist() == ["1", "2.5", None]


def test_a_shapefile_without_a_prj_has_no_crs(tmp_path):
    path = in_shapefile(tmp_path)
    path.with_suffix(".prj").unlink()
    assert read_features(path).crs is None


@pytest.mark.parametrize("write", [in_geojson, in_geopackage, in_kml, in_kmz])
def test_a_file_that_is_cut_off(write, tmp_path):
    path = write(tmp_path)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(UserError, match="copy it again") as told:
        read_features(path)
    assert "\n" not in str(told.value)


@pytest.mark.parametrize("missing", [".shx", ".dbf"])
def test_a_shapefile_of_which_a_part_is_missing(missing, tmp_path):
    """Without its index or its table: an error, or no class field, but no traceback."""
    path = in_shapefile(tmp_path)
    path.with_suffix(missing).unlink()
    if missing == ".shx":
        with pytest.raises(UserError, match="with all files that belong to it"):
            read_features(path)
    else:
        assert "class" not in read_features(path).fields


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.txt", "polygons", "found something else; convert it"),
        ("a.json", '{"type": "Topology"}', "JSON of the type Topology"),
        ("a.json", "[1]", "found something else"),
        ("a.json", '{"a": 1}', "JSON of the type None"),
        (
            "a.gdalg.json",
            '{"type": "gdal_streamed_alg", "command_line": "gdal vector read x.shp"}',
            "JSON of the type gdal_streamed_alg",
        ),
        ("a.vrt", "<OGRVRTDataSource></OGRVRTDataSource>", "found something else"),
        (
            "a.kml",
            '<!DOCTYPE k [<!ENTITY x SYSTEM "file:///etc/passwd">]><kml>&x;</kml>',
            "declarations",
        ),
        (
            "a.geojson",
            '{"type": "FeatureCollection", "features": []}',
            "found no features",
        ),
    ],
)
def test_other_files_are_refused(name, content, message, tmp_path):
    """Users rely on: no file makes GDAL read others, or the network."""
    path = tmp_path / name
    path.write_text(content)
    with pytest.raises(UserError, match=message):
        read_features(path)


def test_a_pipe_in_the_place_of_a_table_is_not_waited_for(tmp_path):
    path = in_shapefile(tmp_path)
    path.with_suffix(".dbf").unlink()
    os.mkfifo(path.with_suffix(".dbf"))
    with pytest.raises(UserError, match="found a pipe"):
        read_features(path)


def test_links_in_kml_are_not_followed(tmp_path):
    """Users rely on: reading areas of others asks no address in the network."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0.2)
        address = f"http://127.0.0.1:{server.getsockname()[1]}/x.kml"
        path = in_kml(tmp_path)
        link = f"<NetworkLink><Link><href>{address}</href></Link></NetworkLink>"
        style = f"<styleUrl>{address}#red</styleUrl>"
        text = path.read_text().replace("</name><Polygon>", f"</name>{style}<Polygon>")
        assert style in text
        path.write_text(text.replace("</Document>", f"{link}</Document>"))
        assert len(read_features(path).wkb) == 2
        with pytest.raises(TimeoutError):
            server.accept()


def test_a_scene_a_folder_and_nothing(tmp_path):
    tif = scenes.write_scene(tmp_path / "a.tif", scenes.digits(8, 8))
    with pytest.raises(UserError, match="found something else"):
        read_features(tif)
    with pytest.raises(UserError, match="found a folder"):
        read_features(tmp_path)
    with pytest.raises(UserError, match="no such file"):
        read_features(tmp_path / "none.kml")
    with zipfile.ZipFile(tmp_path / "b.kmz", "w") as archive:
        archive.writestr("a.txt", "none")
    with pytest.raises(UserError, match=r"with a \.kml in it, found 1 other files"):
        read_features(tmp_path / "b.kmz")


def test_a_large_kml_in_a_small_kmz_is_refused(tmp_path, monkeypatch):
    with zipfile.ZipFile(tmp_path / "a.kmz", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("doc.kml", b"<kml>" + b" " * 10_000_000)
    monkeypatch.setenv("AUTOAI4EO_MAX_GIB", "0.001")
    with pytest.raises(UserError, match=r"a KML file of at most 0\.001 GiB"):
        read_features(tmp_path / "a.kmz")


@pytest.mark.parametrize("missing", ["pyogrio", "shapely"])
def test_without_the_extra_its_name_is_told(missing, tmp_path, monkeypatch):
    path = in_geojson(tmp_path)
    monkeypatch.setitem(sys.modules, missing, None)
    with pytest.raises(UserError, match=r"pip install 'autoai4eo\[vectors\]'"):
        read_features(path)


@settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(data=st.data())
@pytest.mark.filterwarnings("ignore::autoai4eo.errors.AutoAI4EOWarning")
def test_a_damaged_file_is_read_or_one_line_of_error(data, tmp_path_factory):
    folder = tmp_path_factory.mktemp("damaged")
    write = data.draw(st.sampled_from([in_geojson, in_geopackage, in_kml, in_kmz]))
    path = write(folder)
    content = bytearray(path.read_bytes())
    for _ in range(data.draw(st.integers(1, 8))):
        place = data.draw(st.integers(0, len(content) - 1))
        content[place] = data.draw(st.integers(0, 255))
    path.write_bytes(content)
    try:
        found = read_features(path)
    except UserError as error:
        assert "\n" not in str(error)
    else:
        assert len(found.wkb) == len(next(iter(found.fields.values()), found.wkb))


def test_drivers_that_are_allowed_are_those_of_the_library():
    """A wheel without KML would be noticed here, not by users."""
    known = pyogrio.list_drivers(read=True)
    assert {"GeoJSON", "GPKG", "ESRI Shapefile", "LIBKML"} <= set(known)
