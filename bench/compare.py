"""Times the workloads on jaxc, plain C loops and XLA in one run, and prints a table of nanoseconds a step.

Usage: compare.py JAXC_BENCH [--folder FOLDER] [--json FILE] [--filter TEXT]
Rounds alternate between the peers, so that a slow moment of the machine falls on all; medians are reported.
"""

import argparse
import json
import os
import pathlib
import statistics
import subprocess
import sys
import time

TUNED = "--xla_backend_extra_options=xla_cpu_small_while_loop_byte_threshold=1000000000"
ROUNDS = 3


def export_all(folder, wanted):
    sys.path.insert(0, str(pathlib.Path(__file__).parent.parent / "python"))
    import jaxc
    from safetensors import safe_open
    from safetensors.numpy import save_file
    from workloads import workloads

    folder.mkdir(parents=True, exist_ok=True)
    for name, (function, arguments, steps) in workloads().items():
        if wanted not in name:
            continue
        jaxc.export(function, *arguments, path=folder / name)
        data_path = folder / f"{name}.safetensors"
        with safe_open(data_path, "np") as data:
            arrays = {key: data.get_tensor(key) for key in data.keys()}
            metadata = dict(data.metadata() or {})
        save_file(arrays, data_path, {**metadata, "steps": str(steps)})


def time_xla(wanted):
    """Prints JSON: name -> median nanoseconds a step, in this process's XLA."""
    import jax
    from workloads import workloads

    medians = {}
    for name, (function, arguments, steps) in workloads().items():
        if wanted not in name:
            continue
        compiled = jax.jit(function)
        jax.block_until_ready(compiled(*arguments))
        times = []
        while sum(times) < 0.3 or len(times) < 5:
            start = time.perf_counter()
            jax.block_until_ready(compiled(*arguments))
            times.append(time.perf_counter() - start)
        medians[name] = statistics.median(times) / steps * 1e9
    print(json.dumps(medians))


def run_xla(wanted, tuned):
    environment = dict(os.environ, JAX_PLATFORMS="cpu")
    if tuned:
        environment["XLA_FLAGS"] = TUNED
    command = [sys.executable, __file__, "--xla", "--filter", wanted]
    return json.loads(subprocess.run(command, env=environment, check=True, capture_output=True, text=True).stdout)


def run_native(binary, folder, wanted):
    command = [binary, str(folder), "--benchmark_format=json", "--benchmark_min_time=0.2", f"--benchmark_filter={wanted}"]
    result = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    return {row["name"]: row["ns_per_step"] for row in result["benchmarks"]}


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("binary", nargs="?")
    parser.add_argument("--folder", default="build/bench")
    parser.add_argument("--json")
    parser.add_argument("--filter", default="")
    parser.add_argument("--xla", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.xla:
        time_xla(options.filter)
        return
    folder = pathlib.Path(options.folder)
    export_all(folder, options.filter)
    samples = {}
    for round_number in range(ROUNDS):
        print(f"round {round_number + 1} of {ROUNDS}", file=sys.stderr)
        for name, value in run_native(options.binary, folder, options.filter).items():
            samples.setdefault(name, []).append(value)
        for column, tuned in (("XLA", False), ("XLA tuned", True)):
            for name, value in run_xla(options.filter, tuned).items():
                samples.setdefault(f"{name}/{column}", []).append(value)
    medians = {name: statistics.median(values) for name, values in samples.items()}
    print("| workload, ns a step | jaxc | plain C | XLA | XLA tuned | C / jaxc | best XLA / jaxc |")
    print("|---|---|---|---|---|---|---|")
    for name in sorted({key.split("/")[0] for key in medians}):
        ours, plain = medians[f"{name}/jaxc"], medians.get(f"{name}/plain", float("nan"))
        default, tuned = medians[f"{name}/XLA"], medians[f"{name}/XLA tuned"]
        best = min(default, tuned)
        print(f"| {name} | {ours:.1f} | {plain:.1f} | {default:.1f} | {tuned:.1f} | {plain / ours:.2f} | {best / ours:.2f} |")
    if options.json:
        pathlib.Path(options.json).write_text(json.dumps(medians, indent=1))


if __name__ == "__main__":
    main()
