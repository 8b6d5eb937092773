"""Writes what every elementwise primitive and fold gives at special values, for every dtype that JAX allows.

The programs special_values_DTYPE; see generate.py. Results are held as integers: bits where
a result is exact (one NaN stands for all), else whether it is NaN, infinite or zero, and its sign. XLA flushes
subnormal numbers, so that none is among the values.
"""

import os

os.environ.setdefault("XLA_FLAGS", "--xla_allow_excess_precision=false --xla_cpu_enable_fast_math=false")

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from generate import case

SIGNED = ["int2", "int4", "int8", "int16", "int32", "int64"]
UNSIGNED = ["uint2", "uint4", "uint8", "uint16", "uint32", "uint64"]
FLOATS = ["float16", "bfloat16", "float32", "float64"]
NARROW = ["int2", "int4", "uint2", "uint4"]
COMPARISONS = [lax.eq, lax.ne, lax.lt, lax.le, lax.gt, lax.ge]


def bits(x):
    """Exact: the bits, those of one NaN for all."""
    if not jnp.issubdtype(x.dtype, jnp.floating):
        return x
    x = lax.select(lax.ne(x, x), lax.full_like(x, np.nan), x)
    return lax.bitcast_convert_type(x, f"int{8 * x.dtype.itemsize}")


def kind(x):
    """Inexact: NaN, infinite or zero, and the sign."""
    zero = lax.full_like(x, 0)
    whole = lambda truth, weight: lax.mul(lax.convert_element_type(truth, np.int32), jnp.int32(weight))
    is_nan = lax.ne(x, x)
    below = lax.lt(lax.bitcast_convert_type(x, f"int{8 * x.dtype.itemsize}"), lax.full(x.shape, 0, f"int{8 * x.dtype.itemsize}"))
    infinite = lax.eq(lax.abs(x), lax.full_like(x, np.inf))
    sign = lax.bitwise_and(below, lax.bitwise_not(is_nan))
    return whole(is_nan, 1) + whole(infinite, 2) + whole(lax.eq(x, zero), 4) + whole(sign, 8)


def integers(dtype):
    info = jnp.iinfo(dtype)
    width = info.bits
    few = [0, 1, 2, 3, width - 1, width, 2 * width, info.max, info.max - 1, info.min, info.min + 1]
    few += [] if dtype.startswith("u") else [-1, -2]
    return sorted({int(n) for n in few if info.min <= n <= info.max})


def without_sign(x):
    """Zeros as positive ones: JAX does not say which sign those of sums and of extremes have."""
    if not jnp.issubdtype(x.dtype, jnp.floating):
        return x
    zero = lax.full_like(x, 0)
    return lax.select(lax.eq(x, zero), zero, x)


def array_of(values, dtype):
    if dtype in NARROW:
        return jnp.asarray(np.array(values, np.int64)).astype(dtype)
    return jnp.asarray(np.array(values).astype(jnp.dtype(dtype)))


def supported(functions, *operands):
    """Those of the functions that JAX and XLA run on operands of this type."""
    found = []
    for function in functions:
        try:
            jax.block_until_ready(jax.jit(function)(*operands))
            found.append(function)
        except Exception:  # a type rule's, or the compiler's
            pass
    return found


def grid(values, dtype):
    """All pairs."""
    left, right = (axis.ravel() for axis in np.meshgrid(np.array(values), np.array(values)))
    return array_of(left, dtype), array_of(right, dtype)


def folds():
    """Folds of the rows of [n, m], of nothing, and prefixes."""
    nothing = lambda x: lax.slice(x, (0, 0), (0, x.shape[1]))
    whole = lambda x: x
    sharded = [lax.reduce_sum_p, lax.reduce_prod_p, lax.reduce_max_p, lax.reduce_min_p]
    bind = lambda p, part: lambda x: p.bind(part(x), axes=(0,), **({"out_sharding": None} if p in sharded else {}))
    folded = [*sharded, lax.reduce_and_p, lax.reduce_or_p, lax.reduce_xor_p]
    found = [bind(p, part) for p in folded for part in (whole, nothing)]
    for f in (lax.cumsum, lax.cumprod, lax.cummax, lax.cummin):
        found += [lambda x, f=f: f(x, axis=0), lambda x, f=f: f(x, axis=1, reverse=True)]
    found += [lambda x: lax.argmax(x, 0, np.int32), lambda x: lax.argmin(x, 1, np.int32)]
    return found + [lambda x: lax.sort(x, dimension=0)]


def conversions(x):
    return [lax.convert_element_type(x, to) for to in [*SIGNED, *UNSIGNED, *FLOATS, "bool"]]


