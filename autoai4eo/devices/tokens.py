"""The secret that a device and those who may use it share."""

from __future__ import annotations

import hmac
import os
import secrets
from pathlib import Path

from autoai4eo.errors import UserError

#: The environment of those who ask a device: the token, or a file with it.
TOKEN, TOKEN_FILE = "AUTOAI4EO_DEVICE_TOKEN", "AUTOAI4EO_DEVICE_TOKEN_FILE"
#: What those who ask a device, and those who start it, do without a right token.
GIVE = "give the one that autoai4eo device serve prints there"
MAKE = "make one: python3 -c 'import secrets; print(secrets.token_urlsafe(32))'"
_SHORTEST, _LONGEST = 16, 1024


def new_token() -> str:
    """A token that nobody can guess: 256 random bits."""
    return secrets.token_urlsafe(32)


def read_token(file: Path, advice: str = GIVE) -> str:
    """The token in a file.

    Raises:
        UserError: there is no such file, or it holds something else; the error ends
            with `advice`.
    """
    try:
        with open(file, "rb") as opened:
            content = opened.read(_LONGEST + 1)
    except OSError as error:
        raise UserError(
            f"{file}: expected a file with the device's token, found none that can be "
            f"read ({error.strerror}); write the token into it"
        ) from error
    return _checked(content.decode("latin-1").strip(), str(file), advice)


def known_token() -> str:
    """The token that the user gave: in a file, else in the environment.

    Raises:
        UserError: the user gave none.
    """
    if file := os.environ.get(TOKEN_FILE):
        return read_token(Path(file).expanduser())
    if token := os.environ.get(TOKEN, "").strip():
        return _checked(token, f"${TOKEN}", GIVE)
    raise UserError(
        f"device: expected its token in ${TOKEN} or a file (--device-token-file), "
        "found none; autoai4eo device serve prints it"
    )


def is_right(given: str | None, token: str) -> bool:
    """Whether an ``Authorization`` header has the token; takes as long if not."""
    expected = f"Bearer {token}".encode()
    return hmac.compare_digest((given or "").encode("utf-8", "replace"), expected)


def _checked(token: str, where: str, advice: str) -> str:
    if not _SHORTEST <= len(token) <= _LONGEST or not (
        token.isascii() and token.isprintable() and " " not in token
    ):
        raise UserError(
            f"{where}: expected a token of {_SHORTEST} or more ASCII characters "
            f"without spaces, found something else; {advice}"
        )
    return token
