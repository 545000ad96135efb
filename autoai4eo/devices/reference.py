"""Notices that a device answers differently: one network is measured again and again.

A device that grows hot, or whose governor changes, measures later candidates otherwise
than earlier ones. The first candidate of a search is kept; after every tenth it is
measured again.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from autoai4eo.devices.client import DeviceError, DeviceRefuses
from autoai4eo.devices.protocol import Job, job_of
from autoai4eo.errors import UserError
from autoai4eo.files import in_one_step, read_json, set_aside, write_json
from autoai4eo.locks import locked

#: Candidates between two measurements of the reference.
EVERY = 10
#: A larger relative difference is told.
DRIFT = 0.10
RECORD, NETWORK, LOCK = "reference.json", "reference.network", ".reference.lock"
_FORM = {
    "candidates": int,
    "job": str,
    "checks": [{"after": int, "median_ms": int | float, "drift": int | float}],
}

Measure = Callable[[bytes, Job], dict[str, Any]]


class Reference:
    """The reference network of a search and what was measured of it.

    All workers of a search share the folder.

    Args:
        folder: ``RUN/device``; it need not exist.
        tell: is told of a drift in a line.
    """

    def __init__(self, folder: Path, tell: Callable[[str], None]) -> None:
        self._folder, self._tell = folder, tell

    def drift(self) -> float:
        """The relative difference of the last check from the first measurement."""
        record = self._read()
        return float(record["checks"][-1]["drift"]) if record else 0.0

    def check(self, measure: Measure) -> None:
        """Counts a candidate; measures the reference again if it is its turn.

        A drift is told only if a second measurement confirms it.
        """
        with self._alone():
            record = self._read()
            if record is None:
                return
            record["candidates"] += 1
            if record["candidates"] % EVERY == 0:
                first = record["checks"][0]["median_ms"]
                content = (self._folder / NETWORK).read_bytes()
                job = job_of(record["job"])
                found = [_again(measure, content, job)]
                if abs(found[0] / first - 1) > DRIFT:
                    found.append(_again(measure, content, job))
                median_ms = min(found, key=lambda ms: abs(ms / first - 1))
                drift = median_ms / first - 1
                if abs(drift) > DRIFT:
                    self._tell(
                        f"the device has changed: the reference network takes "
                        f"{median_ms:.3g} ms, {abs(drift):.0%} "
                        f"{'more' if drift > 0 else 'less'} than the {first:.3g} ms at "
                        "the beginning; look at its temperature, its governor and what "
                        "else runs there"
                    )
                check = {"after": record["candidates"], "median_ms": median_ms}
                record["checks"].append({**check, "drift": round(drift, 4)})
            write_json(self._folder / RECORD, record)

    def keep(self, content: bytes, job: Job, median_ms: float) -> None:
        """Makes a network the reference, if there is none yet."""
        with self._alone():
            if self._read() is None:
                with in_one_step(self._folder / NETWORK) as temporary:
                    temporary.write_bytes(content)
                first = {"after": 0, "median_ms": median_ms, "drift": 0.0}
                record = {"candidates": 1, "job": job.text(), "checks": [first]}
                write_json(self._folder / RECORD, record)

    def _alone(self) -> Any:
        self._folder.mkdir(exist_ok=True)
        return locked(self._folder / LOCK, wait=True, tell=self._tell)

    def _read(self) -> dict[str, Any] | None:
        if not (self._folder / NETWORK).exists():
            return None
        try:
            return _record(self._folder)
        except UserError as error:
            # another reference begins; the candidates' own measurements stay
            aside = set_aside(self._folder / RECORD)
            self._tell(f"{error}; set aside as {aside.name}")
            return None


def drifts(folder: Path) -> list[float]:
    """Returns the relative difference of each check from the first measurement.

    Args:
        folder: ``RUN/device``; it need not exist.

    Raises:
        UserError: the record is damaged.
    """
    record = _record(folder)
    return [float(check["drift"]) for check in record["checks"]] if record else []


def _record(folder: Path) -> dict[str, Any] | None:
    file = folder / RECORD
    if not file.exists():
        return None
    record = read_json(file, "remove it: another reference begins", _FORM)
    if not record["checks"] or not record["checks"][0]["median_ms"] > 0:
        raise UserError(
            f"{file}: expected a measurement, found none; remove it: another reference "
            "begins"
        )
    return dict(record)


def _again(measure: Measure, content: bytes, job: Job) -> float:
    try:
        return float(measure(content, job)["median_ms"])
    except DeviceRefuses as error:
        raise DeviceError(
            "expected a device that measures the first network of the search again, "
            f"found one that does not ({error}); start it with the limits of before"
        ) from error
