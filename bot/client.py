"""The Discord client: where it points, which cogs it carries, what they may call, and when commands are synced."""

import hashlib
import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import aiohttp
import discord
import structlog
import yarl
from discord import app_commands
from discord.ext import commands
from discord.gateway import DiscordWebSocket
from discord.http import Route

from bot.domain.conform import Part
from bot.domain.consent import Choice
from bot.domain.drafts import DraftView, GuildChoices, Renumbering, TrayView, TrayWish
from bot.domain.lanes import Standing
from bot.domain.policies import Block, Change, Policy, PolicyView
from bot.domain.prompts import Names
from bot.domain.quotas import Quotas
from bot.domain.references import Offer
from bot.domain.requests import Person, Place, Request, Snapshot, Wish

_log: structlog.stdlib.BoundLogger = structlog.get_logger("rushes.client")

PERMISSIONS = discord.Permissions(
    view_channel=True,
    send_messages=True,
    send_messages_in_threads=True,
    create_public_threads=True,
    embed_links=True,
    attach_files=True,
    read_message_history=True,
)
"""What the invite link asks for; each is used by delivery (history: to look for a post whose answer was lost)."""


class Submit(Protocol):
    """See `bot.pipeline.submit`."""

    def __call__(self, wish: Wish) -> Awaitable[Snapshot]:
        """Takes a wish as far as its lane."""
        ...


class Cancel(Protocol):
    """See `bot.pipeline.cancel`."""

    def __call__(
        self, request_id: str, *, person_id: int, moderator: bool, guild_id: int | None = None
    ) -> Awaitable[Snapshot]:
        """Asks for a request's end. With a `guild_id`, `Refused` (not-here) for a request of another guild."""
        ...


class DeliverAgain(Protocol):
    """See `bot.pipeline.redeliver`."""

    def __call__(self, request_id: str, *, person_id: int, moderator: bool) -> Awaitable[Snapshot]:
        """Asks for a kept request's result to be posted after all."""
        ...


class Drafts(Protocol):
    """See `bot.pipeline.drafts`. All raise `Refused` for a draft that is unknown, over, or somebody else's.

    A `version` is the one that was shown; `Refused` (draft-changed) when the draft has moved on since.
    """

    def look(self, request_id: str, *, person_id: int) -> Awaitable[DraftView]:
        """The draft as it stands."""
        ...

    def shown(self, request_id: str, *, person_id: int, version: int) -> Awaitable[Request]:
        """The draft's row alone, as it was shown: for a form, which has to open before any vendor could be asked."""
        ...

    def mine(self, guild_id: int, person_id: int) -> Awaitable[tuple[DraftView, ...]]:
        """The drafts that wait for that person in that guild, newest first."""
        ...

    def sheet(self, view: DraftView) -> Awaitable[bytes | None]:
        """A PNG of the references with their numbers; `None` without references, or when it cannot be drawn."""
        ...

    def answered(self, view: DraftView) -> Awaitable[None]:
        """To be called once the card got through to its person: they need not be called back after a restart."""
        ...

    def confirm(
        self, request_id: str, *, person_id: int, version: int, roles: Sequence[int] | None = None
    ) -> Awaitable[Snapshot]:
        """Draft → queued. `Refused` with every reason; the draft then waits on.

        `roles`: those that the person has now; `None`: as they had when they asked.
        """
        ...

    def discard(self, request_id: str, *, person_id: int) -> Awaitable[Snapshot]:
        """The draft ends here; nothing was spent."""
        ...

    def edit(
        self,
        request_id: str,
        *,
        person_id: int,
        version: int,
        prompt: str,
        names: Names,
        offers: Sequence[Offer],
        roles: Sequence[int] | None = None,
    ) -> Awaitable[DraftView]:
        """Another prompt; further offers (files added, emoji and avatars mentioned) come after what is there."""
        ...

    def mend(self, request_id: str, *, person_id: int, version: int, proof: str) -> Awaitable[DraftView]:
        """Carries out the mend of that proof (`mend_proof`). `Refused` (draft-changed) when it is not offered now."""
        ...

    def describe(
        self,
        request_id: str,
        *,
        person_id: int,
        version: int,
        reference_id: str,
        alias: str | None,
        shows_person: bool,
    ) -> Awaitable[DraftView]:
        """Gives a reference a name of its own (`None`: none) and says whether it shows a real person."""
        ...

    def renumber(self, request_id: str, *, person_id: int, version: int, change: Renumbering) -> Awaitable[DraftView]:
        """Takes a reference out or moves it, once the person has agreed; the prompt's mentions follow their files."""
        ...

    def choose_part(
        self, request_id: str, *, person_id: int, version: int, reference_id: str, part: Part
    ) -> Awaitable[DraftView]:
        """Says which part of a long file is used."""
        ...

    def animatic(
        self, request_id: str, *, person_id: int, version: int, roles: Sequence[int] | None = None
    ) -> Awaitable[bytes]:
        """A free draft: an MP4 drawn here from the files and the prompt, small enough to be posted in that place."""
        ...

    def again(self, request_id: str, wish: Wish) -> Awaitable[Snapshot]:
        """A new draft with an earlier request's prompt, files and settings, for the person and place of `wish`."""
        ...


