# SPDX-License-Identifier: Apache-2.0
#
# Programs beside a test: load at a fixed rate, a faulty model server, a host's own packet count.
from __future__ import annotations

import json
import pathlib
import subprocess
import threading
import time

from lablib import layout, traffic
from lablib.lab import Lab
from lablib.shell import wait_until

_HERE = pathlib.Path(__file__).parent
_END_SECONDS = 30


class PacedLoad:
    """Connects at `rate` per second from its creation, for so long; `results` grow until `end`."""

    def __init__(
        self,
        lab: Lab,
        clients: list[traffic.Client],
        rate: float,
        seconds: float,
        timeout: float = 5,
    ) -> None:
        lines = [json.dumps({"source": c.address, "target": c.service}) for c in clients]
        script = str(_HERE / "paced_load.py")
        command = lab.inside(
            clients[0].host.name, "python3", script, str(rate), str(seconds), str(timeout)
        )
        self._seconds = seconds
        self.results: list[dict] = []
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self._process.stdin.write("\n".join(lines))
        self._process.stdin.close()
        self.start = float(self._process.stdout.readline())
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def _read(self) -> None:
        for line in self._process.stdout:
            self.results.append(json.loads(line))

    def now(self) -> float:
        """Seconds since its beginning, as results count them."""
        return time.monotonic() - self.start

    def end(self) -> list[dict]:
        """Waits for the last answer."""
        self._process.wait(self._seconds + _END_SECONDS)
        self._reader.join()
        self._process.stdout.close()
        return self.results

    def stop(self) -> list[dict]:
        """Ends it now."""
        self._process.terminate()
        return self.end()

    def failures(self) -> list[str]:
        return [
            f"{result['source']} after {result['seconds']} s: {result['error']}"
            for result in self.results
            if "error" in result
        ]


class FaultyServer:
    """Takes the place of a model server's nginx until it is closed."""

    def __init__(self, lab: Lab, name: str, folder: pathlib.Path) -> None:
        self._lab, self._name = lab, name
        self._fault = folder / f"{name}.fault"
        server = layout.host_named(name)
        lab.nginx[name].stop()
        script = str(_HERE / "faulty_server.py")
        self._process = subprocess.Popen(
            lab.inside(
                *(name, "python3", script, name, server.version, str(self._fault)),
                *(layout.SERVICE_V4, layout.SERVICE_V6),
            )
        )
        wait_until(f"the faulty server {name} answers", self._answers, 10)

    def _answers(self) -> bool:
        url = f"http://{layout.host_named(self._name).ipv4}/health"
        command = self._lab.inside(self._name, "curl", "-fsS", "--max-time", "1", url)
        return subprocess.run(command, capture_output=True, check=False).returncode == 0

    def fail(self, fault: str) -> None:
        self._fault.write_text(fault)

    def mend(self) -> None:
        self._fault.unlink(missing_ok=True)

    def close(self) -> None:
        self._process.terminate()
        self._process.wait(_END_SECONDS)
        self._fault.unlink(missing_ok=True)
        self._lab.start_server(self._name)


class Arrivals:
    """The TCP packets for the service that a host itself sees, from creation until `end`."""

    def __init__(self, lab: Lab, host: str) -> None:
        script = str(_HERE / "arrivals.py")
        command = lab.inside(host, "python3", script, layout.SERVICE_V4, layout.SERVICE_V6)
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        self._packets: list[dict] = []
        self._process.stdout.readline()  # it listens
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def _read(self) -> None:
        for line in self._process.stdout:
            self._packets.append(json.loads(line))

    def end(self) -> list[dict]:
        self._process.terminate()
        self._process.wait(_END_SECONDS)
        self._reader.join()
        self._process.stdout.close()
        return self._packets


class HeldConnections:
    """One connection of each client, open and quiet until they are used."""

    def __init__(self, lab: Lab, clients: list[traffic.Client]) -> None:
        lines = [json.dumps({"source": c.address, "target": c.service}) for c in clients]
        script = str(_HERE / "held_connections.py")
        self._process = subprocess.Popen(
            lab.inside(clients[0].host.name, "python3", script),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self._process.stdin.write("\n".join(lines) + "\n\n")
        self._process.stdin.flush()
        self._process.stdout.readline()  # they are open

    def use(self) -> dict[str, str]:
        """Sends a request on each. Returns who answered, or what went wrong, by source."""
        said, _ = self._process.communicate("\n", timeout=_END_SECONDS)
        return json.loads(said)

    def close(self) -> None:
        if self._process.returncode is None:
            self._process.kill()
            self._process.communicate()
