# SPDX-License-Identifier: Apache-2.0
"""One run of scripts/bench: what was asked for, the processes it starts, what it notes."""

import contextlib
import dataclasses
import os
import pathlib
import re
import shlex
import shutil
import signal
import subprocess
import sys
import time

HUGEPAGES_FILE = pathlib.Path("/proc/sys/vm/nr_hugepages")
HUGEPAGE_BYTES = 2 << 20
END_PATIENCE_SECONDS = 20
LOG_TAIL_CHARACTERS = 2000


class BenchError(Exception):
    """A measurement that could not be made; its text says why."""


@dataclasses.dataclass
class Run:
    build: pathlib.Path
    folder: pathlib.Path  # for configurations, captures and logs; removed at the end
    rounds: int
    quick: bool
    commands: list[str] = dataclasses.field(default_factory=list)  # each once, in order
    notes: list[str] = dataclasses.field(
        default_factory=list
    )  # what a reader of the table must know
    start: float = dataclasses.field(default_factory=time.monotonic)

    @property
    def seconds(self) -> float:
        """Measured per round."""
        return 1.0 if self.quick else 2.0

    @property
    def warm_seconds(self) -> float:
        return 0.5 if self.quick else 1.0

    def prefix(self, name: str) -> str:
        """The --file-prefix of a DPDK process, which no other run has."""
        return f"sluice-bench-{os.getpid()}-{name}"

    def remove_prefixes(self) -> None:
        """DPDK leaves the folders of its sockets behind."""
        for folder in pathlib.Path("/var/run/dpdk").glob(self.prefix("*")):
            shutil.rmtree(folder, ignore_errors=True)

    def say(self, text: str) -> None:
        print(f"[{time.monotonic() - self.start:6.1f}s] {text}", file=sys.stderr, flush=True)

    def program(self, path: str) -> str:
        """Raises BenchError when it is not built."""
        program = self.build / path
        if not program.exists():
            raise BenchError(f"{program} is missing: run `ninja -C {self.build} {path}`")
        return str(program)

    def note_command(self, command: list[str]) -> None:
        line = re.sub(rf"{re.escape(str(self.folder))}(/tmp\w+)?", "$FOLDER", shlex.join(command))
        if line not in self.commands:
            self.commands.append(line)

    @contextlib.contextmanager
    def process(self, command: list[str], log: str, **options):
        """Runs a command until the block ends; SIGTERM, then SIGKILL.

        What fails inside the block shows the command's last words.
        """
        self.note_command(command)
        path = self.folder / log
        options = {"stdin": subprocess.PIPE, **options}
        with path.open("w", encoding="utf-8") as output:
            try:
                child = subprocess.Popen(
                    command, **{"stdout": output, "stderr": output, "text": True, **options}
                )
            except FileNotFoundError:
                raise BenchError(
                    f"{command[0]} is not installed: run `sudo scripts/install-packages bench`"
                ) from None
        try:
            yield child
        except (BenchError, TimeoutError, OSError, ValueError) as error:
            state = f"ended with {child.poll()}" if child.poll() is not None else "runs"
            words = path.read_text(errors="replace")[-LOG_TAIL_CHARACTERS:]
            raise BenchError(
                f"{error} ({pathlib.Path(command[0]).name} {state})\n{words}"
            ) from None
        finally:
            end(child)


def end(child: subprocess.Popen) -> None:
    child.send_signal(signal.SIGTERM)
    try:
        child.wait(END_PATIENCE_SECONDS)
    except subprocess.TimeoutExpired:
        child.kill()
        child.wait()
    for stream in (child.stdin, child.stdout):
        if stream is not None:
            stream.close()


def _free_hugepages() -> int:
    for line in pathlib.Path("/proc/meminfo").read_text().splitlines():
        if line.startswith("HugePages_Free:"):
            return int(line.split()[1])
    return 0


@contextlib.contextmanager
def hugepages(size_bytes: int):
    """So much free in hugepages of 2 MiB; what was set before is set again afterwards."""
    wanted = size_bytes // HUGEPAGE_BYTES
    before = int(HUGEPAGES_FILE.read_text())
    missing = wanted - _free_hugepages()
    try:
        if missing > 0:
            HUGEPAGES_FILE.write_text(str(before + missing))
        if _free_hugepages() < wanted:
            raise BenchError(f"the kernel has {_free_hugepages()} free hugepages, not {wanted}")
        yield
    finally:
        HUGEPAGES_FILE.write_text(str(before))
