"""The layers of a map, by what is predicted: a class, labels or values."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass

import numpy as np

from autoai4eo.data.class_colours import Rgb, colours
from autoai4eo.deploy.mapping.geotiff import MapFile
from autoai4eo.deploy.predictors.base import Predictor
from autoai4eo.errors import UserError

MOST_CLASSES = 255  # values of a uint8 pixel besides nodata
_NEAR = 0.01  # share of the spread by which two equal values may differ


@dataclass(frozen=True)
class Layer:
    """A GeoTIFF of a map.

    Attributes:
        name: of the layer; its file name ends with it, except that of the map itself.
        dtype: of its values.
        nodata: the value of pixels without data.
        bands: names of its bands.
        average: whether overviews are means, not the most frequent values.
    """

    name: str
    dtype: str
    nodata: float
    bands: tuple[str, ...]
    average: bool = True

    def shape(self, rows: int, columns: int) -> tuple[int, ...]:
        """Returns the shape of its values in a tile; of one band (rows, columns)."""
        more = len(self.bands)
        return (rows, columns) if more == 1 else (rows, columns, more)

    def has_data(self, values: np.ndarray) -> bool:
        """Whether any value is not nodata."""
        empty = np.isnan(values) if np.isnan(self.nodata) else values == self.nodata
        return not empty.all()


class MapKind(ABC):
    """The layers of a map for one kind of target; to add a kind, extend `MAP_KINDS`.

    Args:
        predictor: that makes the map.
        probabilities: whether the probabilities of all classes are a layer.
        min_confidence: pixels with a lower confidence get no class.

    Attributes:
        layers: the map itself first.

    Raises:
        UserError: this kind of map lacks one of the options.
    """

    layers: tuple[Layer, ...]

    def __init__(
        self, predictor: Predictor, probabilities: bool, min_confidence: float
    ) -> None:
        self._predictor, self._min_confidence = predictor, min_confidence
        self._names = predictor.target.classes
        if probabilities:
            self.layers += (
                Layer("probabilities", "float32", np.nan, predictor.target.classes),
            )

    @property
    def depends_on(self) -> list[object]:
        """What the kept tiles depend on, besides the predictor and the scenes."""
        return []

    @abstractmethod
    def split(self, outputs: np.ndarray) -> dict[str, np.ndarray]:
        """Returns the values of each layer, by its name.

        Args:
            outputs: of the predictor, float32 (rows, columns, outputs), NaN where data
                are missing.
        """

    def finish(self, values: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        """Returns the values of a tile's layers as they are written to the map."""
        return values

    @abstractmethod
    def same(self, one: np.ndarray, other: np.ndarray) -> np.ndarray:
        """Whether two predictions agree on a map, bool (N,).

        Args:
            one: outputs, float32 (N, outputs).
            other: outputs for the same windows.
        """

    @abstractmethod
    def describe(self, file: MapFile) -> dict[str, str]:
        """Writes colours and tags of the bands; returns further tags of the map."""


