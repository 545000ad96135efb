"""Options that the commands of ``compact`` share."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, Any

import typer

from autoai4eo.errors import UserError
from autoai4eo.log import say

if TYPE_CHECKING:
    from autoai4eo.compact.settings import CompactSettings

Method = Annotated[
    str,
    typer.Option(
        help="s: a single cell; s+c: and the complexity loss; s+d: and depths; s+c+d."
    ),
]
Channels = Annotated[
    int, typer.Option(min=1, help="Filters of the first block; the others double.")
]
Blocks = Annotated[int, typer.Option(min=1, help="Number of blocks.")]
Depth = Annotated[
    int | None,
    typer.Option(
        min=1,
        help="Cells of a block; a search of depths begins so. By default 3, or the "
        "most of a block.",
    ),
]
MaxDepth = Annotated[int, typer.Option(help="Most cells of a block.")]
Constant = Annotated[float, typer.Option(help="Factor of the complexity loss.")]
Cost = Annotated[
    str,
    typer.Option(help="What is kept low: flops, or latency_ms as measured here."),
]
SearchEpochs = Annotated[int, typer.Option(help="Most epochs of a search.")]
StopAfter = Annotated[
    int | None,
    typer.Option(help="End a search when its architecture is unchanged for so long."),
]
SearchBatchSize = Annotated[
    int, typer.Option(help="Patches in each of the two batches of a search's step.")
]
Temperatures = Annotated[
    str, typer.Option(help="Of the draws in the first and the last epoch.")
]


def teller(quiet: bool) -> Callable[[str], None]:
    """Returns what takes a line: also in a terminal, where `fit` shows a live view."""
    return (lambda text: None) if quiet else say


def parse_temperatures(text: str) -> tuple[float, float]:
    """Returns the two numbers of ``10,1``.

    Raises:
        UserError: the text has another form.
    """
    try:
        first, last = (float(part) for part in text.split(","))
    except ValueError:
        raise UserError(
            "--temperature: expected two numbers, for the first and the last epoch, "
            f"such as 10,1, got {text!r}"
        ) from None
    return first, last


def settings_of(**options: Any) -> CompactSettings:
    """Returns the options of a search; what is wrong is told by the command's option.

    Raises:
        UserError: see `CompactSettings`.
    """
    from autoai4eo.compact.settings import CompactSettings

    try:
        return CompactSettings(**options)
    except UserError as error:
        name, separator, told = str(error).partition(": ")
        # --epochs and --batch-size are those of the training after the search
        option = {"epochs": "search-epochs", "batch_size": "search-batch-size"}
        if not separator or name not in options:
            raise
        spelled = option.get(name, name.replace("_", "-"))
        raise UserError(f"--{spelled}: {told}") from None
