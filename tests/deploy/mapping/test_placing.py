"""A map's layers take their names together, also after several kills."""

import os

import pytest

from autoai4eo.deploy.mapping import placing


class Killed(BaseException):
    pass


@pytest.mark.parametrize("probabilities_again", [True, False])
def test_two_kills_while_layers_are_placed_leave_nothing_in_the_way(
    tmp_path, monkeypatch, probabilities_again
):
    folder = tmp_path / "tiles"
    folder.mkdir()
    out, other = tmp_path / "map.tif", tmp_path / "map_probabilities.tif"
    both = {"class": out, "probabilities": other}

    def try_to_place(layers, last):
        others = [path for path in both.values() if path not in layers.values()]
        placing.check_free(folder, layers.values(), others, overwrite=False)
        for what in layers:
            (folder / f"{what}.tif").write_text(what)
        with monkeypatch.context() as patched:
            if last is not None:
                patched.setattr(placing.os, "replace", killed_at(last))
            placing.place(folder, layers, others, "asked")

    def killed_at(last, replace=os.replace):
        def killed(source, target):
            if target == last:
                raise Killed
            replace(source, target)

        return killed

    with pytest.raises(Killed):
        try_to_place(both, out)
    assert other.exists()
    layers = both if probabilities_again else {"class": out}
    first = other if probabilities_again else out
    with pytest.raises(Killed):
        try_to_place(layers, first)
    try_to_place(layers, None)
    assert all(path.read_text() == what for what, path in layers.items())
    assert other.exists() == probabilities_again
