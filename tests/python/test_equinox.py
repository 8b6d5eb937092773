"""Equinox's modules and primitives end up as plain programs."""

import jax
import jax.numpy as jnp
import pytest

from jaxc import ExportError, ExportWarning, export

equinox = pytest.importorskip("equinox")
internal = pytest.importorskip("equinox.internal")


def test_a_module_s_arrays_are_inputs(tmp_path, agree):
    model = equinox.nn.MLP(3, 2, 8, 2, key=jax.random.PRNGKey(0))
    text = export(lambda module, x: jax.vmap(module)(x), model, jnp.ones((4, 3)), path=tmp_path / "f")
    assert "{ lambda ; a:f32[8,3] b:f32[8] c:f32[8,8]" in text
    agree(tmp_path / "f")


def test_filtered_transformations(tmp_path, agree):
    cell = equinox.nn.GRUCell(2, 4, key=jax.random.PRNGKey(1))

    @equinox.filter_jit
    def loss(cell, xs):
        return jnp.sum(jax.lax.scan(lambda h, x: (cell(x, h), None), jnp.zeros(4), xs)[0])

    export(lambda xs: loss(cell, xs), jnp.ones((6, 2)), path=tmp_path / "f")
    agree(tmp_path / "f")
    gradients = equinox.filter_value_and_grad(loss)
    export(lambda xs: jax.tree_util.tree_leaves(equinox.filter(gradients(cell, xs), equinox.is_array)),
           jnp.ones((6, 2)), path=tmp_path / "g")
    agree(tmp_path / "g")


@pytest.mark.parametrize("wrap", [
    internal.nontraceable, internal.nonbatchable, internal.nondifferentiable, internal.nondifferentiable_backward,
    internal.unvmap_max, internal.noinline(lambda x: jnp.sin(x)), internal.unvmap_any,
], ids=["nontraceable", "nonbatchable", "nondifferentiable", "nondifferentiable_backward", "unvmap_max", "noinline",
        "unvmap_any"])
def test_wrapping_primitives_are_inlined(tmp_path, wrap, agree):
    export(lambda x: wrap(x) * 2, jnp.arange(3.0), path=tmp_path / "f")
    agree(tmp_path / "f")


@pytest.mark.parametrize("kind", ["lax", "checkpointed", "bounded"])
def test_while_loops(tmp_path, kind, agree):
    def f(x):
        return internal.while_loop(lambda s: s[0] < 10, lambda s: (s[0] + 1, s[1] * 1.1), (0, x), max_steps=16, kind=kind)

    export(f, jnp.ones(2), path=tmp_path / "f")
    agree(tmp_path / "f")


@pytest.mark.parametrize("kind", ["checkpointed", "bounded"])
def test_gradients_of_while_loops(tmp_path, kind, agree):
    def f(x):
        def step(state):
            count, y, rows = state
            y = y * 1.1 + 0.1
            return count + 1, y, rows.at[count].set(y)

        return internal.while_loop(lambda state: state[0] < 9, step, (0, x, jnp.zeros((16, 2))), max_steps=16, kind=kind,
                                   buffers=lambda state: state[2])[2]

    export(jax.grad(lambda x: jnp.sum(f(x) ** 2)), jnp.ones(2), path=tmp_path / "f")
    agree(tmp_path / "f")


def test_checks_of_values_are_left_out_with_a_warning(tmp_path, agree):
    def f(x):
        x = equinox.error_if(x, x < 0, "x must not be negative")
        return jax.lax.scan(lambda c, _: (equinox.error_if(c, jnp.any(c > 9), "c must stay small") * 1.1, None), x, None,
                            length=3)[0]

    for name, function in (("f", f), ("g", jax.grad(lambda x: jnp.sum(f(x)))), ("h", jax.vmap(f))):
        with pytest.warns(ExportWarning, match="checks of values are left out"):
            text = export(function, jnp.ones(2), path=tmp_path / name)
        assert "callback" not in text
        agree(tmp_path / name)


def test_names_of_values_are_dropped(tmp_path):
    from jax.ad_checkpoint import checkpoint_name

    assert "name" not in export(lambda x: checkpoint_name(jnp.sin(x), "sine"), 1.0, path=tmp_path / "f")


def test_an_opaque_primitive_is_refused_by_name(tmp_path):
    from jax.extend.core import Primitive

    primitive = Primitive("mystery")
    primitive.def_abstract_eval(lambda x: x)
    with pytest.raises(ExportError, match="mystery: jaxc has no such primitive"):
        export(lambda x: primitive.bind(x), 1.0, path=tmp_path / "f")


def test_a_primitive_lowered_from_jax_functions_is_expanded(tmp_path, agree):
    from jax.extend.core import Primitive
    from jax.interpreters import mlir

    primitive = Primitive("twice_sine")
    primitive.def_abstract_eval(lambda x, *, factor: x)
    mlir.register_lowering(primitive, mlir.lower_fun(lambda x, *, factor: factor * jnp.sin(x), multiple_results=False))
    text = export(lambda x: primitive.bind(x, factor=2.0), 1.0, path=tmp_path / "f")
    assert "twice_sine" not in text and "sin a" in text
    agree(tmp_path / "f")
