"""A finished model at work: loading and export."""

from autoai4eo.deploy.exporting import Exported as Exported
from autoai4eo.deploy.exporting import export as export
from autoai4eo.deploy.formats import FORMATS as FORMATS
from autoai4eo.deploy.loading import load_finalist as load_finalist
from autoai4eo.deploy.loading import load_model as load_model
from autoai4eo.deploy.loading import load_network as load_network
