"""export: from a JAX function and example arguments to a .jaxpr and its .safetensors."""

import json
import os
import pathlib

import jax
import numpy

from jaxc import _data
from jaxc._associative_scan import standing_in
from jaxc._errors import ExportError
from jaxc._jax import is_key, key_data, key_implementation
from jaxc._program import Converter, dtype_text, finish
from jaxc._text import program_text

# Agreement to expect of the results, by their coarsest type.
_TOLERANCES = (("bfloat16", 2e-2), ("float16", 4e-3), ("float32", 1e-5), ("complex64", 1e-5))


def export(function, *arguments, path, rtol=None, results=None):
    """Writes `path`.jaxpr, the program of function(*arguments), and `path`.safetensors, its data.

    The arguments are trees of arrays and numbers; their shapes and dtypes are those of the program's
    inputs, in the order of jax.tree.leaves. Leaves of other kinds (functions, strings, ...) are fixed
    in the program. Random keys become uint32 words. The data hold in0, in1, ... (the arguments),
    const0, ... (the constants), and out0, ... (`results`, by default what JAX computes), and say with
    what tolerance `rtol` the results are good, JAX's version and jax_threefry_partitionable.

    jax.lax.associative_scan is kept as one equation, unless it is batched or differentiated by JAX:
    then JAX's expansion is exported, with an ExportWarning. Raises ExportError, naming the culprit,
    when the function calls back into Python, communicates, or has other effects. Returns the
    program's text.
    """
    path = _stem(path)
    leaves, tree = jax.tree_util.tree_flatten(arguments)
    dynamic = [_is_data(leaf) for leaf in leaves]
    inputs = [_to_words(leaf) for leaf, is_dynamic in zip(leaves, dynamic) if is_dynamic]

    def on_words(*words):
        words = iter(words)
        values = [_from_words(next(words), leaf) if is_dynamic else leaf for leaf, is_dynamic in zip(leaves, dynamic)]
        returned = function(*jax.tree_util.tree_unflatten(tree, values))
        return [_to_words(leaf) for leaf in jax.tree_util.tree_leaves(returned) if _is_output(leaf)]

    with standing_in():
        closed = jax.make_jaxpr(on_words)(*inputs)
        program = Converter().convert(closed)
    constants, constant_values, program = finish(program)
    if results is None:
        results = jax.jit(on_words)(*inputs)
    arrays = {}
    for number, (value, aval) in enumerate(zip(inputs, closed.in_avals)):
        arrays[f"in{number}"] = numpy.asarray(value).astype(aval.dtype)
    arrays.update((f"const{number}", value) for number, value in enumerate(constant_values))
    arrays.update((f"out{number}", value) for number, value in enumerate(_checked(results, closed.out_avals)))
    for name, array in arrays.items():
        if not _data.can_store(array.dtype):
            raise ExportError(f"export: {name} is of {array.dtype}, which .safetensors cannot hold; "
                              "convert it to another type")
    metadata = {
        "rtol": repr(_tolerance(closed.out_avals) if rtol is None else float(rtol)),
        "jax_version": jax.__version__,
        "threefry_partitionable": json.dumps(bool(jax.config.jax_threefry_partitionable)),
    }
    text = program_text(constants, program)
    path.parent.mkdir(parents=True, exist_ok=True)
    _data.save(f"{path}.safetensors", arrays, metadata)
    pathlib.Path(f"{path}.jaxpr").write_text(text)
    return text


def _stem(path):
    path = pathlib.Path(os.fspath(path))
    return path.with_suffix("") if path.suffix in (".jaxpr", ".safetensors") else path


def _is_data(leaf):
    return isinstance(leaf, (jax.Array, numpy.ndarray, numpy.generic, bool, int, float, complex))


def _is_output(leaf):
    if not _is_data(leaf):
        raise ExportError(f"export: results must be arrays or numbers, got {type(leaf).__name__}; return arrays only")
    return True


def _to_words(leaf):
    if not is_key(leaf):
        return leaf
    dtype_text(leaf.dtype)
    return key_data(leaf)


def _from_words(words, leaf):
    if is_key(leaf):
        return jax.random.wrap_key_data(words, impl=_implementation_name(leaf))
    return words


def _implementation_name(leaf):
    return {"fry": "threefry2x32"}[key_implementation(leaf.dtype)]


def _checked(results, avals):
    """The results as arrays of the program's types."""
    results = [numpy.asarray(result) for result in jax.tree_util.tree_leaves(results)]
    if [result.shape for result in results] != [aval.shape for aval in avals]:
        raise ExportError(f"export: results must have the shapes of the function's, got "
                          f"{[result.shape for result in results]} for {[aval.shape for aval in avals]}")
    return [result.astype(aval.dtype) for result, aval in zip(results, avals)]


def _tolerance(avals):
    names = {numpy.dtype(aval.dtype).name for aval in avals}
    return next((tolerance for name, tolerance in _TOLERANCES if name in names), 1e-11)
