# SPDX-License-Identifier: Apache-2.0
"""What a place in the flow tables costs: how a started node grows from one capacity to another.

A node has a table for each family, both of the configured capacity, and touches all of it at start.
"""

import pathlib
import tempfile
import time

from benchlib import node
from benchlib.result import result
from benchlib.run import BenchError, Run

SMALL, LARGE = 1 << 20, 1 << 22
START_SECONDS = 60
BUFFERS = 8192


def resident_bytes(pid: int) -> int:
    for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) * 1024
    raise BenchError(f"process {pid} has no VmRSS")


def memory_at(run: Run, capacity: int) -> int:
    with tempfile.TemporaryDirectory(dir=run.folder) as name:
        folder = pathlib.Path(name)
        arguments = ["--no-pci", "--no-huge", "-m", "256", "-l", "0-1"]
        arguments += [f"--file-prefix={run.prefix('node')}", "--vdev=net_null0,no-rx=1"]
        config = node.write_config(folder, arguments, 1, BUFFERS, capacity)
        with run.process(node.command(run, config), "node.log") as child:
            deadline = time.monotonic() + START_SECONDS
            while not (folder / "node.sock").exists():
                if child.poll() is not None or time.monotonic() > deadline:
                    raise BenchError(f"a node of {capacity} flows does not start")
                time.sleep(0.05)
            return resident_bytes(child.pid)


def measure(run: Run) -> list[dict]:
    run.say(f"memory: nodes of {SMALL} and {LARGE} flows")
    per_flow = (memory_at(run, LARGE) - memory_at(run, SMALL)) / (LARGE - SMALL)
    return [result("memory/flow_ipv4_and_ipv6", LARGE, "bytes", [per_flow])]
