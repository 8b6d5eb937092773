"""Stands in for jax.lax.associative_scan while a function is exported.

The stand-in binds a primitive that keeps the combining function as a jaxpr. It is reached by exchanging
the code object of JAX's function, so modules that imported the function earlier reach it too.
"""

import contextlib
import inspect
import threading
import types
import warnings

import jax
import numpy
from jax import numpy as jnp

from jaxc._errors import ExportWarning
from jaxc._jax import ad, batching, call, core, mlir, own_trace_context, shape_struct, without_constants

primitive = core.Primitive("associative_scan")
primitive.multiple_results = True


def _expanded(*operands, expansion, num_body_constants, **_):
    return call(expansion, *operands[num_body_constants:])


def _abstract(*_, expansion, **__):
    return list(expansion.out_avals)


def _keep_expansion(transformation):
    warnings.warn(
        f"associative_scan under {transformation}: JAX's expansion into slices and adds is exported instead "
        "of the scan itself", ExportWarning, stacklevel=3)


def _jvp(primals, tangents, **parameters):
    if all(type(tangent) is ad.Zero for tangent in tangents):
        results = primitive.bind(*primals, **parameters)
        return results, [ad.Zero.from_primal_value(result) for result in results]
    _keep_expansion("grad or jvp")
    tangents = [_zeros(primal) if type(tangent) is ad.Zero else tangent for primal, tangent in zip(primals, tangents)]
    return jax.jvp(lambda *operands: _expanded(*operands, **parameters), tuple(primals), tuple(tangents))


def _zeros(primal):
    if jnp.issubdtype(jnp.result_type(primal), jnp.inexact):
        return jnp.zeros_like(primal)
    return numpy.zeros(jnp.shape(primal), jax.dtypes.float0)


def _batch(operands, axes, **parameters):
    _keep_expansion("vmap")
    results = jax.vmap(lambda *values: _expanded(*values, **parameters), in_axes=tuple(axes))(*operands)
    return results, [0] * len(results)


primitive.def_impl(_expanded)
primitive.def_abstract_eval(_abstract)
ad.primitive_jvps[primitive] = _jvp
batching.primitive_batchers[primitive] = _batch
mlir.register_lowering(primitive, mlir.lower_fun(_expanded, multiple_results=True))


def _stand_in(original, fn, elems, reverse, axis):
    """Binds the primitive; outside what it can hold, does what JAX does."""
    leaves, tree = jax.tree_util.tree_flatten(elems)
    leaves = [jnp.asarray(leaf) for leaf in leaves]
    if not callable(fn) or not leaves or any(leaf.ndim == 0 for leaf in leaves):
        return original(fn, elems, reverse, axis)
    axis_of_leaves = axis + leaves[0].ndim if axis < 0 else axis
    if any(axis_of_leaves >= leaf.ndim or leaf.shape[axis_of_leaves] < 2 for leaf in leaves):
        return original(fn, elems, reverse, axis)

    def expand(*values):
        result = original(fn, jax.tree_util.tree_unflatten(tree, values), reverse, axis)
        return jax.tree_util.tree_leaves(result)

    def combine(*values):
        left = jax.tree_util.tree_unflatten(tree, values[: len(leaves)])
        right = jax.tree_util.tree_unflatten(tree, values[len(leaves) :])
        return jax.tree_util.tree_leaves(fn(left, right))

    expansion = jax.make_jaxpr(expand)(*[shape_struct(leaf) for leaf in leaves])
    slabs = [_slab(leaf, axis_of_leaves) for leaf in leaves]
    body = jax.make_jaxpr(combine)(*slabs, *slabs)
    wanted = [(slab.shape, slab.dtype) for slab in slabs]
    if [(aval.shape, aval.dtype) for aval in body.out_avals] != wanted:
        _keep_expansion("a combining function whose results differ in type from its arguments")
        return original(fn, elems, reverse, axis)
    results = primitive.bind(
        *body.consts, *expansion.consts, *leaves,
        body=without_constants(body), expansion=without_constants(expansion), axis=axis_of_leaves,
        reverse=bool(reverse), num_body_constants=len(body.consts), num_expansion_constants=len(expansion.consts))
    return jax.tree_util.tree_unflatten(tree, results)


def _slab(leaf, axis):
    struct = shape_struct(leaf)
    shape = list(struct.shape)
    shape[axis] = 1
    return jax.ShapeDtypeStruct(tuple(shape), struct.dtype)


_lock = threading.RLock()
_thread = threading.local()
_standing = 0
_original = None


def dispatch(fn, elems, reverse, axis):
    """What JAX's function does while any thread exports: the stand-in, only on that thread."""
    if getattr(_thread, "exporting", 0):
        return _stand_in(_original, fn, elems, reverse, axis)
    return _original(fn, elems, reverse, axis)


def _replacement(fn, elems, reverse=False, axis=0):
    from jaxc._associative_scan import dispatch

    return dispatch(fn, elems, reverse, axis)


@contextlib.contextmanager
def standing_in():
    """While inside, jax.lax.associative_scan binds jaxc's primitive on this thread."""
    global _standing, _original
    function = inspect.unwrap(jax.lax.associative_scan)
    code = _replacement.__code__
    with _lock:
        if _standing == 0:
            current = function.__code__
            same = current.co_varnames[: current.co_argcount] == code.co_varnames[: code.co_argcount]
            if not same or current.co_freevars:
                raise RuntimeError("jax.lax.associative_scan has an unknown signature in this version of JAX")
            _original = types.FunctionType(current, function.__globals__, function.__name__, function.__defaults__)
            function.__code__ = code
        _standing += 1
    _thread.exporting = getattr(_thread, "exporting", 0) + 1
    try:
        with own_trace_context():
            yield
    finally:
        _thread.exporting -= 1
        with _lock:
            _standing -= 1
            if _standing == 0:
                function.__code__ = _original.__code__
