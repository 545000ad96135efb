"""Every block of the README and of the pages in docs runs as pasted, on small data.

Only numbers are made smaller (trials, epochs, seeds, samples), to save time.
`make test` runs the README, `make slow` the pages in docs.
Blocks marked ``text`` need what no test has (docker, a server).
"""

import re
import shlex
import shutil
import zipfile
from pathlib import Path

import numpy as np
import pytest
import rasterio
from commands import run  # noqa: F401
from rasterio.warp import transform

import autoai4eo as ae
from autoai4eo.data.synthetic import write_scene_like

ROOT = Path(__file__).parents[1]
PAGES = ["README.md", *sorted(f"docs/{p.name}" for p in (ROOT / "docs").glob("*.md"))]
BLOCK = re.compile(r"^```(\w*)\n(.*?)^```", re.M | re.S)
#: Not ours, or run by whoever runs this test.
FOREIGN = ("make", "pip", "tensorboard", "optuna-dashboard")
#: Options that make a command small, by its first words.
TINY = [
    *("--channels", "4", "--blocks", "1", "--depth", "1", "--max-depth", "2"),
    *("--search-batch-size", "8"),
]
MORE = {
    ("compact", "search"): TINY,
    ("compact", "table"): [*TINY, "--methods", "resnet-8,s"],
}
SMALLER = {
    "--max-trials": "1",
    "--epochs": "1",
    "--search-epochs": "1",
    "--seeds": "1",
    "--folds": "2",
    "--budget": "5",
    "--subset": "48",
    "--walks": "2",
    "--uniform": "3",
    "--spread": "3",
    "--workers": "1",
    "--proxy": "epochs=1,fraction=0.5",
    "--finalists": "1",
}
WEIGHTS = "lcz_weights/S2_RESNET20"


def blocks(page: str, *languages: str) -> list[str]:
    """The blocks of a page in these languages."""
    found = BLOCK.findall((ROOT / page).read_text("utf-8"))
    return [text for language, text in found if language in languages]


def commands(page: str) -> list[list[str]]:
    """The shell commands of a page, words apart."""
    lines = "".join(blocks(page, "", "sh")).replace("\\\n", " ").splitlines()
    words = [shlex.split(line, comments=True) for line in lines]
    return [w for w in words if w and w[0] not in FOREIGN]


def smaller(words: list[str]) -> list[str]:
    return [
        SMALLER.get(before, word)
        for before, word in zip(["", *words], words, strict=False)
    ] + MORE.get(tuple(words[:2]), [])


def split_by_sensor(scene: Path, s2: Path, s1: Path | None) -> None:
    """Digital numbers of Sentinel-2 in a file, Sentinel-1 in another or with them."""
    with rasterio.open(scene) as file:
        pixels, names, profile = file.read(), file.descriptions, file.profile
    optical = [i for i, name in enumerate(names) if name.startswith("B")]
    pixels[optical] *= 10_000
    parts = {s2: [*range(len(names))]}
    if s1 is not None:
        radar = [i for i in range(len(names)) if i not in optical]
        parts = {s2: optical, s1: radar}
    for path, rows in parts.items():
        with rasterio.open(path, "w", **{**profile, "count": len(rows)}) as file:
            file.write(pixels[rows])
            file.descriptions = [names[i] for i in rows]


def write_areas(path: Path, scene: Path) -> None:
    """Eight areas of two local climate zones on a scene, as Google Earth writes."""
    with rasterio.open(scene) as file:
        crs, t, height, width = file.crs, file.transform, file.height, file.width
    marks: dict[str, str] = {"LCZ 3": "", "LCZ A": ""}
    for i in range(8):
        row, column = divmod(i, 2)
        rows = np.array([0, 0, 1, 1, 0]) * (height / 4 - 4) + row * height / 4
        columns = np.array([0, 1, 1, 0, 0]) * (width / 2 - 4) + column * width / 2
        x, y = t.a * columns + t.c, t.e * rows + t.f
        ring = zip(*transform(crs, "EPSG:4326", x, y), strict=True)
        text = " ".join(f"{lon},{lat}" for lon, lat in ring)
        marks[("LCZ 3", "LCZ A")[(row + column) % 2]] += (
            "<Placemark><Polygon><outerBoundaryIs><LinearRing><coordinates>"
            f"{text}</coordinates></LinearRing></outerBoundaryIs></Polygon></Placemark>"
        )
    folders = "".join(
        f"<Folder><name>{name}</name>{some}</Folder>" for name, some in marks.items()
    )
    path.write_text(
        '<kml xmlns="http://www.opengis.net/kml/2.2"><Document><name>areas</name>'
        f"{folders}</Document></kml>"
    )


