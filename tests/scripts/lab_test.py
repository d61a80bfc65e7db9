#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The lab's node takes hugepages only where it can get at them."""

import pathlib
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "scripts"))

from lablib.configs import usable_hugepage_bytes  # noqa: E402

MEMINFO = "MemTotal: 8000000 kB\nHugePages_Free:      600\nHugepagesize:       2048 kB\n"
PROC = "proc /proc proc rw 0 0\n"


class Hugepages(unittest.TestCase):
    def test_that_are_mounted_are_counted(self):
        mounts = PROC + "hugetlbfs /dev/hugepages hugetlbfs rw,pagesize=2M 0 0\n"
        self.assertEqual(usable_hugepage_bytes(MEMINFO, mounts), 600 * 2048 * 1024)

    def test_that_are_mounted_nowhere_are_of_no_use(self):
        self.assertEqual(usable_hugepage_bytes(MEMINFO, PROC), 0)


if __name__ == "__main__":
    unittest.main()
