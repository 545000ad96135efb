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
const mark = document.querySelector('#costs [data-trial]');
mark.dispatchEvent(new PointerEvent("pointerenter", {clientX: 5, clientY: 5}));
const tip = document.getElementById("tip");
const overlaps = [];
for (const chart of document.querySelectorAll("svg.chart")) {
  const words = [...chart.querySelectorAll("text")].filter((w) => w.textContent);
  words.forEach((one, i) => words.slice(i + 1).forEach((other) => {
    const [a, b] = boxes([one, other]);
    if (a.left < b.right - 1 && b.left < a.right - 1 && a.top < b.bottom - 4
      && b.top < a.bottom - 4) overlaps.push([one.textContent, other.textContent]);
  }));
}
const beyond = [...document.querySelectorAll("svg.chart text")].filter((word) => {
  const [text, chart] = boxes([word, word.closest("svg")]);
  return text.left < chart.left - 1 || text.right > chart.right + 1;
}).map((word) => word.textContent);
const wide = document.querySelector("table.sticks").parentNode;
const hints = [wide.className];
wide.scrollLeft = wide.scrollWidth;
wide.dispatchEvent(new Event("scroll"));
hints.push(wide.className);
const cell = [...document.querySelectorAll("table.confusion td")]
  .find((td) => td.textContent);
const read = () => [".count", ".percent"].map(
  (kind) => getComputedStyle(cell.querySelector(kind)).display !== "none");
const counts = read();
document.querySelector(".switch input").click();
parent.postMessage({
  overlaps, beyond, hints, switched: [counts, read()],
  lit: [...document.querySelectorAll("#costs figure")].map(
    (figure) => figure.querySelectorAll(".lit").length),
  spare: document.documentElement.clientWidth
    - document.querySelector(".scroll").getBoundingClientRect().right,
  width: innerWidth,
  page: document.documentElement.scrollWidth,
  down, up,
  trial: mark.dataset.trial,
  tip: tip.textContent,
  tip_shown: tip.style.display,
  tip_right: tip.getBoundingClientRect().right,
  costs: document.querySelectorAll("#costs > figure").length,
  charts: boxes(document.querySelectorAll("figure > svg"))
    .map((b) => [b.width, b.height]),
  smallest: Math.min(...boxes(document.querySelectorAll(
    "figure > svg text:not([transform])")).map((b) => b.height)),
  images: [...document.images].map((i) => i.naturalWidth),
  places: boxes(document.querySelectorAll("#costs > figure")).map((b) => b.left),
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


#: Takes the styles for paper, prepares to print, and measures as `PROBE` does.
PRINT_PROBE = """<script>
const [sheet] = document.styleSheets;
for (const rule of [...sheet.cssRules]) {
  if (!rule.media || rule.media.mediaText !== "print") continue;
  for (const one of rule.cssRules) sheet.insertRule(one.cssText, sheet.cssRules.length);
}
const heads = (table) => [...table.tHead.rows[0].cells].map((c) => c.textContent);
const [first] = document.querySelectorAll("table.sorts.sticks");
const before = document.querySelectorAll("table").length;
dispatchEvent(new Event("beforeprint"));
dispatchEvent(new Event("beforeprint"));
const parts = [...document.querySelectorAll("table.part")]
  .filter((part) => part.parentNode === first.parentNode);
const controls = "input, select, button, summary, .screen";
const found = {
  page: document.documentElement.scrollWidth, width: innerWidth,
  whole: heads(first), parts: parts.map(heads), shown: !first.hidden,
  rows: parts.map((part) => part.tBodies[0].rows.length),
  all_rows: first.tBodies[0].rows.length,
  cut: [...document.querySelectorAll(".scroll")]
    .filter((box) => box.scrollWidth > box.clientWidth + 1).length,
  controls: [...document.querySelectorAll(controls)]
    .filter((e) => e.getClientRects().length).map((e) => e.textContent),
};
dispatchEvent(new Event("afterprint"));
parent.postMessage({...found, restored: !first.hidden,
  before, after: document.querySelectorAll("table").length}, "*");
</script>"""


def see(searched, folder, probe, width):
    """Returns what a probe saw in the page at a width, and the errors."""
    run = shutil.copytree(searched.run, folder / "run")
    page = write_report(run).read_text()
    (run / "probed.html").write_text(page.replace("</body>", probe + "</body>"))
    (run / "frame.html").write_text(FRAME.format(width))
    done = subprocess.run(
        [
            BROWSER,
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--enable-logging=stderr",
            f"--user-data-dir={run / 'profile'}",
            "--window-size=1500,1000",
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
    return json.loads(html.unescape(found)), errors


@pytest.fixture(scope="module", params=[1400, 390])
def seen(request, searched, tmp_path_factory):
    """What the probe saw at a desktop's and at a phone's width, and the errors."""
    folder = tmp_path_factory.mktemp("seen")
    return request.param, *see(searched, folder, PROBE, request.param)


def test_no_error_and_nothing_of_the_users_is_run(seen):
    _, found, errors = seen
    assert errors == []
    assert found["title"].startswith("run")


def test_everything_is_drawn(seen):
    _, found, _ = seen
    assert len(found["charts"]) == found["costs"] + 3  # two curves, reliability
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


def test_a_trial_is_lit_in_the_charts_of_all_costs(seen):
    _, found, _ = seen
    assert found["costs"] == len(found["lit"]) >= 3
    # a finalist has a second mark where its own training changed its score
    assert set(found["lit"]) in ({1}, {2})


def test_no_words_of_a_chart_overlap_or_are_cut(seen):
    """Users rely on: a chart can be read on a phone, too."""
    _, found, _ = seen
    assert found["overlaps"] == [] and found["beyond"] == []


def test_the_width_is_used(seen):
    _, found, _ = seen
    assert found["spare"] < 25
    across = set(map(round, found["places"]))
    assert len(across) == (2 if found["width"] == 1400 else 1)


def test_a_wide_table_says_that_it_goes_on(seen):
    _, found, _ = seen
    at_first, at_the_end = found["hints"]
    assert "is-wide" in at_first and "goes-on" in at_first
    assert "is-wide" in at_the_end and "goes-on" not in at_the_end


def test_confusion_is_switched_from_counts_to_percent(seen):
    _, found, _ = seen
    assert found["switched"] == [[True, False], [False, True]]


@pytest.fixture(scope="module")
def printed(searched, tmp_path_factory):
    """What is printed on A4 paper, whose lines have 703 pixels."""
    found, errors = see(searched, tmp_path_factory.mktemp("print"), PRINT_PROBE, 703)
    assert errors == []
    return found


def test_no_printed_table_is_cut(printed):
    """Users rely on: each column is on the paper, beside the trial's number."""
    assert printed["page"] <= printed["width"] and printed["cut"] == 0
    assert len(printed["parts"]) > 1 and not printed["shown"]
    trial, *columns = printed["whole"]
    assert [part[0] for part in printed["parts"]] == [trial] * len(printed["parts"])
    assert [name for part in printed["parts"] for name in part[1:]] == columns
    assert set(printed["rows"]) == {printed["all_rows"]}
    assert printed["restored"] and printed["before"] == printed["after"]


def test_nothing_to_click_is_printed(printed):
    assert printed["controls"] == []
