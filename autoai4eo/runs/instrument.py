"""The instrument that measures the latencies of a search: the same in all trials."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import keras
import optuna

from autoai4eo.errors import UserError
from autoai4eo.runs.trials import trials_of
from autoai4eo.text import counted

_KEPT = ("device", "runtime", "precision", "threads", "batch_size", "prediction")


def instrument_of(study: optuna.Study) -> dict[str, Any]:
    """Returns the device, runtime, precision and threads that a search measures with.

    Also the ``batch_size``, unless it began in an earlier version, and the
    ``prediction``, where a device profile predicts the latency. Returns {} before the
    first measurement. Searches of earlier versions measured in the backend of Keras.
    """
    if found := study.user_attrs.get("instrument"):
        return dict(found)
    costs = [t.user_attrs["cost"] for t in trials_of(study) if "cost" in t.user_attrs]
    devices = [study.user_attrs.get("device"), *(cost.get("device") for cost in costs)]
    device = next((device for device in devices if device), None)
    if device is None:
        return {}
    return {"device": device, "runtime": keras.backend.backend()}


def check_instrument(study: optuna.Study, run: Path, about: Mapping[str, Any]) -> None:
    """Checks that a search measures in the same way as before.

    Args:
        study: of the search; records the instrument at its first use.
        run: its folder, for the message.
        about: the present instrument, see `autoai4eo.cost.instrument.Instrument.about`,
            and the ``batch_size`` of the latency.

    Raises:
        UserError: the search was begun with another device, runtime, precision, number
            of threads, batch size or device profile.
    """
    known = instrument_of(study)
    asked = {"prediction": None, **known} if known else {}
    if any(about.get(name) != value for name, value in asked.items()):
        raise UserError(
            f"{run}: expected to measure latency as this search began "
            f"({_words({**about, **asked})}), found {_words(about)}; resume it as "
            "it began, or choose another folder"
        )
    keep_instrument(study, about)


def other_version(study: optuna.Study, about: Mapping[str, Any]) -> str | None:
    """Returns a line if a search measured with another version of its runtime.

    Args:
        study: of the search.
        about: the present instrument, see `check_instrument`.
    """
    costs = (t.user_attrs.get("cost", {}) for t in trials_of(study))
    known = {
        str(cost["runtime_version"])
        for cost in costs
        if cost.get("latency_ms") is not None
        and cost.get("runtime_version")
        and cost.get("runtime") == about["runtime"]
    }
    others = sorted(known - {about["runtime_version"]})
    if not others:
        return None
    return (
        f"expected {about['runtime']} {' or '.join(others)}, with which this search "
        f"measured latency, found {about['runtime_version']}; latencies of the two may "
        "differ: install the former for figures that compare"
    )


def keep_instrument(study: optuna.Study, about: Mapping[str, Any]) -> None:
    """Records the instrument of a search, unless one is recorded already."""
    if not instrument_of(study):
        kept = {name: about[name] for name in _KEPT if name in about}
        study.set_user_attr("instrument", kept)


def _words(about: Mapping[str, Any]) -> str:
    words = (
        f"{about['runtime']} in {about['precision']} with "
        f"{counted(about['threads'], 'thread')} on {about['device']}"
    )
    if batch_size := about.get("batch_size"):
        words += f" at batch size {batch_size}"
    if prediction := about.get("prediction"):
        words += f", predicted by device profile {prediction['profile']}"
    return words
