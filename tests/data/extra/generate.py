"""Writes small programs that JAX prints, with inputs and the outputs that JAX computes.

They cover primitives and edges that the conformance programs do not reach. Run with JAX on a CPU:
python generate.py. A case is NAME.jaxpr and NAME.safetensors (in0.., out0.., and rtol in the metadata).
"""

import json
import pathlib
import struct
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

jax.config.update("jax_enable_x64", True)
FOLDER = pathlib.Path(__file__).parent
RANDOM = np.random.default_rng(0)
NAMES = {"float16": "F16", "bfloat16": "BF16", "float32": "F32", "float64": "F64", "complex64": "C64", "complex128": "C128", "bool": "BOOL"}


def plain(value):
    """The array's numpy form; keys as u32, integers of 2 and 4 bits as bytes."""
    if value.dtype.name in ("int2", "int4", "uint2", "uint4"):
        value = value.astype(value.dtype.name[:-1] + "8")
    if jnp.issubdtype(value.dtype, jax.dtypes.prng_key):
        value = jax.random.key_data(value)
    return np.ascontiguousarray(value)


def save(path, arrays, metadata):
    header, blobs, offset = {"__metadata__": metadata}, [], 0
    for key, array in sorted(arrays.items(), key=lambda item: -item[1].dtype.itemsize):
        kind = array.dtype.name
        name = NAMES.get(kind) or kind.upper().replace("UINT", "U").replace("INT", "I")
        blobs.append(array.tobytes())
        header[key] = {"dtype": name, "shape": array.shape, "data_offsets": [offset, offset + len(blobs[-1])]}
        offset += len(blobs[-1])
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    path.write_bytes(struct.pack("<Q", len(text)) + text + b"".join(blobs))


def case(name, function, *inputs, rtol=1e-6, partitionable=True, outputs=None):
    """`outputs` are given where JAX's are not right."""
    with jax.threefry_partitionable(partitionable):
        text = str(jax.make_jaxpr(function)(*inputs))
        outputs = outputs or jax.tree.leaves(jax.jit(function)(*inputs))
    arrays = {f"in{i}": plain(value) for i, value in enumerate(jax.tree.leaves(inputs))}
    arrays |= {f"out{i}": plain(value) for i, value in enumerate(outputs)}
    metadata = {"rtol": repr(rtol), "threefry_partitionable": "true" if partitionable else "false"}
    (FOLDER / f"{name}.jaxpr").write_text(text + "\n")
    save(FOLDER / f"{name}.safetensors", arrays, metadata)


def reals(*shape, low=-3, high=3, dtype=np.float32):
    return jnp.asarray(RANDOM.uniform(low, high, shape).astype(dtype))


def complexes(*shape, dtype=np.complex64):
    return jnp.asarray((RANDOM.normal(size=shape) + 1j * RANDOM.normal(size=shape)).astype(dtype))


def pairs(values):
    return [jnp.asarray(grid.ravel()) for grid in np.meshgrid(values, values)]


