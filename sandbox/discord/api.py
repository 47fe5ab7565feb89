"""The door of the HTTP API: read, check, fault, limit, handle, answer."""

from __future__ import annotations

import asyncio
import json
import re
import traceback
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast

from aiohttp import BodyPartReader, web

from sandbox.discord import errors, routes
from sandbox.discord.cdn import Upload
from sandbox.discord.contract import Contract
from sandbox.discord.errors import ApiError
from sandbox.discord.faults import Fault, Faults, Kind
from sandbox.discord.interactions import Interactions
from sandbox.discord.journal import Journal, Request, without_token
from sandbox.discord.limits import Limits
from sandbox.discord.messages import Desk
from sandbox.discord.routes import Answer, Call
from sandbox.discord.wire import Json, object_or_empty

PREFIX = "/api/v10"
_OPEN_PATHS = re.compile(r"/(webhooks/\d+/|interactions/|gateway$)")
_FILE_PART = re.compile(r"files\[(\d+)\]|file(\d*)")
# A file may fill the limit; the multipart framing and payload_json come on top.
FRAMING_BYTES = 256 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Read:
    """A body, read."""

    json: object
    uploads: Mapping[int, Upload]


class Api:
    """One request at a time goes through `serve`; handlers themselves never await."""

    def __init__(
        self,
        *,
        desk: Desk,
        interactions: Interactions,
        faults: Faults,
        limits: Limits,
        journal: Journal,
        contract: Contract | None,
    ) -> None:
        self.gateway_url = ""
        self._desk = desk
        self._interactions = interactions
        self._faults = faults
        self._limits = limits
        self._journal = journal
        self._contract = contract

    async def serve(self, request: web.Request) -> web.StreamResponse:
        """Answer one request and write it down."""
        clock, started = self._desk.world.clock, self._desk.world.clock()
        path = request.path.removeprefix(PREFIX)
        fault = self._faults.take(request.method, path)
        read = Read(json=None, uploads={})
        try:
            read = await self._read(request)
            answer = await self._answer(request, path, read, fault)
        except ApiError as error:
            answer = Answer(status=error.status, json=error.body())
        body, sent = object_or_empty(answer.json), object_or_empty(read.json)
        nonce = sent.get("nonce")
        entry = Request(
            at=started,
            method=request.method,
            path=without_token(path),
            status=answer.status,
            seconds=round(clock() - started, 4),
            nonce=None if nonce is None else str(nonce),
            code=None if answer.status < 400 else body.get("code"),
            fault=str(fault.kind) if fault else None,
        )
        self._journal.requests.append(entry)
        self._desk.world.changed.fire()
        if fault is not None and fault.kind in {Kind.DROP, Kind.DROP_AFTER_COMMIT}:
            entry.status = 0
            if request.transport is not None:
                request.transport.abort()
        return self._response(request.method, path, answer)

    async def _answer(self, request: web.Request, path: str, read: Read, fault: Fault | None) -> Answer:
        self._authorize(request, path)
        self._check_contract(request.method, path, read)
        if fault is not None:
            await _strike_before(fault)
            if fault.kind is Kind.DROP:
                return Answer(status=500)
        self._limits.check(request.method, path)
        answer = self._handle(request, path, read)
        if self._contract is not None and answer.json is not None and answer.status < 300:
            self._journal.own_violations += _violations(
                request.method, path, self._contract.check_answer(request.method, path, answer.status, answer.json)
            )
        if fault is not None:
            await _strike_after(fault)
        return answer

    def _authorize(self, request: web.Request, path: str) -> None:
        if _OPEN_PATHS.match(path):
            return
        if request.headers.get("Authorization") != f"Bot {self._desk.world.application.token}":
            raise errors.unauthorized()

    def _check_contract(self, method: str, path: str, read: Read) -> None:
        if self._contract is None:
            return
        self._journal.violations += _violations(method, path, self._contract.check_request(method, path, read.json))

    def _handle(self, request: web.Request, path: str, read: Read) -> Answer:
        found = routes.find(request.method, path)
        if found is None:
            self._journal.unimplemented[f"{request.method} {without_token(path)}"] += 1
            raise errors.unknown_route()
        handler, args = found
        call = Call(
            desk=self._desk,
            interactions=self._interactions,
            gateway_url=self.gateway_url,
            args=args,
            query=request.query,
            json=read.json,
            uploads=read.uploads,
        )
        try:
            return handler(call)
        except ApiError:
            raise
        except Exception as error:  # a hole in this sandbox must show in the report, not end a connection
            self._journal.crashes.append(
                {
                    "method": request.method,
                    "path": without_token(path),
                    "error": repr(error),
                    "trace": traceback.format_exc(),
                }
            )
            raise ApiError(500, 0, "500: Internal Server Error") from error

    async def _read(self, request: web.Request) -> Read:
        allowed = max(self._desk.world.options.request_limit_bytes, self._file_limit()) + FRAMING_BYTES
        if (request.content_length or 0) > allowed:
            await _drain(request)
            raise errors.too_large()
        if request.content_type == "multipart/form-data":
            return await _read_multipart(request)
        raw = await request.read()
        if not raw:
            return Read(json=None, uploads={})
        return Read(json=_decoded(raw), uploads={})

    def _file_limit(self) -> int:
        world = self._desk.world
        return max([world.upload_limit(channel) for channel in world.channels.values()], default=0)

    def _response(self, method: str, path: str, answer: Answer) -> web.Response:
        headers = self._limits.headers(method, path) | {"Via": "1.1 sandbox"}
        if answer.status == 429:
            body = object_or_empty(answer.json)
            headers |= {"Retry-After": str(max(1, round(body["retry_after"]))), "X-RateLimit-Remaining": "0"}
            headers |= {"X-RateLimit-Reset-After": str(body["retry_after"])}
            headers["X-RateLimit-Scope"] = "global" if body["global"] else "user"
            if body["global"]:
                headers["X-RateLimit-Global"] = "true"
        if answer.json is None:
            return web.Response(status=answer.status, headers=headers)
        # Exactly this content type: discord.py compares it whole, and `web.json_response` would add a charset.
        headers["Content-Type"] = "application/json"
        return web.Response(status=answer.status, body=json.dumps(answer.json).encode(), headers=headers)


