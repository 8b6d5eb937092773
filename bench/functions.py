"""The workloads' functions in JAX, each as a user writes it."""

import jax
import jax.numpy as jnp
from jax import lax


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


@jax.grad
def kalman_gradient(scale, F, H, Q, ys):
    """The derivative of the log-likelihood by the scale of Q."""
    return kalman(F, H, Q * scale, ys)[1][2].sum()


def dlm_backward(A, b, S):
    """r' = A'r + b, N' = A'NA + S, from the last step to the first; stacked r and N before each step."""

    def step(carry, slices):
        r, N = carry
        A, b, S = slices
        return (A.T @ r + b, A.T @ N @ A + S), (r, N)

    size = A.shape[-1]
    return lax.scan(step, (jnp.zeros((size, 1)), jnp.zeros((size, size))), (A, b, S), reverse=True)


def scan_cholesky(start, xs):
    """c' = 0.9 c + x, y = the Cholesky factor of c."""
    return lax.scan(lambda c, x: (c * 0.9 + x, jnp.linalg.cholesky(c)), start, xs)


def runge_kutta(start):
    """Lotka-Volterra by the classical method of fourth order; 10^4 steps of 0.001, all of them stacked."""
    h = 0.001

    def slope(y):
        return jnp.stack([1.1 * y[0] - 0.4 * y[0] * y[1], 0.4 * y[0] * y[1] - 0.4 * y[1]])

    def step(y, _):
        k1 = slope(y)
        k2 = slope(y + h / 2 * k1)
        k3 = slope(y + h / 2 * k2)
        k4 = slope(y + h * k3)
        y = y + h / 6 * (k1 + 2 * k2 + 2 * k3 + k4)
        return y, y

    return lax.scan(step, start, None, length=10000)


def scalar_recurrence(xs):
    """c' = 0.99 c + x, y = c."""
    return lax.scan(lambda c, x: (c * 0.99 + x, c), 0.0, xs)


def diagonal_ssm(decay, xs):
    """h' = decay h + x, y = h', element by element."""

    def step(h, x):
        h = decay * h + x
        return h, h

    return lax.scan(step, jnp.zeros_like(decay), xs)


def lstm(input_weights, hidden_weights, xs):
    """The recurrent network of Hochreiter and Schmidhuber with gates i, f, g, o; all hidden states stacked."""
    size = hidden_weights.shape[0]

    def step(carry, x):
        hidden, cell = carry
        gates = x @ input_weights + hidden @ hidden_weights
        i, f, g, o = jnp.split(gates, 4, -1)
        cell = jax.nn.sigmoid(f) * cell + jax.nn.sigmoid(i) * jnp.tanh(g)
        hidden = jax.nn.sigmoid(o) * jnp.tanh(cell)
        return (hidden, cell), hidden

    zeros = jnp.zeros(xs.shape[1:-1] + (size,))
    return lax.scan(step, (zeros, zeros), xs)


@jax.grad
def lstm_gradient(input_weights, hidden_weights, xs):
    """The derivative of the sum of the hidden states by the input weights."""
    return lstm(input_weights, hidden_weights, xs)[1].sum()


def convolution(image, kernel):
    """What a layer of a network does to images or series, channels last, padded to the same size."""
    places = "HW"[: image.ndim - 2]
    numbers = (f"N{places}C", f"{places}IO", f"N{places}C")
    return lax.conv_general_dilated(image, kernel, (1,) * len(places), "SAME", dimension_numbers=numbers)


def attention_scores(queries, keys):
    """The products of all queries and keys of each head, whose axis lies between the two that are multiplied."""
    return jnp.einsum("bqhd,bkhd->bhqk", queries, keys)


def n_body(positions, velocities):
    """50 steps of softened gravity between all pairs."""

    def step(carry, _):
        positions, velocities = carry
        distance = positions[None] - positions[:, None]
        pull = (distance * ((distance**2).sum(-1) + 0.1)[..., None] ** -1.5).sum(1)
        return (positions + 0.01 * velocities, velocities + 0.01 * pull), None

    return lax.scan(step, (positions, velocities), None, length=50)[0]


def mandelbrot(real, imaginary):
    """The real part after 100 steps of z' = z^2 + c."""

    def step(carry):
        count, x, y = carry
        return count + 1, x * x - y * y + real, jnp.clip(2 * x * y + imaginary, -1e9, 1e9)

    start = (0, jnp.zeros_like(real), jnp.zeros_like(real))
    return lax.while_loop(lambda carry: carry[0] < 100, step, start)[1]


def associative_compose(A, b, S):
    """Prefixes of the composition of steps (A, b, S) of a filter."""

    def combine(p, q):
        return q[0] @ p[0], q[0] @ p[1] + q[1], q[0] @ p[2] @ jnp.swapaxes(q[0], -1, -2) + q[2]

    return lax.associative_scan(combine, (A, b, S))


def associative_affine(a, b):
    """Prefixes of the composition of the maps a x + b."""
    return lax.associative_scan(lambda p, q: (q[0] * p[0], q[0] * p[1] + q[1]), (a, b))


def fourier(real, imaginary):
    result = jnp.fft.fft(jax.lax.complex(real, imaginary))
    return result.real, result.imag


def elementwise(x, y):
    return jnp.sin(x) * jnp.exp(-y * y) + jnp.tanh(x * y) * 0.5


def layer_norm(x):
    return (x - x.mean(-1, keepdims=True)) * lax.rsqrt(x.var(-1, keepdims=True) + 1e-5)
