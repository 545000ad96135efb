"""``evaluate``, ``profile`` and ``export``: commands for a found network."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from autoai4eo.cli.console import MISSING, console, hushed, print_json, print_table
from autoai4eo.cli.options import (
    AllowRemote,
    Bands,
    BlockKm,
    ClassLevel,
    Ignored,
    Masks,
    MaxGib,
    Precision,
    Runtime,
    Storage,
    Threads,
    Trial,
    Trust,
    parse_bands,
    parse_ignored,
)
from autoai4eo.learning.figures import FIGURES, MAP_COST, METRICS, find
from autoai4eo.learning.verdict import (
    in_words,
    resampled,
    title,
    told_single,
    verdict,
)
from autoai4eo.text import counted, plural

Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def evaluate(
    model: Annotated[
        Path,
        typer.Argument(
            help="A run folder, or a .keras, SavedModel, .onnx, .tflite or OpenVINO "
            "model."
        ),
    ],
    data: Annotated[Path, typer.Argument(help="Labelled data.")],
    masks: Masks = None,
    ignored: Ignored = None,
    trial: Trial = None,
    storage: Storage = None,
    by: Annotated[
        str | None,
        typer.Option(
            help="Show the scores of each group, too: city, parent, scene, …, or "
            "spatial_block."
        ),
    ] = None,
    block_km: BlockKm = None,
    batch_size: Annotated[int, typer.Option(min=1)] = 64,
    bands: Bands = None,
    class_level: ClassLevel = None,
    allow_remote: AllowRemote = False,
    max_gib: MaxGib = None,
    trust: Trust = False,
    json: Json = False,
) -> None:
    """Measure the scores of a network on labelled data.

    Example: autoai4eo evaluate RUN testing.h5
    """
    with hushed():
        from autoai4eo.data.spatial_blocks import check_block_km
        from autoai4eo.deploy.predictors.evaluating import evaluated
        from autoai4eo.learning import evaluation
        from autoai4eo.learning.evaluation import SINGLE
        from autoai4eo.runs import scoring

        check_block_km(by, block_km)
        values = parse_ignored(ignored)
        of = evaluated(model, trial, trust)
    dataset = evaluation.open_for(
        of.network,
        of.trained,
        data,
        masks,
        ignored=values,
        bands=parse_bands(bands),
        class_level=class_level,
        allow_remote=allow_remote,
        typical=of.typical,
    )
    # before the scores are computed: this fails if the run needs --storage
    of_finalist = of.run is not None and trial is None and not json
    story = finalist_story(model) if of_finalist else ""
    scores = scoring.evaluate(
        of.run,
        of.network,
        dataset,
        batch_size,
        of.fitted,
        by,
        block_km,
        trial=trial,
    )
    if json:
        print_json(scores)
    else:
        noun = SINGLE[dataset.target.kind == "mask"]
        print_scores(scores, f"{model} on {data} ({counted(len(dataset), noun)})")
        if story:
            console.print(story)


def finalist_story(run: Path) -> str:
    """Returns why the scores of a run's finalist and of its trial differ."""
    from autoai4eo.runs.folder import Run
    from autoai4eo.runs.network_id import finalist_in
    from autoai4eo.runs.networks import known_network
    from autoai4eo.runs.study import objectives_of, open_study
    from autoai4eo.runs.two_figures import two_figures

    evaluation = Run(run).read_evaluation()
    finalist = finalist_in(evaluation)
    if finalist is None:
        return ""
    study = open_study(run)
    known = known_network(run, study, finalist)
    return two_figures(evaluation, known.metrics, objectives_of(study))


