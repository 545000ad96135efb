"""The table of trials: what was asked for is at its left."""

from autoai4eo.learning.figures import in_order
from autoai4eo.report.page import write_report
from autoai4eo.report.rendering import render
from autoai4eo.report.table import table_of
from autoai4eo.runs.reading import read


def test_objectives_and_costs_are_left_of_the_reasons(run):
    """Users rely on: a long reason does not push costs out of sight."""
    snapshot = read(run)
    table = table_of(snapshot)
    assert table["columns"][:2] == ["val_cohen_kappa", "params"]
    assert {"macs", "latency_ms"} <= set(table["columns"])
    assert table["has_reasons"]
    page = write_report(run).read_text()
    head = page[page.index('<table class="sorts sticks">') :]
    head = head[: head.index("</thead>")]
    costs = [head.index(f">{name}</th>") for name in ("parameters", "latency [ms]")]
    assert max(costs) < head.index(">reason</th>") < head.index("loss (")


def test_every_figure_and_choice_has_one_column(run):
    snapshot = read(run)
    table = table_of(snapshot)
    known = {name for trial in snapshot.trials for name in trial.figures}
    assert sorted([*table["columns"], *table["others"]]) == sorted(in_order(known))
    for row, trial in zip(
        table["rows"],
        [*snapshot.complete, *(t for t in snapshot.trials if t.status != "complete")],
        strict=True,
    ):
        assert row["number"] == trial.number and row["reason"] == trial.message
        values = [value for value, _ in (*row["figures"], *row["others"])]
        names = [*table["columns"], *table["others"]]
        assert values == [trial.figures.get(name) for name in names]


def test_a_latency_that_says_nothing_has_its_spread_beside_it(run):
    """Users rely on: four digits of a busy machine are not taken for exact."""
    snapshot = read(run)
    best = snapshot.complete[0]
    best.figures.update(latency_ms=1.705, latency_spread_ms=11.2)
    others = [t for t in snapshot.trials if t is not best]
    for trial in others:
        trial.figures["latency_spread_ms"] = 0.0
    table = table_of(snapshot)
    first, *rest = (
        dict(zip(table["columns"], row["figures"], strict=True))
        for row in table["rows"]
    )
    assert first["latency_ms"] == (1.705, "1.705 ± 11")
    assert not any("±" in row["latency_ms"][1] for row in rest)


def test_long_names_of_hyperparameters_can_have_several_lines():
    table = {
        "columns": [],
        "others": [],
        "choices": ["block_1/<b>_size"],
        "has_reasons": False,
        "has_trainings": False,
        "rows": [],
    }
    shown = render("table.html", trials=table, run={"told_apart": ""})
    found = shown.replace('<wbr class="paper">', "¦").replace("<wbr>", "|")
    assert ">block_¦1/|&lt;b&gt;_¦size</th>" in found