class LastFrame(Protocol):
    """See `bot.pipeline.last_frame`."""

    def look(self, request_id: str, *, ordinal: int, place: Place, person: Person) -> Awaitable[None]:
        """`Refused` when there is no clip to go on from; quick enough to be asked before a form opens."""
        ...

    def __call__(self, request_id: str, *, ordinal: int, place: Place, person: Person) -> Awaitable[Offer]:
        """The last frame of a take's clip, as a file to begin another video with."""
        ...


class Tray(Protocol):
    """See `bot.pipeline.tray`. Numbers are over all, from 1. `Refused` for numbers that are not there."""

    def add(self, wish: TrayWish) -> Awaitable[TrayView]:
        """Copies the files' bytes and puts them at the end; every file's fate is in the view."""
        ...

    def show(self, channel_id: int, person_id: int) -> Awaitable[TrayView]:
        """The tray as it stands."""
        ...

    def name(self, place: Place, person_id: int, *, number: int, alias: str | None) -> Awaitable[TrayView]:
        """Gives a file a name of its own; `None` takes it away."""
        ...

    def move(self, place: Place, person_id: int, *, number: int, to_number: int) -> Awaitable[TrayView]:
        """Moves a file to another place in the order."""
        ...

    def remove(self, place: Place, person_id: int, *, number: int) -> Awaitable[TrayView]:
        """Takes a file out."""
        ...

    def clear(self, place: Place, person_id: int) -> Awaitable[TrayView]:
        """Takes everything out."""
        ...


class Privacy(Protocol):
    """See `bot.pipeline.privacy`. What a person allows others."""

    def choices(self, guild_id: int, person_id: int) -> Awaitable[tuple[Choice, Choice]]:
        """What they said for that guild, and for everywhere."""
        ...

    def choose(self, guild_id: int, person_id: int, choice: Choice) -> Awaitable[int]:
        """Stores a choice for a guild (or `EVERYWHERE`); answers how many requests of others were stopped by it."""
        ...

    def withdraw(self, message_id: int, *, owner_id: int, person_id: int) -> Awaitable[int]:
        """Takes back a message's files; `Refused` unless it is one's own. Answers how many requests were stopped."""
        ...


class GuildChoicesOf(Protocol):
    """See `bot.pipeline.guild_choices`. What a guild's admins set for drafts."""

    def show(self, guild_id: int) -> Awaitable[GuildChoices]:
        """What holds there now, defaults filled in."""
        ...

    def change(self, guild_id: int, choices: GuildChoices, *, by: int) -> Awaitable[GuildChoices]:
        """Stores what is not `None`; answers what holds then."""
        ...


class QuotasOf(Protocol):
    """See `bot.pipeline.overview`."""

    def __call__(self, guild_id: int, person: Person) -> Awaitable[Quotas]:
        """The policy that holds there, and what that person (with their roles) and the guild have used of it."""
        ...


class LaneOf(Protocol):
    """See `bot.pipeline.overview`."""

    def __call__(self, guild_id: int) -> Awaitable[tuple[tuple[Request, Standing], ...]]:
        """The first 25 queued requests of a guild in the order of their turns, each with where it stands and why."""
        ...


class Policies(Protocol):
    """See `bot.pipeline.policies`. What a guild's admins set, and whom they blocked; every change is recorded."""

    def show(self, guild_id: int) -> Awaitable[PolicyView]:
        """What the guild set, what holds there, and the operator's ceilings."""
        ...

    def change(self, guild_id: int, change: Callable[[Policy], Policy], *, by: int) -> Awaitable[Policy]:
        """Puts what `change` makes of what the guild set in its place and answers it; it holds from the next pick on.

        `change` is pure, may raise `Refused`, and is called on another thread. `Refused`, with every reason, for what
        cannot be set: time-zone-unknown, setting-out-of-range, too-many-set.
        """
        ...

    def changes(self, guild_id: int) -> Awaitable[tuple[Change, ...]]:
        """The last 25 changes of the guild's policy and blocks, newest first."""
        ...

    def block(
        self, guild_id: int, person_id: int, *, why: str, by: int, expires_at_ms: int | None = None
    ) -> Awaitable[Block]:
        """Blocks a person until then (Unix ms; `None`: for good); a block of theirs that is there gives way to it.

        `Refused`: block-yourself, block-without-reason, block-reason-too-long, block-is-over.
        """
        ...

    def unblock(self, guild_id: int, person_id: int, *, by: int) -> Awaitable[None]:
        """Lifts the block. `Refused` (not-blocked) when none holds there."""
        ...

    def blocks(self, guild_id: int) -> Awaitable[tuple[Block, ...]]:
        """The last 25 blocks of that guild that hold now, newest first."""
        ...


