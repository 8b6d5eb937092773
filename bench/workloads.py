"""The table of workloads: what each runs, on what, how its time is told, and the ratios that it should reach."""

import dataclasses
import zlib
from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np

import functions


@dataclasses.dataclass
class Workload:
    """A function, and a maker of its arguments.

    Times are told per step (`steps` of them in a call) when there are any. `goal` is the ratio of XLA's time to
    jaxc's to reach, and `plain_goal` that of plain C's. `hand` is the time of a hand-tuned loop over that of the plain
    one, from other measurements. `loose` is the share of elements that may differ (where the values are chaotic).
    """

    title: str
    function: Callable
    arguments: Callable
    goal: float | None = None
    steps: int = 1
    plain_goal: float | None = None
    hand: float | None = None
    loose: float = 0.0


def _normal(*shape):
    """Standard normal f32, the same for a shape in every process."""
    random = np.random.default_rng(zlib.crc32(repr(shape).encode()))
    return jnp.asarray(random.standard_normal(shape), jnp.float32)


def _pair(*shape):
    """Two arrays that differ."""
    both = _normal(2, *shape)
    return both[0], both[1]


def _state_space(size):
    return jnp.eye(size) * 0.95, jnp.ones((size,)) / size, jnp.eye(size) * 0.1


def _dlm(size, length):
    scale = 0.4 if size == 2 else 0.2
    return _normal(length, size, size) * scale, _normal(length, size, 1), _pair(length, size, size)[1]


def _lstm(size, *shape):
    input_weights, hidden_weights = _pair(size, 4 * size)
    return input_weights * 0.1, hidden_weights * 0.1, _normal(*shape, size)


def _models(size, batch):
    """Every filter has its own model, so that covariances differ too."""
    F, H, Q = _state_space(size)
    return F + 0.01 * _normal(batch, size, size), H + 0.1 * _normal(batch, size), jnp.broadcast_to(Q, (batch, size, size))


def _loops(table):
    shapes = ((2, 1600, 2.5, 4.6 / 7.3), (2, 12800, 2.5, 4.6 / 7.3), (4, 1600, 4, 13.2 / 15.8),
              (8, 1600, None, 32.5 / 61), (13, 1600, 15, 109 / 207))
    for size, length, goal, hand in shapes:
        table[f"dlm_backward_{size}_{length}"] = Workload(
            f"dlm backward m={size}, N={length}", functions.dlm_backward, lambda s=size, n=length: _dlm(s, n), goal,
            length, 1 if size >= 8 else 1 / 1.1, hand)
    shapes = ((2, 1.5, 10.4 / 23.8), (4, 4, 21.2 / 45.6), (8, 12, 46 / 125), (13, 10, 133 / 1040))
    for size, goal, hand in shapes:
        table[f"kalman_{size}"] = Workload(
            f"kalman m={size}, T=10^4", functions.kalman, lambda s=size: (*_state_space(s), _normal(10000)), goal, 10000,
            1, hand)
    for size, goal in ((2, 1.5), (4, 2)):
        table[f"kalman_gradient_{size}"] = Workload(
            f"gradient of kalman m={size}, T=2000", functions.kalman_gradient,
            lambda s=size: (jnp.float32(1.1), *_state_space(s), _normal(2000)), goal, 2000)
    table["kalman_batch"] = Workload(
        "kalman m=4, T=1000, batch 1000", jax.vmap(functions.kalman, (None, None, None, 0)),
        lambda: (*_state_space(4), _normal(1000, 1000)), 6, 1000)
    table["kalman_batch_models"] = Workload(
        "the same, a model for each", jax.vmap(functions.kalman), lambda: (*_models(4, 1000), _normal(1000, 1000)), None,
        1000)
    table["scan_cholesky"] = Workload(
        "scan with a 4x4 Cholesky, T=500", functions.scan_cholesky,
        lambda: (jnp.eye(4) * 4, jnp.broadcast_to(jnp.eye(4), (500, 4, 4))), 3, 500, 1 / 1.1)
    table["runge_kutta"] = Workload(
        "RK4 Lotka-Volterra, T=10^4", functions.runge_kutta, lambda: (jnp.array([1.0, 0.5]),), 1.5, 10000, 1 / 1.1,
        12.8 / 28.3)
    table["scalar_recurrence"] = Workload(
        "scalar recurrence, T=10^6", functions.scalar_recurrence, lambda: (_normal(1000000),), 3, 1000000, 1 / 1.1, 1.0)
    table["diagonal_ssm"] = Workload(
        "diagonal SSM, width 1024, T=4096", functions.diagonal_ssm, lambda: (_normal(1024) * 0.5 / 4, _normal(4096, 1024)),
        1.5, 4096, 1 / 1.1)
    table["n_body"] = Workload("n-body 512, T=50", functions.n_body, lambda: _pair(512, 3), 8, 50, 1 / 1.1)
    table["mandelbrot"] = Workload(
        "Mandelbrot 512 x 512, 100 steps", functions.mandelbrot, lambda: tuple(part * 0.5 for part in _pair(512, 512)), 8,
        100, 1 / 1.1, loose=0.02)


