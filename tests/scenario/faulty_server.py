# SPDX-License-Identifier: Apache-2.0
"""A model server that keeps passing its health checks and fails in one of three ways.

Usage: faulty_server.py NAME VERSION FAULT_FILE

While FAULT_FILE says "reset SHARE", that share of requests is answered by a reset; "late SECONDS"
answers so much later; "silent" accepts and never answers. Without the file, or with any other
words, it answers like the lab's other model servers. /health is always answered at once.
"""

import asyncio
import json
import pathlib
import random
import socket
import struct
import sys

_RESET_AT_ONCE = struct.pack("ii", 1, 0)  # SO_LINGER of no time: close sends a reset
_SILENCE_SECONDS = 3600


class Server:
    def __init__(self, name: str, version: str, fault_file: pathlib.Path):
        self._name, self._version, self._fault_file = name, version, fault_file
        self._random = random.Random(1)

    def fault(self) -> tuple[str, float]:
        try:
            words = self._fault_file.read_text().split()
        except FileNotFoundError:
            return "", 0
        return (words[0], float(words[1]) if len(words) > 1 else 0) if words else ("", 0)

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
    listeners = [
        await asyncio.start_server(server.serve, host, 80, backlog=4096)
        for host in ("0.0.0.0", "::")
    ]
    await asyncio.gather(*(listener.serve_forever() for listener in listeners))


if __name__ == "__main__":
    asyncio.run(main())
