"""Which classes of a map each value of a reference stands for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from autoai4eo.callers import either
from autoai4eo.data.class_colours import hex_of
from autoai4eo.data.masks.colour_values import colour_of, value_of
from autoai4eo.data.target import UNNAMED_CLASS
from autoai4eo.deploy.predictors.base import Predictor
from autoai4eo.errors import UserError
from autoai4eo.runs.folder import Run
from autoai4eo.text import listed, with_nearest

REST = "rest"  # stands for all classes of the map that no other value does
_LISTED = 20


@dataclass(frozen=True)
class Groups:
    """The classes that are compared: groups of the map's.

    Attributes:
        names: of the groups.
        of_truth: by value of the reference, its group.
        of_map: of each value of the map, its group, int (classes + 1,); that of 0, no
            class, has no meaning.
    """

    names: tuple[str, ...]
    of_truth: Mapping[str, int]
    of_map: np.ndarray


def groups_of(
    source: str,
    classes: Sequence[str],
    legend: Mapping[str, str],
    values: Mapping[str, str],
) -> Groups:
    """Returns the classes that are compared.

    Args:
        source: of the reference, for messages.
        classes: of the map.
        legend: by value of the reference, the classes of the map that it stands for:
            ``water``, ``broad-leaved forest+coniferous forest``, or ``rest`` for all
            that no other value does. Other values of the reference are left out. Empty:
            the reference has the map's classes, as `values` says.
        values: by value, the name that the reference itself gives.

    Raises:
        UserError: a class is not the map's, or is in two groups.
    """
    folded = {name.casefold(): i for i, name in enumerate(classes)}
    if not legend:
        unknown = {v: n for v, n in values.items() if n.casefold() not in folded}
        if unknown:
            example = next(iter(unknown)), classes[0]
            raise UserError(
                f"{source}: expected classes of the map ({_listed(classes)}), found "
                f"{_listed(list(unknown.values()))}; say which of the map's each value "
                "stands for, such as "
                + either(
                    f"--reference-class '{'='.join(example)}'",
                    f"reference_classes={dict([example])}",
                )
            )
        of_truth = {value: folded[n.casefold()] for value, n in values.items()}
        return Groups(tuple(classes), of_truth, np.arange(len(classes) + 1) - 1)
    names = list(dict.fromkeys(text for text in legend.values() if text != REST))
    of_map = np.full(len(classes) + 1, -1)
    for group, text in enumerate(names):
        for one in [text] if text.casefold() in folded else text.split("+"):
            found = folded.get(one.strip().casefold())
            if found is None:
                raise UserError(
                    f"--reference-class: expected classes of the map "
                    f"({_listed(classes)}) or {REST}, got "
                    + with_nearest(one.strip(), [*classes, REST])
                )
            if of_map[found + 1] >= 0:
                raise UserError(
                    f"--reference-class: expected each class of the map once, found "
                    f"{classes[found]} in {names[of_map[found + 1]]} and {text}"
                )
            of_map[found + 1] = group
    if (of_map[1:] < 0).any():
        names.append(REST)
        of_map[of_map < 0] = len(names) - 1
    elif REST in legend.values():
        raise UserError(
            f"--reference-class: expected classes of the map that are in no group, for "
            f"{REST}, found none; leave it out"
        )
    places = {name: i for i, name in enumerate(names)}
    return Groups(
        tuple(names), {value: places[text] for value, text in legend.items()}, of_map
    )


def values_of(predictor: Predictor) -> dict[str, str]:
    """Returns the class of each value of the masks that a network learned from.

    The network's run tells them, or the names of its classes; else {}. A value of
    coloured masks is ``#1f78b4``.
    """
    if predictor.target.kind != "mask":
        return {}
    run = Run(Path(predictor.path))
    known = run.read()["data"]["training"] if run.exists else {}
    opened = known.get("opened") or {}
    if values := opened.get("classes"):
        if not opened.get("coloured"):
            return dict(values)
        return {hex_of(colour_of(int(v))): name for v, name in values.items()}
    classes = predictor.target.classes
    if all(value_of(name) is not None for name in classes):
        return {name: name for name in classes}
    found = [UNNAMED_CLASS.fullmatch(name) for name in classes]
    numbers = {one[1]: one[0] for one in found if one is not None and one[1]}
    return numbers if len(numbers) == len(found) else {}


def parse_legend(texts: Sequence[str]) -> dict[str, str]:
    """Reads ``VALUE=CLASS[+CLASS]`` of the command line.

    Raises:
        UserError: a text has another form, or a value occurs twice.
    """
    found: dict[str, str] = {}
    for text in texts:
        value, sign, name = (part.strip() for part in text.partition("="))
        if not (value and sign and name):
            raise UserError(
                f"--reference-class: expected VALUE=CLASS such as 1=water, got {text}"
            )
        if value in found:
            raise UserError(f"--reference-class: expected {value} once, got it twice")
        found[value] = name
    return found


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - _LISTED} more" if len(names) > _LISTED else ""
    return listed(names[:_LISTED]) + more
