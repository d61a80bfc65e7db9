# SPDX-License-Identifier: Apache-2.0
#
# People with identities of their own, whom the controller's socket tells apart, and a policy whose
# guardrail asks for the approval of another.
from __future__ import annotations

import dataclasses
import pathlib
import re
import shutil
import subprocess

import documents
import lab_case
from lablib import traffic
from lablib.lab import Lab

REFUSED, CHANGES, USAGE, NOT_PERMITTED, CONFLICT = 1, 2, 3, 5, 6  # exit codes
RAIL = "eu-residency"
V1, V2 = {"v1-a", "v1-b"}, {"v2-a"}
_POLICY = documents.replaced(documents.POLICY, ("approvals: 0 ", "approvals: 1 "))
_TIMEOUT_SECONDS = 60


def route(v1: int, v2: int) -> str:
    """The route of EU clients, which the guardrail covers, with these weights."""
    return documents.replaced(
        documents.document("Route", "chat-eu"),
        ("weight: 90", f"weight: {v1}"),
        ("weight: 10", f"weight: {v2}"),
    )


ALL_TO_V2 = route(0, 1)


@dataclasses.dataclass(frozen=True)
class Person:
    user: int  # a user id of no account
    role: str = ""  # empty: none

    @property
    def name(self) -> str:
        """As the controller calls a user without an account."""
        return f"uid:{self.user}"


ANN = Person(64001, "operator")
BOB = Person(64002, "operator")
OLGA = Person(64003, "officer")
VERA = Person(64004, "viewer")
NOBODY = Person(64005)
_EVERYBODY = (ANN, BOB, OLGA, VERA, NOBODY)


def give_roles(lab: Lab) -> None:
    """Root, whom the lab itself is, becomes an admin. To be called before the controller starts."""
    bindings = ["{role: admin, users: [0]}"]
    bindings += [f"{{role: {p.role}, users: [{p.user}]}}" for p in _EVERYBODY if p.role]
    file = lab.places.config("controller.yaml")
    file.write_text(f"{file.read_text()}roles: [{', '.join(bindings)}]\n")


class Desk:
    """A place where everybody finds the CLI and may leave files."""

    def __init__(self, lab: Lab, folder: pathlib.Path) -> None:
        self._lab = lab
        self.folder = folder
        folder.chmod(0o1777)
        # The build may lie where only its owner may look.
        self._cli = folder / "sluice"
        shutil.copy(lab.programs.cli, self._cli)

    def sluice(
        self, person: Person, *arguments: str, feed: str | None = None
    ) -> subprocess.CompletedProcess:
        """What `person` types; the caller judges the exit code."""
        user = str(person.user)
        return subprocess.run(
            [
                *("setpriv", "--reuid", user, "--regid", user, "--clear-groups", "--"),
                *(str(self._cli), "--server", f"unix:{self._lab.places.controller_socket}"),
                *arguments,
            ],
            input=feed,
            env={"HOME": str(self.folder), "PATH": "/usr/bin:/bin"},
            capture_output=True,
            text=True,
            timeout=_TIMEOUT_SECONDS,
        )


class PeopleCase(lab_case.LabCase):
    """The example policy, whose guardrail asks for the approval of one other person."""

    desk: Desk

    @classmethod
    def prepare(cls) -> None:
        cls.lab.up_network()
        give_roles(cls.lab)
        cls.lab.start()
        cls.desk = Desk(cls.lab, cls.scratch)
        cls.govern()
        cls.restore()

    @classmethod
    def restore(cls) -> None:
        """The policy as it was, with whatever approval that takes."""
        done = cls.lab.sluice("apply", "--prune", "-f", "-", feed=_POLICY)
        if done.returncode == NOT_PERMITTED:
            change = re.search(r"sluice approve (\d+)", done.stderr)[1]
            done = cls.desk.sluice(OLGA, "approve", change)
        if done.returncode != 0:
            raise AssertionError(f"the policy is not restored: {done.stdout}{done.stderr}")

    def tearDown(self) -> None:
        self.restore()

    def by(
        self, person: Person, code: int, *arguments: str, feed: str | None = None
    ) -> subprocess.CompletedProcess:
        """What `person` types, which must end with this exit code."""
        done = self.desk.sluice(person, *arguments, feed=feed)
        said = f"{person} sluice {' '.join(arguments)}:\n{done.stdout}{done.stderr}"
        self.assertEqual(done.returncode, code, said)
        return done

    def ask_for(self, person: Person, text: str, *options: str) -> str:
        """Applies what waits for approvals. Returns the number of the change."""
        done = self.by(person, NOT_PERMITTED, "apply", "-f", "-", *options, feed=text)
        found = re.search(
            r"change (\d+) waits for 1 approval of another: sluice approve \1", done.stderr
        )
        self.assertTrue(found, done.stderr)
        return found[1]

    def state_of(self, change: str) -> str:
        found = [c for c in self.lab.ask("get", "changes")["items"] if c["id"] == change]
        return found[0]["state"].removeprefix("STATE_").lower()

    def revision(self) -> int:
        return int(self.lab.ask("history")["items"][0]["revision"])

    def events(self, *filters: str) -> list[tuple[str, str, str]]:
        """(kind, actor, outcome), oldest first."""
        return [
            (event["kind"], event["actor"], event["outcome"].removeprefix("OUTCOME_").lower())
            for event in self.lab.ask("events", "--limit", "1000", *filters)["items"]
        ]

    def last_event(self) -> str:
        return str(self.lab.ask("events", "--limit", "1")["items"][-1]["sequence"])

    def servers(self) -> set[str]:
        """Who serves EU clients, by real requests."""
        senders = traffic.clients("client-eu", 20, 20)
        answers, failures = traffic.request_all(self.lab, senders, 1)
        self.assertEqual(failures, [])
        return {answer.server for answer in answers}

    def assert_in_force(self, servers: set[str], revision: int) -> None:
        self.assertEqual(self.revision(), revision)
        found = self.servers()
        self.assertTrue(servers & found and found <= servers | V2, found)