def elementwise():
    edges = np.array([0, -0.0, 1, -1, 0.5, -2.5, 1e30, np.inf, -np.inf, np.nan], np.float32)
    both = [lax.add, lax.div, lax.rem, lax.max, lax.min, lax.pow, lax.atan2, lax.nextafter, lax.eq, lax.lt]
    case("float_edges", lambda x, y: [f(x, y) for f in both], *pairs(edges))
    for dtype in (np.int8, np.uint8, np.int32, np.uint32, np.int64):
        info = np.iinfo(dtype)
        values = np.array([0, 1, 2, 7, 31, info.max, info.min, info.max - 1, info.min + 1], dtype)
        both = [lax.add, lax.mul, lax.mulhi, lax.div, lax.rem, lax.shift_left, lax.shift_right_arithmetic]
        both += [lax.shift_right_logical, lax.max, lax.bitwise_xor]
        case(f"integer_edges_{np.dtype(dtype).name}", lambda x, y, both=both: [f(x, y) for f in both], *pairs(values))
    inexact = [lax.exp, lax.log, lax.log1p, lax.expm1, lax.tanh, lax.sin, lax.asinh, lax.acosh, lax.sqrt, lax.rsqrt]
    case("complex_functions", lambda z: [f(z) for f in inexact], complexes(12), rtol=3e-5)
    case("complex_arithmetic", lambda x, y: (x * y, x / y, x**y, lax.max(x, y), jnp.conj(x), abs(x), x.imag),
         complexes(9), complexes(9), rtol=3e-5)
    for dtype, rtol in ((jnp.float16, 3e-3), (jnp.bfloat16, 2e-2)):
        case(f"functions_{jnp.dtype(dtype).name}", lambda x: [f(x) for f in inexact[:7]],
             reals(12, low=0.1).astype(dtype), rtol=rtol)
    halves = jnp.array([0.5, -0.5, 1.5, 2.5, 127.9, -129, 300, 3e9, -3e9, 1e19, 1e-8, 65520, np.nan, np.inf, -np.inf],
                       jnp.float32)
    dtypes = [jnp.int8, jnp.uint8, jnp.int32, jnp.uint32, jnp.int64, jnp.uint64, jnp.float16, jnp.bfloat16, jnp.bool_]
    case("conversions", lambda x: [lax.convert_element_type(x, dtype) for dtype in dtypes], halves)
    case("roundings", lambda x: (lax.round(x, lax.RoundingMethod.AWAY_FROM_ZERO),
                                 lax.round(x, lax.RoundingMethod.TO_NEAREST_EVEN), lax.reduce_precision(x, 5, 10),
                                 lax.reduce_precision(x, 4, 3)), halves)
    shape, x = reals(30, low=0.1, high=8, dtype=np.float64), reals(30, low=0.01, high=12, dtype=np.float64)
    case("special_functions", lambda a, x: (lax.igamma(a, x), lax.igammac(a, x), lax.igamma_grad_a(a, x),
                                            lax.random_gamma_grad(a, x), lax.zeta(a + 1, x), lax.lgamma(x),
                                            lax.digamma(x), lax.polygamma(jnp.round(a), x), lax.bessel_i0e(x),
                                            lax.bessel_i1e(-3 * x), lax.betainc(a, x, 1 / (1 + x)), lax.erfc(x),
                                            lax.erf_inv(1 / (1 + x))), shape, x, rtol=1e-9)


def moving():
    x = reals(3, 4, 5)
    case("pads", lambda x: (lax.pad(x, jnp.float32(0.5), [(1, 2, 1), (-1, 0, 2), (0, -2, 0)]),
                            jnp.ravel(x, order="F"), lax.rev(x, (0, 2)), lax.bitcast_convert_type(x, jnp.uint8)), x)
    index = jnp.array([0, -1, 2, 9, -20, 5], jnp.int32)
    table, update = reals(6, 5), reals(6, 5)
    case("gather_modes", lambda x, i: (x.at[i].get(mode="clip"), x.at[i].get(mode="fill"),
                                       x.at[:, i].get(mode="fill", fill_value=7.0)), table, index)
    scatters = ["add", "subtract", "multiply", "min", "max"]
    for mode in ("clip", "drop"):
        case(f"scatter_{mode}", lambda x, i, u, mode=mode: [getattr(x.at[i], f)(u, mode=mode) for f in scatters], table,
             index, update, rtol=1e-5)
    window = lax.GatherDimensionNumbers(offset_dims=(1, 2), collapsed_slice_dims=(1,), start_index_map=(2, 0))
    case("gather_windows", lambda x, i: [lax.gather(x, i, window, (2, 1, 3), mode=m) for m in ("clip", "fill")],
         reals(6, 5, 4), jnp.array([[0, 0], [3, 1], [-2, 9], [1, 4]]))
    case("gather_batched", jax.vmap(lambda x, i, u: (x[i], x.at[i].add(u))), reals(3, 5),
         jnp.array([[0, 4], [1, 1], [2, 3]]), reals(3, 2), rtol=1e-5)


def folding():
    x = reals(3, 4, 5).at[0, 1, 2].set(jnp.nan)
    folds = [jnp.sum, jnp.prod, jnp.max, jnp.min, jnp.argmax, jnp.argmin]
    case("reductions", lambda x: [f(x, axis) for f in folds for axis in (0, 2)], x, rtol=1e-5)
    body = lambda a, b: (a[0] + b[0], jnp.maximum(a[1], b[1]))
    case("reduce_general", lambda x: lax.reduce((x, 2 * x), (jnp.float32(0), jnp.float32(1)), body, (0, 2)), reals(3, 4, 5),
         rtol=1e-5)
    image = reals(2, 7, 8, 3)
    options = dict(padding=[(0, 0), (1, 2), (0, 3), (0, 0)], base_dilation=(1, 2, 1, 1), window_dilation=(1, 1, 2, 1))
    window = lambda x, start, f: lax.reduce_window(x, jnp.float32(start), f, (1, 3, 2, 1), (1, 2, 1, 1), **options)
    case("windows", lambda x: (window(x, 0, lax.add), window(x, -jnp.inf, lax.max),
                               window(x, 0, lambda a, b: jnp.logaddexp(a, b))), image, rtol=1e-5)
    pool = lambda x: lax.reduce_window(x, -jnp.float32(jnp.inf), lax.max, (1, 3, 2, 1), (1, 2, 2, 1), "SAME")
    case("select_and_gather", lambda x, t: jax.jvp(pool, (x,), (t,)), image, reals(2, 7, 8, 3), rtol=1e-5)
    case("convolution_groups", lambda x, k: lax.conv_general_dilated(
        x, k, (2, 1), [(1, 2), (0, -1)], lhs_dilation=(1, 2), rhs_dilation=(2, 1), feature_group_count=3,
        dimension_numbers=("NHWC", "HWIO", "NHWC")), reals(2, 5, 6, 6), reals(3, 2, 2, 9), rtol=1e-5)
    case("convolution_batches", lambda x, k: lax.conv_general_dilated(x, k, (1, 1), "SAME", batch_group_count=2),
         reals(4, 3, 5, 5), reals(6, 3, 2, 2), rtol=1e-5)


