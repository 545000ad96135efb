"""A finished model at work: loading, export, maps."""

from autoai4eo.deploy.classifiers import load_classifier as load_classifier
from autoai4eo.deploy.exporting import Exported as Exported
from autoai4eo.deploy.exporting import export as export
from autoai4eo.deploy.formats import FORMATS as FORMATS
from autoai4eo.deploy.loading import load_finalist as load_finalist
from autoai4eo.deploy.loading import load_model as load_model
from autoai4eo.deploy.loading import load_network as load_network
from autoai4eo.deploy.mapping import map_scene as map_scene
