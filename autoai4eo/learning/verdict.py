"""Says in a sentence whether a network is better than the references of its run."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from autoai4eo.learning.figures import FIGURES, METRICS
from autoai4eo.learning.intervals import FEW, is_too_narrow
from autoai4eo.text import counted, listed

#: The network among the references.
UNET = "unet"
#: What each reference is, for tables and sentences.
TITLES = {
    "majority": "the same prediction for every sample",
    "mean": "the mean of the training data for every sample",
    "trees": "boosted trees on band statistics",
    "pixel_trees": "boosted trees on pixel neighbourhoods",
    UNET: "a plain U-Net",
}


#: Short names, of those whose name in files is another.
_SHORT = {"pixel_trees": "pixel trees", UNET: "U-Net"}


def short(reference: str) -> str:
    """Returns the name of a reference for people, such as ``"pixel trees"``."""
    return _SHORT.get(reference, reference)


def title(reference: str) -> str:
    """Returns what a reference is."""
    return TITLES.get(reference, reference)


def verdict(
    against: Mapping[str, Any], data: str = "", network: str | None = None
) -> str:
    """Returns a sentence that says whether a network is surely better, or worse.

    It is if the interval of its gain lies above 0, or below; over few groups, whose
    intervals are too narrow, nothing is sure.

    Args:
        against: ``against_reference``, see
            `autoai4eo.learning.comparison.beside_references`.
        data: that both were scored on, such as ``"validation"``.
        network: what it is called; None: the network.
    """
    network = network or "the network"
    figure = FIGURES[against["metric"]]
    gain, low, high = (
        _signed(value, figure.text(abs(value)))
        for value in (against["difference"], *against["interval"])
    )
    worst, best = against["interval"]
    sure = "is not surely better" if against["difference"] > 0 else "is not better"
    if is_too_narrow(against.get("resampled_groups")):
        pass
    elif worst > 0:
        sure = "is better"
    elif best < 0:
        sure = "is worse"
    of = "gain in" if figure.direction == "max" else "reduction of the"
    on = f" on the {data} data" if data else ""
    if "tiles" in against:
        part = f"{against['tiles']:,} of {against['all_tiles']:,} tiles"
        on = f" on {part} of the {data} data" if data else f" on {part}"
    other = title(against["other"])
    if "params" in against:
        other += f" of {against['params']:,} parameters"
    return (
        f"{network[0].upper()}{network[1:]} {sure} than {other}: {of} "
        f"{figure.label} {gain}{on} (95 % interval {low} to {high} "
        f"{resampled(against)})."
    )


def _signed(value: float, size: str) -> str:
    """Returns the text of a size with its sign; none of what rounds to nothing."""
    if not size.strip("0."):
        return size
    return f"{'-' if value < 0 else '+'}{size}"


def resampled(found: Mapping[str, Any]) -> str:
    """Returns what intervals of scores are over, such as ``"over 24 parents"``.

    Of few, see `autoai4eo.learning.intervals.FEW`, it says that they are too narrow. Of
    scores of earlier versions, which do not tell the number, it is ``"resampled by
    parent"``.

    Args:
        found: with the result of `autoai4eo.learning.evaluation.resampled_by`.
    """
    by = found["resampled_by"].replace("_", " ")  # spatial_block
    number = found.get("resampled_groups")
    if number is None:
        return f"resampled by {by}"
    few = f", too narrow: fewer than {FEW}" if is_too_narrow(number) else ""
    return f"over {counted(number, by)}{few}"


def told_unseen(scores: Mapping[str, Any]) -> str:
    """Returns a sentence on classes that tables leave out; empty if there is none.

    Args:
        scores: of an evaluation; their ``unseen_classes`` neither occur nor were
            predicted.
    """
    number = len(scores.get("unseen_classes", ()))
    if not number:
        return ""
    do = "does not occur and was" if number == 1 else "do not occur and were"
    return (
        f"{counted(number, 'class')} that {do} never predicted "
        f"{'is' if number == 1 else 'are'} left out of the tables."
    )


def told_single(scores: Mapping[str, Any]) -> str:
    """Returns a sentence on classes of one group; empty if there is none.

    Args:
        scores: of an evaluation, with ``single_group_classes``.
    """
    alone = scores.get("single_group_classes", ())
    if not alone:
        return ""
    return (
        f"In one {scores.get('resampled_by', 'group')} only, so that the intervals do "
        f"not know how much their recall varies: {listed(alone)}."
    )


def in_words(scores: Mapping[str, Any]) -> str:
    """Returns the main scores of an evaluation in one line."""
    return "   ".join(
        f"{FIGURES[name].label} {FIGURES[name].text(scores[name])}"
        for name in METRICS
        if FIGURES[name].main and name in scores
    )
