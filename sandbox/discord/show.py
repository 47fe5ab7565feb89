"""State as Discord's JSON. Every call signs attachment links afresh."""

from __future__ import annotations

import copy
import re
from typing import cast

from sandbox.discord import components
from sandbox.discord.cdn import StoredFile
from sandbox.discord.wire import Json, stamp
from sandbox.discord.world import (
    COMPONENTS_V2,
    DM,
    FORUM,
    MEDIA,
    THREAD_STARTER,
    Channel,
    Emoji,
    Message,
    Role,
    User,
    World,
)


def user(one: User) -> Json:
    return {
        "id": str(one.id),
        "username": one.name,
        "discriminator": "0",
        "global_name": None if one.bot else one.name,
        "avatar": one.avatar,
        "avatar_decoration_data": None,
        "banner": None,
        "accent_color": None,
        "bot": one.bot,
        "system": False,
        "public_flags": 0,
        "flags": 0,
        "collectibles": None,
        "primary_guild": None,
        "clan": None,
    }


def own_account(world: World) -> Json:
    """The bot's account as it sees it itself."""
    own = {"verified": True, "mfa_enabled": False, "email": None, "locale": "en-US"}
    return user(world.users[world.bot_id]) | own


def member(one: User, *, permissions: int | None = None, with_user: bool = True) -> Json:
    body: Json = {
        "roles": [str(role_id) for role_id in one.role_ids],
        "nick": one.nick,
        "avatar": None,
        "banner": None,
        "joined_at": "2024-01-01T00:00:00+00:00",
        "premium_since": None,
        "deaf": False,
        "mute": False,
        "flags": 0,
        "pending": False,
        "communication_disabled_until": None,
    }
    if with_user:
        body["user"] = user(one)
    if permissions is not None:
        body["permissions"] = str(permissions)
    return body


def emoji(one: Emoji) -> Json:
    return {
        "id": str(one.id),
        "name": one.name,
        "roles": [],
        "require_colons": True,
        "managed": False,
        "animated": one.animated,
        "available": True,
    }


def role(one: Role) -> Json:
    body: Json = {
        "id": str(one.id),
        "name": one.name,
        "description": None,
        "color": 0,
        "colors": {"primary_color": 0, "secondary_color": None, "tertiary_color": None},
        "hoist": False,
        "icon": None,
        "unicode_emoji": None,
        "position": one.position,
        "permissions": str(one.permissions),
        "managed": one.managed_by_bot is not None,
        "mentionable": False,
        "flags": 0,
    }
    if one.managed_by_bot is not None:
        body["tags"] = {"bot_id": str(one.managed_by_bot)}
    return body


def channel(world: World, one: Channel) -> Json:
    """A guild channel, thread or DM, in full."""
    if one.kind == DM:
        return _dm(world, one)
    body: Json = {
        "id": str(one.id),
        "type": one.kind,
        "guild_id": str(one.guild_id),
        "name": one.name,
        "parent_id": str(one.parent_id) if one.parent_id else None,
        "last_message_id": str(one.last_message_id) if one.last_message_id else None,
        "flags": 0,
        "rate_limit_per_user": 0,
    }
    return body | (_thread_parts(world, one) if one.is_thread else _channel_parts(one))


def _dm(world: World, one: Channel) -> Json:
    return {
        "id": str(one.id),
        "type": DM,
        "flags": 0,
        "last_message_id": str(one.last_message_id) if one.last_message_id else None,
        "recipients": [user(world.users[one.recipient_id])] if one.recipient_id else [],
    }


def _channel_parts(one: Channel) -> Json:
    body: Json = {
        "topic": one.topic,
        "position": one.position,
        "nsfw": False,
        "last_pin_timestamp": None,
        "permission_overwrites": [
            {"id": str(target), "type": each.kind, "allow": str(each.allow), "deny": str(each.deny)}
            for target, each in one.overwrites.items()
        ],
    }
    if one.kind in {FORUM, MEDIA}:
        body |= {"available_tags": one.tags, "default_reaction_emoji": None, "default_sort_order": None}
        body |= {"default_forum_layout": 0, "template": ""}
    return body


