"""Attacks on `export`: what stands in its place, kills, two at once.

What a user relies on: an export replaces an export, never a run, its data or what
somebody else made; interrupted, the same command goes well; two never mix.
"""

import fcntl
import json
import os
import shutil

import keras
import pytest
from mapping_kills import content

from autoai4eo import deploy
from autoai4eo.deploy.export import exporting
from autoai4eo.errors import UserError


@pytest.fixture(scope="module")
def network():
    keras.utils.set_random_seed(0)
    pixels = keras.Input((4, 4, 2), name="image")
    x = keras.layers.GlobalAveragePooling2D()(pixels)
    return keras.Model(pixels, keras.layers.Dense(3, activation="softmax")(x))


@pytest.fixture
def run(tmp_path, network, monkeypatch):
    """A run folder, as far as an export reads it; what it writes is not tried."""
    run = tmp_path / "run"
    (run / "best").mkdir(parents=True)
    network.save(run / "best" / "model.keras")
    data = tmp_path / "data.h5"
    data.write_text("data")
    spec = {"name": "image", "bands": ["B02", "B03"], "sensor": "Sentinel-2"}
    told = {
        "path": str(data),
        "samples": 1,
        "fingerprint": "0",
        "classes": ["water", "field", "town"],
        "inputs": [{**spec, "shape": [4, 4, 2], "level": None}],
    }
    known = {"arguments": {}, "versions": {}, "device": "CPU", "id": "0"}
    known |= {"data": {"training": told, "validation": told}, "started": "today"}
    (run / "run.json").write_text(json.dumps(known))

    def item(run, known, network, trial, calibrated):
        key = "autoai4eo:weights_sha256"
        sha = exporting.metadata.weights_sha256(network)
        return {"id": "m", "properties": {key: sha, "bands": []}, "assets": {}}

    def compare(kind, path, quantize, source):
        return exporting.Exported(
            path, kind.name, None, 1, 0, 0, "", 0, "CPU", "", "patch"
        )

    monkeypatch.setattr(exporting.metadata, "item", item)
    monkeypatch.setattr(exporting, "compare", compare)
    card = "found by\narchitecture search with autoai4eo"
    monkeypatch.setattr(exporting.card, "render", lambda item: card)
    return run


@pytest.fixture
def out(tmp_path):
    (tmp_path / "out").mkdir()
    return tmp_path / "out"


def refused(match, *arguments, **how):
    with pytest.raises(UserError, match=match) as error:
        deploy.export(*arguments, **how)
    assert "\n" not in str(error.value)


@pytest.mark.filterwarnings("ignore:.*structure of `inputs`")
def test_a_savedmodel_with_something_of_the_users_in_it_stays(run, out):
    deploy.export(run, out / "m")
    deploy.export(run, out / "m", overwrite=True)
    for name in ("thesis.txt", "assets/photo.jpg", "variables/mine/a.txt"):
        (out / "m" / name).parent.mkdir(exist_ok=True)
        (out / "m" / name).write_text("years of work")
        before = content(out)
        told = name.rsplit("/", 1)[0] if "mine" in name else name
        refused(f"found {told} in its place", run, out / "m", overwrite=True)
        assert content(out) == before
        (out / "m" / name).unlink()


@pytest.mark.parametrize("name", ["", "x", "best", "best/model.keras", "trials/1/m"])
def test_nothing_is_exported_into_the_run(run, name, tmp_path):
    before = content(tmp_path)
    format = "keras" if name.endswith(".keras") else "savedmodel"
    (tmp_path / "link").symlink_to(run)
    for folder in (run, tmp_path / "link", run / ".." / "run"):
        for overwrite in (True, False):
            with pytest.raises(UserError):
                deploy.export(run, folder / name, format, overwrite=overwrite)
    (tmp_path / "link").unlink()
    assert content(tmp_path) == before


def test_nothing_takes_the_place_of_what_the_run_or_its_data_are_in(run, tmp_path):
    (tmp_path / "saved_model.pb").write_text("looks like one")
    before = content(tmp_path)
    with pytest.raises(UserError):
        deploy.export(run, tmp_path, overwrite=True)
    assert content(tmp_path) == before


@pytest.mark.parametrize("how", [os.link, os.symlink])
@pytest.mark.parametrize("name", ["data.h5", "run/best/model.keras", "run/run.json"])
def test_no_input_is_an_output_by_another_name(run, out, tmp_path, how, name):
    how(tmp_path / name, out / "m.keras")
    before = content(tmp_path)
    match = "an output that is not read as well|a place outside of the run"
    refused(match, run, out / "m.keras", "keras", overwrite=True)
    assert content(tmp_path) == before


@pytest.mark.parametrize("name", ["m.keras", "model.json", "MODEL_CARD.md"])
def test_links_at_the_outputs_are_not_followed(run, out, tmp_path, name):
    victim = tmp_path / "victim"
    victim.write_text("precious")
    (out / name).symlink_to(victim)
    refused("exists already|expected none", run, out / "m.keras", "keras")
    try:
        deploy.export(run, out / "m.keras", "keras", overwrite=True)
    except UserError:
        assert name != "m.keras"
    assert victim.read_text() == "precious"


def test_what_somebody_wrote_of_a_model_is_never_overwritten(run, out):
    deploy.export(run, out / "m.keras", "keras")
    (out / "MODEL_CARD.md").write_text("measured by hand")
    refused("into a folder of its own$", run, out / "n.keras", "keras", overwrite=True)
    assert (out / "MODEL_CARD.md").read_text() == "measured by hand"
    assert not (out / "n.keras").exists()


def test_broken_off_between_its_files_the_same_call_goes_well(
    run, out, monkeypatch, tmp_path
):
    deploy.export(run, tmp_path / "w" / "m.keras", "keras")
    for number in (1, 2, 3):
        shutil.rmtree(out)
        out.mkdir()
        replace_, seen = os.replace, []

        def killed(source, target, seen=seen, number=number, replace_=replace_):
            if target.parent == out:
                seen.append(target)
                if len(seen) == number:
                    os._exit(0)
            replace_(source, target)

        child = os.fork()  # what is written is small: Keras needs no thread for it
        if not child:
            os.replace = killed
            deploy.export(run, out / "m.keras", "keras")
            os._exit(1)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
        assert list(out.glob(".writing-*"))  # a kill leaves them
        deploy.export(run, out / "m.keras", "keras")
        assert sorted(content(out)) == ["MODEL_CARD.md", "m.keras", "model.json"]


@pytest.mark.parametrize("lock", [".m.keras.lock", ".model.json.lock"])
def test_two_exports_to_one_place_do_not_mix(run, out, lock):
    holder = os.open(out / lock, os.O_RDWR | os.O_CREAT)
    told = {"pid": 4711, "host": "elsewhere", "since": "today"}
    os.write(holder, json.dumps(told).encode())
    fcntl.flock(holder, fcntl.LOCK_EX)
    refused("another export at work.*process 4711", run, out / "m.keras", "keras")
    assert sorted(content(out)) == [lock]
    os.close(holder)
    deploy.export(run, out / "m.keras", "keras")
    assert sorted(content(out)) == ["MODEL_CARD.md", "m.keras", "model.json"]
