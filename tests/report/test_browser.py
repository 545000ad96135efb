"""The page in a real browser: drawn, usable, no error, and fit for a phone."""

import html
import json
import re
import shutil
import subprocess

import pytest

from autoai4eo.report.page import write_report

BROWSER = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))),
    None,
)
pytestmark = pytest.mark.skipif(BROWSER is None, reason="needs Chromium on the PATH")
#: Clicks, hovers and measures, and leaves what it saw in the page.
PROBE = """<script>
const boxes = (all) => [...all].map((e) => e.getBoundingClientRect());
const column = (i) => [...document.querySelectorAll("table.sorts tbody tr")]
  .filter((r) => r.parentNode.parentNode === document.querySelector("table.sorts"))
  .map((r) => r.cells[i].dataset.value ?? r.cells[i].textContent);
const heads = [...document.querySelectorAll("table.sorts thead")[0].rows[0].cells];
const kappa = heads.findIndex((h) => h.textContent === "Cohen's kappa (validation)");
heads[kappa].click();
const down = column(kappa);
heads[kappa].click();
const up = column(kappa);
const mark = document.querySelector('#costs figure:not([hidden]) [data-trial]');
mark.dispatchEvent(new PointerEvent("pointerenter", {clientX: 5, clientY: 5}));
const tip = document.getElementById("tip");
const choice = document.querySelector("select");
const before = [...document.querySelectorAll("#costs > figure")].map((f) => f.hidden);
choice.selectedIndex = 1;
choice.dispatchEvent(new Event("change"));
const after = [...document.querySelectorAll("#costs > figure")].map((f) => f.hidden);
parent.postMessage({
  width: innerWidth,
  page: document.documentElement.scrollWidth,
  down, up, before, after,
  trial: mark.dataset.trial,
  tip: tip.textContent,
  tip_shown: tip.style.display,
  tip_right: tip.getBoundingClientRect().right,
  charts: boxes(document.querySelectorAll("figure:not([hidden]) > svg"))
    .map((b) => [b.width, b.height]),
  smallest: Math.min(...boxes(document.querySelectorAll(
    "figure:not([hidden]) > svg text:not([transform])")).map((b) => b.height)),
  images: [...document.images].map((i) => i.naturalWidth),
  title: document.title,
}, "*");
</script>"""
#: A window as narrow as asked; the browser's own has a least width.
FRAME = """<!DOCTYPE html><pre id="seen"></pre>
<iframe src="probed.html" style="border:0" width="{}" height="900"></iframe>
<script>
addEventListener("message", (m) => {{
  document.getElementById("seen").textContent = JSON.stringify(m.data);
}});
</script>"""


@pytest.fixture(scope="module", params=[1280, 390])
def seen(request, searched, tmp_path_factory):
    """What the probe saw at a desktop's and at a phone's width, and the errors."""
    run = shutil.copytree(searched.run, tmp_path_factory.mktemp("seen") / "run")
    page = write_report(run).read_text()
    (run / "probed.html").write_text(page.replace("</body>", PROBE + "</body>"))
    (run / "frame.html").write_text(FRAME.format(request.param))
    done = subprocess.run(
        [
            BROWSER,
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--enable-logging=stderr",
            f"--user-data-dir={run / 'profile'}",
            "--window-size=1400,1000",
            "--virtual-time-budget=2000",
            "--dump-dom",
            (run / "frame.html").as_uri(),
        ],
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    (found,) = re.findall(r'<pre id="seen">(.*?)</pre>', done.stdout, re.DOTALL)
    errors = [line for line in done.stderr.splitlines() if "CONSOLE" in line]
    return request.param, json.loads(html.unescape(found)), errors


def test_no_error_and_nothing_of_the_users_is_run(seen):
    _, found, errors = seen
    assert errors == []
    assert found["title"].startswith("run")


def test_everything_is_drawn(seen):
    _, found, _ = seen
    assert len(found["charts"]) == 4  # costs, two curves, reliability
    assert all(width > 300 and height > 150 for width, height in found["charts"])
    assert all(found["images"])


def test_no_page_is_wider_than_its_window(seen):
    width, found, _ = seen
    assert found["width"] == width
    assert found["page"] <= width
    assert found["smallest"] > 9  # of the charts' words, in pixels


def test_a_click_sorts(seen):
    _, found, _ = seen
    numbers = [float(v) for v in found["down"] if v]
    assert numbers == sorted(numbers, reverse=True) and len(numbers) == 3
    assert [float(v) for v in found["up"] if v] == numbers[::-1]
    empty = len(found["up"]) - 3
    assert found["up"][3:] == found["down"][3:] == [""] * empty


def test_the_details_of_a_trial_are_inside_the_window(seen):
    width, found, _ = seen
    assert found["tip_shown"] == "block" and found["tip_right"] <= width
    assert found["tip"].startswith(f"trial {found['trial']} ·")
    assert "tiny_block_1width" in found["tip"]


def test_another_cost_can_be_chosen(seen):
    _, found, _ = seen
    assert found["before"][:2] == [False, True]
    assert found["after"][:2] == [True, False]
