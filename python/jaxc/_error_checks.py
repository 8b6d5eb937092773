"""Leaves out the checks of values that Equinox's error_if puts into a function.

A check is a `cond`: one branch hands on its operands, the other calls back into Python, which raises. A compiled
program cannot raise, so it computes what Equinox computes under EQX_ON_ERROR=off.
"""

import warnings

from jaxc._errors import ExportWarning
from jaxc._jax import opened

_MODULE = "equinox._errors"


def without_error_checks(branches):
    """The branches of a cond that do not raise, with an ExportWarning when one does."""
    kept = [branch for branch in branches if not _raises(opened(branch))]
    if len(kept) < len(branches):
        warnings.warn("error_if: checks of values are left out, since a compiled program cannot raise; the program "
                      "goes on where the function would raise", ExportWarning, stacklevel=2)
    return kept


def _raises(jaxpr):
    return any(equation.primitive.name == "pure_callback" and _module_of(equation.params.get("callback")) == _MODULE
               for equation in jaxpr.eqns)


def _module_of(callback):
    """The module of the Python function behind a callback's wrappers."""
    while hasattr(callback, "callback_func"):
        callback = callback.callback_func
    while hasattr(callback, "func"):
        callback = callback.func
    return getattr(callback, "__module__", None)
