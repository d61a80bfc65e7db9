# SPDX-License-Identifier: Apache-2.0
"""The controller's signed log, as an auditor checks it: files and a public key."""

import pathlib
import re
import subprocess

from lablib.lab import Lab
from lablib.shell import LabError, wait_until

_KEY = re.compile(r"audit log: .* --key (\S+)")


def public_key(lab: Lab) -> str:
    """Which key the controller said it signs with. Raises LabError."""
    found = _KEY.findall(lab.places.log("controller").read_text())
    if not found:
        raise LabError("the controller says no key of its audit log")
    return found[-1]


def folder(lab: Lab) -> pathlib.Path:
    return lab.places.state / "lib/audit/log"


def wait_for_size(lab: Lab, entries: int) -> None:
    """Until a checkpoint of so many entries is signed."""

    def is_there() -> bool:
        checkpoint = folder(lab) / "checkpoint"
        return checkpoint.exists() and int(checkpoint.read_text().splitlines()[1]) >= entries

    wait_until(f"a checkpoint of {entries} entries", is_there, 15)


def verify(lab: Lab, log: pathlib.Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Checks a copy in a process of its own, with no controller to ask."""
    command = [str(lab.programs.cli), "audit", "verify", str(log), "--key", public_key(lab)]
    return subprocess.run(
        [*command, *arguments], capture_output=True, text=True, timeout=60, check=False, env={}
    )
