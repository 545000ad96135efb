import keras
import numpy as np
import pytest

from autoai4eo.errors import UserError
from autoai4eo.learning.two_optimizers import TwoOptimizers


def variables():
    return [keras.Variable([1.0, 2.0], name=f"v{i}") for i in range(3)]


def gradient(value):
    return keras.ops.convert_to_tensor(np.full(2, value, "float32"))


def test_each_variable_gets_the_step_of_its_own_optimizer():
    together, alone = variables(), variables()
    both = TwoOptimizers(
        keras.optimizers.SGD(0.1, momentum=0.9),
        keras.optimizers.Adam(0.01),
        [together[1].path],
    )
    sgd = keras.optimizers.SGD(0.1, momentum=0.9)
    adam = keras.optimizers.Adam(0.01)
    for value in (1.0, -2.0, 0.5):
        given = [gradient(value + i) for i in range(3)]
        both.apply(given, together)
        sgd.apply([given[0], given[2]], [alone[0], alone[2]])
        adam.apply([given[1]], [alone[1]])
    for mine, other in zip(together, alone, strict=True):
        np.testing.assert_allclose(mine.numpy(), other.numpy(), rtol=1e-6)


def test_without_a_gradient_an_optimizer_does_no_step():
    known = variables()
    both = TwoOptimizers(
        keras.optimizers.SGD(0.1), keras.optimizers.Adam(0.1), [known[1].path]
    )
    both.apply([gradient(1.0), None, gradient(1.0)], known)
    np.testing.assert_array_equal(known[1].numpy(), [1, 2])
    np.testing.assert_allclose(known[0].numpy(), [0.9, 1.9], rtol=1e-6)
    assert (int(both.first.iterations), int(both.second.iterations)) == (1, 0)


def test_the_state_of_both_is_kept():
    known = variables()
    both = TwoOptimizers(
        keras.optimizers.SGD(0.1, momentum=0.9),
        keras.optimizers.Adam(0.1),
        [known[1].path],
    )
    both.build(known)
    kept = {id(v) for v in both.variables}
    assert kept >= {id(v) for o in (both.first, both.second) for v in o.variables}


def test_an_optimizer_without_variables_is_refused():
    both = TwoOptimizers(keras.optimizers.SGD(0.1), keras.optimizers.Adam(0.1), [])
    with pytest.raises(UserError, match="found none for adam"):
        both.build(variables())
