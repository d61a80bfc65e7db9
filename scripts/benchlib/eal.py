# SPDX-License-Identifier: Apache-2.0
"""What the DPDK processes that are compared have in common: EAL's arguments, and testpmd's."""

import pathlib

TESTPMD = "dpdk-testpmd"
BUFFER_BYTES = 2560  # an mbuf of 2 KiB with its headers and its share of the pool


def eal(prefix: str, vdev: str) -> list[str]:
    """One main lcore and one worker, each on a processor of its own."""
    return [
        "--no-pci",
        "--in-memory",
        "--single-file-segments",
        f"--file-prefix={prefix}",
        "-l",
        "0-1",
        f"--vdev={vdev}",
    ]


def endless_capture(capture: pathlib.Path) -> str:
    """Every packet has an mbuf of its own and comes again and again; what is sent is dropped."""
    return f"net_pcap0,rx_pcap={capture},infinite_rx=1"


def memif(path: pathlib.Path, role: str) -> str:
    """Only the client can do without copying; it lends its own mbufs."""
    zero_copy = ",zero-copy=yes" if role == "client" else ""
    return f"net_memif0,role={role},socket={path},socket-abstract=no,rsize=11{zero_copy}"


def testpmd(arguments: list[str], buffers: int) -> list[str]:
    """Swaps the addresses of every frame on one worker: the least that a forwarder can do."""
    return [
        TESTPMD,
        *arguments,
        "--",
        "--forward-mode=macswap",
        "--nb-cores=1",
        "--burst=32",
        f"--total-num-mbufs={buffers}",
        "--auto-start",
        "--no-lsc-interrupt",
    ]
