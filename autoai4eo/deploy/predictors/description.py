"""The description of a network, read from ``model.json`` or from its run."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from autoai4eo.data.class_colours import given_colours, hex_of
from autoai4eo.data.sensors import canonical
from autoai4eo.data.target import LEARNED, Target
from autoai4eo.data.units import typical_of
from autoai4eo.errors import UserError, warn
from autoai4eo.runs.folder import Run
from autoai4eo.runs.network_id import Which
from autoai4eo.text import listed

METADATA = "model.json"
#: The role of an asset with weights, by the MLM extension.
MODEL_ROLE = "mlm:model"
#: In ``mlm:output``: the kind of target, names of its values, thresholds of its labels.
TARGET = "autoai4eo:target"
_FEW_LINES = (
    '{"properties": {"mlm:input": [{"name": "image", "bands": ["B02", "B03", "B04"]}], '
    '"mlm:output": [{"classification:classes": [{"value": 1, "name": "water"}, …]}]}}'
)


def target_of(data: Mapping[str, Any]) -> Target:
    """Returns what a run predicts.

    Args:
        data: the entry of ``run.json`` on its training data. Without a ``target``, as
            in runs of earlier versions, the run predicts a ``class``.
    """
    known = data.get("target", "class")
    kind = known if isinstance(known, str) else known["kind"]
    given = (data.get("opened") or {}).get("colours") or {}
    return _target(kind, data["classes"], given)


def target_of_run(run: Path, data: Mapping[str, Any], trial: Which) -> dict[str, Any]:
    """Returns what a network of a run predicts, in the form of exports.

    Args:
        run: the run's folder.
        data: the entry of ``run.json`` on its training data.
        trial: a trial or an ensemble; None: the finalist, on whose outputs the
            thresholds of labels were tuned.

    Returns:
        ``kind`` and ``classes``, see `Target`, and ``thresholds`` of labels, if any.
    """
    tuned = Run(run).read_evaluation().get("thresholds") if trial is None else None
    return target_told(data) | ({} if tuned is None else {"thresholds": tuned})


def target_told(data: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the target in ``run.json`` as a dict, with its thresholds if any."""
    target, known = target_of(data), data.get("target")
    found: dict[str, Any] = {"kind": target.kind, "classes": list(target.classes)}
    if target.colours:
        found["colours"] = {name: hex_of(rgb) for name, rgb in target.colours.items()}
    return {**known, **found} if isinstance(known, dict) else found


def _target(kind: str, names: Any, colours: Mapping[str, str]) -> Target:
    """Returns a target; see `given_colours`."""
    if kind not in LEARNED:
        raise ValueError(f"a target of the kind {kind!r}, not {', '.join(LEARNED)}")
    classes = tuple(str(name) for name in names)
    of_patch = kind in ("labels", "value")
    ignored = -1 if kind == "mask" else None
    shape = (len(classes),) if of_patch else ()
    shown = given_colours(classes, colours)
    return Target(kind, classes, shape, ignored=ignored, colours=shown)


def of_outputs(target: Target, outputs: Sequence[int], path: object) -> Target:
    """Returns the target with the shape of the network's masks, if it has any.

    Args:
        target: that a run or ``model.json`` tells.
        outputs: see `outputs_of`.
        path: of what tells it, for messages.

    Raises:
        UserError: the target is of patches and the outputs of pixels, or vice versa.
    """
    of_pixels = len(outputs) == 3
    if of_pixels != (target.kind == "mask"):
        told = ("a patch", "each pixel")
        raise UserError(
            f"{path}: expected a network with a vector for {told[not of_pixels]}, as "
            f"the target {target.kind} needs, found one for {told[of_pixels]}; correct "
            "the target, or use a network made for it"
        )
    return replace(target, shape=tuple(outputs[:2])) if of_pixels else target


def _files_of(item: Mapping[str, Any]) -> list[str]:
    """Returns the names of the files with weights in a STAC item, if it tells them."""
    assets = item.get("assets")
    return [
        Path(str(asset["href"])).name
        for asset in (assets.values() if isinstance(assets, Mapping) else ())
        if isinstance(asset, Mapping)
        and MODEL_ROLE in str(asset.get("roles"))
        and "href" in asset
    ]


