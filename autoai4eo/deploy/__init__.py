"""A finished model at work: loading, export, maps."""

from autoai4eo.deploy.export.exporting import Exported as Exported
from autoai4eo.deploy.export.exporting import export as export
from autoai4eo.deploy.export.formats import FORMATS as FORMATS
from autoai4eo.deploy.mapping.mapping import map_scene as map_scene
from autoai4eo.deploy.predictors.base import load_classifier as load_classifier
from autoai4eo.deploy.predictors.networks import load_finalist as load_finalist
from autoai4eo.deploy.predictors.networks import load_model as load_model
from autoai4eo.deploy.predictors.networks import load_network as load_network
