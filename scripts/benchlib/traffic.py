# SPDX-License-Identifier: Apache-2.0
"""Capture files of exactly the flows a benchmark wants."""

import pathlib
import random
import socket
import struct

FRAME_BYTES = 60  # 64 on the wire
ETHERNET = bytes.fromhex("020000000002") + bytes.fromhex("020000000001") + b"\x08\x00"
TCP_ACK = 0x10


def checksum(words: bytes) -> int:
    total = sum(struct.unpack(f"!{len(words) // 2}H", words))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def tcp_frame(source: int, source_port: int, destination: bytes, destination_port: int) -> bytes:
    """One 60-byte frame of an established TCP connection."""
    ip = struct.pack(
        "!BBHHHBBHI4s", 0x45, 0, FRAME_BYTES - 14, 0, 0x4000, 64, 6, 0, source, destination
    )
    ip = ip[:10] + struct.pack("!H", checksum(ip)) + ip[12:]
    tcp = struct.pack("!HHIIBBHHH", source_port, destination_port, 1, 1, 0x50, TCP_ACK, 1024, 0, 0)
    pseudo = ip[12:20] + struct.pack("!BBH", 0, 6, FRAME_BYTES - 34)
    payload = bytes(FRAME_BYTES - 14 - 40)
    tcp = tcp[:16] + struct.pack("!H", checksum(pseudo + tcp + payload)) + tcp[18:]
    return ETHERNET + ip + tcp + payload


def write_capture(path: pathlib.Path, flows: int, service: str, port: int) -> None:
    """Writes one packet per flow, in random order; the same file for the same arguments."""
    destination = socket.inet_aton(service)
    base = struct.unpack("!I", socket.inet_aton("198.51.100.0"))[0]
    order = list(range(flows))
    random.Random(flows).shuffle(order)
    with path.open("wb") as file:
        file.write(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 1))
        for flow in order:
            frame = tcp_frame(base + flow % 200 + 1, 1024 + flow // 200, destination, port)
            file.write(struct.pack("<IIII", 0, 0, len(frame), len(frame)) + frame)
