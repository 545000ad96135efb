"""The private parts of AutoKeras that this package uses."""

from __future__ import annotations

from typing import Any

import keras
from autokeras.graph import Graph

from autoai4eo.search.compat import private

private("autokeras", "autokeras.graph:Graph._compile_keras_model")

#: The oracle of AutoKeras's default tuner.
GreedyOracle = private("autokeras", "autokeras.tuners.greedy:GreedyOracle")
#: Converts the name of a block's class to the name of the block.
to_snake_case = private("autokeras", "autokeras.utils.utils:to_snake_case")


class UncompiledGraph(Graph):
    """A graph of blocks that does not compile its networks."""

    def _compile_keras_model(self, hp: Any, model: keras.Model) -> keras.Model:
        return model
