# SPDX-License-Identifier: Apache-2.0
"""Reads the telemetry socket that every DPDK process opens."""

import json
import pathlib
import socket
import time

ANSWER_BYTES_MAX = 262_144


class Telemetry:
    """The telemetry of one DPDK process, by its --file-prefix."""

    def __init__(self, file_prefix: str):
        self.path = pathlib.Path("/var/run/dpdk") / file_prefix / "dpdk_telemetry.v2"
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)

    def connect(self, seconds: float) -> None:
        """Waits until the process listens. Raises TimeoutError when it does not."""
        deadline = time.monotonic() + seconds
        while True:
            try:
                self.socket.connect(str(self.path))
                self.socket.recv(ANSWER_BYTES_MAX)
                return
            except (FileNotFoundError, ConnectionRefusedError):
                if time.monotonic() > deadline:
                    raise TimeoutError(f"{self.path} does not answer") from None
                time.sleep(0.05)

    def ask(self, command: str) -> dict:
        self.socket.send(command.encode())
        return json.loads(self.socket.recv(ANSWER_BYTES_MAX))[command.split(",")[0]]

    def port(self) -> dict[str, int]:
        """The counters of port 0."""
        return self.ask("/ethdev/stats,0")

    def await_traffic(self, seconds: float) -> None:
        """Waits until port 0 sends. Raises TimeoutError when it does not."""
        deadline = time.monotonic() + seconds
        while self.port().get("opackets", 0) == 0:
            if time.monotonic() > deadline:
                raise TimeoutError("port 0 forwards nothing")
            time.sleep(0.1)

    def traffic(self, seconds: float) -> tuple[int, int, float]:
        """Packets received and sent by port 0 over the next seconds, and how long that was."""
        before, start = self.port(), time.monotonic()
        time.sleep(seconds)
        after, elapsed = self.port(), time.monotonic() - start
        received, sent = (after[key] - before[key] for key in ("ipackets", "opackets"))
        return received, sent, elapsed
