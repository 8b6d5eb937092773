"""Runs random programs in JAX.

    random_programs --count 500 --write FOLDER
    python in_jax.py FOLDER
    random_programs --count 500 --read FOLDER

For every X.jaxpr in FOLDER, and its inputs in X.safetensors, writes X.jax.safetensors: out0, out1 ..., or what JAX
objects to as the metadata's `error`. The text is read by a small parser, and each equation binds JAX's primitive of
that name.
"""

import os

os.environ.setdefault(
    "XLA_FLAGS", "--xla_allow_excess_precision=false --xla_cpu_enable_fast_math=false --xla_cpu_multi_thread_eigen=false"
)

import glob
import json
import math
import re
import struct
import sys
from collections import namedtuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jax._src.interpreters import mlir

jax.config.update("jax_enable_x64", True)

Jaxpr = namedtuple("Jaxpr", "inputs equations outputs")
Equation = namedtuple("Equation", "outputs primitive parameters inputs")
Literal = namedtuple("Literal", "value")

DTYPES = {"bool": np.dtype(bool), "bf16": jnp.dtype("bfloat16"), "c64": np.dtype("complex64")}
DTYPES |= {"c128": np.dtype("complex128")}
NARROW = {f"{c}{n}": jnp.dtype(f"{k}{n}") for c, k in (("i", "int"), ("u", "uint")) for n in (2, 4)}
DTYPES |= NARROW
DTYPES |= {f"f{n}": np.dtype(f"float{n}") for n in (16, 32, 64)}
DTYPES |= {f"{c}{n}": np.dtype(f"{k}{n}") for c, k in (("i", "int"), ("u", "uint")) for n in (8, 16, 32, 64)}

NAMES = {str(jnp.dtype(d)): jnp.dtype(d) for d in DTYPES.values()}
NAMES |= {
    "GatherDimensionNumbers": lax.GatherDimensionNumbers,
    "ScatterDimensionNumbers": lax.ScatterDimensionNumbers,
    "ConvDimensionNumbers": lax.ConvDimensionNumbers,
    "GatherScatterMode": lax.GatherScatterMode,
    "RandomAlgorithm": lax.RandomAlgorithm,
    "fry": jax.random.key(0).dtype._impl,
    "ge": lax.ge_p,
    "le": lax.le_p,
    "inf": math.inf,
    "nan": math.nan,
}
REGISTERED = [*mlir._lowerings, *mlir._platform_specific_lowerings["cpu"]]
PRIMITIVES = {primitive.name: primitive for primitive in REGISTERED}
# Functions whose errors in f32 are larger in JAX than the comparison allows.
COARSE = "lgamma digamma".split()
# Parameters that texts leave out.
ACCURATE = "exp exp2 log log1p expm1 tanh logistic sin cos tan sqrt rsqrt cbrt".split()
DEFAULTS = {name: {"accuracy": None} for name in ACCURATE}
DEFAULTS |= {name: {"out_dtype": None} for name in ("mul", "add", "sub")}
DEFAULTS |= {
    "convert_element_type": {"sharding": None},
    "broadcast_in_dim": {"sharding": None},
    "reduce_sum": {"out_sharding": None},
    "dot_general": {"out_sharding": None},
    "conv_general_dilated": {"out_sharding": None},
    "rng_bit_generator": {"out_sharding": None},
    "iota": {"sharding": None},
    "reshape": {"sharding": None},
    "eig": {"enable_eigvec_derivs": False, "implementation": None},
}


def hashable(value):
    return tuple(map(hashable, value)) if isinstance(value, list) else value


