"""The gateway: HELLO to RESUME over a real web socket (docs: events/gateway)."""

from __future__ import annotations

import asyncio
import json
import zlib
from collections import deque
from dataclasses import dataclass, field
from typing import Any, cast

from aiohttp import WSMsgType, web

from sandbox.discord import show
from sandbox.discord.events import (
    GUILD_MEMBERS,
    GUILDS,
    MESSAGE_CONTENT,
    PRESENCES,
    Event,
)
from sandbox.discord.wire import Json, as_strings
from sandbox.discord.world import World

DISPATCH, RECONNECT = 0, 7
INVALID_SESSION, HELLO, HEARTBEAT_ACK = 9, 10, 11

UNKNOWN_ERROR, DECODE_ERROR, NOT_AUTHENTICATED, AUTHENTICATION_FAILED, ALREADY_AUTHENTICATED = (
    4000,
    4002,
    4003,
    4004,
    4005,
)
DISALLOWED_INTENTS = 4014


class Connection:
    """One socket; what is put into `outbox` is written in order by one task."""

    def __init__(
        self, socket: web.WebSocketResponse, transport: asyncio.BaseTransport | None, *, compress: bool
    ) -> None:
        self.socket = socket
        self.transport = transport
        self.outbox: asyncio.Queue[Json | int] = asyncio.Queue()
        self.closed_by_us: int | None = None
        self._deflate = zlib.compressobj() if compress else None

    def put(self, op: int, data: object = None, **more: object) -> None:
        self.outbox.put_nowait({"op": op, "d": data, "s": None, "t": None} | more)

    def close(self, code: int) -> None:
        """Close after everything that is already in the outbox."""
        self.closed_by_us = code
        self.outbox.put_nowait(code)

    def drop(self) -> None:
        """Cut the wire, without a close frame."""
        if isinstance(self.transport, asyncio.WriteTransport):
            self.transport.abort()

    async def write(self) -> None:
        """Until the close code comes."""
        while not isinstance(item := await self.outbox.get(), int):
            text = json.dumps(item)
            if self._deflate is None:
                await self.socket.send_str(text)
            else:
                await self.socket.send_bytes(
                    self._deflate.compress(text.encode()) + self._deflate.flush(zlib.Z_SYNC_FLUSH)
                )
        await self.socket.close(code=item)


@dataclass(slots=True, kw_only=True)
class Session:
    """What survives a lost connection: the numbered log of what was sent."""

    id: str
    intents: int
    shard: tuple[int, int]
    connection: Connection | None = None
    seq: int = 0
    log: deque[Json] = field(default_factory=lambda: deque[Json](maxlen=10_000))
    lost_at: float | None = None

    def wants(self, event: Event) -> bool:
        if event.intent and not event.intent & self.intents:
            return False
        number, count = self.shard
        return number == ((event.guild_id or 0) >> 22) % count

    def send(self, name: str, data: Json) -> None:
        self.seq += 1
        frame: Json = {"op": DISPATCH, "d": data, "s": self.seq, "t": name}
        self.log.append(frame)
        if self.connection is not None:
            self.connection.outbox.put_nowait(frame)