def of_integers(dtype):
    values = integers(dtype)
    x, y = grid(values, dtype)
    both = [lax.add, lax.sub, lax.mul, lax.div, lax.rem, lax.max, lax.min, lax.bitwise_and, lax.bitwise_or]
    both += [lax.bitwise_xor, lax.shift_left, lax.shift_right_arithmetic, lax.shift_right_logical, *COMPARISONS]
    both = supported([*both, lax.mulhi][: None if dtype not in NARROW else -1], x, y)  # which JAX takes for 8 bits
    one = [lax.neg, lax.sign, lax.bitwise_not, lax.clz, lax.square]
    one += [] if dtype == "int4" else [lax.population_count]  # XLA counts the sign's copies
    one += [lax.abs, *[lambda x, n=n: lax.integer_pow(x, n) for n in (0, 1, 2, 3, 5)]]
    one = supported(one, x)

    def program(x, y, table, floats, wide):
        results = [f(x, y) for f in both] + [f(x) for f in one]
        results += [lax.clamp(low, x, high) for low in (y, lax.rev(x, (0,))) for high in (y, lax.rev(y, (0,)))]
        results += [f(table) for f in folded] + conversions(x)
        results += [lax.convert_element_type(source, dtype) for source in (*floats, wide)]
        results += [lax.sort((x, y), num_keys=keys)[1] for keys in (1, 2) if "int2" not in dtype]
        return [bits(result) for result in results]

    table = array_of(np.resize(values, (len(values), 3)), dtype)
    folded = supported(folds(), table)[: -1 if "int2" in dtype else None]  # XLA's sorts of 2 bits are not sorted
    floats = [array_of([0.5, -0.5, 1.5, -1.5, 3.99, 7.5, -8.5, 127.9, 300, -300, 65519, 3e4, -3e4, np.nan, np.inf, -np.inf],
                       f) for f in FLOATS]
    floats[2:] = [jnp.concatenate([f, jnp.array([2e9, -2e9, 3e9, 5e9, 1e19, -1e19, 2e19, 1e30], f.dtype)])
                  for f in floats[2:]]
    wide = jnp.array([0, 1, -1, 2, -2, 3, 8, -8, 9, 127, 128, 255, 256, -129, 2**31, 2**32 + 5, -(2**40)], jnp.int64)
    case(f"special_values_{dtype}", program, x, y, table, floats, wide)


def of_floats(dtype):
    info = jnp.finfo(dtype)
    large = float(info.max) / 16  # whose reciprocal is not subnormal
    values = [0.0, -0.0, 1, -1, 0.5, -0.5, 1.5, -1.5, 2.5, -2.5, 3, -7, large, -large,
              16 * float(info.smallest_normal), np.inf, -np.inf, np.nan]
    x, y = grid(values, dtype)
    both = [lax.add, lax.sub, lax.mul, lax.div, lax.rem, lax.max, lax.min, lax.nextafter, *COMPARISONS]
    one = [lax.neg, lax.sign, lax.floor, lax.ceil, lax.is_finite, lax.abs, lax.square]
    one += [lambda x, m=m: lax.round(x, m) for m in lax.RoundingMethod]
    one += [lambda x, e=e, m=m: lax.reduce_precision(x, e, m) for e, m in ((5, 10), (4, 3), (8, 7), (2, 0))]
    rough = [lax.exp, lax.exp2, lax.log, lax.log1p, lax.expm1, lax.tanh, lax.logistic, lax.sin, lax.cos, lax.tan]
    rough += [lax.asin, lax.acos, lax.atan, lax.sinh, lax.cosh, lax.asinh, lax.acosh, lax.atanh, lax.rsqrt, lax.cbrt]
    rough += [lax.sqrt, lax.erf, lax.erfc, lax.erf_inv, lambda x: lax.lgamma(x + 0.25), lax.digamma, lax.bessel_i0e, lax.bessel_i1e]
    powers = (-1, 0, 1, 2, 3, 4) if dtype == "float16" else (-3, -2, -1, 0, 1, 2, 3, 4)  # without overflow on the way
    rough += [lambda x, n=n: lax.integer_pow(x, n) for n in powers]
    precisions = [(5, 10), (5, 2), (8, 7), (8, 2), (4, 3), (11, 20), (2, 0)]  # which XLA counts in bits, flushing none
    tiny = float(info.smallest_subnormal)
    small = jnp.asarray(np.array([tiny, 3 * tiny, -7 * tiny, info.smallest_normal / 2, info.smallest_normal - tiny,
                                  info.smallest_normal, 5e-8, 1e-6, -3e-5, 6.2e-5]).astype(jnp.dtype(dtype)))
    exponents = jnp.array(np.resize([0, 1, -1, 2, -2, 3, -3, 31, 2**31 - 1, -(2**31)], x.shape), jnp.int32)

    def program(x, y, exponents, table, ends, small):
        exact = [f(x, y) for f in both] + [f(x) for f in one]
        precise = [lax.reduce_precision(small, *precision) for precision in precisions]
        exact += [lax.clamp(low, x, high) for low in (y, lax.rev(x, (0,))) for high in (y, lax.rev(y, (0,)))]
        exact += conversions(x) + conversions(ends) + [f(ends) for f in one]
        exact += [lax.sort((x, y), num_keys=keys)[1] for keys in (1, 2)]
        exact += [*lax.top_k(x, 20)]
        sums = [without_sign(f(table)) for f in folded]
        inexact = [f(x) for f in rough] + [lax.pow(x, y), lax.atan2(x, y), lax.pow(x, exponents)]
        inexact += [without_sign(lax.cumlogsumexp(table, axis=axis, reverse=axis == 1)) for axis in (0, 1)]
        precise = [lax.bitcast_convert_type(x, f"uint{8 * x.dtype.itemsize}") for x in precise]
        return [bits(result) for result in (*exact, *sums)] + [kind(result) for result in inexact] + precise

    special = [0, -0.0, 1, np.inf, -np.inf, np.nan]
    columns = np.array([a for a in np.ndindex(6, 6, 6)]).T.reshape(3, -1)
    table = array_of(np.array(special)[columns], dtype)
    folded = supported(folds(), table)
    ends = jnp.array([info.max, info.min, info.max / 2, info.smallest_normal], dtype)
    case(f"special_values_{dtype}", program, x, y, exponents, table, ends, small)


