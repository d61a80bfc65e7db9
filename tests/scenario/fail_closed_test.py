# SPDX-License-Identifier: Apache-2.0
#
# Nobody takes a node's records and their space on disk ends: flows that must be recorded are
# refused, others go on with a counted gap, and both recover by themselves.
import signal
import time

import documents
import lab_case
from lablib import configs, governed, traffic
from lablib.shell import wait_until
from paced import HeldConnections

_REFUSED = 7  # curl: connection refused, as by a reset
_ROUNDS_MAX = 30
_RECORDS_PER_FLOW = 2  # its beginning and its end
_POLICY = documents.replaced(documents.POLICY, ("audit: best_effort ", "audit: fail_closed "))
_PREFIXES = {
    "client-eu": ("198.51.100.0/24", "2001:db8:e::/48"),
    "client-us": ("192.0.2.0/24", "2001:db8:a::/48"),
}


class FailClosed(lab_case.LabCase):
    """EU clients must be recorded, those in the US need not."""

    @classmethod
    def prepare(cls) -> None:
        cls.lab.up_network()
        file = cls.lab.places.config("dataplane.yaml")
        text = configs.set_value(file.read_text(), "records", "{spool_mb: 1}")
        file.write_text(documents.replaced(text, ("tcp_closing: 10s", "tcp_closing: 2s")))
        cls.lab.start()
        cls.govern(documents.written(cls.scratch, "policy.yaml", _POLICY))

    def setUp(self) -> None:
        self.eu = traffic.clients("client-eu", 40, 40)
        self.us = traffic.clients("client-us", 40, 40)

    def is_refused(self) -> bool:
        done = traffic.curl(self.lab, self.eu[0], timeout=5)
        self.answered += done.returncode == 0
        return done.returncode == _REFUSED

    def fill(self) -> list[str]:
        """Sends requests from the EU until the first are refused. Returns the failures."""
        for _ in range(_ROUNDS_MAX):
            answers, failures = traffic.request_all(self.lab, self.eu, 5)
            self.answered += len(answers)
            if failures:
                return failures
        raise AssertionError("the spool never was full")

    def records(self, host: str) -> list[dict]:
        return [
            record
            for prefix in _PREFIXES[host]
            for record in self.lab.ask("audit", "query", "--client", prefix, "--limit", "1000000")[
                "items"
            ]
        ]

    def status(self) -> dict[str, int]:
        status = self.lab.nodes()[0]["status"]
        return {
            name: int(status.get(name, 0))
            for name in ("records_pending", "records_lost", "audit_refused")
        }

    def test_what_must_be_recorded_is_refused_until_somebody_takes_records_again(self):
        self.answered = 0
        held = HeldConnections(self.lab, self.eu)
        self.addCleanup(held.close)
        self.assertFalse(self.is_refused())
        self.lab.controller.stop(signal.SIGKILL)
        self.addCleanup(self.lab.start_controller)

        failures = self.fill()
        self.assertEqual([line for line in failures if "Errno 111" not in line], [])
        begun = time.monotonic()
        wait_until("new flows of EU clients are refused", self.is_refused, 10)
        self.assertLess(time.monotonic() - begun, 5)
        # The others go on all the time, and so do the flows that were there.
        answers, failures = traffic.request_all(self.lab, self.us, 25)
        self.assertEqual(failures, [])
        answered_us = len(answers)
        self.assertLessEqual(set(held.use().values()), {"v1-a", "v1-b", "v2-a"})
        wait_until("new flows of EU clients are refused", self.is_refused, 10)
        log = self.lab.places.log("dataplane").read_text()
        self.assertIn("flows that must be recorded are refused: their records would be lost", log)
        self.assertRegex(log, r"audit: \d+ packets of new flows are refused so far")

        self.lab.start_controller()
        self.lab.wait_for_node()
        wait_until("EU clients are served again", lambda: not self.is_refused(), 10)
        answers, failures = traffic.request_all(self.lab, self.eu, 1)
        self.answered += len(answers)
        self.assertEqual(failures, [])

        for kind in ("audit.refusing", "audit.resumed"):
            wait_until(
                f"the event {kind}", lambda: kind in self.sluice("events", "--kind", kind), 10
            )

        governed.wait_for_quiet(self.lab)
        wait_until("no record waits", lambda: self.status()["records_pending"] == 0, 10)
        status = self.status()
        self.assertGreater(status["audit_refused"], 0)
        self.assertGreater(status["records_lost"], 0)
        self.assertRegex(self.sluice("nodes", "-o", "wide"), r"LOST +REFUSED")
        # Every flow of the EU that was let through has both its records.
        self.assertEqual(
            len(self.records("client-eu")), _RECORDS_PER_FLOW * (self.answered + len(self.eu))
        )
        # What is missing of the others is what is said to be lost.
        missing = _RECORDS_PER_FLOW * answered_us - len(self.records("client-us"))
        self.assertEqual(missing, status["records_lost"])


if __name__ == "__main__":
    lab_case.main()
