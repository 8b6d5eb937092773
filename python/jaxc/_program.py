"""Rewrites JAX's jaxprs into programs whose only constants are those of the outermost jaxpr."""

import dataclasses
import functools
import math
import warnings

import jax
import numpy

from jaxc._error_checks import without_error_checks
from jaxc._errors import ExportError, ExportWarning
from jaxc._jax import (constants_of, core, implementations, is_jaxpr, is_key, key_data, key_implementation, opened,
                       to_numpy)
from jaxc._primitives import ALIASES, KNOWN, LEFT_OUT, PASSED_THROUGH, REFUSED

_MAXIMUM_DEPTH = 900


@dataclasses.dataclass(eq=False)
class Variable:
    """A value; equal only to itself."""

    type: str


@dataclasses.dataclass(frozen=True)
class Literal:
    text: str
    value: object = dataclasses.field(default=None, compare=False)


@dataclasses.dataclass
class Equation:
    primitive: str
    parameters: dict
    inputs: list
    outputs: list


@dataclasses.dataclass(eq=False)
class Program:
    """A jaxpr without constants: those that its body needs are `hoisted`, (value, variable) each, and free."""

    inputs: list
    equations: list
    outputs: list
    hoisted: list
    name: str = "jaxpr"


def type_text(aval):
    """A type as jaxprs print it: f32[2,3]."""
    dtype = getattr(aval, "dtype", None)
    if dtype is None:
        raise ExportError(f"export: a value of type {aval} is not an array; a compiled program holds arrays only")
    if any(not isinstance(extent, (int, numpy.integer)) for extent in aval.shape):
        raise ExportError(f"export: a shape must be known, got {aval}; export with arguments of fixed shapes")
    return f"{dtype_text(dtype)}[{','.join(str(int(extent)) for extent in aval.shape)}]"


def dtype_text(dtype):
    if jax.dtypes.issubdtype(dtype, jax.dtypes.prng_key):
        tag = key_implementation(dtype)
        if tag != "fry":
            raise ExportError(f"export: random keys must be threefry's, got keys of {tag}; use jax.random.key(seed)")
        return "key<fry>"
    name = numpy.dtype(dtype).name
    if name == "float0":
        return name
    for long, short in (("bfloat", "bf"), ("float", "f"), ("uint", "u"), ("int", "i"), ("complex", "c")):
        if name.startswith(long):
            return short + name[len(long) :]
    return name


def literal(value, aval):
    """A scalar as text with its type; None when only the data can hold it."""
    scalar = to_numpy(value).item()
    dtype = numpy.dtype(aval.dtype)
    if dtype == bool:
        text = str(bool(scalar))
    elif jax.numpy.issubdtype(dtype, numpy.complexfloating):
        scalar = complex(scalar)
        if not (math.isfinite(scalar.real) and math.isfinite(scalar.imag)):
            return None
        text = f"({scalar.real!r}{'-' if math.copysign(1, scalar.imag) < 0 else '+'}{abs(scalar.imag)!r}j)"
    elif jax.numpy.issubdtype(dtype, numpy.integer):
        text = repr(int(scalar))
    else:
        text = repr(float(to_numpy(value).astype(dtype).astype(numpy.float64)))
    return Literal(f"{text}:{type_text(aval)}", to_numpy(value, dtype))


class Converter:
    """Converts jaxprs; a jaxpr that occurs twice is converted once."""

    def __init__(self):
        self._programs = {}
        self._kept = []
        self._depth = 0

    def convert(self, jaxpr, name="jaxpr"):
        """The program of a closed or constant-free open jaxpr."""
        constants = constants_of(jaxpr)
        key = (id(opened(jaxpr)), *map(id, constants))
        if key not in self._programs:
            self._kept.append((jaxpr, constants))
            self._programs[key] = _Builder(self).build(opened(jaxpr), constants, name)
        return self._programs[key]

    def enter(self):
        self._depth += 1
        if self._depth > _MAXIMUM_DEPTH:
            raise ExportError(f"export: jaxprs may nest {_MAXIMUM_DEPTH} deep, got more; use fewer nested calls")

    def leave(self):
        self._depth -= 1

    def keep(self, value):
        """Keeps an object alive, so that its id stays its own."""
        self._kept.append(value)


