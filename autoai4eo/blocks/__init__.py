"""AutoKeras blocks for Earth observation: the parts of candidates."""

from autoai4eo.blocks.backbones.pretrained import PretrainedResNetBlock
from autoai4eo.blocks.backbones.pyramid import FeaturePyramid
from autoai4eo.blocks.backbones.trunk import EOImageBlock
from autoai4eo.blocks.cells.block import CompactCellBlock
from autoai4eo.blocks.cells.nasbench_block import NASBenchCellBlock
from autoai4eo.blocks.decoders.block import DecoderBlock
from autoai4eo.blocks.decoders.fpn import FPNDecoder
from autoai4eo.blocks.decoders.lraspp import LRASPPDecoder
from autoai4eo.blocks.decoders.nasfpn import NASFPNBlock
from autoai4eo.blocks.decoders.unet import UNetDecoder
from autoai4eo.blocks.fusion import SensorFusion
from autoai4eo.blocks.heads.classification import LatencyConstrainedHead, PooledHead
from autoai4eo.blocks.heads.regression import PooledRegressionHead
from autoai4eo.blocks.heads.segmentation import SegmentationHead
from autoai4eo.blocks.nodes import ImageInput
from autoai4eo.blocks.repair import repair
from autoai4eo.blocks.stem import MultispectralStem
from autoai4eo.networks.merging import MergingCell

repair()

__all__ = [
    "CompactCellBlock",
    "DecoderBlock",
    "EOImageBlock",
    "FPNDecoder",
    "FeaturePyramid",
    "ImageInput",
    "LRASPPDecoder",
    "LatencyConstrainedHead",
    "MergingCell",
    "MultispectralStem",
    "NASBenchCellBlock",
    "NASFPNBlock",
    "PooledHead",
    "PooledRegressionHead",
    "PretrainedResNetBlock",
    "SegmentationHead",
    "SensorFusion",
    "UNetDecoder",
]