def print_scores(scores: dict[str, Any], heading: str) -> None:
    """Prints the scores of an evaluation."""
    console.print(heading, style="bold")
    known = [name for name in METRICS if name in scores]
    texts = {n: f"{FIGURES[n].label} {FIGURES[n].text(scores[n])}" for n in known}
    for name, interval in scores["intervals"].items():
        low, high = map(FIGURES[name].text, interval)
        texts[name] += f" ({low} to {high})"
    console.print("   ".join(texts.values()))
    console.print(f"in brackets: 95 % intervals {resampled(scores)}")
    if (worst := scores.get("worst_group")) is not None:
        console.print(
            f"worst group: the {worst['groups']} {worst['name']}, of {worst['count']} "
            f"that have {worst['least']} samples or more and several classes"
        )
    for name, found in scores.get("references", {}).items():
        console.print(f"reference {name} ({title(name)}): {in_words(found)}")
    if "against_reference" in scores:
        console.print(verdict(scores["against_reference"]))
    if scores.get("absent_classes"):
        console.print(
            "not in these data, left out of means over the classes (of F1 only if "
            f"never predicted): {', '.join(scores['absent_classes'])}"
        )
    parts = scores.get("per_class") or scores.get("per_value") or {}
    columns = list(dict.fromkeys(n for figures in parts.values() for n in figures))
    absent = scores.get("absent_classes", ())  # told above
    rows = [
        [name, *(_cell(c, figures[c]) for c in columns)]
        for name, figures in parts.items()
        if name not in absent
    ]
    kind = "value" if "per_value" in scores else "class"
    support = "pixels" if "iou" in columns else "samples"
    heads = [support if c == "support" else find(c).short for c in columns]
    print_table("", [kind, *heads], rows)
    if single := told_single(scores):
        console.print(single)
    if "by_group" in scores:
        _print_groups(scores["by_group"], "tiles" if "iou" in columns else "samples")


def _cell(name: str, value: float | None) -> float | str:
    return MISSING if value is None else find(name).near(value)


def _print_groups(found: dict[str, Any], samples: str) -> None:
    """Prints the scores of each group, worst first, and the worst and the median.

    Args:
        found: the result of `by_group`.
        samples: what its ``samples`` are.
    """
    metric, group = FIGURES[found["metric"]], found["group"]
    by, sign = metric.name, -1 if metric.direction == "min" else 1
    defined = [n for n, one in found["groups"].items() if one[by] is not None]
    if not defined:  # kappa, in groups of one class
        by, sign = "accuracy", 1
    groups = sorted(
        found["groups"].items(),
        key=lambda one: (one[1][by] is None, sign * (one[1][by] or 0.0)),
    )
    columns = list(dict.fromkeys(n for _, figures in groups for n in figures))
    rows = [
        [name, *(_cell(c, figures[c]) for c in columns)] for name, figures in groups
    ]
    heads = [samples if c == "samples" else find(c).short for c in columns]
    print_table("", [group, *heads], rows)
    name = metric.label
    if metric.short not in name:
        name += f" ({metric.short})"  # as in the table
    if not defined:
        console.print(
            f"{name} is not defined in any {group}: each has samples of one "
            f"class only; compare {plural(group)} by OA, the overall accuracy, or "
            "take larger groups"
        )
    elif found["worst_group"] is None:
        console.print(
            f"no {group} has {found['least']} {samples} or more and a defined {name}"
        )
    else:
        least = found["least"]
        few = [f"fewer than {least} {samples}"] if least > 1 else []
        few += ["one class"] if metric.name == "cohen_kappa" else []
        left_out = f"; groups of {', or of '.join(few)}, do not count" if few else ""
        console.print(
            f"{name} by {group}: worst {metric.text(found['worst'])} "
            f"({found['worst_group']}), median {metric.text(found['median'])}{left_out}"
        )