def routines():
    keys = jnp.array([3, -0.0, np.nan, 0, 1, -np.inf, np.inf, -1, 2, 0], jnp.float32)
    case("sorts", lambda x: (lax.sort(x), jnp.argsort(x), lax.top_k(x, 5), lax.sort((jnp.round(x), x), num_keys=1)), keys)
    case("sort_complex", lambda z: lax.sort(z), jnp.array([1 + 2j, 1 + 1j, np.nan + 1j, -1j, 1, complex(1, np.nan)]))
    case("fourier", lambda z, x: (jnp.fft.fft(z), jnp.fft.ifft2(z), jnp.fft.rfft2(x), jnp.fft.irfft(z, n=7),
                                  jnp.fft.irfft2(z)), complexes(3, 4, 5), reals(3, 4, 5), rtol=1e-5)
    adjoint = lambda a: a.conj().swapaxes(-1, -2)
    a, b = complexes(2, 5, 3, dtype=np.complex128), complexes(2, 4, 4, dtype=np.complex128)
    case("orthogonal", lambda a: (lax.linalg.qr(a, full_matrices=False), lax.linalg.qr(a, full_matrices=True),
                                  lax.linalg.qr(a, full_matrices=False, pivoting=True)), a, rtol=1e-9)
    case("triangular", lambda a, b: (lax.linalg.lu(a), lax.linalg.triangular_solve(a, b),
                                     jnp.linalg.cholesky(a @ adjoint(a) + jnp.eye(4)),
                                     lax.linalg.triangular_solve(a, b, left_side=True, transpose_a=True,
                                                                 conjugate_a=True, lower=True)), b, b + 1, rtol=1e-9)
    case("tridiagonal", lax.linalg.tridiagonal_solve, reals(2, 6), reals(2, 6), reals(2, 6), reals(2, 6, 3), rtol=1e-3)

    def spectra(a, b):
        values, vectors = lax.linalg.eig(b, compute_left_eigenvectors=False)
        u, s, v = jnp.linalg.svd(a, full_matrices=False)
        hermitian = jnp.linalg.eigvalsh(b)
        return s, (u * s[..., None, :]) @ v, jnp.sort(values), b @ vectors - vectors * values[..., None, :] + 1, hermitian

    case("spectra", spectra, a, b, rtol=1e-9)


def random():
    for name, partitionable in (("partitionable", True), ("original", False)):
        case(f"random_{name}", lambda key: (
            [jax.random.bits(key, (5, 3), dtype) for dtype in (jnp.uint8, jnp.uint16, jnp.uint32, jnp.uint64)],
            jax.random.split(key, 5), jax.random.fold_in(key, 77)), jax.random.PRNGKey(42), partitionable=partitionable)
    generators = (lax.RandomAlgorithm.RNG_DEFAULT, lax.RandomAlgorithm.RNG_THREE_FRY)
    case("generators", lambda key: [lax.rng_bit_generator(key, (3, 5), dtype, algorithm=algorithm)
                                    for algorithm in generators for dtype in (jnp.uint8, jnp.uint32, jnp.uint64)],
         jnp.array([1, 2, 3, 4], jnp.uint32))


def half_powers():
    edges = jnp.array([0.0, -0.0, jnp.inf, -jnp.inf, jnp.nan, -1.0, -1e-30, 1.0, 4.0, 1e-26, 1e-20, 1e25, 0.37], jnp.float32)
    case("half_powers", lambda x, y: [z ** p for z in (x, y) for p in (0.5, -0.5, 1.5, -1.5)], edges,
         edges.astype(jnp.float64), rtol=1e-6)