class _Builder:
    """Builds one Program."""

    def __init__(self, converter):
        self.converter = converter
        self.equations = []
        self.hoisted = {}

    def build(self, jaxpr, constants, name):
        self.converter.enter()
        environment = {}
        inputs = [self.bind(variable, environment) for variable in jaxpr.invars]
        outputs = self.inline(jaxpr, constants, environment)
        self.converter.leave()
        return Program(inputs, self.equations, outputs, list(self.hoisted.values()), name)

    def bind(self, variable, environment):
        environment[variable] = Variable(type_text(variable.aval))
        return environment[variable]

    def inline(self, jaxpr, constants, environment):
        """Appends a jaxpr's equations; returns its outputs."""
        if len(jaxpr.constvars) != len(constants):
            raise ExportError("export: a jaxpr inside the function has constants without values")
        for variable, value in zip(jaxpr.constvars, constants):
            environment[variable] = self.constant(value, variable.aval)
        for equation in jaxpr.eqns:
            operands = [self.atom(atom, environment) for atom in equation.invars]
            results = self.equation(equation, operands)
            for variable, result in zip(equation.outvars, results):
                environment[variable] = result
        return [self.atom(atom, environment) for atom in jaxpr.outvars]

    def atom(self, atom, environment):
        if isinstance(atom, core.Literal):
            return self.constant(atom.val, atom.aval)
        return environment[atom]

    def constant(self, value, aval):
        """A scalar's literal, else a variable that stands for the value in the data."""
        if not is_key(aval) and aval.shape == ():
            text = literal(value, aval)
            if text is not None:
                return text
        return self.hoist(value, type_text(aval))

    def hoist(self, value, type):
        if id(value) not in self.hoisted:
            self.converter.keep(value)
            self.hoisted[id(value)] = (value, Variable(type))
        return self.hoisted[id(value)][1]

    def operands_of(self, program):
        """This body's values for what a program inside it needs from the data."""
        return [self.hoist(value, variable.type) for value, variable in program.hoisted]

    def append(self, name, parameters, operands, outvars):
        outputs = [Variable(type_text(variable.aval)) for variable in outvars]
        self.equations.append(Equation(name, parameters, list(operands), outputs))
        return outputs

    def equation(self, equation, operands):
        name = ALIASES.get(equation.primitive.name, equation.primitive.name)
        if name in REFUSED:
            raise ExportError(f"{name}: this cannot be exported: {REFUSED[name]}")
        if name in LEFT_OUT:
            warnings.warn(f"{name}: it is left out, since a compiled program does not call back into Python",
                          ExportWarning, stacklevel=2)
            return []
        effects = getattr(equation, "effects", None) or ()
        if effects and name not in _WITH_BODIES:
            raise ExportError(f"{name}: a compiled program has no effects, got {', '.join(map(str, effects))}; "
                              "remove the effect")
        if name in PASSED_THROUGH:
            return operands
        if name not in KNOWN and name not in _REWRITES:
            return self.expand(equation, operands)
        rewrite = _REWRITES.get(name, _Builder.plain)
        return rewrite(self, name, dict(equation.params), operands, equation.outvars)

    def expand(self, equation, operands):
        """Inlines a primitive that a library added: its one jaxpr, else what its implementation does."""
        name = equation.primitive.name
        bodies = [value for value in equation.params.values() if is_jaxpr(value)]
        if len(bodies) == 1 and _has_types_of(bodies[0], equation):
            expansion, variables = bodies[0], operands
        else:
            expansion, variables = _trace_implementation(equation, operands)
        return self.inline_function(expansion, variables)

    def inline_function(self, function, operands):
        """Appends what a jaxpr does to operands; returns its outputs."""
        self.converter.keep(function)
        self.converter.enter()
        body = opened(function)
        results = self.inline(body, constants_of(function), dict(zip(body.invars, operands)))
        self.converter.leave()
        return results

    def nothing_yet(self, name, parameters, operands, outvars):
        """A scalar that is overwritten before it is read: zero, as in JAX's own lowering."""
        aval = outvars[0].aval
        return [self.constant(numpy.zeros((), aval.dtype), aval)]

    def plain(self, name, parameters, operands, outvars):
        """An equation whose jaxprs, if any, take no operands of the equation."""
        for key, value in list(parameters.items()):
            if is_jaxpr(value):
                program = self.converter.convert(value)
                if program.hoisted:
                    raise ExportError(f"{name}: its function may not hold arrays; pass them as operands")
                parameters[key] = program
        return self.append(name, parameters, operands, outvars)

    def call(self, name, parameters, operands, outvars):
        """A call: the constants of the body come first."""
        key = next(key for key in ("jaxpr", "call_jaxpr", "fun_jaxpr") if key in parameters)
        called = parameters.pop("name", None)
        called = called if isinstance(called, str) else None
        program = self.converter.convert(parameters.pop(key), called or "jaxpr")
        constants = self.operands_of(program)
        head = {} if called is None else {"name": called}
        head["call_jaxpr" if name.startswith("custom") or name in ("closed_call", "core_call") else "jaxpr"] = program
        if "num_consts" in parameters:
            parameters["num_consts"] += len(constants)
        return self.append(name, {**head, **parameters}, constants + operands, outvars)

    def scan(self, name, parameters, operands, outvars):
        if "ft_in" in parameters:
            groups = [len(group) for group in parameters.pop("ft_in").unpack()]
            parameters.pop("ft_out")
            parameters["num_consts"], parameters["num_carry"] = groups[0], groups[1]
        program = self.converter.convert(parameters["jaxpr"])
        constants = self.operands_of(program)
        parameters["jaxpr"] = program
        parameters["num_consts"] += len(constants)
        return self.append(name, parameters, constants + operands, outvars)

    def while_loop(self, name, parameters, operands, outvars):
        count = parameters["cond_nconsts"]
        condition = self.converter.convert(parameters["cond_jaxpr"])
        body = self.converter.convert(parameters["body_jaxpr"])
        condition_constants, body_constants = self.operands_of(condition), self.operands_of(body)
        parameters.update(cond_jaxpr=condition, body_jaxpr=body)
        parameters["cond_nconsts"] += len(condition_constants)
        parameters["body_nconsts"] += len(body_constants)
        operands = condition_constants + operands[:count] + body_constants + operands[count:]
        return self.append(name, parameters, operands, outvars)

    def cond(self, name, parameters, operands, outvars):
        """The branches share their operands, so each takes the constants of all."""
        checked = without_error_checks(parameters["branches"])
        if len(checked) == 1:
            return self.inline_function(checked[0], operands[1:])
        branches = [self.converter.convert(branch) for branch in parameters["branches"]]
        union = {}
        for branch in branches:
            union.update({id(value): (value, variable.type) for value, variable in branch.hoisted})
        parameters["branches"] = tuple(_with_hoisted(branch, union) for branch in branches)
        constants = [self.hoist(value, type) for value, type in union.values()]
        return self.append(name, parameters, operands[:1] + constants + operands[1:], outvars)

    def associative_scan(self, name, parameters, operands, outvars):
        program = self.converter.convert(parameters["body"])
        constants = self.operands_of(program)
        body, expansion = parameters["num_body_constants"], parameters["num_expansion_constants"]
        rewritten = {"axis": parameters["axis"], "jaxpr": program, "num_consts": len(constants) + body,
                     "reverse": parameters["reverse"]}
        return self.append(name, rewritten, constants + operands[:body] + operands[body + expansion :], outvars)

    def linear_solve(self, name, parameters, operands, outvars):
        lengths, functions = parameters["const_lengths"], parameters["jaxprs"]
        new_lengths, programs, new_operands, begin = {}, {}, [], 0
        for key in functions._fields:
            function, length = getattr(functions, key), getattr(lengths, key) or 0
            constants = []
            if function is not None:
                programs[key] = self.converter.convert(function)
                constants = self.operands_of(programs[key])
            new_operands += constants + operands[begin : begin + length]
            begin += length
            new_lengths[key] = length + len(constants)
        parameters["const_lengths"] = lengths._replace(**new_lengths)
        parameters["jaxprs"] = functions._replace(**programs)
        return self.append(name, parameters, new_operands + operands[begin:], outvars)

    def platform_index(self, name, parameters, operands, outvars):
        if parameters.pop("has_default", False):
            parameters["platforms"] = (*parameters["platforms"], None)
        return self.append(name, parameters, operands, outvars)


