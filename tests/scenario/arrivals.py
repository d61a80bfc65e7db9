# SPDX-License-Identifier: Apache-2.0
"""Counts the TCP packets that reach this host for given addresses, as the host itself sees them.

Usage: arrivals.py ADDRESS...      writes a JSON line per packet: {"time" (Unix), "client", "flags"}
Tunnels are taken off by then: the program that does it runs before packet sockets see a frame.
"""

import ipaddress
import json
import socket
import sys
import time

_ETHERNET_BYTES = 14
_ALL_PROTOCOLS = socket.htons(3)  # ETH_P_ALL
_PACKET_OUTGOING = 4


def parse(packet: bytes) -> tuple[str, str, int] | None:
    """Client, service address and flags of a TCP packet."""
    version = packet[0] >> 4 if packet else 0
    if version == 4 and len(packet) >= 40 and packet[9] == socket.IPPROTO_TCP:
        start, source, target = (packet[0] & 15) * 4, packet[12:16], packet[16:20]
    elif version == 6 and len(packet) >= 60 and packet[6] == socket.IPPROTO_TCP:
        start, source, target = 40, packet[8:24], packet[24:40]
    else:
        return None
    return (
        str(ipaddress.ip_address(source)),
        str(ipaddress.ip_address(target)),
        packet[start + 13],
    )


def main() -> None:
    services = {str(ipaddress.ip_address(text)) for text in sys.argv[1:]}
    listener = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, _ALL_PROTOCOLS)
    print("{}", flush=True)  # it listens
    while True:
        frame, address = listener.recvfrom(2048)
        found = parse(frame[_ETHERNET_BYTES:])
        if address[2] == _PACKET_OUTGOING or found is None or found[1] not in services:
            continue
        print(json.dumps({"time": time.time(), "client": found[0], "flags": found[2]}), flush=True)


if __name__ == "__main__":
    main()