def batches_of_matrices():
    """Enough small matrices that a planner runs them side by side, and a few more."""

    def positive(batch, size, dtype):
        a = RANDOM.standard_normal((batch, size, size))
        return jnp.asarray(a @ np.swapaxes(a, 1, 2) + 2 * np.eye(size), dtype)

    def solve(a, b):
        x = jnp.linalg.solve(a, b)
        return x, x.sum(0), a[:, 0, 0] * x[:, 1, 0]

    case("batches_of_matrices_4", lambda a: (jnp.linalg.cholesky(a), jnp.trace(a, axis1=1, axis2=2)),
         positive(300, 4, jnp.float32), rtol=1e-4)
    case("batches_of_matrices_3", lambda a: jnp.linalg.cholesky(2 * a) + 1, positive(261, 3, jnp.float64), rtol=1e-9)
    case("batches_of_systems", solve, positive(275, 4, jnp.float32),
         jnp.asarray(RANDOM.standard_normal((275, 4, 2)), jnp.float32), rtol=1e-3)


def products_of_scans():
    """Products of a scan's body that do not need its carries, and sums of products that nothing but the result needs."""

    def normal(*shape):
        return jnp.asarray(RANDOM.standard_normal(shape) * 0.2, jnp.float32)

    def before(left, right, cube, vectors, matrices):
        def step(carry, slices):
            x, m = slices
            moved = left @ m
            folded = lax.dot_general(m, cube, (((0, 1), (1, 0)), ((), ())))
            carry = jnp.tanh(carry + left @ x + x @ right + moved.sum(1) + folded)
            return carry, (carry, moved)

        return lax.scan(step, jnp.zeros(40, jnp.float32), (vectors, matrices), reverse=True)

    def recurrent(weights, xs):
        def step(h, x):
            h = jnp.tanh(x @ weights + h @ weights)
            return h, h

        return lax.scan(step, jnp.zeros(xs.shape[1:], jnp.float32), xs)[1].sum()

    def gathered(initial, xs, ys):
        def step(carry, slices):
            sums, h = carry
            x, y = slices
            h = jnp.tanh(h + x)
            return (lax.dot_general(h, y, (((), ()), ((0,), (0,)))) + sums, h), h

        return lax.scan(step, (initial, jnp.zeros(xs.shape[1:], jnp.float32)), (xs, ys))

    case("products_before_scan", before, normal(40, 40), normal(40, 40), normal(6, 40, 40), normal(7, 40),
         normal(7, 40, 6), rtol=1e-4)
    case("products_after_scan", jax.grad(recurrent), normal(36, 36), normal(9, 5, 36), rtol=1e-4)
    case("products_after_scan_of_vectors", jax.grad(recurrent), normal(36, 36), normal(9, 36), rtol=1e-4)
    case("products_gathered_by_scan", gathered, normal(12, 10, 10), normal(9, 12, 10), normal(9, 12, 10), rtol=1e-4)


def row_loops():
    """Nests that share rows of arrays so large that a processor works on one row at a time."""
    def probabilities(x, scale):
        p = jax.nn.softmax(x * scale[:, None], axis=-1)
        return (p * p).sum(-1), p.max(0)

    def positions(x, scale):
        rows = jnp.arange(scale.size, dtype=jnp.float32)[:, None] / scale.size
        a = jnp.sin(x * scale[:, None] + rows)
        b = jnp.cumsum(a, axis=1) / (1 + jnp.abs(a).sum(1, keepdims=True))
        c = jnp.tanh(b + b[:, ::-1] + jnp.roll(a, 1, axis=0)) + (x[:, None] * scale).T
        return c.sum(1), jnp.exp(c - c.max(1, keepdims=True)).sum(0)

    def transposed(x, y, w):
        a = jnp.exp(x[:, None] * y)
        b = a.T / a.T.sum(1, keepdims=True)
        index = jnp.argmax(b, 1)
        return (b @ w)[:, 0], jnp.take_along_axis(b, index[:, None], 1).sum(1) + b.var(1), index

    case("rows_softmax", probabilities, reals(1024), reals(256), rtol=1e-5)
    case("rows_with_positions", positions, reals(700), reals(300), rtol=1e-4)
    case("rows_of_a_transpose", transposed, reals(520), reals(300), reals(520, 2), rtol=1e-5)


