# SPDX-License-Identifier: Apache-2.0
"""The node under test: its policy, its configuration and its command."""

import json
import pathlib
import subprocess

from benchlib.run import BenchError, Run

SERVICE, PORT = "203.0.113.10", 80
DATAPLANE = "dataplane/daemon/sluice-dataplane"
CONTROLLER = "controlplane/daemon/sluice-controller"
CLI = "controlplane/cli/sluice"
NAME = "bench"

CONFIG = """\
node: %(name)s
eal: %(eal)s
ports:
  - id: 0
    name: bench
    addresses: [10.0.0.1/8]
    punt: none
    neighbors:
%(neighbors)s
listen: unix:%(folder)s/node.sock
idle: {spin: 0s, sleep: 0s}
buffers: %(buffers)d
flows: {capacity: %(capacity)d}
state_dir: %(folder)s/state
log: {level: warning, format: text}
"""

SERVICE_AND_ROUTE = """\
kind: Service
metadata: {name: bench}
spec: {addresses: [203.0.113.10], ports: [tcp/80]}
---
kind: Route
metadata: {name: bench}
spec: {service: bench, clients: {}, split: [{pool: bench, weight: 1}]}
"""


def address(backend: int) -> str:
    return f"10.1.{backend // 200}.{backend % 200 + 1}"


def pool(backends: int, weights: dict[int, int] | None = None) -> str:
    """Of equal weights but for those named."""
    weights = weights or {}
    lines = [
        f"    - {{name: b{i}, address: {address(i)}, weight: {weights.get(i, 100)}}}"
        for i in range(backends)
    ]
    return "kind: Pool\nmetadata: {name: bench}\nspec:\n  backends:\n" + "\n".join(lines) + "\n"


def write_config(
    folder: pathlib.Path, eal: list[str], backends: int, buffers: int, capacity: int
) -> pathlib.Path:
    """Every backend's neighbor is static: nobody answers on a virtual device."""
    neighbors = [
        f'      - {{address: {address(i)}, mac: "02:00:00:00:{1 + i // 256:02x}:{i % 256:02x}"}}'
        for i in range(backends)
    ]
    config = folder / "node.yaml"
    config.write_text(
        CONFIG
        % {
            "name": NAME,
            "eal": json.dumps(eal),
            "neighbors": "\n".join(neighbors),
            "folder": folder,
            "buffers": buffers,
            "capacity": capacity,
        }
    )
    return config


def compile_table(run: Run, folder: pathlib.Path, policy: str) -> pathlib.Path:
    source, table = folder / "policy.yaml", folder / "table.binpb"
    source.write_text(policy)
    command = [run.program(CLI), "compile", "-f", str(source), "-o", str(table)]
    run.note_command(command)
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise BenchError(f"sluice compile: {done.stderr}")
    return table


def command(run: Run, config: pathlib.Path, table: pathlib.Path | None = None) -> list[str]:
    booted_from = ["--table", str(table)] if table else []
    return [run.program(DATAPLANE), "--config", str(config), *booted_from]
