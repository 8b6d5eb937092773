#!/usr/bin/env python3
"""Fails when a file includes a layer that it does not stand on.

include/jaxc <- ir <- compiler, each backend, runtime; runtime/session sees all; tools, examples, bench and
the README's example see include/jaxc only. usage: check_layers.py [ROOT]
"""

import pathlib
import re
import sys

# A layer's folder, and the folders that it may include besides its own. The longest match counts.
LAYERS = {
    "include/jaxc": [],
    "ir": ["include/jaxc"],
    "compiler": ["include/jaxc", "ir"],
    "backends/reference": ["include/jaxc", "ir"],
    "backends/llvm": ["include/jaxc", "ir"],
    "backends/spirv": ["include/jaxc", "ir"],
    "runtime": ["include/jaxc", "ir"],
    "runtime/session": ["include/jaxc", "ir", "compiler", "backends/reference", "backends/llvm", "backends/spirv",
                        "runtime"],
    "tools": ["include/jaxc"],
    "examples": ["include/jaxc"],
    "bench": ["include/jaxc"],
}
INCLUDE = re.compile(r'^\s*#\s*include\s*(["<])([^">]+)[">]', re.MULTILINE)
FOREIGN = {
    "backends/llvm": ("llvm/", "llvm-c/", "hwy/"),
    "backends/spirv": ("vulkan/", "spirv-tools/", "spirv/"),
}


def layer_of(path):
    """The layer whose folder holds a path relative to the root, or None."""
    matches = [folder for folder in LAYERS if path.startswith(folder + "/")]
    return max(matches, key=len, default=None)


def target_of(root, source, name):
    """Where an include leads, relative to the root; None outside the project."""
    beside = source.parent / name
    for candidate in (beside, root / name, root / "include" / name):
        if candidate.is_file():
            return candidate.resolve().relative_to(root).as_posix()
    # A file that is not there (yet) still names its layer.
    return name if layer_of(name) else "include/" + name if name.startswith("jaxc/") else None


def violations(root):
    for folder in LAYERS:
        for source in sorted((root / folder).rglob("*")):
            if source.suffix not in (".h", ".cpp"):
                continue
            path = source.relative_to(root).as_posix()
            layer = layer_of(path)
            if layer != folder:
                continue
            for _, name in INCLUDE.findall(source.read_text()):
                for owner, prefixes in FOREIGN.items():
                    if name.startswith(prefixes) and layer != owner:
                        yield f"{path}: only {owner} may include {name}"
                target = target_of(root, source, name)
                included = layer_of(target) if target else None
                if included and included != layer and included not in LAYERS[layer]:
                    yield f"{path}: {layer} may not include {included} ({name})"


def main():
    root = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else pathlib.Path(__file__).parents[1]).resolve()
    found = list(violations(root))
    for line in found:
        print(line)
    print(f"layers: {len(found)} wrong includes" if found else "layers: every include is of a layer below")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
