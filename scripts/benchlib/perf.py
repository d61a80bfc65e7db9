# SPDX-License-Identifier: Apache-2.0
"""Cycles, instructions and cache misses of a DPDK process's worker, by `perf stat`.

Virtual machines often do not count; then there is nothing, and the report says so.
"""

import contextlib
import functools
import pathlib
import signal
import subprocess

EVENTS = ("cycles", "instructions", "cache-misses")
COMMAND = ("perf", "stat", "-x", ",", "-e", ",".join(EVENTS))


def parse(text: str) -> dict[str, float]:
    """The events that were counted; others are `<not supported>` or `<not counted>`."""
    found = {}
    for line in text.splitlines():
        fields = line.split(",")
        if len(fields) > 2 and fields[2].split(":")[0] in EVENTS and fields[0].isdigit():
            found[fields[2].split(":")[0]] = float(fields[0])
    return found


@functools.cache
def is_counting() -> bool:
    try:
        done = subprocess.run([*COMMAND, "true"], capture_output=True, text=True, check=False)
    except FileNotFoundError:
        return False
    return len(parse(done.stderr)) == len(EVENTS)


def worker_of(pid: int) -> str | None:
    """The thread that DPDK named after lcore 1."""
    for task in pathlib.Path(f"/proc/{pid}/task").iterdir():
        name = (task / "comm").read_text().strip()
        if name.startswith(("lcore-worker", "rte-worker")):
            return task.name
    return None


@contextlib.contextmanager
def counted(pid: int):
    """Yields a dictionary that holds the worker's events once the block has ended."""
    events: dict[str, float] = {}
    worker = worker_of(pid) if is_counting() else None
    if worker is None:
        yield events
        return
    watcher = subprocess.Popen([*COMMAND, "-t", worker], stderr=subprocess.PIPE, text=True)
    try:
        yield events
    finally:
        watcher.send_signal(signal.SIGINT)
        events.update(parse(watcher.communicate()[1]))
