# SPDX-License-Identifier: Apache-2.0
#
# Steady traffic while something happens: wrk with long and short connections, and many clients.
from __future__ import annotations

import json
import pathlib
import re
import subprocess
import tempfile

from lablib import layout, traffic
from lablib.lab import Lab

_HTTP_LOAD = pathlib.Path(traffic.__file__).with_name("http_load.py")
_CONNECTIONS = 8
_END_TIMEOUT_SECONDS = 30


class Load:
    """Runs for a fixed time from its creation; `failures` waits for the end."""

    def __init__(self, lab: Lab, seconds: int, clients: list[traffic.Client]) -> None:
        requests = [
            json.dumps({"source": client.address, "target": client.service, "path": "/"})
            for client in clients
        ]
        many = lab.inside(clients[0].host.name, "python3", str(_HTTP_LOAD), str(seconds))
        long = lab.inside("client-eu", *_wrk(seconds, layout.SERVICE_V4))
        short = lab.inside(
            "client-eu", *_wrk(seconds, f"[{layout.SERVICE_V6}]", "-H", "Connection: close")
        )
        self._seconds = seconds
        self._many = _Program(many, "\n".join(requests))
        self._wrk = [_Program(long), _Program(short)]

    def failures(self) -> list[str]:
        """Every failed request, and every program that sent too few to say anything."""
        timeout = self._seconds + _END_TIMEOUT_SECONDS
        found = [line for program in self._wrk for line in _wrk_failures(program.end(timeout))]
        requests = [json.loads(line) for line in self._many.end(timeout).splitlines()]
        if len(requests) < 10 * self._seconds:
            found.append(f"many clients: only {len(requests)} requests")
        return found + [
            f"{request['source']} after {request['seconds']} s: "
            f"{request.get('error') or request['status']}"
            for request in requests
            if request.get("status") != 200
        ]


class _Program:
    """Writes to a file: a full pipe would stop it."""

    def __init__(self, command: list[str], feed: str = "") -> None:
        self._output = tempfile.TemporaryFile("w+")
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=self._output, stderr=self._output, text=True
        )
        self._process.stdin.write(feed)
        self._process.stdin.close()

    def end(self, timeout: float) -> str:
        self._process.wait(timeout)
        with self._output as output:
            output.seek(0)
            return output.read()


def _wrk(seconds: int, host: str, *options: str) -> list[str]:
    return [
        "wrk",
        "-t1",
        f"-c{_CONNECTIONS}",
        f"-d{seconds}s",
        "--timeout",
        "5s",
        *options,
        f"http://{host}/",
    ]


def _wrk_failures(report: str) -> list[str]:
    found = [
        line.strip() for line in report.splitlines() if "Socket errors" in line or "Non-2xx" in line
    ]
    sent = re.search(r"(\d+) requests in", report)
    if not sent or int(sent[1]) < 100:
        found.append(f"wrk sent too little:\n{report}")
    return found
