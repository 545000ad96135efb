"""What the page says of a run, in whatever state it is."""

import base64
import fcntl
import html
import json
import re
import shutil
from dataclasses import replace

import numpy as np
import pytest
import small
from optuna.trial import TrialState, create_trial

from autoai4eo.errors import AutoAI4EOWarning, UserError
from autoai4eo.learning.evaluation import score
from autoai4eo.learning.figures import FIGURES
from autoai4eo.learning.verdict import verdict
from autoai4eo.report.page import _content, write_report
from autoai4eo.report.pictures import png, views_in_words
from autoai4eo.report.rendering import render
from autoai4eo.report.trials import cost_chart
from autoai4eo.runs.data_record import SYNTHETIC
from autoai4eo.runs.folder import Run
from autoai4eo.runs.network_id import NetworkId
from autoai4eo.runs.reading import ShownEnsemble, Trial, read
from autoai4eo.runs.scoring import evaluate
from autoai4eo.runs.study import open_study
from autoai4eo.runs.trials import keep_end

EVIL = '<img src=x onerror="document.title=1">'


def page_of(run):
    path = write_report(run)
    assert path == run / "report.html"
    return path.read_text()


def text_of(page):
    return " ".join(html.unescape(re.sub(r"<[^>]*>", "", page)).split())


def charts_of(page):
    """The charts of a metric against each cost."""
    part = page[page.index('id="costs"') : page.index('<div class="key">')]
    return re.findall(r'<svg class="chart".*?</svg>', part, re.DOTALL)


def facts(page):
    (told,) = re.findall(r'id="trials">(.*?)</script>', page, re.DOTALL)
    return {
        int(n): dict(trial["facts"], title=trial["title"])
        for n, trial in json.loads(told).items()
    }


def test_the_page_of_a_finished_run_is_complete(run, searched):
    page = page_of(run)
    for title in (
        "against cost",
        "Learning curves",
        "Trials",
        "Validation: 60 samples",
        "Confusion matrix",
        "Reliability",
        "architecture",
        "Arguments, data and machine",
    ):
        assert f"{title}" in page
    kept = json.loads((run / "best" / "evaluation.json").read_text())
    low, high = kept["intervals"]["cohen_kappa"]
    assert f"{low:.3f} to {high:.3f}" in page
    assert f"temperature of {kept['temperature']:.2f}" in page
    assert page.count("<figure>\n<div class") == len(
        np.load(run / "best" / "mistakes.npz")["truth"]
    )
    for trial in searched.trials()["trial"]:
        assert f"<td>{trial}</td>" in page


def test_references_are_a_table_a_sentence_and_lines(run):
    """Users rely on: whether the network was worth it is seen at once."""
    page = page_of(run)
    assert "References</h2>" in page
    assert "boosted trees on band statistics</td>" in page
    kept = json.loads((run / "best" / "evaluation.json").read_text())
    told = verdict(kept["against_reference"], "validation")
    assert told in html.unescape(page)
    charts = [c for c in re.findall(r"<svg.*?</svg>", page, re.DOTALL) if "kappa" in c]
    against_cost = [c for c in charts if " against " in c]
    assert against_cost and all(">trees</text>" in chart for chart in against_cost)
    del kept["against_reference"]  # as of data that the network learned from
    (run / "best" / "test.json").write_text(json.dumps(kept))
    page = page_of(run)
    assert "learned from the test data, so that they do not tell whether" in page
    assert page.count("boosted trees on band statistics</td>") == 2
    (run / "references.json").unlink()
    shutil.rmtree(run / "best")
    page = page_of(run)
    assert "References</h2>" not in page and ">trees</text>" not in page


def test_the_verdict_on_unseen_data_stands_first(run, searched, data):
    """Users rely on: the kinder one on the validation data is not all they read."""
    network, fitted = searched.export_model(), Run(run).read_evaluation()
    for seed in (1, 2):  # the validation data chose the network
        found = evaluate(run, network, data(seed), 32, fitted)
    name = read(run).evaluations[0].name
    told = verdict(found["against_reference"], name)
    later = verdict(fitted["against_reference"], "validation")
    page = html.unescape(page_of(run))
    assert f"<p>{told}</p>" in page and page.index(told) < page.index(later)
    content = _content(read(run))
    assert content["cards"][0] == (
        FIGURES["cohen_kappa"].exact(found["cohen_kappa"]),
        f"Cohen's kappa of the finalist ({name})",
    )
    on = [data for _, data, _ in content["references"]["rows"]]
    assert on == 2 * [name] + 2 * ["validation"]
    assert len(content["references"]["verdicts"]) == 2