class Parser:
    def __init__(self, text):
        self.text = text
        self.at = 0

    def skip(self):
        while self.at < len(self.text) and self.text[self.at].isspace():
            self.at += 1

    def peek(self, token):
        self.skip()
        return self.text.startswith(token, self.at)

    def take(self, token):
        if not self.peek(token):
            raise SyntaxError(f"expected {token!r} at {self.text[self.at:self.at + 40]!r}")
        self.at += len(token)

    def matched(self, pattern):
        self.skip()
        found = re.compile(pattern).match(self.text, self.at)
        if not found:
            raise SyntaxError(f"expected {pattern!r} at {self.text[self.at:self.at + 40]!r}")
        self.at = found.end()
        return found

    def binder(self):
        found = self.matched(r"(\w+):([\w<>]+)\[([\d,]*)\]")
        shape = tuple(int(n) for n in found[3].split(",") if n)
        return found[1], found[2], shape

    def atom(self):
        self.skip()
        found = re.compile(r"([a-z_]+)(?![\w.:+-])").match(self.text, self.at)
        if found and found[1] not in ("inf", "nan"):
            self.at = found.end()
            return found[1]
        found = self.matched(r"(\([^)]*\)|[^\s:()]+):(\w+)\[\]")
        value = eval(found[1], {"inf": math.inf, "nan": math.nan})
        return Literal(np.asarray(value).astype(DTYPES[found[2]]))

    def value(self):
        if self.peek("{"):
            return self.jaxpr()
        self.skip()
        found = re.compile(r"\(\s*\{").match(self.text, self.at)
        if found:
            self.take("(")
            items = []
            while not self.peek(")"):
                items.append(self.jaxpr())
                if self.peek(","):
                    self.take(",")
            self.take(")")
            return tuple(items)
        start = self.at
        depth = 0
        while depth > 0 or self.text[self.at] not in " \n]":
            depth += {"(": 1, "[": 1, ")": -1, "]": -1}.get(self.text[self.at], 0)
            self.at += 1
        try:
            return hashable(eval(self.text[start : self.at], dict(NAMES)))
        except NameError:
            return self.text[start : self.at]

    def jaxpr(self):
        self.take("{")
        self.take("lambda")
        self.take(";")
        inputs = []
        while not self.peek("."):
            inputs.append(self.binder())
        self.take(".")
        self.take("let")
        equations = []
        while True:
            self.skip()
            if re.compile(r"in\s*\(").match(self.text, self.at):
                break
            outputs = []
            while not self.peek("="):
                outputs.append(self.binder())
            self.take("=")
            primitive = self.matched(r"[\w-]+")[0]
            parameters = {}
            if self.text[self.at] == "[":
                self.take("[")
                while not self.peek("]"):
                    key = self.matched(r"(\w+)=")[1]
                    parameters[key] = self.value()
                self.take("]")
            arguments = []
            while not re.compile(r"[ ;]*\n|\s*in\s*\(").match(self.text, self.at):
                arguments.append(self.atom())
            equations.append(Equation(outputs, primitive, parameters, arguments))
        self.take("in")
        self.take("(")
        outputs = []
        while not self.peek(")"):
            outputs.append(self.atom())
            if self.peek(","):
                self.take(",")
        self.take(")")
        self.take("}")
        return Jaxpr(inputs, equations, outputs)


def evaluate(jaxpr, arguments):
    values = {name: argument for (name, _, _), argument in zip(jaxpr.inputs, arguments, strict=True)}

    def value(atom):
        return atom.value if isinstance(atom, Literal) else values[atom]

    for equation in jaxpr.equations:
        results = apply(equation, [value(atom) for atom in equation.inputs])
        for (name, dtype, shape), result in zip(equation.outputs, results, strict=True):
            if jnp.shape(result) != shape or (dtype in DTYPES and result.dtype != DTYPES[dtype]):
                raise TypeError(f"{equation.primitive} gives {result.dtype}{jnp.shape(result)}, not {dtype}{shape}")
            values[name] = result
    return [jnp.asarray(value(atom)) for atom in jaxpr.outputs]


def function(jaxpr):
    return lambda *arguments: tuple(evaluate(jaxpr, arguments))


def scalar_function(jaxpr):
    """For lax.reduce: a pair of scalars or of tuples."""

    def apply_to(left, right):
        flat = [*left, *right] if isinstance(left, (tuple, list)) else [left, right]
        results = evaluate(jaxpr, flat)
        return tuple(results) if isinstance(left, (tuple, list)) else results[0]

    return apply_to


def scan(p, operands):
    constants = operands[: p["num_consts"]]
    carry = operands[p["num_consts"] : p["num_consts"] + p["num_carry"]]
    xs = operands[p["num_consts"] + p["num_carry"] :]

    def step(carry, x):
        results = evaluate(p["jaxpr"], [*constants, *carry, *x])
        return tuple(results[: len(carry)]), tuple(results[len(carry) :])

    last, ys = lax.scan(step, tuple(map(jnp.asarray, carry)), tuple(xs), length=p["length"], reverse=p["reverse"])
    return [*last, *ys]


def while_loop(p, operands):
    condition, body = operands[: p["cond_nconsts"]], operands[p["cond_nconsts"] :][: p["body_nconsts"]]
    carry = tuple(map(jnp.asarray, operands[p["cond_nconsts"] + p["body_nconsts"] :]))
    return lax.while_loop(
        lambda c: evaluate(p["cond_jaxpr"], [*condition, *c])[0],
        lambda c: tuple(evaluate(p["body_jaxpr"], [*body, *c])),
        carry,
    )


