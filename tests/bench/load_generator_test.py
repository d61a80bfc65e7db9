#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The load generator counts and times what a port that returns every frame returns.

Usage: load_generator_test.py PROGRAM
"""

import json
import os
import pathlib
import shutil
import subprocess
import sys
import unittest

PROGRAM = ""
LOOP = ["--no-pci", "--no-huge", "-m", "128", "-l", "0", "--vdev=net_ring0"]
RATE, SECONDS = 100_000, 0.5
PREFIX = f"load-generator-test-{os.getpid()}"


def seen(*options: str) -> dict:
    eal = [*LOOP, f"--file-prefix={PREFIX}"]
    asked = ["--flows", "1000", "--rate", str(RATE), "--seconds", str(SECONDS), "--warm", "0.1"]
    command = [PROGRAM, *eal, "--", *asked, *options]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    return json.loads(done.stdout.splitlines()[-1])


class LoadGenerator(unittest.TestCase):
    @classmethod
    def tearDownClass(cls):
        shutil.rmtree(pathlib.Path("/var/run/dpdk", PREFIX), ignore_errors=True)

    def test_what_comes_back_is_received_and_nothing_is_lost(self):
        result = seen()

        self.assertGreater(result["due"], 0)
        self.assertEqual(result["received"], result["due"])
        self.assertEqual([result[key] for key in ("refused", "lost", "strange")], [0, 0, 0])

    def test_it_never_sends_faster_than_asked(self):
        self.assertLessEqual(seen()["due"], RATE * SECONDS * 1.01)

    def test_every_timed_packet_took_some_time(self):
        result = seen()

        self.assertLess(result["untimed"], result["received"])
        self.assertGreater(result["p50_ns"], 0)
        self.assertLessEqual(result["p50_ns"], result["p99_ns"])
        self.assertLessEqual(result["p99_ns"], result["max_ns"])

    def test_frames_of_another_size_are_strange_and_lost(self):
        result = seen("--overhead", "20")

        self.assertEqual(result["received"], 0)
        self.assertEqual(result["strange"], result["due"])
        self.assertEqual(result["lost"], result["due"])

    def test_wrong_options_end_with_exit_code_3(self):
        for options in (["--rate", "-1"], ["--service", "nowhere"], ["--unknown"]):
            with self.subTest(options):
                done = subprocess.run([PROGRAM, "-l", "0", "--", *options], capture_output=True)
                self.assertEqual(done.returncode, 3)


if __name__ == "__main__":
    PROGRAM = sys.argv.pop(1)
    unittest.main()
