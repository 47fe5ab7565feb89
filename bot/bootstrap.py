"""The one place that builds real things, and the order in which they start and stop."""

import asyncio
import fcntl
import os
import secrets
import shutil
import signal
import socket
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Coroutine, Generator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, TextIO

import aiohttp
import discord
import structlog
from discord import app_commands
from sqlalchemy import Connection

from bot.admission.rules import refusals, refusals_of
from bot.admission.spans import present_windows, zones
from bot.client import (
    CannotLogIn,
    RushesClient,
    Services,
    ShardedClient,
    Sources,
    connection_ended,
    log_in,
    point_discord_at,
    point_gateway,
)
from bot.default_policy import ceilings, default_policy
from bot.delivery import CardKeeper, DiscordCourier, RestPoster
from bot.domain.drafts import Allowance
from bot.domain.errors import RushesError
from bot.domain.identity import Ids
from bot.domain.models import ModelSpec, Pricing
from bot.domain.policies import Policy, holding
from bot.domain.ports import FaultPoint, Publisher, no_fault
from bot.domain.requests import Request
from bot.engine.attempt import Advance as AdvanceOne
from bot.engine.attempt import Retries, Stumble
from bot.engine.local import LocalEngine
from bot.media.planner import plan
from bot.media.tools import SandboxedMedia
from bot.pipeline.advance import Advance
from bot.pipeline.ageing import Ageing
from bot.pipeline.cancel import Cancel
from bot.pipeline.dispatch import Dispatch
from bot.pipeline.drafts import Drafts
from bot.pipeline.guild_choices import ChoicesOfGuilds
from bot.pipeline.last_frame import LastFrame
from bot.pipeline.looking import vendor_tokens
from bot.pipeline.overview import Overview
from bot.pipeline.policies import PoliciesOfGuilds
from bot.pipeline.privacy import Privacy
from bot.pipeline.reconcile import Reconcile
from bot.pipeline.redeliver import DeliverAgain
from bot.pipeline.rooms import Deployment, Drafting, Patience, Rooms
from bot.pipeline.submit import Submit
from bot.pipeline.tray import Tray
from bot.pipeline.watch import Watch
from bot.prompting import read, renumbered, written
from bot.providers.oxen import OxenProvider, PinnedError
from bot.publish import DataUriPublisher, StagingChannelPublisher
from bot.queue.store import SqlRequestStore
from bot.references import (
    Collector,
    HttpDownloader,
    ObjectContentStore,
    Sweep,
    declared_bytes,
    declared_reasons,
    file_reasons,
    planned,
    tray_reasons,
)
from bot.references.places import Bucket, bucket_store
from bot.roles import Role, require_possible, shards_of
from bot.settings import Settings, SettingsError, config_directory
from cogs.assembly import BUTTONS, cogs_of

_log: structlog.stdlib.BoundLogger = structlog.get_logger("rushes")
_MIB, _KIB = 1 << 20, 1 << 10
_HEARTBEAT_SECONDS = 10.0
_LAST_EDITS_SECONDS = 10.0
_SWEEP_SECONDS = 3600.0
_AGEING_SECONDS = 60.0
_RECONCILE_SECONDS = 15.0
_IDENTIFY_SECONDS = 5.0  # Discord: so long between two identifications, where an application may make one at a time
_ALONE_SECONDS = 10.0
_ALONE_TRIES, _ALONE_PAUSE_SECONDS = 8, 0.25  # the database notices within that time that a killed bot is gone
_NOT_ALONE = (
    "Another bot serves on the database that storage.database_url names. Stop it first, or give this one a database of "
    "its own: RUSHES__STORAGE__DATABASE_URL."
)
_NO_QUEUE = (
    "The role {role} needs the Python package {missing}, which is not installed: pip install 'rushes[postgres]'."
)
_NOT_SHARED = (
    "A bot with all roles serves on the database that storage.database_url names. Stop it first: gateways and workers "
    "do together what it does alone."
)


def now_ms() -> int:
    """The `Clock` of production."""
    return time.time_ns() // 1_000_000


