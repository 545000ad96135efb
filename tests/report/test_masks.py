"""What the page shows of a segmenter's run."""

import html
import json
import re

import numpy as np
import pytest
from small_masks import CLASSES

from autoai4eo.report.page import write_report
from autoai4eo.report.sections import SECTIONS
from autoai4eo.runs.folder import Run

pytestmark = pytest.mark.filterwarnings("ignore:masks")


@pytest.fixture
def page(segmented_run):
    return html.unescape(write_report(segmented_run).read_text())


def test_scores_are_of_pixels(page, segmented_run):
    kept = json.loads((segmented_run / "best" / "evaluation.json").read_text())
    assert f"Validation: {12 * 255:,} pixels" in page
    assert "over 12 tiles" in page
    for name, one in kept["per_class"].items():
        if one["support"]:
            assert re.search(
                rf"{name}</td>\s*<td[^>]*>{one['support']:,}</td>\s*"
                rf"<td>{one['iou']:.3f}</td>",
                page,
            )
    assert "No pixel of these classes is in the data" in page and "snow" in page
    assert "boundary F1 within 2 pixels" in page
    assert "temperature" not in page
    assert "samples of" not in page


def test_the_confusion_matrix_of_pixels_opens_in_percent(page):
    (switch,) = re.findall(r'<label class="switch"><input ([^>]*)>', page)
    assert switch.endswith("checked")
    assert "percent of the pixels of the row’s class" in page


def test_classes_that_never_occur_are_left_out():
    each = {"precision": 0.0, "recall": 0.0, "f1": 0.0, "iou": 0.0, "support": 0}
    scores = {
        "confusion_matrix": [[5, 0, 0], [5, 0, 0], [0, 0, 0]],
        "per_class": {
            "a": {**each, "support": 5, "iou": 0.5},
            "b": {**each, "support": 5},
            "c": each,
        },
        "absent_classes": ["c"],
        "unseen_classes": ["c"],
    }
    section = SECTIONS["mask"](scores, ["a", "b", "c"])
    assert ">c</td>" not in section and "1 class that does not occur" in section
    assert "Reliability" not in section


def test_tiles_are_shown_with_truth_prediction_and_errors(page, segmented_run):
    kept = Run(segmented_run).read_tiles()
    (part,) = re.findall(r'<div class="tiles">(.*?)</section>', page, re.DOTALL)
    assert part.count("<figure>") == len(kept["sample"]) == 8
    for view in ("sen2", "truth", "prediction", "errors"):
        assert part.count(f"<small>{view}</small>") == 8
    for number, right in zip(kept["sample"], kept["right"], strict=True):
        assert f"tile {number}: <b>{100 * right:.0f}" in part
    assert (
        "dark pixels do not count: their class is unknown, or another tile has them"
        in page
    )
    (legend,) = re.findall(r'class="legend">(.*?)</p>', page, re.DOTALL)
    used = np.union1d(kept["truth"], kept["prediction"])
    assert [name in legend for name in CLASSES] == [i in used for i in range(4)]


def test_classes_have_the_colours_of_their_masks(segmented_run):
    known = json.loads((segmented_run / "run.json").read_text())
    shown = {name: f"#0{i}a0b0" for i, name in enumerate(CLASSES)}
    known["data"]["training"]["opened"]["colours"] = shown
    (segmented_run / "run.json").write_text(json.dumps(known))
    page = html.unescape(write_report(segmented_run).read_text())
    (legend,) = re.findall(r'class="legend">(.*?)</p>', page, re.DOTALL)
    kept = Run(segmented_run).read_tiles()
    used = np.union1d(kept["truth"], kept["prediction"])
    assert [c in legend for c in shown.values()] == [i in used for i in range(4)]


def test_tiles_of_scenes_are_called_by_scene_row_and_column(segmented_run):
    path = segmented_run / "best" / "tiles.npz"
    tiles = dict(np.load(path))
    names = np.array([f"fire {i} row {i} column 9" for i in tiles["sample"]])
    np.savez(path, **{**tiles, "name": names})
    page = write_report(segmented_run).read_text()
    (part,) = re.findall(r'<div class="tiles">(.*?)</section>', page, re.DOTALL)
    for name, right in zip(names, tiles["right"], strict=True):
        assert f"{name}: <b>{100 * right:.0f}" in part
    assert "tile " not in part


def test_damaged_tiles_are_left_out_and_told(segmented_run):
    tiles = dict(np.load(segmented_run / "best" / "tiles.npz"))
    other = segmented_run / "best" / "tiles.npz"
    np.savez(other, **{**tiles, "truth": tiles["truth"] + 40})
    with pytest.warns(UserWarning, match=r"expected tiles of this run's classes"):
        page = write_report(segmented_run).read_text()
    assert "Worst and best tiles" not in page and "Confusion matrix" in page
    other.write_bytes(b"")
    with pytest.warns(UserWarning, match=r"tiles\.npz"):
        write_report(segmented_run)


def test_the_network_is_drawn(page):
    assert "segmentation head" in page and "16×16×4" in page
