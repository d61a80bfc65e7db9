# SPDX-License-Identifier: Apache-2.0
"""One measured figure: what benchmark programs print, and what report, bars and chart read.

A result is a JSON object of one line: name, size, ours, limit, unit, ratio, ours_rounds and
limit_rounds ([least, median, greatest]). `limit`, its rounds and `ratio` are null when there is
nothing to compare with.
"""

import json
import statistics

FIELDS = ("name", "size", "ours", "limit", "unit", "ratio", "ours_rounds", "limit_rounds")
RATES = ("Mpps", "records/s")  # of these, more is better; of every other unit, less


def more_is_better(result: dict) -> bool:
    return result["unit"] in RATES


def best(values: list[float], unit: str) -> float:
    return max(values) if unit in RATES else min(values)


def result(name: str, size: int, unit: str, ours: list[float], limit: list[float] = ()) -> dict:
    """The best of the rounds against the best of the rounds."""
    own, other = best(ours, unit), best(limit, unit) if limit else None
    return {
        "name": name,
        "size": size,
        "ours": own,
        "limit": other,
        "unit": unit,
        "ratio": own / other if other else None,
        "ours_rounds": _rounds(ours),
        "limit_rounds": _rounds(limit) if limit else None,
    }


def _rounds(values: list[float]) -> list[float]:
    return [min(values), statistics.median(values), max(values)]


def parse_lines(text: str) -> list[dict]:
    """Raises ValueError for a line that is no result."""
    found = []
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip():
            continue
        read = json.loads(line)
        missing = [field for field in FIELDS if field not in read]
        if missing:
            raise ValueError(f"line {number} has no {', '.join(missing)}: {line}")
        found.append(read)
    return found


def spread(measured: dict) -> float:
    """How far the median round is from the best one, as a share; the larger of both sides."""
    sides = [measured["ours_rounds"], measured["limit_rounds"]]
    return max((_side_spread(rounds, measured) for rounds in sides if rounds), default=0.0)


def _side_spread(rounds: list[float], measured: dict) -> float:
    least, median, greatest = rounds
    if more_is_better(measured):
        return greatest / median - 1 if median else 0.0
    return median / least - 1 if least else 0.0


def size_label(size: int) -> str:
    """1024 and 1000 are both "1 k", 1048576 and 1000000 both "1 M"."""
    for unit, letter in ((1_000_000, "M"), (1000, "k")):
        if size >= unit:
            power_of_two = 1 << (20 if letter == "M" else 10)
            count = size / unit if size % unit == 0 else size / power_of_two
            return f"{count:g} {letter}" if count == round(count, 1) else f"{count:.0f} {letter}"
    return str(size)
