# SPDX-License-Identifier: Apache-2.0
#
# Builds and removes a lab's namespaces, cables, addresses and routes.
from __future__ import annotations

import json
import os
import signal
import time

from lablib import layout
from lablib.shell import LabError, inside, ip_batch, run

# AF_XDP on a veth serves one queue.
_ONE_QUEUE = "numrxqueues 1 numtxqueues 1"

_SYSCTLS_ALL = {
    "net.ipv4.conf.all.rp_filter": "0",
    "net.ipv4.conf.default.rp_filter": "0",
    "net.ipv4.ip_forward": "0",
    "net.ipv6.conf.all.forwarding": "0",
    "net.ipv6.conf.default.accept_dad": "0",
    "net.ipv6.conf.default.accept_ra": "0",
}
# A service address on `lo` must not be announced to the switch: clients go to the edge node.
_SYSCTLS_SERVER = {
    "net.ipv4.conf.all.arp_ignore": "1",
    "net.ipv4.conf.default.arp_ignore": "1",
    "net.ipv4.conf.all.arp_announce": "2",
    "net.ipv4.conf.default.arp_announce": "2",
}
# IPv6 lets a program bind an address of a local route only with ip_nonlocal_bind.
_SYSCTLS_CLIENT = {
    "net.ipv6.ip_nonlocal_bind": "1",
    "net.ipv4.ip_local_port_range": "1024 64999",
    "net.ipv4.tcp_tw_reuse": "1",
}


def existing(lab: str) -> list[str]:
    listed = json.loads(run("ip", "-json", "netns", "list") or "[]")
    present = {entry["name"] for entry in listed}
    return [name for name in layout.namespaces(lab) if name in present]


def build(lab: str) -> None:
    _make_namespaces(lab)
    _plug_cables(lab)
    _address_edge(lab)
    for server in layout.SERVERS:
        _address_server(lab, server)
    for clients in layout.CLIENTS:
        _address_clients(lab, clients)
    _set_offloads(lab)


def remove(lab: str) -> None:
    """Ends every process inside the namespaces, then removes these. None there is no error."""
    present = existing(lab)
    for number in (signal.SIGTERM, signal.SIGKILL):
        if not _signal_members(present, number):
            break
        _wait_for_members(present, 5)
    for name in present:
        run("ip", "netns", "delete", name)


def _members(netns: str) -> list[int]:
    return [int(pid) for pid in run("ip", "netns", "pids", netns).split()]


def _signal_members(namespaces: list[str], number: signal.Signals) -> bool:
    pids = [pid for name in namespaces for pid in _members(name) if pid != os.getpid()]
    for pid in pids:
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            pass
    return bool(pids)


def _wait_for_members(namespaces: list[str], seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline and any(_members(name) for name in namespaces):
        time.sleep(0.05)


def _make_namespaces(lab: str) -> None:
    ip_batch(None, [f"netns add {name}" for name in layout.namespaces(lab)])
    groups = [
        (layout.EDGE, {}),
        *((host, _SYSCTLS_SERVER) for host in layout.SERVERS),
        *((host, _SYSCTLS_CLIENT) for host in layout.CLIENTS),
    ]
    for host, extra in groups:
        settings = [f"{key}={value}" for key, value in {**_SYSCTLS_ALL, **extra}.items()]
        run(*inside(layout.namespace(lab, host.name), "sysctl", "-q", "-w", *settings))


def _plug_cables(lab: str) -> None:
    switch = layout.namespace(lab, layout.SWITCH)
    lines = [
        "link set lo up",
        f"link add bridge0 mtu {layout.UNDERLAY_MTU} type bridge forward_delay 0 mcast_snooping 0",
    ]
    for host in layout.HOSTS:
        peer = layout.namespace(lab, host.name)
        lines += [
            f"link add {host.name} mtu {layout.UNDERLAY_MTU} {_ONE_QUEUE} type veth"
            f" peer name {host.interface} netns {peer} address {host.mac} {_ONE_QUEUE}",
            f"link set {host.name} master bridge0 up",
        ]
    # Set last: a bridge takes the smallest MTU of its ports, unless it was set by hand.
    lines += ["link set bridge0 up", f"link set bridge0 mtu {layout.UNDERLAY_MTU}"]
    ip_batch(switch, lines)
    for host in layout.HOSTS:
        mtu = layout.CLIENT_MTU if isinstance(host, layout.Clients) else layout.UNDERLAY_MTU
        ip_batch(
            layout.namespace(lab, host.name),
            [
                "link set lo up",
                f"link set {host.interface} mtu {mtu} up",
                f"address add {host.ipv4}/24 dev {host.interface}",
                f"address add {host.ipv6}/64 dev {host.interface} nodad",
            ],
        )


def _routes_to_clients(interface: str) -> list[str]:
    # By way of each namespace's own address: thousands of clients need three neighbour entries.
    lines = []
    for clients in layout.CLIENTS:
        lines += [
            f"route add {clients.prefix_v4}.0/24 via {clients.ipv4} dev {interface}",
            f"route add {clients.prefix_v6}::/48 via {clients.ipv6} dev {interface}",
        ]
    return lines


def _address_edge(lab: str) -> None:
    # The kernel keeps silent about services while no node is there to answer.
    silence = [
        f"route add blackhole {layout.SERVICE_V4}/32",
        f"route add blackhole {layout.SERVICE_V6}/128",
    ]
    ip_batch(
        layout.namespace(lab, layout.EDGE.name),
        _routes_to_clients(layout.EDGE.interface) + silence,
    )


def _address_server(lab: str, server: layout.Server) -> None:
    lines = [
        f"address add {layout.SERVICE_V4}/32 dev lo",
        f"address add {layout.SERVICE_V6}/128 dev lo nodad",
    ]
    if server.name == layout.SPARE_SERVER:
        lines += [
            f"address add {layout.SPARE_V4}/24 dev {server.interface}",
            f"address add {layout.SPARE_V6}/64 dev {server.interface} nodad",
        ]
    ip_batch(layout.namespace(lab, server.name), lines + _routes_to_clients(server.interface))


def _address_clients(lab: str, clients: layout.Clients) -> None:
    interface = clients.interface
    first_v4, first_v6 = clients.address_v4(1), clients.address_v6(1)
    ip_batch(
        layout.namespace(lab, clients.name),
        [
            f"address add {first_v4}/32 dev {interface}",
            f"address add {first_v6}/128 dev {interface} nodad",
            f"route add local {clients.prefix_v4}.0/24 dev lo",
            f"route add local {clients.prefix_v6}::/48 dev lo",
            f"route add {layout.SERVICE_V4}/32 via {layout.EDGE.ipv4} src {first_v4}",
            f"route add {layout.SERVICE_V6}/128 via {layout.EDGE.ipv6} src {first_v6}",
        ],
    )


def _set_offloads(lab: str) -> None:
    # What enters a raw path must be a finished packet: real checksums, no larger than the wire's.
    for host in (layout.EDGE, *layout.CLIENTS):
        features = [word for name in ("tx", "sg", "tso", "gso", "gro") for word in (name, "off")]
        netns = layout.namespace(lab, host.name)
        run(*inside(netns, "ethtool", "-K", host.interface, *features))


def require_root() -> None:
    if os.geteuid() != 0:
        raise LabError("a lab makes network namespaces: run this as root (sudo)")
