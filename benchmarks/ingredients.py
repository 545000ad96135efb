"""What might help a network in places never seen, each alone: methods of unseen_places.

    python benchmarks/unseen_places.py run ../shared/data OUT --methods only_nothing,…
    python benchmarks/unseen_places.py show ../shared/data OUT --against only_nothing

Each trains the default network on all four folds for 15 epochs, and judges its last
epoch. A second seed is ``only_NAME_seed1``: another seed alone changes kappa by .02 to
.05 on a fold.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

EPOCHS, BATCH = 15, 32
SEEDS = 3

Pixels = dict[str, np.ndarray]
Change = Callable[[Pixels, Pixels, np.random.Generator], Pixels]
Mix = Callable[[Pixels, np.ndarray, np.random.Generator], tuple[Pixels, np.ndarray]]


def offset(pixels: Pixels, std: Pixels, rng: np.random.Generator) -> Pixels:
    """Haze, another sun or season: a gain and offsets of all bands and of each."""
    found = {}
    for name, x in pixels.items():
        n, *_, bands = x.shape
        gain = rng.uniform(0.9, 1.1, (n, 1, 1, 1)) if name != "sen1" else 1.0
        common = rng.normal(0, 0.1, (n, 1, 1, 1)) if name != "sen1" else 0.0
        own = rng.normal(0, 0.1, (n, 1, 1, bands))
        found[name] = (x * gain + (common + own) * std[name]).astype("float32")
    return found


def noise(pixels: Pixels, std: Pixels, rng: np.random.Generator) -> Pixels:
    """Noise of each pixel, a tenth of the band's standard deviation."""
    return {
        name: (x + rng.normal(0, 0.1, x.shape) * std[name]).astype("float32")
        for name, x in pixels.items()
    }


def speckle(pixels: Pixels, std: Pixels, rng: np.random.Generator) -> Pixels:
    """Speckle of nine looks in decibels, of radar."""
    found = dict(pixels)
    if "sen1" in found:
        factor = rng.gamma(9, 1 / 9, found["sen1"].shape)
        found["sen1"] = (found["sen1"] + 10 * np.log10(factor)).astype("float32")
    return found


def cut_out(pixels: Pixels, std: Pixels, rng: np.random.Generator) -> Pixels:
    """A square of 12 pixels gets the patch's mean, in half of the patches."""
    found = {name: x.copy() for name, x in pixels.items()}
    count, height, width, _ = next(iter(pixels.values())).shape
    for i in np.flatnonzero(rng.random(count) < 0.5):
        row, column = rng.integers(0, (height - 12, width - 12))
        for x in found.values():
            x[i, row : row + 12, column : column + 12] = x[i].mean((0, 1))
    return found


def style(pixels: Pixels, std: Pixels, rng: np.random.Generator) -> Pixels:
    """Mean and deviation of a band move towards those of another patch (MixStyle)."""
    count = len(next(iter(pixels.values())))
    order, used = rng.permutation(count), rng.random((count, 1, 1, 1)) < 0.5
    share = rng.beta(0.3, 0.3, (count, 1, 1, 1))
    found = {}
    for name, x in pixels.items():
        mean, sd = x.mean((1, 2), keepdims=True), x.std((1, 2), keepdims=True) + 1e-6
        new_mean = share * mean + (1 - share) * mean[order]
        new_sd = share * sd + (1 - share) * sd[order]
        moved = (x - mean) / sd * new_sd + new_mean
        found[name] = np.where(used, moved, x).astype("float32")
    return found


def standardised(pixels: Pixels, mean: Pixels, std: Pixels) -> Pixels:
    """Each band of each patch gets the mean and the deviation of the training data."""
    found = {}
    for name, x in pixels.items():
        own, sd = x.mean((1, 2), keepdims=True), x.std((1, 2), keepdims=True) + 1e-6
        found[name] = ((x - own) / sd * std[name] + mean[name]).astype("float32")
    return found


def mix_up(
    pixels: Pixels, targets: np.ndarray, rng: np.random.Generator
) -> tuple[Pixels, np.ndarray]:
    """Weighted means of two patches and of their labels (Zhang et al., 2018)."""
    order = rng.permutation(len(targets))
    share = rng.beta(0.2, 0.2, len(targets)).astype("float32")
    wide = share[:, None, None, None]
    found = {name: wide * x + (1 - wide) * x[order] for name, x in pixels.items()}
    share = share[:, None]
    return found, share * targets + (1 - share) * targets[order]


def cut_mix(
    pixels: Pixels, targets: np.ndarray, rng: np.random.Generator
) -> tuple[Pixels, np.ndarray]:
    """A square of another patch, and its share of the label (Yun et al., 2019)."""
    order = rng.permutation(len(targets))
    found, mixed = {n: x.copy() for n, x in pixels.items()}, targets.copy()
    size = next(iter(pixels.values())).shape[1]
    for i in np.flatnonzero(rng.random(len(targets)) < 0.5):
        side = int(size * np.sqrt(rng.random()))
        row, column = rng.integers(0, size + 1 - side, 2)
        for name, x in found.items():
            window = np.s_[row : row + side, column : column + side]
            x[i][window] = pixels[name][order[i]][window]
        share = side**2 / size**2
        mixed[i] = (1 - share) * targets[i] + share * targets[order[i]]
    return found, mixed


