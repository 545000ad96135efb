"""A reader written outside of the package: what one has to offer, and no more.

A text file lists patches (``.npy`` files, float32 (H, W, 2)) and what was measured on
the ground there: ``patch.npy;plot;biomass``.
"""

from pathlib import Path

import numpy as np

from autoai4eo.data.readers.base import InputSpec, TargetsInMemory
from autoai4eo.data.readers.opening import Form
from autoai4eo.data.sensors import SENTINEL1_DB
from autoai4eo.data.target import Target


class PlotListReader(TargetsInMemory):
    chunk_rows = 1
    whole = False
    pixel_bytes = 4

    def __init__(self, path, options=None):
        self.path = str(path)
        rows = [line.split(";") for line in Path(path).read_text().splitlines()]
        self.names = [file for file, _, _ in rows]
        self.groups = {"plot": np.array([plot for _, plot, _ in rows])}
        self.target = Target("value", ("biomass",), (1,))
        self.targets = np.array([[float(v)] for *_, v in rows], np.float32)
        self.notes = ()
        height, width, _ = self._patch(0).shape
        self.inputs = (
            InputSpec("sar", SENTINEL1_DB.name, SENTINEL1_DB.bands, height, width),
        )

    def _patch(self, row):
        return np.load(Path(self.path).parent / self.names[row])

    def read(self, rows, names):
        pixels = np.empty((len(rows), *self.inputs[0].shape), np.float32)
        for i, row in enumerate(rows):
            pixels[i] = self._patch(row)
        return {"sar": pixels}

    def coordinates(self):
        return None


FORM = Form("a list of plots", lambda path: path.suffix == ".plots", PlotListReader)


def write(folder, samples):
    """Such a file with its patches."""
    lines = []
    for i in range(samples):
        np.save(folder / f"{i}.npy", np.full((4, 4, 2), -i, np.float32))
        lines.append(f"{i}.npy;plot{i // 2};{i * 1.5}")
    (folder / "a.plots").write_text("\n".join(lines))
    return folder / "a.plots"