class LedgerCsv(Protocol):
    """See `bot.pipeline.overview`."""

    def __call__(self, guild_id: int, month: str | None = None) -> Awaitable[bytes]:
        """The guild's lines of a month (`2026-11`, in its time zone; `None`: the present one) as a CSV file (UTF-8).

        `Refused` (not-a-month).
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Sources:
    """Which further sources of references this deployment takes."""

    avatars: bool
    emoji: bool
    embeds: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Services:
    """Everything a cog may call. `rendered` is the prompt as the model reads it; `form_id` makes random form ids.

    `vendor_tokens`: reference id → the token the model reads, for those it numbers otherwise than we do.
    `asks_about_people`: the model, as last seen, has a place of its own for files that show a real person.
    `requester` answers who asked for a request (a Discord id), or `None` when it is not known any more.
    """

    submit: Submit
    cancel: Cancel
    deliver_again: DeliverAgain
    drafts: Drafts
    last_frame: LastFrame
    tray: Tray
    privacy: Privacy
    guild_choices: GuildChoicesOf
    quotas: QuotasOf
    lane: LaneOf
    policies: Policies
    ledger_csv: LedgerCsv
    sources: Sources
    rendered: Callable[[Snapshot], str]
    vendor_tokens: Callable[[Snapshot], Mapping[str, str]]
    asks_about_people: Callable[[], bool]
    requester: Callable[[str], Awaitable[int | None]]
    form_id: Callable[[], str]
    open_threads: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Shards:
    """Which of Discord's connections a gateway has, of how many."""

    ids: tuple[int, ...]
    count: int


class Memory(Protocol):
    """Small facts across restarts: the store's `recall` and `remember`."""

    async def recall(self, key: str) -> str | None:
        """The fact, or `None`."""
        ...

    async def remember(self, key: str, value: str) -> None:
        """Keeps the fact."""
        ...


class RushesClient(commands.Bot):
    """A bot of application commands only: no privileged intents, no message commands."""

    def __init__(
        self,
        *,
        memory: Memory,
        cogs: Callable[["RushesClient"], Sequence[commands.Cog]],
        buttons: Sequence[type[discord.ui.DynamicItem[discord.ui.Item[discord.ui.LayoutView]]]],
        sync_commands: bool,
        shards: Shards | None = None,
    ) -> None:
        """`cogs` builds the cogs for this client; `buttons` are the kinds of button that survive restarts.

        What the cogs call is handed in afterwards (`furnish`), because it is built with this client.
        """
        super().__init__(
            shard_count=shards.count if shards is not None else None,
            shard_ids=list(shards.ids) if shards is not None else None,  # pyright: ignore[reportCallIssue]  of the sharded
            command_prefix=commands.when_mentioned,
            intents=discord.Intents(guilds=True),
            help_command=None,
            allowed_mentions=discord.AllowedMentions.none(),
            member_cache_flags=discord.MemberCacheFlags.none(),
            max_messages=None,
            guild_ready_timeout=0.5,  # nothing here waits for every guild to have arrived
        )
        self.open_forms: set[str] = set()
        """Custom ids of the forms that discord.py still knows; it drops all others when they are sent."""
        self._services: Services | None = None
        self._memory = memory
        self._make_cogs = cogs
        self._buttons = buttons
        self._sync_commands = sync_commands

    @property
    def services(self) -> Services:
        """What cogs may call."""
        if self._services is None:
            raise RuntimeError("the house is not built yet")
        return self._services

    @property
    def connected(self) -> bool:
        """True while the gateway is connected."""
        return not self.is_closed() and self.ws.open

    def furnish(self, services: Services) -> None:
        """Hands in what cogs may call: once, before the client is logged in."""
        self._services = services

    async def setup_hook(self) -> None:
        """After login, before the gateway: cogs, lasting buttons, and the commands if they changed."""
        self.add_dynamic_items(*self._buttons)
        for cog in self._make_cogs(self):
            await self.add_cog(cog)
        if self._sync_commands:
            await self._sync_at_start()

    async def _sync_at_start(self) -> None:
        """A sync that fails does not keep the bot from serving with the commands that Discord knows."""
        try:
            await self.sync_if_changed()
        except (app_commands.AppCommandError, discord.HTTPException) as error:
            _log.error("commands not synced; `rushes sync` tries again", kind=type(error).__name__)

    async def sync_if_changed(self, *, always: bool = False) -> bool:
        """Tells Discord the commands when they differ from what was last told; answers whether it did."""
        key = f"commands:{self.application_id}"
        told = _digest(self.tree)
        if not always and await self._memory.recall(key) == told:
            return False
        synced = await self.tree.sync()
        await self._memory.remember(key, told)
        _log.info("commands synced", count=len(synced))
        return True

    async def on_ready(self) -> None:
        """Says so in the log: from here on people are served."""
        _log.info("ready", user=str(self.user), guilds=len(self.guilds))

    async def on_message(self, message: discord.Message, /) -> None:
        """Messages are none of our business; without this, the base class would look for message commands."""


