# SPDX-License-Identifier: Apache-2.0
"""From an accepted policy to the last worker, as results."""

import pathlib
import tempfile

from benchlib import policy_latency
from benchlib.run import BenchError, Run

PREFIXES = 500_000
ROUNDS, ROUNDS_QUICK = 11, 3


def as_result(name: str, services: int, times: dict) -> dict:
    """The median counts: a policy is accepted once."""
    return {
        "name": name,
        "size": services,
        "ours": times["call_ms"],
        "limit": None,
        "unit": "ms",
        "ratio": None,
        "ours_rounds": [times["best_call_ms"], times["call_ms"], times["worst_call_ms"]],
        "limit_rounds": None,
    }


def measure(run: Run) -> list[dict]:
    found = []
    for prefixes in (0,) if run.quick else (0, PREFIXES):
        run.say(f"policy: {prefixes} prefixes")
        suffix = f"_{prefixes // 1000}k_prefixes" if prefixes else ""
        with tempfile.TemporaryDirectory(dir=run.folder) as folder:
            try:
                medians = policy_latency.measure(
                    run.build,
                    pathlib.Path(folder),
                    prefixes,
                    ROUNDS_QUICK if run.quick else ROUNDS,
                )
            except RuntimeError as error:
                raise BenchError(str(error)) from None
        for change in ("route_weight", "backend_weight"):
            found.append(
                as_result(f"policy/{change}{suffix}", medians["services"], medians[change])
            )
    return found
