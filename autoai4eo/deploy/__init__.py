"""Uses a finished model: loads it, exports it, makes maps with it."""

import warnings
from typing import Any

from autoai4eo.deploy.export.exporting import Exported as Exported
from autoai4eo.deploy.export.exporting import export as export
from autoai4eo.deploy.export.formats import FORMATS as FORMATS
from autoai4eo.deploy.mapping.mapping import map_scene as map_scene
from autoai4eo.deploy.predicting import open_unlabelled as open_unlabelled
from autoai4eo.deploy.predicting import predict_table as predict_table
from autoai4eo.deploy.predictors.base import Predictor as Predictor
from autoai4eo.deploy.predictors.loading import LOADERS as LOADERS
from autoai4eo.deploy.predictors.loading import load_predictor as load_predictor
from autoai4eo.deploy.predictors.networks import load_finalist as load_finalist
from autoai4eo.deploy.predictors.networks import load_model as load_model
from autoai4eo.deploy.predictors.networks import load_network as load_network


def __getattr__(name: str) -> Any:
    if name != "load_classifier":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    warnings.warn(
        "deploy.load_classifier is called load_predictor now; the next release drops "
        "the old name",
        DeprecationWarning,
        stacklevel=2,
    )
    return load_predictor
