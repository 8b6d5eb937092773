"""export: the text, the data, what is refused."""

import re
import warnings

import jax
import jax.numpy as jnp
import numpy
import pytest
from jax import lax

from conftest import ROOT
from jaxc import ExportError, ExportWarning, export
from jaxc import _data
from jaxc._primitives import KNOWN

MATRIX = numpy.arange(6, dtype=numpy.float32).reshape(2, 3)


def binders_of_constants(text):
    """The binders before the semicolon of every jaxpr; the outermost comes first."""
    start = text.rindex("\n{ lambda") + 1 if "\n{ lambda" in text else 0
    return [binders.split() for binders in re.findall(r"\{ lambda([^;]*);", text[start:] + text[:start])]


def test_knows_the_primitives_that_jaxc_lists():
    listed = re.findall(r'^ *X\(\w+, "([^"]+)"', (ROOT / "ir" / "prims" / "list.h").read_text(), re.MULTILINE)
    assert KNOWN == set(listed)


def test_writes_the_grammar(tmp_path):
    text = export(lambda x: jnp.broadcast_to(jnp.sum(x) * 2, (3,)), jnp.ones(4), path=tmp_path / "f")
    assert text == (tmp_path / "f.jaxpr").read_text()
    assert text.startswith("{ lambda ; a:f32[4]. let\n")
    assert "reduce_sum[axes=(0,)] a" in text
    assert re.search(r"mul \w 2\.0:f32\[\]", text)
    assert "broadcast_in_dim[broadcast_dimensions=() shape=(3,)]" in text
    assert re.search(r"in \(\w,\) \}\n$", text)


def test_data_hold_inputs_results_and_what_the_text_does_not_say(tmp_path):
    export(lambda tree: {"s": tree["a"] + tree["b"], "m": MATRIX * tree["a"]}, {"a": 2.0, "b": numpy.int32(3)},
           path=tmp_path / "f.jaxpr")
    arrays, metadata = _data.load(tmp_path / "f.safetensors")
    assert sorted(arrays) == ["const0", "in0", "in1", "out0", "out1"]
    assert arrays["in0"].dtype == numpy.float32 and arrays["in0"] == 2
    assert arrays["in1"].dtype == numpy.int32
    numpy.testing.assert_array_equal(arrays["const0"], MATRIX)
    numpy.testing.assert_array_equal(arrays["out0"], 2 * MATRIX)
    assert arrays["out1"] == 5
    assert metadata == {"rtol": "1e-05", "jax_version": jax.__version__,
                        "threefry_partitionable": str(jax.config.jax_threefry_partitionable).lower()}


def adds(dtype):
    """Whether this JAX can add values of so few bits: older ones only hold and convert them."""
    try:
        jax.jit(lambda x: x + x)(jnp.array([1], dtype))
    except Exception:
        return False
    return True


@pytest.mark.parametrize("dtype", [name for name in ("int2", "int4", "uint2", "uint4") if name in dir(jnp)])
def test_narrow_integers_are_bytes(tmp_path, agree, dtype):
    numbers = [0, 1, -1 if dtype.startswith("i") else 1, 0]
    values = jnp.array(numbers, dtype)
    total = (lambda x: x + x) if adds(dtype) else (lambda x: x)
    export(lambda x: (total(x), x.astype(jnp.float32)), values, path=tmp_path / "f")
    arrays, _ = _data.load(tmp_path / "f.safetensors")
    assert arrays["in0"].dtype == (numpy.int8 if dtype.startswith("i") else numpy.uint8)
    numpy.testing.assert_array_equal(arrays["in0"], numbers)
    agree(tmp_path / "f")


def test_data_are_what_safetensors_reads(tmp_path):
    safetensors = pytest.importorskip("safetensors.numpy")
    export(lambda x: (x + 1, x > 0, x.astype(jnp.int8)), jnp.ones((2, 3)), path=tmp_path / "f")
    arrays = safetensors.load_file(tmp_path / "f.safetensors")
    assert arrays["out1"].dtype == bool and arrays["out2"].dtype == numpy.int8 and arrays["out0"].shape == (2, 3)


