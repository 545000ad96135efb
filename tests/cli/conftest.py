"""What tests of the command line share."""

import signal

import pytest
from commands import run

__all__ = ["run"]


@pytest.fixture
def told_of_ctrl_c():
    """What a shell begins with & ignores Ctrl-C, and so would the commands here."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.fixture(scope="session")
def classified(tmp_path_factory):
    """The folder of a classifier's ``run``, of ``train.h5`` and ``val.h5``."""
    import small

    folder = tmp_path_factory.mktemp("classified")
    model = small.model(folder, max_trials=1)
    train = small.write(folder / "train.h5")
    validation = small.write(folder / "val.h5", seed=1)
    with small.in_this_process():
        model.fit(str(train), validation_data=str(validation), epochs=1, verbose=0)
    return folder
