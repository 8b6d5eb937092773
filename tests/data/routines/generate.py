"""Writes small JAX programs of sorts, transforms and dense linear algebra, with inputs and JAX's outputs.

Run with JAX on a CPU, from the repository's root: python tests/data/routines/generate.py. Results that are
unique only up to signs, phases or order are combined into ones that are unique: u diag(s) v^H, |r|, sums of
powers of eigenvalues.
"""

import functools
import pathlib
import sys

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jax._src.lax.linalg import geqrf
from jax.lax import linalg

ROOT = pathlib.Path(__file__).parents[3]
sys.path.insert(0, str(ROOT / "python"))
import jaxc  # noqa: E402

jax.config.update("jax_enable_x64", True)
FOLDER = pathlib.Path(__file__).parent
RANDOM = np.random.default_rng(1)
DTYPES = {"f32": np.float32, "f64": np.float64, "c64": np.complex64, "c128": np.complex128}
TOLERANCES = {"f32": 3e-4, "f64": 1e-10, "c64": 3e-4, "c128": 1e-10}


def case(name, function, *inputs, rtol):
    jaxc.export(function, *inputs, path=FOLDER / f"{name}.jaxpr", rtol=rtol)


def numbers(dtype, *shape):
    values = RANDOM.normal(size=shape)
    if np.issubdtype(dtype, np.complexfloating):
        values = values + 1j * RANDOM.normal(size=shape)
    return values.astype(dtype)


def adjoint(x):
    return jnp.conj(jnp.swapaxes(x, -1, -2))


def positive(dtype, *shape):
    a = numbers(dtype, *shape)
    return (a @ np.conj(np.swapaxes(a, -1, -2)) + shape[-1] * np.eye(shape[-1])).astype(dtype)


def product_of(u, s, vh):
    n = s.shape[-1]
    return (u[..., :n] * s[..., None, :]) @ vh[..., :n, :]


def singular_values():
    for name, dtype in DTYPES.items():
        def thin(a):
            u, s, vh = jnp.linalg.svd(a, full_matrices=False)
            return s, product_of(u, s, vh), adjoint(u) @ u, vh @ adjoint(vh)

        def whole(a):
            u, s, vh = jnp.linalg.svd(a)
            return s, product_of(u, s, vh), adjoint(u) @ u, vh @ adjoint(vh)

        def values(a):
            return jnp.linalg.svd(a, compute_uv=False)

        tolerance = TOLERANCES[name]
        for shape in ((1, 1), (2, 2), (4, 4), (7, 3), (3, 6), (2, 3, 5, 4)):
            tag = "x".join(map(str, shape))
            case(f"svd_{name}_{tag}", lambda a: (*thin(a), *whole(a), values(a)), numbers(dtype, *shape), rtol=tolerance)
        singular = numbers(dtype, 6, 2) @ numbers(dtype, 2, 4)
        singular[:, 3] = 0
        case(f"svd_{name}_singular", lambda a: (*thin(a), *whole(a)), singular.astype(dtype), rtol=tolerance)
        extreme = numbers(dtype, 4, 3) * np.array([1e30, 1e-30])[:, None, None]
        case(f"svd_{name}_extreme", lambda a: jax.vmap(values)(a), extreme.astype(dtype), rtol=tolerance)
    case("svd_zero", lambda a: (*thin(a), *whole(a)), np.zeros((3, 2), np.float32), rtol=1e-6)
    case("svd_nan", lambda a: jnp.linalg.svd(a), np.array([[1, np.nan], [2, 3.0]], np.float32), rtol=1e-6)
    case("svd_empty", lambda a: jnp.linalg.svd(a), np.zeros((3, 0), np.float32), rtol=1e-6)
    case("svd_empty_batch", lambda a: jnp.linalg.svd(a), np.zeros((0, 3, 2), np.float32), rtol=1e-6)
    case("svd_in_scan", lambda x: lax.scan(lambda c, a: (c * 0.5 + a, values(c + a)), jnp.zeros((3, 3)), x),
         numbers(np.float64, 4, 3, 3), rtol=1e-9)


