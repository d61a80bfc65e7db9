# SPDX-License-Identifier: Apache-2.0
#
# Operators, controllers and backends come and go; requests do not fail.
import signal
import time

import documents
import lab_case
import load
from lablib import governed, layout, traffic

_SECONDS = 20
_APPLIES = 50
_NOTICE_SECONDS_MAX = 4  # from a backend's death to `down`, with the default probes
_AFTER_SECONDS = 6

_ROUTE = documents.document("Route", "chat-eu")
_POOL = documents.document("Pool", "chat-v1-eu")


class Disturbance(lab_case.LabCase):
    def setUp(self) -> None:
        self.clients = traffic.clients("client-eu", 40, 40, first=10)

    def apply(self, text: str) -> None:
        self.sluice("apply", "-f", str(documents.written(self.scratch, "change.yaml", text)))

    def start_load(self, seconds: int = _SECONDS) -> load.Load:
        running = load.Load(self.lab, seconds, self.clients)
        time.sleep(2)  # the change has to find traffic
        return running

    def servers(self) -> set[str]:
        answers, failures = traffic.request_all(self.lab, self.clients, 1)
        self.assertEqual(failures, [])
        return {answer.server for answer in answers}

    def test_a_changed_weight_fails_no_request(self):
        running = self.start_load()
        self.apply(
            documents.replaced(_ROUTE, ("weight: 90", "weight: 50"), ("weight: 10", "weight: 50"))
        )
        time.sleep(_SECONDS / 2)
        self.apply(_ROUTE)
        self.assertEqual(running.failures(), [])

    def test_a_drained_pool_fails_no_request(self):
        running = self.start_load()
        self.sluice("drain", "pool/chat-v1-eu")
        time.sleep(1)
        self.assertEqual(self.servers(), {"v2-a"})
        time.sleep(_SECONDS / 3)
        self.sluice("undrain", "pool/chat-v1-eu")
        self.assertEqual(running.failures(), [])
        self.assertEqual(self.servers(), {"v1-a", "v1-b", "v2-a"})

    def test_a_new_backend_fails_no_request(self):
        running = self.start_load()
        last = "labels: {zone: fra2}}"
        self.apply(
            documents.replaced(
                _POOL,
                (last, f"{last}\n    - {{name: v1-c, address: {layout.SPARE_V4}, weight: 100}}"),
            )
        )
        governed.wait_for_health(self.lab, {*governed.POOL_OF, "v1-c"})
        time.sleep(_SECONDS / 3)
        decisions = governed.explain_all(self.lab, self.clients).values()
        self.assertIn("v1-c", {decision["backend"] for decision in decisions})
        self.assertEqual(running.failures(), [])
        self.apply(_POOL)

    def test_50_unrelated_policies_fail_no_request(self):
        running = self.start_load()
        for number in range(_APPLIES):
            self.apply(documents.unrelated(number))
        self.assertEqual(running.failures(), [])

    def test_a_killed_controller_fails_no_request(self):
        running = self.start_load()
        self.lab.controller.stop(signal.SIGKILL)
        time.sleep(_SECONDS / 4)
        self.lab.start_controller()
        self.lab.wait_for_node()
        self.apply(documents.unrelated(_APPLIES))
        self.assertEqual(running.failures(), [])

    def test_a_dead_backend_fails_requests_only_until_the_probe_notices(self):
        before = governed.explain_all(self.lab, self.clients)
        dead = self.lab.nginx["v1-b"]
        dead.stop(signal.SIGKILL)
        died = time.monotonic()
        governed.wait_for_health(self.lab, {*governed.POOL_OF} - {"v1-b"})
        self.assertLess(time.monotonic() - died, _NOTICE_SECONDS_MAX)

        self.assertEqual(load.Load(self.lab, _AFTER_SECONDS, self.clients).failures(), [])
        self.assertNotIn("v1-b", self.servers())

        self.lab.start_server("v1-b")
        governed.wait_for_health(self.lab, set(governed.POOL_OF))
        after = governed.explain_all(self.lab, self.clients)
        self.assertEqual(
            {address: decision["backend"] for address, decision in before.items()},
            {address: decision["backend"] for address, decision in after.items()},
        )


if __name__ == "__main__":
    lab_case.main()
