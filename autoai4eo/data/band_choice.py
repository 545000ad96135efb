"""Chooses bands of inputs by their names."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from autoai4eo.data.readers.base import InputSpec
from autoai4eo.data.sensors import canonical
from autoai4eo.errors import UnknownInputError, UserError


def chosen_bands(
    inputs: Sequence[InputSpec],
    bands: Mapping[str, Sequence[str]] | Sequence[str],
    path: str,
) -> dict[str, list[int]]:
    """Returns the positions of bands in each input, in the order asked for.

    Args:
        inputs: to choose from.
        bands: names by input, or a list for all inputs; inputs without any of them are
            left out.
        path: of the data, for messages.

    Raises:
        UserError: a band or an input is missing.
    """
    if not isinstance(bands, Mapping):
        bands = _by_input(inputs, bands, path)
    known = {spec.name: [band.name for band in spec.bands] for spec in inputs}
    found = {}
    for name, wanted in bands.items():
        if name not in known:
            raise UnknownInputError(path, name, list(known))
        for band in map(canonical, wanted):
            if band not in known[name]:
                raise _missing(band, name, known[name], path)
        found[name] = [known[name].index(canonical(band)) for band in wanted]
    return found


def _by_input(
    inputs: Sequence[InputSpec], bands: Sequence[str], path: str
) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {spec.name: [] for spec in inputs}
    for name in map(canonical, bands):
        homes = [spec for spec in inputs if name in [b.name for b in spec.bands]]
        if not homes:
            everything = [b.name for spec in inputs for b in spec.bands]
            raise _missing(name, "any input", everything, path)
        for spec in homes:
            found[spec.name].append(name)
    return {name: some for name, some in found.items() if some}


def _missing(name: str, where: str, there: list[str], path: str) -> UserError:
    return UserError(
        f"{path}: expected a band {name} in {where}, found {', '.join(there)}; choose "
        "among these"
    )
