"""The catalogue of figures: every metric and every cost that is told of a network.

A new metric or cost is one line here. Its name, unit, direction and label, and how it
is printed, are read from here by the search, the record, the command line, the report
and the export.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from types import MappingProxyType

#: Before the name of a metric: it is of the validation data.
VALIDATION = "val_"
#: Milliseconds to map a square kilometre; known where a search has a map step.
MAP_COST = "map_ms_per_km2"
#: Samples per second at the batch size that is best; known where it is an objective.
THROUGHPUT = "samples_per_second"


@dataclass(frozen=True)
class Figure:
    """A number that is reported of a network.

    Attributes:
        name: in columns, files and options; a metric without ``val_``.
        label: as people read it, without its unit.
        short: the same for a narrow column.
        direction: ``"min"`` or ``"max"``, which is better; empty: neither is.
        unit: such as ``"ms"``; empty for shares and counts.
        worthless: what a network that learnt nothing scores, where that is known.
        kinds: of a metric: the kinds of target that it judges, see `Target`.
        each_epoch: of a metric: whether a training reports it after each epoch, so
            that it can be an objective.
        cost: None, or how it is known: ``"counted"`` from the network or
            ``"measured"`` on a device. All but the throughput are better when smaller.
        decimals: printed of a score; None: as many as `rounded` leaves.
        main: whether it is shown where there is room for few.
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
        """A value as people read it."""
        return rounded(value) if self.decimals is None else f"{value:.{self.decimals}f}"


def rounded(value: float) -> str:
    """A number as people read it: whole where it is large, else four digits."""
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}"


def _score(
    name: str,
    label: str,
    short: str,
    *kinds: str,
    main: bool = False,
    each_epoch: bool = True,
) -> Figure:
    """A share of 1; 0 is worthless."""
    return Figure(
        name, label, short, "max", "", 0.0, kinds, each_epoch, decimals=3, main=main
    )


def _error(
    name: str, label: str, short: str, *kinds: str, main: bool = False
) -> Figure:
    """In the unit of what is predicted."""
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
    _score("cohen_kappa", "Cohen's kappa", "kappa", "class", "mask", main=True),
    _score("average_accuracy", "average accuracy", "AA", "class", "mask", main=True),
    _score("accuracy", "overall accuracy", "OA", "class", "mask", main=True),
    _score("macro_f1", "macro F1", "macro F1", "class", "mask", each_epoch=False),
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
    # whatever is trained
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
    _cost("latency_ms", "latency", "ms", "ms", "measured", main=True),
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
    _cost(MAP_COST, "mapping", "ms/km²", "ms/km²", "measured", main=True),
    Figure("train_seconds", "training", "train s", unit="s", main=True),
    Figure("epochs", "epochs", "epochs", main=True),
)

#: Every figure by its name.
FIGURES = MappingProxyType({figure.name: figure for figure in _CATALOGUE})
#: The metrics: what is told of a network's answers.
METRICS = tuple(name for name, figure in FIGURES.items() if figure.kinds)
#: The costs: they are known before a training.
COSTS = tuple(name for name, figure in FIGURES.items() if figure.cost)
COUNTED = tuple(name for name in COSTS if FIGURES[name].cost == "counted")
#: They depend on the device.
MEASURED = tuple(name for name in COSTS if FIGURES[name].cost == "measured")


def find(name: str) -> Figure:
    """The figure of a name, with or without ``val_``.

    One that is not in the catalogue, such as a metric of the user's own, is called by
    its name.
    """
    return FIGURES.get(name.removeprefix(VALIDATION)) or Figure(name, name, name)


def in_order(names: Iterable[str]) -> list[str]:
    """Those of the names that are in the catalogue, in its order."""
    rank = {name: i for i, name in enumerate(FIGURES)}
    known = [name for name in names if name.removeprefix(VALIDATION) in rank]
    return sorted(known, key=lambda name: rank[name.removeprefix(VALIDATION)])


def objectives_for(kind: str) -> dict[str, str]:
    """What a search for a kind of target may optimise: names and directions.

    Metrics of the validation data first, then costs.
    """
    metrics = {
        f"{VALIDATION}{name}": figure.direction
        for name, figure in FIGURES.items()
        if kind in figure.kinds and figure.each_epoch and figure.direction
    }
    return {**metrics, **{name: FIGURES[name].direction for name in COSTS}}
