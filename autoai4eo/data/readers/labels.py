"""Converts labels in files to class numbers or several labels; matches classes."""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Sequence

import numpy as np

from autoai4eo.callers import either
from autoai4eo.data.target import UNNAMED_CLASS
from autoai4eo.errors import UnknownClassError, UserError
from autoai4eo.text import counted, listed

MOST_CLASSES = 10_000  # a larger number is an id or a fill value
MOST_LETTERS = 1000  # of a class name


#: How the note ends that several labels were found where no kind was asked for.
_SEVERAL = "the target is several labels per sample"


def finds_several(note: str) -> bool:
    """Returns whether a note says only that samples have several labels.

    It is news where nobody said so before.
    """
    return note.endswith(_SEVERAL)


def read_labels(
    labels: np.ndarray,
    names: Sequence[str] | None,
    wanted: Sequence[str] | None,
    path: str,
    several: bool = False,
) -> tuple[np.ndarray, tuple[str, ...], list[str]]:
    """Returns classes or several labels per sample, the class names and notes.

    Classes are int64 (N,); a row without any class (all zero, not a number, negative,
    an empty name) becomes -1. Rows (N, classes) of which one or more have several
    classes are several labels per sample, uint8 (N, classes) of 0 and 1; a row without
    any is then a sample of none of the classes.

    Args:
        labels: one-hot or multi-hot (N, classes), whole numbers or names (N,) or
            (N, 1).
        names: of the classes in the order of the numbers, where the source tells them.
        wanted: names of the classes to find, such as those of the training data. Named
            labels are matched by name, others are numbers in this order.
        path: for messages.
        several: takes rows with one class each for several labels per sample.

    Raises:
        UserError: wrong shape; names and numbers that do not fit; a class that is not
            among those ``wanted``.
    """
    if np.ma.isMaskedArray(labels):
        labels = np.ma.filled(labels.astype(np.float64), np.nan)
    labels = np.asarray(labels)
    check_names(names, path)
    if labels.ndim == 2 and labels.shape[1] == 1 and not several:
        labels = labels[:, 0]
    if labels.dtype.kind in "SUO" and labels.ndim == 1:
        texts = np.array([_text(v) for v in labels.tolist()], dtype=object)
        names = sorted(set(texts.tolist()) - {""})
        check_names(names, path)
        place = {name: i for i, name in enumerate(names)}
        indices = np.array([place.get(t, -1) for t in texts], dtype=np.int64)
        count = len(names)
    elif labels.dtype.kind not in "biuf":
        raise UserError(
            f"{path}: expected labels as numbers or names, found type {labels.dtype}; "
            "store class indices, one-hot rows or names"
        )
    elif labels.ndim == 1:
        indices = _from_integers(labels, path)
        count = int(indices.max(initial=-1)) + 1
        given = wanted if names is None else names
        # whole numbers may stop short of the last class
        count = max(count, len(given or ()))
    elif labels.ndim == 2 and labels.shape[1] > MOST_CLASSES:
        raise _too_many(labels.shape[1], path)
    elif labels.ndim == 2:
        if several or ((labels > 0).sum(axis=1) > 1).any():
            hot, classes, notes = _several(labels, names, wanted, path)
            return hot, classes, [] if several else notes
        indices, count = _from_one_hot(labels), labels.shape[1]
    else:
        raise UserError(
            f"{path}: expected labels of shape (N,) or (N, classes), found "
            f"{labels.shape}; a map of labels per pixel is not a patch label"
        )
    if len(indices) and not (indices >= 0).any():
        raise UserError(f"{path}: no label row names a class; check the labels")
    notes = []
    numbers = labels.ndim == 1 and labels.dtype.kind in "iuf"
    if numbers and len(indices) and indices[indices >= 0].min() > 0:
        notes.append(
            "no label is 0: class numbers are counted from 0; if these are counted "
            "from 1, subtract 1, or the names are shifted by one"
        )
    if lost := int((indices < 0).sum()):
        notes.append(
            f"{lost} of {len(indices)} label rows are not one-hot (no class at all): "
            "these samples are left out"
        )
    if numbers and names is None and wanted is not None and not unnamed(wanted):
        notes.append(
            "the labels are numbers without names: they are taken for "
            f"{listed(f'{i} {name}' for i, name in enumerate(wanted))}; write the "
            "names of the classes (class_names) into the file if this is wrong"
        )
    names, wanted = _names_for(count, names, wanted, path)
    if wanted is not None:
        indices = by_name(indices, names, wanted, path)
    names = tuple(wanted or names)
    if several:
        hot = indices[:, None] == np.arange(len(names))
        return hot.astype(np.uint8), names, notes
    return indices, names, notes


