# SPDX-License-Identifier: Apache-2.0
"""What a figure depends on besides the code."""

import os
import pathlib
import platform
import subprocess

from benchlib import perf


def _first(path: str, key: str) -> str:
    """The value of the first line `key : value` of a file in /proc; empty without one."""
    for line in pathlib.Path(path).read_text().splitlines():
        name, _, value = line.partition(":")
        if name.strip() == key:
            return value.strip()
    return ""


def _said(*command: str) -> str:
    try:
        return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()
    except FileNotFoundError:
        return ""


def perf_note() -> str:
    if perf.is_counting():
        return "cycles, instructions and cache misses are of the worker, by perf stat"
    return "cycles, instructions and cache misses: not counted here (perf stat)"


def description() -> dict:
    return {
        "cpu": _first("/proc/cpuinfo", "model name") or platform.machine(),
        "cores": os.cpu_count(),
        "memory": _first("/proc/meminfo", "MemTotal"),
        "kernel": platform.release(),
        "dpdk": _said("pkg-config", "--modversion", "libdpdk"),
        "load_average": os.getloadavg(),
        "perf_counts": perf.is_counting(),
    }


def commit(root: pathlib.Path) -> str:
    """Marked when the tree differs from it."""
    return _said("git", "-C", str(root), "describe", "--always", "--dirty", "--abbrev=12")
