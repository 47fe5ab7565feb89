"""Puts the pieces together and serves until told to stop."""

import asyncio
import json
import secrets
import signal
import socket
import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
from aiohttp import web

from bot.media.tools import SandboxedMedia
from sandbox.oxen.contract import Contract
from sandbox.oxen.control import Control
from sandbox.oxen.files_api import FilesApi
from sandbox.oxen.jobs import Jobs
from sandbox.oxen.journal import Journal
from sandbox.oxen.middle import middlewares
from sandbox.oxen.models_api import ModelsApi
from sandbox.oxen.queue_api import QueueApi
from sandbox.oxen.references import Fetcher
from sandbox.oxen.rendering import Renderer
from sandbox.oxen.results import Results
from sandbox.oxen.settings import Settings
from sandbox.oxen.world import World

_HOST = "127.0.0.1"
_MAX_BODY_BYTES = 64 * 1024 * 1024  # data URIs; Oxen documents no limit


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What cannot change while it runs. `data`: results and half-fetched references. `port=0`: any free one.

    `renders`: where renders are kept to be used again; other processes may share it.
    """

    port: int
    data: Path
    renders: Path
    workers: int
    contract: Path | None


async def serve(options: Options, settings: Settings) -> None:
    """Serves until SIGTERM or SIGINT; prints the ready line once."""
    stopped = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    async with asyncio.TaskGroup() as group, httpx.AsyncClient(follow_redirects=True, trust_env=False) as client:
        world = _world(options, settings)
        jobs = _jobs(world, options, client, group)
        async with _listening(world, jobs, options.port) as base:
            print(json.dumps({"base": base, "key": settings.key, "control": f"{base}/control"}), flush=True)
            await stopped.wait()
            jobs.stop()
            world.hub.cut()


def _world(options: Options, settings: Settings) -> World:
    results = options.data / "results"
    results.mkdir(parents=True, exist_ok=True)
    return World(
        settings,
        journal=Journal(None if options.contract is None else Contract(options.contract)),
        results=Results(results, secret=secrets.token_bytes(32)),
        clock=lambda: time.time_ns() // 1_000_000,
        random_bits=secrets.randbits,
    )


def _jobs(world: World, options: Options, client: httpx.AsyncClient, group: asyncio.TaskGroup) -> Jobs:
    animator = SandboxedMedia(child_count=options.workers)
    return Jobs(
        world,
        fetcher=Fetcher(client, world.clock),
        renderer=Renderer(animator, world.results.folder, kept=options.renders, workers=options.workers),
        folder=options.data / "references",
        group=group,
    )


@asynccontextmanager
async def _listening(world: World, jobs: Jobs, port: int) -> AsyncGenerator[str]:
    """The server, bound; yields its base URL, which links need to know."""
    runner = web.AppRunner(application(world, jobs), access_log=None, shutdown_timeout=1.0)
    await runner.setup()
    door = socket.create_server((_HOST, port))
    try:
        world.results.base = f"http://{_HOST}:{door.getsockname()[1]}"
        await web.SockSite(runner, door).start()
        yield world.results.base
    finally:
        await runner.cleanup()


def application(world: World, jobs: Jobs) -> web.Application:
    """All routes. A route's name, up to the dot, is its `where` in faults and in the log."""
    queue, models, files = QueueApi(world, jobs), ModelsApi(world), FilesApi(world)
    app = web.Application(middlewares=middlewares(world), client_max_size=_MAX_BODY_BYTES)
    app.add_routes(
        [
            web.post("/api/ai/queue", queue.enqueue, name="enqueue"),
            web.get("/api/ai/queue", queue.queue_list, name="queue_list"),
            web.get("/api/ai/queue/{generation_id}", queue.queue_get, name="queue_get"),
            web.delete("/api/ai/queue/{generation_id}", queue.cancel, name="cancel"),
            web.get("/api/ai/generations", queue.history, name="generations"),
            web.get("/api/ai/generations/{generation_id}", queue.history_one, name="generations.one"),
            web.get("/api/ai/models", models.models, name="models"),
            web.get("/api/ai/models/search", models.search, name="models.search"),
            web.get("/api/ai/models/{id}", models.model, name="models.one"),
            web.get("/api/events", queue.events, name="events"),
            web.get("/api/repos/{namespace}/{repo}/file/main/{path:.+}", files.file, name="file"),
            web.get("/cdn/{path:.+}", files.cdn, name="cdn"),
        ]
    )
    app.add_routes(Control(world, jobs).routes())
    return app
