"""Fits a dynamic linear model: a Kalman filter and a Durbin-Koopman smoother, run twice, in float64.

    y_t = F x_t + v,      v ~ N(0, s^2)
    x_{t+1} = G x_t + w,  w ~ N(0, diag(w^2))

Run as a script, it exports the fit of the Nile's annual flow at Aswan (1871 to 1970) to nile.jaxpr and
nile.safetensors beside it, and the fits of six problems to tests/data/dlm. Their data hold what the
MATLAB toolbox DLM (Marko Laine), run in Octave, computed, so that `jaxc check` compares with it.
"""

import json
import pathlib

import jax
import jax.numpy as jnp
import numpy

from jaxc import export

RESULTS = ("lik", "x", "C", "xstd", "yhat", "ystd", "xf", "Cf", "v", "Cp", "resid", "resid2", "ssy", "s2", "mse", "mape")


def trend(order):
    """The system of a polynomial trend: G, F."""
    size = order + 1
    return numpy.eye(size) + numpy.eye(size, k=1), numpy.eye(1, size)[0]


def harmonic(number, season):
    """A rotation by the angle of one harmonic of a season."""
    angle = 2 * numpy.pi * number / season
    return numpy.array([[numpy.cos(angle), numpy.sin(angle)], [-numpy.sin(angle), numpy.cos(angle)]]), numpy.eye(1, 2)[0]


def autoregression(coefficients):
    """The companion matrix with the coefficients in its first column."""
    size = len(coefficients)
    matrix = numpy.eye(size, k=1)
    matrix[:, 0] = coefficients
    return matrix, numpy.eye(1, size)[0]


def combine(*systems):
    """The sum of independent systems: a block diagonal G and F side by side."""
    size = sum(len(observation) for _, observation in systems)
    transition, begin = numpy.zeros((size, size)), 0
    for block, _ in systems:
        transition[begin : begin + len(block), begin : begin + len(block)] = block
        begin += len(block)
    return transition, numpy.concatenate([observation for _, observation in systems])


def filter_forward(y, present, s, G, F, W, x0, C0):
    """One-step-ahead means and covariances of the state, innovations, their variances, and L = G - K F."""

    def step(carry, inputs):
        x, C = carry
        value, mask = inputs
        v = mask * (value - F @ x)
        Cp = F @ C @ F + s**2
        K = mask * (G @ C @ F) / Cp
        L = G - jnp.outer(K, F)
        ahead = G @ C @ L.T + W
        return (G @ x + K * v, (ahead + ahead.T) / 2), (x, C, v, Cp, L)

    _, outputs = jax.lax.scan(step, (x0, C0), (y, present))
    return outputs


def smooth_backward(present, F, x, C, v, Cp, L):
    """Smoothed means and covariances of the state."""

    def step(carry, inputs):
        r, N = carry
        mask, x, C, v, Cp, L = inputs
        r = F * v / Cp + L.T @ r
        N = mask * jnp.outer(F, F) / Cp + L.T @ N @ L
        return (r, N), (x + C @ r, C - C @ N @ C)

    size = F.shape[0]
    _, outputs = jax.lax.scan(
        step, (jnp.zeros(size), jnp.zeros((size, size))), (present, x, C, v, Cp, L), reverse=True)
    return outputs


def fit(y, s, w, G, F, season=12):
    """The results that RESULTS names, time first. Missing values of y are NaN."""
    observed = ~jnp.isnan(y)
    present = observed.astype(y.dtype)
    values = jnp.where(observed, y, 0.0)
    identity = numpy.eye(len(F))
    W = jnp.pad(w**2, (0, len(F) - len(w))) * identity
    mean = jnp.sum(values[:season]) / jnp.sum(present[:season])
    x0 = mean * identity[0]
    C0 = jnp.where(mean == 0.0, 1e7, (mean / 2) ** 2) * identity

    filtered = filter_forward(values, present, s, G, F, W, x0, C0)
    x, C = smooth_backward(present, F, *filtered)
    xf, Cf, v, Cp, L = filter_forward(values, present, s, G, F, W, x[0], 100.0 * C[0])
    x, C = smooth_backward(present, F, xf, Cf, v, Cp, L)

    def where_observed(array):
        return jnp.where(observed, array, jnp.nan)

    Cp_state = jnp.einsum("i,tij,j->t", F, Cf, F)  # what the toolbox reports where nothing was observed
    count = jnp.sum(present)
    residual = v / s
    standardised = v / jnp.sqrt(Cp)
    return (
        jnp.sum(present * (v**2 / Cp + jnp.log(Cp))),
        x,
        C,
        jnp.sqrt(jnp.abs(jnp.diagonal(C, axis1=1, axis2=2))),
        xf @ F,
        jnp.sqrt(jnp.einsum("i,tij,j->t", F, C, F) + s**2),
        xf,
        Cf,
        where_observed(v),
        jnp.where(observed, Cp, Cp_state),
        where_observed(residual),
        where_observed(standardised),
        jnp.sum(v**2),
        jnp.sum(residual**2) / count,
        jnp.sum(standardised**2) / count,
        jnp.sum(present * jnp.abs(standardised) / jnp.where(observed, jnp.abs(y), 1.0)) / count,
    )


PROBLEMS = {
    "niledemo": trend(1),
    "order0": trend(0),
    "order2": trend(2),
    "trig": combine(trend(1), harmonic(1, 12), harmonic(2, 12)),
    "ar2": combine(trend(1), autoregression([0.6, -0.3])),
    "gapped": trend(1),
}


def read(path):
    """A problem's arrays and numbers; null is NaN, and matrices over time are turned time first."""
    fields = {}
    for name, value in json.loads(path.read_text()).items():
        if name in RESULTS or name in ("y", "s", "w", "t"):
            fields[name] = numpy.array(value, float)
    return fields


def reference(path, steps, size):
    """Octave's results in the order and layout of fit's."""
    fields = read(path)
    fields["x"], fields["xf"] = (fields[name].reshape(size, steps).T for name in ("x", "xf"))
    fields["C"], fields["Cf"] = (fields[name].reshape(size, size, steps).transpose(2, 0, 1) for name in ("C", "Cf"))
    fields["xstd"] = fields["xstd"].reshape(steps, size)
    return [fields[name] for name in RESULTS]


def export_problem(name, data, path):
    G, F = PROBLEMS[name]
    problem = read(data / f"{name}-in.json")
    y, s, w = problem["y"], problem["s"], numpy.atleast_1d(problem["w"])
    wanted = reference(data / f"{name}-out.json", len(y), len(F))
    export(lambda y, s, w: fit(y, s, w, G, F), y, s, w, path=path, rtol=1e-9, results=wanted)
    for field, got, want in zip(RESULTS, jax.jit(fit)(y, s, w, G, F), wanted):
        error = numpy.nanmax(numpy.abs(got - want)) / numpy.nanmax(numpy.abs(want))
        print(f"{name:9} {field:7} differs from Octave by {error:.1e} of the largest value")


def main():
    jax.config.update("jax_enable_x64", True)
    here = pathlib.Path(__file__).resolve().parent
    data = here.parents[1] / "tests" / "data" / "dlm"
    export_problem("niledemo", data, here / "nile")
    for name in PROBLEMS:
        export_problem(name, data, data / name)


if __name__ == "__main__":
    main()
