"""Reads and writes files. A written file is complete or absent, even after a power cut.

`read_json`, `read_npz` and `read_csv` read the files of this package; their errors name
the damaged file and a remedy. A command that writes calls `check_can_write` or
`check_can_write_into` before it starts, and writes inside `written`.
"""

from __future__ import annotations

from autoai4eo.files.checks import (
    MAX_GIB,
    check_can_write,
    check_can_write_into,
    check_not_input,
    check_regular,
    check_replaceable,
    check_size,
    check_utf8,
    is_plain,
    is_planted,
    max_bytes,
    written,
)
from autoai4eo.files.reading import (
    ANY,
    MOST_TEXT,
    check_declared,
    check_form,
    read_csv,
    read_json,
    read_npz,
    reading,
)
from autoai4eo.files.scratch import scratch_folder
from autoai4eo.files.writing import (
    folder_in_one_step,
    in_one_step,
    no_follow,
    remove_leftovers,
    set_aside,
    sync,
    write_json,
)

__all__ = [
    "ANY",
    "MAX_GIB",
    "MOST_TEXT",
    "check_can_write",
    "check_can_write_into",
    "check_declared",
    "check_form",
    "check_not_input",
    "check_regular",
    "check_replaceable",
    "check_size",
    "check_utf8",
    "folder_in_one_step",
    "in_one_step",
    "is_plain",
    "is_planted",
    "max_bytes",
    "no_follow",
    "read_csv",
    "read_json",
    "read_npz",
    "reading",
    "remove_leftovers",
    "scratch_folder",
    "set_aside",
    "sync",
    "write_json",
    "written",
]
