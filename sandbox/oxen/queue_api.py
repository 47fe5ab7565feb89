"""`/api/ai/queue`, `/api/ai/generations` and `/api/events`."""

from collections.abc import Iterable, Mapping
from decimal import Decimal
from math import ceil
from typing import Any

from aiohttp import web

from sandbox.oxen import wire
from sandbox.oxen.answers import FAULT, Refusal, decimal_sum, json_object, whole_number
from sandbox.oxen.generations import Filter, Generation, Status
from sandbox.oxen.settings import MODEL_ID, TEXT_MODEL_ID
from sandbox.oxen.world import Starter, World

_MAX_SECONDS = 15
_CHOICES: Mapping[str, frozenset[str]] = {
    "status": frozenset(status.value for status in Status),
    "media_type": frozenset({"image", "video"}),
}


class QueueApi:
    """Accepts, lists, shows and cancels."""

    def __init__(self, world: World, jobs: Starter) -> None:
        self._world = world
        self._jobs = jobs

    async def enqueue(self, request: web.Request) -> web.Response:
        """Checks only what Oxen checks here [D]: model, num_generations, credits. The rest fails when the job runs."""
        self._world.journal.posts += 1
        post = self._world.journal.posts
        body = await json_object(request)
        if body.get("model") == MODEL_ID:
            self._world.journal.check(post, body, self._world.schema)
        count = _checked_count(body)
        if self._estimate(body) * count > self._world.settings.balance:
            raise Refusal(402, wire.out_of_credits())
        rows = [self._world.new_generation(body, post) for _ in range(count)]
        self._world.journal.accepted += 1
        for row in rows:
            self._jobs.start(row)
        return web.json_response(wire.accepted(rows, old=self._old))

    async def queue_list(self, request: web.Request) -> web.Response:
        """Active rows, oldest first, or all of the asked status."""
        wanted = self._filter(request.query)
        rows = list(self._world.book.rows(wanted, active_only=self._old or wanted.status is None))
        shown = self._shown(request, (wire.queue_row(row, self._world.link, old=self._old) for row in rows))
        return web.json_response({"count": len(shown), "generations": shown})

    async def queue_get(self, request: web.Request) -> web.Response:
        """One row, flat."""
        row = wire.queue_row(self._visible(request), self._world.link, old=self._old)
        return web.json_response(self._one(request, row))

    async def cancel(self, request: web.Request) -> web.Response:
        """Has no effect on a row that has ended; answering 200 then is [S], the code is not documented."""
        row = self._visible(request)
        self._jobs.cancel(row)
        return web.json_response({"status": "success", "generation_id": row.id})

    async def history(self, request: web.Request) -> web.Response:
        """Pages, newest first; `total_cost` is over the whole filter."""
        self._refuse_in_old_contract()
        page = whole_number(request.query, "page", default=1, most=10**9)
        size = whole_number(request.query, "page_size", default=50, most=1000)
        rows = list(self._world.book.rows(self._filter(request.query), active_only=False))[::-1]
        shown = self._shown(request, map(self._history_row, rows[(page - 1) * size : page * size]))
        return web.json_response(
            {
                "count": len(shown),
                "generations": shown,
                "page_number": page,
                "page_size": size,
                "total_pages": max(1, ceil(len(rows) / size)),
                "total_entries": len(rows),
                "total_cost": decimal_sum([row.cost for row in rows if row.cost is not None]),
            }
        )

    async def history_one(self, request: web.Request) -> web.Response:
        """One row with its cost, wrapped."""
        self._refuse_in_old_contract()
        row = self._one(request, self._history_row(self._visible(request)))
        return web.json_response({"status": "success", "status_message": "resource_found", "generation": row})

    async def events(self, request: web.Request) -> web.StreamResponse:
        """The stream."""
        return await self._world.hub.serve(request, keep_alive_seconds=self._world.settings.keep_alive_seconds)

    @property
    def _old(self) -> bool:
        return self._world.settings.old_contract

    def _history_row(self, row: Generation) -> wire.Body:
        return wire.history_row(row, self._world.link, self._world.settings.username)

    def _refuse_in_old_contract(self) -> None:
        if self._old:
            raise Refusal(404, wire.not_found(old=True))

    def _visible(self, request: web.Request) -> Generation:
        row = self._world.book.find(request.match_info["generation_id"])
        if row is None or (self._old and not row.active):
            raise Refusal(404, wire.not_found(old=self._old))
        return row

    def _one(self, request: web.Request, row: wire.Body) -> wire.Body:
        shown = self._shown(request, [row])
        if not shown:
            raise Refusal(404, wire.not_found(old=self._old))
        return shown[0]

    def _shown(self, request: web.Request, rows: Iterable[wire.Body]) -> list[wire.Body]:
        """The rows, with what a fault does to them."""
        order = request.get(FAULT)
        if order is None:
            return list(rows)
        named = order.generation_id
        changes: Mapping[str, wire.Body] = {
            "unknown_status": {"status": order.message or "paused"},
            "no_result_url": {"result_url": None},
        }
        hit = changes.get(order.kind)
        touched = ((row, named in {None, row["generation_id"]}) for row in rows)
        return [row | hit if mine and hit else row for row, mine in touched if not (mine and order.kind == "lost")]

    def _filter(self, query: Mapping[str, str]) -> Filter:
        for name, choices in _CHOICES.items():
            if query.get(name, next(iter(choices))) not in choices:
                raise Refusal(400, wire.invalid(f"{name} must be one of {', '.join(sorted(choices))}"))
        names = ("model",) if self._old else ("model", "status", "media_type", "repo", "folder")
        asked: dict[str, Any] = {name: query[name] for name in names if name in query}
        return Filter(namespace=query.get("namespace", self._world.settings.username), **asked)

    def _estimate(self, body: Mapping[str, Any]) -> Decimal:
        """USD for one generation; what cannot be read counts as the dearest [S]."""
        text = str(self._world.schema.value(body, "duration"))
        seconds = min(int(text), _MAX_SECONDS) if text.isascii() and text.isdigit() else _MAX_SECONDS
        return seconds * self._world.settings.price(str(self._world.schema.value(body, "resolution")))


def _checked_count(body: Mapping[str, Any]) -> int:
    """How many generations are asked for; texts [D], codes [I] (the OpenAPI file knows 400 alone)."""
    model, count = body.get("model"), body.get("num_generations", 1)
    if model == TEXT_MODEL_ID:
        raise Refusal(400, wire.message(":unsupported_media_type"))
    if model != MODEL_ID:
        raise Refusal(400, wire.message(f"Model not found: {model}"))
    if isinstance(count, bool) or not isinstance(count, int) or not 1 <= count <= 4:
        raise Refusal(400, wire.invalid("num_generations must be an integer between 1 and 4"))
    return count