_REWRITES = {
    **dict.fromkeys(("jit", "closed_call", "core_call", "remat2", "checkpoint", "custom_jvp_call",
                     "custom_vjp_call"), _Builder.call),
    "scan": _Builder.scan,
    "while": _Builder.while_loop,
    "cond": _Builder.cond,
    "associative_scan": _Builder.associative_scan,
    "custom_linear_solve": _Builder.linear_solve,
    "platform_index": _Builder.platform_index,
    "empty2": _Builder.nothing_yet,
}
_WITH_BODIES = frozenset(_REWRITES) - {"empty2"}


def _with_hoisted(program, union):
    """The program with all of a union of constants as hoisted ones, in the union's order."""
    own = {id(value): variable for value, variable in program.hoisted}
    hoisted = [(value, own.get(key) or Variable(type)) for key, (value, type) in union.items()]
    if [key for key in own] == [key for key in union]:
        return program
    return dataclasses.replace(program, hoisted=hoisted)


def _has_types_of(body, equation):
    body = opened(body)

    def types(atoms):
        return [type_text(atom.aval) for atom in atoms]

    return types(body.invars) == types(equation.invars) and types(body.outvars) == types(equation.outvars)


def _trace_implementation(equation, operands):
    """What a primitive's implementation does, as a jaxpr, and the operands that it takes: all but literals."""
    is_traced = [not isinstance(operand, Literal) for operand in operands]
    structs = [jax.ShapeDtypeStruct(atom.aval.shape, atom.aval.dtype)
               for atom, is_variable in zip(equation.invars, is_traced) if is_variable]

    def run(implementation, *traced):
        traced = iter(traced)
        values = [next(traced) if is_variable else operand.value for is_variable, operand in zip(is_traced, operands)]
        return implementation(*values, **equation.params)

    reason = ""
    for implementation in implementations(equation.primitive):
        try:
            expansion = jax.make_jaxpr(functools.partial(run, implementation))(*structs)
        except ExportError:
            raise
        except Exception as error:
            reason = f", got {type(error).__name__} when tracing it"
            continue
        if not _is_the_primitive(expansion, equation.primitive):
            return expansion, [operand for operand, is_variable in zip(operands, is_traced) if is_variable]
    raise ExportError(f"{equation.primitive.name}: jaxc has no such primitive, and its implementation is not written "
                      f"in JAX{reason}; write it with the operations of jax.numpy and jax.lax")


def _is_the_primitive(expansion, primitive):
    """Whether a traced implementation only applies the primitive itself."""
    body = opened(expansion)
    while len(body.eqns) == 1 and body.eqns[0].primitive.name in ("jit", "pjit"):
        body = opened(body.eqns[0].params["jaxpr"])
    return any(inner.primitive is primitive for inner in body.eqns)


def finish(program):
    """Binders, values of the constants, and the outermost jaxpr with keys made from and into their words."""
    constants, values, head = [], [], []
    for value, variable in program.hoisted:
        if variable.type.startswith("key"):
            value = key_data(value)
            words = Variable(type_text(value))
            head.append(Equation("random_wrap", {"impl": "fry"}, [words], [variable]))
            variable = words
        constants.append(variable)
        values.append(to_numpy(value))
    closed = dataclasses.replace(program, equations=head + program.equations, hoisted=[])
    return constants, values, closed
