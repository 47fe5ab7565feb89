"""The Discord client: where it points, which cogs it carries, what they may call, and when commands are synced."""

import hashlib
import json
from collections.abc import Awaitable, Callable, Sequence
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

from bot.domain.requests import Snapshot, Wish

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

    def __call__(self, request_id: str, *, person_id: int, moderator: bool) -> Awaitable[Snapshot]:
        """Asks for a request's end."""
        ...


class DeliverAgain(Protocol):
    """See `bot.pipeline.redeliver`."""

    def __call__(self, request_id: str, *, person_id: int, moderator: bool) -> Awaitable[Snapshot]:
        """Asks for a kept request's result to be posted after all."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Services:
    """Everything a cog may call. `rendered` is the prompt as the model reads it; `form_id` makes random form ids."""

    submit: Submit
    cancel: Cancel
    deliver_again: DeliverAgain
    rendered: Callable[[Snapshot], str]
    form_id: Callable[[], str]
    open_threads: bool


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
        services: Services,
        memory: Memory,
        cogs: Callable[["RushesClient"], Sequence[commands.Cog]],
        buttons: Sequence[type[discord.ui.DynamicItem[discord.ui.Item[discord.ui.LayoutView]]]],
        sync_commands: bool,
    ) -> None:
        """`cogs` builds the cogs for this client; `buttons` are the kinds of button that survive restarts."""
        super().__init__(
            command_prefix=commands.when_mentioned,
            intents=discord.Intents(guilds=True),
            help_command=None,
            allowed_mentions=discord.AllowedMentions.none(),
            member_cache_flags=discord.MemberCacheFlags.none(),
            max_messages=None,
            guild_ready_timeout=0.5,  # nothing here waits for every guild to have arrived
        )
        self.services = services
        self._memory = memory
        self._make_cogs = cogs
        self._buttons = buttons
        self._sync_commands = sync_commands

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
