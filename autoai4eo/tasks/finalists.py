"""Chooses the finalist of a search that is over: another trial, or an ensemble."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import keras
from optuna.trial import FrozenTrial

from autoai4eo.data.dataset import Dataset
from autoai4eo.data.readers.joined import joined
from autoai4eo.errors import UserError
from autoai4eo.learning.training import Training
from autoai4eo.log import log, say
from autoai4eo.runs import ensembles
from autoai4eo.runs.belonging import trained_finalist
from autoai4eo.runs.chosen import is_scored
from autoai4eo.runs.network_id import ENSEMBLE, NetworkId
from autoai4eo.search.ensembles.making import (
    SIZE,
    Budget,
    at_rest,
    beside_finalist,
    make,
    make_finalist,
    told_ensemble,
)
from autoai4eo.search.ensembles.refitting import refitting
from autoai4eo.search.space.graph import Graph
from autoai4eo.search.tuner import Tuner
from autoai4eo.tasks.recorded_data import validation_data as opened_validation
from autoai4eo.tasks.reopening import search_again
from autoai4eo.tasks.results import SearchResults
from autoai4eo.tasks.selecting import Choice, select_trial
from autoai4eo.tasks.validating import validate


class Finalists(SearchResults):
    """The results of a search, of which another network can become the finalist.

    What trains a network is that of `fit`, or is opened again from the run's record.

    Args:
        directory, project_name: see `SearchResults`.
    """

    def __init__(self, directory: str | Path | None, project_name: str) -> None:
        super().__init__(directory, project_name)
        self.tuner: Tuner
        self._training: Training | None = None

    @property
    def kind(self) -> str:
        """The kind of target that the networks predict, see `Target`."""
        raise NotImplementedError

    def _graph(self, train: Dataset) -> Graph:
        """Returns the graph for these data."""
        raise NotImplementedError

    def select(
        self,
        rule: str | None = None,
        *,
        trial: int | None = None,
        ensemble: int | None = None,
        refit: bool | None = None,
        verbose: int = 1,
        **limits: float,
    ) -> int | str:
        """Makes another trial, or an ensemble, the finalist.

        Without arguments it takes an earlier choice back. A trial is trained in full;
        an ensemble is taken as it is. `predict`, `evaluate` and `export` use the new
        finalist from then on. Nothing is done if it is the finalist already.

        If `fit` was not called on this object, the data of the run are opened again
        where they were, and the trial is trained as the search trained it.

        Args:
            rule: ``"knee"``: where the front bends most; ``"one-se"``: the cheapest
                within one standard error of the best, see `SearchSettings`; None: the
                best by the first objective.
            trial: the number of a complete trial, on the front or not.
            ensemble: the number of an ensemble, see `ensemble`; no trial is selected.
            refit: trains it again on training and validation data together; None: if
                `fit` did so with its finalist.
            verbose: 0 prints nothing.
            **limits: of costs, such as ``max_latency_ms=2.0`` or ``max_params=1e5``.

        Returns:
            The network as ``trial`` of other methods names it: the number of a trial,
            such as ``3``, or ``"ensemble-0"``.

        Raises:
            UserError: no trial of the front is within the limits, a limit is not known,
                or what trains the trial is not there any more. Nothing is changed.
        """
        tell = say if verbose else _silent
        if ensemble is not None:
            return self._select_ensemble(NetworkId(ENSEMBLE, ensemble), tell)
        choice = Choice(rule, trial, limits)
        selected = select_trial(
            self.run, choice, self._searched, refit=refit, verbose=verbose, tell=tell
        )
        self._finalist = None
        return selected.key

    def _searched(self) -> tuple[Tuner, Training]:
        """Returns what trains a network of the search, also of an earlier one."""
        if self._training is None:
            self.tuner, self._training = search_again(self.run, self._graph, self.kind)
        return self.tuner, self._training

    def refitting(
        self, validation: Dataset, tell: Callable[[str], None]
    ) -> Callable[[FrozenTrial], keras.Model]:
        """Returns what trains a trial's network anew on all data, see `refitting`.

        Args:
            validation: the data that the trials were judged on.
            tell: takes a line about each training.

        Raises:
            UserError: what trains it is not there any more.
        """
        tuner, training = self._searched()
        return refitting(tuner, training, joined(training.train, validation), tell)

    def ensemble(
        self,
        *,
        size: int = SIZE,
        validation_data: Any = None,
        batch_size: int = 64,
        refit: bool = False,
        verbose: int = 1,
        **limits: float,
    ) -> int:
        """Makes an ensemble of the networks that the search trained, within a budget.

        Selects trials one after another, some more than once, so that the weighted mean
        of their outputs has the best first objective on the validation data (Caruana et
        al., 2004). The ensemble is one network, and is kept in the run:
        ``export(trial="ensemble-0")`` exports it, ``select(ensemble=0)`` makes it
        the finalist. Its score on the validation data, which chose its members, is
        optimistic; judge it on other data.

        Args:
            size: the largest number of selections.
            validation_data: the run's, if neither `fit` was called on this object nor
                ``run.json`` has their path: a path, data set, or tuple (x, y) of
                arrays.
            batch_size: patches per batch.
            refit: whether the selected networks are trained anew, on training and
                validation data together, as `select` trains a trial; otherwise nothing
                is trained. The ensemble's recorded scores on the validation data are
                those of the networks before.
            verbose: 0 prints nothing.
            **limits: upper limits of the sum of its members' costs, such as
                ``max_latency_ms=4.0`` or ``max_params=1e6``.

        Returns:
            The number of the ensemble.

        Raises:
            UserError: the run has no trained network, or none within the limits; its
                data are missing; or a search is working in it.
        """
        for name in limits:
            if not name.startswith("max_"):
                raise UserError(f"ensemble: expected max_COST=LIMIT, got {name}")
        within = {name.removeprefix("max_"): limit for name, limit in limits.items()}
        budget, tell = Budget(within, size), log(verbose)
        validation = self._validation(validation_data)
        again = self.refitting(validation, tell) if refit else None
        with at_rest(self.run):
            made = make(self.run, budget, validation, tell, batch_size, again)
        for text in told_ensemble(self.run, made):
            tell(text)
        return made.number

    def _select_ensemble(
        self, wanted: NetworkId, tell: Callable[[str], None], batch_size: int = 64
    ) -> int | str:
        """Makes an ensemble the finalist, see `AutoModel.select`."""
        number = wanted.number
        if trained_finalist(self.run) == wanted and is_scored(self.run):
            with at_rest(self.run):
                make_finalist(self.run, number)
            tell(f"{wanted} is the finalist already; nothing was changed")
            return wanted.key
        validation = self._validation(None)
        with at_rest(self.run):
            lines = beside_finalist(self.run, ensembles.read(self.run, number))
            make_finalist(self.run, number)
            validate(self.run, validation, batch_size)
        self._finalist = None
        tell(f"{wanted} is the finalist now; beside the former one:")
        for line in lines:
            tell(line)
        return wanted.key

    def _validation(self, given: Any) -> Dataset:
        known = self._known_data().get("validation")
        return opened_validation(self.run, known if given is None else given)

    def _known_data(self) -> Mapping[str, Dataset]:
        if self._training is None:
            return {}
        train, validation = self._training.train, self._training.validation
        of_validation = {} if validation is None else {"validation": validation}
        return {"training": train, **of_validation}


def _silent(text: str) -> None:
    """Prints nothing."""
