# SPDX-License-Identifier: Apache-2.0
"""Connects at a fixed rate from many addresses; runs inside a client namespace.

Usage: paced_load.py RATE SECONDS TIMEOUT      reads JSON lines from stdin: {"source", "target"}

Takes the sources in turn, each request a connection of its own. Writes the monotonic time of its
start, then a JSON line at the end of each: {"source", "seconds" (when it began, since the start),
"server"}, or with "error" instead.
"""

import asyncio
import json
import sys
import time

_HTTP_OK = b"200"


async def fetch(source: str, target: str) -> str:
    """The name that the model server gives itself."""
    reader, writer = await asyncio.open_connection(target, 80, local_addr=(source, 0))
    try:
        host = f"[{target}]" if ":" in target else target
        writer.write(f"GET / HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode())
        answer = await reader.read(-1)
    finally:
        writer.close()
    head, _, body = answer.partition(b"\r\n\r\n")
    if head.split(b" ", 2)[1:2] != [_HTTP_OK]:
        raise ValueError("the connection ended without an answer")
    return json.loads(body)["server"]


async def fetch_and_tell(request: dict, seconds: float, timeout: float) -> None:
    told = {"source": request["source"], "seconds": round(seconds, 3)}
    try:
        told["server"] = await asyncio.wait_for(
            fetch(request["source"], request["target"]), timeout
        )
    except (OSError, asyncio.TimeoutError, ValueError) as error:
        told["error"] = str(error) or type(error).__name__
    print(json.dumps(told), flush=True)


async def main() -> None:
    rate, seconds, timeout = (float(argument) for argument in sys.argv[1:4])
    requests = [json.loads(line) for line in sys.stdin]
    start, running, number = time.monotonic(), set(), 0
    print(start, flush=True)
    while (now := time.monotonic() - start) < seconds:
        while number < now * rate:
            task = asyncio.create_task(
                fetch_and_tell(requests[number % len(requests)], now, timeout)
            )
            running.add(task)
            task.add_done_callback(running.discard)
            number += 1
        await asyncio.sleep(0.005)
    await asyncio.gather(*running)


if __name__ == "__main__":
    asyncio.run(main())
