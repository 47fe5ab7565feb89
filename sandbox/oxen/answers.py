"""Refusals of handlers, and JSON in and out."""

import json
from collections.abc import Mapping
from decimal import Decimal
from typing import Any, cast

from aiohttp import web

from sandbox.oxen.views import FaultOrder
from sandbox.oxen.wire import Body, invalid

FAULT: web.RequestKey[FaultOrder] = web.RequestKey("fault", FaultOrder)
"""A fault that the handler itself has to act out."""


class Refusal(Exception):
    """An answer that is not a success."""

    def __init__(self, status: int, body: Body) -> None:
        super().__init__(status)
        self.status = status
        self.body = body


async def json_object(request: web.Request) -> dict[str, Any]:
    """The body as a JSON object; 400 for anything else, and for a body that is not called JSON."""
    try:
        body: object = json.loads(await request.read()) if request.content_type == "application/json" else None
    except ValueError:
        body = None
    if not isinstance(body, dict):
        raise Refusal(400, invalid("The request body must be a JSON object."))
    return cast("dict[str, Any]", body)


def whole_number(query: Mapping[str, str], name: str, *, default: int, most: int) -> int:
    """A query parameter from 1 to `most`; 400 for anything else."""
    text = query.get(name, str(default))
    if not text.isascii() or not text.isdigit() or not 1 <= int(text) <= most:
        raise Refusal(400, invalid(f"{name} must be an integer between 1 and {most}"))
    return int(text)


def decimal_sum(amounts: list[Decimal]) -> str | None:
    """Decimal as a string; `None` when nothing was charged [D OAS]."""
    return str(sum(amounts, start=Decimal(0))) if amounts else None
