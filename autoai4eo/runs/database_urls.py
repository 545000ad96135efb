"""The URLs of databases, and the passwords in them."""

from __future__ import annotations

from urllib.parse import unquote

from sqlalchemy import URL, make_url
from sqlalchemy.exc import SQLAlchemyError

from autoai4eo.errors import UserError
from autoai4eo.runs import databases

_PASSWORDS = ("password", "sslpassword")


def without_password(url: str) -> str:
    """The URL as it may be written to disk.

    Raises:
        UserError: it is not the URL of an SQLite or a PostgreSQL database.
    """
    return bare(parse(url)).render_as_string()


def bare(url: URL) -> URL:
    """The URL without what is a password in it."""
    return url.difference_update_query(_PASSWORDS)._replace(password=None)


def passwords(url: URL) -> dict[str, str]:
    """The passwords in a URL, as psycopg2 takes them."""
    found = {name: url.query[name] for name in _PASSWORDS if name in url.query}
    if url.password:
        found["password"] = str(url.password)
    return {name: v if isinstance(v, str) else v[-1] for name, v in found.items()}


def parse(url: str) -> URL:
    """The URL of an SQLite or a PostgreSQL database.

    Raises:
        UserError: it is not one.
    """
    try:
        if "\0" in unquote(url):
            raise ValueError
        parsed = make_url(url)
        without = bare(make_url(databases.without_password(url)))
    except (SQLAlchemyError, ValueError):
        # what cannot be read may hold a password anywhere
        found = "one that cannot be read" if "@" in url else url
    else:
        if parsed.get_backend_name() not in ("sqlite", "postgresql"):
            found = f"{parsed.drivername}://…"
        elif without != bare(parsed):
            # where the password ends is not clear: none of it is shown
            found = "one with an @, / or ? in its password: these are written %40 …"
        else:
            return parsed
    raise UserError(
        "storage: expected a URL like sqlite:///FILE or "
        f"postgresql://USER@HOST/DATABASE, found {found}; correct it"
    )
