import keras
import numpy as np
from keras import ops

from autoai4eo.compact.sampling import gumbel, hard_sample


def numpy(tensor):
    return np.asarray(ops.convert_to_numpy(tensor))


def test_noise_is_finite_and_gumbel_distributed():
    noise = numpy(gumbel((1000, 1000), keras.random.SeedGenerator(0)))
    assert np.isfinite(noise).all()
    # mean: Euler's constant; variance: π² / 6
    assert abs(noise.mean() - 0.5772) < 0.005
    assert abs(noise.var() - np.pi**2 / 6) < 0.01


def test_operations_are_drawn_with_their_probabilities():
    wanted = np.array([0.5, 0.3, 0.15, 0.05], "float32")
    logits = ops.convert_to_tensor(np.tile(np.log(wanted), (20_000, 1)))
    noise = gumbel((20_000, 4), keras.random.SeedGenerator(1))
    for temperature in (10.0, 1.0):  # it does not change what is drawn
        drawn, gates = hard_sample(logits, noise, temperature)
        shares = np.bincount(numpy(drawn), minlength=4) / 20_000
        np.testing.assert_allclose(shares, wanted, atol=0.015)
        np.testing.assert_allclose(numpy(gates), 1, atol=1e-6)
