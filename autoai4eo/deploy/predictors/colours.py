"""Networks for colours on reflectance: R, G and B from B04, B03 and B02."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

import numpy as np

from autoai4eo.data.units import Typical
from autoai4eo.deploy.predictors.base import Pixels, Predictor
from autoai4eo.errors import UserError

#: Bands of Sentinel-2 that look like a colour.
OF_COLOURS = {"R": "B04", "G": "B03", "B": "B02"}
#: Reflectances that became 1 and 255 in EuroSAT's RGB images (0 is nodata there): its
#: authors give digital numbers of 0 to 2750, github.com/phelber/EuroSAT.
EUROSAT = (0.0, 0.275)
_DARK, _BRIGHT = 1.0, 255.0


def on_reflectance(
    predictor: Predictor,
    bands: Collection[str],
    stretch: tuple[float, float] | None = None,
) -> tuple[Predictor, dict[str, str]]:
    """Returns a network for colours as one for the reflectance of a scene.

    A reflectance becomes ``1 + 254 (reflectance - low) / (high - low)``, rounded and
    cut off at 1 and 255, as 8-bit images have it.

    Args:
        predictor: any; one that takes no colours, or whose colours the scene has, is
            returned as it is.
        bands: of the scene.
        stretch: low and high; None: `EUROSAT`.

    Returns:
        The network, and tags of its map that tell the stretch.

    Raises:
        UserError: a stretch is given and is out of range, or there is nothing to
            stretch.
    """
    low, high = stretch or EUROSAT
    if not -np.inf < low < high < np.inf:
        raise UserError(
            f"stretch: expected two reflectances LOW,HIGH with LOW below HIGH, got "
            f"{low:g},{high:g}; of EuroSAT they are 0,0.275"
        )
    wanted = {
        name
        for some in predictor.bands.values()
        for name in some
        if OF_COLOURS.get(name) in bands and name not in bands
    }
    if not wanted:
        if stretch is not None:
            raise UserError(
                "stretch: expected a network for the colours R, G, B and a scene with "
                f"{', '.join(OF_COLOURS.values())} in their place, found a network for "
                f"{', '.join(n for some in predictor.bands.values() for n in some)}; "
                "leave --stretch out"
            )
        return predictor, {}
    width = (high - low) / (_BRIGHT - _DARK)
    at = {name: np.isin(some, sorted(wanted)) for name, some in predictor.bands.items()}

    def predict(pixels: Pixels) -> np.ndarray:
        given = {}
        for name, values in pixels.items():
            shown = np.clip(np.rint(_DARK + (values - low) / width), _DARK, _BRIGHT)
            given[name] = np.where(at[name], shown, values).astype(np.float32)
        return predictor.predict(given)

    def reflectance(one: Typical) -> Typical:
        mean, p2, p98 = (low + (v - _DARK) * width for v in (one.mean, one.p2, one.p98))
        return Typical(mean, one.std * width, p2, p98)

    typical = predictor.typical and {
        key: tuple(
            reflectance(one) if colour else one
            for one, colour in zip(some, at[key], strict=True)
        )
        for key, some in predictor.typical.items()
        if key in at
    }
    changed = replace(
        predictor,
        bands={
            key: tuple(OF_COLOURS[n] if n in wanted else n for n in some)
            for key, some in predictor.bands.items()
        },
        predict=predict,
        fingerprint=f"{predictor.fingerprint} {low:g} {high:g}",
        network=None,  # the stretch is not in its layers
        typical=typical,
    )
    names = ", ".join(f"{n} = {OF_COLOURS[n]}" for n in OF_COLOURS if n in wanted)
    return changed, {
        "STRETCH": f"{names}; reflectance {low:g} to {high:g} became 1 to 255"
    }