@pytest.mark.filterwarnings("ignore::autoai4eo.errors.AutoAI4EOWarning")
def test_what_the_network_learned_from_has_no_verdict(run, searched, data):
    network, fitted = searched.export_model(), Run(run).read_evaluation()
    evaluate(run, network, data(0), 32, fitted)
    (told,) = _content(read(run))["references"]["verdicts"]
    assert told == verdict(fitted["against_reference"], "validation")


def test_the_page_of_synthetic_data_says_so(run):
    """Users rely on: nobody takes the scores of the demo for real ones."""
    assert SYNTHETIC not in page_of(run)
    known = json.loads((run / "run.json").read_text())
    known["data"]["training"]["synthetic"] = True
    (run / "run.json").write_text(json.dumps(known))
    assert f"<strong>{SYNTHETIC}</strong>" in page_of(run)


def test_the_page_needs_nothing_beside_it(run):
    page = page_of(run)
    sources = re.findall(r'(?:src|href)="([^"]*)"', page)
    assert all(source.startswith("data:") for source in sources)
    assert "url(" not in page and "@import" not in page and "https:" not in page


def test_hovering_shows_architecture_cost_and_reason(run, searched):
    told = facts(page_of(run))
    for row in searched.trials(all=True).to_dict("records"):
        trial = told[row["trial"]]
        assert trial["title"] == f"trial {row['trial']} · {row['status']}"
        if row["status"] == "failed":
            assert trial["reason"] == "ValueError: </script><b>bad</b>"
        else:
            assert trial["tiny_block_1"] == f"width {row['tiny_block_1/width']:.0f}"
            assert trial["parameters"] == f"{row['params']:,.0f}"
        if row["status"] == "infeasible":
            assert trial["reason"].startswith("params ")


def test_every_trial_with_a_cost_is_drawn(run, searched):
    page = page_of(run)
    trials = searched.trials()
    known = {str(n) for n in trials[trials["params"].notna()]["trial"]}
    charts = charts_of(page)
    assert [" against parameters" in chart for chart in charts].count(True) == 1
    for chart in charts:
        assert set(re.findall(r'data-trial="(\d+)"', chart)) == known


def test_what_the_user_named_is_escaped(run):
    page = page_of(run)
    assert EVIL not in page and html.escape(EVIL, quote=False) in page.replace(
        "&#34;", '"'
    )
    assert "<b>bad</b>" not in page and "forest &amp; field" in page


def test_a_search_without_a_trial_says_so(run):
    (run / "study.db").unlink()
    for folder in ("best", "trials"):
        shutil.rmtree(run / folder)
    page = page_of(run)
    assert "No trial is complete." in text_of(page) and "interrupted" in page
    assert "Arguments, data and machine" in page and "<svg" not in page


def test_a_lost_record_of_the_trials_is_told(run):
    (run / "study.db").unlink()
    with pytest.warns(AutoAI4EOWarning, match=r"study\.db: expected the record of the"):
        page_of(run)


