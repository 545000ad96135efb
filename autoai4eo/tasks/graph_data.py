"""What a graph of blocks says of its data: inputs, kind of target, classes, metrics."""

from __future__ import annotations

from typing import Any

from autoai4eo.data.dataset import Dataset
from autoai4eo.data.readers.labels import numbered, unnamed
from autoai4eo.data.readers.opening import open_dataset
from autoai4eo.data.readers.streams import in_arrays
from autoai4eo.errors import UserError
from autoai4eo.learning import evaluation
from autoai4eo.search.space.graph import Graph
from autoai4eo.tasks.configuration import graph_of, kind_of
from autoai4eo.tasks.training_data import names_of
from autoai4eo.text import counted, listed


class GraphData:
    """The part of an `AutoModel` that opens data for its graph; a mixin.

    Attributes:
        inputs: nodes of the graph.
        outputs: nodes that heads return.
    """

    inputs: list[Any]
    outputs: list[Any]

    @property
    def kind(self) -> str:
        """The kind of target that the head predicts, see `Target`."""
        return kind_of(self._head_block())

    def _head_block(self) -> Any:
        """Returns the block with the head's arguments; None if there is none."""
        return getattr(self.outputs[0], "in_blocks", [None])[0]

    def _asked_number(self) -> int | None:
        """Returns the number of classes or values that the user gave, if any."""
        head = self._head_block()
        number = getattr(head, "num_classes", None)
        return number or getattr(head, "output_dim", None)

    def _user_metrics(self) -> list[Any]:
        """Returns the metrics that the user gave, see `learning.user_metrics`."""
        return list(self._head_block().metrics)

    def _opened(self, x: Any, y: Any, like: Dataset | None = None) -> Dataset:
        """Opens data, and checks the number of classes that the user gave.

        Raises:
            UserError: the data cannot be used, or have another number of classes.
        """
        dataset = self._open(*in_arrays(x, y), like)
        return with_number(dataset, self._asked_number())

    def _open(self, x: Any, y: Any, like: Dataset | None = None) -> Dataset:
        """Opens data for `fit`, with the bands and classes of another data set."""
        names = [node.name for node in self.inputs]
        dataset = open_dataset(
            evaluation.by_input(x, names),
            **evaluation.told_targets(y, self.kind),
            **names_of(like),
        )
        if len(names) == len(dataset.inputs) == 1:
            # one input node and one input: their names need not match
            self.inputs[0].name = dataset.inputs[0].name
            return dataset
        return dataset.select(names)

    def _graph(self, train: Dataset) -> Graph:
        """Returns the graph for these data."""
        return graph_of(self.inputs, self.outputs)


def with_number(dataset: Dataset, number: int | None) -> Dataset:
    """Returns a data set with so many classes; those beyond its own have no samples.

    Args:
        dataset: with the classes that are in it.
        number: that the user gave; None: any.

    Raises:
        UserError: the data set has more, or names them.
    """
    found = dataset.num_classes
    if number is None or number == found or dataset.target.kind == "none":
        return dataset
    nameless = dataset.target.kind == "class" and unnamed(dataset.class_names)
    if nameless and found < number:
        return dataset.with_classes(numbered(number))
    asked = "output_dim" if dataset.target.kind == "value" else "num_classes"
    wanted = counted(number, dataset.target.noun)
    raise UserError(
        f"{dataset.path}: expected the {wanted} of {asked}, "
        f"found {found} ({listed(dataset.class_names)}); leave {asked} out"
    )
