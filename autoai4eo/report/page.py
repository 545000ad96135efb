"""``RUN/report.html``: a run for people who would rather look than read."""

from __future__ import annotations

from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

from markupsafe import Markup

from autoai4eo.errors import UserError, warn
from autoai4eo.files import check_can_write_into
from autoai4eo.learning.figures import COSTS, FIGURES, METRICS, find
from autoai4eo.learning.verdict import resampled, title, verdict
from autoai4eo.locks import written_alone
from autoai4eo.report import network, pictures
from autoai4eo.report.arguments import asked, predicted
from autoai4eo.report.compact import compact_search
from autoai4eo.report.costs import cost_charts
from autoai4eo.report.curves import curves
from autoai4eo.report.finalist import evaluations, judged, parts, story
from autoai4eo.report.numbers import duration, exact, large
from autoai4eo.report.pyramid import pyramid
from autoai4eo.report.rendering import render
from autoai4eo.report.sections import SECTIONS
from autoai4eo.report.selection import selection
from autoai4eo.report.table import table_of
from autoai4eo.report.tiles import tiles
from autoai4eo.report.trials import (
    axes_of,
    facts,
    facts_of_ensemble,
    named,
)
from autoai4eo.runs.belonging import finalist_file
from autoai4eo.runs.data_record import SYNTHETIC, is_synthetic
from autoai4eo.runs.ensembles import CAVEAT
from autoai4eo.runs.folder import Run
from autoai4eo.runs.layout import link
from autoai4eo.runs.network_id import scored_in
from autoai4eo.runs.reading import Snapshot, read

_PNG, _PNG_ENDS = b"\x89PNG\r\n\x1a\n", b"IEND\xaeB`\x82"

_STATUS = ("complete", "running", "pruned", "infeasible", "failed", "interrupted")


def write_report(path: str | Path) -> Path:
    """Writes ``report.html`` into a run's folder, and gives its path.

    One page that needs no network and nothing beside it. The search may be at work,
    interrupted, or without a finished trial.

    Raises:
        UserError: the folder holds no run, one that is damaged, or cannot be written.
    """
    folder = Path(path).expanduser()
    check_can_write_into(folder)
    run = read(folder)
    page = render("run.html", **_content(run))
    for note in run.notes:
        warn(f"{note.rpartition('; ')[0]}; left out")
    out = Run(folder).report
    with written_alone(out, "report") as temporary:
        # a path that is not UTF-8 has halves of characters
        temporary.write_text(page, encoding="utf-8", errors="backslashreplace")
    return out


def _content(run: Snapshot) -> dict[str, Any]:
    metric, costs = axes_of(run)
    mistakes: list[dict[str, Any]] = run.part(lambda: _mistakes(run), [])
    drawn: list[dict[str, Any]] = run.part(lambda: _network(run.path), [])
    merging: dict[str, Any] = run.part(lambda: pyramid(run), {})
    tiles_of_run: dict[str, Any] = run.part(lambda: tiles(run), {})
    monitors = dict.fromkeys([metric, "val_loss"])
    return {
        "run": run,
        "counts": [(s, n) for s in _STATUS if (n := run.count(s))],
        "written": datetime.now().strftime("%Y-%m-%d %H:%M"),
        "version": run.asked["versions"].get("autoai4eo", ""),
        "synthetic": SYNTHETIC if is_synthetic(run.asked) else "",
        "cards": _cards(run),
        "story": story(run),
        "costs": cost_charts(run, metric, costs) if costs else {},
        "predicted": predicted(run),
        "references": _references(run),
        "compact": run.part(partial(compact_search, run), Markup()),
        "curves": curves(run, [*monitors]),
        "metric": find(metric).label,
        "trials": table_of(run),
        "evaluations": evaluations(run),
        "parts": [_part(run, title, scores) for title, scores in parts(run)],
        "ensembles": _ensembles(run),
        "selection": selection(run),
        "mistakes": mistakes,
        "views": pictures.views_in_words(run),
        "tiles": tiles_of_run,
        "maps": [
            (p.stem, *one)
            for p in sorted(Run(run.path).maps.glob("*.png"))
            if (one := run.part(partial(_map, p), None))
        ],
        "pyramid": merging,
        "network": drawn,
        "asked": asked(run),
        "told": {
            str(t.number): {
                "title": f"trial {t.number} · {t.status}",
                "facts": facts(run, t),
            }
            for t in run.trials
        }
        | {
            str(e.id.key): {"title": f"{e.id}", "facts": facts_of_ensemble(run, e)}
            for e in run.ensembles
        },
    }


def _ensembles(run: Snapshot) -> dict[str, Any]:
    """A table of the ensembles: columns, rows, and how to take their scores."""
    known = {name for ensemble in run.ensembles for name in ensemble.figures}
    metric, costs = axes_of(run)
    columns = [n for n in dict.fromkeys([metric, *costs]) if n in known]
    summed = [n for n in columns if any(n in e.summed for e in run.ensembles)]
    rows = [
        {
            "name": f"{e.id}",
            "members": e.members,
            "kind": "finalist" if e.is_finalist else "front" if e.on_front else "",
            "figures": [
                *(exact(e.figures, name) for name in columns),
                *(exact(e.summed, name) for name in summed),
            ],
        }
        for e in run.ensembles
    ]
    heads = [*map(named, columns), *(f"{named(n)}, summed" for n in summed)]
    return {"columns": heads, "rows": rows, "caveat": CAVEAT}