def _thread_parts(world: World, one: Channel) -> Json:
    body: Json = {
        "owner_id": str(one.owner_id),
        "message_count": len(one.messages),
        "total_message_sent": len(one.messages),
        "member_count": len(one.member_ids),
        "thread_metadata": {
            "archived": one.archived,
            "archive_timestamp": stamp(one.archived_at or one.created_at),
            "auto_archive_duration": one.auto_archive_minutes,
            "locked": one.locked,
            "create_timestamp": stamp(one.created_at),
        },
    }
    if one.applied_tags:
        body["applied_tags"] = one.applied_tags
    if world.bot_id in one.member_ids:
        body["member"] = {
            "id": str(one.id),
            "user_id": str(world.bot_id),
            "join_timestamp": stamp(one.created_at),
            "flags": 1,
        }
    return body


def channel_for(world: World, one: Channel, user_id: int) -> Json:
    """A channel as an interaction carries it: with the permissions of the one who acts."""
    return channel(world, one) | {"permissions": str(world.permissions(user_id, one))}


def attachment(world: World, file: StoredFile) -> Json:
    url = world.cdn.url(file)
    body: Json = {
        "id": str(file.id),
        "filename": file.filename,
        "size": len(file.data),
        "url": url,
        "proxy_url": url,
    }
    optional = {
        "content_type": file.content_type,
        "width": file.width,
        "height": file.height,
        "title": file.title,
        "description": file.description,
    }
    body |= {key: value for key, value in optional.items() if value is not None}
    if file.spoiler:
        body["flags"] = 1 << 3
    if file.folder == "ephemeral-attachments":
        body["ephemeral"] = True
    return body


def media_item(world: World, file: StoredFile) -> Json:
    """What becomes of `attachment://name` in a component; `name` and `size` are for file components."""
    url = world.cdn.url(file)
    return {
        "id": str(file.id),
        "url": url,
        "proxy_url": url,
        "width": file.width or 0,
        "height": file.height or 0,
        "content_type": file.content_type or "application/octet-stream",
        "loading_state": 2,
        "flags": 0,
        "attachment_id": str(file.id),
        "name": file.filename,
        "size": len(file.data),
    }


def file_named(message: Message, reference: str) -> StoredFile | None:
    """The file of a message that `attachment://reference` means."""
    for file in message.files:
        if reference in {file.filename, file.title}:
            return file
    return None


def _resolve(world: World, message: Message, url: str) -> Json | None:
    if not url.startswith("attachment://"):
        return None
    file = file_named(message, url.removeprefix("attachment://"))
    return None if file is None else media_item(world, file)


def shown_components(world: World, message: Message) -> list[Json]:
    return components.resolved(message.components, lambda url: _resolve(world, message, url))


def _shown_embeds(world: World, message: Message) -> tuple[list[Json], set[int]]:
    """Embeds with their links resolved, and the ids of the files they use."""
    used: set[int] = set()
    embeds = copy.deepcopy(message.embeds)
    for embed in embeds:
        embed.setdefault("type", "rich")
        for key in ("image", "thumbnail", "video"):
            part = cast("Json", embed.get(key) or {})
            url = str(part.get("url", ""))
            file = file_named(message, url.removeprefix("attachment://")) if url.startswith("attachment://") else None
            if file is not None:
                used.add(file.id)
                signed = world.cdn.url(file)
                part.update(url=signed, proxy_url=signed, width=file.width or 0, height=file.height or 0)
    return embeds, used


def _mentions(world: World, content: str) -> list[Json]:
    ids = {int(found) for found in re.findall(r"<@!?(\d+)>", content)}
    return [user(world.users[user_id]) for user_id in sorted(ids) if user_id in world.users]


