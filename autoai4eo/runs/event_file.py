"""Writes a trial for TensorBoard: hyperparameters, figures and learning curves."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import optuna
from tensorboard.compat.proto.event_pb2 import Event
from tensorboard.compat.proto.summary_pb2 import Summary
from tensorboard.plugins.hparams import metadata, summary_v2
from tensorboard.plugins.hparams.api_pb2 import Status
from tensorboard.plugins.hparams.plugin_data_pb2 import (
    HParamsPluginData,
    SessionEndInfo,
)
from tensorboard.summary.writer.record_writer import RecordWriter

from autoai4eo.files import in_one_step
from autoai4eo.learning import history
from autoai4eo.learning.figures import COSTS
from autoai4eo.runs.trial_folder import TrialFolder


def write(folder: Path, trial: optuna.Trial, begun: float, ended: str) -> None:
    """Writes the event file of an ended trial: a session of the HParams view.

    Its metrics are the figures of the best epoch and the costs; ``epoch/…`` are the
    curves. The hyperparameter ``status`` records how the trial ended.

    Args:
        folder: ``RUN/trials/ID``.
        trial: its record in the study.
        begun: start time, in seconds since 1970.
        ended: its status, see `autoai4eo.runs.trials.status`.
    """
    kept = trial.user_attrs
    values = {n: v for n, v in kept.get("hyperparameters", {}).items() if v is not None}
    start = summary_v2.hparams_pb(
        {**values, "status": ended}, trial_id=str(trial.number), start_time_secs=begun
    )
    end = HParamsPluginData(
        session_end_info=SessionEndInfo(
            status=Status.STATUS_FAILURE
            if ended == "failed"
            else Status.STATUS_SUCCESS,
            end_time_secs=time.time(),
        )
    )
    costs = {n: kept["cost"].get(n) for n in COSTS} if "cost" in kept else {}
    figures = {**kept.get("metrics", {}), **costs}
    left = TrialFolder(folder)
    with in_one_step(left.events) as temporary, temporary.open("wb") as file:
        records = RecordWriter(file)

        def add(summary: Summary, step: int = 0) -> None:
            event = Event(wall_time=time.time(), step=step, summary=summary)
            records.write(event.SerializeToString())

        records.write(Event(file_version="brain.Event:2").SerializeToString())
        add(start)
        for row in history.read(left.history, trial.number):
            curve = {n: v for n, v in row.items() if n not in ("epoch", "seconds")}
            scalars = _scalars({f"epoch/{n}": v for n, v in curve.items()})
            add(scalars, int(row["epoch"]))
        add(_scalars(figures))
        add(
            Summary(
                value=[
                    Summary.Value(
                        tag=metadata.SESSION_END_INFO_TAG,
                        metadata=metadata.create_summary_metadata(end),
                        tensor=metadata.NULL_TENSOR,
                    )
                ]
            )
        )


def _scalars(figures: Mapping[str, Any]) -> Summary:
    return Summary(
        value=[
            Summary.Value(tag=name, simple_value=value)
            for name, value in figures.items()
            if value is not None
        ]
    )
