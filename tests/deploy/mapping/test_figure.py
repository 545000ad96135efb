"""Figures of maps: where, how large, how much of what, so that two maps compare."""

import matplotlib.image
import numpy as np
import pytest
import rasterio
import scenes
from rasterio.transform import Affine

from autoai4eo.data.scenes.files import date_in, is_date
from autoai4eo.data.scenes.grid import Grid
from autoai4eo.data.scenes.scene import Scene
from autoai4eo.deploy import map_scene
from autoai4eo.deploy.mapping import figure
from autoai4eo.deploy.mapping.ground import north_of, pixel_metres
from autoai4eo.deploy.mapping.products import MadeMap
from autoai4eo.deploy.mapping.reference_picture import ReferencePicture
from autoai4eo.deploy.mapping.shares import class_shares
from autoai4eo.errors import UserError

CLASSES = ("water", "_field $x$", "town")
UTM, LONLAT = (rasterio.CRS.from_epsg(n) for n in (32630, 4326))
DEGREES = Affine(1e-4, 0, -0.78, 0, -1e-4, 38.1)


def made(folder, classes, *, crs="EPSG:32630", transform=scenes.UTM, of=()):
    for name, values in (("m", classes), ("m_confidence", np.full(classes.shape, 0.5))):
        dtype = "uint8" if name == "m" else "float32"
        pixels = values[..., None].astype(dtype)
        scenes.write_scene(
            folder / f"{name}.tif", pixels, None, crs=crs, transform=transform
        )
    return MadeMap(folder / "m.tif", folder / "m_confidence.tif", CLASSES, of)


def texts(drawn):
    legend = [text.get_text().replace("\u2007", " ") for text in drawn.legends[0].texts]
    return [" ".join(text.split()) for text in legend]


def ticks(axis):
    return [text.get_text() for text in axis.get_ticklabels()]


def test_the_legend_has_all_classes_in_their_order_with_areas(tmp_path):
    classes = np.ones((20, 30), np.uint8)
    classes[:, 20:] = 3
    drawn = figure._drawn(made(tmp_path, classes))
    assert texts(drawn) == [
        "66.7% 0.04 km² water",
        "0.0% 0.00 km² _field $x$",
        "33.3% 0.02 km² town",
    ]
    assert [axes.get_title() for axes in drawn.axes[:2]] == ["map", "confidence"]
    reference = ReferencePicture(np.where(classes == 1, 1, 4), ("rest",))
    drawn = figure._drawn(made(tmp_path, classes), reference)
    titles = [axes.get_title() for axes in drawn.axes[:3]]
    assert titles == ["reference", "map", "confidence"]
    # what is several of the map's classes has the colour of none of them
    assert texts(drawn)[-1] == "in the reference: rest"
    shown = drawn.axes[0].images[0].get_array()
    assert (shown[:, 20:] == 225).all() and not (shown[:, :20] == 225).all()


def test_coordinates_are_on_the_frame_and_a_bar_tells_the_scale(tmp_path):
    classes = np.ones((200, 300), np.uint8)
    drawn = figure._drawn(made(tmp_path, classes))
    axes = drawn.axes[0]
    shown = dict(zip(ticks(axes.xaxis), axes.get_xticks(), strict=True))
    assert shown["301,000 E"] == pytest.approx(99.5)
    shown = dict(zip(ticks(axes.yaxis), axes.get_yticks(), strict=True))
    assert shown["4,199,000 N"] == pytest.approx(99.5)
    # of the 3 km of the map, 35 % are 1,050 m
    assert [text.get_text() for text in axes.texts] == ["1 km"]
    bar = axes.lines[0].get_xdata()
    assert (bar[1] - bar[0]) * 300 * 10 == pytest.approx(1000, rel=0.002)


def test_degrees_are_as_long_as_on_the_ground(tmp_path):
    classes = np.ones((200, 300), np.uint8)
    drawn = figure._drawn(made(tmp_path, classes, crs="EPSG:4326", transform=DEGREES))
    axes = drawn.axes[0]
    assert "0.77°W" in ticks(axes.xaxis) and "38.09°N" in ticks(axes.yaxis)
    assert axes.get_aspect() == pytest.approx(1 / np.cos(np.radians(38.1)), rel=0.01)


@pytest.mark.parametrize("angle", [0, 30, 90, -45, 180])
def test_an_arrow_shows_where_north_is_unless_it_is_up(tmp_path, angle):
    turned = scenes.UTM @ Affine.rotation(-angle)
    grid = Grid(UTM, turned, 40, 60)
    # UTM's own grid is 1.4 degrees off the north there
    assert north_of(grid) == pytest.approx((angle + 180) % 360 - 180, abs=1.5) or (
        abs(angle) == 180 and abs(north_of(grid)) == pytest.approx(180, abs=1.5)
    )
    drawn = figure._drawn(made(tmp_path, np.ones((40, 60)), transform=turned))
    arrows = [t for t in drawn.axes[0].texts if t.get_text() == "N"]
    assert len(arrows) == (angle != 0)


