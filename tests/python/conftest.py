"""Finds the module under test, and the jaxc that judges what it exports."""

import os
import pathlib
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "python"))


@pytest.fixture
def agree(tmp_path):
    """Checks with jaxc's naive evaluator that an exported program computes what JAX computed."""
    program = pathlib.Path(os.environ.get("JAXC", ROOT / "build" / "debug" / "tools" / "jaxc"))

    def check(path):
        if not program.exists():
            pytest.skip("jaxc is not built")
        done = subprocess.run([program, "check", f"{path}.jaxpr", "--backend", "eval"],
                              capture_output=True, text=True, timeout=300)
        assert done.returncode == 0, done.stdout + done.stderr
        assert done.stdout.strip().endswith("1 passed, 0 failed"), done.stdout

    return check
