# SPDX-License-Identifier: Apache-2.0
#
# What is wrong is refused with a line that says so, and nothing else changes.
import signal
import subprocess

import documents
import lab_case
from lablib import configs, governed, traffic
from lablib.shell import wait_until

_START_TIMEOUT_SECONDS = 20

# name, what the example says, what this policy says instead, what the violation must name
_VIOLATIONS = (
    ("an unknown field", "affinity: client", "afinity: client", "afinity"),
    ("a camelCase field", "min_up: 1", "minUp: 1", "min_up"),
    ("a bad name", "metadata: {name: us,", "metadata: {name: US_1,", "US_1"),
    (
        "a missing pool",
        "split: [{pool: chat-v2-us, weight: 1}]",
        "split: [{pool: none, weight: 1}]",
        "none",
    ),
    ("a prefix in two classes", "192.0.2.0/24", "198.51.100.0/24", "198.51.100.0/24"),
    (
        "a weight out of range",
        "weight: 100, labels: {zone: fra1}",
        "weight: 1000001, labels: {zone: fra1}",
        "weight",
    ),
    ("a table size that is no prime", "table_slots: 65537", "table_slots: 65536", "table_slots"),
    ("one backend address twice", "address: 10.77.1.12", "address: 10.77.1.11", "10.77.1.11"),
    ("countries", "countries: []", "countries: [DE]", "countries"),
    ("another forwarding mode", "forwarding: ipip", "forwarding: geneve", "forwarding"),
    ("health over gRPC", "health: {tcp: {port: 80}}", "health: {grpc: {port: 80}}", "grpc"),
    ("too many approvals", "approvals: 0", "approvals: 101", "approvals"),
    ("a DSCP that no packet has", "  priority: 0", "  dscp: [64]", "dscp"),
    ("steps that go back", "{weight: 100000, for: 10m", "{weight: 10000, for: 10m", "steps"),
    (
        "an ineligible pool",
        "- {pool: chat-v2-eu, weight: 10}",
        "- {pool: chat-v2-us, weight: 10}",
        "eu-residency",
    ),
)
_SECOND_NAME = "---\nkind: Pool\nmetadata: {name: chat-v2-us}\nspec: {}\n"
_SECOND_SERVICE = (
    "---\nkind: Service\nmetadata: {name: twin}\n"
    "spec: {addresses: [203.0.113.10], ports: [tcp/80]}\n"
)


class BadPolicy(lab_case.LabCase):
    def validate(self, text: str) -> str:
        """What the CLI says against this policy, which it must refuse."""
        file = documents.written(self.scratch, "policy.yaml", text)
        done = self.lab.sluice("validate", "-f", str(file))
        self.assertEqual(done.returncode, 1, done.stdout + done.stderr)
        return done.stderr

    def test_the_example_is_valid(self):
        self.sluice("validate", "-f", str(lab_case.POLICY))

    def test_each_violation_is_named_with_its_file_and_line(self):
        for name, before, after, named in _VIOLATIONS:
            with self.subTest(name):
                said = self.validate(documents.replaced(documents.POLICY, (before, after)))
                self.assertIn(named, said)
                self.assertRegex(said, r"policy\.yaml:\d+: ")

    def test_a_name_twice_is_refused(self):
        self.assertIn("chat-v2-us", self.validate(documents.POLICY + _SECOND_NAME))

    def test_an_address_and_port_in_two_services_is_refused(self):
        self.assertIn("203.0.113.10", self.validate(documents.POLICY + _SECOND_SERVICE))

    def test_all_violations_come_at_once(self):
        pairs = [
            (before, after)
            for _, before, after, named in _VIOLATIONS
            if named in ("table_slots", "weight", "none")
        ]
        said = self.validate(documents.replaced(documents.POLICY, *pairs))
        for word in ("table_slots", "weight", "none"):
            self.assertIn(word, said)

    def test_a_refused_apply_changes_nothing(self):
        before = self.lab.ask("history")
        file = documents.written(
            self.scratch,
            "leak.yaml",
            documents.replaced(
                documents.document("Route", "chat-eu"),
                ("chat-v2-eu, weight: 10", "chat-v2-us, weight: 10"),
            ),
        )
        done = self.lab.sluice("apply", "-f", str(file))
        self.assertEqual(done.returncode, 1, done.stdout + done.stderr)
        for word in ("chat", "eu-residency", "chat-v2-us", "chat-eu"):
            self.assertIn(word, done.stderr)
        self.assertEqual(self.lab.ask("history"), before)

    def test_exit_codes_say_what_kind_of_failure_it_was(self):
        cases = {
            ("get", "pool/none"): 4,
            ("drain", "pool/none"): 4,
            ("apply",): 3,
            ("nonsense",): 3,
            ("validate", "-f", "/nowhere/policy.yaml"): 1,
            ("diff", "-f", str(lab_case.POLICY)): 0,
            (
                "plan",
                "-f",
                str(documents.written(self.scratch, "new.yaml", documents.unrelated(1))),
            ): 2,
            ("apply", "-f", str(lab_case.POLICY), "--base", "1000"): 6,
        }
        for arguments, code in cases.items():
            with self.subTest(" ".join(arguments)):
                done = self.lab.sluice(*arguments)
                self.assertEqual(done.returncode, code, done.stdout + done.stderr)
                self.assertTrue(code in (0, 2) or done.stderr.strip(), "a failure says why")

    def test_an_unreachable_server_is_named(self):
        done = subprocess.run(
            [str(self.lab.programs.cli), "--server", "unix:/nowhere/controller.sock", "nodes"],
            capture_output=True,
            text=True,
            timeout=30,
        )
        self.assertEqual(done.returncode, 8, done.stderr)
        self.assertIn("/nowhere/controller.sock", done.stderr)


