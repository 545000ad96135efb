"""Trains the references of a run before its first candidate."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from autoai4eo.data.dataset import Dataset
from autoai4eo.learning.references import SAMPLES, train_references
from autoai4eo.learning.verdict import in_words, short
from autoai4eo.log import told_while
from autoai4eo.runs.folder import Run, locked
from autoai4eo.text import counted


def keep_references(
    run: Path,
    train: Dataset,
    validation: Dataset,
    seed: int,
    tell: Callable[[str], None],
) -> None:
    """Trains and scores the references of a run, unless they are there.

    Args:
        run: the folder.
        train, validation: the data of the search.
        seed: of the references.
        tell: takes lines about the work and the scores.
    """
    folder = Run(run)
    with locked(run, "references"):
        known = folder.read_references()
        if not known or not folder.trees.is_file():
            samples = counted(min(SAMPLES, len(train)), "sample")
            if train.target.kind == "mask":
                samples = f"pixels of {len(train):,} tiles"
            doing = f"training the references, trees on {samples}"
            with told_while(tell, doing):
                known = train_references(train, validation, folder.trees, seed)
                folder.write_references(known)
    on = "validation"
    if "tiles" in known:
        on += f", {known['tiles']:,} of {known['all_tiles']:,} tiles"
    for name, scores in known["scores"].items():
        tell(f"reference {short(name)}: {in_words(scores)} ({on})")