def test_given_results_replace_jax_s(tmp_path):
    export(lambda x: x + 1, 1.0, path=tmp_path / "f", results=[numpy.float64(7)], rtol=0.5)
    arrays, metadata = _data.load(tmp_path / "f.safetensors")
    assert arrays["out0"] == 7 and metadata["rtol"] == "0.5"
    with pytest.raises(ExportError, match="results must have the shapes"):
        export(lambda x: x + 1, 1.0, path=tmp_path / "f", results=[numpy.ones(3)])


def nested(x):
    inner = jax.jit(lambda v: v @ MATRIX)

    def step(carry, row):
        chosen = lax.cond(carry > 0, lambda v: inner(v) + MATRIX[1], lambda v: v @ (MATRIX + 1), row)
        looped = lax.while_loop(lambda s: (s * MATRIX[0]).sum() < 10, lambda s: s + MATRIX[1] + 1, chosen)
        return carry + looped.sum(), looped

    return lax.scan(step, 0.0, x)


def test_inner_constants_move_to_the_outermost(tmp_path, agree):
    text = export(nested, jnp.ones((4, 2)), path=tmp_path / "f")
    outermost, *inner = binders_of_constants(text)
    assert inner and not any(inner)
    arrays, _ = _data.load(tmp_path / "f.safetensors")
    assert len(outermost) == len([name for name in arrays if name.startswith("const")]) >= 3
    agree(tmp_path / "f")


def test_a_body_used_twice_is_printed_once(tmp_path, agree):
    double = jax.jit(lambda x: jnp.sin(x) * 2)

    def f(x):
        for _ in range(30):
            x = double(double(x))
        return x

    text = export(f, 1.0, path=tmp_path / "f")
    assert text.startswith("let _lambda = {") and text.count("sin") == 1 and text.count("jaxpr=_lambda") == 60
    agree(tmp_path / "f")


def test_keys_become_words(tmp_path, agree):
    key = jax.random.key(3)

    def f(keys, x):
        first, second = jax.random.split(keys)
        return second, x + jax.random.uniform(first, x.shape) + jax.random.uniform(key, x.shape)

    text = export(f, jax.random.key(1), jnp.ones(5), path=tmp_path / "f")
    arrays, _ = _data.load(tmp_path / "f.safetensors")
    assert arrays["in0"].dtype == numpy.uint32 and arrays["out0"].dtype == numpy.uint32
    assert "random_wrap[impl=fry]" in text and "random_unwrap" in text
    agree(tmp_path / "f")


def test_small_types_and_special_numbers(tmp_path, agree):
    def f(x):
        return x * jnp.bfloat16(1.5), x.astype(jnp.float16) + jnp.inf, x.astype(jnp.int8) // 2, jnp.nan * x, -0.0 * x

    text = export(f, jnp.arange(4, dtype=jnp.bfloat16), path=tmp_path / "f")
    assert "1.5:bf16[]" in text and "inf:f16[]" in text and "nan:bf16[]" in text and "-0.0:bf16[]" in text
    arrays, metadata = _data.load(tmp_path / "f.safetensors")
    assert arrays["out0"].dtype.name == "bfloat16" and metadata["rtol"] == "0.02"
    agree(tmp_path / "f")


def test_complex_literals(tmp_path, agree):
    text = export(lambda x: x * (1 - 2j), jnp.arange(3.0), path=tmp_path / "f")
    assert "(1.0-2.0j):c64[]" in text
    agree(tmp_path / "f")


def test_leaves_that_are_not_arrays_are_fixed(tmp_path):
    text = export(lambda options, x: options["function"](x), {"function": jnp.sin, "name": "n"}, 1.0, path=tmp_path / "f")
    assert text.startswith("{ lambda ; a:f32[]. let") and "= sin a" in text