def _several(
    labels: np.ndarray,
    names: Sequence[str] | None,
    wanted: Sequence[str] | None,
    path: str,
) -> tuple[np.ndarray, tuple[str, ...], list[str]]:
    """See `read_labels`; of rows of 0 and 1 (N, classes)."""
    odd = ~np.isin(labels, (0, 1))
    if odd.any():
        raise UserError(
            f"{path}: expected rows of 0 and 1 where samples have several labels, "
            f"found {labels[odd][0]:g}; write 0 and 1, or, where these are shares of "
            "classes, call them value"
        )
    hot = labels.astype(np.uint8)
    each = hot.sum(axis=1, dtype=np.int64)
    if len(hot) and not each.any():
        raise UserError(f"{path}: no label row names a class; check the labels")
    notes = [
        f"{int((each > 1).sum())} of {len(hot)} samples have several labels, "
        f"{int((each == 0).sum())} have none (no class fits): {_SEVERAL}"
    ]
    names, wanted = _names_for(hot.shape[1], names, wanted, path)
    if wanted is None:
        return hot, tuple(names), notes
    return columns_by_name(hot, names, wanted, path), tuple(wanted), notes


def _names_for(
    count: int, names: Sequence[str] | None, wanted: Sequence[str] | None, path: str
) -> tuple[Sequence[str], Sequence[str] | None]:
    """Names of so many classes, and those to match them with, if that is to be done.

    Raises:
        UserError: there are more or fewer names than classes.
    """
    if names is None:
        names, told = wanted or numbered(count), False
    else:
        told = True
    if len(names) != count and not told:
        raise UserError(
            f"{path}: expected labels of the {len(names)} classes "
            f"{listed(names)}, found {count} classes without names; write the names "
            "of the classes (class_names) into the file"
        )
    if len(names) != count:
        raise UserError(
            f"{path}: expected {count} class names, one per class, found {len(names)} "
            f"({listed(names)}); "
            + either("write", "give class_names=[…] or write")
            + " the names into the file, in the order of the labels"
        )
    return names, wanted if told else None


def unnamed(names: Sequence[str]) -> bool:
    """Returns whether classes have numbers for names, since nothing named them."""
    return list(names) == numbered(len(names))


def numbered(count: int) -> list[str]:
    """Returns the names of so many classes that nothing names."""
    return [f"class {i}" for i in range(count)]


def by_name(
    indices: np.ndarray, names: Sequence[str], wanted: Sequence[str], path: str
) -> np.ndarray:
    """Class indices into ``wanted`` in place of those into ``names``, int64 (N,).

    Upper and lower case, blanks around a name and the two ways to write an accent in
    Unicode do not matter. A class without samples needs no name in ``wanted``.

    Raises:
        UnknownClassError: a class that has samples is not among those ``wanted``.
    """
    exact = {name: i for i, name in enumerate(wanted)}
    folded: dict[str, list[int]] = {}
    for i, name in enumerate(wanted):
        folded.setdefault(fold(name), []).append(i)
    places = np.full(len(names) + 1, -1, dtype=np.int64)  # the last is that of -1
    unknown = []
    present = set(np.unique(indices).tolist())
    for i, name in enumerate(names):
        alike = folded.get(fold(name), [])
        if name in exact:
            places[i] = exact[name]
        elif len(alike) == 1:
            places[i] = alike[0]
        elif i in present:
            unknown.append(name)
    if unknown:
        raise UnknownClassError(
            f"{path}: expected the classes {listed(wanted)}, found "
            f"{listed(names)}; unknown: {listed(unknown)}. Name them as "
            f"expected ({either('in the data', 'class_names=')}), or remove them"
        )
    return places[indices]