def message(world: World, one: Message, *, with_reference: bool = True) -> Json:
    """A message in full, as its own author sees it."""
    embeds, in_embeds = _shown_embeds(world, one)
    # Files shown by components are not repeated in `attachments`: so does Discord (discord-api-docs issue 8277).
    attached = [] if one.flags & COMPONENTS_V2 else [file for file in one.files if file.id not in in_embeds]
    body: Json = {
        "id": str(one.id),
        "channel_id": str(one.channel_id),
        "type": one.kind,
        "author": user(world.users[one.author_id]),
        "content": one.content,
        "timestamp": stamp(one.created_at),
        "edited_timestamp": stamp(one.edited_at) if one.edited_at else None,
        "tts": False,
        "mention_everyone": False,
        "mentions": _mentions(world, one.content),
        "mention_roles": [],
        "attachments": [attachment(world, file) for file in attached],
        "embeds": embeds,
        "components": shown_components(world, one),
        "pinned": one.pinned,
        "flags": one.flags,
    }
    return body | _extras(world, one, with_reference=with_reference)


def _extras(world: World, one: Message, *, with_reference: bool) -> Json:
    body: Json = {}
    if one.nonce is not None:
        body["nonce"] = one.nonce
    if one.sticker_items:
        body["sticker_items"] = one.sticker_items
    if one.reactions:
        body["reactions"] = [_reaction(world, emoji, who) for emoji, who in one.reactions.items()]
    if one.interaction is not None:
        body |= {
            "interaction_metadata": one.interaction,
            "application_id": str(world.application.id),
            "webhook_id": str(world.application.id),
        }
    elif world.users[one.author_id].bot:
        body["application_id"] = str(world.application.id)
    if one.snapshots:
        body["message_snapshots"] = one.snapshots
    if (thread := world.channels.get(one.id)) is not None:
        body["thread"] = channel(world, thread)
    if one.reference is not None:
        body |= _reference(world, one, one.reference, with_reference=with_reference)
    return body


def _reference(world: World, one: Message, reference: Json, *, with_reference: bool) -> Json:
    body: Json = {"message_reference": reference}
    if reference.get("type", 0) != 0 or not with_reference:
        return body
    origin = world.channels.get(int(reference["channel_id"]))
    found = origin.messages.get(int(reference["message_id"])) if origin else None
    if found is not None or one.kind != THREAD_STARTER:
        body["referenced_message"] = message(world, found, with_reference=False) if found else None
    return body


def _reaction(world: World, emoji: str, who: set[int]) -> Json:
    name, _, emoji_id = emoji.partition(":")
    return {
        "emoji": {"name": name, "id": emoji_id or None},
        "count": len(who),
        "count_details": {"burst": 0, "normal": len(who)},
        "burst_colors": [],
        "burst_count": 0,
        "me": world.bot_id in who,
        "burst_me": False,
        "me_burst": False,
    }


def without_content(body: Json) -> Json:
    """A message as an application without Message Content gets it (docs: events/gateway)."""
    hidden: Json = {"content": "", "embeds": [], "attachments": [], "components": []}
    bare: Json = {key: value for key, value in body.items() if key != "message_snapshots"} | hidden
    if bare.get("referenced_message"):
        bare["referenced_message"] = bare["referenced_message"] | hidden
    return bare


def message_in_menu(world: World, one: Message) -> Json:
    """The target of a message menu: its content is there without the intent (docs: events/gateway, its exceptions).

    Of the message it replies to nothing is documented: its content is there if `menu_reply_content` says so, or if
    the bot may read it anyway.
    """
    body = message(world, one)
    replied = body.get("referenced_message")
    if not replied or world.options.menu_reply_content:
        return body
    readable = may_read_content(world, replied, granted=world.options.message_content)
    return body if readable else body | {"referenced_message": without_content(replied)}


def may_read_content(world: World, body: Json, *, granted: bool) -> bool:
    """Whether the bot gets content of this message: granted, its own, in a DM, or it is mentioned."""
    channel_ = world.channels.get(int(body["channel_id"]))
    mine = body["author"]["id"] == str(world.bot_id)
    mentioned = any(one["id"] == str(world.bot_id) for one in body["mentions"])
    return granted or mine or mentioned or (channel_ is not None and channel_.guild_id is None)