def joining():
    """More operands than one nest joins, of several extents; with numbers among them, and complex ones."""

    def many(x, z, s):
        along = jnp.concatenate([x[:, k % 5 : k % 5 + 1 + k % 4] * (k + 1) for k in range(70)], axis=1)
        stacked = jnp.stack([x[0, k % 7] + k for k in range(40)], axis=1)
        complexes = jnp.concatenate([z[k % 3 :] * (k + 1) for k in range(36)])
        scalars = jnp.stack([s[k % 3] if k % 5 else jnp.float32(k) for k in range(65)])
        return along, stacked, complexes, scalars

    ramp = np.arange(2 * 9 * 3, dtype=np.float32).reshape(2, 9, 3) - 20
    case("joins_of_many", many, jnp.asarray(ramp), jnp.asarray(ramp[0, :, 0] + 1j * ramp[0, :, 1], jnp.complex64),
         jnp.asarray(ramp[1, 0]))


def narrow_routines():
    """Routines on 16-bit floats, which JAX has for triangular systems alone, and on matrices without columns."""
    for dtype in (jnp.float16, jnp.bfloat16):
        a = (RANDOM.normal(size=(2, 5, 5)) + 5 * np.eye(5)).astype(dtype)
        b = RANDOM.normal(size=(2, 5, 3)).astype(dtype)
        case(f"triangular_solve_{np.dtype(dtype).name}",
             lambda a, b: lax.linalg.triangular_solve(a, b, left_side=True, lower=True), jnp.asarray(a), jnp.asarray(b),
             rtol=2e-2)
    case("lu_without_columns", lambda *matrices: [lax.linalg.lu(a) for a in matrices],
         *[jnp.zeros(shape, jnp.float32) for shape in ((0, 0), (2, 0, 0), (3, 0), (0, 3))])


def prefixes():
    """Cumulative operations on lines that are long enough for tiles and vectors, with values that are no numbers."""
    def folds(x, i, z):
        along = [f(x, axis=1, reverse=k % 2 == 1) for k, f in
                 enumerate((lax.cumsum, lax.cummax, lax.cummin, lax.cumlogsumexp, lax.cumprod))]
        return along, lax.cumsum(i, axis=0, reverse=True), lax.cummax(i), lax.cumprod(i), lax.cumsum(z)

    def special(x):
        return lax.cumsum(x), lax.cummax(x, reverse=True), lax.cummin(x), lax.cumlogsumexp(x)

    integers = jnp.asarray(RANDOM.integers(-128, 128, 263).astype(np.int8))
    def parts(x, y):
        z = x[:, None] * y
        masked = jnp.where(jnp.arange(x.size)[:, None] % 7 == 0, z, 0)
        folds = z.sum(), z.max(), z.min(), masked.sum(), jnp.any(z > 8.99), jnp.stack([z, -z]).max((1, 2))
        return [fold.reshape(-1) for fold in folds]

    case("folds_in_parts", parts, reals(541), reals(613), rtol=1e-4)
    case("prefixes", folds, reals(3, 4099, low=0.99, high=1.01), integers, complexes(131), rtol=1e-4)
    infinite = np.asarray(reals(301)).copy()
    infinite[[100, 200]] = np.inf, -np.inf
    missing = np.asarray(reals(301)).copy()
    missing[150] = np.nan
    case("prefixes_of_infinities", special, jnp.asarray(infinite), rtol=1e-4)
    case("prefixes_of_nan", special, jnp.asarray(missing), rtol=1e-4)
    case("prefixes_of_halves", lambda x: (lax.cummax(x), lax.cumsum(x, reverse=True)),
         jnp.asarray(RANDOM.uniform(0, 1, 200).astype(np.float16)), rtol=3e-2)


