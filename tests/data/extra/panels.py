"""Writes factorizations and solves in loops, at sizes about those from which jaxc works by panels, as JAX prints them.

A loop's body has no library, so that its expansion is what runs. Run with JAX on a CPU: python panels.py.
"""

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from generate import case

RANDOM = np.random.default_rng(7)
EPSILON = {"float32": 2e-4, "float64": 1e-11, "complex64": 2e-4, "complex128": 1e-11}


def numbers(*shape, dtype):
    values = RANDOM.normal(size=shape)
    if np.issubdtype(dtype, np.complexfloating):
        values = values + 1j * RANDOM.normal(size=shape)
    return values.astype(dtype)


def definite(*shape, dtype):
    a = numbers(*shape, dtype=dtype)
    n = shape[-1]
    return (a @ np.conj(np.swapaxes(a, -1, -2)) / n + 2 * np.eye(n)).astype(dtype)


def in_loop(function, *operands):
    """The results of two steps, the second of which needs the first's."""

    def step(carry, _):
        first, rest = carry[0], carry[1:]
        results = jax.tree.leaves(function(first, *rest))
        scale = jnp.where(jnp.isnan(results[0].ravel()[-1]), 1.5, 1.25).astype(first.real.dtype)
        return ((first * scale, *rest), results)

    results = lax.scan(step, operands, None, length=2)[1]
    return [result[1] for result in results]


def cholesky(a):
    return lax.linalg.cholesky(a, symmetrize_input=False)


def write_cholesky():
    for dtype, sizes in (("float32", (11, 12, 40, 41, 67)), ("float64", (13, 41, 64)), ("complex64", (12, 43)),
                         ("complex128", (17,))):
        matrices = [jnp.asarray(definite(n, n, dtype=dtype)) for n in sizes]
        case(f"panels_cholesky_{dtype}", lambda *all: [in_loop(cholesky, a) for a in all], *matrices,
             rtol=EPSILON[dtype])
    case("panels_cholesky_batch", lambda a, b: (in_loop(cholesky, a), in_loop(cholesky, b)),
         jnp.asarray(definite(3, 14, 14, dtype="float32")), jnp.asarray(definite(2, 41, 41, dtype="float64")), rtol=2e-4)


def write_not_definite():
    for n in (12, 43):
        matrices = []
        # A late NaN is no reason for LAPACK to give up; what is above the diagonal is not read.
        places = [(row, row, value) for row in (0, n - 2) for value in (-1.0, 0.0)]
        for row, column, value in [*places, (0, 0, np.nan), (3, n - 2, np.nan)]:
            matrices.append(definite(n, n, dtype="float32"))
            matrices[-1][row, column] = value
        case(f"panels_cholesky_not_definite_{n}", lambda *all: [in_loop(cholesky, a)[0][:, :3] for a in all],
             *[jnp.asarray(a) for a in matrices], rtol=2e-4)


def triangle(n, dtype):
    """Of both triangles each is well conditioned."""
    return (numbers(n, n, dtype=dtype) / n + 2 * np.eye(n)).astype(dtype)


def solves(a, b):
    """One result in place of many, each with a weight of its own, which keeps files small."""
    few = a.shape[-1] != 43
    total = 0
    for left in (True, False):
        side = b if left else jnp.swapaxes(b, -1, -2)
        for transpose, conjugate in (((False, False), (True, False), (True, True)) if not few else ((left, not left),)):
            for lower in (True, False):
                x = lax.linalg.triangular_solve(a, side, left_side=left, lower=lower, transpose_a=transpose,
                                                conjugate_a=conjugate and transpose,
                                                unit_diagonal=conjugate and lower)
                total = 1.37 * total + (x if left else jnp.swapaxes(x, -1, -2))
    return total


