"""The network among the references of a run."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from autoai4eo.learning.verdict import UNET
from autoai4eo.runs import cures
from autoai4eo.runs.belonging import check_file
from autoai4eo.runs.folder import Run

if TYPE_CHECKING:
    from autoai4eo.data.dataset import Dataset
    from autoai4eo.learning.lazy_outputs import Outputs


def check_network(run: Run, record: dict[str, Any]) -> None:
    """Checks the file of the network that the record of the references names, if any.

    Raises:
        MissingError: it does not exist.
        DamagedError: it is damaged, or another file.
    """
    if UNET in record:
        expected = "the U-Net among the references"
        known = record[UNET]["network"]
        check_file(run.reference_network, known, expected, cures.REFERENCES)


def network_outputs(
    run: Path, record: dict[str, Any], dataset: Dataset, batch_size: int
) -> dict[str, Outputs]:
    """Returns what the network among the references predicts, by its name; {} if none.

    Args:
        run: the folder.
        record: of the references.
        dataset: N samples with the inputs of the training data.
        batch_size: samples per batch.

    Raises:
        MissingError: the network does not exist.
        DamagedError: it is damaged, or another file.
    """
    check_network(Run(run), record)
    if UNET not in record:
        return {}
    import keras  # slow to import, and `check_network` does without it

    from autoai4eo.learning.evaluation import outputs_in_parts

    network = keras.models.load_model(Run(run).reference_network, compile=False)
    return {UNET: outputs_in_parts(network, dataset, batch_size)}
