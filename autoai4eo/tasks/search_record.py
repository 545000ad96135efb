"""What a run's folder tells of its search: trials, front, ensembles, classes."""

from __future__ import annotations

from html import escape
from pathlib import Path

import pandas as pd

from autoai4eo.report.notebook import notebook_view, told_state
from autoai4eo.runs import ensembles, front
from autoai4eo.runs.folder import Run
from autoai4eo.runs.study import open_study, trials_table
from autoai4eo.runs.tables import short
from autoai4eo.text import line


class SearchRecord:
    """The record of a search in a run's folder.

    Args:
        directory: parent of the run's folder; None: the current folder.
        project_name: the run's folder is ``directory/project_name``.
    """

    def __init__(self, directory: str | Path | None, project_name: str) -> None:
        self.directory = Path(directory or ".").expanduser()
        self.project_name = project_name

    @property
    def run(self) -> Path:
        """The run's folder."""
        return self.directory / self.project_name

    @property
    def class_names(self) -> tuple[str, ...]:
        """The name of each class, in the order of numbers and probabilities.

        Of the kind ``value`` the name of each number.

        Raises:
            UserError: the run's folder holds no search yet.
        """
        return tuple(Run(self.run).read()["data"]["training"]["classes"])

    def __repr__(self) -> str:
        return f"{type(self).__name__}({told_state(self.run)})"

    def trials(self, all: bool = False) -> pd.DataFrame:
        """Returns one row per trial: status, objectives, main metrics and costs.

        Args:
            all: whether to return every metric, every cost and the hyperparameters.
        """
        study = open_study(self.run)
        table = trials_table(study, Run(self.run).is_at_work())
        return table if all else short(table, study.user_attrs["objectives"])

    def pareto_front(self, all: bool = False) -> pd.DataFrame:
        """Returns the rows of `trials` that are Pareto-optimal.

        No other complete trial is at least as good in every objective and better in
        one. Rows are sorted by the first objective, the best first.

        Args:
            all: see `trials`.
        """
        study = open_study(self.run)
        table = front.front_table(study)
        return table if all else short(table, study.user_attrs["objectives"])

    def ensembles(self) -> pd.DataFrame:
        """Returns one row per ensemble: members, metrics, costs; see `ensemble`.

        Costs are those of the whole network, measured; ``summed_COST`` is the sum of
        its members' costs. ``on_front``: no trial and no other ensemble is at least as
        good in every objective and better in one.
        """
        study = open_study(self.run)
        found = ensembles.ensembles_of(self.run, study)
        return ensembles.table(found, front.optimal(study, found))

    def _repr_html_(self) -> str:
        """Status, leaderboard and a small chart, for notebooks."""
        try:
            return notebook_view(self.run)
        except Exception as error:  # shows one line in place of a traceback
            return f"<code>{escape(line(f'{self}: {error}'))}</code>"
