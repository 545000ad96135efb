"""One small run on files, and what it gives in every format."""

import re
from types import SimpleNamespace

import pytest
import small
import sooner

import autoai4eo as ae
from autoai4eo import deploy


@pytest.fixture(scope="package")
def run(so2sat, tmp_path_factory):
    """Two trials of two inputs, sen1 and sen2, one of them with index channels."""
    from autoai4eo.search.workers import pool

    def search(tuner, training, refit_on=None, **_):
        from autoai4eo.search.workers.progress import Progress

        tuner.open(training)
        tuner.work(training, Progress(lambda message: None, tuner.monitor), refit_on)

    folder = tmp_path_factory.mktemp("export")
    inputs = [ae.ImageInput("sen1"), ae.ImageInput("sen2")]
    stems = [
        small.TinyBlock()(inputs[0]),
        ae.blocks.MultispectralStem(indices=True)(inputs[1]),
    ]
    head = ae.blocks.PooledHead(pooling="average", dropout=0.0)
    model = ae.AutoModel(
        inputs,
        head(ae.blocks.SensorFusion(kind="late")(stems)),
        directory=folder,
        project_name="run",
        max_trials=2,
        seed=0,
        tuner="random",
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pool, "search", search)
        model.fit(
            so2sat / "training.h5",
            validation_data=so2sat / "validation.h5",
            epochs=1,
            verbose=0,
        )
    return model.run


@pytest.fixture(scope="package")
def exported(run, tmp_path_factory):
    """The finalist in every format, by the name of the file."""
    folder = tmp_path_factory.mktemp("formats")
    with sooner.exports_checked_here():
        done = {
            name: deploy.export(run, folder / name, format, quantize=quantize)
            for name, (format, quantize) in small.EXPORTS.items()
        }
    return SimpleNamespace(folder=folder, done=done)


@pytest.fixture
def code():
    """The Python in a model card, by the name of the file that it loads."""

    def blocks(card):
        found = re.findall(r"```python\n(.*?)```", card, re.DOTALL)
        return {
            next(n for n in small.EXPORTS if f"'{n}'" in block): block
            for block in found
        }

    return blocks