def profile(
    model: Annotated[Path, typer.Argument(help="A run folder or a .keras file.")],
    trial: Trial = None,
    storage: Storage = None,
    batch_size: Annotated[
        int, typer.Option(min=1, help="Batch size of the latency.")
    ] = 1,
    runtime: Runtime = None,
    precision: Precision = None,
    threads: Threads = None,
    throughput: Annotated[
        bool,
        typer.Option(
            "--throughput",
            help="Measure samples_per_second, too, at the best of five batch sizes.",
        ),
    ] = False,
    json: Json = False,
) -> None:
    """Measure what a network costs: parameters, MACs, FLOPs, size, latency here.

    Example: autoai4eo profile RUN
    """
    with hushed():
        from autoai4eo.cost import measure_map_ms_per_km2
        from autoai4eo.cost import profile as measure
        from autoai4eo.cost.instrument import Instrument
        from autoai4eo.cost.mapping import is_of_pixels
        from autoai4eo.deploy import load_network
        from autoai4eo.runs.folder import Run
    # by default as the run was measured
    known = Run(model).read().get("instrument", {}) if model.is_dir() else {}
    instrument = Instrument.like(known, runtime, precision, threads)
    network = load_network(model, trial)
    cost = measure(
        network,
        batch_size,
        runtime=instrument.runtime,
        precision=instrument.precision,
        threads=instrument.threads,
        throughput=throughput,
    ).to_dict()
    if is_of_pixels(network):
        cost[MAP_COST] = round(measure_map_ms_per_km2(network), 4)
    if json:
        print_json(cost)
    else:
        rows = [[name, value] for name, value in cost.items() if value is not None]
        print_table(str(model), ["cost", "value"], rows)


def export(
    run: Annotated[Path, typer.Argument(help="A run folder.")],
    out: Annotated[Path, typer.Argument(help="The file or folder to write.")],
    format: Annotated[
        str | None,
        typer.Option(
            help="savedmodel, keras, onnx, litert or openvino. By default that of the "
            "ending of OUT (.keras, .onnx, .tflite), otherwise savedmodel."
        ),
    ] = None,
    trial: Trial = None,
    storage: Storage = None,
    quantize: Annotated[
        str | None,
        typer.Option(help="int8 for onnx, litert and openvino; float16 for litert."),
    ] = None,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace an existing export.")
    ] = False,
    calibrated: Annotated[
        bool,
        typer.Option(
            "--calibrated",
            help="Calibrate the probabilities with the temperature that was fitted to "
            "the validation data.",
        ),
    ] = False,
) -> None:
    """Write a run's network for other programs and test it in a fresh process.

    Example: autoai4eo export RUN model.onnx
    """
    with hushed():
        from autoai4eo import deploy
        from autoai4eo.runs.comparable import told_other_runtime
        from autoai4eo.runs.folder import Run

        done = deploy.export(
            run,
            out,
            format,
            trial=trial,
            quantize=quantize,
            calibrated=calibrated,
            overwrite=overwrite,
        )
    kind = " ".join(filter(None, (done.format, done.quantize)))
    console.print(
        f"written: {done.path} ({kind}, {done.size_bytes:,} bytes), with model.json "
        "and MODEL_CARD.md\n"
        "loaded again in a fresh process with its own runtime alone: its outputs differ"
        f" from Keras's by at most {done.max_difference:.1e} (allowed: "
        f"{done.tolerance:g}) on {done.checked_on}; {done.latency_ms:.2f} ms for one "
        f"{done.sample} in {done.runtime} on {done.device}"
    )
    measured = Run(run).read().get("instrument", {})
    if told := told_other_runtime(measured, done.format):
        console.print(told)
    if done.accuracy is None:
        return
    if "not_measured" in done.accuracy:
        console.print(
            "the loss of accuracy by quantising was not measured: "
            + done.accuracy["not_measured"]
        )
        return
    before, after = done.accuracy["float32"], done.accuracy["quantized"]
    changes = (
        f"{FIGURES[name].label} {FIGURES[name].text(value)} becomes "
        f"{FIGURES[name].text(after[name])}"
        for name, value in before.items()
    )
    console.print(
        f"{done.quantize} in place of float32: {', '.join(changes)}, on "
        f"{done.accuracy['on']}"
    )
