"""What candidates are made of: AutoKeras blocks for Earth observation."""

from autoai4eo.blocks.fusion import SensorFusion
from autoai4eo.blocks.head import LatencyConstrainedHead, PooledHead
from autoai4eo.blocks.nodes import ImageInput
from autoai4eo.blocks.pretrained import PretrainedResNetBlock
from autoai4eo.blocks.repair import repair
from autoai4eo.blocks.stem import MultispectralStem
from autoai4eo.blocks.trunk import EOImageBlock

repair()

__all__ = [
    "EOImageBlock",
    "ImageInput",
    "LatencyConstrainedHead",
    "MultispectralStem",
    "PooledHead",
    "PretrainedResNetBlock",
    "SensorFusion",
]