def message_for_bot(world: World, one: Message) -> Json:
    """A message as the bot reads it over HTTP."""
    body = message(world, one)
    return body if may_read_content(world, body, granted=world.options.message_content) else without_content(body)


def guild(world: World) -> Json:
    """The guild as `GET /guilds/{id}` gives it."""
    one = world.guild
    nothing = (
        "icon splash discovery_splash banner description afk_channel_id widget_channel_id system_channel_id "
        "rules_channel_id public_updates_channel_id safety_alerts_channel_id vanity_url_code application_id "
        "home_header max_presences icon_hash latest_onboarding_question_id incidents_data"
    )
    body: Json = dict.fromkeys(nothing.split())
    return body | {
        "id": str(one.id),
        "name": one.name,
        "owner_id": str(one.owner_id),
        "region": "us-west",
        "afk_timeout": 300,
        "widget_enabled": False,
        "verification_level": 0,
        "default_message_notifications": 0,
        "explicit_content_filter": 0,
        "roles": [role(each) for each in world.roles.values()],
        "emojis": [emoji(each) for each in world.emojis],
        "stickers": [],
        "features": [],
        "mfa_level": 0,
        "system_channel_flags": 0,
        "max_members": 500000,
        "max_video_channel_users": 25,
        "max_stage_video_channel_users": 50,
        "premium_tier": one.premium_tier,
        "premium_subscription_count": 0,
        "preferred_locale": "en-US",
        "nsfw_level": 0,
        "nsfw": False,
        "premium_progress_bar_enabled": False,
    }


def guild_create(world: World, *, with_members: bool) -> Json:
    """The guild as the gateway sends it: all channels, active threads, without the members intent only the bot."""
    everyone = [one for one in world.users.values() if one.in_guild]
    members = everyone if with_members else [one for one in everyone if one.id == world.bot_id]
    in_guild = [one for one in world.channels.values() if one.guild_id is not None]
    return guild(world) | {
        "joined_at": "2024-01-01T00:00:00+00:00",
        "large": False,
        "unavailable": False,
        "member_count": len(everyone),
        "voice_states": [],
        "presences": [],
        "stage_instances": [],
        "guild_scheduled_events": [],
        "soundboard_sounds": [],
        "members": [member(one) for one in members],
        "channels": [channel(world, one) for one in in_guild if not one.is_thread],
        "threads": [channel(world, one) for one in in_guild if one.is_thread and not one.archived],
    }


def application(world: World) -> Json:
    """`GET /oauth2/applications/@me`."""
    owner = world.users[world.guild.owner_id]
    return {
        "id": str(world.application.id),
        "name": world.application.name,
        "icon": None,
        "description": "",
        "summary": "",
        "type": None,
        "bot_public": False,
        "bot_require_code_grant": False,
        "verify_key": "0" * 64,
        "flags": application_flags(world),
        "flags_new": str(application_flags(world)),
        "owner": user(owner),
        "team": None,
        "bot": user(world.users[world.bot_id]),
        "redirect_uris": [],
        "interactions_endpoint_url": None,
        "role_connections_verification_url": None,
        "is_monetized": False,
        "is_verified": False,
        "hook": True,
        "eligible_oauth2_scopes": ["bot", "applications.commands"],
        "storefront_available": False,
        "integration_types_config": {"0": {"oauth2_install_params": {"scopes": ["bot"], "permissions": "0"}}},
        "approximate_guild_count": 1,
        "approximate_user_install_count": 0,
        "approximate_user_authorization_count": 0,
        "explicit_content_filter": 0,
        "max_participants": None,
        "tags": [],
    }


def application_flags(world: World) -> int:
    """The "limited" grants of privileged intents (presence, members, message content)."""
    options = world.options
    granted = ((options.presences_intent, 13), (options.members_intent, 15), (options.message_content, 19))
    return sum(1 << bit for has, bit in granted if has)
