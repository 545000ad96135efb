"""The databases that the user names: the package connects to no others.

The user names one by an argument or in the environment, never by a file of a run.
Passwords are removed from a URL at once, kept in memory and not shown.
"""

from __future__ import annotations

import os
import re

VARIABLE = "AUTOAI4EO_STORAGE"

# http(s): may be the URL of a scene, and is left unchanged.
_URL = re.compile(r"(?<![\w+.-])(?!https?:)[a-z][\w+.-]*://.*", re.I | re.S)
# Up to the last @: a password may contain one that should be written %40.
_USER = re.compile(r"(://[^:/?#]*):.*@", re.S)
_QUERY = re.compile(r"(?<=[?&])(ssl)?password=[^&]*&?", re.I)

# Other arguments may be URLs, too, such as s3://BUCKET/SCENE.
_DATABASES = ("postgresql", "sqlite")

#: URLs as given, by the URL without passwords; in the order in which they were given.
_given: dict[str, str] = {}


def name(text: str) -> str:
    """Remembers a database that the user names.

    Args:
        text: a URL, or an argument of the command line with one in it.

    Returns:
        The text without passwords.
    """
    return _URL.sub(lambda found: _remember(found[0]), text)


def named() -> list[str]:
    """Returns the URLs of the user's databases, without passwords.

    First those of arguments, the last one first, then that of the environment.
    """
    known = [*reversed(_given), *map(without_password, _of_environment())]
    return [url for url in known if url.startswith(_DATABASES)]


def with_password(url: str) -> str:
    """Returns a URL with the password that the user gave for it, if any."""
    known = {without_password(given): given for given in _of_environment()} | {
        bare: given for bare, given in _given.items() if given != bare
    }
    return known.get(url, url)


def environment(url: str | None) -> dict[str, str]:
    """Returns the environment that another process needs to connect to a database."""
    given = url and with_password(url)
    return {VARIABLE: given} if given and given != url else {}


def _remember(url: str) -> str:
    bare = without_password(url)
    given = url if url != bare else _given.pop(bare, url)
    _given.pop(bare, None)
    _given[bare] = given
    return bare


def without_password(url: str) -> str:
    """Returns any URL without the parts that may be passwords."""
    return _QUERY.sub("", _USER.sub(r"\1@", url)).rstrip("?&")


def _of_environment() -> list[str]:
    given = os.environ.get(VARIABLE)
    return [given] if given else []