def test_a_running_search_is_shown_as_running(run, searched):
    shutil.rmtree(run / "best")
    study = open_study(run, searched.objectives)
    study.add_trial(create_trial(state=TrialState.RUNNING))
    with (run / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        page = page_of(run)
    assert "This search is running" in page and ">1 running<" in page
    page = page_of(run)
    assert "the same arguments resumes it" in page and ">1 interrupted<" in page
    assert "architecture</h2>" not in page


def test_a_search_that_was_given_more_trials_is_not_finished(run, searched):
    def resume(max_trials):
        file = run / "run.json"
        told = json.loads(file.read_text())
        told["arguments"]["max_trials"] = max_trials
        file.write_text(json.dumps(told))

    keep_end(open_study(run, searched.objectives), 5)
    resume(5)
    assert ">finished</span>" in page_of(run)
    resume(9)
    page = page_of(run)
    assert ">interrupted</span>" in page and "was given more trials" in page


def test_nobody_is_told_to_wait_for_a_search_that_is_over(run):
    """Users rely on: above finished charts stands what is in them."""
    page = text_of(page_of(run))
    assert "complete yet" not in page and "No trial is" not in page
    snapshot = read(run)
    left = [
        Trial(t.number, "infeasible", "too large", t.figures, {}, [], False, False)
        for t in snapshot.trials
    ]
    none = replace(snapshot, trials=left, state="finished")
    page = text_of(render("run.html", **_content(none)))
    assert f"No trial is complete: {len(left)} infeasible." in page
    assert "The table of trials tells why." in page and "yet" not in page
    page = text_of(render("run.html", **_content(replace(none, state="running"))))
    assert "No trial is complete yet. Scores come with the first." in page


def test_the_key_and_the_captions_tell_of_each_kind_of_trial(run):
    page = page_of(run)
    (key, _) = re.findall(r'<div class="key">.*?</ul>', page, re.DOTALL)
    statuses = {t.status for t in read(run).trials if "params" in t.figures}
    assert ("infeasible" in key) == ("infeasible" in statuses)
    assert "how far another measurement of the latency may lie" in key
    assert "failed" not in key  # it has no cost, so it is in no chart
    assert re.search(r"Of trial \d+ \(failed\) no cost is known\.", page)
    assert "running" not in key


def test_the_finalist_is_drawn_before_and_after_its_own_training(run):
    """Users rely on: a chart compares the trained network with the references."""
    kept = run / "best" / "evaluation.json"
    told = json.loads(kept.read_text())
    before = read(run).finalist.figures["val_cohen_kappa"]
    pages = {}
    for after in (before, 0.9312 * before + 0.01):
        told["metrics"]["val_cohen_kappa"] = after
        kept.write_text(json.dumps(told))
        pages[after] = page_of(run)
    same, other = pages.values()
    assert "after its own training" not in same
    assert ">finalist, after its own training" in html.unescape(
        re.sub(r"</svg>", ">", other)
    )
    mark = f'data-trial="{read(run).finalist.number}"'
    for one, two in zip(charts_of(same), charts_of(other), strict=True):
        assert two.count(mark) == one.count(mark) + 1
        # the axis is not of the search alone where the star is
        assert "kappa in the search (validation)<" in one
        assert "kappa (validation)<" in two and "in the search" not in two


def test_an_ensemble_is_not_of_the_search(run):
    figures = {"val_cohen_kappa": 0.5, "params": 900.0}
    one = ShownEnsemble(NetworkId("ensemble", 0), "0 (1)", figures, {}, False, False)
    alone = replace(read(run), ensembles=[])
    for shown, is_told in ((alone, True), (replace(alone, ensembles=[one]), False)):
        title = cost_chart(replace(shown, evaluation={}), "val_cohen_kappa", "params")
        assert ("in the search" in title) == is_told


def test_why_the_finalist_has_two_figures_is_told_once(run):
    told = read(run).two_figures
    assert told[0].isupper() and text_of(page_of(run)).count(told) == 1


def test_no_score_has_an_exponent(run):
    """Users rely on: the error of a reference that is 0 but for rounding reads so."""
    kept = run / "best" / "evaluation.json"
    told = json.loads(kept.read_text())
    tiny = {"expected_calibration_error": 4.768e-09, "cohen_kappa": -2.2e-16}
    told["references"]["majority"] |= tiny
    kept.write_text(json.dumps(told))
    page = page_of(run)
    rows = re.findall(r"<tr><td[^>]*>the same prediction.*?</tr>", page, re.DOTALL)
    assert len(rows) == 1 and "<td>0.000</td>" in rows[0]
    assert "e-" not in re.sub(r"<[^>]*>", " ", rows[0]) and "-0.0" not in rows[0]


def test_the_colours_of_patches_are_told(run):
    told = views_in_words(read(run))
    shown = r"true colour \(red B04, green B03, blue B02\)"
    assert re.match(rf"Shown of sen2( \([^)]*\))?: {shown}", told)
    assert "from the 2nd to the 98th percentile" in told
    page = text_of(page_of(run))
    assert (told in page) == ("What it gets wrong" in page)


def test_a_history_with_a_cut_number_is_left_out(run):
    (history, *_) = sorted(run.glob("trials/*/history.csv"))
    before = page_of(run).count("mark curve")
    with history.open("a") as file:
        file.write("3,1.2,0.")
    with pytest.warns(UserWarning, match=r"history\.csv: expected .*; left out"):
        assert page_of(run).count("mark curve") < before


def test_a_run_from_before_has_no_calibration_and_is_shown(run):
    path = run / "best" / "evaluation.json"
    kept = json.loads(path.read_text())
    old = {k: kept[k] for k in ("trial", "trained_on", "metrics", "epochs")}
    path.write_text(json.dumps(old))
    (run / "best" / "mistakes.npz").unlink()
    new = ("expected_calibration_error", "reliability", "intervals", "resampled_by")
    new += ("network", "run", "schema")
    scores = {k: v for k, v in kept.items() if k not in (*old, *new)}
    (run / "best" / "test.json").write_text(json.dumps(scores))
    page = page_of(run)
    assert "Test: 60 samples" in page and "Reliability" not in page
    assert "What it gets wrong" not in page


def test_classes_that_are_nowhere_have_no_row(run):
    path = run / "best" / "evaluation.json"
    kept = json.loads(path.read_text())
    assert kept["unseen_classes"] == []
    before = page_of(run)
    assert "left out of the tables" not in before
    assert f"intervals over {kept['resampled_groups']} samples" in before
    path.write_text(json.dumps({**kept, "unseen_classes": ["forest & field"]}))
    after = page_of(run)
    assert "1 class that does not occur and was never predicted is left out" in after
    row = '<th class="text"><i>{}</i>'
    assert [row.format(i) in before for i in (1, 2, 3)] == [True] * 3
    assert [row.format(i) in after for i in (1, 2, 3)] == [True, False, True]
    assert '<td class="text">forest &amp; field</td>' in before
    assert '<td class="text">forest &amp; field</td>' not in after


def test_test_scores_and_maps_are_shown(run, searched, monkeypatch):
    data = searched._open_for(searched.export_model(), *_arrays())
    found = score(data, searched.predict_proba(_arrays()[0]))
    (run / "best" / "test.json").write_text(json.dumps(found))
    (run / "maps").mkdir()
    url = png(np.zeros((4, 4, 3), np.uint8))
    content = base64.b64decode(url.partition(",")[2])
    (run / "maps" / "spain & more.png").write_bytes(content)
    page = page_of(run)
    assert "Test: 48 samples" in page and "intervals over 48 samples" in page
    (shown,) = re.findall(r'<div class="scroll map"[^>]*>(.*?)</div>', page)
    assert url in shown and 'alt="map spain &amp; more"' in shown
    broken = content[:20] + b"xx" + content[22:]
    (run / "maps" / "spain & more.png").write_bytes(broken)
    with pytest.warns(AutoAI4EOWarning, match="found a damaged file; left out"):
        assert 'class="scroll map"' not in page_of(run)
    (run / "maps" / "spain & more.png").write_bytes(content)
    monkeypatch.setattr("PIL.Image.MAX_IMAGE_PIXELS", 1)  # the picture is huge
    with pytest.warns(AutoAI4EOWarning, match="found a damaged file; left out"):
        page_of(run)


def _arrays():
    data = small.dataset(seed=3)
    return data.read(np.arange(48)), data.labels


def test_a_folder_that_is_no_run_is_refused(run):
    with pytest.raises(UserError, match="expected a run folder"):
        write_report(run / "trials")


def test_the_page_tells_how_the_device_changed(run):
    record = {
        "candidates": 21,
        "job": "{}",
        "checks": [
            {"after": after, "median_ms": 2.0 * (1 + drift), "drift": drift}
            for after, drift in ((0, 0.0), (10, 0.25), (20, -0.02))
        ],
    }
    (run / "device").mkdir()
    (run / "device" / "reference.json").write_text(json.dumps(record))
    page = page_of(run)
    assert "measured 3 times on the device: -2% to +25% from its first" in page
    (run / "device" / "reference.json").write_text("{")
    with pytest.warns(UserWarning, match=r"reference\.json: expected JSON.*left out"):
        page_of(run)
