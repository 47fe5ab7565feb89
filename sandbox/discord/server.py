"""Everything on one port."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from aiohttp import web

from sandbox.discord import founding
from sandbox.discord.api import PREFIX, Api
from sandbox.discord.contract import Contract
from sandbox.discord.control import Control
from sandbox.discord.events import Events
from sandbox.discord.faults import Faults
from sandbox.discord.gateway import Gateway
from sandbox.discord.interactions import Interactions
from sandbox.discord.journal import Journal
from sandbox.discord.limits import Limits
from sandbox.discord.messages import Desk
from sandbox.discord.options import Options
from sandbox.discord.wire import Json
from sandbox.discord.world import Clock

MAX_BODY_BYTES = 1 << 30


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where to listen; port 0 takes a free one."""

    host: str = "127.0.0.1"
    port: int = 0


@asynccontextmanager
async def running(
    *, place: Place, options: Options, clock: Clock, secret: bytes, token: str | None, contract: Path | None
) -> AsyncGenerator[Json]:
    """A Discord that serves while the context is open; yields what the ready line says."""
    founded = founding.found(options=options, clock=clock, secret=secret, token=token)
    world = founded.world
    desk = Desk(world=world, events=Events(world))
    gateway, interactions = Gateway(world), Interactions(desk)
    desk.events.listener = gateway.dispatch
    faults, log = Faults(), Journal()
    api = Api(
        desk=desk,
        interactions=interactions,
        faults=faults,
        limits=Limits(world),
        journal=log,
        contract=None if contract is None else Contract(contract),
    )
    addresses: Json = {}
    control = Control(
        desk=desk,
        interactions=interactions,
        gateway=gateway,
        faults=faults,
        journal=log,
        founded=founded,
        addresses=lambda: addresses,
        is_checked=contract is not None,
    )
    app = web.Application(client_max_size=MAX_BODY_BYTES)
    app.add_routes(control.routes())
    app.router.add_get("/gateway", gateway.serve)
    app.router.add_get("/gateway/", gateway.serve)
    app.router.add_get("/cdn/{path:.*}", world.cdn.serve)
    app.router.add_route("*", PREFIX + "/{path:.*}", api.serve)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.5)
    await runner.setup()
    try:
        site = web.TCPSite(runner, place.host, place.port)
        await site.start()
        port = int(runner.addresses[0][1])
        gateway.url = api.gateway_url = f"ws://{place.host}:{port}/gateway"
        world.cdn.base = f"http://{place.host}:{port}/cdn"
        addresses |= {
            "api": f"http://{place.host}:{port}{PREFIX}",
            "gateway": gateway.url,
            "cdn": world.cdn.base,
            "control": f"http://{place.host}:{port}/control",
            "token": world.application.token,
            "application_id": str(world.application.id),
            "guild_id": str(world.guild.id),
            "channel_id": str(founded.channel_id),
            "staging_channel_id": str(founded.staging_channel_id),
            "user_id": str(founded.user_id),
            "owner_id": str(world.guild.owner_id),
        }
        yield addresses
    finally:
        gateway.drop_all()
        await runner.cleanup()