class ClassMap(MapKind):
    """Layers for the class, its confidence and, on request, all probabilities."""

    def __init__(
        self, predictor: Predictor, probabilities: bool, min_confidence: float
    ) -> None:
        number = len(predictor.target.classes)
        if number > MOST_CLASSES:
            raise UserError(
                f"{predictor.path}: expected at most {MOST_CLASSES} classes, as many as"
                f" a map has values, found {number}; use another model"
            )
        self.layers = (
            Layer("class", "uint8", 0, ("class",), average=False),
            Layer("confidence", "float32", np.nan, ("confidence",)),
        )
        super().__init__(predictor, probabilities, min_confidence)

    def split(self, outputs: np.ndarray) -> dict[str, np.ndarray]:
        """See `MapKind.split`: classes from 1, and the probability of each."""
        confidence = outputs.max(axis=-1)
        number = outputs.argmax(axis=-1) + 1
        number[np.isnan(confidence)] = 0
        return {
            "class": number.astype(np.uint8),
            "confidence": confidence,
            "probabilities": outputs,
        }

    def finish(self, values: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        """Removes the class where the confidence is too low; see `MapKind.finish`."""
        sure = values["confidence"] >= self._min_confidence
        return {**values, "class": np.where(sure, values["class"], 0)}

    def same(self, one: np.ndarray, other: np.ndarray) -> np.ndarray:
        """Whether the classes are equal."""
        return np.asarray(one.argmax(axis=-1) == other.argmax(axis=-1))

    def describe(self, file: MapFile) -> dict[str, str]:
        """Writes colours and names of the classes; see `MapKind.describe`."""
        file.colour(dict(enumerate(self._colours(), start=1)))
        file.tag({f"CLASS_{i}": n for i, n in enumerate(self._names, start=1)}, band=1)
        return {"MIN_CONFIDENCE": str(self._min_confidence)}

    def _colours(self) -> list[Rgb]:
        return colours(self._names, self._predictor.target.colours)


class LabelsMap(MapKind):
    """A band for each class: 1 where its probability reaches its threshold, else 0."""

    def __init__(
        self, predictor: Predictor, probabilities: bool, min_confidence: float
    ) -> None:
        _refuse_confidence(predictor, min_confidence)
        names = predictor.target.classes
        self._thresholds = predictor.least
        self.layers = (Layer("labels", "uint8", 255, names, average=False),)
        super().__init__(predictor, probabilities, min_confidence)

    @property
    def depends_on(self) -> list[object]:
        """The thresholds."""
        return ["labels", list(self._thresholds)]

    def split(self, outputs: np.ndarray) -> dict[str, np.ndarray]:
        """See `MapKind.split`."""
        has = self._has(outputs).astype(np.uint8)
        has[np.isnan(outputs)] = 255
        return {"labels": has, "probabilities": outputs}

    def same(self, one: np.ndarray, other: np.ndarray) -> np.ndarray:
        """Whether all labels are equal."""
        return np.asarray((self._has(one) == self._has(other)).all(axis=-1))

    def _has(self, probabilities: np.ndarray) -> np.ndarray:
        return np.asarray(probabilities >= np.array(self._thresholds, np.float32))

    def describe(self, file: MapFile) -> dict[str, str]:
        """Writes the threshold of each class."""
        for i, threshold in enumerate(self._thresholds, start=1):
            file.tag({"THRESHOLD": str(threshold)}, band=i)
        return {}


class ValueMap(MapKind):
    """A band for each value, in the units of the training data."""

    def __init__(
        self, predictor: Predictor, probabilities: bool, min_confidence: float
    ) -> None:
        _refuse_confidence(predictor, min_confidence)
        if probabilities:
            raise UserError(
                f"probabilities: expected a network for classes, found {predictor.path}"
                ", which predicts values; leave --probabilities out"
            )
        names = predictor.target.classes
        self.layers = (Layer("values", "float32", np.nan, names),)
        super().__init__(predictor, probabilities, min_confidence)

    @property
    def depends_on(self) -> list[object]:
        """A mark of maps of values."""
        return ["values"]

    def split(self, outputs: np.ndarray) -> dict[str, np.ndarray]:
        """See `MapKind.split`."""
        return {"values": outputs}

    def same(self, one: np.ndarray, other: np.ndarray) -> np.ndarray:
        """Whether all values differ by at most a hundredth of their spread."""
        low, high = np.nanpercentile(other, [5, 95], axis=0)
        return np.asarray((np.abs(one - other) <= _NEAR * (high - low)).all(axis=-1))

    def describe(self, file: MapFile) -> dict[str, str]:
        """Returns no tags: the bands have the names of the values."""
        return {}


def _refuse_confidence(predictor: Predictor, min_confidence: float) -> None:
    if min_confidence:
        raise UserError(
            "min_confidence: expected a network that predicts one class, found "
            f"{predictor.path}, which predicts {predictor.target.kind}; leave "
            "--min-confidence out"
        )


#: By kind of target.
MAP_KINDS: dict[str, type[MapKind]] = {
    "class": ClassMap,
    "mask": ClassMap,
    "labels": LabelsMap,
    "value": ValueMap,
}


def map_kind(
    predictor: Predictor, probabilities: bool, min_confidence: float
) -> MapKind:
    """Returns the kind of map that a predictor makes; see `MapKind`."""
    return MAP_KINDS[predictor.target.kind](predictor, probabilities, min_confidence)