def transforms(n, x, z):
    return jnp.fft.fft(z), jnp.fft.ifft(z), jnp.fft.rfft(x), jnp.fft.irfft(z[..., : n // 2 + 1], n=n)


def fourier():
    for name, dtype in {"f32": np.float32, "f64": np.float64}.items():
        tolerance = {"f32": 3e-6, "f64": 1e-13}[name]
        whole = np.complex64 if name == "f32" else np.complex128
        for n in (1, 2, 3, 4, 5, 6, 7, 8, 9, 12, 16, 30, 49, 53, 59, 64, 97, 106):
            case(f"fft_{name}_{n}", functools.partial(transforms, n), numbers(dtype, 2, n), numbers(whole, 2, n), rtol=tolerance)
        def planes(x, z):
            return (jnp.fft.fft2(z), jnp.fft.ifftn(z), jnp.fft.rfftn(x), jnp.fft.irfftn(z, s=(4, 3, 10)),
                    jnp.fft.fft(z, axis=0), jnp.fft.rfft(x, axis=1))
        case(f"fft_{name}_planes", planes, numbers(dtype, 4, 3, 6), numbers(whole, 4, 3, 6), rtol=tolerance)
        for n in (96, 512):
            x = np.sin(0.7 * np.arange(2 * n) ** 2).reshape(2, n)
            z = x + 1j * np.cos(x + np.arange(n))
            case(f"fft_{name}_{n}", functools.partial(transforms, n), x.astype(dtype), z.astype(whole), rtol=tolerance)
            case(f"fft_{name}_{n}_columns", functools.partial(jnp.fft.fft, axis=0), z.T.astype(whole), rtol=tolerance)
    case("fft_empty", jnp.fft.fft, np.zeros((0, 4), np.complex64), rtol=1e-6)
    case("fft_in_scan", lambda x: lax.scan(lambda c, a: (jnp.fft.fft(c + a) * 0.2, jnp.fft.rfft(a.real)),
                                           jnp.zeros(6, np.complex128), x), numbers(np.complex128, 3, 6), rtol=1e-12)


def factorizations():
    for name, dtype in DTYPES.items():
        tolerance = TOLERANCES[name]
        for shape in ((1, 1), (2, 2), (5, 5), (2, 3, 3, 3)):
            tag = "x".join(map(str, shape))
            case(f"cholesky_{name}_{tag}", linalg.cholesky, positive(dtype, *shape), rtol=tolerance)

            def lower_upper(a):
                factors, pivots, permutation = linalg.lu(a)
                return factors, pivots, permutation
            case(f"lu_{name}_{tag}", lower_upper, numbers(dtype, *shape), rtol=tolerance)
            case(f"eigh_{name}_{tag}", eigen, positive(dtype, *shape) - dtype(2) * np.eye(shape[-1], dtype=dtype), rtol=tolerance)
            right = numbers(dtype, *shape[:-1], 2)
            case(f"solve_{name}_{tag}", solves, positive(dtype, *shape), right, rtol=tolerance)
        for shape in ((5, 3), (3, 5), (2, 4, 2)):
            tag = "x".join(map(str, shape))
            case(f"lu_{name}_{tag}", lambda a: linalg.lu(a), numbers(dtype, *shape), rtol=tolerance)
        for shape in ((1, 1), (4, 4), (5, 3), (3, 5), (2, 4, 2)):
            tag = "x".join(map(str, shape))
            case(f"qr_{name}_{tag}", orthogonal, numbers(dtype, *shape), rtol=tolerance)
        n = 6
        diagonals = [numbers(dtype, 2, n) for _ in range(3)]
        diagonals[1] += dtype(5)
        diagonals[0][:, 0] = 0
        diagonals[2][:, -1] = 0
        if name[0] == "f":
            case(f"tridiagonal_{name}", linalg.tridiagonal_solve, *diagonals, numbers(dtype, 2, n, 3), rtol=tolerance)
    singular = [np.array(row, np.float32) for row in ([0, 1, 1], [1, 2, 1], [1, 1, 0])]  # the last pivot is zero
    for name, diagonals in {"last": singular, "middle": [0 * row for row in singular]}.items():
        case(f"tridiagonal_singular_{name}", linalg.tridiagonal_solve, *diagonals, np.ones((3, 2), np.float32), rtol=0)
    case("cholesky_indefinite", linalg.cholesky, np.diag([1.0, -1, 2]).astype(np.complex64), rtol=1e-6)
    case("cholesky_nan", linalg.cholesky, np.full((2, 2), np.nan, np.float32), rtol=1e-6)
    case("cholesky_empty", linalg.cholesky, np.zeros((0, 0), np.float32), rtol=1e-6)
    case("eigh_nan", lambda a: jnp.linalg.eigh(a), np.full((3, 3), np.nan, np.float32), rtol=1e-6)
    case("eigh_zero", lambda a: jnp.linalg.eigh(a), np.zeros((3, 3), np.complex64), rtol=1e-6)
    case("lu_singular", lambda a: linalg.lu(a), np.ones((3, 3), np.float32), rtol=1e-6)
    case("lu_empty", lambda a: linalg.lu(a), np.zeros((0, 3), np.float32), rtol=1e-6)
    case("qr_zero", lambda a: linalg.qr(a), np.zeros((3, 2), np.float32), rtol=1e-6)


def eigen(a):
    v, w = linalg.eigh(a)
    return w, (v * w[..., None, :].astype(v.dtype)) @ adjoint(v), adjoint(v) @ v


def solves(a, b):
    results = []
    for left in (True, False):
        side = b if left else jnp.swapaxes(b, -1, -2)
        for transpose, conjugate in ((False, False), (True, False), (True, True)):
            for lower in (True, False):
                results.append(linalg.triangular_solve(a, side, left_side=left, lower=lower, transpose_a=transpose,
                                                       conjugate_a=conjugate, unit_diagonal=conjugate and lower))
    return results


def orthogonal(a):
    m, n = a.shape[-2:]
    packed, taus = geqrf(a)
    q, r = linalg.qr(a, full_matrices=False)
    whole, tall = linalg.qr(a, full_matrices=True)
    results = [packed, taus, q, r, whole @ tall, adjoint(whole) @ whole]
    if m >= n:
        results.append(linalg.householder_product(packed, taus))
    if not jnp.issubdtype(a.dtype, jnp.complexfloating):
        q, r, order = linalg.qr(a, full_matrices=False, pivoting=True)
        results += [q @ r, abs(r), order]
    return results


def general_eigenvalues():
    for name, dtype in DTYPES.items():
        def everything(a):
            w, left, right = linalg.eig(a, compute_left_eigenvectors=True, compute_right_eigenvectors=True)
            a = a.astype(w.dtype)
            powers = [jnp.sum(w**k, axis=-1) for k in (1, 2, 3)]
            norms = [jnp.sum(abs(v) ** 2, axis=-2) for v in (left, right)]
            return (*powers, *norms, a @ right - right * w[..., None, :], adjoint(left) @ a - w[..., :, None] * adjoint(left),
                    jnp.sort(abs(w)))

        for shape in ((1, 1), (2, 2), (3, 3), (6, 6), (2, 4, 4)):
            tag = "x".join(map(str, shape))
            case(f"eig_{name}_{tag}", lambda a: with_scale(everything(a)), numbers(dtype, *shape), rtol=TOLERANCES[name])

        def triangular(a):
            t, q = linalg.schur(a)
            below = jnp.abs(jnp.tril(t, -2))
            return q @ t @ adjoint(q), adjoint(q) @ q, below, jnp.trace(t)

        for n in (1, 2, 3, 6):
            case(f"schur_{name}_{n}", lambda a: with_scale(triangular(a)), numbers(dtype, n, n), rtol=TOLERANCES[name])
    case("eig_rotation", lambda a: jnp.sort(linalg.eig(a)[0].imag), np.array([[0, 1.0], [-1, 0]]), rtol=1e-10)
    case("eig_cycle", lambda a: jnp.sum(linalg.eig(a)[0] ** 4), np.roll(np.eye(4), 1, axis=0), rtol=1e-10)
    case("eig_triangular", lambda a: linalg.eig(a)[0], np.triu(np.ones((3, 3))) * np.array([1.0, 2, 3]), rtol=1e-10)


def with_scale(values):
    """Results that are zero but for rounding get a size to be compared by."""
    return [value + 1 for value in values]


def windows():
    z = numbers(np.complex64, 2, 3, 8)
    case("complex_convolution", lambda z, k: (lax.conv(z, k, (1,), "SAME"), lax.conv_general_dilated(
        z, k[:, :1], (2,), ((1, 2),), (2,), (2,), feature_group_count=3)), z, numbers(np.complex64, 6, 3, 2), rtol=1e-5)
    case("complex_windows", lambda z: lax.reduce_window(z, 0j, lax.add, (1, 2, 3), (1, 1, 2), "SAME"), z, rtol=1e-5)
    case("complex_prefixes", lambda z: (lax.cumsum(z, 2), lax.cumprod(z, 2), lax.cumprod(z, 1, reverse=True)), z,
         rtol=1e-5)


def orders():
    z = np.array([1 + 2j, 1 - 2j, 0, -1 + 5j, np.nan + 1j, 1 + np.nan * 1j, 1 - 2j, np.inf], np.complex64)
    case("sort_complex_keys", lambda z: (jnp.sort(z), jnp.argsort(z), lax.sort((z, jnp.arange(8)), num_keys=1)), z, rtol=1e-6)
    for name, dtype in {"f32": np.float32, "i32": np.int32, "f16": np.float16}.items():
        x = (RANDOM.normal(size=(3, 4, 5)) * 3).astype(dtype)
        case(f"top_k_{name}", lambda x: [lax.top_k(x, 2, axis=axis) for axis in (0, 1, 2)], x, rtol=1e-6)


if __name__ == "__main__":
    for write in (singular_values, fourier, factorizations, general_eigenvalues, orders, windows):
        write()
