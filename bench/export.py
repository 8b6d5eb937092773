"""Writes the workloads as NAME.jaxpr, NAME.safetensors (inputs, constants) and NAME.results.safetensors (JAX's results).

Usage: export.py FOLDER [WORKLOAD...]; files of the same source are kept.
"""

import hashlib
import json
import pathlib
import sys

HERE = pathlib.Path(__file__).parent
sys.path.insert(0, str(HERE.parent / "python"))

from jaxc import _data, export  # noqa: E402

from workloads import select  # noqa: E402


def _source():
    """Names what the files were made from."""
    sources = [HERE / "functions.py", HERE / "workloads.py", HERE / "export.py"]
    return hashlib.sha256(b"".join(path.read_bytes() for path in sources)).hexdigest()


def export_workloads(folder, names=()):
    """Exports those that are not there yet."""
    folder = pathlib.Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    source = _source()
    for name, workload in select(names).items():
        note = folder / f"{name}.json"
        if note.exists() and json.loads(note.read_text())["source"] == source:
            continue
        print(f"export {name}", file=sys.stderr)
        export(workload.function, *workload.arguments(), path=folder / name)
        arrays, metadata = _data.load(folder / f"{name}.safetensors")
        metadata = {**metadata, "steps": str(workload.steps), "loose": str(workload.loose)}
        results = {key: array for key, array in arrays.items() if key.startswith("out")}
        inputs = {key: array for key, array in arrays.items() if key not in results}
        _data.save(folder / f"{name}.safetensors", inputs, metadata)
        _data.save(folder / f"{name}.results.safetensors", results, metadata)
        note.write_text(json.dumps({"source": source}))


if __name__ == "__main__":
    export_workloads(sys.argv[1], sys.argv[2:])
