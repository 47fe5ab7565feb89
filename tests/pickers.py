"""A process that picks what waits and ends it: `python -m tests.pickers url max_running`.

Says `ready` once it can and begins with the next line it reads; in the end it says as JSON what it picked.
"""

import asyncio
import json
import sys
from functools import partial
from typing import Final

from bot.domain.ports import no_fault
from bot.queue import lanes
from bot.queue.engine import Database, Transaction
from bot.queue.lane_rows import read_bot
from tests.lane_rows import move

_HELD: Final = 3
"""By one of several, before it ends the first of them."""


async def work_off(database: Database, *, max_running: int, total: int) -> list[str]:
    """Picks and ends until all together have picked `total`; what was picked here."""
    picked: list[str] = []
    running: list[str] = []
    while running or (await database.read(read_bot)).picks < total:
        request_id = await database.write(partial(_pick, max_running))
        if request_id is not None:
            picked.append(request_id)
            running.append(request_id)
        if running and (request_id is None or len(running) >= _HELD):
            await database.write(partial(_end, running.pop(0)))
    return picked


def _pick(max_running: int, work: Transaction) -> str | None:
    request_id = lanes.pick(work, max_running=max_running, now_ms=1)
    if request_id is not None:
        move(work.connection, request_id, "preparing")
    return request_id


def _end(request_id: str, work: Transaction) -> None:
    lanes.end(work, request_id, given_back=False)
    move(work.connection, request_id, "delivered")


async def _main(url: str, max_running: int, total: int) -> None:
    database = Database(url, reached=no_fault)
    print("ready", flush=True)  # noqa: T201  whoever started us reads it
    sys.stdin.readline()
    print(json.dumps(await work_off(database, max_running=max_running, total=total)), flush=True)  # noqa: T201
    await database.close()


if __name__ == "__main__":
    asyncio.run(_main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3])))
