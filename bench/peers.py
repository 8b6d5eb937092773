"""The peers: how each is started for a workload, and whether it is there at all."""

import json
import os
import pathlib
import select
import shutil
import subprocess
import sys

HERE = pathlib.Path(__file__).parent
TUNED = "--xla_backend_extra_options=xla_cpu_small_while_loop_byte_threshold=1000000000"


class Peer:
    """What runs workloads: a name, the command that comes before FOLDER and WORKLOAD, and its environment."""

    def __init__(self, name, command, environment=None):
        self.name = name
        self.command = [str(word) for word in command]
        self.environment = {**os.environ, **(environment or {})}

    def absence(self):
        """Why it cannot be run here; empty when it can."""
        program = self.command[0]
        if shutil.which(program) is None:
            return f"{program} is absent"
        missing = [word for word in self.command[1:] if not pathlib.Path(word).exists()]
        return f"{missing[0]} is absent" if missing else ""


class Process:
    """A peer that has prepared a workload. `hello` is what it said of it; see peer.h for the protocol."""

    def __init__(self, peer, folder, workload, patience):
        self._patience = patience
        self._process = subprocess.Popen(
            [*peer.command, str(folder), workload], env=peer.environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL, text=True)
        self.hello = self._answer()

    def _answer(self):
        ready, _, _ = select.select([self._process.stdout], [], [], self._patience)
        if not ready:
            self._process.kill()
            return {"error": f"takes more than {self._patience:.0f} s"}
        line = self._process.stdout.readline()
        if line:
            return json.loads(line)
        return {"error": f"ended with status {self._process.wait()}"}

    def measure(self, seconds):
        """The median seconds of a call, measured for so long; None when the peer fails."""
        try:
            self._process.stdin.write(f"{seconds}\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            return None
        return self._answer().get("seconds")

    def close(self):
        self._process.stdin.close()
        try:
            self._process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process.stdout.close()


def peers(binary, jaxjs):
    """name -> Peer: `binary` is jaxc_bench, beside it lies jaxc_plain; `jaxjs` is the folder with node_modules."""
    xla = [sys.executable, HERE / "xla_peer.py"]
    rows = [
        Peer("jaxc", [pathlib.Path(binary).absolute()]),
        Peer("plain", [pathlib.Path(binary).absolute().parent / "jaxc_plain"]),
        Peer("xla", xla),
        Peer("xla_tuned", xla, {"XLA_FLAGS": f"{os.environ.get('XLA_FLAGS', '')} {TUNED}".strip()}),
        Peer("jaxjs", ["node", HERE / "jaxjs_peer.mjs", pathlib.Path(jaxjs).absolute() / "node_modules"]),
    ]
    return {peer.name: peer for peer in rows}
