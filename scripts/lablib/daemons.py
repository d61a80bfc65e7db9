# SPDX-License-Identifier: Apache-2.0
#
# Starts, stops and watches the programs that run inside a lab.
from __future__ import annotations

import dataclasses
import os
import pathlib
import signal
import subprocess

from lablib import layout
from lablib.places import Places, Programs
from lablib.shell import LabError, inside, run, wait_until

_TAIL_LINES = 25


@dataclasses.dataclass(frozen=True)
class Daemon:
    """One program of the lab, its process kept track of by a pid file."""

    places: Places
    name: str
    host: str
    command: tuple[str, ...]

    @property
    def pid(self) -> int | None:
        """None: it does not run."""
        try:
            number = int(self.places.pid(self.name).read_text())
            state = pathlib.Path(f"/proc/{number}/stat").read_text().rpartition(")")[2].split()[0]
        except (FileNotFoundError, ProcessLookupError, ValueError):
            return None
        return None if state == "Z" else number

    def start(self, *options: str) -> None:
        """Runs already: no error."""
        if self.pid is not None:
            return
        with open(self.places.log(self.name), "ab") as log:
            process = subprocess.Popen(
                inside(layout.namespace(self.places.lab, self.host), *self.command, *options),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        self.places.pid(self.name).write_text(str(process.pid))
        _CHILDREN[process.pid] = process

    def stop(self, number: signal.Signals = signal.SIGTERM, timeout: float = 15) -> int | None:
        """Returns its exit code when this program started it. Not running is no error."""
        pid = self.pid
        if pid is None:
            return None
        os.killpg(pid, number)
        child = _CHILDREN.get(pid)
        wait_until(f"{self.name} ends", lambda: self._ended(child), timeout)
        return child.returncode if child else None

    def _ended(self, child: subprocess.Popen | None) -> bool:
        return child.poll() is not None if child else self.pid is None

    def tail(self) -> str:
        log = self.places.log(self.name)
        lines = log.read_text(errors="replace").splitlines() if log.exists() else []
        return "\n".join(f"  {self.name} | {line}" for line in lines[-_TAIL_LINES:])

    def require_running(self) -> None:
        child = _CHILDREN.get(self.pid or 0)
        if self.pid is None or (child and child.poll() is not None):
            raise LabError(
                f"{self.name} does not run; the end of {self.places.log(self.name)}:\n"
                f"{self.tail()}"
            )


# Processes that this program started, so that the ended ones leave no zombie behind.
_CHILDREN: dict[int, subprocess.Popen] = {}


def nginx(places: Places, server: layout.Server) -> Daemon:
    config = places.config(f"nginx-{server.name}.conf")
    return Daemon(
        places,
        f"nginx-{server.name}",
        server.name,
        ("nginx", "-e", str(places.log(f"nginx-{server.name}")), "-c", str(config)),
    )


def backend(places: Places, programs: Programs, server: layout.Server) -> Daemon:
    return Daemon(
        places,
        f"backend-{server.name}",
        server.name,
        (
            str(programs.backend),
            "--interface",
            server.interface,
            "--from",
            f"{layout.EDGE.ipv4}/32",
            "--from",
            f"{layout.EDGE.ipv6}/128",
        ),
    )


def dataplane(places: Places, programs: Programs) -> Daemon:
    return Daemon(
        places,
        "dataplane",
        layout.EDGE.name,
        (str(programs.dataplane), "--config", str(places.config("dataplane.yaml"))),
    )


def controller(places: Places, programs: Programs) -> Daemon:
    return Daemon(
        places,
        "controller",
        layout.EDGE.name,
        (str(programs.controller), "--config", str(places.config("controller.yaml"))),
    )


def wait_for_server(places: Places, server: layout.Server) -> None:
    daemon = nginx(places, server)
    netns = layout.namespace(places.lab, server.name)

    def answers() -> bool:
        daemon.require_running()
        return server.version in run(
            *inside(netns, "curl", "-fsS", "--max-time", "1", f"http://{server.ipv4}/health")
        )

    wait_until(f"the model server {server.name} answers", answers, 10)
