# SPDX-License-Identifier: Apache-2.0
"""How long a change of policy takes from the controller's door to the last worker.

A real controller and a real node on a null device, over Unix sockets. `sluice apply` returns when
every worker of every node uses the new table: the node answers Commit only after a grace period in
which each worker has come round. What a call costs is the wall time of the command less that of
`sluice version`, which starts the same program and makes the smallest call of the same server.
"""

import contextlib
import os
import pathlib
import signal
import statistics
import subprocess
import time

SERVICES = 4096
BACKENDS = 10_000
# A route names two pools, and a node counts each (route, backend) for itself, 65,535 of them.
POOLS = 1429
CLASSES = 4
NODE = "bench"

NODE_CONFIG = """\
node: %(node)s
eal: [--no-pci, --no-huge, -m, "256", -l, 0-1, "--vdev=net_null0,no-rx=1",
      "--file-prefix=sluice-policy-%(pid)d"]
ports:
  - id: 0
    name: bench
    addresses: [172.16.0.1/24]
    punt: none
    gateways: [{via: 172.16.0.2, mac: "02:00:00:00:00:03"}]
buffers: 8192
flows: {capacity: 65536}
listen: unix:%(folder)s/node.sock
state_dir: %(folder)s/state
log: {level: warning, format: text}
"""

CONTROLLER_CONFIG = """\
listen: unix:%(folder)s/controller.sock
nodes: [{name: %(node)s, address: "unix:%(folder)s/node.sock"}]
store: sqlite:%(folder)s/controller.db
audit: {directory: %(folder)s/audit}
log: {level: warning, format: text}
"""


def prefixes_of(client_class: int, prefixes: int) -> list[str]:
    """Every fifth is IPv6; neighbours are of different classes."""
    chosen = []
    for i in range(client_class, prefixes, CLASSES):
        if i % 5 == 4:
            chosen.append(f'"2a00:{i >> 16:x}:{i & 0xFFFF:x}::/48"')
        else:
            chosen.append(f"{11 + (i >> 16)}.{i >> 8 & 255}.{i & 255}.0/24")
    return chosen


def client_class(index: int, prefixes: int) -> str:
    listed = ", ".join(prefixes_of(index, prefixes))
    return (
        f"kind: ClientClass\nmetadata: {{name: region-{index}, labels: {{region: r{index}}}}}\n"
        f"spec: {{prefixes: [{listed}]}}\n"
    )


def pool(index: int, weight: int = 10) -> str:
    """`weight` is the first backend's."""
    head = f"kind: Pool\nmetadata: {{name: pool-{index}, labels: {{jurisdiction: eu}}}}\n"
    backends = []
    for i in range(index, BACKENDS, POOLS):
        address = f"10.0.{i >> 8}.{i & 255}"
        of_this = weight if i == index else 10
        backends.append(f"    - {{name: b{i}, address: {address}, weight: {of_this}}}\n")
    return f"{head}spec:\n  backends:\n{''.join(backends)}"


def service(index: int) -> str:
    return (
        f"kind: Service\nmetadata: {{name: service-{index}}}\n"
        f"spec: {{addresses: [100.64.{index >> 8}.{index & 255}], ports: [tcp/443]}}\n"
    )


def route(index: int, weight: int = 10) -> str:
    first, second = index % POOLS, (index + 1) % POOLS
    return (
        f"kind: Route\nmetadata: {{name: route-{index}}}\n"
        f"spec:\n  service: service-{index}\n  clients: {{}}\n  split:\n"
        f"    - {{pool: pool-{first}, weight: 90}}\n"
        f"    - {{pool: pool-{second}, weight: {weight}}}\n"
    )


GUARDRAIL = """\
kind: Guardrail
metadata: {name: residency}
spec:
  services: {}
  clients: {match_labels: {region: r0}}
  require: {match_labels: {jurisdiction: eu}}
"""


