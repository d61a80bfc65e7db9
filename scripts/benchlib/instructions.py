# SPDX-License-Identifier: Apache-2.0
"""Counts the instructions of a packet under callgrind: a figure that noise cannot move."""

import os
import pathlib
import re
import subprocess
import tempfile

FLOWS, PACKETS = 1024, 262_144
# Opening the flows goes through the counted function too.
COUNTED_PACKETS = PACKETS + FLOWS
COUNTED_FUNCTION = "*BenchNode::forward*"
SECONDS_MAX = 300
TOTAL = re.compile(r"^(?:summary|totals): (\d+)", re.MULTILINE)


class CountError(Exception):
    """Callgrind or the benchmark did not run."""


def count(pipeline_bench: pathlib.Path, case: str) -> float:
    """Instructions per packet of known flows. Raises CountError."""
    with tempfile.TemporaryDirectory(prefix="sluice-instructions-") as folder:
        out = pathlib.Path(folder) / "callgrind.out"
        command = [
            "valgrind",
            "--tool=callgrind",
            f"--callgrind-out-file={out}",
            "--collect-atstart=no",
            f"--toggle-collect={COUNTED_FUNCTION}",
            str(pipeline_bench),
            "--ours-alone",
            "--only",
            case,
            "--flows",
            str(FLOWS),
            "--packets",
            str(PACKETS),
        ]
        try:
            done = subprocess.run(
                command, capture_output=True, text=True, timeout=SECONDS_MAX, check=False
            )
        except (FileNotFoundError, subprocess.TimeoutExpired) as error:
            raise CountError(str(error)) from None
        found = TOTAL.search(out.read_text()) if out.exists() else None
        if done.returncode != 0 or found is None:
            raise CountError(f"{case}: exit {done.returncode}: {done.stderr[-500:]}")
        return int(found.group(1)) / COUNTED_PACKETS


def counts_like_the_budget() -> bool:
    """The budget is of AVX2 hashing, the widest that callgrind runs."""
    return " avx2" in pathlib.Path("/proc/cpuinfo").read_text() and os.uname().machine == "x86_64"
