"""The one place that builds real things, and the order in which they start and stop."""

import asyncio
import os
import secrets
import shutil
import signal
import socket
import time
from collections.abc import AsyncGenerator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import structlog

from bot.admission.rules import quota_refusal, refusals
from bot.client import RushesClient, Services, log_in, point_discord_at, point_gateway
from bot.delivery import CardKeeper, DiscordCourier, RestPoster
from bot.domain.admission import GuildPolicy
from bot.domain.errors import RushesError
from bot.domain.identity import Ids
from bot.domain.ports import FaultPoint, Publisher, no_fault
from bot.domain.prompts import Prompt, PromptStyle
from bot.domain.references import Reference
from bot.domain.requests import Request, Snapshot, Wish
from bot.engine.local import LocalEngine
from bot.media.tools import SandboxedMedia
from bot.pipeline.advance import Advance
from bot.pipeline.cancel import Cancel
from bot.pipeline.dispatch import Dispatch
from bot.pipeline.rooms import Patience, Rooms
from bot.pipeline.submit import Submit
from bot.pipeline.watch import Watch
from bot.prompting import natural_numbering, parse, render
from bot.providers.oxen.client import OxenProvider
from bot.publish import DataUriPublisher, StagingChannelPublisher
from bot.queue.store import SqlRequestStore
from bot.references import Collector, HttpDownloader, ObjectContentStore, Sweep, declared_reasons, set_reasons
from bot.settings import DiscordSettings, Settings, SettingsError, config_directory
from cogs.buttons import RequestButton
from cogs.errors import Errors
from cogs.video import Video

_log: structlog.stdlib.BoundLogger = structlog.get_logger("rushes")
_MIB, _KIB = 1 << 20, 1 << 10
_HEARTBEAT_SECONDS = 10.0
_LAST_EDITS_SECONDS = 10.0
_SWEEP_SECONDS = 3600.0


def now_ms() -> int:
    """The `Clock` of production."""
    return time.time_ns() // 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class House:
    """Everything built for one process; `client` is logged in to nothing yet."""

    settings: Settings
    rooms: Rooms
    client: RushesClient
    store: SqlRequestStore
    media: SandboxedMedia
    engine: LocalEngine
    keeper: CardKeeper
    advance: Advance
    watch: Watch
    sweep: Sweep


def fault_point(kill_at: str) -> FaultPoint:
    """The restart tests' fault point: the process kills itself when it reaches the named place."""
    if not kill_at:
        return no_fault

    def reached(name: str) -> None:
        if name == kill_at:
            os.kill(os.getpid(), signal.SIGKILL)

    return reached


@asynccontextmanager
async def built(settings: Settings) -> AsyncGenerator[House]:
    """Builds the house, opens the store; closes in the opposite order."""
    directory = settings.storage.directory
    scratch = _fresh_scratch(directory)
    reached = fault_point(settings.testing.kill_at)
    store = SqlRequestStore(
        settings.storage.database_url or f"sqlite:///{directory / 'rushes.sqlite3'}",
        quota_rule=quota_refusal,
        reached=reached,
    )
    async with AsyncExitStack() as stack:
        await store.open()
        stack.push_async_callback(store.close)
        yield await _assemble(settings, store, scratch, reached, stack)


