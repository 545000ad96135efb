"""A map as people show it: beside the scene, with coordinates, scale bar and legend."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from autoai4eo.data.class_colours import colours
from autoai4eo.data.pictures import TRUE_COLOUR
from autoai4eo.data.scenes.grid import Grid, is_on_earth
from autoai4eo.data.scenes.scene import Scene
from autoai4eo.deploy.mapping.frames import add_north, add_scale_bar, frame
from autoai4eo.deploy.mapping.ground import pixel_metres
from autoai4eo.deploy.mapping.products import MadeMap, check_product
from autoai4eo.deploy.mapping.reference import Reference
from autoai4eo.deploy.mapping.reference_picture import ReferencePicture
from autoai4eo.deploy.mapping.shares import Shares, class_shares
from autoai4eo.deploy.predictors.base import Predictor
from autoai4eo.errors import UserError, warn
from autoai4eo.files import in_one_step, remove_leftovers
from autoai4eo.locks import output_alone
from autoai4eo.runs.belonging import trained_finalist
from autoai4eo.runs.folder import Run
from autoai4eo.runs.network_id import Which, network_id
from autoai4eo.text import line, listed

_SIZE = 800  # most pixels of an edge that are drawn
_LISTED = 20  # with more classes, the legend lists those in the map
_PANEL, _LEGEND, _LEAST = 3.6, 3.0, 3.2  # inches: a panel, the legend, the height
_TALLEST = 3.0  # times as high as wide that a panel may be
_FILES = 4  # of scenes, that are named
_FIGURE_SPACE = "\u2007"  # as wide as a digit
#: What is shown of a scene, the first of which it has all bands.
_SHOWN: dict[tuple[str, ...], str] = {
    **dict.fromkeys(TRUE_COLOUR, "true colour"),
    ("B08",): "near infrared",
    ("VV",): "radar",
}


@dataclass(frozen=True)
class Figure:
    """A picture of a map; a `Product`.

    It shows the scene in true colour (each band from its 2nd to its 98th percentile),
    the reference if there is one, the map and its confidence, with coordinates on the
    frame, a scale bar, an arrow where north is not up, the day where it is known, and
    the classes in their order, with shares and areas.

    Attributes:
        path: of the PNG.
        reference: that the map is held against; None: none.
    """

    path: Path
    reference: Reference | None = None

    def check(self, predictor: Predictor, overwrite: bool) -> None:
        """See `check_product`."""
        check_product(self.path, "figure", (".png",), predictor, overwrite)

    def check_place(self, grid: Grid) -> None:
        """Nothing: without a place on the Earth, the frame has pixels."""

    def write(self, made: MadeMap, path: Path, told: str = "") -> None:
        """Writes the picture to a path, with a description in its metadata.

        Raises:
            OSError: it cannot be written.
        """
        from matplotlib.backends.backend_agg import FigureCanvasAgg

        of = self.reference
        drawn = _drawn(made, None if of is None else of.picture(made, _SIZE))
        FigureCanvasAgg(drawn).print_png(
            str(path), metadata={"Description": told}, pil_kwargs={"optimize": True}
        )


def picture_of(predictor: Predictor, out: Path) -> Path | None:
    """Returns ``RUN/maps/NAME.png`` for a run's map of classes, else None."""
    run = Run(Path(predictor.path))
    if predictor.target.kind not in ("class", "mask") or not run.exists:
        return None
    return run.map_picture(out.stem)


def _told(made: MadeMap, run: Path, trial: Which) -> str:
    """Returns in a line which network of a run made a map, and of what."""
    import rasterio

    network = trained_finalist(run) if trial is None else network_id(trial)
    files = list(dict.fromkeys(p.name for one in made.scenes for p in one.files))
    if len(files) > _FILES:
        files = [files[0], f"{len(files) - 1} other files"]
    by = "" if network is None else f" by {network}"
    with rasterio.open(made.path) as file:
        tags = file.tags()
    more = [f"values {tags['UNITS']}"] if "UNITS" in tags else []
    if "MATCH_TRAINING" in tags:
        more.append(f"matched: {tags['MATCH_TRAINING'].partition(':')[0]}")
    return "; ".join([f"{listed(files)}{by}", *more])


def keep_picture(path: Path, made: MadeMap, predictor: Predictor, trial: Which) -> None:
    """Writes the picture in a run; only warns if that fails, as the map is whole.

    Args:
        path: of the PNG, whose ``Description`` tells what the map is of.
        made: the map.
        predictor: of the run, that made it.
        trial: its network; None: the finalist.
    """
    try:
        told = _told(made, Path(predictor.path), trial)
        if path.parent.is_symlink():
            raise NotADirectoryError(f"{path.parent} is a link")
        path.parent.mkdir(exist_ok=True)
        with output_alone(path, "map"):
            remove_leftovers(path.parent, path.name)
            with in_one_step(path) as temporary:
                Figure(path).write(made, temporary, told)
    except (OSError, UserError) as error:
        why = getattr(error, "strerror", None) or error
        warn(
            f"{path}: the map's picture cannot be written ({why}); the map itself is "
            "complete"
        )