def cond(p, operands):
    index = jnp.asarray(operands[0]).astype("int32")
    return lax.switch(index, [function(branch) for branch in p["branches"]], *operands[1:])


def associative_scan(p, operands):
    axis = p["axis"]
    slabs = lambda items: [lax.expand_dims(item, (axis,)) for item in items]

    def one(left, right):
        return tuple(lax.squeeze(item, (axis,)) for item in evaluate(p["jaxpr"], [*slabs(left), *slabs(right)]))

    combine = jax.vmap(one, in_axes=axis, out_axes=axis)
    return lax.associative_scan(combine, tuple(operands), axis=axis, reverse=p["reverse"])


def reduce(p, operands):
    half = len(operands) // 2
    results = lax.reduce(tuple(operands[:half]), tuple(operands[half:]), scalar_function(p["jaxpr"]), p["dimensions"])
    return results


def reduce_window(p, operands):
    half = len(operands) // 2
    return lax.reduce_window(
        tuple(operands[:half]),
        tuple(operands[half:]),
        scalar_function(p["jaxpr"]),
        p["window_dimensions"],
        p["window_strides"],
        p["padding"],
        p["base_dilation"],
        p["window_dilation"],
    )


def select_and_scatter_add(p, operands):
    """JAX has no dilation here."""
    if any(n != 1 for n in (*p.get("base_dilation", ()), *p.get("window_dilation", ()))):
        raise NotImplementedError("dilation")
    names = ("select_prim", "window_dimensions", "window_strides", "padding")
    return [PRIMITIVES["select_and_scatter_add"].bind(*operands, **{name: p[name] for name in names})]


def scatter(apply_to):
    def run(p, operands):
        if operands[1].shape[-1] == 0:
            raise NotImplementedError("XLA drops updates whose index vectors are empty")
        options = {k: p[k] for k in ("indices_are_sorted", "unique_indices", "mode")}
        if p["mode"] == lax.GatherScatterMode.PROMISE_IN_BOUNDS:
            options["mode"] = lax.GatherScatterMode.FILL_OR_DROP  # as jaxc keeps the promise, and XLA
        return [apply_to(*operands, p["dimension_numbers"], **options)]

    return run


def mulhi(p, operands):
    if operands[0].dtype in (NARROW["i4"], NARROW["u4"]):
        raise NotImplementedError("XLA gives 0 for all high halves of 4 bits")
    return [PRIMITIVES["mulhi"].bind(*operands)]


def inner(p, operands):
    jaxpr = next(p[key] for key in ("jaxpr", "call_jaxpr", "fun_jaxpr") if key in p)
    return evaluate(jaxpr, operands)


HANDLERS = {
    "scan": scan,
    "while": while_loop,
    "cond": cond,
    "associative_scan": associative_scan,
    "reduce": reduce,
    "reduce_window": reduce_window,
    "scatter": scatter(lax.scatter),
    "scatter-add": scatter(lax.scatter_add),
    "scatter-sub": scatter(lax.scatter_sub),
    "scatter-mul": scatter(lax.scatter_mul),
    "scatter-min": scatter(lax.scatter_min),
    "scatter-max": scatter(lax.scatter_max),
    "fft": lambda p, o: [lax.fft(o[0], lax.FftType(p["fft_type"]), p["fft_lengths"])],
    "cholesky": lambda p, o: [lax.linalg.cholesky(o[0], symmetrize_input=False)],
    "stop_gradient": lambda p, o: o,
    "zeros_like": lambda p, o: [jnp.zeros_like(o[0])],
    "name": lambda p, o: o,
    "mulhi": mulhi,
    "expand_dims": lambda p, o: [lax.expand_dims(o[0], p["dimensions"])],
    "random_gamma_grad": lambda p, o: [lax.random_gamma_grad(*o)],
    "platform_index": lambda p, o: [jnp.int32([names is None or "cpu" in names for names in p["platforms"]].index(True))],
    "select_and_scatter_add": select_and_scatter_add,
    "log2": lambda p, o: [jnp.log2(o[0])],
    "one_minus_square": lambda p, o: [(1 - o[0]) * (1 + o[0])],
    "copy_p": lambda p, o: [lax.copy_p.bind(o[0])],
    "polygamma": lambda p, o: [lax.polygamma(*o)],
    "igamma_grad_a": lambda p, o: [lax.igamma_grad_a(*o)],
    "round": lambda p, o: [lax.round(o[0], lax.RoundingMethod(p["rounding_method"]))],
    "optimization_barrier": lambda p, o: lax.optimization_barrier(tuple(map(jnp.asarray, o))),
}
for call in "jit pjit closed_call core_call custom_jvp_call custom_vjp_call remat2 checkpoint".split():
    HANDLERS[call] = inner