async def _assemble(
    settings: Settings, store: SqlRequestStore, scratch: Path, reached: FaultPoint, stack: AsyncExitStack
) -> House:
    point_discord_at(str(settings.discord.api_base), str(settings.discord.asset_base))
    ids = Ids(clock=now_ms, random_bits=secrets.randbits)
    contents = ObjectContentStore(_made(settings.storage.directory / "contents"))
    media = SandboxedMedia(child_count=settings.media.children)
    provider = await stack.enter_async_context(_provider(settings))
    downloader = _downloader(settings)
    engine = LocalEngine(
        retry_first_ms=_ms(settings.engine.retry_first_seconds), retry_most_ms=_ms(settings.engine.retry_most_seconds)
    )
    reader = PromptReader(provider)
    steps = _LateSteps()
    client = RushesClient(
        services=Services(
            submit=steps.submit,
            cancel=steps.cancel,
            rendered=lambda snapshot: reader(snapshot.request),
            form_id=ids.short,
            open_threads=settings.discord.open_threads,
        ),
        memory=store,
        cogs=lambda client: (Errors(client), Video(client)),
        buttons=(RequestButton,),
        sync_commands=settings.discord.sync_commands,
    )
    courier = DiscordCourier(
        client,
        store,
        reader,
        now_ms,
        open_threads=settings.discord.open_threads,
        ping_requester=settings.discord.ping_requester,
        reached=reached,
    )
    keeper = CardKeeper(
        store, courier, _report_card_trouble, time.monotonic, interval_seconds=settings.cards.edit_interval_seconds
    )
    collector = Collector(
        downloader=downloader,
        contents=contents,
        media=media,
        ids=ids,
        scratch=scratch,
        max_bytes=settings.references.max_file_mib * _MIB,
    )
    rooms = Rooms(
        store=store,
        contents=contents,
        media=media,
        provider=provider,
        publisher=_publisher(settings, RestPoster(client), contents, scratch, reached),
        courier=courier,
        cards=keeper,
        engine=engine,
        clock=now_ms,
        ids=ids,
        patience=_patience(settings),
        scratch=scratch,
        parse=parse,
        render=render_naturally,
        collect=collector.collect,
        first_look=lambda wish, policy, usage: refusals(wish, policy, usage, max_takes=settings.lanes.max_takes),
        declared_reasons=lambda offers, spec: declared_reasons(
            offers, max_bytes=settings.references.max_file_mib * _MIB, max_files=spec.limits.max_files
        ),
        set_reasons=lambda references, spec: set_reasons(references, spec.limits),
        policy=lambda _guild_id: _policy(settings),
        max_running=settings.lanes.max_running,
        reached=reached,
    )
    submit, dispatch = Submit(rooms), Dispatch(rooms)
    steps.set(submit, Cancel(rooms))
    return House(
        settings=settings,
        rooms=rooms,
        client=client,
        store=store,
        media=media,
        engine=engine,
        keeper=keeper,
        advance=Advance(rooms, submit, dispatch),
        watch=Watch(rooms, holder=f"{socket.gethostname()}:{os.getpid()}:{ids.short()}"),
        sweep=Sweep(contents=contents, clock=now_ms, keep_hours=settings.storage.keep_files_hours),
    )


class _LateSteps:
    """The client is needed to build what the client's cogs call: these two are filled in once both are there."""

    def __init__(self) -> None:
        self._steps: tuple[Submit, Cancel] | None = None

    def set(self, submit: Submit, cancel: Cancel) -> None:
        self._steps = (submit, cancel)

    async def submit(self, wish: Wish) -> Snapshot:
        return await self._ready()[0](wish)

    async def cancel(self, request_id: str, *, person_id: int, moderator: bool) -> Snapshot:
        return await self._ready()[1](request_id, person_id=person_id, moderator=moderator)

    def _ready(self) -> tuple[Submit, Cancel]:
        if self._steps is None:
            raise RuntimeError("the house is not built yet")
        return self._steps


class PromptReader:
    """The prompt as the model reads it, for cards: in the style of the model as it was last seen."""

    def __init__(self, provider: OxenProvider) -> None:
        self._provider = provider

    def __call__(self, request: Request) -> str:
        """The rendered prompt; for a request without a parsed prompt, as it was written."""
        if request.prompt is None:
            return request.written_prompt
        return render_naturally(request.prompt, self._provider.known.style, request.references)


def render_naturally(prompt: Prompt, style: PromptStyle, references: Sequence[Reference]) -> str:
    """The prompt with the references' own numbers."""
    return render(prompt, style, natural_numbering(references))


def _provider(settings: Settings) -> OxenProvider:
    return OxenProvider(
        base_url=str(settings.oxen.base).rstrip("/") + "/api/ai",
        key=settings.oxen.read_key,
        model_id=settings.oxen.model,
        namespace=settings.oxen.namespace or None,
        models=config_directory() / "models",
        clock=now_ms,
        max_result_bytes=settings.oxen.max_result_mib * _MIB,
    )


def _downloader(settings: Settings) -> HttpDownloader:
    return HttpDownloader(
        allowed_origins=settings.discord.fetch_origins(),
        max_bytes=settings.references.max_file_mib * _MIB,
        total_seconds=settings.references.fetch_seconds,
    )


def _publisher(
    settings: Settings, poster: RestPoster, contents: ObjectContentStore, scratch: Path, reached: FaultPoint
) -> Publisher:
    if settings.discord.staging_channel_id == 0:
        return DataUriPublisher(contents, scratch=scratch, max_bytes_each=settings.publish.data_uri_kib * _KIB)
    return StagingChannelPublisher(
        poster,
        contents,
        settings.discord.staging_channel_id,
        max_bytes_each=settings.publish.staging_file_mib * _MIB,
        scratch=scratch,
        reached=reached,
    )


def _policy(settings: Settings) -> GuildPolicy:
    return GuildPolicy(
        max_running_requests=settings.lanes.max_running_per_guild,
        max_waiting_requests_per_person=settings.lanes.max_waiting_per_person,
        takes_per_person_per_day=settings.quotas.takes_per_person_per_day,
        takes_per_guild_per_day=settings.quotas.takes_per_guild_per_day,
    )


