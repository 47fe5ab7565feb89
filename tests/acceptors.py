"""A process that accepts drafts and then claims what waits, for the tests of several: `python -m tests.acceptors`.

Says `ready` once the store is open; for each line it reads it does the next part, and says as JSON what came of it.
"""

import asyncio
import json
import sys
from typing import Final

from bot.domain.errors import Refused
from bot.domain.money import Asked
from bot.domain.prompts import Prompt
from bot.logs import configure_logging
from bot.queue.store import SqlRequestStore
from tests.stores import sql_store

ASKED: Final = Asked(takes=1, seconds=5, cost_usd_micros=600_000)
NOW_MS: Final = 1_750_032_000_000 - 43_200_000


async def _accepted(store: SqlRequestStore, request_id: str) -> str:
    snapshot = await store.load(request_id)
    assert snapshot is not None
    try:
        await store.accept(
            snapshot.request, prompt=Prompt(()), findings=(), model_id="model", asked=ASKED, now_ms=NOW_MS
        )
    except Refused as refused:
        return refused.reason.code
    return "accepted"


async def _claimed(store: SqlRequestStore) -> list[str]:
    found: list[str] = []
    while (request_id := await store.claim_next(max_running=5, now_ms=NOW_MS)) is not None:
        found.append(request_id)
    return found


async def main(url: str, *drafts: str) -> None:
    configure_logging("error", "json", secrets=())
    store = sql_store(url)
    await store.open()
    print("ready", flush=True)  # noqa: T201  whoever started us reads it
    sys.stdin.readline()
    print(json.dumps(await asyncio.gather(*(_accepted(store, each) for each in drafts))), flush=True)  # noqa: T201
    sys.stdin.readline()
    print(json.dumps(await _claimed(store)), flush=True)  # noqa: T201
    await store.close()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