@pytest.mark.parametrize("name, function", [
    ("pure_callback", lambda x: jax.pure_callback(lambda v: v, jax.ShapeDtypeStruct((), jnp.float32), x)),
    ("pure_callback", lambda x: lax.scan(lambda c, _: (jax.pure_callback(
        lambda v: v, jax.ShapeDtypeStruct((), jnp.float32), c), None), x, None, 3)[0]),
    ("axis_index|psum", lambda x: jax.vmap(lambda v: lax.psum(v * lax.axis_index("i"), "i"), axis_name="i")(
        jnp.ones(3))),
])
def test_refuses_by_name(tmp_path, name, function):
    try:
        text = export(function, 1.0, path=tmp_path / "f")
    except ExportError as error:
        assert re.match(rf"({name}): this cannot be exported: it .*; \w+", str(error))
    else:  # under vmap JAX itself turns collectives into sums
        assert "psum" not in text and "psum" in name
    assert "psum" in name or not (tmp_path / "f.jaxpr").exists()


def test_leaves_out_what_only_shows_values(tmp_path, agree):
    def f(x):
        jax.debug.print("{}", x)
        lax.cond(x > 0, lambda: jax.debug.callback(print, x), lambda: None)
        return lax.scan(lambda c, _: (jax.debug.callback(print, c), (c * 2, None))[1], x, None, 3)[0]

    with pytest.warns(ExportWarning, match="debug_(callback|print): it is left out"):
        text = export(f, 1.0, path=tmp_path / "f")
    assert "callback" not in text and "print" not in text
    agree(tmp_path / "f")


def test_refuses_results_that_are_not_arrays(tmp_path):
    with pytest.raises(ExportError, match="results must be arrays or numbers, got str"):
        export(lambda x: "text", 1.0, path=tmp_path / "f")


def test_refuses_other_generators(tmp_path):
    with pytest.raises(ExportError, match="random keys must be threefry's"):
        export(jax.random.uniform, jax.random.key(0, impl="rbg"), path=tmp_path / "f")


def test_structured_primitives(tmp_path, agree):
    def f(a, b):
        return (jnp.linalg.solve(a, b), jnp.linalg.cholesky(a @ a.T + 3 * jnp.eye(3)), jnp.sort(b), jnp.argmax(b),
                a[jnp.array([0, 2])], a.at[1].add(b), jax.nn.relu(b), jax.nn.logsumexp(b), jnp.cumsum(b),
                jnp.pad(b, 2), jnp.linalg.qr(a)[1] ** 2, lax.platform_dependent(b, cpu=jnp.sin, default=jnp.sin))

    a = jnp.array([[4.0, 1, 0], [1, 3, 1], [0, 1, 2]])
    export(f, a, jnp.array([1.0, 3.0, 2.0]), path=tmp_path / "f", rtol=1e-4)
    agree(tmp_path / "f")


def test_gradient_through_a_scan(tmp_path, agree):
    def f(w, x):
        return jnp.sum(lax.scan(lambda c, v: (jnp.tanh(c @ w + v), c), jnp.zeros(2), x)[0] ** 2)

    export(jax.value_and_grad(f), jnp.ones((2, 2)) * 0.3, jnp.ones((5, 2)), path=tmp_path / "f")
    agree(tmp_path / "f")


def test_custom_rules_and_checkpoint(tmp_path, agree):
    @jax.custom_vjp
    def f(x):
        return jnp.sin(x) + MATRIX[1, 1]

    f.defvjp(lambda x: (f(x), x), lambda x, g: (g * 2 * x,))
    export(lambda x: (f(x), jax.grad(f)(x), jax.checkpoint(lambda v: jnp.exp(v) * MATRIX)(x)), 0.5, path=tmp_path / "f")
    agree(tmp_path / "f")


def test_warns_of_nothing_in_plain_programs(tmp_path):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        export(nested, jnp.ones((4, 2)), path=tmp_path / "f")