def _patience(settings: Settings) -> Patience:
    return Patience(
        retry_first_ms=_ms(settings.engine.retry_first_seconds),
        retry_most_ms=_ms(settings.engine.retry_most_seconds),
        max_attempts=settings.engine.max_attempts,
        settle_looks=settings.oxen.settle_looks,
        settle_interval_ms=_ms(settings.oxen.settle_interval_seconds),
        deadline_ms=_ms(settings.oxen.deadline_minutes * 60),
        watch_interval_ms=_ms(settings.oxen.watch_interval_seconds),
    )


def _report_card_trouble(request_id: str, error: Exception) -> None:
    _log.warning("card not drawn", request=request_id, error=str(error), kind=type(error).__name__)


def _fresh_scratch(directory: Path) -> Path:
    """An empty scratch folder: what a killed process left in the last one belongs to nobody."""
    scratch = directory / "scratch"
    shutil.rmtree(scratch, ignore_errors=True)
    return _made(scratch)


def _made(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _ms(seconds: float) -> int:
    return round(seconds * 1000)


# --- start and stop ------------------------------------------------------------------------------------------------


async def serve(settings: Settings) -> None:
    """Serves until told to stop; raises `CannotLogIn`, or `Unavailable` when the database cannot be opened."""
    _made(settings.storage.directory)
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    async with built(settings) as house:
        await _require_isolation(house)
        try:
            await log_in(house.client, settings.discord.read_token())
            await point_gateway(house.client)
            await _work(house, stop)
        finally:
            await house.client.close()
    _log.info("stopped")


async def sync_commands(settings: Settings, *, always: bool) -> bool:
    """Tells Discord the commands when they changed (or `always`); answers whether it did."""
    _made(settings.storage.directory)
    async with built(settings.model_copy(update={"discord": _without_sync(settings)})) as house:
        try:
            await log_in(house.client, settings.discord.read_token())
            return await house.client.sync_if_changed(always=always)
        finally:
            await house.client.close()


def heartbeat_age_seconds(settings: Settings) -> float | None:
    """Seconds since a bot on this storage last said it was alive; `None` when none ever did."""
    try:
        return time.time_ns() / 1e9 - _heartbeat_file(settings).stat().st_mtime
    except FileNotFoundError:
        return None


async def _work(house: House, stop: asyncio.Event) -> None:
    """Everything that runs while the bot serves, in one task group; ends when `stop` is set or one of them fails."""
    spec = await house.rooms.provider.model()
    _log.info("model", id=spec.id, schema=spec.schema_version, live=spec.live, drift=list(spec.drift))
    house.engine.wake_all(await house.store.open_requests())
    async with asyncio.TaskGroup() as tasks:
        carriers = [
            tasks.create_task(house.engine.run(house.advance, house.advance.stumble), name="engine"),
            tasks.create_task(house.keeper.run(), name="cards"),
            tasks.create_task(house.watch.run(), name="watcher"),
            tasks.create_task(_sweep(house), name="sweep"),
            tasks.create_task(_heartbeat(house), name="heartbeat"),
        ]
        gateway = tasks.create_task(house.client.connect(reconnect=True), name="gateway")
        await stop.wait()
        _log.info("stopping")
        gateway.cancel()
        if not await house.engine.drain(house.settings.engine.drain_seconds):
            _log.warning("steps cut short; the next start carries them on")
        for carrier in carriers:
            carrier.cancel()
    with suppress(TimeoutError):
        async with asyncio.timeout(_LAST_EDITS_SECONDS):
            await house.keeper.flush()


async def _sweep(house: House) -> None:
    while True:
        with suppress(RushesError):
            await house.sweep(await house.store.contents_in_use())
        await asyncio.sleep(_SWEEP_SECONDS)


async def _heartbeat(house: House) -> None:
    """A sign of life while the gateway is connected: `rushes health` reads its age."""
    await house.client.wait_until_ready()
    while True:
        if not house.client.is_closed() and house.client.ws.open:
            _heartbeat_file(house.settings).touch()
        await asyncio.sleep(_HEARTBEAT_SECONDS)


def _heartbeat_file(settings: Settings) -> Path:
    return settings.storage.directory / "alive"


async def _require_isolation(house: House) -> None:
    report = await house.media.isolation()
    if report.holds:
        return
    _log.warning("media children are not fully isolated", layers=report.layers, possible=report.possible)
    if house.settings.media.require_isolation and not report.layers:
        raise SettingsError(
            "This machine offers neither Landlock nor seccomp, so files from strangers could not be opened safely. "
            "Run Rushes on a Linux kernel that has one of them, or set RUSHES__MEDIA__REQUIRE_ISOLATION=false to "
            "accept the risk."
        )


def _without_sync(settings: Settings) -> DiscordSettings:
    return settings.discord.model_copy(update={"sync_commands": False})
