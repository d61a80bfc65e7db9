# SPDX-License-Identifier: Apache-2.0
"""A model server that keeps passing its health checks and fails in one of five ways.

Usage: faulty_server.py NAME VERSION FAULT_FILE SERVICE_ADDRESS...

While FAULT_FILE says "reset SHARE", that share of requests is answered by a reset; "late SECONDS"
answers so much later; "silent" accepts and never answers. "unanswered SHARE" never answers the SYNs
of that share of connections to the service, "unheard SHARE" loses that share of SYNs, so that
handshakes take until the client's next try. Without the file, or with any other words, it answers
like the lab's other model servers. /health is always answered at once.
"""

import asyncio
import ctypes
import json
import pathlib
import random
import socket
import struct
import sys

_RESET_AT_ONCE = struct.pack("ii", 1, 0)  # SO_LINGER of no time: close sends a reset
_SILENCE_SECONDS = 3600
_LOOK_SECONDS = 0.05

# Socket filters, in the words of <linux/filter.h>.
_SO_ATTACH_FILTER, _SO_DETACH_FILTER = 26, 27
_LOAD_BYTE, _LOAD_HALF, _LOAD_WORD = 0x30, 0x28, 0x20
_AND, _MODULO, _JUMP_IF_EQUAL, _JUMP_UNLESS_LESS, _RETURN = 0x54, 0x94, 0x15, 0x35, 0x06
_RANDOM = 0xFFFFF000 + 56
_SOURCE_PORT, _TCP_FLAGS, _SYN, _SYN_OR_ACK = 0, 13, 0x02, 0x12


def lose_syns(listener: socket.socket, load: int, offset: int, share: float) -> None:
    """Drops SYNs by what is loaded, as if they never came. Packets of connections pass."""
    percent = round(share * 100)
    program = (
        (_LOAD_BYTE, 0, 0, _TCP_FLAGS),
        (_AND, 0, 0, _SYN_OR_ACK),
        (_JUMP_IF_EQUAL, 0, 4, _SYN),
        (load, 0, 0, offset),
        (_MODULO, 0, 0, 100),
        (_JUMP_UNLESS_LESS, 1, 0, percent),
        (_RETURN, 0, 0, 0),
        (_RETURN, 0, 0, 0xFFFF),
    )
    code = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *line) for line in program))
    listener.setsockopt(
        socket.SOL_SOCKET,
        _SO_ATTACH_FILTER,
        struct.pack("HP", len(program), ctypes.addressof(code)),
    )


class Server:
    def __init__(self, name: str, version: str, fault_file: pathlib.Path):
        self._name, self._version, self._fault_file = name, version, fault_file
        self._random = random.Random(1)
        self._is_losing = False

    def fault(self) -> tuple[str, float]:
        try:
            words = self._fault_file.read_text().split()
        except FileNotFoundError:
            return "", 0
        return (words[0], float(words[1]) if len(words) > 1 else 0) if words else ("", 0)

    async def lose_syns(self, listeners: list[socket.socket]) -> None:
        """Follows the fault file for ever."""
        while True:
            kind, share = self.fault()
            if kind == "unanswered" and not self._is_losing:
                # By the port, so that a client's next try fails too.
                self._set_filters(listeners, _LOAD_HALF, _SOURCE_PORT, share)
            elif kind == "unheard" and not self._is_losing:
                self._set_filters(listeners, _LOAD_WORD, _RANDOM, share)
            elif kind not in ("unanswered", "unheard") and self._is_losing:
                for listener in listeners:
                    listener.setsockopt(socket.SOL_SOCKET, _SO_DETACH_FILTER, 0)
                self._is_losing = False
            await asyncio.sleep(_LOOK_SECONDS)

    def _set_filters(
        self, listeners: list[socket.socket], load: int, offset: int, share: float
    ) -> None:
        for listener in listeners:
            lose_syns(listener, load, offset, share)
        self._is_losing = True

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            request = await reader.readuntil(b"\r\n\r\n")
            await self._answer(request.split(b" ", 2)[1].decode(), writer)
        except (asyncio.IncompleteReadError, ConnectionError, IndexError):
            pass
        finally:
            writer.close()

    async def _answer(self, path: str, writer: asyncio.StreamWriter) -> None:
        kind, amount = self.fault() if path != "/health" else ("", 0)
        if kind == "reset" and self._random.random() < amount:
            connection = writer.get_extra_info("socket")
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_AT_ONCE)
            return
        if kind in ("late", "silent"):
            await asyncio.sleep(amount if kind == "late" else _SILENCE_SECONDS)
        client, port = writer.get_extra_info("peername")[:2]
        answer = {"model": "chat", "version": self._version, "server": self._name}
        answer |= {"client": client, "port": str(port)}
        body = f"chat {self._version} ok\n" if path == "/health" else json.dumps(answer) + "\n"
        head = f"HTTP/1.1 200 OK\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
        writer.write((head + body).encode())
        await writer.drain()


async def main() -> None:
    server = Server(sys.argv[1], sys.argv[2], pathlib.Path(sys.argv[3]))
    # The service has listeners of its own, so that health checks meet none of their faults.
    listening = [
        await asyncio.start_server(server.serve, host, 80, backlog=4096, reuse_port=True)
        for host in (*sys.argv[4:], "0.0.0.0", "::")
    ]
    of_service = [each.sockets[0] for each in listening[: len(sys.argv) - 4]]
    await asyncio.gather(
        server.lose_syns([socket.socket(fileno=s.fileno()) for s in of_service]),
        *(each.serve_forever() for each in listening),
    )


if __name__ == "__main__":
    asyncio.run(main())
