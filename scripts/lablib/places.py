# SPDX-License-Identifier: Apache-2.0
#
# Where a lab keeps its files, and where a build keeps its programs.
from __future__ import annotations

import dataclasses
import pathlib
import re

from lablib.shell import LabError

SOURCE_ROOT = pathlib.Path(__file__).resolve().parents[2]
EXAMPLES = SOURCE_ROOT / "docs" / "examples"
_STATE_ROOT = pathlib.Path("/run/sluice-lab")
# Names of namespaces and Unix sockets are made of it, and those are short.
_NAME = re.compile(r"[a-z0-9]([-a-z0-9]{0,22}[a-z0-9])?")


@dataclasses.dataclass(frozen=True)
class Programs:
    """The binaries of one build folder."""

    build: pathlib.Path

    @property
    def dataplane(self) -> pathlib.Path:
        return self.build / "dataplane/daemon/sluice-dataplane"

    @property
    def backend(self) -> pathlib.Path:
        return self.build / "dataplane/backend/sluice-backend"

    @property
    def controller(self) -> pathlib.Path:
        return self.build / "controlplane/daemon/sluice-controller"

    @property
    def cli(self) -> pathlib.Path:
        return self.build / "controlplane/cli/sluice"

    def require(self) -> None:
        needed = (self.dataplane, self.backend, self.controller, self.cli)
        missing = [str(path) for path in needed if not path.exists()]
        if missing:
            raise LabError(
                f"not built: {', '.join(missing)}; run scripts/dev build, or give --build"
            )


@dataclasses.dataclass(frozen=True)
class Places:
    """The files of one lab. All of them go with the lab."""

    lab: str

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.lab):
            raise LabError(f"--name {self.lab}: want {_NAME.pattern}")

    @property
    def state(self) -> pathlib.Path:
        return _STATE_ROOT / self.lab

    @property
    def files(self) -> pathlib.Path:
        """What model servers let clients download."""
        return self.state / "www"

    @property
    def dataplane_socket(self) -> pathlib.Path:
        return self.state / "run/dataplane.sock"

    @property
    def controller_socket(self) -> pathlib.Path:
        return self.state / "run/controller.sock"

    @property
    def node_state(self) -> pathlib.Path:
        """`state_dir` of the node: last-good table, record spool."""
        return self.state / "lib/edge-1"

    def config(self, name: str) -> pathlib.Path:
        return self.state / "etc" / name

    def log(self, daemon: str) -> pathlib.Path:
        return self.state / "log" / f"{daemon}.log"

    def pid(self, daemon: str) -> pathlib.Path:
        return self.state / "pid" / f"{daemon}.pid"

    def make(self) -> None:
        for folder in ("etc", "log", "pid", "run", "lib", "www"):
            (self.state / folder).mkdir(parents=True, exist_ok=True)
