"""Makes `first_storey`, a run as version 0.1.0 wrote it, to prove that it still opens.

Run it once, at the tag `first-storey`, in a new folder::

    git clone --branch first-storey REPOSITORY old && cd old
    cp NEW/tests/old_runs/make.py tests/old_runs.py && python tests/old_runs.py OUT
"""

import sys
from pathlib import Path

from small import CLASSES, TinyBlock, dataset

import autoai4eo as ae

OBJECTIVES = ["val_cohen_kappa", "params"]


def search(folder, max_trials):
    """A search of two objectives in `folder`/first_storey."""
    node = ae.ImageInput("sen2")
    head = ae.blocks.PooledHead(pooling="average", dropout=0.0)
    model = ae.AutoModel(
        node,
        head(TinyBlock()(node)),
        directory=folder,
        project_name="first_storey",
        objective=OBJECTIVES,
        constraints={"params": 100_000},
        max_trials=max_trials,
        tuner="tpe",
        seed=3,
    )
    model.fit(dataset(), validation_data=dataset(24, 1), epochs=2, verbose=0)
    return model


if __name__ == "__main__":
    out = Path(sys.argv[1])
    made = search(out, 3)
    assert CLASSES == 3
    print(made.trials(all=True).T)
