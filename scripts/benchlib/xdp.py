# SPDX-License-Identifier: Apache-2.0
"""What AF_XDP costs: the most that comes back over a veth, node and testpmd macswap alternately.

The load generator speaks af_packet on processor 0, where the kernel also takes its frames to the
socket; the worker under test is on processor 1. A veth copies, so this is the dear end of AF_XDP.
"""

import contextlib
import os
import pathlib
import subprocess
import tempfile
import time

from benchlib import eal, latency, node
from benchlib.result import result
from benchlib.run import BenchError, Run, hugepages
from benchlib.telemetry import Telemetry

GENERATOR_END, TESTED_END = "generator0", "tested0"
GENERATOR_TARGET = "02:00:00:00:00:02"  # where the load generator's frames go
# Of the worker's port: the driver's way to wait for the kernel, or another driver.
DRIVERS = {
    "busy_polling": f"net_af_xdp0,iface={TESTED_END}",
    "need_wakeup": f"net_af_xdp0,iface={TESTED_END},busy_budget=0",
    "af_packet": f"net_af_packet0,iface={TESTED_END}",
}
DRIVERS_QUICK = ("busy_polling", "af_packet")
# Of the interface, while the socket prefers busy polling.
# Source: Linux, Documentation/networking/napi.rst, "IRQ mitigation".
DEFERRAL = {"napi_defer_hard_irqs": 2, "gro_flush_timeout": 200_000}
FLOWS = 1024


def ip(*arguments: str) -> None:
    done = subprocess.run(["ip", *arguments], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise BenchError(f"ip {' '.join(arguments)}: {done.stderr.strip()}")


class Wire:
    """A veth in a network namespace of its own."""

    def __init__(self, namespace: str):
        self.namespace = namespace

    def inside(self, command: list[str]) -> list[str]:
        return ["ip", "netns", "exec", self.namespace, *command]

    def lay(self) -> None:
        ends = ["add", GENERATOR_END, "type", "veth", "peer", "name", TESTED_END]
        ends += ["address", GENERATOR_TARGET]
        ip("-n", self.namespace, "link", *ends)
        for end in (GENERATOR_END, TESTED_END):
            for name in ("accept_ra", "autoconf", "disable_ipv6"):
                value = 1 if name == "disable_ipv6" else 0
                setting = f"net.ipv6.conf.{end}.{name}={value}"
                subprocess.run(self.inside(["sysctl", "-qw", setting]), check=True)
            ip("-n", self.namespace, "link", "set", end, "up")
        for name, value in DEFERRAL.items():
            write = f"echo {value} > /sys/class/net/{TESTED_END}/{name}"
            subprocess.run(self.inside(["sh", "-c", write]), check=True)


@contextlib.contextmanager
def wire():
    namespace = f"sluice-bench-{os.getpid()}"
    ip("netns", "add", namespace)
    try:
        made = Wire(namespace)
        made.lay()
        yield made
    finally:
        ip("netns", "delete", namespace)


def node_command(run: Run, folder: pathlib.Path, arguments: list[str]) -> list[str]:
    config = node.write_config(
        folder, arguments, latency.BACKENDS, latency.BUFFERS, latency.BUFFERS
    )
    policy = node.pool(latency.BACKENDS) + "---\n" + node.SERVICE_AND_ROUTE
    return node.command(run, config, node.compile_table(run, folder, policy))


def returned(run: Run, driver: str, name: str) -> float:
    """Millions of packets per second that come back at the most."""
    prefix = run.prefix(name)
    with wire() as made, tempfile.TemporaryDirectory(dir=run.folder) as folder:
        arguments = eal.eal(prefix, DRIVERS[driver])
        if name == "node":
            tested, overhead = (
                node_command(run, pathlib.Path(folder), arguments),
                latency.TUNNEL_BYTES,
            )
        else:
            tested, overhead = eal.testpmd(arguments, latency.BUFFERS), 0
        with run.process(made.inside(tested), f"{name}.log"):
            Telemetry(prefix).connect(latency.START_SECONDS)
            time.sleep(run.warm_seconds)
            options = ("--flows", str(FLOWS), "--rate", "0", "--seconds", f"{run.seconds}")
            options += ("--overhead", str(overhead))
            vdev = f"net_af_packet0,iface={GENERATOR_END}"
            command = made.inside(latency.generator_command(run, vdev, options))
            with run.process(command, "generator.log", stdout=subprocess.PIPE) as sender:
                seen = latency.answer(sender, latency.START_SECONDS + run.seconds)
    return latency.returned(seen) / 1e6


def measure(run: Run) -> list[dict]:
    drivers = DRIVERS_QUICK if run.quick else DRIVERS
    seen = {driver: ([], []) for driver in drivers}
    rounds = 1 if run.quick else run.rounds
    with hugepages(latency.MEMORY_BYTES):
        for number in range(rounds):
            run.say(f"xdp: round {number + 1} of {rounds}")
            for driver, (ours, limit) in seen.items():
                limit.append(returned(run, driver, "testpmd"))
                ours.append(returned(run, driver, "node"))
    return [result(f"xdp/{driver}", FLOWS, "Mpps", *sides) for driver, sides in seen.items()]
