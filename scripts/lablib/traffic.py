# SPDX-License-Identifier: Apache-2.0
#
# Real HTTP from the clients of a lab, and what came back.
from __future__ import annotations

import dataclasses
import json
import pathlib
import subprocess

from lablib import layout
from lablib.lab import Lab
from lablib.shell import LabError, run

_LOAD = pathlib.Path(__file__).with_name("http_load.py")


@dataclasses.dataclass(frozen=True)
class Client:
    host: layout.Clients
    address: str

    @property
    def client_class(self) -> str:
        return self.host.client_class

    @property
    def service(self) -> str:
        return layout.SERVICE_V6 if ":" in self.address else layout.SERVICE_V4

    def flow(self, port: int) -> tuple[str, str, str]:
        """Its 5-tuple from this port, as the CLI wants it."""
        if ":" in self.address:
            return "tcp", f"[{self.address}]:{port}", f"[{self.service}]:80"
        return "tcp", f"{self.address}:{port}", f"{self.service}:80"


@dataclasses.dataclass(frozen=True)
class Answer:
    client: Client
    port: int
    server: str  # the name that the model server gives itself


def clients(name: str, count_v4: int, count_v6: int, first: int = 1) -> list[Client]:
    """That many clients of the namespace `name`, each one client also by `affinity: client`."""
    host = layout.host_named(name)
    addresses = [host.address_v4(first + index) for index in range(count_v4)]
    addresses += [host.address_v6(first + index) for index in range(count_v6)]
    return [Client(host, address) for address in addresses]


def request_all(lab: Lab, senders: list[Client], each: int) -> tuple[list[Answer], list[str]]:
    """Sends `each` requests from every client. Returns the answers, and a line per failure."""
    answers, failures = [], []
    by_host: dict[str, list[Client]] = {}
    for client in senders:
        by_host.setdefault(client.host.name, []).append(client)
    for host, members in by_host.items():
        known = {client.address: client for client in members}
        lines = [
            json.dumps({"source": client.address, "target": client.service, "path": "/"})
            for _ in range(each)
            for client in members
        ]
        out = run(*lab.inside(host, "python3", str(_LOAD)), feed="\n".join(lines), timeout=300)
        for result in map(json.loads, out.splitlines()):
            answer = _judge(known[result["source"]], result)
            (answers if isinstance(answer, Answer) else failures).append(answer)
    return answers, failures


def _judge(client: Client, result: dict) -> Answer | str:
    if "error" in result:
        return f"{client.address}: {result['error']}"
    if result["status"] != 200:
        return f"{client.address}: status {result['status']}"
    return Answer(client, result["port"], json.loads(result["body"])["server"])


def curl(
    lab: Lab, client: Client, path: str = "/", *options: str, timeout: float = 30
) -> subprocess.CompletedProcess:
    """One request with curl from the client's address; the caller judges the exit code."""
    host = f"[{client.service}]" if ":" in client.service else client.service
    command = lab.inside(
        client.host.name,
        "curl",
        "-sS",
        "--max-time",
        str(timeout),
        "--interface",
        client.address,
        *options,
        f"http://{host}{path}",
    )
    return subprocess.run(command, capture_output=True, timeout=timeout + 5)


def curl_once(lab: Lab, client: Client) -> Answer:
    """Errors: LabError when there is no answer."""
    done = curl(lab, client, "/", "-f")
    if done.returncode != 0:
        raise LabError(f"curl from {client.address}: {done.stderr.decode().strip()}")
    body = json.loads(done.stdout)
    return Answer(client, int(body["port"]), body["server"])