def apply(equation, operands):
    name, parameters = equation.primitive, equation.parameters
    if name in HANDLERS:
        return HANDLERS[name](parameters, operands)
    if name == "broadcast_in_dim":
        parameters = parameters | {"shape": equation.outputs[0][2]}
    parameters = DEFAULTS.get(name, {}) | parameters
    if parameters.get("mode") == lax.GatherScatterMode.PROMISE_IN_BOUNDS:
        parameters["mode"] = lax.GatherScatterMode.CLIP  # as jaxc keeps the promise
    primitive = PRIMITIVES[name]
    if name in COARSE and operands[0].dtype == np.float32:
        wide = [jnp.asarray(operand).astype("float64") for operand in operands]
        return [primitive.bind(*wide, **parameters).astype("float32")]
    results = primitive.bind(*[jnp.asarray(operand) for operand in operands], **parameters)
    return results if primitive.multiple_results else [results]


SAFE = {"BOOL": "bool", "U8": "uint8", "I8": "int8", "U16": "uint16", "I16": "int16", "U32": "uint32", "I32": "int32"}
SAFE |= {"U64": "uint64", "I64": "int64", "F16": "float16", "BF16": "bfloat16", "F32": "float32", "F64": "float64"}
SAFE |= {"C64": "complex64", "C128": "complex128"}


def load(path):
    with open(path, "rb") as file:
        data = file.read()
    length = struct.unpack("<Q", data[:8])[0]
    header = json.loads(data[8 : 8 + length])
    header.pop("__metadata__", None)
    arrays = {}
    for name, entry in header.items():
        begin, end = entry["data_offsets"]
        part = data[8 + length + begin : 8 + length + end]
        arrays[name] = np.frombuffer(part, jnp.dtype(SAFE[entry["dtype"]])).reshape(entry["shape"])
    return arrays


def save(path, arrays, metadata):
    header, parts, at = {"__metadata__": metadata}, [], 0
    for name, array in sorted(arrays.items(), key=lambda item: -item[1].dtype.itemsize):
        part = np.asarray(array).tobytes()
        kind = next(key for key, value in SAFE.items() if jnp.dtype(value) == array.dtype)
        header[name] = {"dtype": kind, "shape": list(array.shape), "data_offsets": [at, at + len(part)]}
        parts.append(part)
        at += len(part)
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text + b"".join(parts))


def run(path):
    jaxpr = Parser(open(path + ".jaxpr").read()).jaxpr()
    data = load(path + ".safetensors")
    inputs = []
    for k, (_, dtype, _) in enumerate(jaxpr.inputs):  # Files hold narrow integers as bytes.
        values = data[f"in{k}"]
        inputs.append(jnp.asarray(values.astype(NARROW[dtype]) if dtype in NARROW else values))
    results = jax.jit(function(jaxpr))(*inputs)
    wide = {dtype: np.dtype(np.int8 if dtype.name[0] == "i" else np.uint8) for dtype in NARROW.values()}
    outputs = [np.asarray(result) for result in results]
    return {f"out{k}": result.astype(wide.get(result.dtype, result.dtype)) for k, result in enumerate(outputs)}


def main(folder):
    failures = {}
    paths = sorted(glob.glob(os.path.join(folder, "*.jaxpr")))
    for path in paths:
        stem = path.removesuffix(".jaxpr")
        if os.path.exists(stem + ".jax.safetensors"):
            continue
        try:
            save(stem + ".jax.safetensors", run(stem), {})
        except Exception as error:  # Whatever JAX objects to is this program's result.
            message = f"{type(error).__name__}: {str(error).splitlines()[0][:150] if str(error) else ''}"
            failures.setdefault(re.sub(r"\d+", "#", message), []).append(stem)
            save(stem + ".jax.safetensors", {}, {"error": message})
        jax.clear_caches()
    for message, stems in sorted(failures.items()):
        print(len(stems), message, stems[0])
    print(len(paths), "programs,", sum(map(len, failures.values())), "refused by JAX")


if __name__ == "__main__":
    main(sys.argv[1])
