#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Draws one service's day with what detection expected and found, as an SVG file.

Usage: build/tests/sim/detect_days SEED SERVICE DAY | scripts/detect_chart.py > docs/patterns.svg
"""

import csv
import dataclasses
import math
import sys

WIDTH, HEIGHT = 920, 360
LEFT, RIGHT, TOP, BOTTOM = 56, 24, 66, 56
MINUTES = 24 * 60
VALUE, BAND, PLANTED, FOUND = "#0b6e8a", "#cfe3ea", "#c2571a", "#7a4a9c"


@dataclasses.dataclass(frozen=True)
class Minute:
    minute: int
    value: float
    expected: float
    low: float
    high: float
    planted: str  # empty: nothing
    found: bool


def read(lines) -> list[Minute]:
    return [
        Minute(
            int(row["minute"]),
            float(row["value"]),
            float(row["expected"]),
            float(row["low"]),
            float(row["high"]),
            row["planted"],
            row["found"] == "1",
        )
        for row in csv.DictReader(lines)
    ]


def spans(flags: list[str]) -> list[tuple[int, int, str]]:
    """Where the same word stands without a gap: (first, one after the last, word)."""
    found, start = [], 0
    for i in range(1, len(flags) + 1):
        if i == len(flags) or flags[i] != flags[start]:
            if flags[start]:
                found.append((start, i, flags[start]))
            start = i
    return found


def round_up(value: float) -> float:
    """The next of 1, 2, 2.5, 5, 10, 20, … so that the axis ends at a round figure."""
    power = 10.0 ** math.floor(math.log10(max(value, 1)))
    return next(step * power for step in (1, 2, 2.5, 5, 10) if step * power >= value)


class Axes:
    def __init__(self, day: list[Minute]):
        self.top = round_up(max(max(one.value, one.high) for one in day))

    def x(self, minute: float) -> float:
        return LEFT + (WIDTH - LEFT - RIGHT) * minute / MINUTES

    def y(self, value: float) -> float:
        return HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * value / self.top


def text(x: float, y: float, content: str, anchor: str = "middle", fill: str = "#555") -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" fill="{fill}">{content}</text>'


def places(axes: Axes, points: list[tuple[float, float]]) -> str:
    return " ".join(f"{axes.x(minute):.1f},{axes.y(value):.1f}" for minute, value in points)


def draw_scales(axes: Axes) -> list[str]:
    parts = [text(LEFT, 40, "new flows per minute", "start")]
    for step in range(6):
        value = axes.top * step / 5
        y = axes.y(value)
        parts.append(f'<path d="M{LEFT} {y:.1f}H{WIDTH - RIGHT}" stroke="#ddd"/>')
        parts.append(text(LEFT - 6, y + 4, f"{value:g}", "end"))
    for hour in range(0, 25, 3):
        parts.append(text(axes.x(hour * 60), HEIGHT - BOTTOM + 34, f"{hour:02}:00"))
    return parts


def draw_spans(axes: Axes, day: list[Minute]) -> list[str]:
    """Bars under the axis: what was planted, and below it what was found."""
    parts = []
    rows = (
        (HEIGHT - BOTTOM + 4, PLANTED, [one.planted for one in day]),
        (HEIGHT - BOTTOM + 12, FOUND, ["found" if one.found else "" for one in day]),
    )
    for y, color, flags in rows:
        for start, end, _ in spans(flags):
            width = axes.x(end) - axes.x(start)
            x = axes.x(start)
            parts.append(
                f'<rect x="{x:.1f}" y="{y}" width="{width:.1f}" height="6" fill="{color}"/>'
            )
    return parts


def draw_key(day: list[Minute]) -> list[str]:
    kinds = sorted({one.planted for one in day if one.planted})
    entries = (
        (VALUE, "observed"),
        (BAND, "usual, within three standard deviations"),
        (PLANTED, f"planted: {', '.join(kinds) or 'nothing'}"),
        (FOUND, "found"),
    )
    parts, x = [], LEFT
    for color, label in entries:
        parts.append(f'<rect x="{x}" y="10" width="12" height="12" fill="{color}"/>')
        parts.append(text(x + 17, 20, label, "start", "#222"))
        x += 40 + 7 * len(label)
    return parts


def svg(day: list[Minute]) -> str:
    axes = Axes(day)
    low = [(one.minute, one.low) for one in day]
    high = [(one.minute, one.high) for one in day]
    value = [(one.minute, one.value) for one in day]
    parts = draw_scales(axes) + draw_key(day)
    parts.append(f'<polygon points="{places(axes, low + high[::-1])}" fill="{BAND}"/>')
    parts.append(
        f'<polyline points="{places(axes, value)}" fill="none" stroke="{VALUE}" stroke-width="1"/>'
    )
    parts += draw_spans(axes, day)
    body = "\n".join(parts)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" '
        f'height="{HEIGHT}" font-family="sans-serif" font-size="12">\n'
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="white"/>\n{body}\n</svg>\n'
    )


def main() -> int:
    day = read(sys.stdin)
    if not day:
        print(__doc__, file=sys.stderr)
        return 3
    sys.stdout.write(svg(day))
    return 0


if __name__ == "__main__":
    sys.exit(main())
