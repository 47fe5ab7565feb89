"""What the gateway tells the bot. Operations call this; the gateway listens."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

from sandbox.discord import show
from sandbox.discord.permissions import Permission
from sandbox.discord.wire import Json
from sandbox.discord.world import Channel, Message, World

GUILDS, GUILD_MEMBERS, PRESENCES = 1 << 0, 1 << 1, 1 << 8
GUILD_MESSAGES, GUILD_REACTIONS = 1 << 9, 1 << 10
DIRECT_MESSAGES, DIRECT_REACTIONS, MESSAGE_CONTENT = 1 << 12, 1 << 13, 1 << 15


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One dispatch. `intent` 0 is sent to all; `bare` replaces `data` where content may not be read."""

    name: str
    data: Json
    intent: int = 0
    guild_id: int | None = None
    bare: Json | None = None


Listener: TypeAlias = Callable[[Event], int]


class Events:
    """Turns changes into events for whoever listens (the gateway)."""

    def __init__(self, world: World) -> None:
        self._world = world
        self.listener: Listener = lambda _event: 0

    def send(self, event: Event) -> int:
        """Dispatch; returns how many connected sessions took it. Wakes those who wait for a change."""
        sent = self.listener(event)
        self._world.changed.fire()
        return sent

    def _is_visible(self, channel: Channel) -> bool:
        return bool(self._world.permissions(self._world.bot_id, channel) & Permission.VIEW_CHANNEL)

    def message(self, name: str, message: Message) -> None:
        """MESSAGE_CREATE or MESSAGE_UPDATE; ephemeral messages are told to nobody."""
        channel = self._world.channel(message.channel_id)
        if message.ephemeral_for is not None or not self._is_visible(channel):
            self._world.changed.fire()
            return
        body = show.message(self._world, message)
        if channel.guild_id is not None:
            body["guild_id"] = str(channel.guild_id)
            author = self._world.users[message.author_id]
            body["member"] = show.member(author, with_user=False)
        readable = show.may_read_content(self._world, body, granted=False)
        bare = None if readable else show.without_content(body)
        self.send(
            Event(name=name, data=body, bare=bare, intent=_messages_intent(channel), guild_id=channel.guild_id),
        )

    def message_deleted(self, message: Message) -> None:
        channel = self._world.channel(message.channel_id)
        data: Json = {"id": str(message.id), "channel_id": str(channel.id)}
        if channel.guild_id is not None:
            data["guild_id"] = str(channel.guild_id)
        if message.ephemeral_for is None and self._is_visible(channel):
            self.send(
                Event(name="MESSAGE_DELETE", data=data, intent=_messages_intent(channel), guild_id=channel.guild_id)
            )
        self._world.changed.fire()

    def channel(self, action: str, channel: Channel, **extra: object) -> None:
        """CHANNEL_* or THREAD_* with `action` CREATE, UPDATE or DELETE."""
        if channel.guild_id is None:
            return
        name = f"{'THREAD' if channel.is_thread else 'CHANNEL'}_{action}"
        data = show.channel(self._world, channel) | extra
        if self._is_visible(channel) or not channel.is_thread:
            self.send(Event(name=name, data=data, intent=GUILDS, guild_id=channel.guild_id))

    def guild_update(self) -> None:
        self.send(
            Event(name="GUILD_UPDATE", data=show.guild(self._world), intent=GUILDS, guild_id=self._world.guild.id)
        )


def _messages_intent(channel: Channel) -> int:
    return DIRECT_MESSAGES if channel.guild_id is None else GUILD_MESSAGES
