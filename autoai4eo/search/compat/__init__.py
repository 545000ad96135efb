"""All uses of private parts of AutoKeras, KerasTuner and Optuna, a file for each.

Each file checks for these parts when it is imported, so that another version of the
library causes a one-line error at once, not in the middle of a search.
"""

from __future__ import annotations

import importlib.metadata
import pkgutil
from typing import Any

from packaging.requirements import Requirement

from autoai4eo.errors import UserError


def private(package: str, name: str) -> Any:
    """Returns a private part of a library.

    Args:
        package: the library's name for pip.
        name: ``module:attribute``, see `pkgutil.resolve_name`.

    Raises:
        UserError: the installed version has no such part.
    """
    try:
        return pkgutil.resolve_name(name)
    except (ImportError, AttributeError) as error:
        raise unsupported(package, name) from error


def unsupported(package: str, name: str) -> UserError:
    """Returns the error for a version of a library that lacks a private part."""
    needed = map(Requirement, importlib.metadata.requires("autoai4eo") or ())
    allowed = next(str(one.specifier) for one in needed if one.name == package)
    return UserError(
        f"{package}: expected version {allowed}, found "
        f"{importlib.metadata.version(package)}, which has no {name}; "
        f'pip install "{package}{allowed}"'
    )
