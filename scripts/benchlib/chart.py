# SPDX-License-Identifier: Apache-2.0
"""Draws how the cost grows with the number of flows, as an SVG file that needs no library."""

import dataclasses
import html
import math

from benchlib.result import size_label

WIDTH, HEIGHT = 460, 320
LEFT, RIGHT, TOP, BOTTOM = 52, 16, 44, 44
INSET = 24  # of the first and last points, so that their figures have room
COLORS = ("#0b6e8a", "#c2571a", "#5a7d2b", "#7a4a9c")


@dataclasses.dataclass(frozen=True)
class Line:
    label: str
    points: tuple[tuple[float, float], ...]  # (flows, value), in the order of flows


@dataclasses.dataclass(frozen=True)
class Panel:
    title: str
    unit: str
    lines: tuple[Line, ...]


def line(results: list[dict], name: str, field: str, label: str) -> Line:
    points = [(r["size"], r[field]) for r in results if r["name"] == name and r[field] is not None]
    return Line(label, tuple(sorted(points)))


def panels(results: list[dict]) -> list[Panel]:
    """What can be drawn from these results."""
    wanted = [
        Panel(
            "Known IPv4 flows, IPIP",
            "ns per packet",
            (
                line(results, "pipeline/known_ipv4_ipip", "ours", "pipeline"),
                line(results, "pipeline/known_ipv4_ipip", "limit", "reference kernel"),
            ),
        ),
        Panel(
            "Known IPv6 flows",
            "ns per packet",
            (
                line(results, "pipeline/known_ipv6_ipip", "ours", "pipeline"),
                line(results, "pipeline/known_ipv6_ipip", "limit", "reference kernel"),
            ),
        ),
        Panel(
            "Whole node ÷ testpmd macswap",
            "ratio",
            (line(results, "node/macswap", "ratio", "node ÷ macswap"),),
        ),
    ]
    return [panel for panel in wanted if any(one.points for one in panel.lines)]


def round_up(value: float) -> float:
    """The next of 1, 2, 5, 10, 20, … so that the axis ends at a round figure."""
    power = 10.0 ** math.floor(math.log10(value))
    return next(step * power for step in (1, 2, 5, 10) if step * power >= value * 0.999999)


class Axes:
    """From (flows, value) to a place in the panel; flows logarithmic, values from zero."""

    def __init__(self, panel: Panel):
        flows = [x for one in panel.lines for x, _ in one.points]
        self.least, self.most = math.log10(min(flows)), math.log10(max(flows))
        self.top = round_up(max(y for one in panel.lines for _, y in one.points))

    def x(self, flows: float) -> float:
        begin, end = LEFT + INSET, WIDTH - RIGHT - INSET
        if self.most == self.least:
            return (begin + end) / 2
        share = (math.log10(flows) - self.least) / (self.most - self.least)
        return begin + (end - begin) * share

    def y(self, value: float) -> float:
        return HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * value / self.top


def text(x: float, y: float, content: str, anchor: str = "middle", **more: str) -> str:
    attributes = "".join(f' {name.replace("_", "-")}="{value}"' for name, value in more.items())
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}"{attributes}>'
        f"{html.escape(content)}</text>"
    )


def draw_scales(panel: Panel, axes: Axes) -> list[str]:
    parts = [text(LEFT, 18, panel.title, "start", font_weight="bold")]
    parts.append(text(LEFT, 34, panel.unit, "start", fill="#555"))
    for step in range(6):
        value = axes.top * step / 5
        y = axes.y(value)
        parts.append(f'<path d="M{LEFT} {y:.1f}H{WIDTH - RIGHT}" stroke="#ddd"/>')
        parts.append(text(LEFT - 6, y + 4, f"{value:g}", "end", fill="#555"))
    for flows in sorted({x for one in panel.lines for x, _ in one.points}):
        parts.append(text(axes.x(flows), HEIGHT - BOTTOM + 18, size_label(flows), fill="#555"))
    parts.append(text((LEFT + WIDTH - RIGHT) / 2, HEIGHT - 8, "flows", fill="#555"))
    return parts


def draw_line(one: Line, axes: Axes, color: str, position: int) -> list[str]:
    places = [(axes.x(x), axes.y(y)) for x, y in one.points]
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
    parts = [f'<polyline points="{path}" fill="none" stroke="{color}" stroke-width="2"/>']
    for (x, y), (_, value) in zip(places, one.points):
        parts.append(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{color}"/>')
        parts.append(text(x, y - 8, f"{value:.3g}", fill=color, font_size="11"))
    parts.append(text(WIDTH - RIGHT, 18 + 16 * position, one.label, "end", fill=color))
    return parts


def draw_panel(panel: Panel, offset: float) -> str:
    axes = Axes(panel)
    parts = draw_scales(panel, axes)
    for position, one in enumerate(one for one in panel.lines if one.points):
        parts += draw_line(one, axes, COLORS[position], position)
    return f'<g transform="translate({offset:.0f} 0)">' + "\n".join(parts) + "</g>"


def svg(drawn: list[Panel]) -> str:
    width = WIDTH * len(drawn)
    body = "\n".join(draw_panel(panel, WIDTH * i) for i, panel in enumerate(drawn))
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {HEIGHT}" width="{width}" '
        f'height="{HEIGHT}" font-family="sans-serif" font-size="12">\n'
        f'<rect width="{width}" height="{HEIGHT}" fill="white"/>\n{body}\n</svg>\n'
    )
