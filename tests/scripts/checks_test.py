#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The checks of the house find what they are there to find."""

import pathlib
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "scripts"))

import check_deps  # noqa: E402
import tidy  # noqa: E402

HEAD = "// SPDX-License-Identifier: Apache-2.0\n//\n// Says what it is for.\n"


class Arrows(unittest.TestCase):
    def test_an_arrow_against_the_direction_is_found(self):
        found = check_deps.violations_of(
            "dataplane/net/a.h", '#include "dataplane/flow/flow_table.h"\n'
        )
        self.assertEqual(
            found,
            [
                "dataplane/net/a.h:1: dataplane/net may not use dataplane/flow "
                "(dataplane/flow/flow_table.h)"
            ],
        )

    def test_the_controller_may_not_use_the_packet_path(self):
        self.assertTrue(
            check_deps.violations_of(
                "controlplane/planner/a.cc", '#include "dataplane/pipeline/pipeline.h"\n'
            )
        )

    def test_pure_modules_may_not_use_dpdk_grpc_or_protobuf(self):
        for include in ("<rte_mbuf.h>", '"grpcpp/channel.h"', '"sluice/v1/table.pb.h"'):
            with self.subTest(include):
                self.assertTrue(
                    check_deps.violations_of("dataplane/flow/a.h", f"#include {include}\n")
                )

    def test_allowed_arrows_pass(self):
        self.assertEqual(
            check_deps.violations_of(
                "dataplane/pipeline/a.cc",
                '#include "dataplane/flow/flow_table.h"\n' "#include <rte_mbuf.h>\n",
            ),
            [],
        )


class Style(unittest.TestCase):
    def words(self, path, line):
        return tidy.check_file(path, HEAD + line + "\n")

    def test_a_long_file_is_found(self):
        self.assertTrue(tidy.check_file("dataplane/net/a.cc", HEAD + "\n" * 600))

    def test_a_long_function_is_found(self):
        body = "int f() {\n" + "  g();\n" * 70 + "}\n"
        self.assertIn(
            "function of 72 lines", "".join(tidy.check_file("dataplane/net/a.cc", HEAD + body))
        )

    def test_deep_nesting_is_found(self):
        body = "int f() {\n" + "if (a) {\n" * 5 + "}\n" * 5 + "}\n"
        self.assertIn("nested deeper", "".join(tidy.check_file("dataplane/net/a.cc", HEAD + body)))

    def test_allocation_in_the_packet_path_is_found(self):
        self.assertTrue(self.words("dataplane/pipeline/a.cc", "auto* p = new Packet();"))
        self.assertEqual(self.words("controlplane/store/a.cc", "auto* p = new Packet();"), [])

    def test_banned_words_in_comments_are_no_violation(self):
        self.assertEqual(
            self.words("dataplane/pipeline/a.cc", "// a new flow, malloc(3) is not for us"), []
        )

    def test_a_todo_must_name_an_issue(self):
        self.assertTrue(self.words("dataplane/net/a.cc", "// TODO: later"))
        self.assertEqual(self.words("dataplane/net/a.cc", "// TODO(#12): later"), [])

    def test_a_missing_licence_is_found(self):
        self.assertTrue(tidy.check_file("dataplane/net/a.cc", "int x;\n"))


if __name__ == "__main__":
    unittest.main()