def of_booleans():
    x, y = grid([False, True], "bool")
    table = jnp.asarray(list(np.ndindex(2, 2, 2)), bool).T
    both = [lax.bitwise_and, lax.bitwise_or, lax.bitwise_xor, lax.max, lax.min, *COMPARISONS]
    folded = supported(folds(), table)

    def program(x, y, table):
        results = [f(x, y) for f in both] + [lax.bitwise_not(x), lax.select_n(x, y, lax.bitwise_not(y))]
        results += [lax.clamp(y, x, y), lax.clamp(x, y, True), *conversions(x), *[f(table) for f in folded]]
        results += [lax.select_n(lax.convert_element_type(x, np.int32), x, y), *lax.sort((x, y), num_keys=2)]
        return [bits(result) for result in results]

    case("special_values_bool", program, x, y, table)


def of_complex_numbers(dtype):
    parts = [0.0, -0.0, 1, 2, np.inf, -np.inf, np.nan]
    values = np.array([complex(real, imaginary) for real in parts for imaginary in parts])
    x, y = grid(values, dtype)

    def program(x, y, values):
        results = [f(x, y) for f in (lax.add, lax.sub, lax.mul, lax.div, lax.max, lax.min)]
        results += [f(values) for f in (lax.neg, lax.sign, lax.conj, lax.square)]
        results += [lax.pow(values, lax.full_like(values, 0)), lax.pow(lax.full_like(values, 1), values)]
        results += [lax.sort(values)]
        converted = [lax.convert_element_type(values, to) for to in (np.float32, np.int32, bool)]
        compared = [lax.eq(x, y), lax.ne(x, y), *converted[1:]]
        return [kind(part) for z in results for part in (lax.real(z), lax.imag(z))] + [kind(converted[0]), *compared]

    case(f"special_values_{dtype}", program, x, y, jnp.asarray(values, dtype))


def of_matrices():
    """Where factors are NaN: matrices without a Cholesky factor, singular ones, and zeros on diagonals."""
    random = np.random.default_rng(5)
    for n in (4, 50):  # generated loops; a library
        whole = random.normal(size=(n, n)).astype(np.float32)
        positive = whole @ whole.T + n * np.eye(n, dtype=np.float32)
        first, late = positive.copy(), positive.copy()
        first[0, 0] = 0
        late[n - 1, n - 1] = -5
        indefinite = jnp.asarray([first, late, np.zeros((n, n)), -positive, np.ones((n, n)), positive], np.float32)
        gap = whole.copy()
        gap[:, 1] = 0
        singular = jnp.asarray([np.zeros((n, n)), gap, np.ones((n, n)), whole], np.float32)
        right = jnp.asarray(random.normal(size=(4, n, 2)), np.float32)

        def program(indefinite, singular, right):
            factors = [lax.linalg.cholesky(indefinite, symmetrize_input=False), *lax.linalg.lu(singular)[:1]]
            factors += lax.linalg.qr(singular, full_matrices=False)
            factors += [jnp.linalg.solve(singular, right), jnp.linalg.det(singular), *jnp.linalg.slogdet(singular)]
            factors += [lax.linalg.triangular_solve(singular, right, left_side=True, lower=True)]
            return [lax.ne(x, x) for x in factors] + [lax.is_finite(x) for x in factors[:1]]

        case(f"factors_of_nothing_{n}", program, indefinite, singular, right)


if __name__ == "__main__":
    jax.config.update("jax_enable_x64", True)
    for dtype in (*SIGNED, *UNSIGNED):
        of_integers(dtype)
    for dtype in FLOATS:
        of_floats(dtype)
    of_booleans()
    for dtype in ("complex64", "complex128"):
        of_complex_numbers(dtype)
    of_matrices()
