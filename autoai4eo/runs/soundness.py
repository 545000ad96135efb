"""Finds what is damaged or missing in a run, and how a search repairs it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import optuna
from optuna.trial import FrozenTrial, TrialState

from autoai4eo.data import statistics
from autoai4eo.errors import DamagedError, UserError
from autoai4eo.files import read_json, remove_leftovers, set_aside, write_json
from autoai4eo.learning import checkpoint_file, history
from autoai4eo.learning.kept_trees import read_trees
from autoai4eo.runs import chosen, ensembles, evaluations, repeats
from autoai4eo.runs.belonging import (
    FILES,
    file_of,
    finalist_file,
    trained_finalist,
)
from autoai4eo.runs.data_record import target_kind
from autoai4eo.runs.folder import Run
from autoai4eo.runs.layout import check_no_links, made, misplaced
from autoai4eo.runs.paths import ENSEMBLE
from autoai4eo.runs.reference_network import check_network
from autoai4eo.runs.selection import read_selection
from autoai4eo.runs.study import open_study, status, trials_of
from autoai4eo.runs.trial_folder import COST, HISTORY, NETWORK
from autoai4eo.runs.trials import last_end
from autoai4eo.text import counted

_RESUMED = "fit with the same arguments resumes it"
_ANEW = "makes it again"
_NOTHING = "continues without it"
_WITHOUT_ENSEMBLE = "continues without it; `autoai4eo ensemble` makes another"
_WITHOUT_SCORES = "continues without it; `autoai4eo evaluate` makes it again"
_REMEDIES = {
    NETWORK: "keeps the trial's figures, and trains it anew where it is needed",
    COST: _ANEW,
    HISTORY: _NOTHING,
}


@dataclass(frozen=True)
class Finding:
    """A file or folder that is damaged, missing or of another run.

    Attributes:
        path: of the file or folder.
        problem: one line.
        remedy: what ``fit`` with the same arguments does about it; what the user does
            where nothing may be renamed.
        can_go: whether ``fit`` may rename the file at `path` (``NAME.damaged``).
    """

    path: Path
    problem: str
    remedy: str
    can_go: bool = True


def findings(run: Path) -> list[Finding]:
    """Finds what is damaged, missing or of another run in a folder; changes nothing.

    Raises:
        UserError: the folder holds no run.
    """
    folder = Run(run)
    if not folder.json.exists() and not folder.study.exists():
        folder.read()
    if error := folder.damage():
        remedy = "makes it again from the same arguments and data"
        return [Finding(folder.json, str(error).rpartition("; ")[0], remedy)]
    try:
        check_no_links(run)
        folder.read()
        study = open_study(run)
        return [*_findings(folder, study)]
    except UserError as error:
        problem, _, cure = str(error).rpartition("; ")
        return [Finding(run, problem, cure, can_go=False)]


def summary(run: Path) -> str:
    """Summarises an undamaged run in a line: trials by status, and its finalist."""
    study = open_study(run)
    counts = Counter(map(status, trials_of(study)))
    trials = ", ".join(f"{count} {name}" for name, count in counts.items())
    trials = trials or "no trial"
    if left := unfinished(run):
        return f"{trials}; {left}"
    finalist = trained_finalist(run)
    if finalist is None:
        return f"{trials}; it ends with its trials, without a finalist"
    return f"{trials}; {finalist} is the finalist; fit has nothing to repair"


def unfinished(run: Path) -> str | None:
    """Returns what an undamaged run is still without, in words; None: nothing."""
    if Run(run).is_at_work():
        return "a search is running in it"
    finalist, study = trained_finalist(run), open_study(run)
    asked, ended = Run(run).read()["arguments"], last_end(study)
    if finalist is None and asked.get("finalists") == 0:
        is_over = ended == asked.get("max_trials")
        return None if is_over else f"it was interrupted: {_RESUMED}"
    if finalist is None:
        return f"no finalist yet: {_RESUMED}"
    if left := chosen.left_to_do(run, study):
        return f"{left}: {chosen.CURE}"
    if study.get_trials(deepcopy=False, states=(TrialState.WAITING,)):
        goes_on = "fit with the same arguments goes on with what is queued"
        return f"{finalist} is the finalist; {goes_on}"
    if ended not in (None, asked.get("max_trials")):
        return f"{finalist} is the finalist; more trials were begun: {_RESUMED}"
    return None


def mend(
    run: Path, study: optuna.Study, tell: Callable[[str], None], *, shared: bool = False
) -> None:
    """Renames files that are damaged or of another run, so that they are made again.

    The caller must hold the folder's locks.

    Args:
        run: the folder.
        study: of the run.
        tell: takes a line about each finding.
        shared: whether other machines may be working in the folder.
    """
    folder = Run(run)
    if not shared:
        kept = (*folder.trials.glob("*"), folder.ensembles)
        for written in (run, folder.best, folder.repeats, folder.evaluations, *kept):
            remove_leftovers(written)
    if not folder.exists:
        return
    for found in _findings(folder, study):
        aside = ""
        if found.can_go and found.path.exists():
            aside = f"set aside as {set_aside(found.path).name}; "
        tell(f"{found.problem}; {aside}the search {found.remedy}")
    for trial in study.get_trials(deepcopy=False):
        left = folder.trial(trial.number)
        cost = trial.user_attrs.get("cost")
        if cost and left.path.is_dir() and not left.cost.exists():
            write_json(left.cost, cost)


def _findings(run: Run, study: optuna.Study) -> Iterator[Finding]:
    wrong = misplaced(run.path)
    # each part at once: what is set aside in one of them must not change another
    found = [
        *_of_trials(run, study),
        *_of_ensembles(run, study),
        *_of_best(run),
        *_of_samples(run),
        *_of_statistics(run),
        *_of_references(run),
        *_of_selection(run),
        *_of_evaluations(run),
        *_look(run.compact, _NOTHING, lambda _: run.read_compact()),
    ]
    yield from (Finding(path, problem, _ANEW) for path, problem in wrong.items())
    yield from (one for one in found if one.path not in wrong)


def _of_ensembles(run: Run, study: optuna.Study) -> Iterator[Finding]:
    for number in ensembles.numbers(run.path):
        folder = run.ensembles / str(number)
        read = partial(_ensemble, run.path, number, study)
        damaged = [*_look(folder / ENSEMBLE, _WITHOUT_ENSEMBLE, read)]
        read = partial(_ensemble, run.path, number, study, network=True)
        yield from damaged or _look(folder / NETWORK, _WITHOUT_ENSEMBLE, read)


def _ensemble(
    run: Path, number: int, study: optuna.Study, _: Path, network: bool = False
) -> None:
    ensembles.read(run, number, study)
    if network:
        ensembles.network_of(run, number)


def _of_trials(run: Run, study: optuna.Study) -> Iterator[Finding]:
    # list folders before trials: other machines may begin trials meanwhile
    folders = [
        path
        for path in made(run.path)
        if path.parent == run.trials and path.name.isdecimal()
    ]
    trials = study.get_trials(deepcopy=False)
    known = {str(trial.number) for trial in trials}
    for path in folders:
        if path.name not in known:
            problem = f"{path}: expected a trial of this search, found one of another"
            yield Finding(path, problem, _NOTHING)
    for trial in trials:
        state = run.trial(trial.number).state
        yield from _of_files(run, trial)
        if trial.state != TrialState.COMPLETE and state.is_file():
            of = {"run": study.user_attrs.get("run")} | {
                name: trial.user_attrs[name]
                for name in ("candidate", "fingerprint")
                if name in trial.user_attrs
            }
            remedy = "begins this training anew"
            yield from _look(state, remedy, partial(checkpoint_file.check, of=of))


def _of_files(run: Run, trial: FrozenTrial) -> Iterator[Finding]:
    """Checks the files of an ended trial, or those a running trial wrote so far."""
    folder = run.trial(trial.number)
    left = trial.user_attrs.get(FILES)
    if left is None:
        read = partial(history.read, trial=trial.number)
        yield from _look(folder.history, _NOTHING, read)
        if (cost := trial.user_attrs.get("cost")) and folder.path.is_dir():
            yield from _look(folder.cost, _ANEW, partial(_check_cost, cost=cost))
        # earlier versions did not record which files a trial left
        left = [NETWORK] if trial.state == TrialState.COMPLETE else []
    for name in left:
        yield from _look(
            folder.path / name,
            _REMEDIES[name],
            lambda path: file_of(run.path, trial, path.name),
        )


def _check_cost(path: Path, cost: dict[str, Any]) -> None:
    if read_json(path, _ANEW) != cost:
        raise DamagedError(
            f"{path}: expected this trial's cost, found another; {_ANEW}"
        )


def _of_best(run: Run) -> Iterator[Finding]:
    scores, network = run.evaluation, run.network
    if not scores.exists() and not network.exists():
        return
    damaged = [*_look(scores, _ANEW, lambda _: run.read_evaluation())]
    if not damaged and not scores.is_file():
        problem = f"{scores}: expected it beside the network, found no file"
        damaged = [Finding(scores, problem, _ANEW)]
    damaged = damaged or [*_look(network, _ANEW, lambda _: finalist_file(run.path))]
    yield from damaged
    if damaged or not {"evaluated_on", "network"} <= set(run.read_evaluation()):
        return  # the other files are made along with these
    pictured = run.pictured(target_kind(run.read()))
    if pictured is not None:
        if not pictured.is_file():
            problem = f"{pictured}: expected pictures of {pictured.stem}, found no file"
            yield Finding(pictured, problem, _ANEW)
        read = run.read_tiles if pictured == run.tiles else run.read_mistakes
        yield from _look(pictured, _ANEW, lambda _: read())
    own = partial(history.read, trial=run.read_evaluation().get("trial", -1))
    yield from _look(run.history, _NOTHING, own)
    yield from _look(run.test, "tests the finalist again", lambda _: run.read_test())


def _of_samples(run: Run) -> Iterator[Finding]:
    def check(path: Path) -> None:
        for role, rows in run.read_samples().items():
            known = run.read()["data"].get(role, {}).get("samples")
            if known != len(rows):
                raise DamagedError(
                    f"{path}: expected {counted(known, 'sample')} ({role}), found "
                    f"{len(rows)}; {_ANEW}"
                )

    # runs of earlier versions have neither
    if "task" in run.read() and not run.samples.exists():
        problem = f"{run.samples}: expected it beside run.json, found no file"
        yield Finding(run.samples, problem, _ANEW)
    yield from _look(run.samples, _ANEW, check)


def _of_statistics(run: Run) -> Iterator[Finding]:
    def check(path: Path) -> None:
        known = read_json(path, _ANEW, statistics.FORM)["fingerprint"]
        if known != run.read()["data"]["training"]["fingerprint"]:
            raise DamagedError(
                f"{path}: expected this run's data, found others; {_ANEW}"
            )

    yield from _look(run.statistics, _ANEW, check)


def _of_references(run: Run) -> Iterator[Finding]:
    record, trees = run.references, run.trees
    if not record.exists() and not trees.exists():
        return
    damaged = [*_look(record, _ANEW, lambda _: run.read_references())]
    if not damaged and not record.is_file():
        problem = f"{record}: expected it beside the trees, found no file"
        damaged = [Finding(record, problem, _ANEW)]
    yield from damaged or _look(trees, _ANEW, read_trees)
    if not damaged:
        known = run.read_references()
        network = run.reference_network
        yield from _look(network, _ANEW, lambda _: check_network(run, known))


def _of_selection(run: Run) -> Iterator[Finding]:
    if run.selection.exists():
        yield from _look(run.selection, _ANEW, lambda _: read_selection(run.path))
    for path in sorted(run.repeats.glob("*.json")):
        yield from _look(path, "trains it again", partial(repeats.check, run.path))


def _of_evaluations(run: Run) -> Iterator[Finding]:
    for path in sorted(run.evaluations.glob("*.json")):
        yield from _look(path, _WITHOUT_SCORES, partial(evaluations.read, run.path))


def _look(path: Path, remedy: str, read: Callable[[Path], Any]) -> Iterator[Finding]:
    """Yields a finding if a file cannot be read, with `remedy` for the error's cure."""
    try:
        read(path)
    except UserError as error:
        yield Finding(path, str(error).rpartition("; ")[0], remedy)
