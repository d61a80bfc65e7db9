# SPDX-License-Identifier: Apache-2.0
"""Sends HTTP requests from many source addresses; runs inside a client namespace.

Reads JSON lines from stdin, one per request: {"source", "target", "path"}. Every request is a
connection of its own. Writes a JSON line each: the request with "port" (of the source), "status"
and "body", or with "error"; "seconds" says when it began, counted from the start.
With an argument it repeats them all for so many seconds.
"""

import asyncio
import json
import sys
import time

_AT_ONCE = 32
_TIMEOUT_SECONDS = 10
_START = time.monotonic()


async def fetch(request: dict) -> dict:
    host = f"[{request['target']}]" if ":" in request["target"] else request["target"]
    reader, writer = await asyncio.open_connection(
        request["target"], 80, local_addr=(request["source"], 0)
    )
    try:
        port = writer.get_extra_info("sockname")[1]
        writer.write(
            f"GET {request['path']} HTTP/1.1\r\nHost: {host}\r\n"
            "Connection: close\r\n\r\n".encode()
        )
        answer = await reader.read(-1)
    finally:
        writer.close()
        await writer.wait_closed()
    head, _, body = answer.partition(b"\r\n\r\n")
    status = int(head.split(b" ", 2)[1]) if head else 0
    return {**request, "port": port, "status": status, "body": body.decode(errors="replace")}


async def fetch_or_tell(request: dict, slots: asyncio.Semaphore) -> dict:
    async with slots:
        request = {**request, "seconds": round(time.monotonic() - _START, 3)}
        try:
            return await asyncio.wait_for(fetch(request), _TIMEOUT_SECONDS)
        except (OSError, asyncio.TimeoutError, ValueError, IndexError) as error:
            return {**request, "error": str(error) or type(error).__name__}


async def send_once(requests: list[dict]) -> None:
    slots = asyncio.Semaphore(_AT_ONCE)
    for done in asyncio.as_completed([fetch_or_tell(request, slots) for request in requests]):
        print(json.dumps(await done))


async def main() -> None:
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else 0
    requests = [json.loads(line) for line in sys.stdin]
    await send_once(requests)
    while time.monotonic() - _START < seconds:
        await send_once(requests)


if __name__ == "__main__":
    asyncio.run(main())
