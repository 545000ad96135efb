"""Makes an ensemble of a search that is over, and makes one the finalist."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, fields
from math import isclose
from pathlib import Path
from typing import Any

import keras
import optuna
from optuna.trial import FrozenTrial, TrialState

from autoai4eo.cost import measure_map_ms_per_km2, profile
from autoai4eo.cost.mapping import is_of_pixels
from autoai4eo.cost.profiling import with_latency
from autoai4eo.data.dataset import Dataset
from autoai4eo.errors import UserError
from autoai4eo.learning.evaluation import outputs_in_parts
from autoai4eo.learning.figures import (
    COUNTED,
    MAP_COST,
    MEASURED,
    THROUGHPUT,
    VALIDATION,
    find,
    rounded,
)
from autoai4eo.networks.ensemble import weighted_mean
from autoai4eo.networks.outputs import without_spread
from autoai4eo.networks.saving import save_model
from autoai4eo.runs import chosen, ensembles
from autoai4eo.runs.belonging import trained_finalist
from autoai4eo.runs.comparable import measured_with, told_alike
from autoai4eo.runs.ensembles import SUMMED, Ensemble
from autoai4eo.runs.folder import Run, alone, locked
from autoai4eo.runs.instrument import instrument_of
from autoai4eo.runs.layout import check_no_links
from autoai4eo.runs.network_id import (
    ENSEMBLE,
    EVERYTHING,
    TRAINING,
    NetworkId,
    finalist_in,
)
from autoai4eo.runs.phases import epochs_of
from autoai4eo.runs.scoring import score_beside
from autoai4eo.runs.storage import database_of
from autoai4eo.runs.study import objectives_of, open_study
from autoai4eo.runtimes.checking import NotConvertible
from autoai4eo.search.ensembles.library import (
    Candidate,
    Judge,
    Tell,
    candidates,
    validation_outputs,
)
from autoai4eo.search.ensembles.pixels import PixelSample
from autoai4eo.search.ensembles.selection import mean_of, select
from autoai4eo.search.settings import SearchSettings
from autoai4eo.search.trials import finalist
from autoai4eo.search.trials.instruments import instrument_for, some
from autoai4eo.search.workers.measurement_lock import MeasurementLock

#: The largest number of selections by default.
SIZE = 20
_SECONDS = 1.0  # at most, for the latency of an ensemble
_RUNNING = (TrialState.RUNNING,)
#: Options of a search that its instrument depends on.
_OPTIONS = ("runtime", "precision", "threads", "device", "device_profile")


@dataclass(frozen=True)
class Budget:
    """What an ensemble may consist of.

    Attributes:
        limits: upper limits of the summed costs of its members, by name.
        size: the largest number of selections; a network may be selected again.

    Raises:
        UserError: a cost cannot be summed, or a number is not above 0.
    """

    limits: Mapping[str, float]
    size: int = SIZE

    def __post_init__(self) -> None:
        ensembles.check_limits(self.limits)
        if self.size < 1:
            raise UserError(f"size: expected 1 or more, got {self.size}")


def make(
    run: Path,
    budget: Budget,
    validation: Dataset,
    tell: Tell,
    batch_size: int = 64,
    refit: Callable[[FrozenTrial], keras.Model] | None = None,
) -> Ensemble:
    """Selects an ensemble of the trained networks of a run, and keeps it there.

    See `autoai4eo.search.ensembles.selection.select`. The cost of the ensemble is
    measured as a whole, with what measured the trials. If an ensemble of the run was
    selected so before, it is returned.

    Args:
        run: the folder, locked by `at_rest`.
        budget: what the ensemble may consist of.
        validation: the data that the trials were judged on.
        tell: takes a line about each event.
        batch_size: patches per batch.
        refit: trains the network of a selected trial anew; None: nothing is trained.

    Raises:
        UserError: there is no trained network, or none within the budget.
    """
    masks = validation.target.kind == "mask"
    pixels = PixelSample.of(validation) if masks else None
    study = open_study(run)
    found = candidates(run, study, budget.limits)
    judge = Judge.of(study, validation, pixels)
    how = (validation, batch_size, tell, pixels)
    found, outputs = validation_outputs(study, found, *how)
    costs = {name: [c.cost(name) for c in found] for name in budget.limits}
    selection = select(outputs, judge.score, costs, budget.limits, budget.size)
    output = mean_of(outputs, selection.counts)
    members = [found[row] for row in selection.counts]
    counts = [*selection.counts.values()]
    made_of = dict(zip((c.trial.number for c in members), counts, strict=True))
    if refit is None:
        for known in ensembles.ensembles_of(run, study):
            wanted = (TRAINING, made_of, budget.limits, budget.size)
            if (known.trained_on, known.members, known.limits, known.size) == wanted:
                tell(f"ensemble {known.number} was selected in the same way before")
                return known

    def mean(of: Callable[[Candidate], keras.Model]) -> keras.Model:
        named = {
            f"trial_{c.trial.number}": without_spread(of(c), validation.target)
            for c in members
        }
        return weighted_mean(named, counts)

    network = mean(Candidate.load if refit is None else lambda c: refit(c.trial))
    metrics = judge.metrics(output)
    if masks:
        judged = network if refit is None else mean(Candidate.load)
        every = outputs_in_parts(judged, validation, batch_size)
        scores = score_beside(run, validation, every, {}, batch_size)
        metrics = {n: scores[n.removeprefix(VALIDATION)] for n in metrics}
    else:
        scores = score_beside(run, validation, output, {})
    return ensembles.add(
        run,
        lambda path: save_model(network, path),
        members=made_of,
        metrics=metrics,
        scores=scores,
        cost=_measured(run, study, network, validation),
        summed=_summed(members),
        limits=dict(budget.limits),
        size=budget.size,
        chosen_by=judge.objective.name,
        trained_on=TRAINING if refit is None else EVERYTHING,
        epochs=sum(epochs_of(c.trial.user_attrs) for c in members),
    )


def make_finalist(run: Path, number: int) -> None:
    """Makes an ensemble the finalist of a run, whose folder is locked by `at_rest`.

    Raises:
        UserError: the run has no such ensemble, or it is damaged.
    """
    ensembles.network_of(run, number)
    objectives = objectives_of(open_study(run))
    recorded = Run(run).read()["arguments"].get("storage")
    storage = None if recorded is None else database_of(run, str(recorded))
    study = open_study(run, objectives, storage=storage)
    with locked(run, "finalist"):
        wanted = NetworkId(ENSEMBLE, number)
        chosen.set_to(study, wanted)
        if trained_finalist(run) != wanted:
            finalist.keep_ensemble(run, number)


@contextmanager
def at_rest(run: Path) -> Iterator[None]:
    """Locks the folder of a run in which no search is working.

    Raises:
        UserError: a search is working in it, or the folder holds no run.
    """
    check_no_links(run)
    shared = Run(run).read()["arguments"].get("storage") is not None
    if not shared:
        with alone(run):
            yield
        return
    with locked(run, "ensemble"):
        running = open_study(run).get_trials(deepcopy=False, states=_RUNNING)
        if running:
            raise UserError(
                f"{run}: expected a search that is over, found {len(running)} running "
                "trials; wait for them, or resume and end the search with `autoai4eo "
                "fit`"
            )
        yield


def told_ensemble(run: Path, ensemble: Ensemble) -> list[str]:
    """Returns lines about a new ensemble: members, scores, costs, and what to doubt."""
    name = ensemble.chosen_by
    score = f"{find(name).label} {find(name).text(ensemble.metrics[name])}"
    lines = [
        f"ensemble {ensemble.number}: {ensemble.told}",
        f"on the validation data: {score}; {ensembles.CAVEAT}",
    ]
    if ensemble.trained_on != TRAINING:
        lines.append("this is the score before they were trained on all the data")
    for cost, limit in {"latency_ms": None, "params": None, **ensemble.limits}.items():
        whole, summed = ensemble.cost.get(cost), ensemble.summed.get(cost)
        if whole is None or summed is None:
            continue
        line = f"{find(cost).title}: {rounded(whole)} as a whole, {rounded(summed)} "
        line += "summed over its members"
        if limit is not None:
            line += f" (budget {rounded(limit)})"
            spread = ensemble.cost.get("latency_spread_ms") or 0.0
            if whole > limit + (spread if cost == "latency_ms" else 0):
                line += ": as a whole it is over the budget, which applies to the sum"
        lines.append(line)
    how = told_alike({ensemble.id: measured_with(ensemble.cost)})
    return [*lines, *filter(None, [how]), *beside_finalist(run, ensemble)]


def beside_finalist(run: Path, ensemble: Ensemble) -> list[str]:
    """Returns lines about the finalist's score, and where an ensemble is no gain."""
    lines = []
    kept, name = Run(run).read_evaluation(), ensemble.chosen_by
    of = finalist_in(kept)
    # as it was scored, else as its training reported it
    of_training = kept.get("metrics", {}).get(name)
    score = kept.get(name.removeprefix(VALIDATION), of_training)
    if of not in (None, ensemble.id) and score is not None:
        figure, reached = find(name), ensemble.metrics[name]
        told = f"the finalist, {of}: {figure.label} {figure.text(score)}"
        before = None if of.is_ensemble else _in_search(run, of.number, name)
        if before is not None and figure.text(before) != figure.text(score):
            told += f" after its own training; {figure.text(before)} in the search, "
            told += "and ensembles average networks as the search left them"
        lines.append(told)
        better = min if figure.direction == "min" else max
        if not isclose(score, reached) and better(score, reached) == score:
            lines.append("warning: the ensemble is worse than the finalist")
    if len(ensemble.members) == 1:
        lines.append(
            f"warning: it has one member, so it is {ensemble.told.partition(' (')[0]} "
            "as the search left it"
        )
    return lines