class Carrier(Protocol):
    """An engine, as this file runs it."""

    def wake(self, request_id: str, *, delay_ms: int = 0) -> None:
        """See the port."""
        ...

    async def run(self, advance: AdvanceOne, stumble: Stumble) -> None:
        """Works until cancelled."""
        ...

    async def drain(self, seconds: float) -> bool:
        """Ends what is under way; `False` when that took too long."""
        ...

    async def in_hand(self) -> frozenset[str]:
        """Ids of the requests that somebody carries, or will. `Unavailable`."""
        ...

    @property
    def works(self) -> bool:
        """True while it does its part."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class House:
    """Everything built for one process; `client` is logged in to nothing yet."""

    role: Role
    holder: str
    settings: Settings
    rooms: Rooms
    client: RushesClient
    store: SqlRequestStore
    media: SandboxedMedia
    engine: Carrier
    keeper: CardKeeper
    advance: Advance
    watch: Watch
    ageing: Ageing
    sweep: Sweep
    reconcile: Reconcile


def fault_point(kill_at: str) -> FaultPoint:
    """The restart tests' fault point: the process kills itself when it reaches the named place."""
    if not kill_at:
        return no_fault

    def reached(name: str) -> None:
        if name == kill_at:
            os.kill(os.getpid(), signal.SIGKILL)

    return reached


@asynccontextmanager
async def built(settings: Settings, *, scratch: Path, role: Role = Role.ALL) -> AsyncGenerator[House]:
    """Builds the house, opens the store; closes in the opposite order. `SettingsError` for what cannot be built."""
    reached = fault_point(settings.testing.kill_at)
    deployment = _deployment(settings)
    store = _store(settings, deployment, reached, shared=role.is_split)
    async with AsyncExitStack() as stack:
        await store.open(*_others(role))
        stack.push_async_callback(store.close)
        yield await _assemble(role, settings, deployment, store, scratch, reached, stack)


async def _assemble(
    role: Role,
    settings: Settings,
    deployment: Deployment,
    store: SqlRequestStore,
    scratch: Path,
    reached: FaultPoint,
    stack: AsyncExitStack,
) -> House:
    point_discord_at(str(settings.discord.api_base), str(settings.discord.asset_base))
    ids = Ids(clock=now_ms, random_bits=secrets.randbits)
    # Named after the storage, which one process holds at a time: a restart goes on at once, with its own old lease.
    holder = f"{socket.gethostname()}:{settings.storage.directory.resolve()}"
    contents = _contents(settings)
    media = SandboxedMedia(child_count=settings.media.children)
    provider = await stack.enter_async_context(_provider(settings))
    engine = _engine(role, settings)
    reader = PromptReader(provider)
    client = _client(role, settings, store, holder)
    courier = DiscordCourier(
        client,
        store,
        reader,
        now_ms,
        open_threads=settings.discord.open_threads,
        ping_requester=settings.discord.ping_requester,
        vendor_tokens=reader.vendor_tokens,
        keep_files_ms=_keep_files_ms(settings),
        reached=reached,
    )
    keeper = CardKeeper(
        store, courier, _report_card_trouble, time.monotonic, interval_seconds=settings.cards.edit_interval_seconds
    )
    max_bytes = settings.references.max_file_mib * _MIB
    publisher = _publisher(settings, RestPoster(client), contents, scratch, reached)
    collector = Collector(
        downloader=_downloader(settings),
        contents=contents,
        media=media,
        conformer=media,
        limits=lambda: provider.known.limits.carried(publisher.max_bytes_each),
        ids=ids,
        scratch=scratch,
        max_bytes=max_bytes,
    )
    rooms = Rooms(
        store=store,
        contents=contents,
        media=media,
        conformer=media,
        clips=media,
        provider=provider,
        publisher=publisher,
        courier=courier,
        cards=keeper,
        engine=engine,
        clock=now_ms,
        ids=ids,
        patience=_patience(settings),
        scratch=scratch,
        parse=read,
        render=written,
        renumbered=renumbered,
        collect=collector.collect,
        first_look=lambda wish, known, asked: refusals(wish, known, asked, max_takes=settings.lanes.max_takes),
        declared_reasons=lambda offers, spec: declared_reasons(
            offers, max_bytes=max_bytes, max_files=spec.limits.max_files
        ),
        declared_bytes=lambda offers: declared_bytes(offers, max_bytes=max_bytes),
        plan=lambda references, spec: planned(plan, references, spec.limits.carried(publisher.max_bytes_each)),
        file_reasons=lambda references, spec: file_reasons(references, spec.limits),
        tray_reasons=lambda references, spec: tray_reasons(references, spec.limits),
        deployment=deployment,
        drafting=_drafting(settings),
        trays=store,
        consent=store,
        guild_choices=store,
        policies=store,
        reached=reached,
    )
    submit, dispatch = Submit(rooms), Dispatch(rooms)
    client.furnish(_services(settings, rooms, submit, dispatch, reader))
    # Named after the storage, which one process holds at a time: a restart goes on at once, with its own old leases.
    holder = f"{socket.gethostname()}:{settings.storage.directory.resolve()}"
    return House(
        role=role,
        holder=holder,
        settings=settings,
        rooms=rooms,
        client=client,
        store=store,
        media=media,
        engine=engine,
        keeper=keeper,
        advance=Advance(rooms, submit, dispatch),
        watch=Watch(rooms, holder=holder),
        ageing=Ageing(rooms, holder=holder, interval_ms=_ms(_AGEING_SECONDS)),
        sweep=Sweep(contents=contents, clock=now_ms),
        reconcile=Reconcile(rooms, dispatch, engine.in_hand, holder=holder),
    )


