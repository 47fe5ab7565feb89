"""Making, changing and removing messages, with Discord's rules (docs: resources/message)."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass

from sandbox.discord import components, errors, show
from sandbox.discord.cdn import StoredFile, Upload
from sandbox.discord.errors import ApiError
from sandbox.discord.events import Events
from sandbox.discord.permissions import Permission
from sandbox.discord.wire import Json, as_id, as_object, as_objects
from sandbox.discord.world import (
    COMPONENTS_V2,
    DEFAULT_MESSAGE,
    POSTLESS_TYPES,
    REPLY,
    Channel,
    Created,
    Message,
    World,
)

MAX_CONTENT, MAX_FILES, MAX_EMBEDS, MAX_EMBED_TEXT, MAX_NONCE = 2000, 10, 10, 6000, 25
# SUPPRESS_EMBEDS, SUPPRESS_NOTIFICATIONS, IS_VOICE_MESSAGE, IS_COMPONENTS_V2: what a sender may set.
SETTABLE_FLAGS = (1 << 2) | (1 << 12) | (1 << 13) | COMPONENTS_V2


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """What a sender wants: Discord's JSON, and `files[n]` by n."""

    body: Json
    uploads: Mapping[int, Upload]


@dataclass(frozen=True, slots=True, kw_only=True)
class Desk:
    """The world, and the way to tell the bot about it."""

    world: World
    events: Events


def may_send(world: World, user_id: int, channel: Channel, draft: Draft) -> None:
    """Raises what stands between a member and a post in this channel."""
    if channel.guild_id is None:
        if channel.recipient_id is not None and world.users[channel.recipient_id].dm_closed:
            raise errors.closed_dm()
        return
    if channel.kind in POSTLESS_TYPES:
        world.require(user_id, channel, 0)
        raise errors.not_a_text_channel()
    needed = Permission.SEND_MESSAGES_IN_THREADS if channel.is_thread else Permission.SEND_MESSAGES
    if draft.uploads:
        needed |= Permission.ATTACH_FILES
    if draft.body.get("embeds"):
        needed |= Permission.EMBED_LINKS
    if draft.body.get("message_reference"):
        needed |= Permission.READ_MESSAGE_HISTORY
    world.require(user_id, channel, needed)
    if channel.locked and not world.permissions(user_id, channel) & Permission.MANAGE_THREADS:
        raise errors.thread_is_locked()


def check_uploads(uploads: Mapping[int, Upload], *, limit_bytes: int) -> None:
    """Raises 413/40005 for a file above the limit, 50035 above ten files."""
    if any(len(upload.data) > limit_bytes for upload in uploads.values()):
        raise errors.too_large()
    if len(uploads) > MAX_FILES:
        raise ApiError.invalid_form("attachments", "BASE_TYPE_MAX_LENGTH", "Must be 10 or fewer in length.")


def post(desk: Desk, *, author_id: int, channel: Channel, draft: Draft, limit_bytes: int | None = None) -> Message:
    """POST /channels/{id}/messages by bot or person: checks, nonce, then the message.

    Raises the errors of `may_send`, 50006, 50035, 40005; 10008 when `enforce_nonce` meets the nonce of a message
    that is gone.
    """
    world = desk.world
    may_send(world, author_id, channel, draft)
    check_uploads(draft.uploads, limit_bytes=world.upload_limit(channel) if limit_bytes is None else limit_bytes)
    nonce = _checked_nonce(draft.body)
    if nonce is not None and draft.body.get("enforce_nonce"):
        earlier = world.nonces.get((author_id, channel.id, str(nonce)))
        if earlier is not None and world.clock() - earlier[0] < world.options.nonce_life_seconds:
            if earlier[1].deleted:
                raise errors.unknown_message()
            return earlier[1]
    message = build(world, author_id=author_id, channel=channel, draft=draft)
    message.nonce = nonce
    _set_reference(world, message, draft.body)
    if nonce is not None:
        world.nonces[author_id, channel.id, str(nonce)] = (world.clock(), message)
    add(desk, message)
    return message


def _checked_nonce(body: Json) -> str | int | None:
    nonce: str | int | None = body.get("nonce")
    if nonce is not None and len(str(nonce)) > MAX_NONCE:
        raise ApiError.invalid_form("nonce", "NONCE_TYPE_TOO_LONG", "Nonce must be 25 characters or fewer.")
    return nonce


