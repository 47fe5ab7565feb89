"""Threads (docs: topics/threads)."""

from __future__ import annotations

from sandbox.discord import errors, messages
from sandbox.discord.errors import ApiError
from sandbox.discord.messages import Desk, Draft
from sandbox.discord.permissions import Permission
from sandbox.discord.wire import Json, as_strings
from sandbox.discord.world import (
    FORUM,
    HAS_THREAD,
    MEDIA,
    PRIVATE_THREAD,
    PUBLIC_THREAD,
    THREAD_STARTER,
    Channel,
    Message,
)


def from_message(desk: Desk, *, user_id: int, message: Message, body: Json) -> Channel:
    """A thread whose id is the message's. Raises 50001, 50013, 160004."""
    world = desk.world
    parent = world.channel(message.channel_id)
    world.require(user_id, parent, Permission.CREATE_PUBLIC_THREADS)
    if message.id in world.channels:
        raise errors.thread_exists()
    thread = _open(desk, user_id=user_id, parent=parent, body=body, thread_id=message.id)
    message.flags |= HAS_THREAD
    desk.events.message("MESSAGE_UPDATE", message)
    starter = Message(
        id=world.new_id(),
        channel_id=thread.id,
        author_id=message.author_id,
        created_at=world.clock(),
        kind=THREAD_STARTER,
        reference={
            "type": 0,
            "channel_id": str(parent.id),
            "message_id": str(message.id),
            "guild_id": str(world.guild.id),
        },
    )
    thread.messages[starter.id] = starter
    thread.last_message_id = starter.id
    return thread


def standalone(desk: Desk, *, user_id: int, parent: Channel, body: Json) -> Channel:
    """A thread without a message; type 12 (private) is the default there. Raises 50001, 50013."""
    private = int(body.get("type") or PRIVATE_THREAD) == PRIVATE_THREAD
    needed = Permission.CREATE_PRIVATE_THREADS if private else Permission.CREATE_PUBLIC_THREADS
    desk.world.require(user_id, parent, needed)
    kind = PRIVATE_THREAD if private else PUBLIC_THREAD
    return _open(desk, user_id=user_id, parent=parent, body=body, thread_id=desk.world.new_id(), kind=kind)


def in_forum(desk: Desk, *, user_id: int, parent: Channel, draft: Draft) -> tuple[Channel, Message]:
    """A forum post: thread and first message in one (no nonce there). Raises 50001, 50013, 50035."""
    world = desk.world
    needed = Permission.SEND_MESSAGES | (Permission.ATTACH_FILES if draft.uploads else 0)
    world.require(user_id, parent, needed)
    if parent.kind not in {FORUM, MEDIA}:
        raise ApiError.invalid_form("message", "FORUM_ONLY", "Only a forum or media channel takes a message here")
    messages.check_uploads(draft.uploads, limit_bytes=world.upload_limit(parent))
    inner: Json = dict(draft.body.get("message") or {})
    first = messages.build(world, author_id=user_id, channel=parent, draft=Draft(body=inner, uploads=draft.uploads))
    thread = _open(desk, user_id=user_id, parent=parent, body=draft.body, thread_id=first.id)
    thread.applied_tags = as_strings(draft.body.get("applied_tags"))
    first.channel_id = thread.id
    messages.add(desk, first)
    return thread, first


def _open(
    desk: Desk, *, user_id: int, parent: Channel, body: Json, thread_id: int, kind: int = PUBLIC_THREAD
) -> Channel:
    name = str(body.get("name") or "")
    if not 1 <= len(name) <= 100:
        raise ApiError.invalid_form("name", "BASE_TYPE_BAD_LENGTH", "Must be between 1 and 100 in length.")
    world = desk.world
    thread = Channel(
        id=thread_id,
        kind=kind,
        name=name,
        guild_id=parent.guild_id,
        parent_id=parent.id,
        owner_id=user_id,
        created_at=world.clock(),
        auto_archive_minutes=int(body.get("auto_archive_duration") or 1440),
        member_ids={user_id},
    )
    world.channels[thread.id] = thread
    desk.events.channel("CREATE", thread, newly_created=True)
    return thread


def change(desk: Desk, *, user_id: int, thread: Channel, body: Json) -> Channel:
    """PATCH of a thread. Raises 50001, 50013, 50083 (archived, and not being opened)."""
    world = desk.world
    world.require(user_id, thread, 0)
    manages = bool(world.permissions(user_id, thread) & Permission.MANAGE_THREADS)
    wants_lock = "locked" in body and bool(body["locked"]) != thread.locked
    if not manages and (wants_lock or thread.locked or thread.owner_id != user_id):
        raise errors.missing_permissions()
    if thread.archived and body.get("archived", True):
        raise errors.thread_is_archived()
    apply(desk, thread, body)
    return thread


def apply(desk: Desk, thread: Channel, body: Json) -> None:
    """Set name, archived, locked, tags and archive time; no questions asked."""
    if "archived" in body and bool(body["archived"]) != thread.archived:
        thread.archived, thread.archived_at = bool(body["archived"]), desk.world.clock()
    thread.locked = bool(body.get("locked", thread.locked))
    thread.name = str(body.get("name") or thread.name)
    thread.auto_archive_minutes = int(body.get("auto_archive_duration") or thread.auto_archive_minutes)
    if "applied_tags" in body:
        thread.applied_tags = as_strings(body["applied_tags"])
    desk.events.channel("UPDATE", thread)


def remove(desk: Desk, channel: Channel) -> None:
    """A channel or thread and all in it are gone."""
    for message in list(channel.messages.values()):
        message.deleted = True
        for file in message.files:
            desk.world.cdn.forget(file)
    for thread in [one for one in desk.world.channels.values() if one.is_thread and one.parent_id == channel.id]:
        remove(desk, thread)
    del desk.world.channels[channel.id]
    desk.events.channel("DELETE", channel)
    desk.world.changed.fire()
