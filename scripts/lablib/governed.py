# SPDX-License-Identifier: Apache-2.0
#
# What docs/examples/policy.yaml promises, and whether observations keep to it.
from __future__ import annotations

import collections
import concurrent.futures
import dataclasses
import math

from lablib.lab import Lab
from lablib.shell import LabError, wait_until
from lablib.traffic import Answer, Client

# Share of new clients per pool, by class. Backends of one pool have equal weights.
SHARES = {
    "eu": {"chat-v1-eu": 0.9, "chat-v2-eu": 0.1},
    "us": {"chat-v2-us": 1.0},
    "unknown": {"chat-v2-us": 1.0},
}
BACKENDS = {"chat-v1-eu": ("v1-a", "v1-b"), "chat-v2-eu": ("v2-a",), "chat-v2-us": ("v2-us-a",)}
POOL_OF = {backend: pool for pool, backends in BACKENDS.items() for backend in backends}
_SIGMAS = 4
_EXPLAINS_AT_ONCE = 4


@dataclasses.dataclass(frozen=True)
class Share:
    """One line of the table of shares."""

    client_class: str
    pool: str
    backend: str
    clients: int
    expected: float
    tolerance: float

    @property
    def holds(self) -> bool:
        return abs(self.clients - self.expected) <= self.tolerance


def explain(lab: Lab, client: Client, port: int = 40000) -> dict:
    return lab.ask("explain", *client.flow(port))


def explain_all(lab: Lab, clients: list[Client]) -> dict[str, dict]:
    with concurrent.futures.ThreadPoolExecutor(_EXPLAINS_AT_ONCE) as pool:
        decisions = pool.map(lambda client: explain(lab, client), clients)
        return {client.address: decision for client, decision in zip(clients, decisions)}


def unpredicted(answers: list[Answer], decisions: dict[str, dict]) -> list[str]:
    """A line per client that reached another pool or backend than `explain` says."""
    found = set()
    for answer in answers:
        decision = decisions[answer.client.address]
        predicted = (decision.get("pool"), decision.get("backend"))
        observed = (POOL_OF[answer.server], answer.server)
        if observed != predicted:
            found.add(
                f"{answer.client.address}: reached {'/'.join(observed)}, "
                f"explain says {predicted[0]}/{predicted[1]}"
            )
    return sorted(found)


def _share(
    client_class: str, pool: str, backend: str, clients: int, count: int, probability: float
) -> Share:
    tolerance = _SIGMAS * math.sqrt(count * probability * (1 - probability))
    return Share(client_class, pool, backend, clients, count * probability, tolerance)


def shares(answers: list[Answer]) -> list[Share]:
    """Clients per class, pool and backend, a pool's own line with the backend `*`."""
    places = {(a.client.client_class, a.client.address, a.server) for a in answers}
    by_class = collections.Counter(place[0] for place in places)
    by_pool = collections.Counter((place[0], POOL_OF[place[2]]) for place in places)
    by_backend = collections.Counter((place[0], place[2]) for place in places)
    lines = []
    for client_class, total in sorted(by_class.items()):
        for pool, backends in BACKENDS.items():
            here = by_pool[client_class, pool]
            probability = SHARES[client_class].get(pool, 0.0)
            if not here and not probability:
                continue
            lines.append(_share(client_class, pool, "*", here, total, probability))
            lines += [
                _share(
                    client_class,
                    pool,
                    backend,
                    by_backend[client_class, backend],
                    here,
                    1 / len(backends),
                )
                for backend in backends
            ]
    return lines


def share_table(lines: list[Share]) -> str:
    rows = [f"{'CLASS':9}{'POOL':13}{'BACKEND':10}{'CLIENTS':>8}{'POLICY':>9}{'± 4σ':>7}"]
    rows += [
        f"{line.client_class:9}{line.pool:13}{line.backend:10}{line.clients:8}"
        f"{line.expected:9.1f}{line.tolerance:7.1f}{'' if line.holds else '  WRONG'}"
        for line in lines
    ]
    return "\n".join(rows)


def wait_for_health(lab: Lab, backends: set[str], timeout: float = 30) -> None:
    """Waits until exactly these backends are up and their next hops known."""

    def healthy() -> bool:
        states = [
            state for node in lab.nodes() for state in node.get("status", {}).get("backends", [])
        ]
        up = {
            state["backend"]
            for state in states
            if state["state"] == "BACKEND_STATE_UP" and state.get("neighbor_resolved")
        }
        if up != backends:
            raise LabError(f"up are {sorted(up) or 'none'} of {sorted(backends)}")
        return True

    wait_until("the node finds the backends healthy", healthy, timeout, step=0.2)


def _number(message: dict, field: str) -> int:
    # Protobuf's JSON leaves out zeros and writes 64-bit integers as text.
    return int(message.get(field, 0))


def counted(lab: Lab) -> dict[tuple[str, str], tuple[int, int]]:
    """(packets, bytes) per (route, backend) by the counters, less what was unrecorded."""
    sums: dict[tuple[str, str], tuple[int, int]] = collections.defaultdict(lambda: (0, 0))
    for target in lab.ask("top", "--once")["items"]:
        packets, size = sums[target["route"], target["backend"]]
        sums[target["route"], target["backend"]] = (
            packets + _number(target, "packets") - _number(target, "unrecorded_packets"),
            size + _number(target, "bytes") - _number(target, "unrecorded_bytes"),
        )
    return {key: value for key, value in sums.items() if value != (0, 0)}


def recorded(lab: Lab, incarnation: str | None = None) -> dict[tuple[str, str], tuple[int, int]]:
    """(packets, bytes) per (route, backend) by the records of ended flows, of one run or of all."""
    sums: dict[tuple[str, str], tuple[int, int]] = collections.defaultdict(lambda: (0, 0))
    for record in lab.ask("audit", "query", "--ended", "--limit", "10000000")["items"]:
        if incarnation not in (None, record["incarnation"]):
            continue
        packets, size = sums[record["route"], record["backend"]]
        sums[record["route"], record["backend"]] = (
            packets + _number(record, "packets"),
            size + _number(record, "bytes"),
        )
    return dict(sums)


def record_count(lab: Lab) -> int:
    return len(lab.ask("audit", "query", "--limit", "10000000")["items"])


def wait_for_quiet(lab: Lab, timeout: float = 60) -> None:
    """Waits until no flow is left in the node's table."""

    def quiet() -> bool:
        targets = lab.ask("top", "--once")["items"]
        active = sum(_number(target, "flows_active") for target in targets)
        if active:
            shown = lab.sluice("flows", "--limit", "5", "-o", "wide").stdout
            raise LabError(f"{active} flows are left\n{shown}")
        return True

    wait_until("all flows ended", quiet, timeout, step=0.5)


def unbalanced(lab: Lab, incarnation: str | None = None) -> list[str]:
    """A line per (route, backend) whose records of this run differ from its counters."""
    records, counters = recorded(lab, incarnation), counted(lab)
    return [
        f"{route} → {backend}: records {records.get((route, backend), (0, 0))}, "
        f"counters {counters.get((route, backend), (0, 0))} (packets, bytes)"
        for route, backend in sorted({*records, *counters})
        if records.get((route, backend)) != counters.get((route, backend))
    ]
