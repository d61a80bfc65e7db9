# SPDX-License-Identifier: Apache-2.0
#
# A model is recalled: its flows are cut at once everywhere, and the certificate says so.
import json
import re
import signal
import subprocess
import time

import documents
import lab_case
from lablib import traffic
from lablib.shell import wait_until
from paced import Arrivals, PacedLoad

_BOUND_SECONDS = 1.0
_RESET = 0x04
_SERVERS = {"chat-v1-eu": ("v1-a", "v1-b"), "chat-v2-eu": ("v2-a",)}


class Recall(lab_case.LabCase):
    def lift(self, pool: str) -> None:
        self.lab.sluice("recall", f"pool/{pool}", "--lift", "--reason", "tested")

    def test_a_recalled_pool_gets_no_packet_after_a_second(self):
        self.addCleanup(self.lift, "chat-v1-eu")
        eu = traffic.clients("client-eu", 100, 100)
        load = PacedLoad(self.lab, eu, 100, 20)
        self.addCleanup(load.stop)
        download = self.start_download()
        arrivals = [Arrivals(self.lab, server) for server in _SERVERS["chat-v1-eu"]]
        time.sleep(3)
        commanded, said = time.time(), load.now()
        done = self.lab.sluice("recall", "pool/chat-v1-eu", "--reason", "wrong answers")
        took = time.time() - commanded
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        self.assertLess(took, _BOUND_SECONDS + 1)
        time.sleep(4)
        load.stop()
        packets = [packet for arrival in arrivals for packet in arrival.end()]
        self.assertTrue([p for p in packets if p["time"] < commanded])
        # But for the reset with which Sluice ends what a client goes on with later.
        late = [
            p for p in packets if p["time"] > commanded + _BOUND_SECONDS and not p["flags"] & _RESET
        ]
        self.assertEqual(late, [])
        # The connection that was being served is reset, not left hanging.
        self.assertNotEqual(download.wait(20), 0)
        # Its clients are served by what is left, inside the eligible set.
        after = [r for r in load.results if r["seconds"] > said + _BOUND_SECONDS]
        self.assertGreater(len(after), 100)
        self.assertEqual({r.get("server", r.get("error")) for r in after}, {"v2-a"})

        certificate = self.lab.ask("get", "recalls")["items"][0]
        self.assertEqual(certificate["pool"], "chat-v1-eu")
        self.assertTrue(certificate["is_complete"], certificate)
        status = certificate["nodes"][0]["status"]
        self.assertGreater(int(status["flows_cut"]), 0)
        self.assertEqual(int(status.get("residual", 0)), 0)
        events = self.lab.ask("events", "--kind", "recall")["items"]
        self.assertIn("wrong answers", json.dumps(events))
        # No apply lifts it.
        file = documents.written(self.scratch, "other.yaml", documents.unrelated(3))
        self.sluice("apply", "-f", str(file))
        self.assertEqual(traffic.curl_once(self.lab, eu[0]).server, "v2-a")

        self.sluice("recall", "pool/chat-v1-eu", "--lift", "--reason", "mended")
        wait_until(
            "v1 serves again",
            lambda: traffic.curl_once(self.lab, eu[0]).server.startswith("v1")
            or traffic.curl_once(self.lab, eu[1]).server.startswith("v1"),
            10,
        )

    def start_download(self) -> subprocess.Popen:
        """A slow one, from v1."""
        for client in traffic.clients("client-eu", 60, 0, first=100):
            if traffic.curl_once(self.lab, client).server.startswith("v1"):
                command = self.lab.inside(
                    client.host.name, "curl", "-sS", "-o", "/dev/null", "--limit-rate", "2M"
                )
                command += ["--interface", client.address]
                return subprocess.Popen(
                    [*command, f"http://{client.service}/files/download"],
                    stderr=subprocess.DEVNULL,
                )
        raise AssertionError("no client is served by v1")

    def test_a_silent_flow_is_cut_too(self):
        self.addCleanup(self.lift, "chat-v2-us")
        client = traffic.clients("client-us", 1, 0, first=77)[0]
        program = (
            "import socket,sys\n"
            f"where,source=({client.service!r},80),({client.address!r},0)\n"
            "s=socket.create_connection(where,source_address=source)\n"
            "print('open',flush=True)\n"
            "sys.stdin.readline()\n"
            "s.settimeout(5)\n"
            "try:\n"
            "  s.sendall(b'GET / HTTP/1.0\\r\\n\\r\\n')\n"
            "  print('reset' if s.recv(100)==b'' else 'answered')\n"
            "except ConnectionError: print('reset')\n"
        )
        silent = subprocess.Popen(
            self.lab.inside(client.host.name, "python3", "-c", program),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.assertEqual(silent.stdout.readline(), "open\n")
        self.assertEqual(self.live_flows("chat-v2-us"), 1)
        self.sluice("recall", "pool/chat-v2-us", "--reason", "test")
        self.assertEqual(self.live_flows("chat-v2-us"), 0)
        silent.stdin.write("go\n")
        silent.stdin.flush()
        self.assertEqual(silent.communicate(timeout=10)[0], "reset\n")

    def live_flows(self, pool: str) -> int:
        return len(self.lab.ask("flows", "--pool", pool)["items"])

    def test_an_unreachable_node_makes_the_certificate_incomplete(self):
        self.addCleanup(self.lift, "chat-v2-us")
        self.lab.dataplane.stop(signal.SIGKILL)
        done = self.lab.sluice("recall", "pool/chat-v2-us", "--reason", "test")
        self.assertEqual(done.returncode, 7, done.stdout + done.stderr)
        self.assertIn("incomplete", done.stdout + done.stderr)
        self.assertIn("edge-1", done.stdout + done.stderr)
        self.lab.start_dataplane()
        self.lab.wait_for_node()

        def complete() -> bool:
            recalls = self.lab.ask("get", "recalls")["items"]
            return all(recall.get("is_complete", False) for recall in recalls)

        wait_until("the certificate is complete", complete, 15)

    def test_what_cannot_be_recalled_is_refused(self):
        unknown = self.lab.sluice("recall", "pool/chat-v9", "--reason", "test")
        self.assertEqual(unknown.returncode, 4, unknown.stderr)
        without_reason = self.lab.sluice("recall", "pool/chat-v2-us")
        self.assertEqual(without_reason.returncode, 3, without_reason.stderr)
        self.assertTrue(re.search("reason", without_reason.stderr))


if __name__ == "__main__":
    lab_case.main()
