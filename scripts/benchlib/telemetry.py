# SPDX-License-Identifier: Apache-2.0
"""Reads the telemetry socket that every DPDK process opens."""

import json
import pathlib
import socket
import time


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
                self.socket.recv(16384)
                return
            except (FileNotFoundError, ConnectionRefusedError):
                if time.monotonic() > deadline:
                    raise TimeoutError(f"{self.path} does not answer") from None
                time.sleep(0.05)

    def ask(self, command: str) -> dict:
        self.socket.send(command.encode())
        return json.loads(self.socket.recv(262144))[command.split(",")[0]]

    def await_traffic(self, seconds: float) -> None:
        """Waits until port 0 sends. Raises TimeoutError when it does not."""
        deadline = time.monotonic() + seconds
        while self.ask("/ethdev/stats,0").get("opackets", 0) == 0:
            if time.monotonic() > deadline:
                raise TimeoutError("port 0 forwards nothing")
            time.sleep(0.1)

    def rates(self, seconds: float) -> tuple[float, float]:
        """Packets received and sent per second by port 0 over the next seconds."""
        before, start = self.ask("/ethdev/stats,0"), time.monotonic()
        time.sleep(seconds)
        after, elapsed = self.ask("/ethdev/stats,0"), time.monotonic() - start
        return tuple((after[key] - before[key]) / elapsed for key in ("ipackets", "opackets"))
