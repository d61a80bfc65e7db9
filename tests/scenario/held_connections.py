# SPDX-License-Identifier: Apache-2.0
"""Opens connections, holds them, and sends a request on each when told; in a client namespace.

Usage: held_connections.py     reads JSON lines {"source", "target"}, up to an empty one, from stdin

Writes a line once all are open. After one more line on stdin it writes a JSON object: the name of
the model server, or the error, by source.
"""

import json
import socket
import sys

_TIMEOUT_SECONDS = 5


def open_connection(request: dict) -> socket.socket:
    return socket.create_connection(
        (request["target"], 80), _TIMEOUT_SECONDS, source_address=(request["source"], 0)
    )


def ask(connection: socket.socket) -> str:
    try:
        connection.sendall(b"GET / HTTP/1.1\r\nHost: sluice\r\nConnection: close\r\n\r\n")
        answer = b""
        while part := connection.recv(65536):
            answer += part
        return json.loads(answer.partition(b"\r\n\r\n")[2])["server"]
    except (OSError, ValueError) as error:
        return f"error: {error}"


def main() -> None:
    requests = [json.loads(line) for line in iter(sys.stdin.readline, "\n")]
    held = {request["source"]: open_connection(request) for request in requests}
    print("open", flush=True)
    sys.stdin.readline()
    print(json.dumps({source: ask(connection) for source, connection in held.items()}))


if __name__ == "__main__":
    main()
