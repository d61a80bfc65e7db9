# SPDX-License-Identifier: Apache-2.0
#
# A sender and a model server's host on one wire, for tests of sluice-backend.
from __future__ import annotations

import contextlib
import ctypes
import os
import pathlib
import select
import signal
import socket
import subprocess
import time

SENDER_MAC, HOST_MAC = "02:00:00:00:00:01", "02:00:00:00:00:02"
SENDER4, HOST4, SENDER6, HOST6 = "10.9.0.1", "10.9.0.2", "fd09::1", "fd09::2"
CLIENT4, CLIENT6 = "198.51.100.7", "2001:db8:e::7"
SERVICE4, SERVICE6 = "203.0.113.10", "2001:db8:f::10"
SERVICE_PORT = 9000
_CLONE_NEWNET = 0x40000000
_SO_RCVBUFFORCE = 33
_libc = ctypes.CDLL(None, use_errno=True)


def run(*words: str) -> str:
    done = subprocess.run(words, capture_output=True, text=True)
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(words)}: {done.stderr.strip()}")
    return done.stdout


@contextlib.contextmanager
def inside(namespace: str):
    """Sockets that are made in the block belong to the namespace."""
    home = os.open("/proc/self/ns/net", os.O_RDONLY)
    there = os.open(f"/run/netns/{namespace}", os.O_RDONLY)
    try:
        if _libc.setns(there, _CLONE_NEWNET) != 0:
            raise OSError(ctypes.get_errno(), "setns")
        yield
    finally:
        _libc.setns(home, _CLONE_NEWNET)
        os.close(home)
        os.close(there)


class Host:
    """Two namespaces, unique to this process; service addresses on the host loopback."""

    def __init__(self, binary: str) -> None:
        self.binary = binary
        self.sender, self.name = f"bs-{os.getpid()}", f"bh-{os.getpid()}"
        self.processes: list[subprocess.Popen] = []
        self._sockets: list[socket.socket] = []
        try:
            self._build()
        except Exception:
            self.close()
            raise

    def _build(self) -> None:
        for name in (self.sender, self.name):
            run("ip", "netns", "add", name)
            run("ip", "-n", name, "link", "set", "lo", "up")
        run(
            *f"ip link add wire netns {self.sender} address {SENDER_MAC} type veth"
            f" peer name wire netns {self.name} address {HOST_MAC}".split()
        )
        for name, own4, own6 in ((self.sender, SENDER4, SENDER6), (self.name, HOST4, HOST6)):
            run("ip", "-n", name, "addr", "add", f"{own4}/24", "dev", "wire")
            run("ip", "-n", name, "addr", "add", f"{own6}/64", "dev", "wire", "nodad")
            run("ip", "-n", name, "link", "set", "wire", "up")
            run("ip", "netns", "exec", name, "ethtool", "-K", "wire", "tx", "off")
        run("ip", "-n", self.name, "addr", "add", f"{SERVICE4}/32", "dev", "lo")
        run("ip", "-n", self.name, "addr", "add", f"{SERVICE6}/128", "dev", "lo", "nodad")
        run("ip", "-n", self.name, "route", "add", "default", "via", SENDER4)
        run("ip", "-n", self.name, "-6", "route", "add", "default", "via", SENDER6)
        with inside(self.sender):
            self.raw = self._keep(socket.socket(socket.AF_PACKET, socket.SOCK_RAW))
            self.raw.bind(("wire", 0))
        with inside(self.name):
            self.services = {
                4: self._service(socket.AF_INET, "0.0.0.0"),
                6: self._service(socket.AF_INET6, "::"),
            }

    def _keep(self, made: socket.socket) -> socket.socket:
        self._sockets.append(made)
        return made

    def _service(self, family: int, address: str) -> socket.socket:
        service = self._keep(socket.socket(family, socket.SOCK_DGRAM))
        if family == socket.AF_INET6:
            service.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            service.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_RECVTCLASS, 1)
        else:
            service.setsockopt(socket.IPPROTO_IP, socket.IP_RECVTOS, 1)
        service.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, 1 << 23)
        service.bind((address, SERVICE_PORT))
        return service

    def close(self) -> None:
        for process in self.processes:
            if process.poll() is None:
                process.kill()
            process.communicate()
        for open_socket in self._sockets:
            open_socket.close()
        for name in (self.sender, self.name):
            subprocess.run(["ip", "netns", "del", name], capture_output=True)

    def start(self, *arguments: str) -> subprocess.Popen:
        """Returns when the program decapsulates, or has ended."""
        process = subprocess.Popen(
            ["ip", "netns", "exec", self.name, self.binary, "--interface", "wire", *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.processes.append(process)
        select.select([process.stderr], [], [], 10)
        process.said = process.stderr.readline()
        return process

    def stop(self, process: subprocess.Popen, number: int = signal.SIGTERM) -> int:
        process.send_signal(number)
        process.communicate(timeout=10)
        return process.returncode

    def ask(self, *arguments: str) -> subprocess.CompletedProcess:
        return subprocess.run(
            ["ip", "netns", "exec", self.name, self.binary, "--interface", "wire", *arguments],
            capture_output=True,
            text=True,
        )

    def counts(self) -> dict[str, int]:
        lines = self.ask("--status").stdout.splitlines()
        return {line.split()[0]: int(line.split()[2]) for line in lines}

    def program(self) -> str:
        """What `ip link` says about XDP on the wire; empty when there is none."""
        shown = run("ip", "-n", self.name, "link", "show", "wire")
        return shown[shown.find("prog/xdp") :].strip() if "prog/xdp" in shown else ""

    def receive(self, family: int, seconds: float = 2.0):
        """(payload, source address, traffic class) of the next datagram; None when none comes."""
        service = self.services[family]
        if not select.select([service], [], [], seconds)[0]:
            return None
        payload, control, _, source = service.recvmsg(2048, 64)
        traffic_class = control[0][2][0] if control else None
        return payload, source[0], traffic_class

    def wait_until(self, claim, seconds: float = 5.0) -> bool:
        end = time.monotonic() + seconds
        while not claim():
            if time.monotonic() > end:
                return False
            time.sleep(0.01)
        return True


def binary_of(build: str) -> str:
    return str(pathlib.Path(build) / "dataplane/backend/sluice-backend")


def steering_object(build: str) -> str:
    return str(pathlib.Path(build) / "dataplane/bpf/steer.bpf.o")
