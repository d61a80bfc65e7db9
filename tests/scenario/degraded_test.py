# SPDX-License-Identifier: Apache-2.0
#
# A pool that passes its health checks and answers badly loses its new flows, for a while.
import time

import documents
import lab_case
from lablib import governed, traffic
from lablib.shell import wait_until
from paced import FaultyServer, HeldConnections, PacedLoad

_WINDOW_SECONDS = 5
_ENTER_SECONDS_MAX = 3 * _WINDOW_SECONDS + 2  # what is left of a good window, and two bad ones
_LEAVE_SECONDS_MIN, _LEAVE_SECONDS_MAX = 2 * _WINDOW_SECONDS, 4 * _WINDOW_SECONDS
_SECONDS = 70  # of load; it is stopped long before

# Half of the EU's clients on each version; pools that lose a fifth of their handshakes more than
# before, or take a hundred times as long for handshakes or first responses, are left.
_POLICY = documents.replaced(
    documents.POLICY,
    ("{pool: chat-v1-eu, weight: 90}", "{pool: chat-v1-eu, weight: 50}"),
    ("{pool: chat-v2-eu, weight: 10}", "{pool: chat-v2-eu, weight: 50}"),
    (
        "  fallback: [chat-v2-eu, chat-v1-eu]",
        f"  on_degraded: {{action: fallback, window: {_WINDOW_SECONDS}s, min_flows: 20,"
        " handshake_loss: 200000, response_slower_by: 10000}\n"
        "  fallback: [chat-v2-eu, chat-v1-eu]",
    ),
    (
        "  split: [{pool: chat-v2-us, weight: 1}]",
        "  split: [{pool: chat-v2-us, weight: 1}]\n  fallback: [chat-v1-eu]\n"
        f"  on_degraded: {{action: fallback, window: {_WINDOW_SECONDS}s, min_flows: 20,"
        " slower_by: 10000}",
    ),
)


class Degraded(lab_case.LabCase):
    @classmethod
    def prepare(cls) -> None:
        cls.lab.up()
        cls.silent, cls.slow = cls.faulty("v2-a"), cls.faulty("v2-us-a")
        cls.govern(documents.written(cls.scratch, "policy.yaml", _POLICY))

    @classmethod
    def faulty(cls, name: str) -> FaultyServer:
        server = FaultyServer(cls.lab, name, cls.scratch)
        cls.addClassCleanup(server.close)
        return server

    def load(self, clients: list[traffic.Client], rate: float) -> PacedLoad:
        load = PacedLoad(self.lab, clients, rate, _SECONDS)
        self.addCleanup(load.stop)
        return load

    def is_left(self, pool: str, client: traffic.Client) -> bool:
        said = self.sluice("explain", *client.flow(40000))
        return f"pool {pool} serves, but worse than in its own recent past" in said

    def client_of(self, pool: str, clients: list[traffic.Client]) -> traffic.Client:
        return next(c for c in clients if governed.explain(self.lab, c)["pool"] == pool)

    def test_it_loses_new_flows_to_the_fallback_and_gets_them_back_when_it_is_well(self):
        eu = traffic.clients("client-eu", 20, 20)
        us = traffic.clients("client-us", 20, 20)
        of_v2, of_us = self.client_of("chat-v2-eu", eu), us[0]
        loads = self.load(eu, 30), self.load(us, 10)
        held = HeldConnections(self.lab, eu)
        self.addCleanup(held.close)
        time.sleep(2 * _WINDOW_SECONDS)  # one whole window teaches what is usual
        self.assertFalse(self.is_left("chat-v2-eu", of_v2) or self.is_left("chat-v2-us", of_us))
        onset = [load.now() for load in loads]
        self.silent.fail("unanswered 0.5")
        self.slow.fail("unheard 0.8")

        wait_until(
            "both pools are left",
            lambda: self.is_left("chat-v2-eu", of_v2) and self.is_left("chat-v2-us", of_us),
            _ENTER_SECONDS_MAX,
        )
        left = [load.now() for load in loads]
        # Nothing but that: health checks pass, and the log says why.
        governed.wait_for_health(self.lab, set(governed.POOL_OF), timeout=1)
        log = self.lab.places.log("dataplane").read_text()
        self.assertIn("pool chat-v2-eu is degraded: new flows of route chat-eu leave it", log)
        self.assertIn("pool chat-v2-us is degraded: new flows of route chat-default", log)
        self.assertNotIn("pool chat-v1-eu is degraded", log)
        self.silent.mend()
        self.slow.mend()
        # Who was there before stays there.
        usual = [r for r in loads[0].results if r["seconds"] < onset[0] - 0.5]
        self.assertEqual([r for r in usual if "error" in r], [])
        before = {r["source"]: r["server"] for r in usual}
        self.assertEqual(set(before.values()), {"v1-a", "v1-b", "v2-a"})
        self.assertEqual(held.use(), before)

        places = "v2-a", "v2-us-a"
        back = [
            self.wait_for_return(load, place, since)
            for load, place, since in zip(loads, places, left)
        ]
        time.sleep(2)
        results = [load.stop() for load in loads]
        for at in (0, 1):
            self.assertGreater(back[at] - left[at], _LEAVE_SECONDS_MIN)
            meanwhile = [r for r in results[at] if left[at] < r["seconds"] < back[at]]
            self.assertGreater(len(meanwhile), 50)
            self.assertEqual([r for r in meanwhile if r.get("server") not in ("v1-a", "v1-b")], [])
            after = [r for r in results[at] if r["seconds"] >= back[at]]
            self.assertEqual([r for r in after if "error" in r], [])
        # Inside the eligible set all the time, and back where they were at the end.
        self.assertNotIn("v2-us-a", {r.get("server") for r in results[0]})
        after = {r["source"]: r["server"] for r in results[0] if r["seconds"] > back[0]}
        self.assertEqual(after, {source: before[source] for source in after})

    # The last by name: it leaves the pool degraded.
    def test_late_answers_after_usual_handshakes_make_it_so_too(self):
        eu = traffic.clients("client-eu", 20, 20)
        of_v2 = self.client_of("chat-v2-eu", eu)
        self.load(eu, 30)
        time.sleep(2 * _WINDOW_SECONDS)
        self.assertFalse(self.is_left("chat-v2-eu", of_v2))
        self.addCleanup(self.silent.mend)
        self.silent.fail("late 2")

        wait_until(
            "the pool is left", lambda: self.is_left("chat-v2-eu", of_v2), _ENTER_SECONDS_MAX
        )
        governed.wait_for_health(self.lab, set(governed.POOL_OF), timeout=1)
        wait_until(
            "the controller tells of it",
            lambda: "pool/chat-v2-eu" in self.sluice("events", "--kind", "degraded"),
            5,
        )
        time.sleep(2)  # `--at` takes whole seconds
        then = self.sluice("explain", *of_v2.flow(40000), "--at", "1s")
        self.assertIn("pool chat-v2-eu serves, but worse than in its own recent past", then)

    def wait_for_return(self, load: PacedLoad, server: str, since: float) -> float:
        """When the first flow that began after `since` went to this server again."""

        def returned() -> list[float]:
            return [r["seconds"] for r in load.results if r.get("server") == server]

        wait_until(
            f"{server} has new flows again",
            lambda: any(seconds > since for seconds in returned()),
            _LEAVE_SECONDS_MAX,
        )
        return min(seconds for seconds in returned() if seconds > since)


if __name__ == "__main__":
    lab_case.main()
