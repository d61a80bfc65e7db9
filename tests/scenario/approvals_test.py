# SPDX-License-Identifier: Apache-2.0
#
# People with roles: what each may do, and whose approval a change takes.
import re

import documents
import lab_case
import people
from people import ALL_TO_V2, ANN, BOB, CHANGES, CONFLICT, NOBODY, NOT_PERMITTED, OLGA, RAIL
from people import USAGE, V1, V2, VERA, route


class People(people.PeopleCase):
    def test_who_has_no_role_is_told_nothing(self):
        said = self.by(NOBODY, NOT_PERMITTED, "get", "policy")
        self.assertIn("this caller has no role", said.stderr)
        self.assertIn("takes the role viewer", said.stderr)
        self.assertEqual(said.stdout, "")

    def test_a_viewer_reads_and_changes_nothing(self):
        before = self.revision()
        self.assertIn("chat-v2-eu", self.by(VERA, 0, "get", "policy").stdout)
        self.by(VERA, CHANGES, "plan", "-f", "-", feed=ALL_TO_V2)
        for arguments in (
            ("apply", "-f", "-"),
            ("rollback",),
            ("drain", "pool/chat-v1-eu"),
            ("recall", "pool/chat-v1-eu", "--reason", "test"),
        ):
            said = self.by(VERA, NOT_PERMITTED, *arguments, feed=ALL_TO_V2)
            self.assertIn("takes the role operator", said.stderr)
        self.assert_in_force(V1, before)

    def test_guardrails_and_what_they_go_by_are_an_officers(self):
        before, last = self.revision(), self.last_event()
        weaker = documents.replaced(
            documents.document("Guardrail", RAIL), ("mode: enforce", "mode: monitor")
        )
        moved_pool = documents.replaced(
            documents.document("Pool", "chat-v2-us"), ("jurisdiction: us", "jurisdiction: eu")
        )
        moved_clients = documents.replaced(
            documents.document("ClientClass", "eu"), ("198.51.100.0/24", "198.51.100.0/25")
        )
        for text, field in (
            (weaker, f"Guardrail/{RAIL}"),
            (moved_pool, "Pool/chat-v2-us.metadata.labels"),
            (moved_clients, "ClientClass/eu.spec.prefixes"),
        ):
            said = self.by(ANN, NOT_PERMITTED, "apply", "-f", "-", feed=text).stderr
            self.assertIn(f"{ANN.name} has the role operator; to change {field}", said)
            self.assertIn("takes the role officer", said)
        said = self.by(ANN, NOT_PERMITTED, "delete", f"guardrail/{RAIL}").stderr
        self.assertIn("takes the role officer", said)
        self.assertEqual(self.events("--after", last), [("apply", ANN.name, "refused")] * 4)
        # Nobody writes under another name.
        said = self.by(ANN, NOT_PERMITTED, "apply", "--author", OLGA.name, "-f", "-", feed=weaker)
        self.assertIn(f"the author is {ANN.name}, not {OLGA.name}", said.stderr)
        self.assert_in_force(V1, before)

        # An officer may, with the approval of another.
        change = self.ask_for(OLGA, weaker)
        self.by(BOB, 0, "approve", change)
        self.assertIn("mode: monitor", self.sluice("get", f"guardrail/{RAIL}", "-o", "yaml"))

    def test_what_no_guardrail_covers_waits_for_nobody(self):
        before = self.revision()
        self.by(ANN, 0, "apply", "-f", "-", feed=documents.unrelated(1))
        self.assertEqual(self.revision(), before + 1)

    def test_a_covered_change_is_in_force_once_another_approves_it(self):
        before, last = self.revision(), self.last_event()
        change = self.ask_for(ANN, ALL_TO_V2, "-m", "v2 for everybody", "--ticket", "T-7")
        self.assertEqual(self.state_of(change), "pending")
        self.assertIn("v2 for everybody", self.by(VERA, 0, "get", "changes").stdout)
        self.assertIn("0 of 1", self.by(VERA, 0, "get", f"changes/{change}").stdout)
        self.assert_in_force(V1, before)

        own = self.by(ANN, NOT_PERMITTED, "approve", change)
        self.assertIn(f"change {change} is {ANN.name}'s own: somebody else", own.stderr)
        viewer = self.by(VERA, NOT_PERMITTED, "approve", change)
        self.assertIn("takes the role operator", viewer.stderr)
        other = self.by(BOB, CONFLICT, "approve", change, "--digest", "abcd")
        self.assertIn("plan digest", other.stderr)
        self.assert_in_force(V1, before)

        said = self.by(BOB, 0, "approve", change, "-m", "looked at it").stdout
        self.assertIn(f"change {change} is applied", said)
        self.assertEqual(self.servers(), V2)
        entry = self.lab.ask("history")["items"][0]
        self.assertEqual(int(entry["revision"]), before + 1)
        self.assertEqual((entry["author"], entry["approvers"]), (ANN.name, [BOB.name]))
        self.assertEqual(entry["ticket"], "T-7")
        again = self.by(BOB, CONFLICT, "approve", change)
        self.assertIn("applied already", again.stderr)
        self.assertEqual(
            [each for each in self.events("--after", last) if each[2] != "refused"],
            [
                ("change.pending", ANN.name, "pending"),
                ("approve", BOB.name, "done"),
                ("apply", ANN.name, "done"),
            ],
        )
        self.assertEqual(
            [each for each in self.events("--after", last) if each[2] == "refused"],
            [("approve", name, "refused") for name in (ANN.name, VERA.name, BOB.name)],
        )

    def test_an_edit_and_a_moved_base_void_what_was_approved(self):
        first = self.ask_for(ANN, route(50, 50))
        edited = self.ask_for(ANN, ALL_TO_V2)
        self.assertNotEqual(first, edited)
        # Another change comes first: neither was planned on what is in force now.
        self.by(ANN, 0, "apply", "-f", "-", feed=documents.unrelated(2))
        before = self.revision()
        for change in (first, edited):
            said = self.by(BOB, CONFLICT, "approve", change).stderr
            self.assertIn(f"change {change} is void: it was planned on revision", said)
            self.assertEqual(self.state_of(change), "void")
            target = ("--target", f"change/{change}")
            self.assertIn(("change.void", "controller", "refused"), self.events(*target))
        self.assert_in_force(V1, before)

        # The edit that is approved leaves no life in the change before it.
        first, edited = self.ask_for(ANN, route(50, 50)), self.ask_for(ANN, ALL_TO_V2)
        self.by(BOB, 0, "approve", edited)
        self.by(BOB, CONFLICT, "approve", first)
        self.assertEqual(self.servers(), V2)

    def test_a_rejected_change_stays_rejected(self):
        before = self.revision()
        change = self.ask_for(ANN, ALL_TO_V2)
        self.by(BOB, USAGE, "reject", change)
        self.by(BOB, 0, "reject", change, "-m", "not on a Friday")
        said = self.by(OLGA, CONFLICT, "approve", change).stderr
        self.assertIn(f"change {change} is rejected: {BOB.name}: not on a Friday", said)
        target = ("--target", f"change/{change}")
        self.assertIn(("reject", BOB.name, "done"), self.events(*target))
        self.assert_in_force(V1, before)

    def test_an_approved_plan_is_not_replayed(self):
        file = self.scratch / "v2.binpb"
        self.by(ANN, CHANGES, "plan", "-f", "-", "-o", str(file), feed=ALL_TO_V2)
        said = self.by(ANN, NOT_PERMITTED, "apply", str(file)).stderr
        change = re.search(r"sluice approve (\d+)", said)[1]
        self.by(BOB, 0, "approve", change)
        self.assertEqual(self.servers(), V2)
        self.restore()
        before = self.revision()
        stale = self.by(ANN, CONFLICT, "apply", str(file)).stderr
        self.assertIn("plan it again", stale)
        self.by(BOB, CONFLICT, "approve", change)
        self.assert_in_force(V1, before)


if __name__ == "__main__":
    lab_case.main()
