"""Attacks on `map`: it is killed, its disk is full, its files are damaged or planted.

What a user relies on: the same command, given again, ends with the same bytes; two
processes never write one map; nothing that is not a map's own is written or removed.
"""

import errno
import fcntl
import json
import os
import random
import resource
import shutil
import time
from dataclasses import replace

import numpy as np
import pyogrio
import pytest
import rasterio
import scenes
from hypothesis import given, settings
from hypothesis import strategies as st
from mapping_kills import classifier, content, dying_at, in_child, make_map

from autoai4eo.deploy.mapping import mapping, tiles
from autoai4eo.deploy.mapping.tile_store import folder_of
from autoai4eo.errors import UserError

LAYERS = ("m.tif", "m_confidence.tif", "m_probabilities.tif")


@pytest.fixture(scope="module", autouse=True)
def small_tiles():
    """Many tiles; no TensorFlow is asked for a device, which a fork must not do."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("autoai4eo.deploy.mapping.windows.TILE", 24)
        patch.setattr("autoai4eo.deploy.mapping.patchwise.device_name", lambda: "CPU")
        yield


@pytest.fixture(scope="module")
def scene(tmp_path_factory):
    folder = tmp_path_factory.mktemp("scene")
    return scenes.write_scene(folder / "s.tif", scenes.digits(61, 83))


@pytest.fixture(scope="module")
def whole(tmp_path_factory, scene):
    """An undisturbed map."""
    folder = tmp_path_factory.mktemp("whole")
    make_map(scene, folder / "m.tif")
    found = content(folder)
    assert sorted(found) == list(LAYERS)
    return found


def ends_whole(out, scene, whole, **how):
    """The same command again gives what an undisturbed one gives, and no more."""
    try:
        make_map(scene, out, **how)
    except UserError as error:
        # it was killed when all was done
        assert "exists already" in str(error)
    assert content(out.parent) == whole


def killed_at_each(numbers, folder, scene, whole, before=(), **how):
    kills = 0
    for number in numbers:
        shutil.rmtree(folder)
        folder.mkdir()
        for name, text in before:
            (folder / name).write_text(text)
        out = folder / "m.tif"
        died = dying_at(number, folder, lambda o=out: make_map(scene, o, **how))
        assert died in (0, -9)
        kills += died == -9
        # where the map is all of its layers are its own
        if out.exists() and out.read_bytes() == whole["m.tif"]:
            now = content(folder)
            assert {name: now[name] for name in LAYERS} == whole
        ends_whole(out, scene, whole, **how)
    return kills


def test_killed_at_any_change_of_a_file_it_goes_on(folder, scene, whole):
    # some here, each one in the slow test
    numbers = range(random.randrange(1, 30), 200, 29)
    assert killed_at_each(numbers, folder, scene, whole) > 2


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "o").mkdir()
    return tmp_path / "o"


@pytest.mark.slow
def test_killed_at_each_change_of_a_file_it_goes_on(folder, scene, whole):
    assert killed_at_each(range(1, 200), folder, scene, whole) > 100


@pytest.mark.slow
def test_killed_at_each_change_when_it_overwrites(folder, scene, whole):
    old = [(name, "an older map") for name in LAYERS]
    kills = killed_at_each(range(1, 200), folder, scene, whole, old, overwrite=True)
    assert kills > 100


def killed_anywhen(rounds, folder, scene, whole, seed):
    rng = random.Random(seed)
    make_map(scene, folder / "m.tif")  # imports what it needs
    begin = time.monotonic()
    make_map(scene, folder / "m.tif", overwrite=True)
    lasts = time.monotonic() - begin
    killed = 0
    for _ in range(rounds):
        shutil.rmtree(folder)
        folder.mkdir()
        out = folder / "m.tif"
        for _ in range(rng.randrange(1, 4)):  # also more than once
            after = rng.uniform(0, 1.2 * lasts)
            killed += in_child(lambda o=out: make_map(scene, o), after) == -9
        ends_whole(out, scene, whole)
    return killed


def test_killed_at_random_instants_it_goes_on(folder, scene, whole):
    assert killed_anywhen(4, folder, scene, whole, 0) > 0


@pytest.mark.slow
def test_killed_at_many_random_instants_it_goes_on(folder, scene, whole):
    assert killed_anywhen(60, folder, scene, whole, 1) > 30


def test_what_a_killed_map_has_placed_is_in_nobodys_way(
    folder, scene, whole, monkeypatch
):
    """Killed while its layers take their names, and given again with other choices."""
    out = folder / "m.tif"
    replace_ = os.replace

    def killed(source, target):
        if target == out:
            raise KeyboardInterrupt
        replace_(source, target)

    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", killed)
        with pytest.raises(KeyboardInterrupt):
            make_map(scene, out)
    assert (folder / "m_probabilities.tif").exists() and not out.exists()
    make_map(scene, out, probabilities=False)
    assert sorted(content(folder)) == ["m.tif", "m_confidence.tif"]
    assert out.read_bytes() == whole["m.tif"]


@pytest.mark.parametrize("name", ["m.gpkg", "m_reference.json", "m.png"])
@pytest.mark.parametrize("is_there", [False, True])
def test_killed_between_its_products_the_same_command_goes_on(
    folder, scene, whole, monkeypatch, name, is_there
):
    """Also where the kill comes before the product's name, or right after."""
    out, labels = folder / "m.tif", folder.parent / "m.tif"
    labels.write_bytes(whole["m.tif"])
    how = {"polygons": folder / "m.gpkg", "figure": folder / "m.png"}
    how["reference"] = labels
    replace_ = os.replace

    def killed(source, target):
        if target == folder / name and not is_there:
            raise KeyboardInterrupt
        replace_(source, target)
        if target == folder / name:
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", killed)
        with pytest.raises(KeyboardInterrupt):
            make_map(scene, out, **how)
    assert (folder / name).exists() == is_there
    layer = (folder / "m_confidence.tif").stat()
    make_map(scene, out, **how)
    assert (folder / "m_confidence.tif").stat() == layer  # nothing was lost
    names = {*LAYERS, "m.gpkg", "m_reference.json", "m.png"}
    assert set(content(folder)) == names
    with pytest.raises(UserError, match="exists already"):
        make_map(scene, out, **how)