async def _strike_before(fault: Fault) -> None:
    match fault.kind:
        case Kind.STATUS:
            raise ApiError(fault.status, fault.code, fault.message)
        case Kind.RATE_LIMIT:
            raise errors.rate_limited(fault.seconds, is_global=fault.is_global)
        case Kind.DELAY:
            await asyncio.sleep(fault.seconds)
        case _:
            return


async def _strike_after(fault: Fault) -> None:
    if fault.kind is Kind.STATUS_AFTER_COMMIT:
        raise ApiError(fault.status, fault.code, fault.message)
    if fault.kind is Kind.DELAY_AFTER_COMMIT:
        await asyncio.sleep(fault.seconds)


def _violations(method: str, path: str, messages: list[str]) -> list[Json]:
    return [{"method": method, "path": without_token(path), "message": message} for message in messages]


async def _drain(request: web.Request) -> None:
    """Read a body that is refused, so that the client gets to read the refusal."""
    async for _ in request.content.iter_chunked(1 << 16):
        pass


def _decoded(raw: bytes) -> object:
    try:
        return cast("object", json.loads(raw))
    except ValueError:
        raise ApiError(400, 50109, "The request body contains invalid JSON.") from None


async def _read_multipart(request: web.Request) -> Read:
    """`payload_json`, `files[n]`; other plain fields together are the body when there is no `payload_json`."""
    payload: object = None
    fields: dict[str, Any] = {}
    uploads: dict[int, Upload] = {}
    async for part in await request.multipart():
        if not isinstance(part, BodyPartReader):
            raise ApiError.invalid_form("body", "MULTIPART", "Nested multipart is not taken")
        data = bytes(await part.read())
        name = part.name or ""
        if name == "payload_json":
            payload = _decoded(data)
        elif part.filename is None:
            fields[name] = data.decode()
        elif match := _FILE_PART.fullmatch(name):
            number = int(match.group(1) or match.group(2) or 0)
            uploads[number] = Upload(filename=part.filename, data=data, content_type=part.headers.get("Content-Type"))
    return Read(json=fields if payload is None and fields else payload, uploads=uploads)
