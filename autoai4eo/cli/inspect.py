"""``inspect``: what is in a data set."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from autoai4eo.cli.console import console, print_json, table


def inspect(
    data: Annotated[
        list[Path],
        typer.Argument(
            help="So2Sat HDF5, or a folder or zip file with one folder of images per "
            "class; further ones are searched for patches that are in the first, too."
        ),
    ],
    input: Annotated[list[str] | None, typer.Option(help="Only this input.")] = None,
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Say what is in data: samples, bands, classes, statistics, problems."""
    from autoai4eo.data.opening import open_dataset
    from autoai4eo.data.problems import find_problems
    from autoai4eo.data.statistics import statistics

    dataset = open_dataset(data[0], inputs=input)
    others = {str(path): open_dataset(path, inputs=input) for path in data[1:]}
    found = statistics(dataset)
    problems = find_problems(dataset, found, others)
    counts = dataset.label_counts().tolist()
    if json:
        print_json(
            {
                "path": dataset.path,
                "samples": len(dataset),
                "classes": dict(zip(dataset.class_names, counts, strict=True)),
                "groups": {k: len(set(v)) for k, v in dataset.groups.items()},
                "inputs": {
                    spec.name: {
                        "sensor": spec.sensor,
                        "shape": list(spec.shape),
                        "bands": [
                            {
                                "name": band.name,
                                "wavelength": band.wavelength,
                                "quantity": band.quantity,
                                **{
                                    k: float(getattr(found[spec.name], k)[i])
                                    for k in _FIGURES
                                },
                            }
                            for i, band in enumerate(spec.bands)
                        ],
                    }
                    for spec in dataset.inputs
                },
                "problems": problems,
            }
        )
        return
    console.print(f"[bold]{dataset.path}[/bold]   {len(dataset):,} samples")
    for name, members in dataset.groups.items():
        console.print(f"groups   {name}: {len(set(members)):,}")
    for spec in dataset.inputs:
        rows = [
            [
                band.name,
                band.wavelength,
                band.quantity,
                *(float(getattr(found[spec.name], k)[i]) for k in _FIGURES),
            ]
            for i, band in enumerate(spec.bands)
        ]
        title = f"{spec.name}   {spec.sensor}   {spec.height}×{spec.width} pixels"
        console.print(table(title, ["band", "nm", "quantity", *_FIGURES], rows))
    console.print(
        table(
            "classes",
            ["class", "samples", "share"],
            [
                [name, n, n / max(1, len(dataset))]
                for name, n in zip(dataset.class_names, counts, strict=True)
            ],
        )
    )
    console.print("[bold]problems[/bold]" if problems else "no problems found")
    for problem in problems:
        console.print(f"- {problem}")


_FIGURES = ("mean", "std", "p2", "p98", "nan", "inf", "nodata")