def _references(run: Snapshot) -> dict[str, Any]:
    """The scores of the references, and whether the finalist is better."""
    known = judged(run)
    scores = [(on, found["references"]) for on, found in known]
    if not scores and run.references:
        scores = [("validation", run.references)]
    rows = [(title(n), on, s) for on, found in scores for n, s in found.items()]
    names = [n for n in METRICS if any(n in each for *_, each in rows)]

    def text(each: dict[str, Any], name: str) -> str:
        return FIGURES[name].text(each[name]) if name in each else ""

    return {
        "columns": [FIGURES[n].short for n in names],
        "rows": [(who, on, [text(each, n) for n in names]) for who, on, each in rows],
        "verdicts": [
            verdict(found["against_reference"], on)
            if "against_reference" in found
            else f"The network learned from the {on} data, so that they do not tell "
            "whether it is better."
            for on, found in known
        ],
    }


def _cards(run: Snapshot) -> list[tuple[str, str]]:
    shown = run.finalist or (run.complete[0] if run.complete else None)
    if shown is None:
        return []
    who = "of the finalist" if shown.is_finalist else f"of {shown.id}"
    metric, _ = axes_of(run)
    cards = []
    if shown.is_finalist:
        scores, name = find(metric), find(metric).name
        cards += [
            (scores.exact(found[name]), f"{scores.label} {who} ({on})")
            for on, found in judged(run)[:1]
            if name in found and on != "validation"
        ]
    after = run.evaluation.get("metrics", {}) if shown.is_finalist else {}
    if metric in after:
        label = f"{find(metric).label} {who} (validation)"
        cards.append((find(metric).exact(after[metric]), label))
    elif metric in shown.figures:
        label = f"{named(metric)} of {shown.id}"
        cards.append((find(metric).exact(shown.figures[metric]), label))
    is_predicted = shown.measured is not None and shown.measured.profile is not None
    of_cost = {"measured": ", predicted,"} if is_predicted else {}
    cards += [
        (
            large(shown.figures[n]),
            f"{named(n)}{of_cost.get(FIGURES[n].cost or '', '')} {who}",
        )
        for n in COSTS
        if FIGURES[n].main and n in shown.figures and n != metric
    ]
    seconds = sum(t.figures.get("train_seconds", 0) for t in run.trials)
    return [*cards, (duration(seconds), "of training in all trials")]


def _part(run: Snapshot, title: str, scores: dict[str, Any]) -> dict[str, Any]:
    intervals = scores.get("intervals", {})
    who = scored_in(scores)
    matrix = scores.get("confusion_matrix")
    noun = "pixels" if run.kind == "mask" else "samples"
    samples = f": {sum(map(sum, matrix)):,} {noun}" if matrix else ""
    against = scores.get("against_reference")
    return {
        "title": f"{title}{samples}",
        "note": " ".join(
            [
                f"Scores of {who or 'the finalist'}.",
                *([verdict(against, "", who)] if against else []),
            ]
        ),
        "scores": [
            {
                "name": FIGURES[name].label,
                "value": FIGURES[name].text(scores[name]),
                "interval": " to ".join(map(FIGURES[name].text, intervals[name]))
                if name in intervals
                else "",
            }
            for name in METRICS
            if name in scores
        ],
        "resampled": resampled(scores) if "resampled_by" in scores else "",
        "details": SECTIONS[run.kind](scores, run.classes),
    }


def _mistakes(run: Snapshot) -> list[dict[str, Any]]:
    folder = Run(run.path)
    try:
        return pictures.mistakes(folder.read_mistakes(), run.classes)
    except (IndexError, TypeError) as error:
        raise UserError(
            f"{folder.mistakes}: expected mistakes among this run's classes, found "
            f"others ({error}); remove it"
        ) from None


def _map(path: Path) -> tuple[str, str]:
    """A picture of a map that lies in the run, and not behind a link.

    Returns what is told of the map, and the picture as an address.
    """
    if path.is_symlink() or path.parent.is_symlink():
        raise link(path)
    content, told = path.read_bytes(), None
    if content.startswith(_PNG) and content.endswith(_PNG_ENDS):
        told = pictures.told_in(content)
    if told is None:
        raise UserError(
            f"{path}: expected a PNG, found a damaged file; map the scene again"
        )
    return told, pictures.data_url(content)


def _network(run: Path) -> list[dict[str, Any]]:
    if not Run(run).network.is_file():
        return []
    layers = network.read_layers(finalist_file(run))
    if not layers:
        return []
    rows = network.blocks_of(layers)
    return [
        {"blocks": row, "links": between}
        for row, between in zip(rows, [None, *network.links(rows)], strict=True)
    ]