def columns_by_name(
    labels: np.ndarray, names: Sequence[str], wanted: Sequence[str], path: str
) -> np.ndarray:
    """Labels (N, wanted classes) in place of (N, classes), matched as in `by_name`.

    Raises:
        UnknownClassError: a class that has samples is not among those ``wanted``.
    """
    used = np.flatnonzero(labels.any(axis=0))
    found = np.zeros((len(labels), len(wanted)), np.uint8)
    for column, place in zip(used, by_name(used, names, wanted, path), strict=True):
        found[:, place] |= labels[:, column]
    return found


def fold(name: str) -> str:
    """Returns a class name in a form that ignores case, blanks and accent encoding."""
    return unicodedata.normalize("NFC", name).strip().casefold()


def check_several_classes(
    labels: np.ndarray, class_names: Sequence[str], path: str
) -> None:
    """Refuses training data without labels or with only one class.

    Raises:
        UserError: fewer than two classes have samples.
    """
    present = np.unique(labels[labels >= 0])
    if len(present) == 0:
        raise UserError(
            f"{path}: expected labelled samples, found none; one folder of images per "
            "class, or a data set called label, gives them"
        )
    if len(present) == 1:
        raise UserError(
            f"{path}: expected two classes or more, found one only "
            f"({class_names[present[0]]}, {counted(len(labels), 'sample')}); there is "
            "nothing to tell apart; if a split by groups left these, give more groups "
            "of each class"
        )


def check_renamed(before: Sequence[str], names: Sequence[str], path: str) -> None:
    """Refuses names for classes that have some, or that are not as many; raises."""
    if not all(UNNAMED_CLASS.fullmatch(name) for name in before):
        raise UserError(
            f"{path}: expected data without names of classes to name them, found "
            f"{listed(before)}; leave --class-names out"
        )
    if len(names) != len(before):
        raise UserError(
            f"{path}: expected {len(before)} names for {listed(before)}, found "
            f"{len(names)}: {listed(names)}; give one for each"
        )
    check_names(names, "--class-names")


def check_names(names: Sequence[str] | None, path: str) -> None:
    """Refuses too many names, names that are too long, and repeated names.

    Raises:
        UserError: as above.
    """
    names = list(names or ())
    if len(names) > MOST_CLASSES:
        raise _too_many(len(names), path)
    longest = max(names, key=len, default="")
    if len(longest) > MOST_LETTERS:
        raise UserError(
            f"{path}: expected class names of at most {MOST_LETTERS:,} letters, "
            f"found {len(longest):,} ({longest[:20]}…); correct the names"
        )
    twice = sorted(name for name, times in Counter(names).items() if times > 1)
    if twice:
        raise UserError(
            f"{path}: expected a name of its own for each class, found "
            f"{listed(twice)} twice; correct the names"
        )


def _too_many(count: int, path: str) -> UserError:
    return UserError(
        f"{path}: expected at most {MOST_CLASSES:,} classes, found {count:,}; a class "
        "has many samples, an id of each sample is none"
    )


def _text(value: object) -> str:
    if value is None or value != value:  # a table's missing value
        return ""
    text = str(value)
    if isinstance(value, bytes):
        try:
            text = value.decode()
        except UnicodeDecodeError:
            text = value.decode("latin-1")
    return unicodedata.normalize("NFC", " ".join(text.split()))


def _from_integers(labels: np.ndarray, path: str) -> np.ndarray:
    if labels.dtype.kind == "f":
        finite = np.isfinite(labels)
        if (labels[finite] != np.round(labels[finite])).any():
            raise UserError(
                f"{path}: expected whole numbers as class indices, found fractions "
                f"such as {labels[finite & (labels != np.round(labels))][0]}"
            )
        labels = np.where(finite, labels, -1)
    # before whole numbers of any size become those of 64 bits
    if (largest := labels.max(initial=0)) >= MOST_CLASSES:
        raise UserError(
            f"{path}: expected class numbers from 0, found {largest:.15g}, more than "
            f"{MOST_CLASSES - 1:,}; a number that means no class is to be negative"
        )
    labels = np.maximum(labels, -1) if labels.dtype.kind in "if" else labels
    return np.maximum(labels.astype(np.int64), -1)


def _from_one_hot(labels: np.ndarray) -> np.ndarray:
    hot = labels > 0
    return np.where(hot.any(axis=1), hot.argmax(axis=1), -1).astype(np.int64)
