"""The state: one guild, its people, channels and messages. Mutable on purpose; nothing here knows HTTP."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeAlias

from sandbox.discord import errors
from sandbox.discord.cdn import Cdn, StoredFile
from sandbox.discord.options import Options
from sandbox.discord.permissions import DM_PERMISSIONS, EVERYTHING, Permission
from sandbox.discord.signal import Signal
from sandbox.discord.wire import Json

Clock: TypeAlias = Callable[[], float]

DISCORD_EPOCH_MS = 1_420_070_400_000

TEXT, DM, FORUM, MEDIA, CATEGORY = 0, 1, 15, 16, 4
PUBLIC_THREAD, PRIVATE_THREAD = 11, 12
THREAD_TYPES = frozenset({10, PUBLIC_THREAD, PRIVATE_THREAD})
POSTLESS_TYPES = frozenset({FORUM, MEDIA, CATEGORY})

EPHEMERAL, LOADING, HAS_THREAD, COMPONENTS_V2 = 1 << 6, 1 << 7, 1 << 5, 1 << 15
DEFAULT_MESSAGE, REPLY, CHAT_COMMAND_MESSAGE, THREAD_STARTER, CONTEXT_MENU_MESSAGE = 0, 19, 20, 21, 23


@dataclass(slots=True, kw_only=True)
class User:
    """An account; `role_ids` are its roles in the guild, `in_guild` whether it is a member."""

    id: int
    name: str
    bot: bool = False
    role_ids: list[int] = field(default_factory=list[int])
    in_guild: bool = True
    dm_closed: bool = False
    locale: str = "en-US"
    avatar: str | None = None
    nick: str | None = None


@dataclass(slots=True, kw_only=True)
class Emoji:
    """A custom emoji of the guild."""

    id: int
    name: str
    animated: bool = False


@dataclass(slots=True, kw_only=True)
class Role:
    """A role; the one with the guild's id is @everyone."""

    id: int
    name: str
    permissions: int
    position: int = 0
    managed_by_bot: int | None = None


@dataclass(slots=True, kw_only=True)
class Overwrite:
    """A channel's exception for a role (`kind` 0) or a member (1)."""

    kind: int
    allow: int = 0
    deny: int = 0


@dataclass(slots=True, kw_only=True)
class Message:
    """A message as stored: `attachment://` links are resolved, and signatures made, whenever it is shown."""

    id: int
    channel_id: int
    author_id: int
    created_at: float
    kind: int = DEFAULT_MESSAGE
    content: str = ""
    flags: int = 0
    embeds: list[Json] = field(default_factory=list[Json])
    components: list[Json] = field(default_factory=list[Json])
    files: list[StoredFile] = field(default_factory=list[StoredFile])
    sticker_items: list[Json] = field(default_factory=list[Json])
    reactions: dict[str, set[int]] = field(default_factory=dict[str, set[int]])
    nonce: str | int | None = None
    reference: Json | None = None
    snapshots: list[Json] = field(default_factory=list[Json])
    interaction: Json | None = None  # interaction_metadata; set on interaction replies
    ephemeral_for: int | None = None
    edited_at: float | None = None
    edit_count: int = 0
    pinned: bool = False
    deleted: bool = False
    fingerprint: str = ""


@dataclass(slots=True, kw_only=True)
class Channel:
    """A guild channel, thread or DM."""

    id: int
    kind: int
    name: str
    guild_id: int | None
    parent_id: int | None = None
    topic: str | None = None
    position: int = 0
    overwrites: dict[int, Overwrite] = field(default_factory=dict[int, Overwrite])
    messages: dict[int, Message] = field(default_factory=dict[int, Message])
    last_message_id: int | None = None
    tags: list[Json] = field(default_factory=list[Json])
    applied_tags: list[str] = field(default_factory=list[str])
    recipient_id: int | None = None
    owner_id: int | None = None
    created_at: float = 0.0
    archived: bool = False
    locked: bool = False
    archived_at: float = 0.0
    auto_archive_minutes: int = 1440
    member_ids: set[int] = field(default_factory=set[int])

    @property
    def is_thread(self) -> bool:
        return self.kind in THREAD_TYPES


@dataclass(slots=True, kw_only=True)
class Guild:
    """The guild; `upload_limit_bytes` None is the tier's own limit."""

    id: int
    name: str
    owner_id: int
    premium_tier: int = 0
    upload_limit_bytes: int | None = None


