# SPDX-License-Identifier: Apache-2.0
"""What each figure has to reach, in one place."""

import dataclasses

from benchlib.result import size_label


@dataclasses.dataclass(frozen=True)
class Bar:
    bound: float
    at_least: bool = False
    of: str = "ratio"  # or "ours", the figure itself

    def is_met_by(self, result: dict) -> bool:
        value = result[self.of]
        return value >= self.bound if self.at_least else value <= self.bound

    def __str__(self) -> str:
        return f"{self.of} {'≥' if self.at_least else '≤'} {self.bound:g}"


def ratio_at_most(bound: float) -> Bar:
    return Bar(bound)


def ratio_at_least(bound: float) -> Bar:
    return Bar(bound, at_least=True)


def at_most(bound: float) -> Bar:
    return Bar(bound, of="ours")


# New flows and the flood have known flows of the same number as their limit.
BARS = {
    ("pipeline/known_ipv4_ipip", "64 k"): ratio_at_most(2.0),
    ("pipeline/known_ipv4_ipip", "1 M"): ratio_at_most(2.0),
    ("pipeline/known_ipv4_ipip", "10 M"): ratio_at_most(2.0),
    ("pipeline/known_ipv6_ipip", "64 k"): ratio_at_most(2.5),
    ("pipeline/known_ipv6_ipip", "1 M"): ratio_at_most(2.5),
    ("pipeline/known_ipv6_ipip", "10 M"): ratio_at_most(2.5),
    ("pipeline/new_ipv4", "1 M"): ratio_at_most(4.0),
    ("pipeline/syn_flood_full_table", "1 M"): ratio_at_most(2.0),
    ("pipeline/two_workers_ipv4_ipip", "64 k"): ratio_at_most(1.05),
    ("node/macswap", "1 k"): ratio_at_least(0.50),
    ("node/macswap", "64 k"): ratio_at_least(0.45),
    ("node/macswap", "1 M"): ratio_at_least(0.40),
    ("latency/p99", "64 k"): ratio_at_most(1.5),
    ("publication/lost", "100"): at_most(0),
    ("policy/route_weight", "4 k"): at_most(250),
    ("table/maglev_1000x65537", "1 k"): ratio_at_most(12),
}


def key_of(result: dict) -> tuple[str, str]:
    return result["name"], size_label(result["size"])


def bar_of(result: dict) -> Bar | None:
    return BARS.get(key_of(result))
