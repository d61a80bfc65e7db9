# SPDX-License-Identifier: Apache-2.0
#
# Guardrails hold while pools die, labels expire and people are in a hurry.
import datetime
import json
import shutil
import signal
import time

import documents
import lab_case
from lablib import governed, signed_log, traffic
from lablib.shell import wait_until
from paced import Arrivals

_US_SERVER = "v2-us-a"


def in_seconds(seconds: float) -> str:
    moment = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=seconds)
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


class Guardrails(lab_case.LabCase):
    def tearDown(self) -> None:
        self.sluice("apply", "--prune", "-f", str(lab_case.POLICY))

    def served_by(self, count: int = 40) -> tuple[set[str], list[str]]:
        answers, failures = traffic.request_all(
            self.lab, traffic.clients("client-eu", count, count), 1
        )
        return {answer.server for answer in answers}, failures

    def test_when_the_last_eu_pool_dies_nobody_is_sent_to_the_us(self):
        arrivals = Arrivals(self.lab, _US_SERVER)
        self.assertEqual(self.served_by(), ({"v1-a", "v1-b", "v2-a"}, []))
        alive = set(governed.POOL_OF)
        for dead, left in ((("v1-a", "v1-b"), {"v2-a"}), (("v2-a",), set())):
            for server in dead:
                self.lab.nginx[server].stop(signal.SIGKILL)
                self.addCleanup(self.lab.start_server, server)
            alive -= set(dead)
            governed.wait_for_health(self.lab, alive)
            servers, failures = self.served_by()
            self.assertEqual(servers, left)
            self.assertEqual(len(failures), 0 if left else 80)
        # Refused at once by a reset, not left hanging.
        client = traffic.clients("client-eu", 1, 0)[0]
        begun = time.monotonic()
        done = traffic.curl(self.lab, client, timeout=10)
        self.assertEqual(done.returncode, 7, done.stderr)  # curl: connection refused
        self.assertLess(time.monotonic() - begun, 1)
        eu = [
            packet
            for packet in arrivals.end()
            if packet["client"].startswith(("198.51.100", "2001:db8:e:"))
        ]
        self.assertEqual(eu, [])
        said = self.sluice("explain", *client.flow(40000))
        self.assertIn("no eligible pool serves", said)

    def test_a_leak_is_refused_and_changes_nothing(self):
        leak = documents.replaced(
            documents.document("Route", "chat-eu"),
            ("fallback: [chat-v2-eu, chat-v1-eu]", "fallback: [chat-v2-us]"),
        )
        file = documents.written(self.scratch, "leak.yaml", leak)
        before = self.sluice("history")
        refused = self.lab.sluice("apply", "-f", str(file))
        self.assertEqual(refused.returncode, 1)
        for word in ("eu-residency", "chat-v2-us", "chat-eu", "leak.yaml:"):
            self.assertIn(word, refused.stderr)
        self.assertEqual(self.sluice("history"), before)

    def test_a_tightened_guardrail_strikes_what_it_forbids(self):
        tight = documents.replaced(
            documents.document("Guardrail", "eu-residency"),
            (
                "{key: approval, operator: In, values: [approved]}",
                "{key: version, operator: In, values: [v1]}",
            ),
        )
        file = documents.written(self.scratch, "tight.yaml", tight)
        refused = self.lab.sluice("apply", "-f", str(file))
        self.assertEqual(refused.returncode, 1, refused.stderr)
        self.assertIn("chat-v2-eu", refused.stderr)
        struck = self.sluice("apply", "--strike", "-f", str(file))
        self.assertIn("struck", struck)
        self.assertIn("chat-v2-eu", struck)
        self.assertEqual(self.served_by(), ({"v1-a", "v1-b"}, []))
        shown = self.lab.sluice("get", "policy")
        self.assertIn("struck: pool chat-v2-eu of route chat-eu", shown.stderr)

    def test_a_monitoring_guardrail_tells_whom_it_would_refuse_and_refuses_nobody(self):
        guardrail = (
            "kind: Guardrail\nmetadata: {name: stay-in-the-eu}\n"
            "spec: {mode: monitor, clients: {match_labels: {region: us}},\n"
            "  require: {match_labels: {jurisdiction: eu}}}\n"
        )
        file = documents.written(self.scratch, "monitor.yaml", guardrail)
        applied = self.lab.sluice("apply", "-f", str(file))
        self.assertEqual(applied.returncode, 0, applied.stderr)
        self.assertIn("stay-in-the-eu", applied.stderr)  # a warning of what it would refuse
        senders = traffic.clients("client-us", 15, 5) + traffic.clients("client-eu", 15, 5)
        answers, failures = traffic.request_all(self.lab, senders, 2)
        self.assertEqual(failures, [])
        self.assertEqual(len(answers), 80)

        query = ("audit", "query", "--would-refuse", "stay-in-the-eu", "--limit", "1000")

        def starts() -> list[dict]:
            records = self.lab.ask(*query)["items"]
            return [one for one in records if one["end_reason"] == "END_REASON_UNSPECIFIED"]

        wait_until("the records arrive", lambda: len(starts()) >= 40, 15)
        records = starts()
        self.assertEqual(len(records), 40)
        self.assertEqual({record["pool"] for record in records}, {"chat-v2-us"})
        self.assertEqual({record["client_class"] for record in records}, {"us"})
        self.assertEqual({tuple(one["would_refuse"]) for one in records}, {("stay-in-the-eu",)})
        self.assertRegex(self.sluice("get", "guardrails"), r"stay-in-the-eu +monitor .* 40 flows\n")
        # Each flow is recorded; that there are such flows is said once, also after a restart.
        self.lab.controller.stop(signal.SIGKILL)
        self.lab.start_controller()
        self.lab.wait_for_node()
        traffic.request_all(self.lab, traffic.clients("client-us", 5, 0), 1)
        wait_until("more records arrive", lambda: len(starts()) == 45, 15)
        events = self.lab.ask("events", "--kind", "would-refuse")["items"]
        self.assertEqual([event["target"] for event in events], ["guardrail/stay-in-the-eu"])

    def test_eligibility_ends_by_the_nodes_own_clock(self):
        ends = 6
        pool = documents.replaced(
            documents.document("Pool", "chat-v1-eu"),
            ('eligible_until: "2031-01-01T00:00:00Z"', f'eligible_until: "{in_seconds(ends)}"'),
        )
        file = documents.written(self.scratch, "ends.yaml", pool)
        begun = time.monotonic()
        done = self.lab.sluice("apply", "-f", str(file))
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("eligible_until", done.stderr)
        self.lab.controller.stop(signal.SIGKILL)
        self.addCleanup(self.lab.start_controller)
        self.assertIn("v1-a", self.served_by()[0])
        time.sleep(max(0.0, begun + ends + 1 - time.monotonic()))
        self.assertEqual(self.served_by(), ({"v2-a"}, []))
        self.lab.start_controller()
        self.lab.wait_for_node()

    def test_an_apply_that_nobody_confirms_reverts(self):
        route = documents.replaced(
            documents.document("Route", "chat-eu"),
            ("weight: 90", "weight: 0"),
            ("weight: 10", "weight: 1"),
        )
        file = documents.written(self.scratch, "route.yaml", route)
        self.sluice("apply", "--confirm-within", "4s", "-f", str(file))
        self.assertEqual(self.served_by(20), ({"v2-a"}, []))
        # Also when the controller is not there at that moment.
        self.lab.controller.stop(signal.SIGKILL)
        time.sleep(5)
        self.lab.start_controller()
        self.lab.wait_for_node()
        wait_until("the change is reverted", lambda: "v1-a" in self.served_by(20)[0], 10)
        history = self.sluice("history")
        self.assertIn("not confirmed", history)

        self.sluice("apply", "--confirm-within", "4s", "-f", str(file))
        self.sluice("confirm")
        time.sleep(5)
        self.assertEqual(self.served_by(20), ({"v2-a"}, []))

    def test_the_signed_log_holds_and_goes_on(self):
        events = json.loads(self.sluice("events", "--limit", "10000", "-o", "json"))["items"]
        self.assertIn("apply", {event["kind"] for event in events})
        last = max(int(event["sequence"]) for event in events)
        signed_log.wait_for_size(self.lab, last)
        self.served_by(20)
        governed.wait_for_quiet(self.lab)
        records = governed.record_count(self.lab)
        signed_log.wait_for_records(self.lab, records)
        kept = self.scratch / "kept"
        signed_log.copy(self.lab, kept)
        last = signed_log.size(kept)
        segments = signed_log.segments(self.lab)
        good = signed_log.verify(self.lab, kept, "--segments", str(segments))
        self.assertEqual((good.returncode, good.stderr), (0, ""))
        self.assertIn(f"all {records} records as they were signed; not here: 0", good.stdout)
        self.assertIn(f"{last} entries, every one as it was signed by sluice/", good.stdout)

        # What a crash cuts off is written again, and nothing that was signed is lost.
        self.lab.controller.stop(signal.SIGKILL)
        self.lab.start_controller()
        self.lab.wait_for_node()
        self.sluice("drain", "backend/chat-v1-eu/v1-a", "-m", "kept in the log")
        self.sluice("undrain", "backend/chat-v1-eu/v1-a")
        signed_log.wait_for_size(self.lab, last + 2)
        log = signed_log.folder(self.lab)
        more = ("--since", str(kept / "checkpoint"), "--segments", str(segments))
        longer = signed_log.verify(self.lab, log, *more)
        self.assertEqual((longer.returncode, longer.stderr), (0, ""))
        self.assertIn(f"goes on from the {last} entries", longer.stdout)

        segment = sorted(segments.glob("*.public"))[0]
        data = bytearray(segment.read_bytes())
        data[len(data) // 2] ^= 1
        changed = self.scratch / "segments"
        shutil.copytree(segments, changed)
        (changed / segment.name).write_bytes(data)
        bad = signed_log.verify(self.lab, log, "--segments", str(changed))
        self.assertEqual((bad.returncode, bad.stdout), (9, ""))
        self.assertIn(segment.name, bad.stderr)

        bundle = kept / f"tile/entries/000.p/{last}"
        data = bytearray(bundle.read_bytes())
        data[40] ^= 1
        bundle.write_bytes(data)
        bad = signed_log.verify(self.lab, kept)
        self.assertEqual((bad.returncode, bad.stdout), (9, ""))
        self.assertIn(f"entry 0 of {last} does not fit", bad.stderr)


if __name__ == "__main__":
    lab_case.main()
