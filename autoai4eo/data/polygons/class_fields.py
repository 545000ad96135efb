"""Finds the classes of features: which field names them, and what they are called."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from autoai4eo.callers import either
from autoai4eo.data.lcz42 import LCZ42_CLASSES
from autoai4eo.data.lcz_names import lcz_number
from autoai4eo.data.polygons.vector_files import FOLDER, NAME, Features
from autoai4eo.errors import UserError
from autoai4eo.text import listed

#: Fields that are taken for the class where none is named, in any case.
USUAL = ("class", "class_name", "classname", "label", "lcz", "lcz_class")
_LISTED = 12  # fields or values that a message lists


@dataclass(frozen=True)
class Classes:
    """The class of each feature.

    Attributes:
        names: of the classes, in order; of local climate zones all 17.
        numbers: of each feature, int64 (N,); -1: it has none.
        told: sentences on what was chosen.
    """

    names: tuple[str, ...]
    numbers: np.ndarray
    told: tuple[str, ...]


def classes_of(
    features: Features, field: str | None, lcz: bool | None, reference: bool = False
) -> Classes:
    """Returns the class of each feature.

    Args:
        features: of a file.
        field: that holds the class; None: one of `USUAL`; in KML the folder or the name
            of the placemark, see `_of_kml`; the only field.
        lcz: whether the values are local climate zones, however they are written (see
            `lcz_number`), and others are left out; None: where all of them are.
        reference: whether a map is held against them: one class is enough then, and
            messages name the options of `map`.

    Raises:
        UserError: the field is not there, or it is not clear which; values are no local
            climate zones; there are fewer than two classes.
    """
    option = "--reference-field" if reference else "--field"
    if field is not None:
        name = _found(features, field, option)
    else:
        name = _chosen(features, option)
    values = features.fields[name]
    known = sorted({value for value in values if value is not None}, key=_order)
    numbers = {value: lcz_number(value) for value in known}
    others = [value for value in known if numbers[value] is None]
    told = []
    if lcz and others:
        if len(others) == len(known):
            raise UserError(
                f"{features.path}: expected local climate zones (1 to 10, A to G) in "
                f"the field {name}, found {_listed(others)}; name another field with "
                f"{option}, or leave --lcz out"
            )
        told.append(
            f"{features.path}: {_listed(others)} in the field {name} are no local "
            "climate zones"
        )
        known, others = [v for v in known if numbers[v] is not None], []
    if field is None and name.casefold() not in USUAL:
        told.append(f"{features.path}: the classes are those of the field {name}")
    if known and not others and lcz is not False:
        names = LCZ42_CLASSES
        place = {value: int(numbers[value] or 0) for value in known}
        if lcz is None and "lcz" not in name.lower() and all(map(_is_code, known)):
            told.append(
                f"{features.path}: {_listed(known)} in the field {name} are taken for "
                "local climate zones; "
                + (
                    "--reference-class says otherwise"
                    if reference
                    else f"{either('--no-lcz', 'lcz=False')} keeps them as they are"
                )
            )
    else:
        names = tuple(known)
        place = {value: i for i, value in enumerate(known)}
        if lcz is None and not reference and 0 < len(others) < len(known) - len(others):
            told.append(
                f"{features.path}: not all values of the field {name} are local "
                f"climate zones (not {_listed(others)}): the classes are called as "
                f"they are written; {either('--lcz', 'lcz=True')} leaves the others out"
            )
    found = np.array([place.get(value, -1) for value in values], np.int64)
    least = 1 if reference else 2
    if len(set(place.values())) < least:
        raise UserError(
            f"{features.path}: expected {'a class' if reference else 'two classes'} or "
            f"more in the field {name}, found {_listed(known) or 'none'}; name another "
            f"with {option} "
            f"({_listed(list(features.fields))})"
        )
    if without := int((found < 0).sum()):
        told.append(
            f"{features.path}: {without} of {len(found)} features have no class in the "
            f"field {name}, and are left out"
        )
    return Classes(names, found, tuple(told))


def _found(features: Features, field: str, option: str) -> str:
    """Returns a field by its name, else by its name in another case."""
    if field in features.fields:
        return field
    alike = [n for n in features.fields if n.casefold() == field.casefold()]
    if len(alike) == 1:
        return alike[0]
    raise UserError(
        f"{features.path}: expected a field called {field}, found "
        f"{_listed(list(features.fields)) or 'none'}; choose one with {option}"
    )


def _chosen(features: Features, option: str) -> str:
    """Returns the field of the classes where the user named none."""
    for usual in USUAL:
        for name, values in features.fields.items():
            if name.casefold() == usual and any(v is not None for v in values):
                return name
    if features.is_kml:
        return _of_kml(features)
    named = [name for name in features.fields if name.casefold() == "name"]
    for some in (list(features.fields), named):
        if len(some) == 1:
            return some[0]
    raise UserError(
        f"{features.path}: expected the field that holds the class, found "
        f"{_listed(list(features.fields)) or 'no fields'}; name it with {option}"
    )


def _of_kml(features: Features) -> str:
    """Returns ``folder`` or ``Name``.

    The one of whose values more are local climate zones, if most are (WUDAPT's areas
    have a region of interest beside them); else the folder if there are several; else
    the name.
    """
    several, shares = [], {}
    for name in (FOLDER, NAME):
        known = {v for v in features.fields[name] if v is not None}
        if len(known) > 1:
            several.append(name)
            zones = [value for value in known if lcz_number(value) is not None]
            shares[name] = len(zones) / len(known)
    most = max(shares, key=lambda name: shares[name], default=NAME)
    if shares.get(most, 0) > 0.5:
        return most
    return several[0] if several else NAME


def _is_code(value: str) -> bool:
    """Whether a local climate zone is only a number or letter, which may be another."""
    return len(value) <= 2


def _order(value: str) -> tuple[bool, float, str]:
    """Sorts numbers by size, before text."""
    try:
        return False, float(value), value
    except ValueError:
        return True, 0.0, value


def _listed(values: Sequence[str]) -> str:
    more = f" and {len(values) - _LISTED} more" if len(values) > _LISTED else ""
    return listed(values[:_LISTED]) + more
