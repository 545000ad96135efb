"""From polygons drawn on a scene to its map of local climate zones.

The 25 polygons of spain_areas.geojson were drawn by eye on a Sentinel-2 scene in Spain
(Sen1Floods11, September 2019, in flood): towns (LCZ 3), large buildings (8), fields (D)
and flooded fields (G). The network is judged on polygons that it was not trained on,
and the map's water is compared with the hand-made water mask of the data set (by which
the flooded polygons were checked).

python examples/lcz_from_polygons.py out [folder with the scene]
"""

import sys
from pathlib import Path

import numpy as np
import rasterio

import autoai4eo as ae
from autoai4eo.data.lcz42 import LCZ42_CLASSES
from autoai4eo.data.splits import split

AREAS = Path(__file__).with_name("spain_areas.geojson")
SCENES = Path(__file__).parents[2] / "shared" / "data" / "scenes"
BANDS = {"sen2": ("B02", "B03", "B04", "B08", "B11", "B12")}
SIZE, STRIDE = 16, 4  # pixels of 10 m


def main(out: str, scenes: str = str(SCENES)) -> None:
    scene = Path(scenes, "Spain_7370579_S2Hand.tif")
    if not scene.exists():
        sys.exit(f"expected {scene}, found none; name the folder that holds the scene")
    folder = Path(out)
    folder.mkdir(parents=True, exist_ok=True)
    patches = ae.data.cut_patches(
        scene,
        AREAS,
        folder / "patches.h5",
        size=SIZE,
        stride=STRIDE,
        inputs=BANDS,
        scale=0.0001,
        overwrite=True,
    )
    training, validation = split(
        ae.open_dataset(patches), (0.6, 0.4), group="polygon", seed=0
    )
    classifier = ae.ImageClassifier(
        max_trials=2, directory=folder, project_name="run", seed=0
    )
    classifier.fit(training, validation_data=validation, epochs=6)
    scores = classifier.evaluate(validation)
    print(f"on polygons not trained on: kappa {scores['cohen_kappa']:.3f}")
    made = classifier.predict_scene(
        scene, folder / "map.tif", stride=STRIDE, scale=0.0001, overwrite=True
    )
    print(f"written: {made}")
    mask = scene.with_name("Spain_7370579_LabelHand.tif")
    if mask.exists():
        compare(made, mask)


def compare(made: Path, mask: Path) -> None:
    """Prints how much water a map and a mask of the same scene have in common."""
    with rasterio.open(made) as file:
        zones = file.read(1)
    with rasterio.open(mask) as file:
        water = file.read(1)
    rows, columns = zones.shape
    # of each pixel of the map: whether most of the scene's pixels in it are water
    parts = water[: rows * STRIDE, : columns * STRIDE] == 1
    wet = parts.reshape(rows, STRIDE, columns, STRIDE).mean(axis=(1, 3)) > 0.5
    found = zones == LCZ42_CLASSES.index("G water") + 1
    both = np.count_nonzero(wet & found)
    print(
        f"water: {both / max(1, found.sum()):.0%} of the map's is in the mask, "
        f"{both / max(1, wet.sum()):.0%} of the mask's is in the map"
    )


if __name__ == "__main__":
    if len(sys.argv) <= 1 or "--help" in sys.argv:
        sys.exit(__doc__)
    main(*sys.argv[1:])
