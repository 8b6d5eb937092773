"""Workloads in JAX: each a function and its arguments, by name. Inputs are standard normal f32 from a fixed seed."""

import jax.numpy as jnp
import numpy as np
from jax import lax

_random = np.random.default_rng(0)


def _normal(*shape):
    return jnp.asarray(_random.standard_normal(shape), jnp.float32)


def kalman(F, H, Q, ys):
    """Predict, update with a scalar observation, log-likelihood; stacked means, covariances and likelihoods."""

    def step(carry, y):
        mean, covariance = carry
        mean = F @ mean
        covariance = F @ covariance @ F.T + Q
        variance = H @ covariance @ H + 0.5
        gain = covariance @ H / variance
        innovation = y - H @ mean
        mean = mean + gain * innovation
        covariance = covariance - jnp.outer(gain, gain) * variance
        likelihood = -0.5 * (jnp.log(variance) + innovation * innovation / variance)
        return (mean, covariance), (mean, covariance, likelihood)

    size = F.shape[0]
    return lax.scan(step, (jnp.zeros(size), jnp.eye(size)), ys)


def dlm_backward(A, b, S):
    """r' = A'r + b, N' = A'NA + S, from the last step to the first; stacked r and N before each step."""

    def step(carry, slices):
        r, N = carry
        A, b, S = slices
        return (A.T @ r + b, A.T @ N @ A + S), (r, N)

    size = A.shape[-1]
    return lax.scan(step, (jnp.zeros((size, 1)), jnp.zeros((size, size))), (A, b, S), reverse=True)


def state_space(size):
    return jnp.eye(size) * 0.95, jnp.ones((size,)) / size, jnp.eye(size) * 0.1


def workloads():
    """name -> (function, arguments, steps)."""
    table = {}
    for size in (2, 4, 8, 13):
        table[f"kalman_{size}"] = (kalman, (*state_space(size), _normal(10000)), 10000)
    for size, length in ((2, 1600), (2, 12800), (4, 1600), (8, 1600), (13, 1600)):
        scale = 0.4 if size == 2 else 0.2
        arguments = (_normal(length, size, size) * scale, _normal(length, size, 1), _normal(length, size, size))
        table[f"dlm_backward_{size}_{length}"] = (dlm_backward, arguments, length)
    return table
