"""Reads tables of networks, and checks their columns."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from autoai4eo.errors import UserError
from autoai4eo.files import check_regular


def check_identified(
    path: Path, choices: Sequence[str], adjacency: Sequence[str]
) -> None:
    """Checks that columns of a CSV file identify its networks.

    Raises:
        UserError: none do, or two ways are given; or the path is a folder.
    """
    if path.is_dir():
        raise UserError(
            f"{path}: expected a CSV file or a database of networks, found a folder; "
            "give a file, or the folder of `autoai4eo nasbench train`"
        )
    if bool(choices) == bool(adjacency):
        raise UserError(
            f"{path}: expected --choices or --adjacency, the columns that identify a "
            f"network, got {'both' if choices else 'neither'}; give one of them"
        )


def read_frame(
    path: Path, columns: list[str], text: Sequence[str] = ()
) -> pd.DataFrame:
    """Reads a CSV file with these columns, which have a value in every row.

    Args:
        path: of the file, with a header.
        columns: that it must have.
        text: columns that are no numbers, even if they look so.

    Raises:
        UserError: it is no such file.
    """
    check_regular(path)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", pd.errors.ParserWarning)
            frame = pd.read_csv(path, dtype=dict.fromkeys(text, str), index_col=False)
    except FileNotFoundError:
        raise UserError(
            f"{path}: expected a CSV file, found none; check the path"
        ) from None
    except pd.errors.ParserWarning:
        raise UserError(
            f"{path}: expected as many values in a row as the header has names, found "
            "more; remove them, or name them"
        ) from None
    except IsADirectoryError:
        raise UserError(
            f"{path}: expected a CSV file, found a folder; `autoai4eo nasbench import` "
            "makes a database of the records of EO HW-NAS"
        ) from None
    except (ValueError, OSError) as error:
        line = str(error).strip().splitlines()[0]
        raise UserError(f"{path}: expected a CSV file, found {line}") from error
    return complete(path, frame, columns)


def complete(path: Path, frame: pd.DataFrame, columns: list[str]) -> pd.DataFrame:
    """Checks that columns are there, with a value in every row; returns the frame.

    Raises:
        UserError: one is not.
    """
    missing = [column for column in columns if column not in frame]
    if missing:
        raise UserError(
            f"{path}: expected the columns {', '.join(missing)}, found "
            f"{', '.join(map(str, frame.columns))}"
        )
    empty = frame[columns].isna()
    if empty.any(axis=None):
        column = empty.any().idxmax()
        raise UserError(
            f"{path}: expected a value in every row of {column}, found "
            f"{int(empty[column].sum())} without, the first in row "
            f"{int(empty[column].idxmax())}; fill them or leave these rows out"
        )
    return frame


def numbers(path: Path, frame: pd.DataFrame, columns: list[str]) -> np.ndarray:
    """Returns the values of columns, (rows, columns).

    Raises:
        UserError: one is no finite number.
    """
    for column in columns:
        if not pd.api.types.is_numeric_dtype(frame[column]):
            raise UserError(
                f"{path}: expected numbers in {column}, found {frame[column].iloc[0]!r}"
            )
    figures = frame[columns].to_numpy(float)
    if not np.isfinite(figures).all():
        column = columns[int(np.argmin(np.isfinite(figures).all(axis=0)))]
        raise UserError(f"{path}: expected finite numbers in {column}, found infinity")
    return figures
