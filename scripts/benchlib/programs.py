# SPDX-License-Identifier: Apache-2.0
"""Runs the benchmark programs of tests/bench that print results themselves."""

import subprocess

from benchlib.result import parse_lines
from benchlib.run import BenchError, Run, hugepages

PIPELINE = "tests/bench/pipeline_bench"
TABLES = "tests/bench/table_bench"
PLANNING = "tests/bench/plan_bench"
PIPELINE_MEMORY_BYTES = 96 << 20  # packets in rotation
PROGRAM_SECONDS_MAX = 900


def measure_pipeline(run: Run) -> list[dict]:
    with hugepages(PIPELINE_MEMORY_BYTES):
        return results_of(run, PIPELINE)


def measure_tables(run: Run) -> list[dict]:
    return results_of(run, TABLES)


def measure_planning(run: Run) -> list[dict]:
    """Time and memory of plans, and how they grow with the policy."""
    return results_of(run, PLANNING)


def results_of(run: Run, path: str) -> list[dict]:
    """What the program says of its progress goes to standard error as it comes."""
    command = [run.program(path), "--rounds", str(run.rounds), *(["--quick"] if run.quick else [])]
    run.say(f"{path}: {run.rounds} rounds")
    run.note_command(command)
    try:
        done = subprocess.run(
            command, stdout=subprocess.PIPE, text=True, timeout=PROGRAM_SECONDS_MAX, check=False
        )
    except subprocess.TimeoutExpired:
        raise BenchError(f"{path} does not end within {PROGRAM_SECONDS_MAX} s") from None
    if done.returncode != 0:
        raise BenchError(f"{path} ends with {done.returncode}")
    try:
        return parse_lines(done.stdout)
    except ValueError as error:
        raise BenchError(f"{path}: {error}") from None