def shared_models():
    """Filters with one model for a batch of series, and scans whose results `vmap` transposes."""
    random = np.random.default_rng(2)  # of its own, so that the cases after these stay

    def uniform(*shape, dtype, bound=3):
        return jnp.asarray(random.uniform(-bound, bound, shape).astype(dtype))

    def filters(turn, observed, series, reverse):
        dtype, size = series.dtype, observed.size

        def run(ys):
            def step(state, y):
                mean, covariance = turn @ state[0], turn @ state[1] @ turn.T + 0.1 * jnp.eye(size, dtype=dtype)
                variance = observed @ covariance @ observed + dtype.type(0.5)
                gain = covariance @ observed / variance
                error = y - observed @ mean
                mean = mean + gain * error
                covariance = covariance - jnp.outer(gain, gain) * variance
                return (mean, covariance), (mean, covariance, jnp.log(variance) + error * error / variance)

            return lax.scan(step, (jnp.zeros(size, dtype), jnp.eye(size, dtype=dtype)), ys, reverse=reverse)
        return jax.vmap(run)(series)

    def recurrence(out_axes, reverse):
        def run(weights, state, xs):
            def step(h, x):
                h = jnp.sin(weights @ h) + x
                return h, (h, h[:4] * x[0])

            return lax.scan(step, state, xs, reverse=reverse)[1]
        return jax.vmap(run, in_axes=(None, 0, 0), out_axes=out_axes)

    for dtype, rtol in ((np.float32, 2e-5), (np.float64, 1e-11)):
        name = np.dtype(dtype).name
        for steps in (1, 2, 17):
            reverse = steps == 2 or (steps == 17 and dtype == np.float64)
            turn = jnp.asarray(np.eye(3) * 0.9 + np.eye(3, k=1) * 0.2, dtype)
            case(f"filters_with_one_model_{steps}_{name}", partial(filters, reverse=reverse), turn,
                 jnp.asarray([1, 0.5, 0.25], dtype), uniform(65, steps, dtype=dtype), rtol=rtol)
            out_axes = (0, 1) if steps == 17 else (0, 2)
            case(f"scans_transposed_by_vmap_{steps}_{name}", recurrence(out_axes, reverse),
                 uniform(5, 5, bound=0.5, dtype=dtype), uniform(33, 5, dtype=dtype),
                 uniform(33, steps, 5, dtype=dtype), rtol=rtol)


def scaled_matrices():
    """Factors of matrices whose elements are too small or too large to be squared."""
    random = np.random.default_rng(1)  # of its own, so that the cases after these stay
    for name, scale in (("small", 1e-25), ("large", 1e20)):
        for n in (6, 70):  # generated loops; a library
            a = jnp.asarray((random.normal(size=(n + 2, n)) * scale).astype(np.float32))
            case(f"qr_of_{name}_{n}", lambda a: jnp.linalg.qr(a), a, rtol=1e-4)
        a = jnp.asarray((random.normal(size=(6, 6)) * scale).astype(np.float32))
        case(f"svd_of_{name}", lambda a: jnp.linalg.svd(a, compute_uv=False), a * np.float32(1e-10 if scale < 1 else 1),
             rtol=1e-4)
        symmetric = a + a.T  # real eigenvalues; JAX leaves them scaled
        values = np.linalg.eigvalsh(np.asarray(symmetric, np.float64)).astype(np.float32)
        case(f"eig_of_{name}", lambda a: jnp.sort(jnp.linalg.eigvals(a).real), symmetric, rtol=1e-4, outputs=[values])


