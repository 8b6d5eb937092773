"""Workloads in JAX: each a function and its arguments, by name. Inputs are standard normal f32 from a fixed seed."""

import jax
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


def diagonal_ssm(decay, gain, output, xs):
    """h' = decay h + gain x, y = output h', element by element."""

    def step(h, x):
        h = decay * h + gain * x
        return h, output * h

    return lax.scan(step, jnp.zeros_like(decay), xs)


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
    F, H, Q = state_space(4)
    batch = 1000
    # Every filter has its own model, so that covariances differ too.
    models = (F + 0.01 * _normal(batch, 4, 4), H + 0.1 * _normal(batch, 4), jnp.broadcast_to(Q, (batch, 4, 4)))
    table["vmap_kalman_models_4"] = (jax.vmap(kalman), (*models, _normal(batch, 1000)), 1000)
    shared = jax.vmap(kalman, in_axes=(None, None, None, 0))
    table["vmap_kalman_4"] = (shared, (F, H, Q, _normal(batch, 1000)), 1000)
    width = 1024
    diagonal = (jnp.linspace(0.5, 0.99, width), _normal(width), _normal(width), _normal(4096, width))
    table["diagonal_ssm"] = (diagonal_ssm, diagonal, 4096)
    return table