def _others(role: Role) -> tuple[Callable[[Connection], None], ...]:
    """The tables that are not ours and that this role needs."""
    if not role.is_split:
        return ()
    try:
        from bot.engine.carrying_tables import upgrade
    except ImportError as error:
        raise SettingsError(_NO_QUEUE.format(role=role, missing=error.name)) from error
    return (upgrade,)


def _engine(role: Role, settings: Settings) -> Carrier:
    first_ms, most_ms = _ms(settings.engine.retry_first_seconds), _ms(settings.engine.retry_most_seconds)
    if not role.is_split:
        return LocalEngine(retry_first_ms=first_ms, retry_most_ms=most_ms)
    from bot.engine.distributed import DistributedEngine, Pace

    return DistributedEngine(
        settings.storage.read_database_url(),
        retries=Retries(first_ms=first_ms, most_ms=most_ms),
        pace=Pace(
            poll_seconds=settings.engine.poll_seconds,
            stalled_seconds=settings.engine.stalled_seconds,
            at_once=settings.engine.steps_at_once,
        ),
        clock=now_ms,
        carries=role is Role.WORKER,
    )


def _client(role: Role, settings: Settings, store: SqlRequestStore, holder: str) -> RushesClient:
    """A worker's knows no commands; of several gateways, the one with the first shard tells Discord the commands."""
    if role is Role.WORKER:
        return RushesClient(memory=store, cogs=lambda _client: (), buttons=(), sync_commands=False)
    shards = shards_of(settings)
    if shards is None:
        return RushesClient(memory=store, cogs=cogs_of, buttons=BUTTONS, sync_commands=settings.discord.sync_commands)

    async def turn(shard_id: int) -> None:
        await _identify_turn(store, f"{holder}#{shard_id}")

    return ShardedClient(
        memory=store,
        cogs=cogs_of,
        buttons=BUTTONS,
        sync_commands=settings.discord.sync_commands and 0 in shards.ids,
        shards=shards,
        turn=turn,
    )


async def _identify_turn(store: SqlRequestStore, holder: str) -> None:
    """Waits until no other shard, of any process, has just identified. Without a database nobody waits."""
    with suppress(RushesError):
        # Another process gives it up by letting it lapse: nobody could set an event.
        while not await store.take_lease("identify", holder, ttl_ms=_ms(_IDENTIFY_SECONDS), now_ms=now_ms()):  # noqa: ASYNC110
            await asyncio.sleep(_IDENTIFY_SECONDS / 10)


def _contents(settings: Settings) -> ObjectContentStore:
    storage = settings.storage
    folder = storage.contents_folder()
    if folder is not None:
        return ObjectContentStore(_made(folder))
    bucket = Bucket(
        url=storage.contents_url,
        endpoint=storage.contents_endpoint,
        region=storage.contents_region,
        key_id=storage.contents_key_id,
        secret=storage.read_contents_secret(),
    )
    return ObjectContentStore(bucket_store(bucket))


def _services(settings: Settings, rooms: Rooms, submit: Submit, dispatch: Dispatch, reader: "PromptReader") -> Services:
    overview = Overview(rooms)

    async def requester(request_id: str) -> int | None:
        snapshot = await rooms.store.load(request_id)
        return snapshot.request.person.id if snapshot is not None else None

    return Services(
        submit=submit,
        cancel=Cancel(rooms),
        deliver_again=DeliverAgain(rooms),
        drafts=Drafts(rooms, submit),
        last_frame=LastFrame(rooms),
        tray=Tray(rooms),
        privacy=Privacy(rooms),
        guild_choices=ChoicesOfGuilds(rooms),
        quotas=overview.quotas,
        lane=overview.lane,
        policies=PoliciesOfGuilds(rooms, dispatch),
        ledger_csv=overview.ledger_csv,
        sources=Sources(
            avatars=settings.references.avatars, emoji=settings.references.emoji, embeds=settings.references.embeds
        ),
        rendered=lambda snapshot: reader(snapshot.request),
        vendor_tokens=lambda snapshot: reader.vendor_tokens(snapshot.request),
        asks_about_people=reader.asks_about_people,
        requester=requester,
        form_id=rooms.ids.short,
        open_threads=settings.discord.open_threads,
    )


