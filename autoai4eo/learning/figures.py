"""The catalogue of figures: every metric and every cost of a network.

To add a metric or cost, add an entry here. Search, record, command line, report and
export read its name, unit, direction, label and number format from here.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from autoai4eo.learning.boundaries import TOLERANCE

#: Prefix of the name of a metric on the validation data.
VALIDATION = "val_"
LATENCY = "latency_ms"
#: How far another measurement of the latency may lie from it.
SPREAD = "latency_spread_ms"
#: Milliseconds to map a square kilometre; only of a search with a map step.
MAP_COST = "map_ms_per_km2"
#: Samples per second at the best batch size; only if it is an objective.
THROUGHPUT = "samples_per_second"
#: Energy of a sample; known where the machine reports it.
ENERGY = "energy_mj"
#: The column of the device profile that predicted the latency; only if one did.
PREDICTED = "predicted"


@dataclass(frozen=True)
class Figure:
    """A number that is reported for a network.

    Attributes:
        name: in columns, files and options; a metric without ``val_``.
        label: for people, without its unit.
        short: a label for a narrow column.
        direction: the better one, ``"min"`` or ``"max"``; empty: neither.
        unit: such as ``"ms"``; empty for shares and counts.
        worthless: the score of a network that learnt nothing, if known.
        kinds: of a metric: the kinds of target that it applies to, see `Target`.
        each_epoch: of a metric: whether a training reports it after each epoch, so
            that it can be an objective.
        cost: of a cost: ``"counted"`` from the network or ``"measured"`` on a device;
            otherwise None. All costs except the throughput are minimised.
        decimals: of a printed score; None: see `rounded`.
        main: whether it is shown even if there is little room.
        column: of a cost: whether it is a column of the table of trials.
    """

    name: str
    label: str
    short: str
    direction: str = ""
    unit: str = ""
    worthless: float | None = None
    kinds: tuple[str, ...] = ()
    each_epoch: bool = True
    cost: str | None = None
    decimals: int | None = None
    main: bool = False
    column: bool = True

    @property
    def title(self) -> str:
        """The label with its unit, for axes and columns."""
        return f"{self.label} [{self.unit}]" if self.unit else self.label

    def text(self, value: float) -> str:
        """Formats a value for people."""
        if self.decimals is None:
            return rounded(value)
        # no -0, as a kappa of chance can be
        return f"{round(value, self.decimals) + 0.0:.{self.decimals}f}"

    def exact(self, value: float) -> str:
        """Formats a value where networks are compared: a score with four decimals."""
        if self.decimals is None:
            return rounded(value)
        return f"{round(value, 4) + 0.0:.4f}"

    def cell(self, value: float) -> float | str:
        """Returns a cell of a table: a score as `exact` formats it, else the number."""
        return value if self.decimals is None else self.exact(value)


def rounded(value: float) -> str:
    """Formats a number for people: whole if at least 1000, otherwise four digits."""
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}"


def is_uncertain(figures: Mapping[str, float | None]) -> bool:
    """Returns whether a latency says nothing: its spread is larger than it is.

    Args:
        figures: costs of a network by name.
    """
    latency, spread = figures.get(LATENCY), figures.get(SPREAD)
    return latency is not None and spread is not None and spread > latency


def with_spread(figures: Mapping[str, float | None]) -> str:
    """Formats a latency that is uncertain, such as ``"1.705 ± 11"``."""
    latency, spread = figures[LATENCY], figures[SPREAD]
    assert latency is not None and spread is not None
    return f"{rounded(latency)} ± {spread:.2g}"


def _score(
    name: str,
    label: str,
    short: str,
    *kinds: str,
    main: bool = False,
    each_epoch: bool = True,
) -> Figure:
    """Returns a score from 0, which is worthless, to 1."""
    return Figure(
        name, label, short, "max", "", 0.0, kinds, each_epoch, decimals=3, main=main
    )


def _error(
    name: str, label: str, short: str, *kinds: str, main: bool = False
) -> Figure:
    """Returns an error in the unit of the target."""
    return Figure(name, label, short, "min", kinds=kinds, main=main)


def _cost(
    name: str,
    label: str,
    short: str,
    unit: str,
    cost: str,
    *,
    main: bool = False,
    column: bool = True,
) -> Figure:
    return Figure(name, label, short, "min", unit, cost=cost, main=main, column=column)


_CATALOGUE = (
    # one class for a sample or for a pixel
    _score("mean_iou", "mean intersection over union", "mIoU", "mask", main=True),
    _score("cohen_kappa", "Cohen's kappa", "kappa", "class", "mask", main=True),
    _score("average_accuracy", "average accuracy", "AA", "class", "mask", main=True),
    _score("accuracy", "overall accuracy", "OA", "class", "mask", main=True),
    _score("macro_f1", "macro F1", "macro F1", "class", "mask", each_epoch=False),
    _score(
        "boundary_f1",
        f"boundary F1 within {TOLERANCE} pixels",
        "bnd. F1",
        "mask",
        each_epoch=False,
    ),
    _score("worst_group_kappa", "kappa of the worst group", "worst kappa", "class"),
    _score(
        "median_group_kappa",
        "kappa of the median group",
        "median kappa",
        "class",
        each_epoch=False,
    ),
    # several labels for a sample
    _score("f1_macro", "F1, mean of the labels", "F1 macro", "labels", main=True),
    _score("f1_micro", "F1 of all labels together", "F1 micro", "labels", main=True),
    _score("f1_samples", "F1, mean of the samples", "F1 samples", "labels"),
    _score(
        "mean_average_precision", "mean average precision", "mAP", "labels", main=True
    ),
    _score("subset_accuracy", "samples with all labels right", "subset", "labels"),
    # numbers
    _error("rmse", "root mean square error", "RMSE", "value", main=True),
    _error("mae", "mean absolute error", "MAE", "value", main=True),
    Figure("r2", "R²", "R²", "max", "", 0.0, ("value",), decimals=3, main=True),
    Figure("bias", "bias", "bias", kinds=("value",), main=True),
    # every kind of target
    _error("loss", "loss", "loss", "class", "labels", "value", "mask", "image"),
    Figure(
        "expected_calibration_error",
        "expected calibration error",
        "ECE",
        "min",
        kinds=("class", "mask"),
        each_epoch=False,
        decimals=3,
    ),
    _cost("params", "parameters", "params", "", "counted", main=True),
    _cost(
        "trainable_params",
        "trainable parameters",
        "trainable",
        "",
        "counted",
        column=False,
    ),
    _cost("macs", "MACs", "MACs", "", "counted", main=True),
    _cost("flops", "FLOPs", "FLOPs", "", "counted"),
    _cost("size_bytes", "size", "bytes", "bytes", "counted"),
    _cost(LATENCY, "latency", "ms", "ms", "measured", main=True),
    _cost("latency_p95_ms", "latency, 95th percentile", "p95 ms", "ms", "measured"),
    _cost(
        "peak_memory_bytes", "peak memory", "memory", "bytes", "measured", column=False
    ),
    Figure(
        THROUGHPUT,
        "throughput",
        "samples/s",
        "max",
        "samples/s",
        cost="measured",
    ),
    _cost(ENERGY, "energy of a sample", "mJ", "mJ", "measured"),
    _cost(MAP_COST, "mapping", "ms/km²", "ms/km²", "measured", main=True),
    Figure("train_seconds", "training", "train s", unit="s", main=True),
    Figure("epochs", "epochs", "epochs", main=True),
)

_OF_ONE_CLASS = (
    Figure("precision", "precision", "precision", decimals=3),
    Figure("recall", "recall", "recall", decimals=3),
    Figure("f1", "F1", "F1", decimals=3),
    Figure("iou", "intersection over union", "IoU", decimals=3),
    Figure("average_precision", "average precision", "average precision", decimals=3),
    Figure("threshold", "threshold", "threshold", decimals=3),
    Figure("support", "samples", "samples"),
)

#: Every figure of a network by its name.
FIGURES = MappingProxyType({figure.name: figure for figure in _CATALOGUE})
_BY_NAME = {figure.name: figure for figure in (*_OF_ONE_CLASS, *_CATALOGUE)}
#: The metrics of a network's output.
METRICS = tuple(name for name, figure in FIGURES.items() if figure.kinds)
#: The costs, which are known before a training.
COSTS = tuple(name for name, figure in FIGURES.items() if figure.cost)
COUNTED = tuple(name for name in COSTS if FIGURES[name].cost == "counted")
#: Costs that depend on the device.
MEASURED = tuple(name for name in COSTS if FIGURES[name].cost == "measured")


def find(name: str) -> Figure:
    """Returns the figure of a network or of one class, with or without ``val_``.

    A figure that is not in the catalogue, such as a user's metric, gets its name as its
    label.
    """
    return _BY_NAME.get(name.removeprefix(VALIDATION)) or Figure(name, name, name)


def in_order(names: Iterable[str]) -> list[str]:
    """Returns the names that are in the catalogue, in its order."""
    rank = {name: i for i, name in enumerate(FIGURES)}
    known = [name for name in names if name.removeprefix(VALIDATION) in rank]
    return sorted(known, key=lambda name: rank[name.removeprefix(VALIDATION)])


def objectives_for(kind: str) -> dict[str, str]:
    """Returns the objectives that a kind of target allows, with their directions.

    Metrics of the validation data come first, then costs.
    """
    metrics = {
        f"{VALIDATION}{name}": figure.direction
        for name, figure in FIGURES.items()
        if kind in figure.kinds and figure.each_epoch and figure.direction
    }
    return {**metrics, **{name: FIGURES[name].direction for name in COSTS}}
