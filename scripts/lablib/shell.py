# SPDX-License-Identifier: Apache-2.0
#
# Runs programs, inside and outside of namespaces.
from __future__ import annotations

import subprocess
import sys
import time


class LabError(Exception):
    """Something that the operator has to know; its text says what, and where to look."""


_START = time.monotonic()


def say(text: str) -> None:
    print(f"[{time.monotonic() - _START:6.1f}s] {text}", file=sys.stderr, flush=True)


def inside(netns: str, *command: str) -> list[str]:
    return ["ip", "netns", "exec", netns, *command]


def run(*command: str, feed: str | None = None, timeout: float = 60) -> str:
    """Returns what the command writes. Errors: LabError with what it said."""
    try:
        done = subprocess.run(command, input=feed, capture_output=True, text=True, timeout=timeout)
    except FileNotFoundError as error:
        raise LabError(f"{command[0]}: not installed") from error
    except subprocess.TimeoutExpired as error:
        raise LabError(f"{' '.join(command)}: no end after {timeout:.0f} s") from error
    if done.returncode != 0:
        said = (done.stderr or done.stdout).strip()
        raise LabError(f"{' '.join(command)}: exit code {done.returncode}: {said}")
    return done.stdout


def ip_batch(netns: str | None, lines: list[str]) -> None:
    """Gives all lines to one `ip`, which is much faster than one `ip` each."""
    where = ["-n", netns] if netns else []
    run("ip", *where, "-batch", "-", feed="\n".join(lines) + "\n")


def wait_until(what: str, ready, timeout: float, step: float = 0.1) -> None:
    """Errors: LabError that names `what`. A LabError of `ready` means: not yet."""
    deadline = time.monotonic() + timeout
    last = ""
    while time.monotonic() < deadline:
        try:
            if ready():
                return
        except LabError as error:
            last = f": {error}"
        time.sleep(step)
    raise LabError(f"{what}: not so after {timeout:.0f} s{last}")
