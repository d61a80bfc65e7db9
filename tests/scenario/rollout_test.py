# SPDX-License-Identifier: Apache-2.0
#
# A new version is rolled out to real clients: a good one to the end, a bad one back.
import json
import signal
import time

import documents
import lab_case
from lablib import governed, traffic
from lablib.shell import wait_until
from paced import FaultyServer, PacedLoad

_CANDIDATE = "v2-a"
_ROLLOUT = "chat-v2"
_ROLLBACK_SECONDS_MAX = 30
_RATE = 110  # connections per second; the candidate's half is more than 50
_CLIENTS_V4, _CLIENTS_V6 = 200, 200


def policy(*steps: str, more: str = "") -> str:
    """The example with all EU clients on v1 and this rollout to v2."""
    rollout = (
        f"kind: Rollout\nmetadata: {{name: {_ROLLOUT}}}\nspec:\n"
        "  route: chat-eu\n  stable: chat-v1-eu\n  candidate: chat-v2-eu\n  paused: true\n"
        f"  steps: [{', '.join(steps)}]\n{more}"
    )
    text = documents.replaced(
        documents.POLICY,
        ("{pool: chat-v1-eu, weight: 90}", "{pool: chat-v1-eu, weight: 100}"),
        ("{pool: chat-v2-eu, weight: 10}", "{pool: chat-v2-eu, weight: 0}"),
        (documents.document("Rollout", _ROLLOUT), "\n" + rollout),
    )
    return text


class RolloutCase(lab_case.LabCase):
    """The lab with the example policy; each test applies its own rollout and deletes it."""

    def begin(self, *steps: str, more: str = "") -> None:
        file = documents.written(self.scratch, "rollout.yaml", policy(*steps, more=more))
        self.addCleanup(self.lab.sluice, "delete", f"rollout/{_ROLLOUT}")
        self.sluice("apply", "-f", str(file))
        self.sluice("rollout", "start", _ROLLOUT)

    def load(self, seconds: float, rate: float = _RATE) -> PacedLoad:
        load = PacedLoad(
            self.lab,
            traffic.clients("client-eu", _CLIENTS_V4, _CLIENTS_V6),
            rate,
            seconds,
        )
        self.addCleanup(load.stop)
        return load

    def status(self) -> dict:
        status = self.lab.ask("rollout", "status", _ROLLOUT)
        return {**status, "phase": status["phase"].removeprefix("ROLLOUT_PHASE_").lower()}

    def wait_for_phase(self, *phases: str, seconds: float) -> dict:
        def there() -> bool:
            return self.status()["phase"] in phases

        wait_until(f"rollout {_ROLLOUT} is {' or '.join(phases)}", there, seconds, step=0.2)
        return self.status()

    def servers(self) -> dict[str, str]:
        """Who serves each client now."""
        answers, failures = traffic.request_all(
            self.lab, traffic.clients("client-eu", _CLIENTS_V4, _CLIENTS_V6), 1
        )
        self.assertEqual(failures, [])
        return {answer.client.address: answer.server for answer in answers}


class GoodCandidate(RolloutCase):
    def test_a_canary_reaches_every_client_and_no_request_fails(self):
        analysis = "  analysis: {window: 10s, age: 1s, min_clients: 3}\n  bake: 2s\n"
        self.begin(
            "{weight: 20000, for: 4s, min_flows: 20, min_clients: 3}",
            "{weight: 200000, for: 4s, min_flows: 50}",
            "{weight: 1000000, for: 4s}",
            more=analysis,
        )
        load = self.load(150)
        weights = set()
        deadline = time.monotonic() + 140
        while (status := self.status())["phase"] not in ("succeeded", "failed", "aborted"):
            weights.add(status.get("weight", 0))
            self.assertLess(time.monotonic(), deadline, json.dumps(status, indent=1))
            time.sleep(0.3)
        self.assertEqual(status["phase"], "succeeded", status)
        self.assertLessEqual({20000, 200000, 1000000}, weights)
        load.stop()
        self.assertEqual(load.failures(), [])
        self.assertGreater(len(load.results), 500)
        self.assertEqual(set(self.servers().values()), {_CANDIDATE})

        # It holds until the rollout is deleted.
        self.sluice("delete", f"rollout/{_ROLLOUT}")
        self.assertNotIn(_CANDIDATE, self.servers().values())


