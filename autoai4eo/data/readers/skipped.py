"""What is skipped in folders and zip files of images, and told."""

from __future__ import annotations

import posixpath
from collections import Counter
from collections.abc import Sequence

#: Files of operating systems and tools, besides hidden names.
_HIDDEN = {
    "__macosx",
    "__pycache__",
    "$recycle.bin",
    "@eadir",
    "desktop.ini",
    "lost+found",
    "system volume information",
    "thumbs.db",
}


class Skipped:
    """Collects skipped files and folders."""

    def __init__(self) -> None:
        self.hidden: list[str] = []
        self.broken: list[str] = []
        self.twice: list[str] = []
        self.others: Counter[str] = Counter()
        self.folders: set[str] = set()  # of the others

    def notes(self, names: Sequence[str]) -> tuple[str, ...]:
        """Sentences about what was skipped beside these images."""
        parts = []
        if self.hidden:
            parts.append(_some("hidden file or folder", self.hidden))
        if self.broken:
            parts.append(_some("pipe or broken link", self.broken))
        if self.twice:
            parts.append(_some("link to a folder that was read already", self.twice))
        if self.others:
            ends = ", ".join(f"{end} {n:,}" for end, n in self.others.most_common(5))
            total = sum(self.others.values())
            parts.append(f"{total:,} that GDAL does not read as images ({ends})")
        notes = [f"skipped: {'; '.join(parts)}"] if parts else []
        read = {posixpath.dirname(name) for name in names}
        without = sorted(
            folder
            for folder in self.folders - read - {""}
            if not any(name.startswith(f"{folder}/") for name in read)
        )
        if without:
            some = _some("no image that GDAL reads in", without)
            notes.append(
                f"{some}; a folder there that is a class is missing: convert its files"
            )
        return tuple(notes)


def _some(what: str, names: Sequence[str]) -> str:
    more = f", … ({len(names):,})" if len(names) > 2 else ""
    return f"{what}: {', '.join(names[:2])}{more}"


def is_hidden(name: str) -> bool:
    """Returns whether a file or folder is hidden, or one of a system's own."""
    return name.startswith(".") or name.casefold() in _HIDDEN