def write_pairs(folder: Path, images: str, masks: str, names: str) -> None:
    """Scenes with masks: bright pixels are of one class."""
    for name in (images, masks):
        (folder / name).mkdir()
    how = {"height": 128, "width": 128, "crs": "EPSG:32630", "driver": "GTiff"}
    how["transform"] = rasterio.Affine(10, 0, 300_000, 0, -10, 4_200_000)
    for name in names:
        rng = np.random.default_rng(ord(name))
        mask = rng.integers(0, 2, (16, 16)).repeat(8, 0).repeat(8, 1).astype("uint8")
        pixels = rng.integers(200, 900, (4, 128, 128)) + 2000 * mask.astype(int)
        path = folder / images / f"{name}.tif"
        with rasterio.open(path, "w", count=4, dtype="uint16", **how) as file:
            file.write(pixels.astype("uint16"))
            file.descriptions = ("B02", "B03", "B04", "B08")
        path = folder / masks / f"{name}.tif"
        with rasterio.open(path, "w", count=1, dtype="uint8", **how) as file:
            file.write(mask, 1)


@pytest.fixture(scope="module")
def place(so2sat, tmp_path_factory):
    """A folder with all files that the pages name."""
    folder = tmp_path_factory.mktemp("readme")
    for part in ("training", "validation", "testing"):
        (folder / f"{part}.h5").symlink_to(so2sat / f"{part}.h5")
    (folder / "so2sat").mkdir()
    for part in ("training", "testing"):
        (folder / "so2sat" / f"{part}.h5").symlink_to(so2sat / f"{part}.h5")
    (folder / "benchmarks").symlink_to(ROOT / "benchmarks")
    write_scene_like(folder / "made.tif", 2, seed=0)
    split_by_sensor(folder / "made.tif", folder / "SCENE.tif", None)
    for season in ("SPRING", "SUMMER"):
        split_by_sensor(
            folder / "made.tif", folder / f"{season}.tif", folder / f"{season}_S1.tif"
        )
    write_areas(folder / "areas.kml", folder / "made.tif")
    write_pairs(folder, "images", "masks", "abcde")
    write_pairs(folder, "new_images", "new_masks", "fg")
    rng = np.random.default_rng(0)
    with zipfile.ZipFile(folder / "EuroSAT_RGB.zip", "w") as archive:
        for name in ("Forest", "River", "Highway"):
            for i in range(30):
                with rasterio.MemoryFile() as memory:
                    with memory.open(
                        driver="PNG", width=16, height=16, count=3, dtype="uint8"
                    ) as image:
                        image.write(rng.integers(0, 255, (3, 16, 16), "uint8"))
                    archive.writestr(f"EuroSAT/{name}/{name}_{i}.png", memory.read())
    real = sorted((ROOT.parent / "shared" / "data").glob(f"{WEIGHTS}*.h5"))
    if real:
        shutil.copy(real[0], folder / "S2_RESNET20.h5")
    return folder


@pytest.fixture
def short(monkeypatch, in_process):
    """One trial of one epoch in Python, whatever the page asks for."""
    fit, init = ae.AutoModel.fit, ae.AutoModel.__init__

    def one_epoch(self, *arguments, **named):
        return fit(self, *arguments, **{**named, "epochs": 1, "verbose": 0})

    def one_trial(self, *arguments, **named):
        init(self, *arguments, **{**named, "max_trials": 1})

    settings = ae.compact.CompactSettings

    def tiny(**named):
        few = {"epochs": 1, "batch_size": 8, "channels": 4, "blocks": 1, "depth": 1}
        return settings(**{**named, **few, "max_depth": 2})

    monkeypatch.setattr(ae.compact, "CompactSettings", tiny)
    monkeypatch.setattr(ae.AutoModel, "fit", one_epoch)
    monkeypatch.setattr(ae.AutoModel, "__init__", one_trial)


def with_slow_docs(pages):
    return [
        pytest.param(page, marks=[pytest.mark.slow] if "docs/" in page else [])
        for page in pages
    ]


@pytest.mark.parametrize("page", with_slow_docs(PAGES))
@pytest.mark.usefixtures("in_process")
@pytest.mark.filterwarnings("ignore")  # pages are about commands, not about these data
def test_shell_commands_run_as_pasted(page, place, monkeypatch, run):  # noqa: F811
    """Users rely on: what they paste from a page works."""
    monkeypatch.chdir(place)
    for words in commands(page):
        if "S2_RESNET20.h5" in words and not Path("S2_RESNET20.h5").exists():
            continue  # weights of others, which are not part of the project
        assert words[0] == "autoai4eo", words
        done = run(*smaller(words[1:]))
        assert done.status == 0, f"{shlex.join(words)}\n{done.err}"


@pytest.mark.parametrize(
    "page", with_slow_docs(p for p in PAGES if blocks(p, "python"))
)
@pytest.mark.usefixtures("short", "tiny_networks", "checked_here")
@pytest.mark.filterwarnings("ignore")
def test_python_blocks_run_as_pasted(page, place, monkeypatch):
    """Users rely on: each block is complete, and runs."""
    monkeypatch.chdir(place)
    for number, block in enumerate(blocks(page, "python"), start=1):
        exec(compile(block, f"{page}, Python block {number}", "exec"), {})


def test_pages_name_files_that_exist():
    """Users rely on: links lead somewhere."""
    for page in PAGES:
        text = (ROOT / page).read_text("utf-8")
        for link in re.findall(r"\]\((?!https?:|#)([^)#]+)", text):
            assert (ROOT / page).parent.joinpath(link).exists(), f"{page}: {link}"
