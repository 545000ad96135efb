"""What is touched of AutoKeras beside its public names."""

from __future__ import annotations

from typing import Any

import keras
from autokeras.graph import Graph

from autoai4eo.search.compat import private

private("autokeras", "autokeras.graph:Graph._compile_keras_model")

#: The oracle of AutoKeras's default tuner.
GreedyOracle = private("autokeras", "autokeras.tuners.greedy:GreedyOracle")
#: How AutoKeras makes the name of a block of that of its class.
to_snake_case = private("autokeras", "autokeras.utils.utils:to_snake_case")


class UncompiledGraph(Graph):
    """A graph of blocks that leaves it to others to compile the network."""

    def _compile_keras_model(self, hp: Any, model: keras.Model) -> keras.Model:
        return model
