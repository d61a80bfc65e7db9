# SPDX-License-Identifier: Apache-2.0
#
# A node that was killed comes back by itself; between, nobody else speaks for its services.
import json
import pathlib
import signal
import subprocess
import time

import documents
import lab_case
from lablib import governed, traffic
from lablib.shell import LabError, wait_until

_KILLS = 10
_RESUME_SECONDS_MAX = 15
_DEAD_SECONDS = 0.7

_WATCH = pathlib.Path(__file__).with_name("connect_watch.py")


class Watch:
    """Connects all the time and remembers what a client saw."""

    def __init__(self, lab, clients: list[traffic.Client]) -> None:
        command = lab.inside(
            clients[0].host.name,
            "python3",
            str(_WATCH),
            clients[0].service,
            *(client.address for client in clients),
        )
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def end(self) -> dict:
        return json.loads(self._process.communicate(timeout=20)[0])


class Recovery(lab_case.LabCase):
    def require_forwarding(self) -> None:
        for client in (*traffic.clients("client-eu", 1, 1), *traffic.clients("client-us", 1, 1)):
            wait_until(
                f"{client.address} is served",
                lambda client=client: self.is_served(client),
                _RESUME_SECONDS_MAX,
            )

    def is_served(self, client: traffic.Client) -> bool:
        return traffic.curl(self.lab, client, "/", "-f", timeout=0.5).returncode == 0

    def test_a_killed_node_resumes_without_a_controller(self):
        self.lab.controller.stop(signal.SIGKILL)
        self.addCleanup(self.lab.start_controller)
        before = self.backends()
        watches = [
            Watch(self.lab, traffic.clients("client-eu", 50, 0, first=100)),
            Watch(self.lab, traffic.clients("client-us", 0, 50, first=100)),
        ]
        for _ in range(_KILLS):
            self.lab.dataplane.stop(signal.SIGKILL)
            time.sleep(_DEAD_SECONDS)
            self.lab.start_dataplane()
            self.require_forwarding()
        for seen in (watch.end() for watch in watches):
            self.assertEqual(seen["refused"], [])
            self.assertGreater(seen["silent"], _KILLS)
            self.assertGreater(seen["answered"], _KILLS)
        self.assertEqual(self.backends(), before)

    def backends(self) -> dict[str, str]:
        answers, failures = traffic.request_all(self.lab, traffic.clients("client-eu", 30, 30), 1)
        self.assertEqual(failures, [])
        return {answer.client.address: answer.server for answer in answers}

    def test_a_node_that_is_asked_to_stop_exits_0_and_resumes(self):
        self.assertEqual(self.lab.dataplane.stop(signal.SIGTERM), 0)
        self.lab.start_dataplane()
        self.require_forwarding()

    def test_a_node_boots_from_a_compiled_table_and_follows_a_controller_later(self):
        self.lab.controller.stop(signal.SIGTERM)
        self.addCleanup(self.lab.start_controller)
        self.lab.dataplane.stop(signal.SIGTERM)
        table = self.scratch / "table.binpb"
        self.sluice("compile", "-f", str(lab_case.POLICY), "-o", str(table))
        self.lab.start_dataplane("--table", str(table))
        self.require_forwarding()

        self.lab.start_controller()
        self.lab.wait_for_node()
        change = documents.written(self.scratch, "change.yaml", documents.unrelated(1))
        self.assertIn("node edge-1: committed", self.sluice("apply", "-f", str(change)))


class Books(lab_case.LabCase):
    def test_books_balance_when_a_node_has_restarted(self):
        traffic.request_all(self.lab, traffic.clients("client-us", 20, 20), 1)
        # A connection cut while it closes may come back as an adopted flow, which idles for long.
        governed.wait_for_quiet(self.lab)
        self.assertEqual(self.lab.dataplane.stop(signal.SIGTERM), 0)
        self.lab.start_dataplane()
        self.lab.wait_for_node()
        governed.wait_for_health(self.lab, set(governed.POOL_OF))
        incarnation = self.lab.nodes()[0]["status"]["incarnation"]
        _, failures = traffic.request_all(self.lab, traffic.clients("client-eu", 20, 20), 3)
        self.assertEqual(failures, [])
        governed.wait_for_quiet(self.lab)

        def balanced() -> bool:
            lines = governed.unbalanced(self.lab, incarnation)
            if lines:
                raise LabError("; ".join(lines))
            return True

        wait_until("the books balance", balanced, 15, step=0.5)


if __name__ == "__main__":
    lab_case.main()
