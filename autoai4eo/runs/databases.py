"""The databases that the user names: no others are connected to.

The user names one by an argument or in the environment, never by a file of a run.
Passwords are taken out of a URL at once; they are kept in memory and not shown.
"""

from __future__ import annotations

import os
import re

VARIABLE = "AUTOAI4EO_STORAGE"

# Scenes may lie at addresses of the web, which are opened as they are.
_URL = re.compile(r"(?<![\w+.-])(?!https?:)[a-z][\w+.-]*://.*", re.I | re.S)
# To the last @: a password may have one that should have been written %40.
_USER = re.compile(r"(://[^:/?#]*):.*@", re.S)
_QUERY = re.compile(r"(?<=[?&])(ssl)?password=[^&]*&?", re.I)

# An argument may be the address of something else, such as s3://BUCKET/SCENE.
_DATABASES = ("postgresql", "sqlite")

#: What was given, by the URL without its passwords; the last one named is the last.
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
    """The URLs of all databases that the user named, without passwords; the last first.

    That of the environment comes after those of arguments.
    """
    known = [*reversed(_given), *map(without_password, _of_environment())]
    return [url for url in known if url.startswith(_DATABASES)]


def with_password(url: str) -> str:
    """A URL with the password that the user gave for it, if any."""
    known = {without_password(given): given for given in _of_environment()} | {
        bare: given for bare, given in _given.items() if given != bare
    }
    return known.get(url, url)


def environment(url: str | None) -> dict[str, str]:
    """What another process needs in its environment to connect to a database."""
    given = url and with_password(url)
    return {VARIABLE: given} if given and given != url else {}


def _remember(url: str) -> str:
    bare = without_password(url)
    given = url if url != bare else _given.pop(bare, url)
    _given.pop(bare, None)
    _given[bare] = given
    return bare


def without_password(url: str) -> str:
    """A URL without what may be a password in it, whatever else it is."""
    return _QUERY.sub("", _USER.sub(r"\1@", url)).rstrip("?&")


def _of_environment() -> list[str]:
    given = os.environ.get(VARIABLE)
    return [given] if given else []
