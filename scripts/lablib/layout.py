# SPDX-License-Identifier: Apache-2.0
#
# Who lives in a lab, at which addresses. The addresses are those of docs/examples/policy.yaml.
from __future__ import annotations

import dataclasses

SERVICE_V4 = "203.0.113.10"
SERVICE_V6 = "2001:db8:f::10"

# The underlay carries a full-size client packet plus an outer IPv6 header of 40 bytes.
UNDERLAY_MTU = 1600
CLIENT_MTU = 1500


@dataclasses.dataclass(frozen=True)
class Host:
    """One network namespace with one interface on the lab's switch."""

    name: str
    index: int  # last part of its underlay addresses and of its MAC
    interface: str = "eth0"

    @property
    def ipv4(self) -> str:
        return f"10.77.1.{self.index}"

    @property
    def ipv6(self) -> str:
        return f"fd77:1::{self.index}"

    @property
    def mac(self) -> str:
        return f"02:00:00:00:{1 + self.index // 100:02d}:{self.index % 100:02d}"


@dataclasses.dataclass(frozen=True)
class Server(Host):
    model: str = "chat"
    version: str = ""


@dataclasses.dataclass(frozen=True)
class Clients(Host):
    """A namespace in which every address of two prefixes is a client."""

    client_class: str = ""
    prefix_v4: str = ""  # a /24, with its last part left out: "198.51.100"
    prefix_v6: str = ""  # a /48, without "::": "2001:db8:e"

    def address_v4(self, number: int) -> str:
        """Units: number 1..254."""
        return f"{self.prefix_v4}.{number}"

    def address_v6(self, number: int) -> str:
        """Each in a /64 of its own, as `affinity: client` counts. Units: number 1..65535."""
        return f"{self.prefix_v6}:{number:x}::1"


EDGE = Host("edge-1", 2, "uplink")
SERVERS = (
    Server("v1-a", 11, version="v1"),
    Server("v1-b", 12, version="v1"),
    Server("v2-a", 21, version="v2"),
    Server("v2-us-a", 31, version="v2"),
)
# One more address of v1-b's server, for a backend that a test adds to a pool.
SPARE_V4 = "10.77.1.13"
SPARE_V6 = "fd77:1::13"
SPARE_SERVER = "v1-b"
CLIENTS = (
    Clients("client-eu", 101, client_class="eu", prefix_v4="198.51.100", prefix_v6="2001:db8:e"),
    Clients("client-us", 102, client_class="us", prefix_v4="192.0.2", prefix_v6="2001:db8:a"),
    Clients(
        "client-unknown", 103, client_class="unknown", prefix_v4="198.18.7", prefix_v6="2001:db8:b"
    ),
)
HOSTS: tuple[Host, ...] = (EDGE, *SERVERS, *CLIENTS)
SWITCH = "switch"  # the namespace of the bridge that joins them


def host_named(name: str) -> Host | None:
    return next((host for host in HOSTS if host.name == name), None)


def namespace(lab: str, host: str) -> str:
    return f"sluice-{lab}-{host}"


def namespaces(lab: str) -> list[str]:
    return [namespace(lab, name) for name in (*(host.name for host in HOSTS), SWITCH)]