class BadDaemonInput(lab_case.LabCase):
    def refuse(self, program, config: str) -> str:
        """What a daemon says when it refuses to start with this configuration."""
        file = documents.written(self.scratch, "config.yaml", config)
        done = subprocess.run(
            self.lab.inside("edge-1", str(program), "--config", str(file)),
            capture_output=True,
            text=True,
            timeout=_START_TIMEOUT_SECONDS,
        )
        self.assertNotEqual(done.returncode, 0)
        return done.stderr

    def node_config(self, key: str, value: str) -> str:
        # A node of its own beside the lab's: other files, another interface.
        text = configs.dataplane_config(self.lab.places).replace(
            str(self.lab.places.state), str(self.scratch)
        )
        text = text.replace(f"sluice-{self.lab.name}-edge-1", f"sluice-{self.lab.name}-second")
        return configs.set_value(text, key, value)

    def test_wrong_node_configurations_are_refused(self):
        program = self.lab.programs.dataplane
        lcores = '"--no-pci", "--no-huge", "-m", "512", "--lcores=0@0,1@0"'
        prefix = f'"--file-prefix=sluice-{self.lab.name}-second"'
        cases = {
            "nonsense": self.node_config("eal", f'[{lcores}, {prefix}, "--nonsense"]'),
            "missing0": self.node_config(
                "eal", f'[{lcores}, {prefix}, "--vdev=net_af_xdp0,iface=missing0"]'
            ),
            "no_such_field": self.node_config("idle", "{}") + "\nno_such_field: 1\n",
            "listen": self.node_config("listen", "nonsense"),
        }
        for named, config in cases.items():
            with self.subTest(named):
                said = self.refuse(program, config)
                self.assertIn(named, said)

    def test_a_port_in_use_is_refused(self):
        holder = subprocess.Popen(
            self.lab.inside(
                "edge-1",
                "python3",
                "-c",
                (
                    "import socket, sys; s = socket.create_server(('127.0.0.1', 9555)); "
                    "print('ready', flush=True); sys.stdin.read()"
                ),
            ),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        self.addCleanup(holder.communicate)
        holder.stdout.readline()
        text = configs.controller_config(self.lab.places).replace(
            str(self.lab.places.state), str(self.scratch)
        )
        said = self.refuse(
            self.lab.programs.controller, configs.set_value(text, "listen", "127.0.0.1:9555")
        )
        self.assertIn("9555", said)

    def test_a_corrupt_last_good_table_is_kept_aside_and_replaced(self):
        self.lab.controller.stop(signal.SIGTERM)
        self.lab.dataplane.stop(signal.SIGTERM)
        tables = [
            file
            for file in self.lab.places.node_state.rglob("*")
            if file.is_file() and "last" in file.name
        ]
        self.assertTrue(tables, "the node keeps a last-good table")
        for file in tables:
            file.write_bytes(b"\xff" * 1000)
        self.lab.start_dataplane()
        self.assertIn("corrupt", self.lab.places.log("dataplane").read_text().lower())
        kept = [
            file
            for file in self.lab.places.node_state.rglob("*")
            if file.is_file() and file.read_bytes() == b"\xff" * 1000
        ]
        self.assertEqual(len(kept), len(tables))
        self.assertFalse({*kept} & {*tables}, "the bad file got another name")

        self.lab.start_controller()
        self.lab.wait_for_node()
        governed.wait_for_health(self.lab, set(governed.POOL_OF))
        client = traffic.clients("client-us", 1, 0)[0]
        wait_until(
            "clients are served again",
            lambda: traffic.curl(self.lab, client, "/", "-f", timeout=1).returncode == 0,
            10,
        )

    def test_a_corrupt_store_is_refused(self):
        folder = self.scratch / "store"
        folder.mkdir()
        (folder / "controller.db").write_bytes(b"\xff" * 8192)
        text = configs.controller_config(self.lab.places).replace(
            str(self.lab.places.state), str(self.scratch)
        )
        said = self.refuse(
            self.lab.programs.controller,
            configs.set_value(text, "store", f"sqlite:{folder}/controller.db"),
        )
        self.assertIn("controller.db", said)


if __name__ == "__main__":
    lab_case.main()