def whole_policy(prefixes: int) -> str:
    objects = [GUARDRAIL]
    objects += [client_class(i, prefixes) for i in range(CLASSES)]
    objects += [pool(i) for i in range(POOLS)]
    objects += [service(i) for i in range(SERVICES)]
    objects += [route(i) for i in range(SERVICES)]
    return "---\n".join(objects)


@contextlib.contextmanager
def daemon(program: pathlib.Path, config: pathlib.Path):
    """Runs a daemon until the block ends; SIGTERM, then SIGKILL."""
    with config.with_suffix(".log").open("w", encoding="utf-8") as log:
        child = subprocess.Popen([program, "--config", config], stdout=log, stderr=log)
    try:
        yield child
    finally:
        child.send_signal(signal.SIGTERM)
        try:
            child.wait(20)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()


class Bench:
    """A controller with one node, and the time of every call to it."""

    def __init__(self, build: pathlib.Path, folder: pathlib.Path):
        self.cli = [
            build / "controlplane/cli/sluice",
            "--server",
            f"unix:{folder}/controller.sock",
            "--timeout",
            "120s",
        ]
        self.folder = folder

    def run(self, *arguments: str) -> str:
        command = [*self.cli, *arguments]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise RuntimeError(f"sluice {' '.join(arguments)}: {done.stderr[-2000:]}")
        return done.stdout

    def await_node(self, seconds: float) -> None:
        deadline = time.monotonic() + seconds
        while True:
            with contextlib.suppress(RuntimeError):
                if '"connected": true' in self.run("get", "nodes", "-o", "json"):
                    return
            if time.monotonic() > deadline:
                raise RuntimeError(f"the node is not connected within {seconds} s")
            time.sleep(0.1)

    def timed_ms(self, *arguments: str) -> float:
        start = time.perf_counter()
        self.run(*arguments)
        return (time.perf_counter() - start) * 1e3

    def apply_ms(self, name: str, text: str) -> float:
        """Raises RuntimeError unless the node has committed, which is when every worker has it."""
        file = self.folder / name
        file.write_text(text)
        start = time.perf_counter()
        said = self.run("apply", "-f", str(file))
        elapsed = (time.perf_counter() - start) * 1e3
        if f"node {NODE}: committed" not in said:
            raise RuntimeError(f"no new table was committed: {said}")
        return elapsed


def medians_of(bench: Bench, kind: str, texts: list[str]) -> dict:
    """One text after the other; each must change something."""
    walls, calls = [], []
    for text in texts:
        start = bench.timed_ms("version")
        walls.append(bench.apply_ms(f"{kind}.yaml", text))
        calls.append(walls[-1] - start)
    return {
        "command_ms": statistics.median(walls),
        "call_ms": statistics.median(calls),
        "best_call_ms": min(calls),
        "worst_call_ms": max(calls),
    }


def measure(build: pathlib.Path, folder: pathlib.Path, prefixes: int = 0, rounds: int = 11) -> dict:
    """Medians of one route's and one backend's weight, after a policy of `prefixes` prefixes."""
    names = {"folder": folder, "node": NODE, "pid": os.getpid()}
    node, controller = folder / "node.yaml", folder / "controller.yaml"
    node.write_text(NODE_CONFIG % names)
    controller.write_text(CONTROLLER_CONFIG % names)
    with (
        daemon(build / "dataplane/daemon/sluice-dataplane", node),
        daemon(build / "controlplane/daemon/sluice-controller", controller),
    ):
        bench = Bench(build, folder)
        bench.await_node(60)
        first = bench.apply_ms("policy.yaml", whole_policy(prefixes))
        weights = [11 + i for i in range(rounds)]
        return {
            "services": SERVICES,
            "backends": BACKENDS,
            "prefixes": prefixes,
            "first_policy_ms": first,
            "route_weight": medians_of(bench, "route", [route(7, w) for w in weights]),
            "backend_weight": medians_of(bench, "pool", [pool(7, w) for w in weights]),
        }
