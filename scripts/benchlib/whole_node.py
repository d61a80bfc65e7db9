# SPDX-License-Identifier: Apache-2.0
"""The whole node against testpmd macswap, alternately, on the same endless capture, a worker each.

Tracking, counters, records and the keyed hash are in force. The capture has one packet per flow
(IPv4 TCP, sent on as IPv4 in IPv4); both programs keep every packet of it in an mbuf of its own.
"""

import dataclasses
import pathlib
import tempfile
import time

from benchlib import eal, node, perf
from benchlib.result import result
from benchlib.run import BenchError, Run, hugepages
from benchlib.telemetry import Telemetry
from benchlib.traffic import write_capture

FORWARDED_MIN = 0.999
BACKENDS = 100
FLOWS = (1024, 65_536, 1 << 20)
SPARE_BUFFERS = 65_536  # in flight, and in caches
OTHER_MEMORY_BYTES = 512 << 20
START_SECONDS = 60


@dataclasses.dataclass(frozen=True)
class Speed:
    mpps: float
    events: dict[str, float]  # counted by the processor, per packet


def measure(run: Run) -> list[dict]:
    sizes = FLOWS[:2] if run.quick else FLOWS
    return [found for flows in sizes for found in compare(run, flows)]


def compare(run: Run, flows: int) -> list[dict]:
    buffers = flows + SPARE_BUFFERS
    capture = run.folder / "flows.pcap"
    write_capture(capture, flows, node.SERVICE, node.PORT)
    ours, limit = [], []
    with hugepages(buffers * eal.BUFFER_BYTES + OTHER_MEMORY_BYTES):
        for number in range(run.rounds):
            run.say(f"node: {flows} flows, round {number + 1} of {run.rounds}")
            limit.append(macswap_speed(run, capture, buffers))
            ours.append(node_speed(run, capture, buffers, flows))
    capture.unlink()
    found = [result("node/macswap", flows, "Mpps", [s.mpps for s in ours], [s.mpps for s in limit])]
    for event in perf.EVENTS:
        if all(event in speed.events for speed in ours + limit):
            own, other = ([s.events[event] for s in side] for side in (ours, limit))
            found.append(result(f"node/{event}", flows, f"{event}/packet", own, other))
    return found


def macswap_speed(run: Run, capture: pathlib.Path, buffers: int) -> Speed:
    prefix = run.prefix("testpmd")
    arguments = eal.eal(prefix, eal.endless_capture(capture))
    return speed(run, eal.testpmd(arguments, buffers), prefix, "testpmd.log")


def node_speed(run: Run, capture: pathlib.Path, buffers: int, flows: int) -> Speed:
    prefix = run.prefix("node")
    with tempfile.TemporaryDirectory(dir=run.folder) as name:
        folder = pathlib.Path(name)
        config = node.write_config(
            folder,
            eal.eal(prefix, eal.endless_capture(capture)),
            backends=BACKENDS,
            buffers=buffers,
            capacity=max(65_536, 2 * flows),
        )
        policy = node.pool(BACKENDS) + "---\n" + node.SERVICE_AND_ROUTE
        table = node.compile_table(run, folder, policy)
        return speed(run, node.command(run, config, table), prefix, "node.log")


def speed(run: Run, command: list[str], prefix: str, log: str) -> Speed:
    """Raises BenchError when too few of the packets received were forwarded."""
    with run.process(command, log) as child:
        telemetry = Telemetry(prefix)
        telemetry.connect(START_SECONDS)
        telemetry.await_traffic(START_SECONDS)
        time.sleep(run.warm_seconds)  # every flow has come by, caches are warm
        with perf.counted(child.pid) as events:
            received, forwarded, seconds = telemetry.traffic(run.seconds)
        if received == 0 or forwarded < FORWARDED_MIN * received:
            raise BenchError(f"{forwarded} of {received} packets were forwarded")
    return Speed(forwarded / seconds / 1e6, {name: n / forwarded for name, n in events.items()})
