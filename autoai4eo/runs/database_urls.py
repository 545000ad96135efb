"""The URLs of databases, and the passwords in them."""

from __future__ import annotations

from urllib.parse import unquote

from sqlalchemy import URL, make_url
from sqlalchemy.exc import SQLAlchemyError

from autoai4eo.errors import UserError
from autoai4eo.runs import databases

_PASSWORDS = ("password", "sslpassword")


def without_password(url: str) -> str:
    """Returns a URL without its passwords, to be shown or written to disk.

    Raises:
        UserError: it is not the URL of an SQLite or a PostgreSQL database.
    """
    return bare(parse(url)).render_as_string()


def bare(url: URL) -> URL:
    """Returns the URL without its passwords."""
    return url.difference_update_query(_PASSWORDS)._replace(password=None)


def passwords(url: URL) -> dict[str, str]:
    """Returns the passwords in a URL, as arguments of psycopg2."""
    found = {name: url.query[name] for name in _PASSWORDS if name in url.query}
    if url.password:
        found["password"] = str(url.password)
    return {name: v if isinstance(v, str) else v[-1] for name, v in found.items()}


def parse(url: str) -> URL:
    """Parses the URL of an SQLite or a PostgreSQL database.

    Raises:
        UserError: it is not one.
    """
    try:
        if "\0" in unquote(url):
            raise ValueError
        parsed = make_url(url)
        without = bare(make_url(databases.without_password(url)))
    except (SQLAlchemyError, ValueError):
        # an unreadable URL may hold a password anywhere: it is not shown
        found = "one that cannot be read" if "@" in url else url
    else:
        if parsed.get_backend_name() not in ("sqlite", "postgresql"):
            found = f"{parsed.drivername}://…"
        elif without != bare(parsed):
            # unclear where the password ends: nothing is shown
            found = "one with @, / or ? in its password: write them as %40, %2F, %3F"
        else:
            return parsed
    raise UserError(
        "storage: expected a URL like sqlite:///FILE or "
        f"postgresql://USER@HOST/DATABASE, found {found}; correct it"
    )
