# SPDX-License-Identifier: Apache-2.0
"""Packets lost while tables are published under load: controller, node on memif, load generator.

Every publication is a `sluice apply` that changes a backend's weight and a client class's prefix,
so that a Maglev table and the prefix table change and every flow is checked once more. Lost is what
the generator had to send and did not get back. The generator, the controller and the node's builder
share one processor, the worker has the other; a note says for how much of the time the load ran.
"""

import pathlib
import signal
import subprocess
import tempfile
import time

from benchlib import eal, latency, node
from benchlib.result import result
from benchlib.run import BenchError, Run, hugepages
from benchlib.telemetry import Telemetry

TABLES, TABLES_QUICK = 100, 3
BACKENDS = 1000
CLASSES = 10
PREFIXES, PREFIXES_QUICK = 500_000, 50_000
CONTROL_PROCESSOR = 0
END_SECONDS = 60
MAXIMUM_ROUNDS = 2
BASELINE_SECONDS, BASELINE_SECONDS_QUICK = 5, 1

CONTROLLER_CONFIG = """\
listen: unix:%(folder)s/controller.sock
nodes: [{name: %(name)s, address: "unix:%(folder)s/node.sock"}]
store: sqlite:%(folder)s/controller.db
audit: {directory: %(folder)s/audit}
log: {level: warning, format: text}
"""


def client_class(name: str, prefixes: list[str]) -> str:
    return (
        f"kind: ClientClass\nmetadata: {{name: {name}, labels: {{group: {name}}}}}\n"
        f"spec: {{prefixes: [{', '.join(prefixes)}]}}\n"
    )


def prefix(index: int) -> str:
    return f"{16 + (index >> 16)}.{index >> 8 & 255}.{index & 255}.0/24"


def whole_policy(prefixes: int) -> str:
    """Neighbouring prefixes are of different classes."""
    objects = [node.pool(BACKENDS), node.SERVICE_AND_ROUTE]
    objects.append(client_class("clients", ["198.51.100.0/24"]))
    for number in range(CLASSES):
        own = [prefix(index) for index in range(number, prefixes, CLASSES)]
        objects.append(client_class(f"class-{number}", own))
    return "---\n".join(objects)


def changed_policy(number: int) -> str:
    moved = client_class("moving", [f"11.{number >> 8}.{number & 255}.0/24"])
    return node.pool(BACKENDS, {number % BACKENDS: 101 + number}) + "---\n" + moved


class Fleet:
    """The controller of one node, and the CLI that speaks to it."""

    def __init__(self, run: Run, folder: pathlib.Path):
        self.run, self.folder = run, folder
        self.config = folder / "controller.yaml"
        self.config.write_text(CONTROLLER_CONFIG % {"folder": folder, "name": node.NAME})

    def command(self) -> list[str]:
        """Off the worker's processor, as the node's own control threads are."""
        controller = self.run.program(node.CONTROLLER)
        return ["taskset", "-c", str(CONTROL_PROCESSOR), controller, "--config", str(self.config)]

    def cli(self, *arguments: str) -> str:
        server = ["--server", f"unix:{self.folder}/controller.sock", "--timeout", "120s"]
        pinned = ["taskset", "-c", str(CONTROL_PROCESSOR)]
        command = [*pinned, self.run.program(node.CLI), *server, *arguments]
        self.run.note_command(command)
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise BenchError(f"sluice {' '.join(arguments)}: {done.stderr}")
        return done.stdout

    def await_node(self, seconds: float) -> None:
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            try:
                if '"connected": true' in self.cli("get", "nodes", "-o", "json"):
                    return
            except BenchError:
                pass  # the controller does not listen yet
            time.sleep(0.1)
        raise BenchError(f"the node is not connected within {seconds:.0f} s")

    def apply(self, policy: str) -> float:
        """Returns the seconds until every worker has it."""
        file = self.folder / "policy.yaml"
        file.write_text(policy)
        start = time.monotonic()
        said = self.cli("apply", "-f", str(file))
        if f"node {node.NAME}: committed" not in said:
            raise BenchError(f"no table was committed: {said}")
        return time.monotonic() - start


def measure(run: Run) -> list[dict]:
    tables = TABLES_QUICK if run.quick else TABLES
    prefixes = PREFIXES_QUICK if run.quick else PREFIXES
    with hugepages(latency.MEMORY_BYTES), tempfile.TemporaryDirectory(dir=run.folder) as name:
        folder = pathlib.Path(name)
        prefix_of_node = run.prefix("node")
        # The server of the memif, because the generator comes when there is a table.
        arguments = eal.eal(prefix_of_node, eal.memif(folder / "memif.sock", "server"))
        config = node.write_config(folder, arguments, BACKENDS, latency.BUFFERS, 2 * latency.FLOWS)
        fleet = Fleet(run, folder)
        with (
            run.process(node.command(run, config), "node.log"),
            run.process(fleet.command(), "controller.log"),
        ):
            fleet.await_node(latency.START_SECONDS)
            run.say(f"publication: the first table, {prefixes} prefixes and {BACKENDS} backends")
            fleet.apply(whole_policy(prefixes))
            return publish(run, fleet, folder / "memif.sock", tables, Telemetry(prefix_of_node))


def load(run: Run, socket: pathlib.Path, rate: float, seconds: float, during=None) -> dict:
    """What the generator saw in so many seconds, or while `during` was called."""
    options = ["--flows", str(latency.FLOWS), "--rate", f"{rate:.0f}", "--seconds", f"{seconds}"]
    options += ["--overhead", str(latency.TUNNEL_BYTES)]
    with latency.generator(run, socket, "client", *options) as sender:
        if during is not None:
            latency.await_measuring(sender)
            during()
            sender.send_signal(signal.SIGTERM)
        return latency.answer(sender, END_SECONDS + seconds)


def sustained(run: Run, socket: pathlib.Path) -> float:
    """The most that comes back of a paced load.

    Less than of whole bursts: both sides then work on the same lines of the ring, and a queue that
    a pause has filled must be emptied at that speed.
    """
    most = max(latency.returned(load(run, socket, 0, run.seconds)) for _ in range(MAXIMUM_ROUNDS))
    return min(most, latency.returned(load(run, socket, most, run.seconds)))


def publish(
    run: Run, fleet: Fleet, socket: pathlib.Path, tables: int, telemetry: Telemetry
) -> list[dict]:
    rate = latency.LOAD * sustained(run, socket)
    still = load(run, socket, rate, BASELINE_SECONDS_QUICK if run.quick else BASELINE_SECONDS)
    telemetry.connect(latency.START_SECONDS)
    missed_before = telemetry.port()["imissed"]
    times: list[float] = []

    def apply_all() -> None:
        for number in range(tables):
            times.append(fleet.apply(changed_policy(number)))
            run.say(f"publication: table {number + 1} of {tables}, {times[-1]:.2f} s")

    seen = load(run, socket, rate, tables * END_SECONDS, apply_all)
    missed = telemetry.port()["imissed"] - missed_before
    run.notes.append(
        f"publication: at {rate / 1e6:.2f} Mpps the load ran for {share(seen):.0%} of the time; "
        f"without publishing for {share(still):.0%}, when {still['lost']} of {still['due']} "
        "packets were lost"
    )
    return [
        result("publication/lost", tables, "packets", [seen["lost"]]),
        result("publication/imissed", tables, "packets", [missed]),
        result("publication/sent", tables, "packets", [seen["due"]]),
        result("publication/apply", tables, "ms", [1e3 * seconds for seconds in times]),
    ]


def share(seen: dict) -> float:
    return 1 - seen["stalled_seconds"] / seen["seconds"]