def _set_reference(world: World, message: Message, body: Json) -> None:
    reference = body.get("message_reference")
    if not reference:
        return
    channel_id = as_id(reference.get("channel_id") or message.channel_id)
    target = world.channel(channel_id).messages.get(as_id(reference["message_id"]))
    kind = int(reference.get("type") or 0)
    if target is None:
        if reference.get("fail_if_not_exists", True):
            raise ApiError.invalid_form("message_reference", "MESSAGE_REFERENCE_UNKNOWN_MESSAGE", "Unknown message")
        return
    message.reference = {
        "type": kind,
        "channel_id": str(channel_id),
        "message_id": str(target.id),
        "guild_id": str(world.guild.id),
    }
    if kind == 0:
        message.kind = REPLY
        return
    whole = show.message(world, target, with_reference=False)
    kept = (
        "type content mentions mention_roles attachments embeds timestamp edited_timestamp flags components "
        "sticker_items"
    )
    message.snapshots = [{"message": {key: whole[key] for key in kept.split() if key in whole}}]
    message.flags |= 1 << 14  # HAS_SNAPSHOT


def build(world: World, *, author_id: int, channel: Channel, draft: Draft) -> Message:
    """A message that is not in the channel yet, its files stored. Raises 50006, 50035."""
    body = draft.body
    message = Message(
        id=world.new_id(),
        channel_id=channel.id,
        author_id=author_id,
        created_at=world.clock(),
        kind=DEFAULT_MESSAGE,
        content=str(body.get("content") or "").strip(),
        flags=int(body.get("flags") or 0) & SETTABLE_FLAGS,
        embeds=_embeds(body),
        sticker_items=as_objects(body.get("sticker_items")),
    )
    message.components = _components(body)
    message.files = _planned_files(world, message, draft, keep=[])
    try:
        check(message, is_forward=as_object(body.get("message_reference") or {}).get("type") == 1)
    except ApiError:
        _forget(world, message.files)
        raise
    message.fingerprint = fingerprint(message)
    return message


def _components(body: Json) -> list[Json]:
    return components.with_ids(as_objects(body.get("components"), where="components"))


def _embeds(body: Json) -> list[Json]:
    return as_objects(body.get("embeds"), where="embeds")


def check(message: Message, *, is_forward: bool = False) -> None:
    """Raises 50006 and 50035 for a whole message."""
    is_v2 = bool(message.flags & COMPONENTS_V2)
    if is_v2 and (message.content or message.embeds or message.sticker_items):
        raise ApiError.invalid_form(
            "content", "MESSAGE_CANNOT_USE_LEGACY_FIELDS_WITH_COMPONENTS_V2", "Not with IS_COMPONENTS_V2"
        )
    if len(message.content) > MAX_CONTENT:
        raise ApiError.invalid_form("content", "BASE_TYPE_MAX_LENGTH", "Must be 2000 or fewer in length.")
    if len(message.files) > MAX_FILES:
        raise ApiError.invalid_form("attachments", "BASE_TYPE_MAX_LENGTH", "Must be 10 or fewer in length.")
    _check_embeds(message.embeds)
    components.check(message.components, is_v2=is_v2)
    for name in components.references(message.components):
        if show.file_named(message, name) is None:
            raise ApiError.invalid_form(
                "components",
                "UNFURLED_MEDIA_ITEM_REFERENCED_ATTACHMENT_NOT_FOUND",
                f"The referenced attachment {name} was not found",
            )
    visible = (message.content, message.embeds, message.components, message.files, message.sticker_items)
    if not any(visible) and not is_forward:
        raise errors.empty_message()


def _check_embeds(embeds: list[Json]) -> None:
    if len(embeds) > MAX_EMBEDS:
        raise ApiError.invalid_form("embeds", "BASE_TYPE_MAX_LENGTH", "Must be 10 or fewer in length.")
    if sum(len(line) for embed in embeds for line in embed_text(embed)) > MAX_EMBED_TEXT:
        raise ApiError.invalid_form("embeds", "MAX_EMBED_SIZE_EXCEEDED", "Embed size exceeds maximum size of 6000")


def embed_text(embed: Json) -> list[str]:
    """The words of an embed, in reading order."""
    fields = as_objects(embed.get("fields"))
    author, footer = as_object(embed.get("author") or {}), as_object(embed.get("footer") or {})
    lines: list[object] = [author.get("name"), embed.get("title"), embed.get("description")]
    lines += [part for one in fields for part in (one.get("name"), one.get("value"))]
    lines.append(footer.get("text"))
    return [str(line) for line in lines if line]


def fingerprint(message: Message) -> str:
    """A hash of what a person sees: two posts with the same one are the same post twice."""
    seen = [
        message.content,
        message.embeds,
        components.text_of(message.components),
        [one.sha256 for one in message.files],
    ]
    return hashlib.sha256(json.dumps(seen, sort_keys=True).encode()).hexdigest()[:16]


