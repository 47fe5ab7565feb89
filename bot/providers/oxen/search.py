"""Looking for a generation whose id was never heard: every list the vendor has, merged by id (oxen.md 1.2, 1.5, 4)."""

from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Mapping, Sequence
from typing import Final

from bot.domain.errors import Unavailable
from bot.domain.generations import Generation
from bot.domain.reasons import reason
from bot.providers.oxen.echo import Match, match
from bot.providers.oxen.rows import Row, rows_of
from bot.providers.oxen.values import as_object
from bot.providers.oxen.wire import Answer, refused_read

_STATUSES: Final = ("queued", "processing", "succeeded", "failed", "cancelled")
_PAGE_SIZE: Final = 200
_MAX_PAGES: Final = 50
_OLD_ENOUGH_MS: Final = 3_600_000
_NOT_FOUND: Final = 404

Get = Callable[[str, Mapping[str, str]], Awaitable[Answer]]
"""Path and query → answer. Raises `Unavailable` when there is none."""


async def find(
    get: Get, body: Mapping[str, object], *, since_ms: int, claimed: Collection[str]
) -> tuple[Generation, ...]:
    """The unclaimed generations that echo this body, oldest first.

    `Unavailable` when a list cannot be read whole, or when a row may be ours but neither references nor time prove
    it: "not found" must never be said on a guess, for it leads to paying again.
    """
    rows = await _all_rows(get, str(body.get("model", "")), since_ms=since_ms)
    verdicts = [
        (row, match(body, row.echo, enqueued_at_ms=row.enqueued_at_ms, since_ms=since_ms))
        for row in rows.values()
        if row.generation_id not in claimed
    ]
    found = [row.generation() for row, verdict in verdicts if verdict is Match.YES]
    if not found and any(verdict is Match.UNTELLABLE for _, verdict in verdicts):
        raise Unavailable(reason("outcome-unknown"), detail="a row may be ours, and nothing proves it")
    return tuple(sorted(found, key=lambda generation: (generation.enqueued_at_ms or 0, generation.id)))


async def _all_rows(get: Get, model: str, *, since_ms: int) -> dict[str, Row]:
    """Every row of the model by id. History comes last, because its rows also know the cost.

    The queue is asked status by status, active first: a row that moves meanwhile is met again further on.
    """
    rows: dict[str, Row] = {}
    for status in _STATUSES:
        answer = await get("/queue", {"model": model, "status": status})
        rows |= _by_id(listed(answer), model)
    async for page in _history(get, model, since_ms=since_ms):
        rows |= _by_id(page, model)
    return rows


async def _history(get: Get, model: str, *, since_ms: int) -> AsyncIterator[Sequence[Row]]:
    """Pages of `/generations`, until they end or are measured to go back in time and are old enough.

    The order of rows is not documented, so it is not relied on. The contract of 2026-04-14 has no such route (404).
    """
    rows: list[Row] = []
    for page in range(1, _MAX_PAGES + 1):
        answer = await get("/generations", {"model": model, "page": str(page), "page_size": str(_PAGE_SIZE)})
        if answer.status == _NOT_FOUND and page == 1:
            return
        known = {row.generation_id for row in rows}
        fresh = [row for row in listed(answer) if row.generation_id not in known]
        yield fresh
        rows += fresh
        if not fresh or page >= _total_pages(answer) or _went_back_beyond(rows, since_ms - _OLD_ENOUGH_MS):
            return
    raise Unavailable(reason("vendor-strange"), detail=f"more than {_MAX_PAGES} pages of history")


def _went_back_beyond(rows: Sequence[Row], at_ms: int) -> bool:
    """True when all rows so far came newest first and the last one is older than that."""
    times = [row.enqueued_at_ms or 0 for row in rows]
    return times == sorted(times, reverse=True) and times[-1] < at_ms


def _total_pages(answer: Answer) -> float:
    """What the answer says; without a word of it there may always be another."""
    total = as_object(answer.payload).get("total_pages")
    return total if isinstance(total, int) else float("inf")


def listed(answer: Answer) -> Sequence[Row]:
    """The rows of a list answer. `Unavailable` when it is none."""
    rows = rows_of(answer.payload) if answer.ok else None
    if rows is None:
        raise refused_read(answer)
    return rows


def _by_id(rows: Sequence[Row], model: str) -> dict[str, Row]:
    return {row.generation_id: row for row in rows if row.model_name in {None, model}}
