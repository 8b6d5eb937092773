"""Exports JAX functions as the .jaxpr and .safetensors files that jaxc compiles and runs."""

from jaxc._errors import ExportError, ExportWarning
from jaxc._export import export

__all__ = ["ExportError", "ExportWarning", "export"]
