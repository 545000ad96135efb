"""Names of inputs that every format of an exported model allows."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from autoai4eo.errors import UnknownInputError, UserError

#: Keras refuses ``/``; a SavedModel's signature, and LiteRT's with it, needs a letter
#: or digit first and neither blanks nor dots, and cannot hold ``self``; in ONNX no
#: input may be called as the output is.
_OTHER = re.compile(r"[^A-Za-z0-9_]+")
RESERVED = ("probabilities", "self")


@contextmanager
def inputs_needed(names: Sequence[str], by: str, cure: str = "") -> Iterator[None]:
    """Words a missing input for data that must have it, where there is no choice.

    Args:
        names: of the inputs that are needed.
        by: what needs them, such as ``"the network"``.
        cure: what may be missing, before the cure that always holds.

    Raises:
        UserError: an input of these is missing.
    """
    try:
        yield
    except UnknownInputError as error:
        if error.name not in names:
            raise
        all_of_them = ["it", "both"][len(names) - 1] if len(names) < 3 else "all"
        raise UserError(
            f"{error.path}: expected the inputs of {by}, {' and '.join(names)}, found "
            f"{' and '.join(error.found)}; {cure}give data that have {all_of_them}"
        ) from None


def input_names(names: Sequence[str], path: str) -> tuple[dict[str, str], list[str]]:
    """Returns the model's name for each input of the data.

    Args:
        names: names in the data.
        path: of the data, for messages.

    Returns:
        The model's names by the data's names, and notes about those that differ.

    Raises:
        UserError: a name becomes empty or reserved, or two become equal.
    """
    made = {name: _OTHER.sub("_", str(name)).lstrip("_") for name in names}
    for new in made.values():
        same = [other for other in made if made[other] == new]
        if not new or new in RESERVED or len(same) > 1:
            found = " and ".join(repr(other) for other in same)
            taken = f", and not {' or '.join(RESERVED)}"
            raise UserError(
                f"{path}: expected input names that differ in letters (a to z), digits "
                f"and _{taken if new in RESERVED else ''}, found {found}; rename the "
                "arrays"
            )
    changed = [f"{name!r} is called {new}" for name, new in made.items() if name != new]
    notes = [f"{path}: the input {told} from here on" for told in changed]
    return made, notes
