"""``fit``: searches for a network."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Annotated

import typer

from autoai4eo.cli.console import console, hushed
from autoai4eo.cli.dry_run import print_plan
from autoai4eo.cli.named_numbers import parse_limits, parse_proxy
from autoai4eo.cli.options import (
    AllowRemote,
    Bands,
    BlockKm,
    ClassLevel,
    ClassNames,
    Device,
    DeviceProfile,
    DeviceTokenFile,
    Ignored,
    Inputs,
    LatencyBatchSize,
    Masks,
    MaxGib,
    Precision,
    PretrainedWeights,
    Prior,
    Rule,
    Runtime,
    SearchStorage,
    Task,
    Threads,
    Tile,
    TileStride,
    ValMasks,
    parse_ignored,
    parse_names,
    parse_shares,
)
from autoai4eo.cli.outcome import keep_completed, print_outcome, told_completed
from autoai4eo.cli.search_options import (
    AllowOverlap,
    Constraints,
    DryRun,
    FinalEpochs,
    Finalists,
    FineTuneQuantized,
    Folds,
    Group,
    Loss,
    MapStep,
    Objectives,
    Patience,
    ProxyTraining,
    References,
    Split,
    Tuner,
    Verbose,
)
from autoai4eo.data.masks.tiles import TILE
from autoai4eo.errors import UserError, warn
from autoai4eo.files import check_can_write_into, check_not_input
from autoai4eo.log import log, told_while


def fit(
    train: Annotated[
        Path,
        typer.Argument(
            help="So2Sat HDF5, a folder or zip file with one folder of images per "
            "class, or scenes with --masks."
        ),
    ],
    out: Annotated[Path, typer.Option(help="The run's folder.")],
    val: Annotated[
        Path | None, typer.Option(help="Data to judge the candidates on.")
    ] = None,
    split: Split = None,
    group: Group = None,
    allow_overlap: AllowOverlap = False,
    block_km: BlockKm = None,
    subset: Annotated[
        int | None,
        typer.Option(
            min=2, help="Use only this many samples of TRAIN, drawn at random."
        ),
    ] = None,
    masks: Masks = None,
    val_masks: ValMasks = None,
    ignored: Ignored = None,
    class_names: ClassNames = None,
    tile: Tile = TILE,
    tile_stride: TileStride = None,
    task: Task = None,
    input: Inputs = None,
    bands: Bands = None,
    class_level: ClassLevel = None,
    allow_remote: AllowRemote = False,
    max_gib: MaxGib = None,
    objective: Objectives = None,
    constraint: Constraints = None,
    tuner: Tuner = None,
    prior: Prior = None,
    max_trials: Annotated[
        int, typer.Option(help="Number of candidates to train.")
    ] = 20,
    max_hours: Annotated[
        float | None, typer.Option(help="End the search after this many hours.")
    ] = None,
    patience: Patience = None,
    epochs: Annotated[int, typer.Option(help="Epochs of each candidate.")] = 20,
    final_epochs: FinalEpochs = None,
    proxy: ProxyTraining = None,
    finalists: Finalists = None,
    folds: Folds = None,
    seeds: Annotated[
        int, typer.Option(help="Train the finalists so many times, with other seeds.")
    ] = 1,
    rule: Rule = None,
    prune: Annotated[
        bool,
        typer.Option(
            "--prune", help="End trainings that can no longer reach the front."
        ),
    ] = False,
    workers: Annotated[
        int, typer.Option(help="Processes that try candidates at the same time.")
    ] = 1,
    storage: SearchStorage = None,
    batch_size: Annotated[int, typer.Option(min=1)] = 32,
    data_parallel: Annotated[
        bool,
        typer.Option(
            "--data-parallel",
            help="Train each network on all GPUs of this machine (JAX).",
        ),
    ] = False,
    class_weight: Annotated[
        str | None, typer.Option(help="balanced: rare classes count more.")
    ] = None,
    loss: Loss = None,
    latency_batch_size: LatencyBatchSize = 1,
    runtime: Runtime = None,
    precision: Precision = None,
    threads: Threads = None,
    device: Device = None,
    device_token_file: DeviceTokenFile = None,
    device_profile: DeviceProfile = None,
    judge_quantized: Annotated[
        bool,
        typer.Option(
            "--judge-quantized", help="Score candidates in --precision, such as int8."
        ),
    ] = False,
    fine_tune_quantized: FineTuneQuantized = None,
    map_step: MapStep = None,
    refit: Annotated[
        bool,
        typer.Option("--refit", help="Train the finalist on the validation data, too."),
    ] = False,
    seed: Annotated[int, typer.Option(min=0)] = 0,
    overwrite: Annotated[
        bool,
        typer.Option(
            "--overwrite", help="Delete the search in OUT and begin a new one."
        ),
    ] = False,
    references: References = True,
    dry_run: DryRun = False,
    verbose: Verbose = None,
    weights: PretrainedWeights = None,
    quiet: Annotated[bool, typer.Option("--quiet", help="Print errors only.")] = False,
) -> None:
    """Search for the best network, then train it; resumes the search in OUT.

    The data determine what is learned: a class per patch or per pixel, several labels,
    or values.
    """
    if val is not None and split is not None:
        raise UserError("expected --val or --split, got both; leave one out")
    arguments = dict(locals())
    if verbose not in (None, "log"):
        raise UserError(f"--verbose: expected log, got {verbose!r}; or leave it out")
    if class_weight not in (None, "balanced"):
        raise UserError(f"--class-weight: expected balanced, got {class_weight!r}")
    # resolved, so that . and .. have a name
    folder = Path(os.path.realpath(out.expanduser()))
    if not folder.name:
        raise UserError(f"--out: expected a folder for the run, found {out}; name one")
    check_can_write_into(out)
    read = (train, val, masks, val_masks, *(prior or ()))
    check_not_input(folder, filter(None, read))
    if not overwrite and (done := told_completed(out, arguments)) is not None:
        return None if quiet else console.print(done)
    limits = parse_limits(constraint or [])
    shares = parse_shares(split or "0.8/0.2")
    begin = time.monotonic()
    with hushed():
        from autoai4eo.cli.parts import (
            Opening,
            check_masks,
            open_training,
            pretrained,
            with_others,
        )
        from autoai4eo.data.readers.labels import finds_several
        from autoai4eo.data.spatial_blocks import check_block_km
        from autoai4eo.runs.data_record import check_validation_given
        from autoai4eo.runs.folder import Run
        from autoai4eo.runs.locking import check_not_in_use
        from autoai4eo.tasks import model_of
        from autoai4eo.tasks.planning import plan
        from autoai4eo.tasks.validating import keep_test
    shown = 0 if quiet else 2 if verbose == "log" else 1
    tell = log(shown)
    if not dry_run and storage is None:
        check_not_in_use(folder)
    begun = Run(folder)
    if val is None and not overwrite and begun.damage() is None and begun.exists:
        check_validation_given(folder, begun.read()["data"], str(train))
    check_block_km(group, block_km)
    how = Opening(
        shares,
        task=task,
        masks=masks,
        other_masks=val_masks,
        ignored=parse_ignored(ignored),
        class_names=parse_names(class_names),
        tile=tile,
        tile_stride=tile_stride,
        input=input,
        bands=bands,
        class_level=class_level,
        allow_remote=allow_remote,
        subset=subset,
        group=group,
        block_km=block_km,
        seed=seed,
        allow_overlap=allow_overlap,
    )
    check_masks(how, val)
    training = open_training(train, how, tell)
    for note in filter(finds_several, training.notes):
        warn(note)  # nobody said so: --task was left out
    model = model_of(training.target.kind)(
        inputs=input,
        directory=folder.parent,
        project_name=folder.name,
        objective=objective or None,
        constraints=limits,
        tuner=tuner,
        prior=prior or (),
        max_trials=max_trials,
        seed=seed,
        overwrite=overwrite,
        latency_batch_size=latency_batch_size,
        runtime=runtime,
        precision=precision,
        threads=threads,
        device=device,
        device_profile=device_profile,
        map_step=map_step,
        workers=workers,
        storage=storage,
        patience=patience,
        proxy=parse_proxy(proxy),
        finalists=finalists,
        folds=folds,
        seeds=seeds,
        rule=rule,
        prune=prune,
        judge_quantized=judge_quantized,
        fine_tune_quantized=fine_tune_quantized,
        **pretrained(weights, training.target.kind),
    )
    training, validation, *rest = with_others(training, val, how, tell)
    if dry_run:
        return print_plan(
            plan(
                model,
                training,
                validation,
                epochs=epochs,
                batch_size=batch_size,
                loss=loss,
                final_epochs=final_epochs,
                allow_overlap=allow_overlap,
                tell=tell,
            )
        )
    model.fit(
        training,
        validation_data=validation,
        epochs=epochs,
        batch_size=batch_size,
        class_weight=class_weight,
        loss=loss,
        max_hours=max_hours,
        data_parallel=data_parallel,
        references=references,
        group=group,
        block_km=block_km,
        allow_overlap=allow_overlap,
        refit=refit,
        final_epochs=final_epochs,
        verbose=shown,
    )
    scores, test = None, rest[0] if rest else None
    if test is not None:
        with told_while(tell, "evaluating the finalist on the test part"):
            network = Run(folder).read_evaluation().get("network")
            scores = model.evaluate(test)
            keep_test(folder, network, scores)
    keep_completed(model.tuner.study, arguments)
    if not quiet:
        seconds = time.monotonic() - begin
        tested = None if test is None else (scores, len(test))
        print_outcome(out, folder, model.trials(all=True), seconds, tested)
