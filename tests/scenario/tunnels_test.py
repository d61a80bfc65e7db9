# SPDX-License-Identifier: Apache-2.0
#
# Tunnel packets are what an independent decoder takes for well-formed, in all four family pairs.
import subprocess
import time

import documents
import lab_case
from lablib import layout, traffic
from lablib.shell import run, wait_until

_FIELDS = (
    "frame.protocols",
    "ip.checksum.status",
    "tcp.checksum.status",
    "ip.ttl",
    "ipv6.hlim",
    "ip.flags.df",
    "_ws.malformed",
    "frame.len",
)
_GOOD = "1"
_FULL_SIZE_BYTES = 1500 + 20


class Tunnels(lab_case.LabCase):
    def capture(self, server: layout.Server, client: traffic.Client) -> list[dict[str, str]]:
        """The tunnel packets towards a server during an upload, by tshark, a field map each."""
        file = self.scratch / f"{server.name}.pcap"
        outer = "ip proto 4 or ip proto 41 or ip6 proto 4 or ip6 proto 41"
        sniffer = subprocess.Popen(
            self.lab.inside(
                layout.SWITCH, "tcpdump", "-i", server.name, "-U", "-s", "0", "-w", str(file), outer
            ),
            stderr=subprocess.PIPE,
        )
        try:
            sniffer.stderr.readline()  # "listening on …"
            upload = documents.written(self.scratch, "upload", "x" * 200_000)
            done = traffic.curl(self.lab, client, "/upload", "-f", "--data-binary", f"@{upload}")
            self.assertEqual(done.returncode, 0, done.stderr)
            wait_until("the capture is written", lambda: file.stat().st_size > 200_000, 5)
            time.sleep(0.3)  # the connection's last packets
        finally:
            sniffer.terminate()
            sniffer.communicate()
        out = run(
            "tshark",
            "-r",
            str(file),
            "-o",
            "ip.check_checksum:TRUE",
            "-o",
            "tcp.check_checksum:TRUE",
            "-T",
            "fields",
            "-E",
            "occurrence=a",
            "-E",
            "aggregator=,",
            *(word for field in _FIELDS for word in ("-e", field)),
        )
        return [dict(zip(_FIELDS, line.split("\t"))) for line in out.splitlines()]

    def require_clean(self, packets: list[dict[str, str]], protocols: str) -> None:
        self.assertGreater(len(packets), 100)
        for packet in packets:
            self.assertIn(protocols, packet["frame.protocols"])
            self.assertEqual(packet["_ws.malformed"], "")
            self.assertEqual(
                set(packet["ip.checksum.status"].split(",")) - {""}, self.checked(packet)
            )
            self.assertEqual(packet["tcp.checksum.status"], _GOOD)
            if protocols.startswith("ip:"):
                self.assertEqual(packet["ip.flags.df"].split(",")[0], "1")
            outer_hops = packet["ip.ttl"] if protocols.startswith("ip:") else packet["ipv6.hlim"]
            self.assertEqual(outer_hops.split(",")[0], "64")
        self.assertTrue(
            any(int(packet["frame.len"]) >= _FULL_SIZE_BYTES for packet in packets),
            "full-size packets went through",
        )

    def checked(self, packet: dict[str, str]) -> set[str]:
        return {_GOOD} if packet["ip.ttl"] else set()

    def pairs(self, outer: str) -> None:
        server = layout.host_named("v2-us-a")
        v4, v6 = traffic.clients("client-us", 1, 1)
        for client, inner in ((v4, "ip"), (v6, "ipv6")):
            with self.subTest(f"{inner} in {outer}"):
                self.require_clean(self.capture(server, client), f"{outer}:{inner}:tcp")

    def test_tunnels_over_ipv4_decode_cleanly(self):
        self.pairs("ip")

    def test_tunnels_over_ipv6_decode_cleanly(self):
        self.govern(
            documents.written(self.scratch, "policy6.yaml", documents.with_backends_over_ipv6())
        )
        self.addCleanup(self.govern)
        self.pairs("ipv6")


if __name__ == "__main__":
    lab_case.main()
