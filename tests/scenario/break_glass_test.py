# SPDX-License-Identifier: Apache-2.0
#
# Glass is broken: by whom, how loudly, and how it heals.
import json
import signal
import time

import documents
import lab_case
import people
from lablib.shell import wait_until
from people import ALL_TO_V2, ANN, CONFLICT, NOT_PERMITTED, OLGA, REFUSED, V1, V2, VERA

_GLASS_SECONDS = 10  # so much happens meanwhile, also on a busy machine


class BreakGlass(people.PeopleCase):
    def break_glass(self) -> tuple[int, float]:
        """Returns the revision before it, and when it reverts."""
        before = self.revision()
        broken = time.monotonic()
        done = self.lab.sluice(
            *("apply", "--break-glass", "--reason", "v1 tells secrets", "-f", "-"),
            *("--confirm-within", f"{_GLASS_SECONDS}s"),
            feed=ALL_TO_V2,
        )
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        self.assertEqual(self.servers(), V2)
        return before, broken + _GLASS_SECONDS

    def wait_for_revert(self, before: int) -> None:
        wait_until("the glass is whole", lambda: self.revision() == before + 2, _GLASS_SECONDS + 5)
        self.assert_in_force(V1, before + 2)
        entry = self.lab.ask("history")["items"][0]
        self.assertEqual(entry["author"], "controller")
        self.assertIn(f"revision {before + 1} broke glass, and its time is over", entry["message"])

    def test_only_an_admin_with_a_reason_breaks_it(self):
        before, last = self.revision(), self.last_event()
        for person in (ANN, OLGA):
            said = self.by(
                *(person, NOT_PERMITTED, "apply", "--break-glass", "--reason", "hurry"),
                *("-f", "-"),
                feed=ALL_TO_V2,
            ).stderr
            self.assertIn("to break glass takes the role admin", said)
        for options in ((), ("--reason", "hurry", "--confirm-within", "2h")):
            done = self.lab.sluice("apply", "--break-glass", *options, "-f", "-", feed=ALL_TO_V2)
            self.assertEqual(done.returncode, REFUSED, done.stderr)
            self.assertRegex(done.stderr, "--reason|1h")
        self.assertEqual(
            {e[::2] for e in self.events("--after", last)}, {("break-glass", "refused")}
        )
        self.assert_in_force(V1, before)

    def test_it_is_in_force_at_once_loud_and_reverts_by_itself(self):
        last = self.last_event()
        before, _ = self.break_glass()
        loud = f"GLASS IS BROKEN: revision {before + 1} by root is in force without approvals"
        self.assertIn(loud, self.by(VERA, 0, "nodes").stderr)
        wait_until("the log says so", lambda: loud in self.log(), 3)
        kept = self.lab.sluice("confirm")
        self.assertEqual(kept.returncode, REFUSED, kept.stderr)
        self.assertIn("cannot be confirmed", kept.stderr)
        held = self.by(ANN, CONFLICT, "apply", "-f", "-", feed=documents.unrelated(3)).stderr
        self.assertIn("broke glass and reverts at", held)
        self.wait_for_revert(before)
        self.assertNotIn("GLASS", self.by(VERA, 0, "nodes").stderr)
        self.assertEqual(
            self.events("--after", last),
            [
                ("break-glass", "root", "done"),
                ("confirm", "root", "refused"),
                ("apply", ANN.name, "refused"),
                ("revert", "controller", "done"),
            ],
        )
        self.assertIn("v1 tells secrets", json.dumps(self.lab.ask("events", "--after", last)))

    def log(self) -> str:
        return self.lab.places.log("controller").read_text()

    def test_it_reverts_when_the_controller_was_dead_at_that_moment(self):
        before, ends = self.break_glass()
        self.lab.controller.stop(signal.SIGKILL)
        time.sleep(max(0.0, ends + 0.5 - time.monotonic()))
        self.assertEqual(self.servers(), V2)  # nodes go on with what they have
        self.lab.start_controller()
        self.lab.wait_for_node()
        self.wait_for_revert(before)


if __name__ == "__main__":
    lab_case.main()