@pytest.mark.parametrize("folder_name", ["a!b", "a\tb", "a\nb", "l\udce4n"])
def test_polygons_are_refused_at_once_where_they_cannot_be_written(
    folder, scene, folder_name
):
    """Before, once the map was made: pyogrio takes a path for an address."""
    out = folder / "m.tif"
    (folder / folder_name).mkdir()
    with pytest.raises(UserError, match="choose "):
        make_map(scene, out, polygons=folder / folder_name / "m.gpkg")
    assert not out.exists()


def test_polygons_that_find_no_room_name_their_file_and_go_on(
    folder, scene, whole, monkeypatch
):
    out, polygons = folder / "m.tif", folder / "m.gpkg"

    def full(*_, **__):
        raise pyogrio.errors.DataSourceError("disk is full")

    with monkeypatch.context() as patch:
        patch.setattr(pyogrio.raw, "write", full)
        line = r"m\.gpkg: cannot be written \(disk is full\)"
        with pytest.raises(UserError, match=line):
            make_map(scene, out, polygons=polygons)
    make_map(scene, out, polygons=polygons)
    assert out.read_bytes() == whole["m.tif"] and polygons.exists()


def test_a_killed_maps_comparison_is_not_in_the_way_of_the_map_without_it(
    folder, scene, whole, monkeypatch
):
    out, labels = folder / "m.tif", folder.parent / "m.tif"
    labels.write_bytes(whole["m.tif"])
    with monkeypatch.context() as patch:
        patch.setattr(mapping.TileStore, "forget", lambda self: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            make_map(scene, out, reference=labels)
    make_map(scene, out)
    assert out.read_bytes() == whole["m.tif"]


def test_a_product_that_came_after_the_kill_is_in_the_way(folder, scene, monkeypatch):
    out, figure = folder / "m.tif", folder / "m.png"
    with monkeypatch.context() as patch:
        patch.setattr(mapping.TileStore, "forget", lambda self: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            make_map(scene, out, figure=figure)
    figure.write_bytes(b"another picture")
    with pytest.raises(UserError, match=r"m\.png: exists already"):
        make_map(scene, out, figure=figure)
    assert figure.read_bytes() == b"another picture"


def test_a_file_that_came_after_the_kill_is_in_the_way(folder, scene):
    out = folder / "m.tif"
    assert dying_at(40, folder, lambda: make_map(scene, out)) == -9
    (folder / "m_confidence.tif").write_text("measured in the field")
    with pytest.raises(UserError, match=r"m_confidence\.tif: exists already"):
        make_map(scene, out)
    assert (folder / "m_confidence.tif").read_text() == "measured in the field"


@pytest.mark.parametrize(
    "damage",
    [
        lambda whole: b"",
        lambda whole: b"\0" * len(whole),
        lambda whole: whole[: len(whole) // 2],
        lambda whole: b"garbage" * 99,
        lambda whole: whole[:300] + b"\xff" * 40 + whole[340:],
    ],
)
def test_a_damaged_tile_is_computed_anew_and_said(folder, scene, whole, damage):
    out = folder / "m.tif"
    interrupted_map(out, scene)
    tile = folder_of(out) / "0.npz"
    tile.write_bytes(damage(tile.read_bytes()))
    with pytest.warns(UserWarning, match="of 12 tiles 1 are kept damaged") as told:
        ends_whole(out, scene, whole)
    assert len(told) == 1 and "\n" not in str(told[0].message)


def test_tiles_that_changed_places_are_not_taken(folder, scene, whole):
    out = folder / "m.tif"
    interrupted_map(out, scene)
    tiles = [folder_of(out) / f"{n}.npz" for n in (0, 1)]
    contents = [tile.read_bytes() for tile in tiles]
    for tile, other in zip(tiles, reversed(contents), strict=True):
        tile.write_bytes(other)
    ends_whole(out, scene, whole)


@pytest.fixture(scope="module")
def kept(tmp_path_factory, scene):
    """A folder of a map of which all tiles are kept, and no more."""
    folder = tmp_path_factory.mktemp("kept")
    interrupted_map(folder / "m.tif", scene)
    return folder


@settings(max_examples=25, deadline=None)
@given(st.data())
@pytest.mark.filterwarnings("ignore:.*computed anew")
def test_no_damage_of_a_tile_gives_a_wrong_map(
    tmp_path_factory, kept, scene, whole, data
):
    folder = shutil.copytree(kept, tmp_path_factory.mktemp("fuzz") / "o")
    tile = folder_of(folder / "m.tif") / "3.npz"
    found = bytearray(tile.read_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(found) - 1))
        some = data.draw(st.binary(min_size=1, max_size=30))
        found[at : at + len(some)] = some
    tile.write_bytes(found[: data.draw(st.integers(0, len(found)))])
    ends_whole(folder / "m.tif", scene, whole)


def interrupted(*_):
    raise KeyboardInterrupt


def interrupted_map(out, scene):
    """A map of which all tiles are kept, and no more."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(mapping, "write_layers", interrupted)
        with pytest.raises(KeyboardInterrupt):
            make_map(scene, out)
    assert len(list(folder_of(out).glob("*.npz"))) == 12


def room_for(limits, folder, scene):
    """How often a map is refused where no file may be larger than a limit."""
    out = folder / "m.tif"
    how = {"stride": 1, "min_confidence": 0.1}
    make_map(scene, out, **how)
    whole = content(folder)
    refused = 0
    for limit in limits:
        shutil.rmtree(folder)
        folder.mkdir()

        def limited(limit=int(limit)):
            resource.setrlimit(resource.RLIMIT_FSIZE, (limit, -1))
            try:
                make_map(scene, out, **how)
            except UserError as error:
                told = str(error)
                assert "cannot be written" in told and "to resume" in told
                assert "\n" not in told and "previous exception" not in told
                os._exit(7)

        status = in_child(limited)
        assert status in (0, 7), limit
        if status == 7:
            refused += 1
            assert not out.exists()
            make_map(scene, out, **how)  # room was made
        assert content(folder) == whole, (limit, status)
    return refused


def test_a_full_disk_never_gives_a_wrong_map(folder, scene):
    """GDAL has no error for a disk that is full when a file is closed."""
    limits = (50, 30_000, 200_000, 700_000, 1_400_000, 4_000_000)
    assert room_for(limits, folder, scene) == 5


@pytest.mark.slow
def test_a_disk_that_is_full_anywhere_never_gives_a_wrong_map(folder, scene):
    limits = np.linspace(0, 2_000_000, 80, dtype=int)
    assert 40 < room_for(limits, folder, scene) < 80


def test_a_full_disk_keeps_the_tiles_that_are_done(folder, scene, whole, monkeypatch):
    out = folder / "m.tif"
    computed = []
    net = classifier()

    def counted(pixels):
        computed.append(0)
        return net.predict(pixels)

    def full(*_, **__):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr(mapping, "place", full)
        with pytest.raises(UserError, match=r"No space left on device.*to resume"):
            make_map(scene, out)
    ends_whole(out, scene, whole, model=replace(net, predict=counted))
    assert not computed


def test_a_scene_that_cannot_be_read_for_a_moment_costs_no_tile(
    folder, scene, whole, monkeypatch
):
    """A network drive that is away is a UserError of the scene."""
    out = folder / "m.tif"
    read, calls = tiles.read, []

    def away(*how):
        calls.append(0)
        if len(calls) == 6:
            raise UserError("s.tif: cannot be read")
        return read(*how)

    with monkeypatch.context() as patch:
        patch.setattr(tiles, "read", away)
        with pytest.raises(UserError, match="cannot be read"):
            make_map(scene, out)
    assert len(list(folder_of(out).glob("*.npz"))) >= 4
    ends_whole(out, scene, whole)


def test_the_second_map_on_one_output_is_told_who_writes_it(folder, scene, whole):
    out = folder / "m.tif"
    holder = os.open(folder / ".m.tif.lock", os.O_RDWR | os.O_CREAT)
    told = {"pid": 4711, "host": "elsewhere", "since": "today"}
    os.write(holder, json.dumps(told).encode())
    fcntl.flock(holder, fcntl.LOCK_EX)
    with pytest.raises(UserError, match=r"another map at work.*process 4711 on elsew"):
        make_map(scene, out)
    # m.tiff has the same m_confidence.tif
    os.rename(folder / ".m.tif.lock", folder / ".m_confidence.tif.lock")
    with pytest.raises(UserError, match=r"another map at work.*process 4711 on elsew"):
        make_map(scene, folder / "m.tiff")
    os.close(holder)
    ends_whole(out, scene, whole)


def test_of_two_maps_at_once_one_is_whole_and_one_is_refused(folder, scene, whole):
    out = folder / "m.tif"
    children = []
    for stride in (4, 5):
        child = os.fork()
        if not child:
            try:
                make_map(scene, out, stride=stride)
                os._exit(0)
            except UserError as error:
                refused = "another map" in str(error) or "exists" in str(error)
                os._exit(2 if refused else 1)
            except BaseException:
                os._exit(1)
        children.append(child)
    ended = [os.waitstatus_to_exitcode(os.waitpid(c, 0)[1]) for c in children]
    assert sorted(ended) == [0, 2]
    strides = set()
    for name in LAYERS:
        with rasterio.open(folder / name) as file:
            strides.add(file.transform.a)
    assert strides == {40.0 if ended[0] == 0 else 50.0}


@pytest.mark.parametrize("name", LAYERS)
@pytest.mark.parametrize("how", ["itself", os.link, os.symlink])
def test_no_layer_takes_the_place_of_the_scene(folder, scene, name, how):
    out = folder / "m.tif"
    if how == "itself":
        given = shutil.copy(scene, folder / name)
    else:
        given = shutil.copy(scene, folder / "s.tif")
        how(given, folder / name)
    before = content(folder)
    with pytest.raises(UserError, match="an output that is not read as well"):
        make_map(given, out, overwrite=True)
    assert content(folder) == before


def test_no_layer_takes_the_place_of_any_other_input(folder, scene):
    out = folder / "m.tif"
    other = shutil.copy(scene, folder / "m.tif")
    weights = folder / "w.h5"
    weights.write_text("weights")
    os.link(weights, folder / "w.tif")
    safe = folder / "P.SAFE"
    for i, name in enumerate(scenes.BANDS):
        values = scenes.digits(61, 83)[..., [i]]
        scenes.write_scene(safe / f"x_{name}.tif", values, [name])
    vrt = folder / "v.vrt"
    rasterio.shutil.copy(scene, folder / "part.tif", driver="GTiff")
    with rasterio.open(folder / "part.tif") as file:
        rasterio.shutil.copy(file, vrt, driver="VRT")
    net = classifier(files=(weights,))
    for paths, out, how in [
        (scene, other, {"seasons": [other]}),
        (scene, other, {"like": other}),
        (scene, folder / "w.tif", {"model": net}),
        (safe, safe / "x_B02.tif", {}),
        (vrt, folder / "part.tif", {"bands": scenes.BANDS}),
    ]:
        before = content(folder)
        with pytest.raises(UserError, match="an output that is not read as well"):
            make_map(paths, out, overwrite=True, **how)
        assert content(folder) == before
    assert make_map(safe, safe / "m.tif").exists()


def test_a_scene_is_not_taken_for_the_map_to_write(folder, scene, tmp_path):
    """Users rely on: the last of several scenes stays where OUT was forgotten."""
    other = shutil.copy(scene, folder / "other.tif")
    before = other.read_bytes()
    for overwrite in (False, True):
        with pytest.raises(UserError, match="found another raster; give the scene, an"):
            make_map(scene, other, overwrite=overwrite)
    assert other.read_bytes() == before
    (folder / "link.tif").symlink_to(other)
    for overwrite in (False, True):
        with pytest.raises(UserError, match="found another raster; give the scene, an"):
            make_map(scene, folder / "link.tif", overwrite=overwrite)
    assert (folder / "link.tif").is_symlink()
    with rasterio.open(scene) as file:
        profile, values = file.profile, file.read(1).astype("float32")
    profile.update(driver="GTiff", dtype="float32", count=1, nodata=np.nan)
    with rasterio.open(folder / "plain.tif", "w", **profile) as file:
        file.write(values, 1)
        file.set_band_description(1, "VV")
    radar = folder / "radar.tif"  # of the form of a layer of probabilities
    rasterio.shutil.copy(folder / "plain.tif", radar, driver="COG")
    with pytest.raises(UserError, match="found another raster"):
        make_map(scene, radar, overwrite=True)
    made = folder / "m.tif"
    make_map(scene, made)
    make_map(scene, made, overwrite=True)


def test_a_link_at_the_output_is_replaced_and_not_followed(folder, scene, whole):
    victim = folder.parent / "victim.tif"
    victim.write_text("precious")
    for name in LAYERS:
        (folder / name).symlink_to(victim)
        with pytest.raises(UserError, match="exists already"):
            make_map(scene, folder / "m.tif")
    make_map(scene, folder / "m.tif", overwrite=True)
    assert victim.read_text() == "precious"
    assert content(folder) == whole
    (folder / "n.tif").symlink_to(folder / "nowhere")
    with pytest.raises(UserError, match="exists already"):
        make_map(scene, folder / "n.tif")


def test_links_planted_in_the_place_of_tiles_are_not_followed(folder, scene, whole):
    out, home = folder / "m.tif", folder.parent / "home"
    home.mkdir()
    (home / "thesis.txt").write_text("years")
    folder_of(out).symlink_to(home)
    for overwrite in (False, True):
        with pytest.raises(UserError, match="found a link or a file; remove it"):
            make_map(scene, out, overwrite=overwrite)
    assert content(home) == {"thesis.txt": b"years"}
    folder_of(out).unlink()
    folder_of(out).mkdir()
    names = ["0.npz", "1.npz", "class.tif", "confidence.tif", "placed.json"]
    for name in names:
        (folder_of(out) / name).symlink_to(home / "thesis.txt")
    os.mkfifo(folder_of(out) / "2.npz")
    ends_whole(out, scene, whole)
    assert content(home) == {"thesis.txt": b"years"}


def test_what_is_not_of_a_map_is_never_removed(folder, scene):
    out = folder / "m.tif"
    for name in ("photos", "0.npz"):
        (folder_of(out) / name).mkdir(parents=True)
        (folder_of(out) / name / "a.jpg").write_text("a day at the sea")
        before = content(folder)
        with pytest.raises(UserError, match=f"found {name}; move it elsewhere"):
            make_map(scene, out, overwrite=True)
        assert content(folder) == before
        shutil.rmtree(folder_of(out))
    (folder / "m.tif").mkdir()
    with pytest.raises(UserError, match="expected a file to write, found a folder"):
        make_map(scene, out, overwrite=True)


def test_a_layer_that_the_new_map_has_not_is_not_left_beside_it(folder, scene, whole):
    make_map(scene, folder / "m.tif")
    layer = folder / "m_probabilities.tif"
    theirs = content(folder) | {layer.name: b"somebody else's"}
    again = {"stride": 8, "probabilities": False, "overwrite": True}
    layer.write_bytes(theirs[layer.name])
    with pytest.raises(UserError, match=r"m_probabilities\.tif: expected a file of"):
        make_map(scene, folder / "m.tif", **again)
    assert content(folder) == theirs
    layer.write_bytes(whole[layer.name])
    make_map(scene, folder / "m.tif", **again)
    assert set(content(folder)) == {"m.tif", "m_confidence.tif"}


def test_the_picture_of_a_run_does_not_leave_it(folder, scene):
    run, home = folder / "run", folder / "home"
    run.mkdir()
    home.mkdir()
    (run / "run.json").write_text("{}")
    (home / "m.png").write_text("a day at the sea")
    (run / "maps").symlink_to(home)
    net = classifier(str(run))
    with pytest.warns(UserWarning, match="maps is a link"):
        make_map(scene, folder / "m.tif", model=net)
    assert content(home) == {"m.png": b"a day at the sea"}
    (run / "maps").unlink()
    (run / "maps").mkdir()
    (run / "maps" / "n.png").symlink_to(home / "m.png")
    make_map(scene, folder / "n.tif", model=net)
    assert content(home) == {"m.png": b"a day at the sea"}
    assert sorted(content(run / "maps")) == ["n.png"]


def test_killed_while_the_picture_is_made_it_is_made_in_the_end(folder, scene):
    run = folder / "run"
    run.mkdir()
    (run / "run.json").write_text("{}")
    net = classifier(str(run))
    out = folder / "m.tif"

    def work():
        make_map(scene, out, model=net)

    # counted among the files of the run alone: its picture
    died = [dying_at(number, run / "maps", work) for number in range(2, 6)]
    assert -9 in died
    if not out.exists() or folder_of(out).exists():
        make_map(scene, out, model=net)
    assert sorted(content(run / "maps")) == ["m.png"]
    assert not folder_of(out).exists()