def _planned_files(world: World, message: Message, draft: Draft, *, keep: list[StoredFile]) -> list[StoredFile]:
    """The files a message will have: kept ones, then uploads, with what `attachments` says about each."""
    described = {str(one.get("id")): one for one in as_objects(draft.body.get("attachments"), where="attachments")}
    files = list(keep)
    for file in files:
        _describe(file, described.get(str(file.id), {}))
    for index, upload in sorted(draft.uploads.items()):
        wish = described.get(str(index), {})
        named = Upload(
            filename=str(wish.get("filename") or upload.filename), data=upload.data, content_type=upload.content_type
        )
        file = world.cdn.keep(named, channel_id=message.channel_id)
        _describe(file, wish)
        files.append(file)
    return files


def _describe(file: StoredFile, wish: Json) -> None:
    if wish.get("description") is not None:
        file.description = str(wish["description"])
    if wish.get("title") is not None:
        file.title = str(wish["title"])
    file.spoiler = bool(wish.get("is_spoiler", file.spoiler))


def _forget(world: World, files: list[StoredFile]) -> None:
    for file in files:
        world.cdn.forget(file)


def add(desk: Desk, message: Message) -> None:
    """Put a message into its channel; posting unarchives a thread."""
    world = desk.world
    channel = world.channel(message.channel_id)
    if channel.is_thread:
        channel.member_ids.add(message.author_id)
        if channel.archived:
            channel.archived, channel.archived_at = False, world.clock()
            desk.events.channel("UPDATE", channel)
    channel.messages[message.id] = message
    channel.last_message_id = message.id
    world.created.append(Created(message=message, by_bot=message.author_id == world.bot_id))
    desk.events.message("MESSAGE_CREATE", message)


def edit(desk: Desk, message: Message, draft: Draft, *, limit_bytes: int, mark_edited: bool = True) -> Message:
    """PATCH of a message: fields that are absent stay. Raises 50006, 50035, 40005; nothing changes then."""
    world, body = desk.world, draft.body
    check_uploads(draft.uploads, limit_bytes=limit_bytes)
    after = _changed(world, message, draft)
    new = [file for file in after.files if file not in message.files]
    try:
        check(after, is_forward=bool(message.snapshots))
    except ApiError:
        _forget(world, new)
        raise
    _forget(world, [file for file in message.files if file not in after.files])
    message.content, message.embeds, message.components = after.content, after.embeds, after.components
    message.files, message.flags = after.files, after.flags
    message.edit_count += 1
    if mark_edited and set(body) - {"flags"}:
        message.edited_at = world.clock()
    desk.events.message("MESSAGE_UPDATE", message)
    return message


def _changed(world: World, message: Message, draft: Draft) -> Message:
    """The message as it would be after `draft`."""
    body = draft.body
    keep = message.files
    if body.get("attachments") is not None:
        kept_ids = {str(one.get("id")) for one in as_objects(body["attachments"], where="attachments")}
        keep = [file for file in message.files if str(file.id) in kept_ids]
    elif "attachments" in body:
        keep = []
    flags = message.flags
    if body.get("flags") is not None:
        # IS_COMPONENTS_V2 cannot be unset; the other bits a sender may set follow the request.
        flags = (flags & ~(1 << 2)) | (int(body["flags"]) & SETTABLE_FLAGS)
    return Message(
        id=message.id,
        channel_id=message.channel_id,
        author_id=message.author_id,
        created_at=message.created_at,
        kind=message.kind,
        content=str(body["content"] or "").strip() if "content" in body else message.content,
        flags=flags,
        embeds=_embeds(body) if "embeds" in body else message.embeds,
        components=_components(body) if "components" in body else message.components,
        sticker_items=message.sticker_items,
        files=_planned_files(world, message, draft, keep=keep),
    )


def delete(desk: Desk, message: Message) -> None:
    """The message and its files are gone; a thread made from it stays."""
    channel = desk.world.channel(message.channel_id)
    channel.messages.pop(message.id, None)
    message.deleted = True
    _forget(desk.world, message.files)
    desk.events.message_deleted(message)


def history(channel: Channel, query: Mapping[str, str]) -> list[Message]:
    """GET messages: newest first; `before`, `after`, `around`, `limit` (1–100, default 50)."""
    limit = min(max(int(query.get("limit", "50")), 1), 100)
    everything = sorted(
        (one for one in channel.messages.values() if one.ephemeral_for is None), key=lambda one: -one.id
    )
    if "before" in query:
        return [one for one in everything if one.id < int(query["before"])][:limit]
    if "after" in query:
        # The oldest after the mark, still answered newest first.
        return [one for one in everything if one.id > int(query["after"])][-limit:]
    if "around" in query:
        middle = int(query["around"])
        newer = [one for one in everything if one.id > middle][-(limit // 2) :]
        return newer + [one for one in everything if one.id <= middle][: limit - len(newer)]
    return everything[:limit]
