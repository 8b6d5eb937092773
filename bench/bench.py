"""Runs the workloads on jaxc and its peers, in alternation, and writes what it measured as JSON.

Every peer first shows that its results agree with JAX's; one that does not is not timed. Then, workload by workload,
the rounds go over the peers in turn, so that a slow moment of the machine falls on all; the medians count.
"""

import argparse
import datetime
import json
import os
import pathlib
import platform
import shutil
import statistics
import subprocess
import sys

from peers import Process, peers

HERE = pathlib.Path(__file__).parent
ROOT = HERE.parent


def machine():
    """What the figures hold for."""
    names = [line.split(":", 1)[1].strip() for line in pathlib.Path("/proc/cpuinfo").read_text().splitlines()
             if line.startswith("model name")]
    clang = shutil.which("clang-19")
    version = subprocess.run([clang, "--version"], capture_output=True, text=True, check=True).stdout if clang else ""
    return {
        "processor": names[0] if names else platform.processor(),
        "cores": len(os.sched_getaffinity(0)),
        "system": platform.platform(),
        "compiler": version.partition("\n")[0],
        "date": datetime.date.today().isoformat(),
    }


def run_workload(name, loose, chosen, options):
    """peer name -> what it measured, or why it did not."""
    results, running = {}, {}
    for peer in chosen:
        process = Process(peer, options.folder, name, options.patience)
        answer = dict(process.hello)
        if "error" not in answer and answer["differing"] > loose:
            answer["error"] = f"{answer['differing']:.2%} of the elements differ from JAX's"
        results[peer.name] = answer
        if "error" in answer:
            process.close()
        else:
            running[peer.name] = process
    rounds = {peer: [] for peer in running}
    for _ in range(options.rounds):
        for peer, process in running.items():
            rounds[peer].append(process.measure(options.seconds))
    for peer, process in running.items():
        process.close()
        times = [seconds for seconds in rounds[peer] if seconds is not None]
        if times:
            results[peer].update(seconds=statistics.median(times), rounds=times)
        else:
            results[peer]["error"] = "ended while it was timed"
    return results


def parse():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("workloads", nargs="*", metavar="WORKLOAD", help="names or their beginnings; all by default")
    parser.add_argument("--peers", default="jaxc,plain,xla,xla_tuned,jaxjs", help="separated by commas")
    parser.add_argument("--binary", type=pathlib.Path, default=ROOT / "build/release/bench/jaxc_bench")
    parser.add_argument("--folder", type=pathlib.Path, default=ROOT / "build/bench", help="of the exported workloads")
    parser.add_argument("--jaxjs", type=pathlib.Path, default=ROOT / "build/jaxjs", help="where npm installed it")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--seconds", type=float, default=0.2, help="a peer is timed for, in each round")
    parser.add_argument("--patience", type=float, default=120, help="seconds that a peer may take to get ready")
    parser.add_argument("--json", type=pathlib.Path, default=ROOT / "build/bench.json")
    parser.add_argument("--publish", action="store_true", help="rewrite the documents' figures and chart (publish.py)")
    parser.add_argument("--list", action="store_true", help="print the workloads' names and end")
    return parser.parse_args()


def main():
    options = parse()
    os.environ.setdefault("JAX_PLATFORMS", "cpu")
    import jax

    from chart import svg
    from export import export_workloads
    from publish import publish
    from table import markdown
    from workloads import select

    try:
        table = select(options.workloads)
    except KeyError as error:
        sys.exit(f"bench: {error.args[0]}")
    if options.list:
        print("\n".join(f"{name:24} {workload.title}" for name, workload in table.items()))
        return
    known = peers(options.binary, options.jaxjs)
    unknown = set(options.peers.split(",")) - set(known)
    if unknown:
        sys.exit(f"bench: peer {unknown.pop()!r} is unknown; known are {', '.join(known)}")
    asked = [known[name] for name in options.peers.split(",")]
    absent = {peer.name: peer.absence() for peer in asked if peer.absence()}
    export_workloads(options.folder, options.workloads)
    report = {"machine": {**machine(), "jax": jax.__version__}, "absent": absent, "workloads": {}}
    for number, (name, workload) in enumerate(table.items()):
        print(f"{number + 1}/{len(table)} {name}", file=sys.stderr, flush=True)
        present = [peer for peer in asked if peer.name not in absent]
        report["workloads"][name] = {
            "title": workload.title, "steps": workload.steps, "goal": workload.goal, "plain_goal": workload.plain_goal,
            "hand": workload.hand, "peers": run_workload(name, workload.loose, present, options)}
        options.json.parent.mkdir(parents=True, exist_ok=True)
        options.json.write_text(json.dumps(report, indent=1))
    print(markdown(report))
    options.json.with_suffix(".svg").write_text(svg(report))
    if options.publish:
        publish(report)


if __name__ == "__main__":
    main()
