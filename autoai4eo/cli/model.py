"""``evaluate``, ``profile`` and ``export``: what is done with a found network."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from autoai4eo.cli.console import console, hushed, print_json, print_table
from autoai4eo.cli.options import (
    AllowRemote,
    Bands,
    ClassLevel,
    MaxGib,
    Storage,
    parse_bands,
)
from autoai4eo.learning.figures import FIGURES, METRICS

Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Trial = Annotated[
    int | None, typer.Option(help="This trial of the run, not its finalist.")
]


def evaluate(
    model: Annotated[Path, typer.Argument(help="A run folder or a .keras file.")],
    data: Annotated[Path, typer.Argument(help="Labelled data.")],
    trial: Trial = None,
    storage: Storage = None,
    batch_size: Annotated[int, typer.Option(min=1)] = 64,
    bands: Bands = None,
    class_level: ClassLevel = None,
    allow_remote: AllowRemote = False,
    max_gib: MaxGib = None,
    json: Json = False,
) -> None:
    """Hold a network against labelled data."""
    with hushed():
        from autoai4eo.data.units import typical_of
        from autoai4eo.deploy import load_network
        from autoai4eo.learning import evaluation
        from autoai4eo.runs.folder import Run
    network = load_network(model, trial)
    known = Run(model).read()["data"]["training"] if model.is_dir() else None
    statistics = Run(model).read_statistics() if model.is_dir() else {}
    dataset = evaluation.open_for(
        network,
        known,
        data,
        bands=parse_bands(bands),
        class_level=class_level,
        allow_remote=allow_remote,
        typical={name: typical_of(told) for name, told in statistics.items()},
    )
    # before the work: the run may ask for its database
    of_finalist = model.is_dir() and trial is None and not json
    story = finalist_story(model) if of_finalist else ""
    scores = evaluation.evaluate(network, dataset, batch_size)
    if json:
        print_json(scores)
    else:
        print_scores(scores, f"{model} on {data} ({len(dataset):,} samples)")
        if story:
            console.print(story)


def finalist_story(run: Path) -> str:
    """What a run's finalist and its trial reached, and why these differ."""
    from autoai4eo.runs.folder import Run
    from autoai4eo.runs.study import objectives_of, open_study, trial_of
    from autoai4eo.runs.two_figures import two_figures

    evaluation = Run(run).read_evaluation()
    if not evaluation:
        return ""
    study = open_study(run)
    trial = trial_of(study, run, evaluation["trial"])
    return two_figures(
        evaluation, trial.user_attrs.get("metrics", {}), objectives_of(study)
    )


def print_scores(scores: dict[str, Any], title: str) -> None:
    """The scores of an evaluation for people."""
    console.print(title, style="bold")
    known = [name for name in METRICS if name in scores]
    told = {n: f"{FIGURES[n].label} {FIGURES[n].text(scores[n])}" for n in known}
    for name, interval in scores["intervals"].items():
        low, high = map(FIGURES[name].text, interval)
        told[name] += f" ({low} to {high})"
    console.print("   ".join(told.values()))
    console.print(f"in brackets: 95 % intervals, resampled by {scores['resampled_by']}")
    if scores["absent_classes"]:
        console.print(
            "not in these data, left out of the average accuracy (and of macro F1, if "
            "never predicted): "
            f"{', '.join(scores['absent_classes'])}"
        )
    columns = ["precision", "recall", "f1", "support"]
    rows = [
        [name, *(figures[c] for c in columns)]
        for name, figures in scores["per_class"].items()
    ]
    print_table("", ["class", *columns], rows)


def profile(
    model: Annotated[Path, typer.Argument(help="A run folder or a .keras file.")],
    trial: Trial = None,
    storage: Storage = None,
    batch_size: Annotated[int, typer.Option(min=1, help="For the latency.")] = 1,
    json: Json = False,
) -> None:
    """Say what a network costs: parameters, MACs, FLOPs, size, latency here."""
    with hushed():
        from autoai4eo.cost import profile as measure
        from autoai4eo.deploy import load_network
    cost = measure(load_network(model, trial), batch_size).to_dict()
    if json:
        print_json(cost)
    else:
        rows = [[name, value] for name, value in cost.items() if value is not None]
        print_table(str(model), ["cost", "value"], rows)


def export(
    run: Annotated[Path, typer.Argument(help="A run folder.")],
    out: Annotated[Path, typer.Argument(help="What is written.")],
    format: Annotated[
        str, typer.Option(help="savedmodel, keras, onnx or litert")
    ] = "savedmodel",
    trial: Trial = None,
    storage: Storage = None,
    quantize: Annotated[
        str | None, typer.Option(help="For litert: float16 or int8.")
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite")] = False,
    calibrated: Annotated[
        bool,
        typer.Option(
            "--calibrated", help="As sure as it is right: by its temperature."
        ),
    ] = False,
) -> None:
    """Write a run's network for other programs, once it ran in a fresh process."""
    with hushed():
        from autoai4eo import deploy

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
        "re-loaded in a fresh process with its own runtime alone: probabilities differ "
        f"from Keras's by {done.max_difference:.1e} at most (allowed: "
        f"{done.tolerance:g}) on {done.checked_on}; {done.latency_ms:.2f} ms for one "
        f"patch on {done.device}"
    )
    if done.accuracy is None:
        return
    if "not_measured" in done.accuracy:
        console.print(
            "what quantising cost in accuracy was not measured: "
            + done.accuracy["not_measured"]
        )
        return
    before, after = done.accuracy["float32"], done.accuracy["quantized"]
    console.print(
        f"{done.quantize} in place of float32: OA {before['accuracy']:.4f} becomes "
        f"{after['accuracy']:.4f}, kappa {before['cohen_kappa']:.4f} becomes "
        f"{after['cohen_kappa']:.4f}, on {done.accuracy['on']}"
    )