class PromptReader:
    """The prompt as the model reads it, for cards: in the style and with the numbers of the model as last seen."""

    def __init__(self, provider: OxenProvider) -> None:
        self._provider = provider

    def __call__(self, request: Request) -> str:
        """The rendered prompt; for a request without a parsed prompt, as it was written."""
        if request.prompt is None:
            return request.written_prompt
        return written(request.prompt, self._provider.known, request.references)

    def vendor_tokens(self, request: Request) -> Mapping[str, str]:
        """Reference id → the token in that prompt, for those that the model numbers otherwise than we do."""
        return vendor_tokens(request.references, self._provider.known)

    def asks_about_people(self) -> bool:
        """True when the model has a place of its own for files that show a real person."""
        return bool(self._provider.known.face_kinds)


def _store(settings: Settings, deployment: Deployment, reached: FaultPoint, *, shared: bool) -> SqlRequestStore:
    try:
        return SqlRequestStore(
            settings.storage.read_database_url(),
            holding=deployment.holding,
            windows=deployment.windows,
            rule=refusals_of,
            max_open_drafts_per_person=deployment.ceilings.person.waiting,
            max_open_drafts_per_guild=settings.drafts.max_waiting_per_guild,
            reached=reached,
            shared=shared,
        )
    except SettingsError:
        raise
    except (ValueError, ImportError) as error:
        raise SettingsError(f"The setting storage.database_url cannot be used: {error}") from error


def _provider(settings: Settings) -> OxenProvider:
    try:
        return _oxen(settings)
    except PinnedError as error:
        raise SettingsError(f"The setting oxen.model cannot be used: {error}") from error


def _oxen(settings: Settings) -> OxenProvider:
    return OxenProvider(
        base_url=str(settings.oxen.base).rstrip("/") + "/api/ai",
        key=settings.oxen.read_key,
        model_id=settings.oxen.model,
        namespace=settings.oxen.namespace or None,
        models=config_directory() / "models",
        clock=now_ms,
        max_result_bytes=settings.oxen.max_result_mib * _MIB,
        submit_seconds=settings.oxen.submit_seconds,
        prices=prices_of(settings),
    )


def prices_of(settings: Settings) -> Pricing:
    """The prices that are set for our model. `SettingsError` when any is set for a model that nobody knows."""
    known = {path.name.rpartition(".v")[0] for path in (config_directory() / "models").glob("*.v*.toml")}
    for model in sorted(settings.prices.usd_per_second.keys() - known):
        models = ", ".join(sorted(known))
        raise SettingsError(f"The setting prices.usd_per_second names “{model}”, which is no model here: {models}.")
    return settings.prices.pricing(settings.oxen.model)


def _unpriced_resolutions(spec: ModelSpec) -> tuple[str, ...]:
    """The resolutions that the model offers and of which no price is known; ("any",) when it names none it offers."""
    offered = spec.fields["resolution"].choices if "resolution" in spec.fields else ()
    return tuple(str(each) for each in offered or ("any",) if spec.pricing.per_second(str(each)) is None)


