# SPDX-License-Identifier: Apache-2.0
"""The controller's signed log, as an auditor checks it: files and a public key."""

import pathlib
import re
import shutil
import subprocess

from lablib.lab import Lab
from lablib.shell import LabError, wait_until

_KEY = re.compile(r"audit log: .* --key (\S+)")
_RECORDS = re.compile(r"segments that are here: \d+, all (\d+) records")


def public_key(lab: Lab) -> str:
    """Which key the controller said it signs with. Raises LabError."""
    found = _KEY.findall(lab.places.log("controller").read_text())
    if not found:
        raise LabError("the controller says no key of its audit log")
    return found[-1]


def folder(lab: Lab) -> pathlib.Path:
    return lab.places.state / "lib/audit/log"


def size(log: pathlib.Path) -> int:
    """How many entries are signed for."""
    checkpoint = log / "checkpoint"
    return int(checkpoint.read_text().splitlines()[1]) if checkpoint.exists() else 0


def copy(lab: Lab, to: pathlib.Path) -> None:
    """The checkpoint first: what grows meanwhile is more than it needs."""
    checkpoint = (folder(lab) / "checkpoint").read_bytes()
    shutil.copytree(folder(lab), to)
    (to / "checkpoint").write_bytes(checkpoint)


def wait_for_size(lab: Lab, entries: int) -> None:
    """Until a checkpoint of so many entries is signed."""

    def is_there() -> bool:
        return size(folder(lab)) >= entries

    wait_until(f"a checkpoint of {entries} entries", is_there, 15)


def wait_for_records(lab: Lab, records: int) -> None:
    """Until segments with so many records are sealed and their roots signed."""

    def are_there() -> bool:
        found = _RECORDS.search(verify(lab, folder(lab), "--segments", str(segments(lab))).stdout)
        return found is not None and int(found[1]) >= records

    wait_until(f"{records} records in the signed log", are_there, 20)


def segments(lab: Lab) -> pathlib.Path:
    return lab.places.state / "lib/audit/segments"


def verify(lab: Lab, log: pathlib.Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Checks a copy in a process of its own, with no controller to ask."""
    command = [str(lab.programs.cli), "audit", "verify", str(log), "--key", public_key(lab)]
    return subprocess.run(
        [*command, *arguments], capture_output=True, text=True, timeout=60, check=False, env={}
    )
