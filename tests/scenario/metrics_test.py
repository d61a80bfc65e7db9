# SPDX-License-Identifier: Apache-2.0
#
# A real Prometheus scrapes node and controller: what it reads is what the CLI says and what was
# sent, and the alert rules see a node that left.
import json
import subprocess
import urllib.parse

import documents
import lab_case
from lablib import configs, governed, layout, traffic
from lablib.daemons import Daemon
from lablib.places import EXAMPLES
from lablib.shell import run, wait_until

_EXAMPLES = EXAMPLES / "prometheus"
_PAGES = {"controller": "127.0.0.1:9470", "node": "127.0.0.1:9471"}
_PROMETHEUS = "127.0.0.1:9090"
_ROUNDS = 5


class Metrics(lab_case.LabCase):
    @classmethod
    def prepare(cls) -> None:
        cls.lab.up_network()
        file = cls.lab.places.config("dataplane.yaml")
        file.write_text(file.read_text() + f"http: {_PAGES['node']}\n")
        cls.lab.start()
        cls.govern()
        cls.start_prometheus()

    @classmethod
    def start_prometheus(cls) -> None:
        """As the example configures it, but for its haste."""
        rules = (_EXAMPLES / "alerts.yaml").read_text()
        documents.written(cls.scratch, "alerts.yaml", rules)
        config = documents.replaced(
            (_EXAMPLES / "prometheus.yaml").read_text(),
            ("scrape_interval: 15s", "scrape_interval: 1s"),
            ("evaluation_interval: 15s", "evaluation_interval: 1s"),
        )
        prometheus = Daemon(
            cls.lab.places,
            "prometheus",
            layout.EDGE.name,
            (
                "prometheus",
                f"--config.file={documents.written(cls.scratch, 'prometheus.yaml', config)}",
                f"--storage.tsdb.path={cls.scratch / 'tsdb'}",
                f"--web.listen-address={_PROMETHEUS}",
            ),
        )
        prometheus.start()
        cls.addClassCleanup(prometheus.stop)

    def page(self, name: str) -> str:
        return self.get(f"http://{_PAGES[name]}/metrics")

    def get(self, url: str) -> str:
        return run(*self.lab.inside(layout.EDGE.name, "curl", "-fsS", "--max-time", "5", url))

    def query(self, expression: str) -> dict[tuple[str, ...], float]:
        """Values by the labels that the expression leaves, in the order of the labels' names."""
        question = urllib.parse.quote(expression)
        answer = json.loads(self.get(f"http://{_PROMETHEUS}/api/v1/query?query={question}"))
        return {
            tuple(value for _, value in sorted(line["metric"].items())): float(line["value"][1])
            for line in answer["data"]["result"]
        }

    def test_prometheus_reads_what_the_cli_says_and_what_was_sent(self):
        clients = traffic.clients("client-eu", 20, 20) + traffic.clients("client-us", 20, 20)
        answers, failures = traffic.request_all(self.lab, clients, _ROUNDS)
        self.assertEqual(failures, [])
        governed.wait_for_quiet(self.lab)
        wait_until("both are scraped", lambda: sorted(self.query("up").values()) == [1, 1], 20)

        def ended() -> float:
            return sum(self.query("sum(sluice_ended_parts_total)").values())

        wait_until("all flows are read", lambda: ended() == len(answers), 20)
        counted = governed.counted(self.lab)
        for position, metric in enumerate(("packets", "bytes")):
            read = self.query(f"sum by (route, backend) (sluice_backend_{metric}_total) > 0")
            expected = {
                (backend, route): values[position] for (route, backend), values in counted.items()
            }
            self.assertEqual(read, expected)
        started = self.query("sum by (client_class) (sluice_started_parts_total)")
        sent: dict[tuple[str, ...], float] = {}
        for answer in answers:
            key = (answer.client.client_class,)
            sent[key] = sent.get(key, 0) + 1
        self.assertEqual(started, sent)
        self.assertEqual(self.query("sum(sluice_handshake_seconds_count)"), {(): len(answers)})
        # A series of a pool joins what governs it.
        joined = self.query(
            "sum by (jurisdiction) (sluice_started_parts_total"
            " * on (pool) group_left (jurisdiction) sluice_pool_info)"
        )
        self.assertEqual(sum(joined.values()), len(answers))
        self.assertEqual(set(joined), {("eu",), ("us",)})

    def test_pages_keep_the_rules_of_prometheus(self):
        for name in _PAGES:
            checked = run("promtool", "check", "metrics", feed=self.page(name))
            self.assertEqual(checked.strip(), "", name)

    def test_rules_alert_of_what_they_should_and_see_a_node_that_left(self):
        run("promtool", "test", "rules", str(_EXAMPLES / "alerts_test.yaml"))
        self.assertEqual(self.query("ALERTS"), {})
        self.lab.dataplane.stop()
        self.addCleanup(self.lab.start_dataplane)

        wait_until(
            "the node's absence is seen",
            lambda: self.query('count by (alertname) (ALERTS{alertname="SluiceNodeAway"})')
            == {("SluiceNodeAway",): 1},
            30,
        )

    def test_address_in_use_keeps_a_program_from_starting(self):
        file = self.lab.places.config("controller.yaml")
        taken = configs.set_value(file.read_text(), "http", _PAGES["node"])
        other = documents.written(self.scratch, "controller.yaml", taken)
        self.lab.controller.stop()
        self.addCleanup(self.lab.start_controller)

        program = str(self.lab.programs.controller)
        done = subprocess.run(
            self.lab.inside(layout.EDGE.name, program, "--config", str(other)),
            capture_output=True,
            text=True,
            timeout=30,
        )

        self.assertEqual(done.returncode, 1, done.stderr)
        self.assertIn(f"http: cannot listen on {_PAGES['node']}", done.stderr)

    def test_what_the_dashboard_asks_for_is_there(self):
        # The last test: others count what was sent.
        governed.wait_for_health(self.lab, set(governed.POOL_OF))
        _, failures = traffic.request_all(self.lab, traffic.clients("client-eu", 5, 5), 2)
        self.assertEqual(failures, [])
        # Nothing is rolled out here.
        panels = json.loads((_EXAMPLES / "dashboard.json").read_text())["panels"]
        asked = [panel for panel in panels if panel["title"] != "Rollouts"]
        for target in (target for panel in asked for target in panel["targets"]):
            expression = target["expr"].replace("$__rate_interval", "1m")
            wait_until(expression, lambda asked=expression: self.query(asked) != {}, 30)
        self.assertEqual(self.query("sluice_rollout_ratio"), {})


if __name__ == "__main__":
    lab_case.main()
