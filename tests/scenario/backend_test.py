#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""sluice-backend on a wire: what it opens, what it leaves alone, how it comes and goes.

Usage: backend_test.py BUILD_FOLDER     needs root; exit 77 without
"""

import os
import signal
import sys
import unittest

import backend_host as host
from backend_host import CLIENT4, CLIENT6, HOST4, HOST6, SENDER4, SENDER6, SERVICE4, SERVICE6

SKIPPED = 77
BUILD = ""

try:
    from scapy.layers.inet import IP, UDP
    from scapy.layers.inet6 import IPv6, IPv6ExtHdrDestOpt
    from scapy.layers.l2 import Dot1Q, Ether
    from scapy.packet import Raw
except ImportError:
    sys.exit(SKIPPED)

CONGESTION_EXPERIENCED = 3
PAIRS = {"4in4": (4, 4), "6in4": (6, 4), "4in6": (4, 6), "6in6": (6, 6)}


def link():
    return Ether(src=host.SENDER_MAC, dst=host.HOST_MAC)


def outer(family, source=None, **fields):
    if family == 4:
        return IP(src=source or SENDER4, dst=HOST4, **fields)
    return IPv6(src=source or SENDER6, dst=HOST6, **fields)


def inner(family, text=b"hello", **fields):
    ip = (
        IP(src=CLIENT4, dst=SERVICE4, **fields)
        if family == 4
        else IPv6(src=CLIENT6, dst=SERVICE6, **fields)
    )
    return ip / UDP(sport=4000, dport=host.SERVICE_PORT) / Raw(text)


class BackendCase(unittest.TestCase):
    def setUp(self):
        self.host = host.Host(host.binary_of(BUILD))
        self.addCleanup(self.host.close)

    def send(self, packet):
        self.host.raw.send(bytes(packet))

    def assert_delivered(self, family, text):
        got = self.host.receive(family)
        self.assertIsNotNone(got, f"no datagram over IPv{family}")
        self.assertEqual((got[0], got[1]), (text, CLIENT4 if family == 4 else CLIENT6))

    def assert_counted(self, name, packets):
        self.assertTrue(
            self.host.wait_until(lambda: self.host.counts()[name] == packets), self.host.counts()
        )


class Decapsulation(BackendCase):
    def deliver_all_pairs(self, mode):
        process = self.host.start("--mode", mode)
        self.assertIn(mode, process.said)
        for name, (inside, outside) in PAIRS.items():
            with self.subTest(name):
                text = f"{name} {mode}".encode()
                self.send(link() / outer(outside) / inner(inside, text))
                self.assert_delivered(inside, text)
                self.assert_counted(name, 1)

    def test_native_mode_delivers_all_family_pairs(self):
        self.deliver_all_pairs("native")

    def test_generic_mode_delivers_all_family_pairs(self):
        self.deliver_all_pairs("generic")

    def test_outer_options_are_taken_off_too(self):
        self.host.start()
        four = IP(src=SENDER4, dst=HOST4, options=[b"\x01" * 4]) / inner(4, b"options")
        six = outer(6) / IPv6ExtHdrDestOpt() / inner(4, b"limit")
        self.send(link() / four)
        self.assert_delivered(4, b"options")
        self.send(link() / six)
        self.assert_delivered(4, b"limit")

    def test_tag_stays_outside(self):
        self.host.start()
        self.send(link() / Dot1Q(vlan=5) / outer(4) / inner(4))
        self.assert_counted("4in4", 1)

    def test_largest_packet_of_the_wire_is_opened(self):
        self.host.start()
        text = b"x" * (1500 - 20 - 20 - 8)
        self.send(link() / outer(4) / inner(4, text))
        self.assert_delivered(4, text)

    def test_congestion_mark_is_carried_inside(self):
        self.host.start()
        for family, field in ((4, "tos"), (6, "tc")):
            with self.subTest(family):
                marked = outer(4, tos=CONGESTION_EXPERIENCED)
                self.send(link() / marked / inner(family, b"marked", **{field: 2}))
                got = self.host.receive(family)
                self.assertIsNotNone(got)
                self.assertEqual(got[2], CONGESTION_EXPERIENCED)

    def test_congestion_mark_drops_what_cannot_carry_it(self):
        self.host.start()
        self.send(link() / outer(4, tos=CONGESTION_EXPERIENCED) / inner(4))
        self.assert_counted("malformed", 1)

    def test_malformed_inner_packets_are_dropped_and_counted(self):
        self.host.start()
        whole = bytes(inner(4))
        cases = [
            link() / outer(4, proto=4) / Raw(whole[:10]),
            link() / outer(4, proto=4) / Raw(whole[:-1]),
            link() / outer(4, proto=4) / Raw(b"\x65" + whole[1:]),
            link() / outer(4, proto=41) / Raw(bytes(inner(6))[:-1]),
            link() / outer(6, nh=4) / Raw(b"\x41" + whole[1:]),
        ]
        for packet in cases:
            self.send(packet)
        self.assert_counted("malformed", len(cases))
        self.assertIsNone(self.host.receive(4, 0.1))


class LeftAlone(BackendCase):
    def test_traffic_that_is_no_tunnel_reaches_the_host(self):
        self.host.start()
        self.send(link() / IP(src=SENDER4, dst=HOST4) / UDP(dport=host.SERVICE_PORT) / Raw(b"own"))
        self.assertEqual(self.host.receive(4)[0], b"own")
        for address in (HOST4, HOST6):
            host.run("ip", "netns", "exec", self.host.sender, "ping", "-c1", "-W2", address)

    def test_tunnel_to_another_address_is_not_opened(self):
        self.host.start()
        self.send(link() / IP(src=SENDER4, dst="10.9.0.77") / inner(4))
        self.assertIsNone(self.host.receive(4, 0.2))
        self.assertEqual(self.host.counts()["4in4"], 0)

    def test_address_added_later_is_followed(self):
        self.host.start()
        host.run("ip", "-n", self.host.name, "addr", "add", "10.9.0.77/24", "dev", "wire")

        def opened():
            self.send(link() / IP(src=SENDER4, dst="10.9.0.77") / inner(4, b"later"))
            return self.host.receive(4, 0.1) is not None

        self.assertTrue(self.host.wait_until(opened))

    def test_only_listed_sources_are_opened(self):
        self.host.start("--from", "10.9.0.0/24", "--from", "fd09::1")
        for family, source, is_opened in (
            (4, SENDER4, True),
            (4, "10.8.0.1", False),
            (6, SENDER6, True),
            (6, "fd09::9", False),
        ):
            with self.subTest(source):
                self.send(link() / outer(family, source) / inner(4))
                self.assertEqual(self.host.receive(4, 0.3) is not None, is_opened)
        self.assert_counted("refused", 2)

    def test_fragments_of_tunnels_are_left_to_the_kernel(self):
        self.host.start()
        self.send(link() / outer(4, flags="MF") / inner(4))
        self.assert_counted("fragment", 1)
        self.assertIsNone(self.host.receive(4, 0.1))


class Lifetime(BackendCase):
    def test_signals_detach_and_print_the_counters(self):
        for number in (signal.SIGTERM, signal.SIGINT):
            with self.subTest(number):
                process = self.host.start()
                self.assertNotEqual(self.host.program(), "")
                process.send_signal(number)
                output, _ = process.communicate(timeout=10)
                self.assertEqual(process.returncode, 0)
                self.assertIn("4in4 packets 0 bytes 0", output)
                self.assertEqual(self.host.program(), "")

    def test_death_leaves_the_program_and_a_restart_loses_nothing(self):
        first = self.host.start()
        self.host.stop(first, signal.SIGKILL)
        left = self.host.program()
        self.assertNotEqual(left, "")

        sent = 0
        second = None
        for sent in range(1, 4001):
            if sent == 1000:
                second = self.host.start()
            self.send(link() / outer(4) / inner(4))
        received = 0
        while received < sent and self.host.receive(4, 0.5):
            received += 1

        self.assertIn("decapsulating", second.said)
        self.assertNotEqual(self.host.program(), left)
        self.assertEqual(received, sent)

    def test_restart_in_another_mode_works(self):
        self.host.stop(self.host.start("--mode", "native"), signal.SIGKILL)
        self.assertIn("generic", self.host.start("--mode", "generic").said)
        self.send(link() / outer(4) / inner(4, b"again"))
        self.assert_delivered(4, b"again")

    def test_second_process_on_the_interface_is_refused(self):
        first = self.host.start()
        refused = self.host.ask()
        self.assertEqual(refused.returncode, 1)
        self.assertIn(f"already served by process {first.pid}", refused.stderr)

    def test_foreign_program_is_refused_and_stays(self):
        attach = ["xdp", "obj", host.steering_object(BUILD), "sec", "xdp"]
        host.run("ip", "-n", self.host.name, "link", "set", "wire", *attach)
        left = self.host.program()
        refused = self.host.ask()
        self.assertEqual(refused.returncode, 1)
        self.assertIn("which is not ours", refused.stderr)
        self.assertEqual(self.host.program(), left)


class Arguments(BackendCase):
    def test_bad_input_is_one_line_and_a_failure(self):
        for arguments, code, part in (
            (["--interface", "nowhere"], 1, "nowhere does not exist"),
            (["--interface", "wire", "--from", "10.9.0.1/24"], 1, "--from 10.9.0.1/24"),
            (["--interface", "wire", "--mode", "fast"], 3, "--mode"),
            (["--interface", "wire", "--status"], 1, "no sluice-backend decapsulates on wire"),
            ([], 3, "--interface is required"),
        ):
            with self.subTest(arguments):
                words = ["ip", "netns", "exec", self.host.name, self.host.binary, *arguments]
                done = host.subprocess.run(words, capture_output=True, text=True)
                self.assertEqual(done.returncode, code)
                self.assertIn(part, done.stderr)
                self.assertEqual(done.stderr.count("\n"), 1)

    def test_check_changes_nothing(self):
        done = self.host.ask("--check", "--from", "10.9.0.0/24")
        self.assertEqual((done.returncode, done.stdout), (0, "ok\n"))
        self.assertEqual(self.host.program(), "")


if __name__ == "__main__":
    if os.geteuid() != 0:
        sys.exit(SKIPPED)
    BUILD = sys.argv.pop(1)
    unittest.main()
