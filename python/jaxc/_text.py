"""Prints programs in the grammar that JAX prints jaxprs in, with every parameter that has a meaning."""

import enum
import itertools
import keyword
import re

import jax
import numpy

from jaxc._jax import core
from jaxc._program import Literal, Program, dtype_text

# Parameters that say how JAX compiles, places or differentiates, not what is computed.
_UNPRINTED = frozenset("""
    sharding out_sharding in_shardings out_shardings in_layouts out_layouts donated_invars resource_env ctx_mesh mesh
    keep_unused inline compiler_options_kvs linear _split_transpose jvp jvp_jaxpr_fun jvp_jaxpr_thunk fwd_jaxpr_thunk
    bwd out_trees policy prevent_cse differentiated optimized debug_info debug computation concrete_mesh
""".split())

_UNPRINTED_NONE = frozenset(("accuracy", "out_dtype"))

_RESERVED = frozenset(keyword.kwlist) | {"let", "inf", "nan", "jaxpr"}
_FFT_TYPES = {"FFT": 0, "IFFT": 1, "RFFT": 2, "IRFFT": 3}


def variable_names():
    """a, b, ..., z, ba, bb, ..., without the grammar's own words."""
    for number in itertools.count():
        letters = ""
        while True:
            number, digit = divmod(number, 26)
            letters = chr(ord("a") + digit) + letters
            if number == 0:
                break
        if letters not in _RESERVED:
            yield letters


def program_text(constants, program):
    """The text of a whole program: a let for each body that is used more than once, then the outermost jaxpr."""
    return _Printer(program).text(constants)


class _Printer:
    def __init__(self, program):
        self.program = program
        self.uses = {}
        self.order = []
        self.names = {}
        self._count(program)
        taken = set(_RESERVED) - {"jaxpr"}
        for body in self.order:
            if self.uses[id(body)] > 1:
                name = base = _identifier(body.name)
                for number in itertools.count(1):
                    if name not in taken:
                        break
                    name = f"{base}{number}"
                taken.add(name)
                self.names[id(body)] = name

    def _count(self, program):
        for equation in program.equations:
            for body in _bodies(equation.parameters):
                self.uses[id(body)] = self.uses.get(id(body), 0) + 1
                if self.uses[id(body)] == 1:
                    self._count(body)
                    self.order.append(body)

    def text(self, constants):
        lines = []
        for body in self.order:
            if id(body) in self.names:
                first, *rest = self.jaxpr([variable for _, variable in body.hoisted] + body.inputs, body, [])
                rest[-1] += " in"
                lines += [f"let {self.names[id(body)]} = {first}", *rest]
        lines += self.jaxpr(self.program.inputs, self.program, constants)
        return "\n".join(lines) + "\n"

    def jaxpr(self, inputs, program, constants):
        """The lines of one jaxpr."""
        fresh = variable_names()
        names = {}
        read = {*inputs, *constants, *program.outputs}
        read.update(operand for equation in program.equations for operand in equation.inputs)

        def binder(variable):
            names[variable] = next(fresh) if variable in read else "_"
            return f"{names[variable]}:{variable.type}"

        def atom(operand):
            return operand.text if isinstance(operand, Literal) else names[operand]

        left = "".join(f" {binder(variable)}" for variable in constants)
        right = "".join(f" {binder(variable)}" for variable in inputs)
        lines = [f"{{ lambda{left} ;{right}. let"]
        for equation in program.equations:
            operands = "".join(f" {atom(operand)}" for operand in equation.inputs)
            results = " ".join(map(binder, equation.outputs))
            printed = self.equation(equation)
            printed[0] = f"{results} = {printed[0]}" if results else printed[0]
            printed[-1] += operands
            lines += ["    " + line for line in printed]
        outputs = [atom(operand) for operand in program.outputs]
        comma = "," if len(outputs) == 1 else ""
        lines.append(f"  in ({', '.join(outputs)}{comma}) }}")
        return lines

    def equation(self, equation):
        parameters = []
        for key, value in sorted(equation.parameters.items(), key=lambda item: (item[0] != "name", item[0])):
            if key in _UNPRINTED or (value is None and key in _UNPRINTED_NONE) or (
                    callable(value) and not isinstance(value, (type, enum.Enum)) and not _is_primitive(value)):
                continue
            if equation.primitive == "dot_general" and key == "dimension_numbers":
                value = tuple(tuple(map(list, pair)) for pair in value)
            parameters.append(self.parameter(key, value))
        if not parameters:
            return [equation.primitive]
        if all(len(lines) == 1 for lines in parameters) and sum(len(lines[0]) for lines in parameters) < 100:
            return [f"{equation.primitive}[{' '.join(lines[0] for lines in parameters)}]"]
        inner = ["  " + line for lines in parameters for line in lines]
        return [f"{equation.primitive}[", *inner, "]"]

    def parameter(self, key, value):
        first, *rest = self.value(value)
        return [f"{key}={first}", *rest]

    def value(self, value):
        """The lines of a parameter's value."""
        if isinstance(value, Program):
            if id(value) in self.names:
                return [self.names[id(value)]]
            return self.jaxpr([variable for _, variable in value.hoisted] + value.inputs, value, [])
        if isinstance(value, tuple) and any(isinstance(item, Program) for item in value):
            if hasattr(value, "_fields"):
                fields = [f"{key}={chr(10).join(self.value(item))}" for key, item in zip(value._fields, value)]
                return f"{type(value).__name__}({', '.join(fields)})".split("\n")
            inner = ["  " + line for item in value for line in self.value(item)]
            return ["(", *inner, ")"]
        return [value_text(value, outermost=True)]


