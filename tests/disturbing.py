"""Keras callbacks that disturb a search, each once."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import keras


class Once(keras.callbacks.Callback):
    """Disturbs at the beginning of an epoch of a training; in all processes once.

    Args:
        folder: where it is noted that it was done.
        training: which, by a file that is there from then on.
        epoch: from 0.
    """

    def __init__(self, folder: Path, training: str = "", epoch: int = 0) -> None:
        super().__init__()
        self.folder, self.training, self.epoch = folder, training, epoch

    def on_epoch_begin(self, epoch: int, logs: object = None) -> None:
        note = self.folder / type(self).__name__
        begun = (self.folder / self.training).exists()
        if epoch == self.epoch and begun and not note.exists():
            note.write_text(str(os.getpid()))
            self.disturb()

    def disturb(self) -> None:
        raise NotImplementedError


class KillWorker(Once):
    """Kills the process that trains."""

    def disturb(self) -> None:
        os.kill(os.getpid(), signal.SIGKILL)


class KillEveryWorker(keras.callbacks.Callback):
    """Kills every process that trains a network, as the kernel does without memory.

    Args:
        but: so many times at most.
        folder: where they are counted.
    """

    def __init__(self, folder: Path, but: int) -> None:
        super().__init__()
        self.folder, self.but = folder, but

    def on_train_begin(self, logs: object = None) -> None:
        count = len(list(self.folder.glob("killed-*")))
        if count < self.but:
            (self.folder / f"killed-{count}").touch()
            os.kill(os.getpid(), signal.SIGKILL)


class StopWorker(Once):
    """Stops the process that trains, as Ctrl-Z or a debugger does."""

    def disturb(self) -> None:
        os.kill(os.getpid(), signal.SIGSTOP)


class Stall(keras.callbacks.Callback):
    """Comes to a stop after a batch, once, in a process that lives on."""

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self.folder = folder

    def on_train_batch_begin(self, batch: int, logs: object = None) -> None:
        note = self.folder / "Stall"
        if batch == 1 and not note.exists():
            note.touch()
            time.sleep(600)


class KillCommand(Once):
    """Kills the process that began the search."""

    def disturb(self) -> None:
        os.kill(os.getppid(), signal.SIGKILL)
        signal.pause()


class Crash(Once):
    """Does what a faulty library does."""

    def disturb(self) -> None:
        os.kill(os.getpid(), signal.SIGSEGV)


class Seen(keras.callbacks.Callback):
    """Notes every epoch that is begun."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.path = path

    def on_epoch_begin(self, epoch: int, logs: object = None) -> None:
        with self.path.open("a") as file:
            file.write(f"{epoch}\n")
