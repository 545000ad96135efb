"""Architectures that searches found, each a JSON file with its source.

The form of a file is that of `Architecture.record`, with ``source``: the data, the
search and what it reached, or the publication.
"""

from __future__ import annotations

from importlib.resources import files

from autoai4eo.errors import UserError
from autoai4eo.files import read_json
from autoai4eo.networks.genotype import Architecture, Genotype

#: The records, the first of which is the default.
NAMES = ("sentinel2-s+c+d", "sentinel2-s+c", "darts-v2")
_CURE = "install autoai4eo again"


def architecture(name: str) -> Architecture:
    """Returns the architecture of a record."""
    if name not in NAMES:
        raise UserError(f"genotype: expected one of {', '.join(NAMES)}, got {name!r}")
    path = files(__package__) / f"{name}.json"
    return Architecture.of(read_json(path, _CURE, {"source": str}))  # type: ignore[arg-type]


def genotype(name: str) -> Genotype:
    """Returns the cell of a record."""
    return architecture(name).genotype
