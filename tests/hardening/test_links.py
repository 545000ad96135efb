"""Links that somebody planted in a shared folder lead to nothing of the user's."""

from __future__ import annotations

import json
import os

import pytest
from runs import content, run_folder

from autoai4eo.data.readers.image_files import Listing
from autoai4eo.data.readers.image_header import KEPT_FROM, Header, read_headers
from autoai4eo.errors import UserError

PNG = b"\x89PNG\r\n\x1a\n the user's own picture IEND\xaeB`\x82"


@pytest.fixture
def home(tmp_path):
    """What the attacker wants."""
    folder = tmp_path / "home"
    (folder / "trial").mkdir(parents=True)
    (folder / "picture.png").write_bytes(PNG)
    (folder / "model.keras").write_bytes(b"the user's own network")
    (folder / "secret.json").write_text('{"trial": "sesame", "metrics": "sesame"}')
    (folder / "trial" / "history.csv").write_text("epoch,loss\n0,12345.678\n")
    return folder


@pytest.mark.parametrize(
    ("name", "target"),
    [
        ("maps/scene.png", "picture.png"),
        ("maps", ""),
        ("best/model.keras", "model.keras"),
        ("best/evaluation.json", "secret.json"),
        ("best/mistakes.npz", "secret.json"),
        ("best", ""),
        ("trials/0/history.csv", "trial/history.csv"),
        ("trials/0", "trial"),
        ("statistics.json", "secret.json"),
    ],
)
def test_a_report_embeds_nothing_from_outside_the_run(
    run, tmp_path, home, name, target
):
    folder = run_folder(tmp_path / "run")
    (folder / name).parent.mkdir(parents=True, exist_ok=True)
    (folder / name).symlink_to(home / target)
    result = run("report", folder)
    assert result.status == 2 and "sesame" not in result.err
    (line,) = result.err.splitlines()
    assert line.startswith(f"error: {folder / name}: expected a file or folder of the")
    assert not (folder / "report.html").exists()


def test_links_within_a_path_to_the_run_are_the_users_own(run, tmp_path):
    run_folder(tmp_path / "disk" / "run")
    (tmp_path / "runs").symlink_to("disk")
    assert run("report", tmp_path / "runs" / "run").status == 0


@pytest.mark.slow  # Keras is imported
def test_no_network_is_read_from_outside_the_run(tmp_path, home):
    from autoai4eo.deploy.predictors.networks import network_file

    folder = run_folder(tmp_path / "run")
    (folder / "best").mkdir()
    (folder / "best" / "model.keras").symlink_to(home / "model.keras")
    for trial in (None, 0):
        with pytest.raises(UserError, match=r"found a link, which is not followed"):
            network_file(folder, trial)


def test_a_report_replaces_a_link_of_its_name(run, tmp_path, home):
    folder = run_folder(tmp_path / "run")
    (folder / "report.html").symlink_to(home / "picture.png")
    before = content(home)
    result = run("report", folder)
    assert content(home) == before
    # refused or written in the link's place
    assert result.status == 2 or not (folder / "report.html").is_symlink()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root makes links of others")
def test_a_table_replaces_the_link_of_another_user(run, tmp_path, home):
    out = tmp_path / "trials.csv"
    out.symlink_to(home / "secret.json")
    os.lchown(out, 12345, 12345)
    before = content(home)
    assert run("trials", run_folder(tmp_path / "run"), "--csv", out).status == 0
    assert content(home) == before
    assert not out.is_symlink() and out.read_text().startswith("trial,")


def test_a_table_can_still_go_to_standard_output(run, tmp_path):
    result = run("trials", run_folder(tmp_path / "run"), "--csv", "/dev/stdout")
    assert result.status == 0 and "0,complete,0.5" in result.out


def test_pictures_of_samples_replace_a_link_of_their_name(tmp_path, home):
    import small

    from autoai4eo.report.samples import write_samples

    out = tmp_path / "samples.png"
    out.symlink_to(home / "picture.png")
    before = content(home)
    write_samples(small.dataset(), out)
    assert content(home) == before and not out.is_symlink()


HEADER = Header(
    height=8,
    width=8,
    dtype="uint8",
    bands=("R",),
    alpha=0,
    palette=False,
    missing=False,
    bits=8,
    partly_named=False,
    units=((1.0, 0.0, ""),),
    pages=False,
)


@pytest.fixture
def headers(tmp_path, monkeypatch):
    """Reads the headers of many images; gives how many were read from the files."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    names = tuple(f"{number}.png" for number in range(KEPT_FROM))
    stamps = dict.fromkeys(names, (1, 1))
    listing = Listing(names=names, stamps=stamps, sidecars=False, notes=())

    def read():
        seen = []

        def of(names):
            seen.extend(names)
            return [HEADER] * len(names)

        assert read_headers(listing, "images", of)[names[0]] == HEADER
        return len(seen)

    return read


def test_the_cache_is_the_users_alone(tmp_path, headers):
    before = os.umask(0)
    try:
        assert (headers(), headers()) == (KEPT_FROM, 0)
    finally:
        os.umask(before)
    assert (tmp_path / "cache" / "autoai4eo").stat().st_mode & 0o777 == 0o700


def test_a_cache_that_others_could_write_to_is_closed(tmp_path, headers):
    (tmp_path / "cache" / "autoai4eo").mkdir(parents=True)
    (tmp_path / "cache" / "autoai4eo").chmod(0o777)
    headers()
    assert (tmp_path / "cache" / "autoai4eo").stat().st_mode & 0o777 == 0o700


def test_a_cache_that_is_a_link_is_not_followed(tmp_path, home, headers):
    (tmp_path / "cache").mkdir()
    (tmp_path / "cache" / "autoai4eo").symlink_to(home)
    before = content(home)
    assert (headers(), headers()) == (KEPT_FROM, KEPT_FROM)
    assert content(home) == before


def test_a_planted_link_in_the_cache_is_not_read(tmp_path, home, headers):
    headers()
    (kept,) = (tmp_path / "cache" / "autoai4eo").iterdir()
    other = json.loads(kept.read_text())
    (home / "kept.json").write_text(json.dumps(other))
    kept.unlink()
    kept.symlink_to(home / "kept.json")
    before = content(home)
    assert headers() == KEPT_FROM
    assert content(home) == before and not kept.is_symlink()