class Gateway:
    """All sessions of the bot, and the socket route."""

    def __init__(self, world: World) -> None:
        self.url = ""
        self.identifies = 0
        self.resumes = 0
        self._world = world
        self._sessions: dict[str, Session] = {}
        self._connections: set[Connection] = set()

    # -- sending ------------------------------------------------------------------------------------------------

    def dispatch(self, event: Event) -> int:
        """Send to every session that wants it; returns how many connected ones did. Lost sessions log it for RESUME."""
        self._expire()
        sent = 0
        for session in self._sessions.values():
            if not session.wants(event):
                continue
            readable = session.intents & MESSAGE_CONTENT or event.bare is None
            session.send(event.name, event.data if readable else event.bare or {})
            sent += session.connection is not None
        return sent

    def _expire(self) -> None:
        oldest = self._world.clock() - self._world.options.resume_life_seconds
        gone = [one.id for one in self._sessions.values() if one.lost_at is not None and one.lost_at < oldest]
        for session_id in gone:
            del self._sessions[session_id]

    def connected(self) -> list[Session]:
        return [one for one in self._sessions.values() if one.connection is not None]

    def describe(self) -> Json:
        """For the control API."""
        sessions = [
            {
                "id": one.id,
                "connected": one.connection is not None,
                "intents": one.intents,
                "seq": one.seq,
                "shard": list(one.shard),
            }
            for one in self._sessions.values()
        ]
        return {"sessions": sessions, "identifies": self.identifies, "resumes": self.resumes}

    # -- on command ---------------------------------------------------------------------------------------------

    def close_all(self, code: int) -> int:
        """Close every socket with `code`; returns how many."""
        for connection in self._connections:
            connection.close(code)
        return len(self._connections)

    def drop_all(self) -> int:
        for connection in self._connections:
            connection.drop()
        return len(self._connections)

    def ask_reconnect(self) -> int:
        """Op 7."""
        for connection in self._connections:
            connection.put(RECONNECT)
        return len(self._connections)

    def invalidate(self) -> int:
        """Forget all sessions and say so (op 9, not resumable)."""
        self._sessions.clear()
        for connection in self._connections:
            connection.put(INVALID_SESSION, data=False)
        return len(self._connections)

    # -- the socket ---------------------------------------------------------------------------------------------

    async def serve(self, request: web.Request) -> web.StreamResponse:
        socket = web.WebSocketResponse(compress=False, max_msg_size=1 << 20, autoclose=False)
        await socket.prepare(request)
        # zstd-stream is answered with plain text frames, which discord.py reads as well.
        connection = Connection(socket, request.transport, compress=request.query.get("compress") == "zlib-stream")
        self._connections.add(connection)
        connection.put(HELLO, {"heartbeat_interval": self._world.options.heartbeat_ms, "_trace": ["sandbox"]})
        try:
            async with asyncio.TaskGroup() as tasks:
                writer = tasks.create_task(self._write(connection))
                await self._read(connection)
                # The session is lost before the bot is told that its close was heard: what it does next finds it so.
                self._lose(connection)
                await socket.close()
                writer.cancel()
        finally:
            self._connections.discard(connection)
            self._lose(connection)
        return socket

    async def _write(self, connection: Connection) -> None:
        try:
            await connection.write()
        except ConnectionError:
            return

    async def _read(self, connection: Connection) -> None:
        async for frame in connection.socket:
            if frame.type is not WSMsgType.TEXT:
                continue
            try:
                message: Any = json.loads(cast("str", frame.data))
                self._handle(connection, int(message["op"]), message.get("d"))
            except (ValueError, KeyError, TypeError, AttributeError):
                connection.close(DECODE_ERROR)

    def _lose(self, connection: Connection) -> None:
        """A session whose wire is gone waits for RESUME; 1000 and 1001 from the bot end it."""
        for session in list(self._sessions.values()):
            if session.connection is not connection:
                continue
            session.connection, session.lost_at = None, self._world.clock()
            # When we closed, the code the bot echoes says nothing.
            code = connection.closed_by_us or connection.socket.close_code
            if code in {1000, 1001}:
                del self._sessions[session.id]
        self._world.changed.fire()

    def _handle(self, connection: Connection, op: int, data: Any) -> None:  # noqa: ANN401  a JSON value
        session = next((one for one in self._sessions.values() if one.connection is connection), None)
        match op:
            case 1:
                connection.put(HEARTBEAT_ACK)
            case 2 if session is None:
                self._identify(connection, data)
            case 6 if session is None:
                self._resume(connection, data)
            case 2 | 6:
                connection.close(ALREADY_AUTHENTICATED)
            case 8 if session is not None:
                self._members(session, data)
            case 3 | 4 if session is not None:
                return
            case _:
                connection.close(NOT_AUTHENTICATED if session is None else 4001)

    def _identify(self, connection: Connection, data: Json) -> None:
        if str(data.get("token", "")).removeprefix("Bot ") != self._world.application.token:
            connection.close(AUTHENTICATION_FAILED)
            return
        intents = int(data.get("intents") or 0)
        if intents & ~self._allowed_intents():
            connection.close(DISALLOWED_INTENTS)
            return
        number, count = as_strings(data.get("shard")) or ("0", "1")
        self.identifies += 1
        session_id = self._world.cdn.opaque(self._world.new_id())[:32]
        session = Session(id=session_id, intents=intents, shard=(int(number), int(count)), connection=connection)
        self._sessions[session.id] = session
        session.send("READY", self._ready(session))
        if intents & GUILDS and session.wants(Event(name="", data={}, guild_id=self._world.guild.id)):
            with_members = bool(intents & GUILD_MEMBERS)
            session.send("GUILD_CREATE", show.guild_create(self._world, with_members=with_members))
        self._world.changed.fire()

    def _allowed_intents(self) -> int:
        options = self._world.options
        refused = ((options.members_intent, GUILD_MEMBERS), (options.presences_intent, PRESENCES))
        refused += ((options.message_content, MESSAGE_CONTENT),)
        return ~sum(bit for granted, bit in refused if not granted)

    def _ready(self, session: Session) -> Json:
        guild_id = self._world.guild.id
        mine = session.wants(Event(name="", data={}, guild_id=guild_id))
        return {
            "v": 10,
            "user": show.own_account(self._world),
            "guilds": [{"id": str(guild_id), "unavailable": True}] if mine else [],
            "session_id": session.id,
            "session_type": "normal",
            "resume_gateway_url": self.url,
            "shard": list(session.shard),
            "application": {"id": str(self._world.application.id), "flags": show.application_flags(self._world)},
            "user_settings": {},
            "relationships": [],
            "private_channels": [],
            "presences": [],
        }

    def _resume(self, connection: Connection, data: Json) -> None:
        self._expire()
        if str(data.get("token", "")).removeprefix("Bot ") != self._world.application.token:
            connection.close(AUTHENTICATION_FAILED)
            return
        session = self._sessions.get(str(data.get("session_id")))
        if session is None:
            connection.put(INVALID_SESSION, data=False)
            return
        if session.connection is not None:
            session.connection.close(UNKNOWN_ERROR)
        self.resumes += 1
        session.connection, session.lost_at = connection, None
        for frame in session.log:
            if frame["s"] > int(data.get("seq") or 0):
                connection.outbox.put_nowait(frame)
        session.send("RESUMED", {})
        self._world.changed.fire()

    def _members(self, session: Session, data: Json) -> None:
        wanted = set(as_strings(data.get("user_ids")))
        prefix = data.get("query")
        found = [
            one
            for one in self._world.users.values()
            if one.in_guild and (str(one.id) in wanted or (prefix is not None and one.name.startswith(str(prefix))))
        ]
        chunk: Json = {
            "guild_id": str(self._world.guild.id),
            "members": [show.member(one) for one in found],
            "chunk_index": 0,
            "chunk_count": 1,
            "not_found": [],
            "presences": [],
        }
        if data.get("nonce") is not None:
            chunk["nonce"] = data["nonce"]
        session.send("GUILD_MEMBERS_CHUNK", chunk)
