"""Kinds of trials are told apart in a chart, and the key names those that are there."""

from itertools import combinations

import pytest

from autoai4eo.report.marks import KINDS, key_of, kind
from autoai4eo.runs.network_id import NetworkId
from autoai4eo.runs.reading import ShownEnsemble, Trial

STATUSES = ("running", "pruned", "interrupted", "infeasible", "failed")


def trial(status="complete", front=False, finalist=False):
    return Trial(3, status, "", {}, {}, [], front, finalist)


def form(name):
    style, _ = KINDS[name]
    hollow = style.get("mfc") == "#fff"
    return style["marker"], hollow


def colour(name):
    style, _ = KINDS[name]
    return style["mec"] if style.get("mfc", "#fff") == "#fff" else style["mfc"]


def test_infeasible_and_failed_differ_in_form_and_colour():
    assert form("infeasible") != form("failed")
    assert colour("infeasible") != colour("failed")
    # the colour of neither is that of the finalist
    assert colour("finalist") not in (colour("infeasible"), colour("failed"))


@pytest.mark.parametrize(
    ("one", "other"), list(combinations(["complete", *STATUSES], 2))
)
def test_every_status_has_a_form_of_its_own(one, other):
    """Users rely on: a black and white print tells them apart."""
    assert form(one) != form(other)


@pytest.mark.parametrize("status", STATUSES)
def test_the_key_names_what_is_drawn_and_nothing_else(status):
    there = [trial(), trial(status), trial(front=True, finalist=True)]
    told = [words for _, words in key_of(there)]
    assert told == [KINDS[name][1] for name in ("finalist", "complete", status)]


def test_the_key_has_the_mark_of_the_chart():
    ((mark, told),) = key_of([trial("running")])
    assert told == "running" and KINDS["running"][0]["mec"] in mark
    assert 'aria-hidden="true"' in mark and "data-trial" not in mark


def test_better_ensembles_are_told_apart():
    ensembles = [
        ShownEnsemble(NetworkId("ensemble", n), "", {}, {}, front, finalist)
        for n, (front, finalist) in enumerate([(0, 0), (1, 0), (1, 1)])
    ]
    assert [kind(one) for one in ensembles] == [
        "ensemble",
        "ensemble-front",
        "ensemble-finalist",
    ]
    assert {form(kind(one))[0] for one in ensembles} == {"D"}