def _is_primitive(value):
    return isinstance(value, core.Primitive)


def _bodies(parameters):
    for value in parameters.values():
        for item in value if isinstance(value, tuple) else (value,):
            if isinstance(item, Program):
                yield item


def _identifier(name):
    if name == "<lambda>":
        return "_lambda"
    name = re.sub(r"\W", "_", name)
    return name if name and not name[0].isdigit() else f"_{name}"


def value_text(value, outermost=False):
    """A parameter's value as Python's str() or repr() would show it, the same for every version of JAX."""
    if value is None or isinstance(value, (bool, numpy.bool_)):
        return str(value)
    if isinstance(value, str):
        if outermost and (value == "<lambda>" or re.fullmatch(r"[A-Za-z_]\w*", value)):
            return value
        return repr(value) if not outermost else _identifier(value)
    if type(value).__name__ == "FftType":
        return str(_FFT_TYPES[value.name])
    if isinstance(value, (int, numpy.integer)):
        return str(int(value))
    if isinstance(value, (float, numpy.floating)):
        return repr(float(value))
    if isinstance(value, (complex, numpy.complexfloating)):
        return repr(complex(value))
    if isinstance(value, enum.Enum) or (hasattr(value, "name") and hasattr(type(value), "__members__")):
        return f"{type(value).__name__}.{value.name}"
    if hasattr(value, "tag") and hasattr(value, "key_shape"):
        return value.tag
    if isinstance(value, tuple) and hasattr(value, "_fields"):
        fields = (f"{key}={value_text(item)}" for key, item in zip(value._fields, value))
        return f"{type(value).__name__}({', '.join(fields)})"
    if isinstance(value, tuple):
        return f"({', '.join(map(value_text, value))}{',' if len(value) == 1 else ''})"
    if isinstance(value, list):
        return f"[{', '.join(map(value_text, value))}]"
    if isinstance(value, numpy.ndarray) and value.ndim == 0:
        return value_text(value.item())
    if _is_primitive(value):
        return value.name
    dtype = _dtype(value)
    if dtype is not None:
        return dtype
    return _identifier(getattr(value, "__name__", type(value).__name__))


def _dtype(value):
    try:
        return dtype_text(value) if jax.dtypes.issubdtype(value, jax.dtypes.prng_key) else numpy.dtype(value).name
    except TypeError:
        return None
