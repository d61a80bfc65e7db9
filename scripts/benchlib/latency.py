# SPDX-License-Identifier: Apache-2.0
"""Latency and loss over memif, the node and testpmd macswap alternately at the same load.

The load generator is on processor 0, the worker under test on processor 1. First it sends without
limit, to find what each side returns at most; then both get 80 % of the smaller maximum. Times are
of the whole round trip.
"""

import contextlib
import json
import pathlib
import subprocess
import tempfile
import time

from benchlib import eal, node
from benchlib.result import result
from benchlib.run import BenchError, Run, hugepages

GENERATOR = "tests/bench/load_generator"
LOAD = 0.8
FLOWS = 65_536
BACKENDS = 100
BUFFERS = 65_536
TUNNEL_BYTES = 20  # IPv4 in IPv4
MEMORY_BYTES = 1 << 30
START_SECONDS = 60
PERCENTILES = ("p50", "p99", "p999")
TIMED_MIN = 0.5  # of the packets; fewer say too little


def generator_command(run: Run, vdev: str, options: tuple[str, ...]) -> list[str]:
    """On processor 0; prints what it saw when it ends."""
    arguments = ["--no-pci", "--in-memory", "--single-file-segments", "-l", "0"]
    arguments += [f"--file-prefix={run.prefix('generator')}", f"--vdev={vdev}"]
    return [run.program(GENERATOR), *arguments, "--", *options]


@contextlib.contextmanager
def generator(run: Run, socket: pathlib.Path, role: str, *options: str):
    """The load generator, connected to or listening."""
    command = generator_command(run, eal.memif(socket, role), options)
    with run.process(command, "generator.log", stdout=subprocess.PIPE) as child:
        deadline = time.monotonic() + START_SECONDS
        while not socket.exists():
            if child.poll() is not None or time.monotonic() > deadline:
                raise BenchError("the load generator does not start")
            time.sleep(0.02)
        yield child


def await_measuring(child: subprocess.Popen) -> None:
    """Waits until the flows are known and everything that is sent counts."""
    for line in child.stdout:
        if line.startswith("measuring"):
            return
    raise BenchError("the load generator ends before it measures")


def answer(child: subprocess.Popen, seconds: float) -> dict:
    """What the generator says at its end. Raises BenchError when it ends otherwise."""
    try:
        text = child.communicate(timeout=seconds)[0]
    except subprocess.TimeoutExpired:
        raise BenchError(f"the load generator does not end within {seconds:.0f} s") from None
    lines = [line for line in text.splitlines() if line.startswith("{")]
    if child.returncode != 0 or not lines:
        raise BenchError(f"the load generator ends with {child.returncode}")
    seen = json.loads(lines[-1])
    if seen["strange"] > 0:
        raise BenchError(f"{seen['strange']} packets came back otherwise than forwarded: {seen}")
    return seen


class Peer:
    """One side of the comparison."""

    def __init__(self, run: Run, name: str, overhead: int):
        self.run, self.name, self.overhead = run, name, overhead

    def command(self, folder: pathlib.Path) -> list[str]:
        raise NotImplementedError

    def arguments(self, folder: pathlib.Path) -> list[str]:
        return eal.eal(self.run.prefix(self.name), eal.memif(folder / "memif.sock", "client"))

    def load(self, rate: float, seconds: float) -> dict:
        """Starts both, loads for so long, ends both. Rate 0: without limit."""
        with tempfile.TemporaryDirectory(dir=self.run.folder) as name:
            folder = pathlib.Path(name)
            options = ["--flows", str(FLOWS), "--rate", f"{rate:.0f}", "--seconds", f"{seconds}"]
            options += ["--overhead", str(self.overhead)]
            with (
                generator(self.run, folder / "memif.sock", "server", *options) as sender,
                self.run.process(self.command(folder), f"{self.name}.log"),
            ):
                return answer(sender, START_SECONDS + seconds)


class Macswap(Peer):
    def __init__(self, run: Run):
        super().__init__(run, "testpmd", overhead=0)

    def command(self, folder: pathlib.Path) -> list[str]:
        return eal.testpmd(self.arguments(folder), BUFFERS)


class Node(Peer):
    def __init__(self, run: Run):
        super().__init__(run, "node", overhead=TUNNEL_BYTES)

    def command(self, folder: pathlib.Path) -> list[str]:
        config = node.write_config(folder, self.arguments(folder), BACKENDS, BUFFERS, 2 * FLOWS)
        policy = node.pool(BACKENDS) + "---\n" + node.SERVICE_AND_ROUTE
        return node.command(self.run, config, node.compile_table(self.run, folder, policy))


def returned(seen: dict) -> float:
    return seen["received"] / seen["seconds"]


def measure(run: Run) -> list[dict]:
    peers = (Node(run), Macswap(run))
    with hugepages(MEMORY_BYTES):
        maxima = {peer: [] for peer in peers}
        for number in range(2):
            run.say(f"latency: the most that comes back, round {number + 1} of 2")
            for peer in peers:
                maxima[peer].append(returned(peer.load(0, run.seconds)))
        rate = LOAD * min(max(rates) for rates in maxima.values())
        seen = {peer: [] for peer in peers}
        for number in range(run.rounds):
            run.say(f"latency: {rate / 1e6:.1f} Mpps, round {number + 1} of {run.rounds}")
            for peer in reversed(peers):
                seen[peer].append(peer.load(rate, 2 * run.seconds))
    ours, limit = (seen[peer] for peer in peers)
    note_load(run, rate, ours + limit)
    highest = [[rate / 1e6 for rate in maxima[peer]] for peer in peers]
    return [
        result("latency/round_trip_maximum", FLOWS, "Mpps", *highest),
        *percentiles(ours, limit),
        result("latency/lost", FLOWS, "packets/million", [lost(ours)], [lost(limit)]),
    ]


def percentiles(ours: list[dict], limit: list[dict]) -> list[dict]:
    found = []
    for name in PERCENTILES:
        own, other = ([seen[f"{name}_ns"] / 1e3 for seen in side] for side in (ours, limit))
        found.append(result(f"latency/{name}", FLOWS, "µs", own, other))
    return found


def lost(rounds: list[dict]) -> float:
    """Of all rounds: the best one says nothing about loss."""
    return 1e6 * sum(seen["lost"] for seen in rounds) / sum(seen["due"] for seen in rounds)


def note_load(run: Run, rate: float, rounds: list[dict]) -> None:
    """The generator shares its processor with the control threads of what it loads."""
    timed = min(1 - seen["untimed"] / max(seen["received"], 1) for seen in rounds)
    sent = min(seen["due"] / seen["seconds"] for seen in rounds)
    if timed < TIMED_MIN:
        raise BenchError(f"the generator ran so little that only {timed:.0%} were timed")
    run.notes.append(
        f"latency: at least {sent / 1e6:.2f} of {rate / 1e6:.2f} Mpps were sent and {timed:.1%} of "
        "them timed; the others were on their way while the generator's processor was taken"
    )
