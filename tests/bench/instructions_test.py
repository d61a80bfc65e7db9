# SPDX-License-Identifier: Apache-2.0
"""Holds the pipeline's instructions per packet to their budget.

Usage: instructions_test.py PIPELINE_BENCH BUDGET
Exit code 77: nothing to compare with on this processor.

A change that needs more than 3 % above the budget raises it in the same commit, and says so there.
"""

import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "scripts"))
from benchlib import instructions  # noqa: E402

SURPLUS_MAX = 1.03
SKIPPED = 77


def budgets(path: pathlib.Path) -> dict[str, float]:
    lines = [line.split("#")[0].split() for line in path.read_text().splitlines()]
    return {words[0]: float(words[1]) for words in lines if words}


def main() -> int:
    bench, budget = map(pathlib.Path, sys.argv[1:3])
    if not instructions.counts_like_the_budget():
        print("no AVX2 here: the budget is of another instruction set")
        return SKIPPED
    over = 0
    for case, allowed in budgets(budget).items():
        counted = instructions.count(bench, case)
        print(f"{case}: {counted:.1f} instructions per packet, budget {allowed:g}")
        over += counted > allowed * SURPLUS_MAX
    return 1 if over else 0


if __name__ == "__main__":
    sys.exit(main())
