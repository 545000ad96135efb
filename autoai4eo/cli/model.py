"""``evaluate``, ``profile`` and ``export``: commands for a found network."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from autoai4eo.cli.console import console, hushed, print_json, print_table
from autoai4eo.cli.data_paths import check_no_run
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
from autoai4eo.cli.scores import print_scores
from autoai4eo.learning.figures import FIGURES, MAP_COST
from autoai4eo.text import counted

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
        from autoai4eo.runs.data_record import is_validation
        from autoai4eo.runs.folder import Run
        from autoai4eo.runs.network_id import network_id

        check_block_km(by, block_km)
        check_no_run(data)
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
        of_model = f"{model}" if trial is None else f"{network_id(trial)} of {model}"
        print_scores(scores, f"{of_model} on {data} ({counted(len(dataset), noun)})")
        if of.run is not None and is_validation(Run(of.run).read(), dataset):
            console.print(
                "these are the validation data, by which the search chose the network: "
                "on other data its scores may be lower"
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
        from autoai4eo.runs.comparable import told_beside
        from autoai4eo.runs.networks import searched_with

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
        f"{done.sample} in {done.runtime}, with the threads that it takes by itself, "
        f"on {done.device}"
    )
    if told := told_beside(searched_with(run, trial), done.measured):
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