def warn_of_unpriced(spec: ModelSpec, settings: Settings) -> None:
    """Whoever asks for one of them is refused: the operator should hear of it before they do."""
    missing = () if settings.budgets.unpriced else _unpriced_resolutions(spec)
    if missing:
        _log.warning(
            "no price is known, so requests are refused",
            model=spec.id,
            resolutions=list(missing),
            setting=f'prices.usd_per_second."{spec.id}", or budgets.unpriced = true to take them all the same',
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


def _deployment(settings: Settings) -> Deployment:
    defaults, most = default_policy(settings), ceilings(settings)

    def held(wanted: Policy) -> Policy:
        return holding(wanted, defaults, most)

    return Deployment(
        max_running=settings.lanes.max_running,
        guilds=frozenset(settings.access.guilds),
        ceilings=most,
        holding=held,
        windows=present_windows,
        zones=zones(),
    )


def _drafting(settings: Settings) -> Drafting:
    free = settings.free
    return Drafting(
        draft_life_ms=_ms(settings.drafts.life_minutes * 60),
        tray_life_ms=_ms(settings.tray.life_hours * 3600),
        allowance=Allowance(
            person_files=free.person_files_per_day,
            person_bytes=free.person_mib_per_day * _MIB,
            guild_files=free.guild_files_per_day,
            guild_bytes=free.guild_mib_per_day * _MIB,
            person_animatics=free.animatics_per_person_per_day,
            guild_animatics=free.animatics_per_guild_per_day,
        ),
        tray_files_per_person=settings.tray.max_files_per_person,
        tray_files_per_guild=settings.tray.max_files_per_guild,
        skip_card=settings.drafts.skip_card,
        ask_above_usd_micros=round(settings.drafts.ask_above_usd * 1_000_000),
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


def _keep_files_ms(settings: Settings) -> int:
    return _ms(settings.storage.keep_files_hours * 3600)


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


async def serve(settings: Settings, role: Role = Role.ALL) -> None:
    """Serves in that role until told to stop.

    `SettingsError` or `CannotLogIn` when it cannot start or Discord ends the connection for good; `Unavailable` when
    the database cannot be opened. Told to stop while it starts, it ends without serving.
    """
    starting = asyncio.current_task()
    if starting is not None:
        _on_stop_signals(starting.cancel)
    try:
        require_possible(role, settings)
        with only_process(_storage(settings)):
            async with built(settings, scratch=_fresh_scratch(settings.storage.directory), role=role) as house:
                await _require_alone(house)
                await _serve(house)
    except asyncio.CancelledError:
        _log.info("stopped while starting")
    else:
        _log.info("stopped")


async def sync_commands(settings: Settings, *, always: bool) -> bool:
    """Tells Discord the commands when they changed (or `always`); answers whether it did. A bot may be running."""
    quiet = settings.model_copy(update={"discord": settings.discord.model_copy(update={"sync_commands": False})})
    async with built(quiet, scratch=_storage(settings) / "scratch") as house:
        try:
            await log_in(house.client, settings.discord.read_token())
            return await house.client.sync_if_changed(always=always)
        except (app_commands.AppCommandError, discord.HTTPException) as error:
            raise CannotLogIn(f"Discord did not take the commands: {error}") from error
        finally:
            await house.client.close()


def heartbeat(settings: Settings) -> tuple[float, str] | None:
    """Seconds since a bot on this storage last said it was alive, and its role; `None` when none ever did."""
    file = _heartbeat_file(settings)
    try:
        return time.time_ns() / 1e9 - file.stat().st_mtime, file.read_text() or Role.ALL
    except FileNotFoundError:
        return None


async def _serve(house: House) -> None:
    try:
        await _require_isolation(house)
        await log_in(house.client, house.settings.discord.read_token())
        if house.role is not Role.WORKER:
            await point_gateway(house.client)
        spec = await house.rooms.provider.model()
        _log.info("model", id=spec.id, schema=spec.schema_version, live=spec.live, drift=list(spec.drift))
        warn_of_unpriced(spec, house.settings)
        stop = asyncio.Event()
        _on_stop_signals(stop.set)
        await _work(house, stop)
    finally:
        await house.client.close()


async def _work(house: House, stop: asyncio.Event) -> None:
    """Everything that runs while the bot serves, in one task group, until `stop` is set; then stopped in order."""
    if not house.role.is_split:
        for request_id in await house.store.open_requests():
            house.engine.wake(request_id)
    displaced = asyncio.Event()

    async def still_alone() -> None:
        if not await house.store.alone():
            displaced.set()
            stop.set()

    async with asyncio.TaskGroup() as tasks:
        carriers = [
            tasks.create_task(work, name=name)
            for name, work in {
                "engine": house.engine.run(house.advance, house.advance.stumble),
                "cards": house.keeper.run(),
                "heartbeat": _every(_HEARTBEAT_SECONDS, lambda: _heartbeat(house)),
                "alone": _every(_ALONE_SECONDS, still_alone),
                **_of_one(house),
            }.items()
        ]
        connection = _no_connection() if house.role is Role.WORKER else _until_connection_ends(house, stop)
        gateway = tasks.create_task(connection, name="gateway")
        await stop.wait()
        _log.info("stopping")
        if not await house.engine.drain(house.settings.engine.drain_seconds):
            _log.warning("steps cut short; the next start carries them on")
        for task in (gateway, *carriers):
            task.cancel()
    with suppress(TimeoutError):
        async with asyncio.timeout(_LAST_EDITS_SECONDS):
            await house.keeper.flush()
    if not gateway.cancelled() and (ended := gateway.result()) is not None:
        raise ended
    if displaced.is_set():
        raise SettingsError(_refusal(house.role))


def _of_one(house: House) -> Mapping[str, Coroutine[object, object, None]]:
    """What one process of the deployment does at a time, by a lease; gateways leave it to the workers."""
    if house.role is Role.GATEWAY:
        return {}
    loops = {
        "watcher": _every(house.settings.oxen.watch_interval_seconds, house.watch.look),
        "ageing": _every(_AGEING_SECONDS, house.ageing),
        "sweep": _every(_SWEEP_SECONDS, lambda: _sweep(house)),
    }
    if house.role.is_split:
        loops["reconciler"] = _every(_RECONCILE_SECONDS, house.reconcile.look)
    return loops


async def _no_connection() -> None:
    """A worker has none: it posts by HTTP."""


async def _until_connection_ends(house: House, stop: asyncio.Event) -> CannotLogIn | None:
    """Keeps the gateway until it is cancelled; when Discord ends it for good, asks for a stop and answers why."""
    try:
        await house.client.connect(reconnect=True)
    except (discord.DiscordException, aiohttp.ClientError, OSError) as error:
        _log.error("discord ended the connection for good", kind=type(error).__name__, error=str(error))
        stop.set()
        return connection_ended(error)
    stop.set()
    return None


async def _every(seconds: float, step: Callable[[], Awaitable[object]]) -> None:
    """Repeats a step for ever. Whatever goes wrong in one turn is logged and does not end the bot."""
    while True:
        try:
            await step()
        except RushesError as error:
            _log.warning("background step put off", reason=error.reason.code, detail=error.detail)
        except Exception:  # noqa: BLE001  the last door of a loop that must not end
            _log.exception("background step failed")
        await asyncio.sleep(seconds)


async def _sweep(house: House) -> None:
    """First the rows that are over, then the bytes that nobody needs any more."""
    lease_ms = _ms(_SWEEP_SECONDS) * 3 // 2
    if not await house.store.take_lease("sweep", house.holder, ttl_ms=lease_ms, now_ms=now_ms()):
        return
    await house.store.tidy(now_ms=now_ms())
    since_ms = now_ms() - _keep_files_ms(house.settings)
    forgotten = await house.sweep(await house.store.contents_in_use(since_ms=since_ms))
    if forgotten:
        _log.info("unused files deleted", count=forgotten)


async def _heartbeat(house: House) -> None:
    """A sign of life while the process does its part: `rushes health` reads its age and its role."""
    if house.role is not Role.WORKER:
        await house.client.wait_until_ready()
    if house.engine.works and (house.role is Role.WORKER or house.client.connected):
        _heartbeat_file(house.settings).write_text(house.role)


def _on_stop_signals(call: Callable[[], object]) -> None:
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, call)


async def _require_alone(house: House) -> None:
    """`SettingsError` while another process serves on the database: two would order the same takes.

    Gateways and workers serve together, but not beside one with all roles. For SQLite the storage's lock says so.
    """
    for _try in range(_ALONE_TRIES):
        if await house.store.alone():
            return
        await asyncio.sleep(_ALONE_PAUSE_SECONDS)
    raise SettingsError(_refusal(house.role))


def _refusal(role: Role) -> str:
    return _NOT_SHARED if role.is_split else _NOT_ALONE


@contextmanager
def only_process(directory: Path) -> Generator[None]:
    """Holds the storage for this process: two would order the same takes. `SettingsError` while another has it."""
    with _opened_lock(directory) as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise SettingsError(
                f"Another bot runs on the storage {directory}. Stop it first, or give this one a folder of its own: "
                "RUSHES__STORAGE__DIRECTORY."
            ) from error
        yield


def _opened_lock(directory: Path) -> TextIO:
    try:
        return (directory / "lock").open("a")
    except OSError as error:
        raise SettingsError(f"The file {directory / 'lock'} cannot be opened: {error.strerror}.") from error


def _storage(settings: Settings) -> Path:
    directory = settings.storage.directory
    try:
        return _made(directory)
    except OSError as error:
        raise SettingsError(
            f"The folder {directory} (storage.directory) cannot be made: {error.strerror}. "
            "Name one that this user may write: RUSHES__STORAGE__DIRECTORY."
        ) from error


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