def write_solves():
    for dtype, sizes in (("float32", ((11, 8), (12, 7), (13, 8), (43, 9), (50, 33), (64, 17))),
                         ("float64", ((13, 12), (59, 10))), ("complex64", ((37, 8),)), ("complex128", ((42, 10),))):
        operands = [(jnp.asarray(triangle(n, dtype)), jnp.asarray(numbers(n, count, dtype=dtype))) for n, count in sizes]
        case(f"panels_solve_{dtype}", lambda *all: [in_loop(solves, a, b) for a, b in all], *operands,
             rtol=EPSILON[dtype])
    a = np.stack([triangle(41, "float32") for _ in range(3)])
    case("panels_solve_batch", lambda a, b: in_loop(solves, a, b), jnp.asarray(a),
         jnp.asarray(numbers(3, 41, 9, dtype="float32")), rtol=2e-4)
    lower = lambda a, b: lax.linalg.triangular_solve(a, b, left_side=True, lower=True)
    upper = lambda a, b: lax.linalg.triangular_solve(a, b, left_side=True, lower=False)
    for n in (13, 43):
        matrices = []
        for row, column, value in ((n - 3, n - 3, np.nan), (1, n - 3, np.nan)):
            matrices.append(triangle(n, "float32"))
            matrices[-1][row, column] = value
        case(f"panels_solve_not_finite_{n}", lambda b, *all: [in_loop(f, a, b) for a in all for f in (lower, upper)],
             jnp.asarray(numbers(n, 8, dtype="float32")), *[jnp.asarray(a) for a in matrices], rtol=2e-4)


def write_lu():
    for dtype, sizes in (("float32", ((23, 23), (24, 24), (25, 41), (61, 61), (97, 99))),
                         ("float64", ((24, 50), (100, 26))), ("complex64", ((29, 29),)), ("complex128", ((24, 31),))):
        matrices = [jnp.asarray(numbers(m, n, dtype=dtype)) for m, n in sizes]
        case(f"panels_lu_{dtype}", lambda *all: [in_loop(lax.linalg.lu, a) for a in all], *matrices,
             rtol=50 * EPSILON[dtype])
    case("panels_lu_batch", lambda a: in_loop(lax.linalg.lu, a), jnp.asarray(numbers(3, 26, 26, dtype="float64")),
         rtol=1e-10)
    singular = np.round(2 * numbers(29, 29, dtype="float64"))  # exact, whatever the order of sums
    singular[:, 5] = singular[:, 3]
    singular[:, 20] = 0
    triangular = np.triu(singular)
    case("panels_lu_singular", lambda *all: [in_loop(lax.linalg.lu, a) for a in all], jnp.asarray(triangular),
         jnp.zeros((24, 30), jnp.float64), jnp.asarray(np.eye(29)[::-1]), rtol=1e-10)


def write_few_right_sides():
    """Right sides that fill no vector, above and below the sizes from which they are padded."""
    operands, forms = [], []
    for batch, n, count, dtype, transpose in (
            ((), 15, 3, "float64", False), ((), 16, 3, "float64", False), ((6,), 24, 3, "float64", True),
            ((8,), 24, 3, "float64", False), ((), 33, 5, "float32", True), ((2,), 17, 7, "complex64", False),
            ((), 45, 9, "float64", False), ((3,), 16, 1, "float64", True)):
        matrix = numbers(*batch, n, n, dtype=dtype) * 0.1 + 2 * np.eye(n, dtype=dtype)
        operands += [jnp.asarray(matrix), jnp.asarray(numbers(*batch, n, count, dtype=dtype))]
        forms.append(dict(left_side=True, lower=n % 2 == 0, transpose_a=transpose, unit_diagonal=n == 17))

    def solves(*operands):
        pairs = zip(operands[::2], operands[1::2])
        return [in_loop(lambda b, a: lax.linalg.triangular_solve(a, b, **form), b, a)
                for (a, b), form in zip(pairs, forms)]

    case("panels_solve_few", solves, *operands, rtol=2e-4)


if __name__ == "__main__":
    for write in (write_cholesky, write_not_definite, write_solves, write_lu, write_few_right_sides):
        write()
