# SPDX-License-Identifier: Apache-2.0
#
# Steady traffic while something happens: wrk with long and short connections, and many clients.
from __future__ import annotations

import json
import pathlib
import re
import subprocess

from lablib import layout, traffic
from lablib.lab import Lab

_HTTP_LOAD = pathlib.Path(traffic.__file__).with_name("http_load.py")
_CONNECTIONS = 8
_END_TIMEOUT_SECONDS = 30


class Load:
    """Runs for a fixed time from its creation; `failures` waits for the end."""

    def __init__(self, lab: Lab, seconds: int, clients: list[traffic.Client]) -> None:
        self._wrk = [
            _start(lab.inside("client-eu", *_wrk(seconds, layout.SERVICE_V4))),
            _start(
                lab.inside(
                    "client-eu", *_wrk(seconds, f"[{layout.SERVICE_V6}]", "-H", "Connection: close")
                )
            ),
        ]
        self._many = _start(
            lab.inside(clients[0].host.name, "python3", str(_HTTP_LOAD), str(seconds))
        )
        for client in clients:
            self._many.stdin.write(
                json.dumps({"source": client.address, "target": client.service, "path": "/"}) + "\n"
            )
        self._many.stdin.close()
        self._many.stdin = None
        self._seconds = seconds

    def failures(self) -> list[str]:
        """Every failed request, and every program that sent too few to say anything."""
        found = []
        for process in self._wrk:
            report, errors = process.communicate(timeout=self._seconds + _END_TIMEOUT_SECONDS)
            found += _wrk_failures(report + errors)
        results, errors = self._many.communicate(timeout=self._seconds + _END_TIMEOUT_SECONDS)
        requests = [json.loads(line) for line in results.splitlines()]
        if len(requests) < 10 * self._seconds:
            found.append(f"many clients: only {len(requests)} requests {errors}")
        return found + [
            f"{request['source']} after {request['seconds']} s: "
            f"{request.get('error') or request['status']}"
            for request in requests
            if request.get("status") != 200
        ]


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


def _start(command: list[str]) -> subprocess.Popen:
    return subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def _wrk_failures(report: str) -> list[str]:
    found = [
        line.strip() for line in report.splitlines() if "Socket errors" in line or "Non-2xx" in line
    ]
    sent = re.search(r"(\d+) requests in", report)
    if not sent or int(sent[1]) < 100:
        found.append(f"wrk sent too little:\n{report}")
    return found
