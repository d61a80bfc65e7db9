# SPDX-License-Identifier: Apache-2.0
"""The table for people: each figure with its bar, and each beside an earlier run's."""

from benchlib.bars import BARS, bar_of, key_of
from benchlib.result import more_is_better, size_label, spread


def figure(value: float | None) -> str:
    if value is None:
        return "–"
    if value == round(value):
        return f"{value:.0f}"
    return f"{value:.3g}" if abs(value) < 1000 else f"{value:.0f}"


def columns(rows: list[list[str]], left: int) -> str:
    """Aligned columns; the first `left` of them to the left."""
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    lines = []
    for row in rows:
        cells = [
            text.ljust(width) if i < left else text.rjust(width)
            for i, (text, width) in enumerate(zip(row, widths))
        ]
        lines.append("  ".join(cells).rstrip())
    return "\n".join(lines)


def table(results: list[dict]) -> str:
    rows = [["what", "size", "unit", "ours", "limit", "ratio", "spread", "bar", "verdict"]]
    for result in results:
        bar = bar_of(result)
        rows.append(
            [
                result["name"],
                size_label(result["size"]),
                result["unit"],
                figure(result["ours"]),
                figure(result["limit"]),
                "–" if result["ratio"] is None else f"{result['ratio']:.2f}",
                f"{spread(result):.0%}",
                str(bar or ""),
                ("met" if bar.is_met_by(result) else "NOT MET") if bar else "",
            ]
        )
    return columns(rows, left=1)


def unmeasured_bars(results: list[dict], measurements: list[str]) -> list[str]:
    """Bars of the measurements that ran for which no result came."""
    measured = {key_of(result) for result in results}
    return [
        f"{name} {size}: {bar}"
        for (name, size), bar in BARS.items()
        if name.split("/")[0] in measurements and (name, size) not in measured
    ]


CHANGE_MIN = 0.01  # of a figure of one round, nobody can tell less apart


def change(before: dict, after: dict) -> tuple[float, bool] | None:
    """The relative change of the ratio, else of the figure; true when it is for the worse by more
    than the rounds differ. None: there is nothing to divide by."""
    field = "ratio" if before["ratio"] and after["ratio"] else "ours"
    if not before[field]:
        return (0.0, False) if after[field] == before[field] else None
    moved = after[field] / before[field] - 1
    loss = -moved if more_is_better(after) else moved
    return moved, loss > max(spread(before), spread(after), CHANGE_MIN)


def comparison(before: list[dict], after: list[dict]) -> str:
    earlier = {key_of(result): result for result in before}
    rows = [["what", "size", "before", "now", "change", ""]]
    for result in after:
        other = earlier.get(key_of(result))
        if other is None:
            continue
        field = "ratio" if other["ratio"] and result["ratio"] else "ours"
        moved = change(other, result)
        rows.append(
            [
                result["name"],
                size_label(result["size"]),
                figure(other[field]),
                figure(result[field]),
                "–" if moved is None else f"{moved[0]:+.1%}",
                "WORSE" if moved is None or moved[1] else "",
            ]
        )
    return columns(rows, left=1)
