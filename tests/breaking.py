"""Layers and callbacks that fail, in a module that workers can import, too."""

import shutil

import keras


class Broken(keras.layers.Layer):
    """Fails when it is called."""

    def call(self, x):
        raise ValueError("expected 3 bands, found 4\nsee the manual")


class BreaksALayer(keras.callbacks.Callback):
    """Calls a layer that fails."""

    def on_epoch_begin(self, epoch, logs=None):
        Broken()(keras.Input((4,)))


class BreaksTheFinalist(BreaksALayer):
    """The same, once all trials are over."""

    def __init__(self, network):
        super().__init__()
        self.network = network

    def on_epoch_begin(self, epoch, logs=None):
        if self.network.exists():
            super().on_epoch_begin(epoch)


class RemovesTheRun(keras.callbacks.Callback):
    """What somebody else's `rm -r` does during a search."""

    def __init__(self, run):
        super().__init__()
        self.run = run

    def on_epoch_end(self, epoch, logs=None):
        shutil.rmtree(self.run)
