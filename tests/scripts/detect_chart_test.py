#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The picture of a day shows what was planted and what was found."""

import pathlib
import sys
import unittest
import xml.etree.ElementTree

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "scripts"))

import detect_chart  # noqa: E402

HEAD = "minute,value,expected,low,high,planted,found"


def day() -> list[detect_chart.Minute]:
    rows = [
        f"{minute},100,90,60,130,{planted},{int(602 <= minute < 625)}"
        for minute in range(detect_chart.MINUTES)
        for planted in ("spike" if 600 <= minute < 620 else "",)
    ]
    return detect_chart.read([HEAD, *rows])


class DetectChart(unittest.TestCase):
    def test_a_span_ends_where_its_word_does(self):
        self.assertEqual(
            detect_chart.spans(["", "a", "a", "b", "", "b"]),
            [(1, 3, "a"), (3, 4, "b"), (5, 6, "b")],
        )

    def test_planted_and_found_intervals_are_bars_of_their_length(self):
        drawn = xml.etree.ElementTree.fromstring(detect_chart.svg(day()))
        bars = {
            bar.get("fill"): float(bar.get("width"))
            for bar in drawn.iter("{http://www.w3.org/2000/svg}rect")
            if bar.get("height") == "6"
        }
        minute = (
            detect_chart.WIDTH - detect_chart.LEFT - detect_chart.RIGHT
        ) / detect_chart.MINUTES
        self.assertAlmostEqual(bars[detect_chart.PLANTED], 20 * minute, delta=0.1)
        self.assertAlmostEqual(bars[detect_chart.FOUND], 23 * minute, delta=0.1)

    def test_the_axis_ends_at_a_round_figure_above_every_value(self):
        self.assertEqual(detect_chart.Axes(day()).top, 200)


if __name__ == "__main__":
    unittest.main()