@dataclass(slots=True, kw_only=True)
class Application:
    """The bot's application and its registered commands by guild (None is global)."""

    id: int
    name: str
    token: str
    commands: dict[int | None, list[Json]] = field(default_factory=dict[int | None, list[Json]])


@dataclass(slots=True, kw_only=True)
class Created:
    """One message that was made, kept for the report after the message is gone."""

    message: Message
    by_bot: bool


class World:
    """Everything that outlives a bot's restart. One event loop; every operation runs without awaiting."""

    def __init__(self, *, options: Options, clock: Clock, cdn: Cdn, guild: Guild, application: Application) -> None:
        self.options = options
        self.clock = clock
        self.cdn = cdn
        self.guild = guild
        self.application = application
        self.changed = Signal()
        self.users: dict[int, User] = {}
        self.roles: dict[int, Role] = {}
        self.emojis: list[Emoji] = []
        self.channels: dict[int, Channel] = {}
        self.nonces: dict[tuple[int, int, str], tuple[float, Message]] = {}
        self.automod_rules: list[Json] = []
        self.created: deque[Created] = deque(maxlen=100_000)
        self._last_id = 0

    def new_id(self) -> int:
        """A snowflake: time-ordered and never twice the same."""
        now = (int(self.clock() * 1000) - DISCORD_EPOCH_MS) << 22
        self._last_id = max(now, self._last_id + 1)
        return self._last_id

    @property
    def bot_id(self) -> int:
        return self.application.id

    def upload_limit(self, channel: Channel | None) -> int:
        """Bytes a file may have in `channel` (tiers: discord.py guild.py `_PREMIUM_GUILD_LIMITS`)."""
        if channel is None or channel.guild_id is None:
            return self.options.upload_limit_bytes
        if self.guild.upload_limit_bytes is not None:
            return self.guild.upload_limit_bytes
        boosted = {2: 50 * 1024 * 1024, 3: 100 * 1024 * 1024}
        return max(boosted.get(self.guild.premium_tier, 0), self.options.upload_limit_bytes)

    def channel(self, channel_id: int) -> Channel:
        """The channel; raises 10003."""
        if (channel := self.channels.get(channel_id)) is None:
            raise errors.unknown_channel()
        return channel

    def message(self, channel_id: int, message_id: int) -> Message:
        """The message, ephemeral ones too; raises 10003 or 10008."""
        message = self.channel(channel_id).messages.get(message_id)
        if message is None:
            raise errors.unknown_message()
        return message

    def user(self, user_id: int) -> User:
        """The account; raises 10013."""
        if (user := self.users.get(user_id)) is None:
            raise errors.unknown_user()
        return user

    def permissions(self, user_id: int, channel: Channel | None) -> int:
        """Effective bits of a member in a channel (or in the guild for None); a thread asks its parent."""
        if channel is not None and channel.guild_id is None:
            return int(DM_PERMISSIONS)
        user = self.users[user_id]
        if user_id == self.guild.owner_id:
            return EVERYTHING
        base = self.roles[self.guild.id].permissions if user.in_guild else 0
        for role_id in user.role_ids:
            base |= self.roles[role_id].permissions
        if base & Permission.ADMINISTRATOR:
            return EVERYTHING
        return base if channel is None else self._in_channel(base, user, channel)

    def _in_channel(self, base: int, user: User, channel: Channel) -> int:
        """Overwrites in Discord's order: @everyone, then all roles together, then the member."""
        holder = self.channels.get(channel.parent_id or 0, channel) if channel.is_thread else channel
        everyone = holder.overwrites.get(self.guild.id, Overwrite(kind=0))
        base = (base & ~everyone.deny) | everyone.allow
        of_roles = [holder.overwrites[role] for role in user.role_ids if role in holder.overwrites]
        for one in of_roles:
            base &= ~one.deny
        for one in of_roles:
            base |= one.allow
        own = holder.overwrites.get(user.id, Overwrite(kind=1))
        base = (base & ~own.deny) | own.allow
        return base if base & Permission.VIEW_CHANNEL else 0

    def require(self, user_id: int, channel: Channel, needed: int) -> None:
        """Raises 50001 if the channel cannot be seen, 50013 if a needed bit is missing."""
        have = self.permissions(user_id, channel)
        if not have & Permission.VIEW_CHANNEL:
            raise errors.missing_access()
        if have & needed != needed:
            raise errors.missing_permissions()
