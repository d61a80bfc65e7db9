# SPDX-License-Identifier: Apache-2.0
"""Connects to an address over and over, from many source addresses, until stdin closes.

Usage: connect_watch.py TARGET SOURCE…
Writes {"answered", "silent", "refused"}; refused says how.
"""

import asyncio
import json
import sys

_TIMEOUT_SECONDS = 0.5
_PAUSE_SECONDS = 0.02


async def connect(target: str, source: str, counts: dict) -> None:
    try:
        _, writer = await asyncio.wait_for(
            asyncio.open_connection(target, 80, local_addr=(source, 0)), _TIMEOUT_SECONDS
        )
        counts["answered"] += 1
        writer.transport.abort()
    except asyncio.TimeoutError:
        counts["silent"] += 1
    except OSError as error:  # refused by a RST, or unreachable by ICMP
        counts["refused"].append(f"{source}: {error}")


async def main() -> None:
    target, sources = sys.argv[1], sys.argv[2:]
    counts = {"answered": 0, "silent": 0, "refused": []}
    ended = asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
    running, number = set(), 0
    while not ended.done():
        running.add(asyncio.create_task(connect(target, sources[number % len(sources)], counts)))
        running = {task for task in running if not task.done()}
        number += 1
        await asyncio.sleep(_PAUSE_SECONDS)
    await asyncio.gather(*running)
    print(json.dumps(counts))


if __name__ == "__main__":
    asyncio.run(main())