def _in_search(run: Path, number: int, metric: str) -> float | None:
    trial = open_study(run).get_trials(deepcopy=False)[number]
    score: float | None = trial.user_attrs.get("metrics", {}).get(metric)
    return score


def _summed(members: list[Candidate]) -> dict[str, float]:
    """Returns the sums of costs that are known of all members.

    Costs that were measured in several ways have no sum.
    """
    ways = {measured_with(c.trial.user_attrs.get("cost", {})) for c in members}
    names = SUMMED if len(ways) == 1 else (n for n in SUMMED if n not in MEASURED)
    sums = {name: sum(c.cost(name) for c in members) for name in names}
    known = {name: value for name, value in sums.items() if value < float("inf")}
    return {n: int(v) if n in COUNTED else v for n, v in known.items()}


def _measured(
    run: Path, study: optuna.Study, network: keras.Model, validation: Dataset
) -> dict[str, Any]:
    """Returns the cost of an ensemble, measured as the costs of the trials."""
    known = Run(run).read()["arguments"]
    given = {f.name for f in fields(SearchSettings)} & set(_OPTIONS) & set(known)
    settings = SearchSettings(**{name: known[name] for name in given})
    batch_size = int(known.get("latency_batch_size", 1))
    instrument = instrument_for(settings, instrument_of(study), run, some(validation))
    counted = profile(network, batch_size, latency=False)
    names = {*(o.name for o in objectives_of(study)), *known.get("constraints", {})}
    quiet = MeasurementLock().exclusive() if instrument.local else nullcontext()
    try:
        with instrument.prepared(network) as prepared, quiet:
            cost = with_latency(
                counted, prepared.latency(batch_size, _SECONDS)
            ).to_dict()
            if THROUGHPUT in names:
                cost[THROUGHPUT] = prepared.samples_per_second(_SECONDS)
    except NotConvertible as error:
        raise UserError(
            f"{run}: expected an ensemble that the runtime of this search runs, found "
            f"that it does not ({error}); export it in another format"
        ) from error
    step = known.get("map_step")
    if step is not None or (is_of_pixels(network) and MAP_COST in names):
        cost[MAP_COST] = measure_map_ms_per_km2(network, step)
    return cost | instrument.remarks()
