# SPDX-License-Identifier: Apache-2.0
"""What each figure has to reach, in one place."""

import dataclasses

from benchlib.result import size_label


@dataclasses.dataclass(frozen=True)
class Bar:
    """A bound on a result's ratio, on its figure, or on its figure over that of another."""

    bound: float
    at_least: bool = False
    of: str = "ratio"  # or "ours"
    over: tuple[str, str] | None = None  # name and size of another result

    def value(self, result: dict, results: list[dict]) -> float | None:
        """None: it cannot be said from these results."""
        if self.over is None:
            return result[self.of]
        others = [r["ours"] for r in results if key_of(r) == self.over]
        return result["ours"] / others[0] if others and others[0] else None

    def is_met_by(self, value: float) -> bool:
        return value >= self.bound if self.at_least else value <= self.bound

    def __str__(self) -> str:
        sign = "≥" if self.at_least else "≤"
        over = f" × {self.over[0]} {self.over[1]}" if self.over else ""
        return f"{self.of if self.of == 'ours' else 'ratio'} {sign} {self.bound:g}{over}"


def at_most(bound: float, **where) -> Bar:
    return Bar(bound, **where)


def at_least(bound: float, **where) -> Bar:
    return Bar(bound, at_least=True, **where)


KNOWN_AT_1M = ("pipeline/known_ipv4_ipip", "1 M")

BARS = {
    ("pipeline/known_ipv4_ipip", "64 k"): at_most(2.0),
    ("pipeline/known_ipv4_ipip", "1 M"): at_most(2.0),
    ("pipeline/known_ipv4_ipip", "10 M"): at_most(2.0),
    ("pipeline/known_ipv6_ipip", "64 k"): at_most(2.5),
    ("pipeline/known_ipv6_ipip", "1 M"): at_most(2.5),
    ("pipeline/known_ipv6_ipip", "10 M"): at_most(2.5),
    ("pipeline/new_ipv4_ipip", "1 M"): at_most(4.0, of="ours", over=KNOWN_AT_1M),
    ("pipeline/syn_flood_full_table", "1 M"): at_most(2.0, of="ours", over=KNOWN_AT_1M),
    ("node/macswap", "1 k"): at_least(0.50),
    ("node/macswap", "64 k"): at_least(0.45),
    ("node/macswap", "1 M"): at_least(0.40),
    ("latency/p99", "64 k"): at_most(1.5),
    ("publication/lost", "100"): at_most(0, of="ours"),
    ("policy/route_weight", "4 k"): at_most(250, of="ours"),
    ("tables/maglev_1000_backends", "64 k"): at_most(12),
}


def key_of(result: dict) -> tuple[str, str]:
    return result["name"], size_label(result["size"])


@dataclasses.dataclass(frozen=True)
class Verdict:
    bar: Bar
    value: float | None  # None: the result that it is compared with was not measured

    @property
    def word(self) -> str:
        if self.value is None:
            return "not compared"
        return "met" if self.bar.is_met_by(self.value) else "NOT MET"


def judge(result: dict, results: list[dict]) -> Verdict | None:
    """None: no bar stands for it."""
    bar = BARS.get(key_of(result))
    return bar and Verdict(bar, bar.value(result, results))