def real_spectra():
    """Numbers that are real in the spectra of real signals: exactly so forward, and taken so backward."""
    random = np.random.default_rng(2)
    lengths = (1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 12, 16, 18, 30, 34, 48, 64, 101, 202, 206, 360)
    signals = [jnp.asarray(random.normal(size=(2, n))) for n in lengths]

    def real_numbers(*signals):
        for signal in signals:
            for x in (signal, signal.astype(np.float32)):
                spectrum = jnp.fft.rfft(x)
                yield spectrum.imag[:, 0] == 0
                if x.shape[1] % 2 == 0:
                    yield spectrum.imag[:, -1] == 0

    case("real_spectra_forward", lambda *signals: tuple(real_numbers(*signals)), *signals)
    # Every number has an imaginary part.
    spectra = [jnp.asarray(random.normal(size=(2, n // 2 + 1)) + 1j * random.normal(size=(2, n // 2 + 1)))
               for n in lengths]
    case("real_spectra_backward", lambda *spectra: tuple(jnp.fft.irfft(z, n) for n, z in zip(lengths, spectra)), *spectra,
         rtol=1e-12)
    case("real_spectra_of_images", lambda x, z: (jnp.fft.rfft2(x), jnp.fft.irfft2(z, (6, 8)), jnp.fft.irfft2(z, (6, 7))),
         signals[-1][:, :48].reshape(2, 6, 8), spectra[-1][:, :60].reshape(2, 6, 10)[..., :5], rtol=1e-12)


def keys_and_bits():
    """Typed keys as inputs and results, and bits between types of 2, 4 and more bits."""
    keys = jax.random.split(jax.random.key(7), 3)

    def draw(key, keys, words):
        halves = jax.random.split(key)
        drawn = jax.vmap(lambda k: jax.random.uniform(k, (2,)))(keys)
        return halves, drawn, keys[1], jax.random.fold_in(key, words[0]), jax.random.wrap_key_data(words)

    case("typed_keys", draw, jax.random.key(3), keys, jnp.array([5, 6], jnp.uint32))
    words = jnp.asarray(np.random.default_rng(3).integers(-128, 128, (3, 8)), jnp.int8)
    signed, natural = words.astype("int4"), words.astype("uint2")

    def cast(words, signed, natural):
        bits = lax.bitcast_convert_type
        return (bits(words, "int4"), bits(words, "uint2"), bits(words, "uint4"), bits(words, "int2"),
                bits(signed, "uint4"), bits(signed, jnp.float32), bits(signed, "int2"), bits(natural, "int2"),
                bits(natural, jnp.uint16), bits(natural.reshape(3, 4, 2), "int4"), bits(signed[:, :2], jnp.uint8))

    case("narrow_bits", cast, words, signed, natural)

    def move(s, n, inside, outside):
        return (s.T, lax.pad(s, s[0, 0], [(1, 0, 1), (0, 1, 0)]), n[:, ::-1], s[inside], s.at[outside].get(mode="fill"),
                n.at[outside].get(mode="fill"), s.at[inside].set(s[1]), n.at[1].add(n[0]), lax.dot(s, s.T),
                lax.iota("int4", 11), lax.iota("uint2", 9), jnp.where(s > 1, s, -s),
                lax.scan(lambda c, x: (c + x, c * x), s[0], s))

    case("narrow_moves", move, signed, natural, jnp.array([2, 0]), jnp.array([1, 9]))


def packed_products():
    """Convolutions, their gradients and contractions that are large enough to be packed."""
    random = np.random.default_rng(2)  # of its own, so that the cases after these stay

    def normal(*shape, dtype=np.float32):
        return jnp.asarray(random.normal(size=shape).astype(dtype))

    def layer(stride, groups=1, layout=("NHWC", "HWIO", "NHWC")):
        return lambda x, w: lax.conv_general_dilated(
            x, w, (stride, stride), "SAME", dimension_numbers=layout, feature_group_count=groups)

    for name, convolve, x, w in (
            ("plain", layer(1), normal(2, 9, 14, 16), normal(3, 3, 16, 12)),
            ("strided", layer(2), normal(1, 15, 13, 3), normal(5, 5, 3, 16)),
            ("in_groups", layer(1, 2), normal(1, 9, 8, 16), normal(3, 2, 8, 24)),
            ("features_first", layer(2, 1, ("NCHW", "OIHW", "NCHW")), normal(2, 8, 12, 11), normal(16, 8, 3, 3)),
            ("float64", layer(3), normal(2, 10, 10, 9, dtype=np.float64), normal(4, 4, 9, 8, dtype=np.float64))):
        case(f"convolution_{name}", lambda x, w: (
            convolve(x, w), *jax.grad(lambda x, w: jnp.square(convolve(x, w)).sum(), (0, 1))(x, w)), x, w, rtol=2e-5)
    for name, indices, left, right in (
            ("heads", "bqhd,bkhd->bhqk", (2, 30, 3, 16), (2, 24, 3, 16)),
            ("out_of_order", "iakb,kbja->ij", (24, 4, 5, 3), (5, 3, 20, 4)),
            ("interleaved", "aikb,jkbc->acij", (4, 6, 5, 7), (9, 5, 7, 3))):
        case(f"contraction_{name}", partial(jnp.einsum, indices), normal(*left), normal(*right), rtol=2e-5)


def packed_products_of_steps():
    """Convolutions in loops, of 16-bit floats, and few rows by a matrix that leaves the caches."""
    draw = np.random.default_rng(97)

    def normal(*shape, scale=1.0, dtype=np.float32):
        return jnp.asarray(scale * draw.standard_normal(shape), dtype)

    def layer(stride, padding="SAME", dilation=1):
        return lambda x, w: lax.conv_general_dilated(x, w, (stride, stride), padding, (dilation, dilation),
                                                     dimension_numbers=("NHWC", "HWIO", "NHWC"))

    def train(w, images, targets):
        def step(w, pair):
            loss, gradient = jax.value_and_grad(lambda w: jnp.mean((layer(2)(pair[0], w) - pair[1]) ** 2))(w)
            return w - 0.1 * gradient, (loss, layer(2)(pair[0], w)[0])

        return lax.scan(step, w, (images, targets))

    def rows_by_matrix(x):
        matrix = jnp.sin(jnp.arange(2100 * 2003, dtype=np.float32).reshape(2100, 2003) * 0.25)
        return x[0] @ matrix, x @ matrix

    half, brain = np.float16, jnp.bfloat16
    case("convolution_in_scan", lambda x, w: lax.scan(lambda x, _: (jnp.tanh(layer(1)(x, w)), None), x, None, 4)[0],
         normal(1, 11, 13, 20), normal(3, 3, 20, 20, scale=0.05), rtol=2e-5)
    case("convolution_trained_in_scan", train, normal(3, 3, 5, 18, scale=0.1), normal(3, 2, 10, 9, 5),
         normal(3, 2, 5, 5, 18), rtol=2e-5)
    case("convolution_of_each_image", lambda x, w: lax.map(lambda x: jnp.maximum(layer(1)(x[None], w)[0], 0), x),
         normal(4, 9, 10, 20), normal(3, 3, 20, 24, scale=0.1), rtol=2e-5)
    case("convolution_of_each_large_image", lambda x, w: lax.map(
        lambda x: layer(1)(jnp.sin(x * (jnp.arange(48 * 48 * 24) % 97)).reshape(1, 48, 48, 24), w).max((0, 1, 2)), x),
         normal(3), normal(3, 3, 24, 40, scale=0.1), rtol=2e-5)
    case("convolution_bfloat16", lambda x, w, v: layer(1)(jnp.maximum(layer(1)(x, w), 0), v),
         normal(1, 12, 10, 6, dtype=brain), normal(3, 3, 6, 20, dtype=brain), normal(3, 3, 20, 17, dtype=brain),
         rtol=2e-2)
    case("convolution_float16", layer(1, ((2, 1), (1, 2)), 2), normal(1, 7, 6, 5, scale=0.3, dtype=half),
         normal(3, 3, 5, 20, scale=0.3, dtype=half), rtol=4e-3)
    case("contraction_bfloat16", lambda x, w: (
        jnp.einsum("ik,jk->ij", x, w), jnp.dot(x, w.T, preferred_element_type=np.float32), x[0] @ w.T),
        normal(40, 50, dtype=brain), normal(60, 50, dtype=brain), rtol=2e-2)
    case("few_rows_by_a_large_matrix", rows_by_matrix, normal(3, 2100), rtol=1e-4)


def leading_elements():
    """Selections of a few in a scan: ties, both zeros, NaN, infinities, the least integers, and a whole short line."""
    rng = np.random.default_rng(3)
    x = rng.normal(size=(6, 1000)).astype(np.float32)
    x[1, ::7] = 0.0
    x[2, ::5] = -0.0
    x[3, 10], x[3, 500] = np.nan, -np.inf
    x[4], x[5] = -np.inf, 1.5
    narrow = rng.integers(-3, 4, size=(6, 300)).astype(np.int8)
    narrow[0] = -128
    unsigned = rng.integers(0, 2**32, size=(6, 70), dtype=np.uint32)
    unsigned[1] = 0

    def step(carry, rows):
        floats, integers, words, halves = rows
        largest = lax.top_k(floats + carry, 8)
        others = lax.top_k(integers, 5), lax.top_k(words, 1), lax.top_k(halves, 10)
        return jnp.where(jnp.isfinite(largest[0][1]), largest[0][1], 0.0) * 0.125, (largest, others)

    case("leading_elements_in_scan", lambda *rows: lax.scan(step, jnp.float32(0), rows)[1], x, narrow, unsigned,
         x[:, :200].astype(np.float16))


def several_keys():
    """Long enough lines for a library, with ties, NaN, both zeros, along each axis."""
    draw = np.random.default_rng(11)
    values = np.array([0.0, -0.0, 1.5, -2.0, np.nan, -np.nan, np.inf], np.float32)
    a, b = (jnp.asarray(draw.choice(values, (2, 90))) for _ in range(2))
    c, d = jnp.asarray(draw.integers(-2, 3, (2, 90))), jnp.asarray(np.arange(180).reshape(2, 90))
    by = lambda keys, axis: lambda *operands: lax.sort(operands, dimension=axis, num_keys=keys)
    case("sorts_by_several_keys", lambda a, b, c, d: (
        by(2, 1)(a, b, d), by(3, 1)(c, a, b, d), by(2, 0)(a.T, c.T, d.T), by(2, 1)(c, b), jnp.lexsort((a[0], c[0])),
        by(2, 1)(c > 0, a, d), by(3, 1)(a.astype(jnp.float16), c.astype(jnp.int8), c.astype(jnp.uint64), d)), a, b, c, d)


if __name__ == "__main__":
    for write in (elementwise, moving, folding, routines, random, products_of_scans, half_powers, batches_of_matrices,
                  row_loops, joining, narrow_routines, prefixes, shared_models,
                  scaled_matrices, real_spectra, keys_and_bits, leading_elements, several_keys, packed_products,
                  packed_products_of_steps):
        write()
