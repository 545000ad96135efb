"""A training step of a supernet: one batch for its weights, one for its logits.

Keras has no step with two batches and two groups of variables, and its backends differ
in how a step is written.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import keras

from autoai4eo.networks.gradients import value_and_gradients


def step(model: Any, *given: Any) -> Any:
    """Does one step; the arguments are those of `keras.Model.train_step`.

    Raises:
        NotImplementedError: the backend is neither TensorFlow nor JAX.
    """
    backend = keras.backend.backend()
    if backend == "tensorflow":
        return _tensorflow_step(model, *given)
    if backend == "jax":
        return _jax_step(model, *given)
    raise NotImplementedError(f"no compact search on the Keras backend {backend}")


def _tensorflow_step(model: Any, data: Any) -> dict[str, Any]:
    pixels, targets = data

    def loss_of(_: Any, x: Any, y: Any) -> Any:
        output = model(x, training=True)
        return model.compute_loss(x, y, output), output

    for which, (x, y) in enumerate(zip(pixels, targets, strict=True)):
        variables = model.groups[which]
        (loss, output), gradients = value_and_gradients(
            partial(loss_of, x=x, y=y), [v.value for v in variables]
        )
        model.optimizer.apply(*_all_variables(model, variables, gradients))
        if which == 0:
            for metric in model.metrics:
                metric.update_state(
                    *((loss,) if metric.name == "loss" else (y, output))
                )
    return {metric.name: metric.result() for metric in model.metrics}


def _jax_step(model: Any, state: Any, data: Any) -> tuple[dict[str, Any], Any]:
    trained, others, of_optimizers, of_metrics = state
    pixels, targets = data

    def loss_of(trained: Any, given: Any, x: Any, y: Any) -> Any:
        output, others = model.stateless_call(trained, given, x, training=True)
        with keras.StatelessScope(zip(model.trainable_variables, trained, strict=True)):
            loss = model.compute_loss(x, y, output)
        return loss, (output, others)

    logs: dict[str, Any] = {}
    for which, (x, y) in enumerate(zip(pixels, targets, strict=True)):
        (loss, (output, others)), gradients = value_and_gradients(
            partial(loss_of, given=others, x=x, y=y), trained
        )
        own = {id(v) for v in model.groups[which]}
        mine = [
            gradient if id(v) in own else None
            for v, gradient in zip(model.trainable_variables, gradients, strict=True)
        ]
        trained, of_optimizers = model.optimizer.stateless_apply(
            of_optimizers, mine, trained
        )
        if which == 0:
            of_metrics, logs = _metrics(model, of_metrics, loss, y, output)
    return logs, (trained, others, of_optimizers, of_metrics)


def _all_variables(model: Any, variables: Any, gradients: Any) -> tuple[list, list]:
    """Returns a gradient or None for every variable, and the variables."""
    found = {id(v): g for v, g in zip(variables, gradients, strict=True)}
    known = model.trainable_variables
    return [found.get(id(v)) for v in known], known


def _metrics(
    model: Any, values: Any, loss: Any, y: Any, output: Any
) -> tuple[list[Any], dict[str, Any]]:
    new: list[Any] = []
    logs = {}
    for metric in model.metrics:
        own = values[len(new) : len(new) + len(metric.variables)]
        given = (loss,) if metric.name == "loss" else (y, output)
        own = metric.stateless_update_state(own, *given)
        logs[metric.name] = metric.stateless_result(own)
        new += own
    return new, logs