def thumbnail(path: Path, size: int) -> np.ndarray:
    """Reads the first band of a layer at no more than `size` pixels per edge."""
    import rasterio

    with rasterio.open(path) as source:
        factor = max(1, max(source.shape) / size)
        shape = tuple(max(1, round(n / factor)) for n in source.shape)
        return np.asarray(source.read(1, out_shape=shape))


def _drawn(made: MadeMap, reference: ReferencePicture | None = None) -> Any:
    """Returns matplotlib's figure of a map, and a reference, see `Figure`."""
    import rasterio
    from matplotlib.figure import Figure as Drawing

    with rasterio.open(made.path) as file:
        grid = Grid.of(file)
    placed = is_on_earth(grid.crs)
    down, across = pixel_metres(grid) if placed else (1.0, 1.0)
    tall = min(_TALLEST, grid.height * down / (grid.width * across))
    number = 2 + bool(made.scenes) + (reference is not None)
    drawing = Drawing(
        figsize=(_PANEL * number + _LEGEND, max(_LEAST, _PANEL * tall + 0.5)),
        layout="compressed",
    )
    panels = drawing.subplots(1, number, squeeze=False)[0]
    middle, last = panels[-2:]
    how: dict[str, Any] = {
        "extent": (-0.5, grid.width - 0.5, grid.height - 0.5, -0.5),
        "aspect": down / across,
        "interpolation": "nearest",
    }
    if made.scenes:
        _show_scene(panels[0], made.scenes[0], grid, how)
    others = () if reference is None else reference.others
    greys = [(grey, grey, grey) for grey in np.linspace(225, 120, len(others))]
    known = colours(made.classes, made.colours)
    table = np.array([(255, 255, 255), *known, *greys], np.uint8)
    if reference is not None:
        panels[-3].imshow(table[reference.labels], **how)
        panels[-3].set_title("reference", fontsize=9)
    middle.imshow(table[thumbnail(made.path, _SIZE)], **how)
    middle.set_title("map", fontsize=9)
    image = last.imshow(thumbnail(made.confidence, _SIZE), vmin=0, vmax=1, **how)
    last.set_title("confidence", fontsize=9)
    bar = drawing.colorbar(image, ax=last, fraction=0.04, pad=0.02)
    bar.ax.tick_params(labelsize=7)
    for axes in panels:
        frame(axes, grid)
    for axes in panels[1:]:
        axes.tick_params(labelleft=False)
    if placed:
        add_scale_bar(middle, grid, across)
        add_north(middle, grid)
    dates = dict.fromkeys(scene.date for scene in made.scenes if scene.date)
    title = line(", ".join([made.path.stem, *map(str, dates)]))
    # parse_math=False: dollar signs in a name are no formula
    drawing.suptitle(title, fontsize=11, parse_math=False)
    found = class_shares(made.path, len(made.classes))
    _add_legend(drawing, made.classes, table[1:] / 255, found, others)
    return drawing


def _show_scene(axes: Any, scene: Scene, grid: Grid, how: dict[str, Any]) -> None:
    """Draws a scene where it lies on the grid of the map."""
    shown = next((n for n in _SHOWN if set(n) <= set(scene.bands)), scene.bands[:1])
    axes.set_title(f"{_SHOWN.get(shown, 'scene')} ({', '.join(shown)})", fontsize=9)
    values = scene.overview(shown, _SIZE)
    known = np.isfinite(values).all(axis=-1)
    if known.any():
        low, high = np.percentile(values[known], (2, 98), axis=0)
        values = (values - low) / np.where(high > low, high - low, 1)
    picture = np.where(known[..., None], np.clip(values, 0, 1), 1)
    here, there = (np.array(g.transform).reshape(3, 3) for g in (grid, scene.grid))
    end = [scene.grid.width, scene.grid.height, 1]
    right, bottom, _ = np.linalg.solve(here, there @ end)
    axes.imshow(
        picture if len(shown) == 3 else picture[..., 0],
        cmap="gray",
        extent=(-0.5, right - 0.5, bottom - 0.5, -0.5),
        aspect=how["aspect"],
        interpolation="antialiased",
    )


def _add_legend(
    drawing: Any,
    classes: Sequence[str],
    table: np.ndarray,
    found: Shares,
    others: Sequence[str],
) -> None:
    """Adds the classes in their order, with share and area; then others' names."""
    from matplotlib.patches import Patch

    some = [
        i for i in range(len(classes)) if len(classes) <= _LISTED or found.pixels[i]
    ]
    areas = found.areas
    wide = 0 if areas is None else len(f"{areas.max(initial=0):,.2f}")
    handles = []
    for i in some:
        area = "" if areas is None else f"{areas[i]:{wide},.2f} km²  "
        # numbers first: matplotlib leaves out labels that begin with _
        numbers = f"{found.shares[i]:6.1%}  {area}".replace(" ", _FIGURE_SPACE)
        label = f"{numbers}{line(classes[i])}"
        handles.append(Patch(facecolor=table[i], edgecolor="0.5", label=label))
    for colour, name in zip(table[len(classes) :], others, strict=True):
        label = f"in the reference: {line(name)}"
        handles.append(Patch(facecolor=colour, edgecolor="0.5", label=label))
    legend = drawing.legend(
        handles=handles,
        loc="outside right center",
        frameon=False,
        fontsize=8,
    )
    for text in legend.get_texts():
        text.set_parse_math(False)
