"""One block for all decoders."""

from __future__ import annotations

from typing import Any

import autokeras as ak
import keras

from autoai4eo.blocks.choices import choose, require, where
from autoai4eo.blocks.decoders.fpn import FPNDecoder
from autoai4eo.blocks.decoders.lraspp import LRASPPDecoder
from autoai4eo.blocks.decoders.nasfpn import NASFPNBlock
from autoai4eo.blocks.decoders.unet import UNetDecoder
from autoai4eo.blocks.inner import build_inside

DECODERS = {
    "unet": UNetDecoder,
    "fpn": FPNDecoder,
    "lraspp": LRASPPDecoder,
    "nasfpn": NASFPNBlock,
}


@keras.utils.register_keras_serializable(package="autoai4eo")
class DecoderBlock(ak.Block):
    """Decoder of a kind that is searched.

    The search space: `decoder` unet, fpn, lraspp, nasfpn, and that of the decoder; the
    first is the default. See `UNetDecoder`, `FPNDecoder`, `LRASPPDecoder` and
    `NASFPNBlock`.

    Args:
        decoder: the kind; None is searched.

    Raises:
        UserError: `decoder` is unknown; when built: the inputs are no pyramid.
    """

    def __init__(self, decoder: str | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        require("decoder", decoder, list(DECODERS))
        self.decoder = decoder
        self.decoders = {kind: block() for kind, block in DECODERS.items()}

    def get_config(self) -> dict[str, Any]:
        """Returns the constructor's arguments, for JSON."""
        return {**super().get_config(), "decoder": self.decoder}

    def build(self, hp: Any, inputs: Any = None) -> Any:
        """Levels, the finest (N, h, w, …) first -> (N, h', w', channels)"""
        kind = choose(hp, "decoder", self.decoder, list(DECODERS), "unet")
        with where(hp, "decoder", self.decoder, [kind]):
            return build_inside(self, self.decoders[kind], kind, hp, inputs)