def read_description(
    path: Path,
    shapes: Mapping[str, tuple[Any, ...]],
    outputs: Sequence[int],
    file: Path | None = None,
) -> dict[str, Any]:
    """Reads the attributes of a `Predictor` from ``model.json``.

    The file is a STAC item with the MLM extension, as `export` writes it; the names of
    bands and classes suffice. If the target is neither a class of the patch nor one of
    each pixel, ``autoai4eo:target`` in the output describes it: ``{"kind": "labels",
    "thresholds": [0.4, …]}`` or ``{"kind": "value", "classes": ["biomass", …]}``.

    Args:
        path: of the file.
        shapes: (N, height, width, bands) by input of the network.
        outputs: of the network, see `outputs_of`.
        file: of the network, if it lies beside its description.

    Raises:
        UserError: the file does not exist, or has other inputs, bands or classes than
            the network.

    Warns:
        AutoAI4EOWarning: the description names other files.
    """
    try:
        item = json.loads(path.read_text())
        found = _parse(item["properties"], outputs)
    except FileNotFoundError:
        raise UserError(
            f"{path}: expected a file with the names of the network's bands and "
            "classes, found none; export the run with autoai4eo, or write "
            f"{_FEW_LINES}"
        ) from None
    except (
        ValueError,
        KeyError,
        TypeError,
        AttributeError,
        OSError,
        RecursionError,
    ) as error:
        raise UserError(
            f"{path}: expected a STAC item with the MLM extension, found something else"
            f" ({type(error).__name__}: {error}); this suffices: {_FEW_LINES}"
        ) from None
    named = _files_of(item)
    if file is not None and named and file.name not in named:
        warn(
            f"{file}: {path.name} beside it describes {listed(named)}: if these are of "
            "another network, the bands and classes are wrong; export this one into a "
            "folder of its own"
        )
    bands, target = found["bands"], found["target"]
    if set(bands) != set(shapes) or len(target.classes) != outputs[-1]:
        raise UserError(
            f"{path}: expected the inputs {', '.join(shapes)} and {outputs[-1]} "
            f"{target.nouns} of the network, found {', '.join(map(str, bands))} and "
            f"{len(target.classes)}; correct it"
        )
    for name, shape in shapes.items():
        typical = found["typical"].get(name, bands[name])
        numbers = {len(bands[name]), len(typical)}
        if numbers != {shape[-1]}:
            raise UserError(
                f"{path}: expected {shape[-1]} bands of the network's input {name}, "
                f"found {', '.join(map(str, sorted(numbers)))}; correct it"
            )
    return {
        **found,
        "bands": {name: bands[name] for name in shapes},
        "target": of_outputs(target, outputs, path),
    }


def _parse(properties: Mapping[str, Any], outputs: Sequence[int]) -> dict[str, Any]:
    """Reads attributes of a `Predictor` from the properties of a STAC item.

    Raises:
        KeyError, TypeError, ValueError, AttributeError: the item has another form.
    """
    inputs = properties["mlm:input"]
    bands = {
        given["name"]: tuple(
            canonical(b if isinstance(b, str) else b["name"]) for b in given["bands"]
        )
        for given in inputs
    }
    typical = {
        given["name"]: typical_of(known)
        for given in inputs
        if (known := given.get("autoai4eo:statistics"))
    }
    (output,) = properties["mlm:output"]
    known = output.get(TARGET) or {"kind": "class" if len(outputs) == 1 else "mask"}
    hints: dict[str, str] = {}
    if known["kind"] == "value":
        names = known["classes"]
    else:
        ordered = sorted(output["classification:classes"], key=lambda c: c["value"])
        names = [c["name"] for c in ordered]
        hints = {c["name"]: c["color_hint"] for c in ordered if "color_hint" in c}
    target = _target(known["kind"], names, hints)
    step = properties.get("autoai4eo:map_step")
    if not isinstance(step, int | None):
        raise TypeError(f"a map_step of {step!r}")
    return {
        "bands": bands,
        "target": target,
        "thresholds": _thresholds(known.get("thresholds"), target),
        "level": properties.get("autoai4eo:level"),
        "map_step": step,
        "typical": typical,
    }


def _thresholds(values: Any, target: Target) -> tuple[float, ...] | None:
    if values is None or target.kind != "labels":
        return None
    found = tuple(float(value) for value in values)
    if len(found) != len(target.classes):
        raise ValueError(
            f"{len(found)} thresholds for {len(target.classes)} classes of labels"
        )
    return found
