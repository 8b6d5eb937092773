"""XLA:CPU through JAX as a peer (see peer.h for the protocol).

Usage: xla_peer.py FOLDER WORKLOAD
"""

import ctypes
import json
import os
import pathlib
import statistics
import sys
import time

os.environ["JAX_PLATFORMS"] = "cpu"
HERE = pathlib.Path(__file__).parent
sys.path.insert(0, str(HERE.parent / "python"))

import jax  # noqa: E402
import numpy as np  # noqa: E402

from jaxc import _data  # noqa: E402

from workloads import workloads  # noqa: E402


def memory(field):
    """A field of this process's memory figures, in bytes."""
    for line in pathlib.Path("/proc/self/status").read_text().splitlines():
        if line.startswith(field):
            return int(line.split()[1]) * 1024
    return 0


def reset_peak():
    """Sets the peak of resident memory to what is resident, after freed memory is returned."""
    ctypes.CDLL(None).malloc_trim(0)
    pathlib.Path("/proc/self/clear_refs").write_text("5")


def share_differing(got, wanted):
    """The share of elements that differ by more than a thousandth of their size and the median size."""
    differing = 0.0
    for mine, theirs in zip(got, wanted):
        mine, theirs = np.asarray(mine, np.float64), np.asarray(theirs, np.float64)
        with np.errstate(invalid="ignore"):
            finite = np.isfinite(theirs)
            scale = np.median(np.abs(theirs[finite])) if finite.any() else 0.0
            same = np.abs(mine - theirs) <= 1e-3 * (np.abs(theirs) + scale) + 1e-30
        same |= (mine == theirs) | (np.isnan(mine) & np.isnan(theirs))
        differing = max(differing, 1.0 - float(np.mean(same)))
    return differing


def prepare(folder, name):
    """The compiled function, its arguments, and what is known before anything is timed."""
    workload = workloads()[name]
    arrays, _ = _data.load(folder / f"{name}.safetensors")
    shapes = workload.arguments()
    leaves = [jax.numpy.asarray(arrays[f"in{number}"]) for number in range(len(jax.tree.leaves(shapes)))]
    arguments = jax.tree.unflatten(jax.tree.structure(shapes), leaves)
    del shapes
    jax.block_until_ready(jax.jit(lambda x: x - 1)(np.zeros(8, np.float32)))
    function = jax.jit(workload.function)
    traced = function.trace(*arguments)
    start = time.perf_counter()
    compiled = traced.lower().compile()
    compile_seconds = time.perf_counter() - start
    reset_peak()
    before = memory("VmRSS")
    results = jax.block_until_ready(compiled(*arguments))
    used = memory("VmHWM") - before
    wanted, _ = _data.load(folder / f"{name}.results.safetensors")
    wanted = [wanted[f"out{number}"] for number in range(len(wanted))]
    hello = {"compile_seconds": compile_seconds, "memory_bytes": used,
             "differing": share_differing(jax.tree.leaves(results), wanted)}
    return lambda: jax.block_until_ready(function(*arguments)), hello


def measure(call, seconds):
    """Median seconds of a call, over batches of calls that take 50 us or more."""
    clock = time.perf_counter
    start = clock()
    call()
    batch = max(1, int(5e-5 / max(clock() - start, 1e-9)))
    times = []
    end = clock() + seconds
    while not times or clock() < end:
        start = clock()
        for _ in range(batch):
            call()
        times.append((clock() - start) / batch)
    return {"seconds": statistics.median(times), "samples": len(times)}


def main():
    try:
        call, hello = prepare(pathlib.Path(sys.argv[1]), sys.argv[2])
    except Exception as error:  # whatever JAX refuses is the answer
        print(json.dumps({"error": f"{type(error).__name__}: {error}"[:300]}), flush=True)
        return
    print(json.dumps(hello), flush=True)
    for line in sys.stdin:
        print(json.dumps(measure(call, float(line))), flush=True)


if __name__ == "__main__":
    main()
