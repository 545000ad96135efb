"""``evaluate``, ``profile`` and ``export``: what is done with a found network."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from autoai4eo.cli.console import console, hushed, print_json, table

Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Trial = Annotated[
    int | None, typer.Option(help="This trial of the run, not its finalist.")
]


def evaluate(
    model: Annotated[Path, typer.Argument(help="A run folder or a .keras file.")],
    data: Annotated[Path, typer.Argument(help="Labelled data.")],
    trial: Trial = None,
    batch_size: Annotated[int, typer.Option(min=1)] = 64,
    json: Json = False,
) -> None:
    """Hold a network against labelled data."""
    with hushed():
        from autoai4eo.deploy import load_network
        from autoai4eo.search.run_folder import read_run
        from autoai4eo.tasks import evaluation
    network = load_network(model, trial)
    known = read_run(model)["data"]["training"] if model.is_dir() else None
    dataset = evaluation.open_for(network, known, data)
    scores = evaluation.evaluate(network, dataset, batch_size)
    if json:
        print_json(scores)
    else:
        print_scores(scores, f"{model} on {data} ({len(dataset):,} samples)")


def print_scores(scores: dict[str, Any], title: str) -> None:
    """The scores of an evaluation for people."""
    console.print(f"[bold]{title}[/bold]")
    shown = {
        "accuracy": "accuracy",
        "average_accuracy": "average accuracy",
        "cohen_kappa": "Cohen's kappa",
    }
    with_intervals = [
        f"{name} {scores[key]:.4f} ({low:.3f} to {high:.3f})"
        for key, name in shown.items()
        for low, high in [scores["intervals"][key]]
    ]
    console.print(
        "   ".join(with_intervals) + f"   macro F1 {scores['macro_f1']:.4f}\n"
        f"expected calibration error {scores['expected_calibration_error']:.4f}   "
        f"(in brackets: 95 % intervals, resampled by {scores['resampled_by']})"
    )
    if scores["absent_classes"]:
        console.print(
            f"not in these data, and left out of the average accuracy: "
            f"{', '.join(scores['absent_classes'])}"
        )
    columns = ["precision", "recall", "f1", "support"]
    rows = [
        [name, *(figures[c] for c in columns)]
        for name, figures in scores["per_class"].items()
    ]
    console.print(table("", ["class", *columns], rows))


def profile(
    model: Annotated[Path, typer.Argument(help="A run folder or a .keras file.")],
    trial: Trial = None,
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
        console.print(table(str(model), ["cost", "value"], rows))


def export(
    run: Annotated[Path, typer.Argument(help="A run folder.")],
    out: Annotated[Path, typer.Argument(help="What is written.")],
    format: Annotated[str, typer.Option(help="savedmodel or keras")] = "savedmodel",
    trial: Trial = None,
    overwrite: Annotated[bool, typer.Option("--overwrite")] = False,
    calibrated: Annotated[
        bool,
        typer.Option(
            "--calibrated", help="As sure as it is right: by its temperature."
        ),
    ] = False,
) -> None:
    """Write a run's network for other programs."""
    with hushed():
        from autoai4eo import deploy
    path = deploy.export(
        run, out, format, trial=trial, overwrite=overwrite, calibrated=calibrated
    )
    console.print(f"written: {path} ({format})")
