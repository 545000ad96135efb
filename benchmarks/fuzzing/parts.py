"""What is tried on changed files: calls of the readers and of the command line."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, get_args, get_type_hints

import typer
from hypothesis import strategies as st

from fuzzing.changes import CHANGES, ODD

_READ_ONLY = [
    *(["trials", "run"], ["trials", "run", "--json"], ["pareto", "run"]),
    *(["pareto", "run", "--csv", "p.csv"], ["report", "run"], ["check", "run"]),
    *(["profile", "run"], ["profile", "run", "--trial", "0"]),
    ["evaluate", "run", "data/numbers.npz"],
    ["evaluate", "run", "data/numbers.npz", "--trial", "1"],
]
#: part -> folder of valid files -> calls, as a verb and its arguments. A folder is
#: changed and one of its calls made, in that folder.
CALLS: dict[str, dict[str, list[list[str]]]] = {
    "readers": {
        "h5": [["read", f"{name}.h5"] for name in ("whole", "chunks", "checked")],
        "images": [
            ["read", "images"],
            ["read", "images.zip"],
            ["split", "images", "split.csv"],
        ],
        "arrays": [
            ["read", f"{name}.npz"]
            for name in ("numbers", "onehot", "names", "one", "unlabelled")
        ]
        + [["arrays", "numbers.npz"], ["statistics", "numbers.npz", "statistics.json"]],
        "scenes": [
            *(["scene", name] for name in ("scene.tif", "tiled.tif", "scene.vrt")),
            ["scene", "safe.zip"],
            ["scene", "S2A_MSIL2A_20200101T105441_N0400_R051_T30SXH_20200101T1.SAFE"],
        ],
    },
    "runs": {
        "run": [
            *(["autoai4eo", *call] for call in 5 * _READ_ONLY),
            # it starts an interpreter of its own, which takes long
            ["autoai4eo", "export", "run", "out.keras", "--format", "keras"],
        ]
    },
    "commands": {"all": []},
}
#: What the command line is given for a path, besides odd values; of `seeds.write_*`.
PATHS = [
    *("h5/whole.h5", "images", "images.zip", "arrays/numbers.npz", "arrays/one.npz"),
    *("arrays/unlabelled.npz", "scenes/scene.tif", "scenes/scene.vrt", "scenes", "."),
    *("table/table.csv", "run", "run/run.json", "run/best/model.keras"),
    "net/net.keras",
    *("traps/fifo", "traps/null", "traps/zero", "traps/empty", "traps/empty.h5"),
    *("traps/text.txt", "traps/dangling", "traps/loop", "traps/ünïcode \x1b[31m"),
    *("missing", "missing/deep/er", "../outside", "a" * 300, "b/" * 3000, "", "%?#"),
    *("out", "out.tif", "out.csv", "out.png", "new/out", "-", "--", "~", "~nobody"),
]  # fmt: skip
_WORDS = [
    *("accuracy", "val_cohen_kappa", "latency_ms", "params", "macs=1e6", "params=nan"),
    *("sen2=B02,B03", "B02,B03,B04", "sen1", "sen2", "image", "random", "tpe", "gp"),
    *(
        "epochs=1,fraction=0.5",
        "fraction=-1",
        "0.5/0.5",
        "0.5/nan/0.5",
        "tags",
        "keras",
    ),
    *("keras", "onnx", "litert", "savedmodel", "float16", "int8", "val", "focal"),
    *(
        "balanced",
        "width,depth",
        "city",
        "spatial_block",
        "sqlite:///x.db",
        "x://%?#",
        "1e309",
        "٣",
    ),
    *("postgresql://u:secret@127.0.0.1:9/x", "file", "scenes/scene.tif", "\udcff"),
]
#: A search must not really begin: what is read is refused late.
_FITS = [
    *(["arrays/one.npz"], ["arrays/unlabelled.npz"], ["images", "--val", "missing"]),
    ["arrays/numbers.npz", "--val", "arrays/unlabelled.npz"],
    ["h5/whole.h5", "--val", "traps/empty"],
]


def inputs_of(part: str, options: dict[str, dict[str, str]]) -> Any:
    """A strategy for the inputs of a part, as JSON."""
    if part == "commands":
        return _commands(options)
    return st.one_of(
        [
            st.fixed_dictionaries(
                {
                    "seed": st.just(seed),
                    "call": st.sampled_from(calls),
                    "changes": st.lists(CHANGES, min_size=1, max_size=3),
                }
            )
            for seed, calls in CALLS[part].items()
        ]
    )


def commands() -> dict[str, dict[str, str]]:
    """The commands' options, and what they take: ``{"fit": {"--seed": "int"}}``.

    Without ``demo``, which is one long search.
    """
    from autoai4eo.cli.main import app

    found: dict[str, dict[str, str]] = {}
    for command in app.registered_commands:
        if command.callback is None or command.name in (None, "demo"):
            continue
        options = found[str(command.name)] = {}
        for name, kind in get_type_hints(command.callback, include_extras=True).items():
            told = next(iter(getattr(kind, "__metadata__", ())), None)
            if isinstance(told, typer.models.OptionInfo):
                takes = str(get_args(kind)[0])
                words = [w for w in ("bool", "int", "float", "Path") if w in takes]
                for option in told.param_decls or [f"--{name.replace('_', '-')}"]:
                    options[option] = words[0] if words else "str"
    return found


def _commands(options: dict[str, dict[str, str]]) -> Any:
    odd = [str(v) for v in ODD]
    paths = st.sampled_from([*PATHS, *odd])
    words = st.one_of(st.sampled_from([*_WORDS, *odd]), paths, st.text(max_size=20))
    usual = {
        "int": st.sampled_from(["0", "1", "2", "3", "17"]),
        "float": st.sampled_from(["0", "0.5", "1", "1e-4", "nan", "-1"]),
        "Path": st.sampled_from(PATHS),
    }

    def value(option: str, kind: str) -> Any:
        """Mostly one that the option takes: the first that is wrong ends a call."""
        told = st.sampled_from(_USUAL.get(option, _WORDS))
        often = usual.get(kind, told)
        return st.one_of(often, often, often, words)

    @st.composite
    def called(draw: Any) -> dict[str, Any]:
        name = draw(st.sampled_from(sorted(options)))
        known = options[name]
        given = draw(st.lists(paths, max_size=3))
        if name == "simulate":
            given = [*draw(st.sampled_from([given, ["table/table.csv"]])), "--out", "o"]
            given += ["--choices", "width,depth", "--maximize", "val"]
            given += ["--seeds", "1", "--budget", "2"]
        elif name == "fit":
            given = [*draw(st.sampled_from(_FITS)), "--out", "out", "--max-trials", "1"]
        elif name == "export" and draw(st.booleans()):
            given = ["net", "out", "--format", "keras"]  # no run; a real one takes long
        elif draw(st.integers(0, 3)):
            given = [*_MAIN.get(name, ["run"])]
        for option in draw(
            st.lists(st.sampled_from(sorted(known) or ["--help"]), max_size=4)
        ):
            given += [option]
            if known.get(option, "bool") != "bool":
                given += [draw(value(option, known[option]))]
            if option == "--csv" and given[-1] == "traps/fifo":
                given.pop()  # as `>` does, it waits for who reads the pipe
                given += ["t.csv"]
        if draw(st.integers(0, 9)) == 0:
            given += [draw(st.one_of(st.just("--help"), words))]
        arguments = [_tame(a) for a in (name, *given)]
        return {"seed": "all", "call": ["autoai4eo", *arguments], "changes": []}

    return called()


def _tame(argument: str) -> str:
    """Without a path out of the temporary folder, where something might be written.

    Nor with a zero byte, which the system does not hand over.
    """
    argument = re.sub(r"(^|[=,:])/+", r"\1", argument.replace("\0", ""))
    return re.sub(r"\.\.(/+\.\.)+", "..", argument)


_USUAL = {
    "--bands": ["B02,B03,B04", "sen2=B02,B03", "B1,B2,B3,B4", "B02"],
    "--input": ["sen2", "sen1", "image"],
    "--split": ["0.5/0.5", "0.4/0.3/0.3", "0.9/0.1", "nan/0.5"],
    "--group": ["city", "parent", "spatial_block", "file"],
    "--block-km": ["5", "0", "-1", "nan", "1e9", "x"],
    "--objective": ["val_accuracy", "latency_ms", "params", "val_cohen_kappa", "x"],
    "--constraint": ["params=1e6", "latency_ms=2", "macs=nan", "params=-1", "x=1"],
    "--tuner": ["random", "tpe", "nsga2", "gp", "greedy", "hyperband", "cost-aware"],
    "--proxy": ["epochs=1,fraction=0.5", "fraction=2", "epochs=nan", "epochs"],
    "--class-weight": ["balanced"],
    "--loss": ["focal", "crossentropy"],
    "--format": ["keras", "x"],  # the others convert for long
    "--scale": ["1e-4", "tags", "0", "nan", "1e308"],
    "--season": ["scenes/scene.tif", "scenes/tiled.tif,scenes/scene.vrt"],
    "--tuners": ["random", "tpe", "nsga2", "random,cost-sorted"],
    "--choices": ["width,depth", "width", "val"],
    "--maximize": ["val", "params", "width"],
    "--minimize": ["params", "val"],
    "--known": ["params", "val", "width"],
    "--log": ["params", "val", "x"],
}
_MAIN = {
    "inspect": ["arrays/numbers.npz"],
    "evaluate": ["run", "arrays/numbers.npz"],
    "map": ["net/net.keras", "scenes/scene.tif", "out.tif", "--scale", "1e-4"],
}


def make(call: Sequence[str]) -> int | None:
    """Makes a call in the current folder; of the command line, the exit status."""
    verb, *arguments = call
    if verb == "autoai4eo":
        return _command_line(arguments)
    _VERBS[verb](*arguments)
    return None


def _command_line(arguments: list[str]) -> int:
    from autoai4eo.cli import main

    sys.argv = ["autoai4eo", *arguments]
    try:
        main()
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else int(end.code is not None)
    return 0


def _read(path: str) -> None:
    from autoai4eo.data.readers.opening import open_dataset

    _look(open_dataset(Path(path)))


def _arrays(path: str) -> None:
    """The same arrays in memory."""
    import numpy as np

    from autoai4eo.data.readers.opening import open_dataset

    if not Path(path).is_file():
        return
    try:
        with np.load(path, allow_pickle=False) as file:
            found = dict(file)
    except Exception:
        return  # that is `read`'s
    labels = found.pop("label", None)
    _look(open_dataset(found, labels=labels))


def _look(dataset: Any) -> None:
    """All that is read of data before a search."""
    from autoai4eo.data.problems import find_problems
    from autoai4eo.data.statistics import statistics

    repr(dataset)
    dataset.fingerprint()
    dataset.coordinates()
    dataset.label_counts()
    for rows in dataset.blocks(4):
        dataset.read(rows)
    find_problems(dataset, statistics(dataset))


def _split(path: str, table: str) -> None:
    from autoai4eo.data.readers.opening import open_dataset
    from autoai4eo.data.splits import split

    split(open_dataset(path), (0.5, 0.5), groups=table, group="part")


def _statistics(path: str, kept: str) -> None:
    from autoai4eo.data.problems import find_problems
    from autoai4eo.data.readers.opening import open_dataset
    from autoai4eo.data.statistics import cached_statistics

    dataset = open_dataset(path)
    find_problems(dataset, cached_statistics(dataset, Path(kept)))


def _scene(path: str) -> None:
    from autoai4eo.data.scenes.scene import Scene

    with Scene(path) as scene:
        scene.notes(scene.bands)
        scene.read(-4, -4, 24, 24, {"image": scene.bands})
    Scene(path, scale="tags", allow_no_crs=True)


_VERBS: dict[str, Callable[..., None]] = {
    "read": _read,
    "arrays": _arrays,
    "split": _split,
    "statistics": _statistics,
    "scene": _scene,
}
