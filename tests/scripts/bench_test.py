#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The benchmark's report says what the figures say: bars, comparison, picture."""

import json
import pathlib
import sys
import unittest
import xml.etree.ElementTree

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "scripts"))

from benchlib import bars, chart, perf, report  # noqa: E402
from benchlib.result import parse_lines, result, size_label, spread  # noqa: E402

KNOWN = "pipeline/known_ipv4_ipip"


def known(ours, limit=10.0, size=65536):
    return result(KNOWN, size, "ns/packet", [ours], [limit])


def is_met(measured):
    return bars.bar_of(measured).is_met_by(measured)


class Results(unittest.TestCase):
    def test_the_best_round_is_the_cheapest_and_the_fastest(self):
        cost = result("a", 1, "ns/packet", [30, 20, 25], [10, 12, 11])
        rate = result("a", 1, "Mpps", [30, 20, 25], [60, 50, 55])

        self.assertEqual((cost["ours"], cost["limit"], cost["ratio"]), (20, 10, 2))
        self.assertEqual((rate["ours"], rate["limit"], rate["ratio"]), (30, 60, 0.5))
        self.assertEqual(cost["ours_rounds"], [20, 25, 30])

    def test_the_spread_is_the_distance_of_the_median_from_the_best(self):
        self.assertAlmostEqual(
            spread(result("a", 1, "ns/packet", [20, 25, 90], [10, 11, 12])), 0.25
        )
        self.assertAlmostEqual(spread(result("a", 1, "Mpps", [1, 8, 10])), 0.25)

    def test_a_line_that_is_no_result_is_refused(self):
        good = json.dumps(known(20))

        self.assertEqual(parse_lines(good + "\n\n" + good), [known(20), known(20)])
        with self.assertRaisesRegex(ValueError, "line 2 has no .*ratio"):
            parse_lines(good + '\n{"name": "a", "size": 1}')

    def test_a_size_reads_alike_in_powers_of_two_and_of_ten(self):
        labels = {1: "1", 100: "100", 1000: "1 k", 1024: "1 k", 65_536: "64 k", 65_537: "64 k"}
        labels |= {1_000_000: "1 M", 1 << 20: "1 M", 10_000_000: "10 M", 500_000: "500 k"}
        labels |= {4096: "4 k", 10 << 20: "10 M"}
        for size, label in labels.items():
            with self.subTest(size):
                self.assertEqual(size_label(size), label)


class Bars(unittest.TestCase):
    def test_a_ratio_on_the_bar_meets_it(self):
        self.assertTrue(is_met(known(20.0)))
        self.assertFalse(is_met(known(20.1)))

    def test_of_a_share_more_is_better(self):
        self.assertTrue(is_met(result("node/macswap", 65536, "Mpps", [45], [100])))
        self.assertFalse(is_met(result("node/macswap", 65536, "Mpps", [44], [100])))

    def test_one_lost_packet_is_too_many(self):
        self.assertTrue(is_met(result("publication/lost", 100, "packets", [0])))
        self.assertFalse(is_met(result("publication/lost", 100, "packets", [1])))

    def test_other_figures_have_no_bar(self):
        self.assertIsNone(bars.bar_of(known(20, size=1024)))

    def test_bars_without_a_result_are_named(self):
        left = report.unmeasured_bars([known(20)], ["pipeline"])

        self.assertIn(f"{KNOWN} 1 M: ratio ≤ 2", left)
        self.assertFalse([line for line in left if line.startswith(f"{KNOWN} 64 k")])
        self.assertFalse([line for line in left if line.startswith("node/")])


class Report(unittest.TestCase):
    def test_a_row_has_both_figures_the_bar_and_the_verdict(self):
        row = report.table([known(25)]).splitlines()[1].split()

        self.assertEqual(row[:6], [KNOWN, "64", "k", "ns/packet", "25", "10"])
        self.assertEqual(row[6:], ["2.50", "0%", "ratio", "≤", "2", "NOT", "MET"])

    def test_what_got_worse_than_the_rounds_differ_is_marked(self):
        before = result("a", 1, "ns/packet", [20, 21, 22], [10])

        within = result("a", 1, "ns/packet", [20.9, 21, 22], [10])
        beyond = result("a", 1, "ns/packet", [21.5, 21.6, 22], [10])
        better = result("a", 1, "ns/packet", [10, 10, 10], [10])

        self.assertNotIn("WORSE", report.comparison([before], [within]))
        self.assertIn("WORSE", report.comparison([before], [beyond]))
        self.assertNotIn("WORSE", report.comparison([before], [better]))

    def test_a_figure_of_one_round_may_differ_a_little(self):
        before, little, much = (result("a", 1, "bytes", [size]) for size in (384, 385, 390))

        self.assertNotIn("WORSE", report.comparison([before], [little]))
        self.assertIn("WORSE", report.comparison([before], [much]))

    def test_a_fallen_rate_is_worse(self):
        before, after = (result("a", 1, "Mpps", [rate], [100]) for rate in (50, 40))

        self.assertIn("WORSE", report.comparison([before], [after]))
        self.assertNotIn("WORSE", report.comparison([after], [before]))

    def test_the_ratio_is_compared_so_that_a_slow_machine_is_no_loss(self):
        self.assertNotIn("WORSE", report.comparison([known(20, 10)], [known(40, 20)]))

    def test_losses_where_there_were_none_are_worse(self):
        none, some = (result("publication/lost", 100, "packets", [lost]) for lost in (0, 3))

        self.assertIn("WORSE", report.comparison([none], [some]))
        self.assertNotIn("WORSE", report.comparison([none], [none]))

    def test_new_results_have_nothing_to_be_compared_with(self):
        self.assertNotIn(KNOWN, report.comparison([], [known(20)]))


class Chart(unittest.TestCase):
    def test_flows_are_on_a_logarithmic_scale_and_costs_from_zero(self):
        results = [known(20, size=size) for size in (1000, 10_000, 100_000)]
        axes = chart.Axes(chart.panels(results)[0])

        self.assertAlmostEqual(axes.x(10_000) - axes.x(1000), axes.x(100_000) - axes.x(10_000))
        self.assertAlmostEqual(axes.y(0) - axes.y(10), axes.y(10) - axes.y(20))

    def test_the_picture_is_well_formed_and_has_every_point(self):
        results = [known(20, size=size) for size in (1024, 65536)]
        results.append(result("node/macswap", 65536, "Mpps", [40], [100]))

        root = xml.etree.ElementTree.fromstring(chart.svg(chart.panels(results)))

        circles = root.findall(".//{http://www.w3.org/2000/svg}circle")
        self.assertEqual(len(circles), 2 * 2 + 1)

    def test_without_flows_there_is_no_picture(self):
        self.assertEqual(chart.panels([result("publication/lost", 100, "packets", [0])]), [])


class Perf(unittest.TestCase):
    def test_what_the_processor_does_not_count_is_left_out(self):
        text = (
            "123456,,cycles,1000,100.00,,\n<not supported>,,instructions,0,100.00,,\n"
            "7,,cache-misses:u,1000,100.00,,\n"
        )

        self.assertEqual(perf.parse(text), {"cycles": 123456.0, "cache-misses": 7.0})


if __name__ == "__main__":
    unittest.main()