def _networks(table):
    for size, goal, hand in ((32, 1.5, None), (128, 1.5, 5800 / 21400), (512, 1.3, None)):
        table[f"lstm_{size}"] = Workload(
            f"LSTM h={size}, T=500", functions.lstm, lambda s=size: _lstm(s, 500), goal, 500, 1 / 1.1, hand)
    table["lstm_batch"] = Workload(
        "LSTM h=128, T=500, batch 32", functions.lstm, lambda: _lstm(128, 500, 32), 1.5, 500, 1 / 1.1)
    table["lstm_gradient"] = Workload(
        "gradient of LSTM h=128, T=200, batch 8", functions.lstm_gradient, lambda: _lstm(128, 200, 8), 2, 200)


def _prefixes(table):
    table["associative_compose"] = Workload(
        "associative compose m=2, N=102400", functions.associative_compose, lambda: _dlm(2, 102400), 5, 102400)
    table["associative_affine"] = Workload(
        "associative affine, N=2^20", functions.associative_affine,
        lambda: (_pair(1 << 20)[0] * 0.3, _pair(1 << 20)[1]), 3, 1 << 20)
    for power, hand in ((20, 0.35 / 0.80), (24, 0.48 / 0.98)):
        table[f"cumsum_{power}"] = Workload(
            f"cumsum 2^{power}", jnp.cumsum, lambda p=power: (_normal(1 << p),), 8, 1, 1 / 1.1, hand)


def _arrays(table):
    table["sort"] = Workload("sort 2^20", jnp.sort, lambda: (_normal(1 << 20),), 25, 1, 1 / 1.1, 6.1 / 134)
    table["argsort"] = Workload("argsort 2^20", jnp.argsort, lambda: (_normal(1 << 20),), 12, 1, 1 / 1.1, 12.7 / 169)
    table["cholesky_batch"] = Workload(
        "Cholesky 4x4, batch 10^5", jnp.linalg.cholesky,
        lambda: (jnp.broadcast_to(jnp.eye(4) * 3 + 0.3, (100000, 4, 4)),), 15, 1, 1 / 1.1, 5.8 / 16.8)
    table["cholesky_1024"] = Workload(
        "Cholesky 1024", jnp.linalg.cholesky, lambda: (_normal(1024, 1024) / 64 + 40 * jnp.eye(1024),), 1)
    table["solve_batch"] = Workload(
        "solve 4x4, batch 10^5", jnp.linalg.solve,
        lambda: (_normal(100000, 4, 4) + 4 * jnp.eye(4), _normal(100000, 4, 1)), 15, 1, 1 / 1.1, loose=1e-3)
    table["elementwise"] = Workload(
        "sin(x) exp(-y^2) + tanh(xy)/2, 2^22", functions.elementwise, lambda: _pair(1 << 22), 3, 1, 1 / 1.1)
    for size in (16, 64, 256, 1024):
        table[f"matmul_{size}"] = Workload(f"matmul {size}", jnp.matmul, lambda s=size: _pair(s, s), 0.97, 1, 1 / 1.1)
    table["conv_3x3"] = Workload(
        "convolution 3 x 3 of 56 x 56 x 64", functions.convolution,
        lambda: (_normal(1, 56, 56, 64), _normal(3, 3, 64, 64)), 1, 1, 1 / 1.1)
    table["conv_series"] = Workload(
        "convolution 5 of 4 x 1024 x 256", functions.convolution,
        lambda: (_normal(4, 1024, 256), _normal(5, 256, 256)), 1, 1, 1 / 1.1)
    table["attention_scores"] = Workload(
        "attention scores, 4 x 8 heads, 256 x 64", functions.attention_scores, lambda: _pair(4, 256, 8, 64), 1, 1, 1 / 1.1)
    table["fft"] = Workload("complex FFT, 2^20", functions.fourier, lambda: _pair(1 << 20), 1)
    table["fft_batch"] = Workload("complex FFT, 1000 x 1024", functions.fourier, lambda: _pair(1000, 1024), 1)
    table["softmax"] = Workload("softmax 4096 x 1024", jax.nn.softmax, lambda: (_normal(4096, 1024),), 0.97, 1, 1 / 1.1)
    table["layer_norm"] = Workload(
        "layer norm 4096 x 1024", functions.layer_norm, lambda: (_normal(4096, 1024),), 0.97, 1, 1 / 1.1)
    table["multiply_add"] = Workload("2x + y, 2^24", lambda x, y: x * 2 + y, lambda: _pair(1 << 24), 0.97, 1, 1 / 1.1)
    table["sum"] = Workload("sum 2^24", jnp.sum, lambda: (_normal(1 << 24),), 0.97, 1, 1 / 1.1)


def _calls(table):
    """Small arguments: what a call costs beside its work."""
    table["call_add"] = Workload("call of x + 1 on 8 floats", lambda x: x + 1, lambda: (_normal(8),))
    table["call_kalman"] = Workload(
        "call of kalman m=2, T=1", functions.kalman, lambda: (*_state_space(2), _normal(1)))
    table["call_dlm_backward"] = Workload("call of dlm backward m=2, N=1", functions.dlm_backward, lambda: _dlm(2, 1))


def workloads():
    """name -> Workload."""
    table = {}
    _loops(table)
    _networks(table)
    _prefixes(table)
    _arrays(table)
    _calls(table)
    return table


def select(names):
    """The workloads whose name is or begins with one of `names`; all without names. Raises KeyError for an unknown one."""
    table = workloads()
    if not names:
        return table
    chosen = {}
    for wanted in names:
        found = {name: row for name, row in table.items() if name == wanted or name.startswith(wanted + "_")}
        if not found:
            raise KeyError(f"workload {wanted!r} is unknown; known are {', '.join(table)}")
        chosen.update(found)
    return chosen