def test_pixels_are_as_large_as_a_geodesic_tells():
    # 10 m of UTM's plane are 10 m over the scale factor: 0.99960 to 1.0010 in a zone
    assert pixel_metres(Grid(UTM, scenes.UTM, 40, 60)) == pytest.approx((10, 10), 1e-3)
    # Vincenty 1975: 1e-4 degrees at 45 degrees north
    down, across = pixel_metres(Grid(LONLAT, Affine(1e-4, 0, 7, 0, -1e-4, 45), 2, 2))
    assert (down, across) == pytest.approx((11.1132, 7.8847), rel=1e-4)


def test_areas_are_those_on_the_ellipsoid(tmp_path):
    step = 0.05
    transform = Affine(step, 0, 7, 0, -step, 60)
    classes = np.ones((600, 20), np.uint8)
    classes[300:] = 3
    found = class_shares(
        made(tmp_path, classes, crs="EPSG:4326", transform=transform).path, 3
    )
    assert found.shares.tolist() == [0.5, 0, 0.5]
    # zones of the authalic sphere, whose area is the ellipsoid's (Snyder 1987, 3-12)
    e = np.sqrt(2 / 298.257223563 - 1 / 298.257223563**2)

    def q(latitude):
        s = np.sin(np.radians(latitude))
        return (1 - e**2) * (
            s / (1 - e**2 * s**2) - np.log((1 - e * s) / (1 + e * s)) / (2 * e)
        )

    zone = 6378.137**2 / 2 * np.radians(1) * np.array([q(60) - q(45), q(45) - q(30)])
    np.testing.assert_allclose(found.areas[[0, 2]], zone, rtol=1e-6)


def test_a_map_is_drawn_beside_its_scene_and_a_second_of_the_same_name_is_not(tmp_path):
    model = scenes.save(scenes.classifier(), tmp_path / "net")
    path = tmp_path / "S2A_MSIL2A_20170613T113321.tif"
    scenes.write_scene(path, scenes.digits(40, 60))
    how = {"scale": 1e-4, "stride": 5, "figure": tmp_path / "f.png", "verbose": 0}
    out = map_scene(model, path, tmp_path / "m.tif", **how)
    shown = matplotlib.image.imread(tmp_path / "f.png")
    assert len(np.unique(shown.reshape(-1, shown.shape[2]), axis=0)) > 500
    with pytest.raises(UserError, match="exists already"):
        map_scene(model, path, tmp_path / "n.tif", **how)
    with Scene(path) as scene:
        beside = MadeMap(out, tmp_path / "m_confidence.tif", CLASSES, [scene])
        drawn = figure._drawn(beside)
    assert drawn.get_suptitle() == "m, 2017-06-13"
    assert drawn.axes[0].get_title() == "true colour (B04, B03, B02)"
    picture = drawn.axes[0].images[0].get_array()
    pixels = scenes.digits(40, 60)[..., ::-1]
    low, high = np.percentile(pixels, (2, 98), axis=(0, 1))
    np.testing.assert_allclose(picture, np.clip((pixels - low) / (high - low), 0, 1))


def test_a_true_colour_image_is_shown_in_its_colours(tmp_path):
    names = ["B8", "TCI_R", "TCI_G", "TCI_B"]
    path = scenes.write_scene(tmp_path / "s.tif", scenes.digits(20, 30, 4), names)
    with Scene(path) as scene:
        drawn = figure._drawn(made(tmp_path, np.ones((20, 30), np.uint8), of=[scene]))
    assert drawn.axes[0].get_title() == "true colour (TCI_R, TCI_G, TCI_B)"


def test_a_scene_on_another_grid_lies_where_it_is(tmp_path):
    """Half as many pixels, twice as large."""
    pixels = scenes.digits(20, 30).repeat(2, axis=0).repeat(2, axis=1)
    fine = scenes.write_scene(tmp_path / "a.tif", pixels)
    coarse = scenes.write_scene(
        tmp_path / "b.tif", pixels[::2, ::2], transform=scenes.UTM @ Affine.scale(2)
    )
    with Scene(fine) as one, Scene(coarse, grid=Grid.of(rasterio.open(fine))) as two:
        np.testing.assert_allclose(
            one.overview(["B03"], 1000), two.overview(["B03"], 1000)
        )
        assert two.overview(["B03"], 15).shape == (10, 15, 1)


@pytest.mark.parametrize(
    ("text", "day"),
    [
        ("S2A_MSIL1C_20170527T102031_N0205_R065_T33UUB_20170527T102301.SAFE", 27),
        ("2017-05-27T10:20:31.026Z", 27),
        ("2017:05:27", 27),
        ("Spain_7370579_S2Hand.tif", None),
        ("x_20171399.tif", None),
    ],
)
def test_days_are_read_from_names_and_tags(text, day):
    assert date_in([text]) == (None if day is None else "2017-05-27")


def test_when_a_file_was_written_is_not_when_a_scene_was_taken():
    assert is_date("DATATAKE_1_DATATAKE_SENSING_START") and is_date("DATE_ACQUIRED")
    assert not is_date("TIFFTAG_DATETIME")