class BadCandidate(RolloutCase):
    def run_fault(self, fault: str) -> None:
        server = FaultyServer(self.lab, _CANDIDATE, self.scratch)
        self.addCleanup(server.close)
        self.begin("{weight: 500000, for: 10m}")
        load = self.load(100)
        time.sleep(12)
        self.assertEqual(self.status()["phase"], "progressing")
        onset, begun = load.now(), time.monotonic()
        server.fail(fault)
        status = self.wait_for_phase("failed", seconds=_ROLLBACK_SECONDS_MAX + 20)
        took = time.monotonic() - begun
        self.assertLess(took, _ROLLBACK_SECONDS_MAX, status)
        self.assertEqual(status.get("weight", 0), 0)
        self.assertEqual(status["verdict"]["result"], "RESULT_FAIL")
        # The candidate passed its health checks all the time.
        governed.wait_for_health(self.lab, set(governed.POOL_OF), timeout=1)
        rolled_back = load.now()
        time.sleep(3)
        results = load.stop()
        late = [r for r in results if r["seconds"] > rolled_back + 1]
        self.assertGreater(len(late), 50)
        self.assertEqual([r for r in late if r.get("server") == _CANDIDATE or "error" in r], [])
        touched = {
            r["source"]
            for r in results
            if onset < r["seconds"] < rolled_back
            and (r.get("server") == _CANDIDATE or "error" in r)
        }
        self.assertLess(len(touched) / (_CLIENTS_V4 + _CLIENTS_V6), 0.57)
        # It is never tried again by itself, whoever restarts.
        self.lab.controller.stop(signal.SIGKILL)
        self.lab.start_controller()
        self.lab.wait_for_node()
        time.sleep(2)
        self.assertEqual(self.status()["phase"], "failed")
        self.assertNotIn(_CANDIDATE, self.servers().values())

    def test_a_candidate_that_resets_connections_is_rolled_back(self):
        self.run_fault("reset 0.3")

    def test_a_candidate_that_answers_late_is_rolled_back(self):
        self.run_fault("late 2")

    def test_a_candidate_that_stays_silent_is_rolled_back(self):
        self.run_fault("silent")


class Restarts(RolloutCase):
    def kill_controller(self) -> None:
        self.lab.controller.stop(signal.SIGKILL)
        self.lab.start_controller()
        self.lab.wait_for_node()

    def test_the_controller_may_die_in_every_phase(self):
        analysis = "  analysis: {window: 5s, age: 1s, min_clients: 3}\n  bake: 6s\n"
        self.begin(
            "{weight: 100000, for: 5s, min_clients: 3}",
            "{weight: 300000, for: 2s, pause: true}",
            "{weight: 600000, for: 2s}",
            more=analysis,
        )
        load = self.load(170)
        self.wait_for_phase("progressing", seconds=5)
        self.kill_controller()
        self.wait_for_phase("paused", seconds=40)
        self.kill_controller()
        time.sleep(3)
        status = self.status()
        self.assertEqual((status["phase"], status["weight"]), ("paused", 300000), status)
        self.sluice("rollout", "promote", _ROLLOUT)
        self.wait_for_phase("baking", seconds=40)
        self.kill_controller()
        status = self.wait_for_phase("succeeded", seconds=40)
        self.kill_controller()
        time.sleep(2)
        status = self.status()
        self.assertEqual((status["phase"], status["weight"]), ("succeeded", 600000), status)
        load.stop()
        self.assertEqual(load.failures(), [])

    def test_an_abort_takes_the_clients_back(self):
        self.begin("{weight: 500000, for: 10m}")
        self.assertIn(_CANDIDATE, self.servers().values())
        # Nobody may change the split that it divides meanwhile.
        route = documents.replaced(
            documents.document("Route", "chat-eu"), ("weight: 90", "weight: 50")
        )
        file = documents.written(self.scratch, "route.yaml", route)
        refused = self.lab.sluice("apply", "-f", str(file))
        self.assertEqual(refused.returncode, 6, refused.stderr)
        self.assertIn(_ROLLOUT, refused.stderr)
        self.sluice("rollout", "abort", _ROLLOUT, "-m", "changed our minds")
        self.assertEqual(self.status()["phase"], "aborted")
        self.assertNotIn(_CANDIDATE, self.servers().values())
        again = self.lab.sluice("rollout", "promote", _ROLLOUT)
        self.assertEqual(again.returncode, 1, again.stderr)
        unknown = self.lab.sluice("rollout", "status", "chat-v3")
        self.assertEqual(unknown.returncode, 4, unknown.stderr)
        self.assertIn(_ROLLOUT, unknown.stderr)


if __name__ == "__main__":
    lab_case.main()