def only(
    train: Any,
    test: Any,
    folder: Path,
    *,
    seed: int = 0,
    change: Change | None = None,
    mix: Mix | None = None,
    augmentation: dict[str, Any] | None = None,
    smoothing: float = 0.0,
    average: float | None = None,
    focal: bool = False,
    balanced: bool = False,
    groups: int | None = None,
    dihedral: bool = False,
    prepare: Callable[[Pixels, Pixels, Pixels], Pixels] | None = None,
    values: dict[str, Any] | None = None,
) -> tuple[np.ndarray, dict[str, Any]]:
    """Trains the default network with one ingredient; returns its predictions.

    Args:
        train, test, folder: see `unseen_places`.
        seed: of weights and order.
        change: of the pixels of a batch.
        mix: of pixels and labels of a batch.
        augmentation: arguments of `Augmentation`.
        smoothing: of labels.
        average: momentum of an exponential moving average of the weights.
        focal: the focal loss in place of the cross-entropy.
        balanced: weights of the classes by their frequency.
        groups: of group normalisation, in place of batch normalisation.
        dihedral: whether predictions are means over the eight flips and turns.
        prepare: of the pixels of all data, also of the test data.
        values: of hyperparameters, in place of the defaults.
    """
    import keras
    import keras_tuner

    import autoai4eo as ae
    from autoai4eo.cost import profile
    from autoai4eo.data.augmentation import Augmentation
    from autoai4eo.data.splits import class_weights
    from autoai4eo.data.statistics import statistics
    from autoai4eo.data.stream import Batches
    from autoai4eo.learning.registry import task_of
    from autoai4eo.learning.task import smooth
    from autoai4eo.search.space.graph import build
    from autoai4eo.tasks.configuration import configure

    if groups is not None:
        number = groups

        class GroupNormalization(keras.layers.GroupNormalization):
            def __init__(self, *, name: str | None = None, **_: Any) -> None:
                super().__init__(number, name=name)

        keras.layers.BatchNormalization = GroupNormalization
    graph, found = ae.ImageClassifier()._graph(train), statistics(train)
    configure(graph, train, found, "focal" if focal else None)
    steps = EPOCHS * -(-len(train) // BATCH)
    hp = keras_tuner.HyperParameters()
    hp.values.update(values or {})
    model = build(graph, hp, seed, steps)
    optimizer = model.optimizer
    if average is not None:
        optimizer.use_ema, optimizer.ema_momentum = True, average
        optimizer.ema_overwrite_frequency = None
    assert not set(values or {}) - set(hp.values), "the names of its choices"
    std = {name: np.asarray(one.std, "float32") for name, one in found.items()}
    mean = {name: np.asarray(one.mean, "float32") for name, one in found.items()}
    task = task_of(train.target)
    batches = Batches(
        train,
        BATCH,
        shuffle=True,
        seed=seed,
        augmentation=Augmentation(**(augmentation or {})),
        encode=lambda targets: smooth(task.encode(targets), smoothing),
    )

    class Changed(keras.utils.PyDataset):
        def __len__(self) -> int:
            return len(batches)

        def on_epoch_end(self) -> None:
            batches.on_epoch_end()

        def __getitem__(self, index: int) -> tuple[Pixels, np.ndarray]:
            pixels, targets = batches[index]
            rng = np.random.default_rng((seed, 1, batches.epoch, index))
            if prepare is not None:
                pixels = prepare(pixels, mean, std)
            if change is not None:
                pixels = change(pixels, std, rng)
            return (pixels, targets) if mix is None else mix(pixels, targets, rng)

    weights = class_weights(train) if balanced else None
    model.fit(Changed(), epochs=EPOCHS, class_weight=weights, verbose=0)
    if average is not None:
        optimizer.finalize_variable_values(model.trainable_variables)
    cost = profile(model, latency=False)
    pixels = test.read(np.arange(len(test)))
    if prepare is not None:
        pixels = prepare(pixels, mean, std)
    turns = [(flip, turn) for flip in (1, -1) for turn in range(4)]
    outputs = [
        model.predict(
            {n: np.rot90(x[:, :, ::flip], turn, (1, 2)) for n, x in pixels.items()},
            batch_size=256,
            verbose=0,
        )
        for flip, turn in (turns if dihedral else turns[:1])
    ]
    macs = cost.macs * len(outputs)
    return np.mean(outputs, axis=0), {"macs": macs, "params": cost.params}


_ALONE: dict[str, dict[str, Any]] = {
    "nothing": {},
    "smoothing": {"smoothing": 0.1},
    "average": {"average": 0.99},
    "offset": {"change": offset},
    "noise": {"change": noise},
    "speckle": {"change": speckle},
    "cut_out": {"change": cut_out},
    "style": {"change": style},
    "mix_up": {"mix": mix_up},
    "cut_mix": {"mix": cut_mix},
    "band_dropout": {"augmentation": {"band_dropout": 0.1}},
    "focal": {"focal": True},
    "balanced": {"balanced": True},
    "group_norm": {"groups": 4},
    "dihedral": {"dihedral": True},
    "standardised": {"prepare": standardised},
    # its cell was found on a part of the same data, with their labels
    "compact": {"values": {"eo_image_block_1/family": "compact"}},
}
#: By name of the method: what does it.
METHODS: dict[str, Any] = {
    f"only_{name}" + (f"_seed{seed}" if seed else ""): partial(only, seed=seed, **how)
    for name, how in _ALONE.items()
    for seed in range(SEEDS)
}
