r"""Maps of scenes: speed against a loop of `predict`, and memory.

    python benchmarks/mapping.py speed --weights S2_RESNET20….h5 SCENE.tif \
        [--ways onnx,openvino,openvino:int8]
    python benchmarks/mapping.py memory --weights S2_RESNET20….h5 [--stride 40]
    python benchmarks/mapping.py memory --model RUN
    python benchmarks/mapping.py water --weights S2_RESNET20….h5 SCENE.tif LABELS.tif
    python benchmarks/mapping.py water --model RUN SCENE.tif LABELS.tif

`speed`: the LCZ ResNet-20 on a scene, each 10 pixels, by `map_scene` and by what one
would write otherwise: read the scene, cut all patches, `predict`, write the classes.
All in turn, medians, also by seconds of CPU; `--ways` maps in other runtimes and
precisions, too, with `--min-agreement 0`, and tells which share of the map's pixels has
the class of the model. `--enlarge 2` mirrors the scene to 2 × 2 of it, so that
converting the network, once for a map, weighs less. `memory`: peak resident memory of
mapping a generated scene of 10,980 × 10,980 pixels and 10 bands. `water`: the map's
class water against labels, without
`match_training` and with each.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import resource
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import keras
import numpy as np
import rasterio

from autoai4eo.data.band_matching import MATCHINGS
from autoai4eo.data.lcz42 import LCZ42_SEN2_BANDS
from autoai4eo.data.sensors import canonical
from autoai4eo.deploy import load_predictor, map_scene
from autoai4eo.deploy.predictors.base import Predictor

NAME = "lcz42-resnet20-s2"
SIZE, STRIDE, WINDOW = 10_980, 10, 32


def by_hand(
    network: keras.Model, scene: Path, out: Path, batch_size: int
) -> np.ndarray:
    """What one would write: all patches in memory, then `predict`."""
    with rasterio.open(scene) as file:
        names = [canonical(name) for name in file.descriptions]
        chosen = [names.index(band.name) + 1 for band in LCZ42_SEN2_BANDS]
        pixels = file.read(chosen).transpose(1, 2, 0).astype("float32") * 1e-4
        profile = file.profile
    rows = range(0, pixels.shape[0] - WINDOW + 1, STRIDE)
    columns = range(0, pixels.shape[1] - WINDOW + 1, STRIDE)
    patches = np.stack(
        [pixels[i : i + WINDOW, j : j + WINDOW] for i in rows for j in columns]
    )
    found = network.predict(patches, batch_size=batch_size, verbose=0).argmax(axis=-1)
    classes = found.reshape(len(rows), len(columns)).astype("uint8") + 1
    profile.update(
        count=1, dtype="uint8", height=len(rows), width=len(columns), nodata=0
    )
    with rasterio.open(out, "w", **profile) as file:
        file.write(classes, 1)
    return classes


def speed(
    weights: Path, scene: Path, rounds: int, ways: list[str], enlarge: int
) -> None:
    """Windows per second of all ways, in turn."""
    classifier = load_predictor(NAME, weights=weights)
    seconds: dict[str, list[tuple[float, float]]] = {}
    maps: dict[str, np.ndarray] = {}
    with tempfile.TemporaryDirectory() as folder:
        scene = _enlarged(scene, Path(folder, "scene.tif"), enlarge)
        out = Path(folder, "map.tif")
        makers: dict[str, Callable[[], np.ndarray]] = {}
        for size in (32, 256):
            makers[f"predict, batch {size}"] = partial(
                by_hand, classifier.network, scene, out, size
            )
        for way in ("", *ways):
            name = f"map_scene {way}".strip()
            makers[name] = partial(_mapped, classifier, scene, out, way)
        for turn in range(rounds + 1):
            for name, maker in makers.items():
                out.unlink(missing_ok=True)
                begin, cpu = time.perf_counter(), time.process_time()
                maps[name] = maker()
                number = int((maps[name] > 0).sum())
                spent = time.perf_counter() - begin, time.process_time() - cpu
                if turn:  # the first compiles
                    rates = number / spent[0], number / spent[1]
                    seconds.setdefault(name, []).append(rates)
    load = os.getloadavg()[0]
    print(f"{len(seconds)} ways, medians of {rounds}; load of the machine {load:.1f}")
    print("| | windows/s | × | windows per CPU s | × | same class |")
    print("|---|---|---|---|---|---|")
    first = np.median(seconds["predict, batch 32"], axis=0)
    for name, figures in seconds.items():
        rate, of_cpu = np.median(figures, axis=0)
        same = "" if "map" not in name else f"{_same(maps, name):.1%}"
        print(
            f"| {name} | {rate:.0f} | {rate / first[0]:.2f} | {of_cpu:.0f} | "
            f"{of_cpu / first[1]:.2f} | {same} |"
        )


def _mapped(classifier: Predictor, scene: Path, out: Path, way: str) -> np.ndarray:
    runtime, _, precision = way.partition(":")
    map_scene(
        classifier,
        scene,
        out,
        stride=STRIDE,
        scale=1e-4,
        overwrite=True,
        verbose=0,
        runtime=runtime or None,
        precision=precision or None,
        min_agreement=0.0,
    )
    with rasterio.open(out) as file:
        return np.asarray(file.read(1))


def _same(maps: dict[str, np.ndarray], name: str) -> float:
    return float((maps[name] == maps["map_scene"]).mean())


def _enlarged(scene: Path, out: Path, times: int) -> Path:
    """The scene mirrored downwards and to the right, so many times as large."""
    with rasterio.open(scene) as file:
        pixels, profile, names = file.read(), file.profile, file.descriptions
    more = [(0, (times - 1) * n) for n in pixels.shape[1:]]
    pixels = np.pad(pixels, ((0, 0), *more), "symmetric")
    profile.update(height=pixels.shape[1], width=pixels.shape[2])
    with rasterio.open(out, "w", **profile) as file:
        file.write(pixels)
        file.descriptions = names
    return out


def memory(model: str, weights: Path | None, stride: int) -> None:
    """Peak resident memory, and the time that it took."""
    classifier = load_predictor(model, weights=weights)
    with tempfile.TemporaryDirectory() as folder:
        scene = Path(folder, "scene.tif")
        # in a process of its own, whose memory does not count
        writing = multiprocessing.get_context("spawn").Process(
            target=_write_scene, args=(scene,)
        )
        writing.start()
        writing.join()
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        begin = time.perf_counter()
        map_scene(classifier, scene, Path(folder, "map.tif"), stride=stride, scale=1e-4)
        spent = time.perf_counter() - begin
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(f"peak {peak / 1e6:.2f} GB ({before / 1e6:.2f} GB before), {spent:.0f} s")


def _write_scene(path: Path) -> None:
    rng = np.random.default_rng(0)
    with rasterio.open(
        path,
        "w",
        driver="GTiff",
        dtype="uint16",
        count=10,
        height=SIZE,
        width=SIZE,
        crs="EPSG:32630",
        transform=rasterio.transform.from_origin(3e5, 4.2e6, 10, 10),
        tiled=True,
        blockxsize=512,
        blockysize=512,
        bigtiff="yes",
    ) as file:
        file.descriptions = [band.name for band in LCZ42_SEN2_BANDS]
        for top in range(0, SIZE, 512):
            rows = min(512, SIZE - top)
            stripe = rng.integers(300, 3000, (10, rows, SIZE), dtype="uint16")
            file.write(stripe, window=((top, top + rows), (0, SIZE)))


def water(
    model: str, weights: Path | None, scene: Path, labels: Path, stride: int
) -> None:
    """Recall and precision of the class water, matched and not, by labelled pixels."""
    predictor = load_predictor(model, weights=weights)
    (number,) = (
        i
        for i, n in enumerate(predictor.target.classes, 1)
        if n.lower().endswith("water")
    )
    with rasterio.open(labels) as file:
        truth = file.read(1)
    for match in (None, *MATCHINGS):
        with tempfile.TemporaryDirectory() as folder:
            out = map_scene(
                predictor,
                scene,
                Path(folder, "map.tif"),
                scale=1e-4,
                stride=stride,
                match_training=match,
                verbose=0,
            )
            with rasterio.open(out) as file:
                cells = file.read(1)
            with rasterio.open(out.with_name("map_confidence.tif")) as file:
                confidence = np.nanmean(file.read(1))
        classes = cells.repeat(stride, axis=0).repeat(stride, axis=1)
        classes = classes[: truth.shape[0], : truth.shape[1]]
        known = (classes > 0) & (truth >= 0)
        found, there = (classes == number) & known, (truth == 1) & known
        both = (found & there).sum()
        print(
            f"{match or 'as it is'}: recall {both / there.sum():.3f}, precision "
            f"{both / found.sum():.3f}, F1 {2 * both / (found.sum() + there.sum()):.3f}"
            f", mean confidence {confidence:.3f}"
        )


def main() -> None:
    """See above."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=("speed", "memory", "water"))
    parser.add_argument("files", nargs="*", type=Path)
    parser.add_argument("--weights", type=Path)
    parser.add_argument("--model", default=NAME)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--ways", help="RUNTIME[:PRECISION],…")
    parser.add_argument("--enlarge", type=int, default=1)
    parser.add_argument("--stride", type=int, default=STRIDE)
    given = parser.parse_intermixed_args()
    if given.what == "speed":
        ways = given.ways.split(",") if given.ways else []
        speed(given.weights, given.files[0], given.rounds, ways, given.enlarge)
    elif given.what == "memory":
        memory(given.model, given.weights, given.stride)
    else:
        scene, labels = given.files
        water(given.model, given.weights, scene, labels, given.stride)


if __name__ == "__main__":
    main()
