"""The check of layers accepts this tree, and fails on an upward include."""

import subprocess
import sys

import pytest

from conftest import ROOT


def check(root):
    return subprocess.run([sys.executable, ROOT / "tools" / "check_layers.py", root], capture_output=True, text=True)


def write(root, path, content):
    (root / path).parent.mkdir(parents=True, exist_ok=True)
    (root / path).write_text(content)


def test_this_tree_is_in_order():
    done = check(ROOT)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("path, include, message", [
    ("ir/bad.cpp", '"compiler/pass.h"', "ir/bad.cpp: ir may not include compiler (compiler/pass.h)"),
    ("include/jaxc/bad.h", '"ir/jaxpr.h"', "include/jaxc may not include ir"),
    ("compiler/lower/bad.h", '"runtime/slot.h"', "compiler may not include runtime"),
    ("backends/llvm/bad.cpp", '"backends/spirv/module.h"', "backends/llvm may not include backends/spirv"),
    ("runtime/bad.cpp", '"runtime/session/session.h"', "runtime may not include runtime/session"),
    ("tools/bad.cpp", '"ir/jaxpr.h"', "tools may not include ir"),
    ("compiler/bad.cpp", "<llvm/IR/IRBuilder.h>", "only backends/llvm may include llvm/IR/IRBuilder.h"),
    ("compiler/bad.cpp", '"../runtime/slot.h"', "compiler may not include runtime"),
])
def test_an_upward_or_sideways_include_fails(tmp_path, path, include, message):
    write(tmp_path, "runtime/slot.h", "")
    write(tmp_path, path, f"#include {include}\n")
    done = check(tmp_path)
    assert done.returncode == 1
    assert message in done.stdout


@pytest.mark.parametrize("path, include", [
    ("compiler/good.cpp", '"ir/jaxpr.h"'),
    ("ir/good.cpp", '"jaxc/types.h"'),
    ("runtime/session/good.cpp", '"backends/llvm/compile.h"'),
    ("backends/llvm/good.cpp", "<llvm/IR/IRBuilder.h>"),
])
def test_a_downward_include_passes(tmp_path, path, include):
    write(tmp_path, path, f"#include {include}\n")
    assert check(tmp_path).returncode == 0
