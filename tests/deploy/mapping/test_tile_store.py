"""Maps that break off: what is kept, and what is used again."""

import os
import subprocess
import sys

import numpy as np
import pytest
import scenes
from scenes import HEIGHT, WIDTH, read

from autoai4eo.deploy import load_predictor, map_scene
from autoai4eo.deploy.mapping import mapping
from autoai4eo.errors import UserError


def test_an_interrupted_map_computes_only_missing_tiles(
    tmp_path, monkeypatch, model, scene
):
    monkeypatch.setattr("autoai4eo.deploy.mapping.windows.TILE", 24)
    how = {"stride": 4, "scale": 1e-4, "verbose": 0}
    whole = map_scene(model, scene, tmp_path / "whole.tif", **how)
    out = tmp_path / "m.tif"
    classifier = load_predictor(model)
    done = []

    def breaks(pixels):
        if len(done) == 3:
            raise KeyboardInterrupt
        done.append(0)
        return classifier.predict(pixels)

    with pytest.raises(KeyboardInterrupt):
        map_scene(_with(classifier, breaks), scene, out, **how)
    assert not out.exists() and not (tmp_path / "m_confidence.tif").exists()
    more = []

    def counts(pixels):
        more.append(0)
        return classifier.predict(pixels)

    map_scene(_with(classifier, counts), scene, out, **how)
    assert 0 < len(more) < 12  # a batch for each of the 12 tiles
    assert len(more) + len(done) <= 13
    np.testing.assert_array_equal(read(out), read(whole))
    assert sorted(p.name for p in tmp_path.iterdir()) == [
        "m.tif",
        "m_confidence.tif",
        "whole.tif",
        "whole_confidence.tif",
    ]


def test_tiles_of_other_options_are_not_used(tmp_path, monkeypatch, model, scene):
    out = tmp_path / "m.tif"
    classifier = load_predictor(model)

    def full(*_, **__):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(mapping, "write_layers", full)
        with pytest.raises(UserError, match=r"cannot be written .No space.*to resume"):
            map_scene(classifier, scene, out, stride=8, scale=1e-4, verbose=0)
    assert not out.exists()
    assert list((tmp_path / ".mapping-m.tif").glob("[0-9]*.npz"))
    map_scene(classifier, scene, out, stride=4, scale=1e-4, verbose=0)
    direct = map_scene(
        classifier, scene, tmp_path / "n.tif", stride=4, scale=1e-4, verbose=0
    )
    np.testing.assert_array_equal(read(out), read(direct))


def _with(classifier, predict):
    from dataclasses import replace

    return replace(classifier, predict=predict)


def test_tiles_of_another_scene_or_mask_are_not_used(tmp_path, monkeypatch, model):
    pixels = scenes.digits(HEIGHT, WIDTH)
    quality = np.full((HEIGHT, WIDTH, 1), 4, np.uint16)
    quality[:30] = 9
    path = scenes.write_scene(
        tmp_path / "s.tif",
        np.concatenate([pixels, quality], axis=-1),
        [*scenes.BANDS, "SCL"],
    )
    out = tmp_path / "m.tif"
    how = {"stride": 4, "scale": 1e-4, "verbose": 0}

    def full(*_, **__):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(mapping, "write_layers", full)
        with pytest.raises(UserError), pytest.warns(UserWarning, match="mask_clouds"):
            map_scene(model, path, out, **how)
    with pytest.warns(UserWarning, match="masked by SCL: "):
        map_scene(model, path, out, mask_clouds=True, **how)
    assert (read(out)[:6] == 0).all() and (read(out)[9:-1] > 0).all()


@pytest.mark.slow
def test_killed_it_leaves_nothing_under_the_final_name(tmp_path, model):
    pixels = scenes.digits(400, 400)
    scene = scenes.write_scene(tmp_path / "s.tif", pixels)
    out = tmp_path / "m.tif"
    script = (
        "import sys; from autoai4eo.deploy import map_scene\n"
        "from autoai4eo.deploy.mapping import windows\n"
        "windows.TILE = 64\n"
        "map_scene(*sys.argv[1:], stride=5, scale=1e-4, verbose=0)\n"
    )
    command = [sys.executable, "-c", script, str(model), str(scene), str(out)]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    process = subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL)
    folder = tmp_path / ".mapping-m.tif"
    while process.poll() is None and len(list(folder.glob("[0-9]*.npz"))) < 3:
        pass
    process.kill()
    process.wait()
    assert not out.exists() and len(list(folder.glob("[0-9]*.npz"))) >= 3
    subprocess.run(command, env=environment, check=True, stderr=subprocess.DEVNULL)
    assert read(out).shape == (80, 80) and not folder.exists()
