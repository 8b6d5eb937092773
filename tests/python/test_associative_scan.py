"""associative_scan stays one equation, and JAX's caches do not notice."""

import re
import threading
import warnings

import jax
import jax.numpy as jnp
import numpy
import pytest
from jax import lax
from jax.lax import associative_scan  # before any export

from jaxc import ExportWarning, export


def affine(left, right):
    return left[0] * right[0], left[1] * right[0] + right[1]


def scan_affine(x):
    return associative_scan(affine, (x, x + 1))


def count(text):
    return text.count("associative_scan[")


ROWS = jnp.linspace(0.5, 1.5, 12).reshape(6, 2)


def test_is_kept_for_modules_that_imported_it_earlier(tmp_path, agree):
    text = export(scan_affine, ROWS, path=tmp_path / "f")
    assert count(text) == 1
    assert re.search(r"associative_scan\[\s*axis=0\s*jaxpr=\{ lambda ; a:f32\[1,2\] b:f32\[1,2\] c:f32\[1,2\] "
                     r"d:f32\[1,2\]\. let", text)
    assert re.search(r"num_consts=0\s*reverse=False\s*\]", text)
    assert "pad" not in text and "slice" not in text
    agree(tmp_path / "f")


@pytest.mark.parametrize("options", [{}, {"reverse": True}, {"axis": 1}, {"axis": -1}, {"axis": 1, "reverse": True}])
def test_axis_and_reverse(tmp_path, options, agree):
    text = export(lambda x: lax.associative_scan(jnp.matmul, x, **options) if not options.get("axis")
                  else lax.associative_scan(jnp.add, x[0], **options), jnp.ones((5, 2, 2)) * 0.5, path=tmp_path / "f")
    assert count(text) == 1
    assert f"reverse={options.get('reverse', False)}" in text
    assert f"axis={1 if options.get('axis') else 0}" in text
    agree(tmp_path / "f")


def test_what_its_function_closes_over_becomes_operands(tmp_path, agree):
    table = numpy.arange(2.0, dtype=numpy.float32)

    def f(x, scale):
        inner = x.sum() * scale
        return associative_scan(lambda a, b: a * inner + b * table[1] + jnp.asarray(table) * 0, x)

    text = export(f, ROWS, 0.1, path=tmp_path / "f")
    assert count(text) == 1
    assert int(re.search(r"num_consts=(\d+)", text).group(1)) >= 1


def test_inside_loops_and_calls(tmp_path, agree):
    def f(x):
        body = jax.jit(lambda c: associative_scan(jnp.add, c) / 10)
        return lax.fori_loop(0, 3, lambda _, c: body(c), x), lax.cond(x[0, 0] > 0, scan_affine, lambda v: (v, v), x)

    text = export(f, ROWS, path=tmp_path / "f")
    assert count(text) == 2
    agree(tmp_path / "f")


def test_nested_in_its_own_function(tmp_path):
    def combine(a, b):
        return a + associative_scan(jnp.add, b, axis=1)

    assert count(export(lambda x: associative_scan(combine, x), ROWS, path=tmp_path / "f")) == 2


def test_short_sequences_are_left_to_jax(tmp_path):
    assert count(export(lambda x: associative_scan(jnp.add, x), jnp.ones((1, 2)), path=tmp_path / "f")) == 0


def test_outside_export_it_is_jax_s(tmp_path):
    before = str(jax.make_jaxpr(scan_affine)(ROWS))
    export(scan_affine, ROWS, path=tmp_path / "f")
    assert str(jax.make_jaxpr(scan_affine)(ROWS)) == before
    with pytest.raises(ZeroDivisionError):
        export(lambda x: 1 // 0, ROWS, path=tmp_path / "f")
    assert str(jax.make_jaxpr(scan_affine)(ROWS)) == before


def test_a_function_traced_before_is_traced_anew_and_afterwards_as_before(tmp_path):
    traces = []

    @jax.jit
    def f(x):
        traces.append(1)
        return associative_scan(jnp.add, x)

    wanted = numpy.cumsum(ROWS, axis=0)
    numpy.testing.assert_allclose(f(ROWS), wanted, rtol=1e-6)
    before = str(jax.make_jaxpr(f)(ROWS))
    assert count(export(lambda x: f(x), ROWS, path=tmp_path / "f")) == 1
    during = len(traces)
    numpy.testing.assert_allclose(f(ROWS), wanted, rtol=1e-6)
    assert str(jax.make_jaxpr(f)(ROWS)) == before
    assert len(traces) == during, "what was traced before is still in the cache"


def test_a_function_first_traced_while_exporting_is_traced_anew(tmp_path):
    f = jax.jit(lambda x: associative_scan(jnp.add, x))
    g = lambda x: lax.scan(lambda c, _: (associative_scan(jnp.add, c), None), x, None, length=2)[0]  # noqa: E731
    h = jax.checkpoint(lambda x: associative_scan(jnp.add, x))
    for function in (f, g, h):
        assert count(export(function, ROWS, path=tmp_path / "f")) == 1
        assert "associative_scan" not in str(jax.make_jaxpr(function)(ROWS)).replace("name=associative_scan", "")
        function(ROWS)
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            jax.grad(lambda x, function=function: function(x).sum())(ROWS)
            jax.vmap(function)(ROWS[:, :, None])
        assert count(export(function, ROWS, path=tmp_path / "f")) == 1


@pytest.mark.parametrize("transformed, word", [
    (lambda x: jax.grad(lambda v: scan_affine(v)[1].sum())(x), "grad"),
    (lambda x: jax.grad(jax.jit(lambda v: scan_affine(v)[1].sum()))(x), "grad"),
    (lambda x: jax.jvp(scan_affine, (x,), (x,)), "jvp"),
    (lambda x: jax.vmap(lambda v: scan_affine(v), in_axes=1)(x), "vmap"),
    (lambda x: jax.vmap(jax.jit(lambda v: scan_affine(v)), in_axes=1)(x), "vmap"),
    (lambda x: jax.grad(lambda v: lax.scan(
        lambda c, r: (c + scan_affine(v * c)[1].sum() + r.sum(), None), 0.1, v)[0])(x), "grad"),
])
def test_under_jax_s_own_transformations_the_expansion_is_kept_and_said(tmp_path, transformed, word, agree):
    with pytest.warns(ExportWarning, match=f"associative_scan under .*{word}.*expansion"):
        text = export(transformed, ROWS, path=tmp_path / "f", rtol=1e-4)
    assert count(text) == 0
    agree(tmp_path / "f")


def test_undifferentiated_scans_stay_under_grad(tmp_path):
    def f(x, y):
        return (associative_scan(jnp.add, y) * x[0, 0]).sum()

    assert count(export(jax.jit(jax.grad(f)), ROWS, ROWS, path=tmp_path / "f")) == 1


def test_other_threads_are_not_disturbed(tmp_path):
    inside, done = threading.Event(), threading.Event()
    seen = []

    def other():
        inside.wait()
        seen.append(str(jax.make_jaxpr(scan_affine)(ROWS)))
        done.set()

    thread = threading.Thread(target=other)
    thread.start()

    def f(x):
        inside.set()
        done.wait(60)
        return scan_affine(x)

    assert count(export(f, ROWS, path=tmp_path / "f")) == 1
    thread.join()
    assert "associative_scan" not in seen[0].replace("name=associative_scan", "")
