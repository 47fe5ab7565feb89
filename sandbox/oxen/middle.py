"""What surrounds every call of the vendor's API: the log, faults, the door."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from aiohttp import web

from sandbox.oxen import wire
from sandbox.oxen.answers import FAULT, Refusal
from sandbox.oxen.views import FaultOrder, FaultView, LoggedCall
from sandbox.oxen.world import World

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
_OPEN_ROUTES = frozenset({"file", "cdn"})
"""These look at signatures themselves."""


class Cut(Exception):
    """The connection is closed without an answer."""


def middlewares(world: World) -> list[Any]:
    """Outermost first."""

    @web.middleware
    async def log(request: web.Request, handler: Handler) -> web.StreamResponse:
        where = _where(request)
        if where == "control":
            return await handler(request)
        fault = world.faults.strike(where, request.match_info.get("generation_id"))
        began = world.clock()
        status: int | None = None
        try:
            response = await _acted(request, handler, fault)
            status = response.status
        except web.HTTPException as answer:
            status = answer.status
            raise
        except Cut:
            return _cut(request)
        finally:
            world.journal.log(_entry(request, where, world, began, status, fault))
        return response

    @web.middleware
    async def door(request: web.Request, handler: Handler) -> web.StreamResponse:
        where = _where(request)
        wants_key = where != "control" and where not in _OPEN_ROUTES
        if wants_key and request.headers.get("Authorization") != f"Bearer {world.settings.key}":
            return web.json_response(wire.unauthenticated(), status=401)
        try:
            return await handler(request)
        except Refusal as refusal:
            return web.json_response(refusal.body, status=refusal.status)

    return [log, door]


async def _acted(request: web.Request, handler: Handler, fault: FaultView | None) -> web.StreamResponse:
    """The handler's answer, or what the fault makes of it."""
    if fault is None:
        return await handler(request)
    order = fault.order
    match order.kind:
        case "status" | "429":
            return _status(order)
        case "drop_before":
            raise Cut
        case "drop_after":
            await handler(request)
            raise Cut
        case "delay":
            await asyncio.sleep(order.seconds)
            return await handler(request)
        case "truncate":
            request[FAULT] = order
            return await _truncated(request, await handler(request))
        case _:
            request[FAULT] = order
            return await handler(request)


def _status(order: FaultOrder) -> web.Response:
    code = 429 if order.kind == "429" else order.code
    body = order.body if order.body is not None else _usual_body(code)
    after = order.retry_after_seconds
    headers = {} if after is None else {"Retry-After": f"{after:g}"}
    if isinstance(body, str):
        return web.Response(text=body, status=code, headers=headers, content_type="text/html")
    return web.json_response(body, status=code, headers=headers)


def _usual_body(code: int) -> wire.Body:
    """What Oxen sends with that code, as far as anybody has seen."""
    bodies = {
        401: wire.unauthenticated(),
        402: wire.out_of_credits(),
        404: wire.not_found(),
        429: wire.rate_limited(),
        502: {"error": {"type": "upstream", "title": "The model provider returned an error."}, "status": 502},
    }
    return bodies.get(code, wire.problem("unknown_error", "Internal server error"))


async def _truncated(request: web.Request, whole: web.StreamResponse) -> web.StreamResponse:
    """Announces everything, sends half, closes."""
    body = whole.body if isinstance(whole, web.Response) and isinstance(whole.body, bytes) else b""
    response = web.StreamResponse(status=whole.status, headers={"Content-Type": whole.content_type})
    response.content_length = len(body)
    await response.prepare(request)
    await response.write(body[: len(body) // 2])
    if request.transport is not None:
        request.transport.close()
    return response


def _cut(request: web.Request) -> web.Response:
    if request.transport is not None:
        request.transport.abort()
    return web.Response()


def _where(request: web.Request) -> str:
    if request.path.startswith("/control"):
        return "control"
    return (request.match_info.route.name or "other").partition(".")[0]


def _entry(
    request: web.Request, where: str, world: World, began: int, status: int | None, fault: FaultView | None
) -> LoggedCall:
    return LoggedCall(
        number=world.journal.next_number,
        at_ms=began,
        where=where,
        method=request.method,
        host=request.host,
        path=request.path,
        status=status,
        milliseconds=world.clock() - began,
        authorized="Authorization" in request.headers,
        fault=None if fault is None else fault.id,
    )
