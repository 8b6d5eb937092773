"""The parts of JAX's inside that export stands on, the same under every supported version."""

import contextlib
import inspect

import jax
import numpy
from jax._src import config, core
from jax._src.interpreters import ad, batching, mlir
from jax._src.interpreters.partial_eval import convert_constvars_jaxpr

__all__ = ["ad", "batching", "call", "constants_of", "core", "implementations", "is_jaxpr", "is_key", "key_data",
           "key_implementation", "mlir", "opened", "own_trace_context", "shape_struct", "to_numpy", "without_constants"]

# Since 0.12 a Jaxpr holds its constants' values itself; before, a ClosedJaxpr held both.
_CLOSED = getattr(core, "ClosedJaxpr", core.Jaxpr)


def is_jaxpr(value):
    return isinstance(value, (core.Jaxpr, _CLOSED))


def opened(jaxpr):
    """The jaxpr itself, where a closed one is given."""
    return jaxpr.jaxpr if isinstance(jaxpr, _CLOSED) else jaxpr


def constants_of(jaxpr):
    """The values of a jaxpr's constants, as far as it holds them."""
    return list(getattr(jaxpr, "consts", ()))


def without_constants(closed):
    """The same function with its constants as its first arguments."""
    jaxpr = convert_constvars_jaxpr(closed.jaxpr)
    return jaxpr if _CLOSED is core.Jaxpr else _CLOSED(jaxpr, ())


def call(closed, *operands):
    return core.jaxpr_as_fun(closed)(*operands)


def is_key(value):
    """Whether an array, or an abstract value, has a dtype of random keys."""
    dtype = getattr(value, "dtype", None)
    return dtype is not None and jax.dtypes.issubdtype(dtype, jax.dtypes.prng_key)


def key_data(keys):
    return jax.random.key_data(keys)


def key_implementation(dtype):
    """The tag of a key dtype's generator: "fry" for threefry."""
    return dtype._impl.tag


def to_numpy(value, dtype=None):
    """An array's values, also those of JAX's own holders of literals."""
    return numpy.asarray(value, dtype)


def shape_struct(value):
    """An array's type, for tracing."""
    try:
        return jax.ShapeDtypeStruct(value.shape, value.dtype, weak_type=getattr(value, "weak_type", False))
    except TypeError:
        return jax.ShapeDtypeStruct(value.shape, value.dtype)


def implementations(primitive):
    """Functions that may do, with other primitives, what this primitive does."""
    if hasattr(primitive, "to_lojax"):
        yield primitive.to_lojax
    yield primitive.impl
    for table in (mlir._lowerings, mlir._platform_specific_lowerings.get("cpu", {})):
        rule = table.get(primitive)
        rule = inspect.unwrap(getattr(rule, "rule", rule))
        # mlir.lower_fun(fun, multiple_results) returns a closure over both.
        if inspect.isfunction(rule) and {"fun", "multiple_results"} <= set(rule.__code__.co_freevars):
            yield inspect.getclosurevars(rule).nonlocals["fun"]


_PROFILE_VERSION = 0x6A617863


@contextlib.contextmanager
def own_trace_context():
    """Gives what is traced inside its own keys in JAX's caches.

    Every cache of traced functions has JAX's trace context in its key, and `jax_xla_profile_version`
    is a part of that context without influence on tracing. So nothing that was traced before is
    reused inside, and nothing that is traced inside is found afterwards. A JAX without that option
    loses its caches before and after instead.
    """
    state = getattr(config, "jax_xla_profile_version", None)
    outside = config.trace_context()
    if state is not None:
        with state(_PROFILE_VERSION):
            if config.trace_context() != outside:
                yield
                return
    jax.clear_caches()
    try:
        yield
    finally:
        jax.clear_caches()