class ShardedClient(RushesClient, commands.AutoShardedBot):
    """The same on several connections, or on some of them while other processes have the rest.

    Discord allows few identifications in five seconds, over all processes: `turn` waits for one's own.
    """

    def __init__(
        self,
        *,
        memory: Memory,
        cogs: Callable[[RushesClient], Sequence[commands.Cog]],
        buttons: Sequence[type[discord.ui.DynamicItem[discord.ui.Item[discord.ui.LayoutView]]]],
        sync_commands: bool,
        shards: Shards,
        turn: Callable[[int], Awaitable[None]],
    ) -> None:
        """As `RushesClient`."""
        super().__init__(
            memory=memory,
            cogs=cogs,
            buttons=buttons,
            sync_commands=sync_commands,
            shards=shards,
        )
        self._turn = turn

    @property
    def connected(self) -> bool:
        """True while every shard of this process is connected."""
        return not self.is_closed() and bool(self.shards) and not any(one.is_closed() for one in self.shards.values())

    async def before_identify_hook(self, shard_id: int | None, *, initial: bool = False) -> None:
        """Called by discord.py before each identification."""
        del initial
        await self._turn(shard_id or 0)


def point_discord_at(api_base: str, asset_base: str) -> None:
    """Makes discord.py talk to this HTTP API (a default of discord.py is a class attribute, not an argument)."""
    discord.VoiceClient.warn_nacl = discord.VoiceClient.warn_dave = (
        False  # no voice here: no warning about its libraries
    )
    Route.BASE = api_base.rstrip("/")
    discord.Asset.BASE = asset_base.rstrip("/")  # pyright: ignore[reportAttributeAccessIssue]  typed as its default


async def point_gateway(client: discord.Client) -> None:
    """Asks the API where its gateway is (a logged-in client) and makes discord.py connect there."""
    try:
        _shards, url, _limit = await client.http.get_bot_gateway()
    except discord.DiscordException as error:
        raise CannotLogIn(f"Discord does not say where its gateway is: {type(error).__name__}.") from error
    DiscordWebSocket.DEFAULT_GATEWAY = yarl.URL(url)


class CannotLogIn(Exception):
    """Discord refused the token, or cannot be reached; the text says what to do."""


_BAD_TOKEN = 4004
_WRONG_LOGIN = (
    "Discord refused the token. Copy it anew from https://discord.com/developers/applications "
    "(your application, Bot, Reset Token) and set RUSHES__DISCORD__TOKEN."
)


async def log_in(client: discord.Client, token: str) -> None:
    """Logs in by HTTP only, or `CannotLogIn`."""
    try:
        await client.login(token)
    except discord.LoginFailure as error:
        raise CannotLogIn(_WRONG_LOGIN) from error
    except (aiohttp.ClientError, OSError, discord.HTTPException) as error:
        raise CannotLogIn(f"Discord cannot be reached at {Route.BASE}: {type(error).__name__}.") from error


def connection_ended(error: Exception) -> CannotLogIn:
    """The sentence for a connection that Discord ended for good, or that never came to be."""
    if isinstance(error, discord.ConnectionClosed) and error.code == _BAD_TOKEN:
        return CannotLogIn(_WRONG_LOGIN)
    if isinstance(error, discord.ConnectionClosed):
        return CannotLogIn(f"Discord ended the connection for good (close code {error.code}).")
    return CannotLogIn(f"The connection to Discord ended for good: {type(error).__name__}.")


def _digest(tree: app_commands.CommandTree[RushesClient]) -> str:
    payload = [command.to_dict(tree) for command in sorted(tree.get_commands(), key=lambda one: one.name)]
    return hashlib.sha256(json.dumps(payload, sort_keys=True, default=str).encode()).hexdigest()
