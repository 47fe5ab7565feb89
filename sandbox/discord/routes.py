"""The routes of Discord's HTTP API that a bot of this kind uses. Handlers are named after their route."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeAlias

from sandbox.discord import commands, errors, messages, show, threads
from sandbox.discord.cdn import Upload
from sandbox.discord.events import DIRECT_REACTIONS, GUILD_REACTIONS, Event
from sandbox.discord.interactions import Interactions
from sandbox.discord.messages import Desk, Draft
from sandbox.discord.permissions import Permission
from sandbox.discord.wire import Json, as_id, as_object, as_objects
from sandbox.discord.world import DM, FORUM, MEDIA, Channel, Message, World


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One request, read: path arguments, query, JSON body, `files[n]` by n."""

    desk: Desk
    interactions: Interactions
    gateway_url: str
    args: Mapping[str, str]
    query: Mapping[str, str]
    json: object
    uploads: Mapping[int, Upload]

    @property
    def world(self) -> World:
        return self.desk.world

    @property
    def bot_id(self) -> int:
        return self.world.bot_id

    @property
    def body(self) -> Json:
        return as_object(self.json if self.json is not None else {})

    @property
    def draft(self) -> Draft:
        return Draft(body=self.body, uploads=self.uploads)

    def id(self, name: str) -> int:
        return as_id(self.args[name], where=name)

    def channel(self, needed: int = 0) -> Channel:
        """The channel of the path, seen by the bot with these permissions. Raises 10003, 50001, 50013."""
        channel = self.world.channel(self.id("channel"))
        self.world.require(self.bot_id, channel, needed)
        return channel

    def message(self, needed: int = 0) -> Message:
        """The message of the path; an ephemeral one is not there for this API. Raises 10008 and as `channel`."""
        message = self.world.message(self.channel(needed).id, self.id("message"))
        if message.ephemeral_for is not None:
            raise errors.unknown_message()
        return message

    def guild(self) -> None:
        if self.id("guild") != self.world.guild.id:
            raise errors.unknown_guild()

    def guild_scope(self) -> int | None:
        if "guild" not in self.args:
            return None
        self.guild()
        return self.id("guild")

    def application(self) -> None:
        if self.id("application") != self.world.application.id:
            raise errors.missing_access()


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """Status and JSON; None is an empty body."""

    status: int = 200
    json: object = None


Handler: TypeAlias = Callable[[Call], Answer]

_ROUTES: list[tuple[str, re.Pattern[str], Handler]] = []
NOTHING = Answer(status=204)


def route(method: str, *templates: str) -> Callable[[Handler], Handler]:
    """Register a handler; `{name}` in a template becomes `call.args["name"]`."""

    def register(handler: Handler) -> Handler:
        for template in templates:
            pattern = re.compile(re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", template))
            _ROUTES.append((method, pattern, handler))
        return handler

    return register


def find(method: str, path: str) -> tuple[Handler, dict[str, str]] | None:
    """The first registered route that matches."""
    for known, pattern, handler in _ROUTES:
        if known == method and (match := pattern.fullmatch(path)):
            return handler, match.groupdict()
    return None


def _shown(call: Call, message: Message) -> Json:
    return show.message_for_bot(call.world, message)


# -- account, application, gateway --------------------------------------------------------------------------------


@route("GET", "/users/@me")
def get_me(call: Call) -> Answer:
    return Answer(json=show.own_account(call.world))


@route("GET", "/users/{user}")
def get_user(call: Call) -> Answer:
    return Answer(json=show.user(call.world.user(call.id("user"))))


@route("POST", "/users/@me/channels")
def create_dm(call: Call) -> Answer:
    user = call.world.user(as_id(call.body.get("recipient_id")))
    return Answer(json=show.channel(call.world, dm_channel(call.world, user.id)))


def dm_channel(world: World, user_id: int) -> Channel:
    """The DM between the bot and a person, made when first asked for."""
    for channel in world.channels.values():
        if channel.kind == DM and channel.recipient_id == user_id:
            return channel
    channel = Channel(
        id=world.new_id(), kind=DM, name="", guild_id=None, recipient_id=user_id, created_at=world.clock()
    )
    world.channels[channel.id] = channel
    return channel


@route("GET", "/oauth2/applications/@me", "/applications/@me")
def get_application(call: Call) -> Answer:
    return Answer(json=show.application(call.world))


@route("GET", "/gateway")
def get_gateway(call: Call) -> Answer:
    return Answer(json={"url": call.gateway_url})


@route("GET", "/gateway/bot")
def get_gateway_bot(call: Call) -> Answer:
    limit = {"total": 1000, "remaining": 1000, "reset_after": 86_400_000, "max_concurrency": 1}
    return Answer(json={"url": call.gateway_url, "shards": 1, "session_start_limit": limit})


@route("GET", "/applications/{application}/emojis")
def get_application_emojis(call: Call) -> Answer:
    call.application()
    return Answer(json={"items": []})


@route("GET", "/applications/{application}/entitlements", "/applications/{application}/skus")
def get_nothing_sold(call: Call) -> Answer:
    call.application()
    return Answer(json=[])


# -- commands -----------------------------------------------------------------------------------------------------

_COMMANDS = ("/applications/{application}/commands", "/applications/{application}/guilds/{guild}/commands")
_COMMAND = tuple(f"{template}/{{command}}" for template in _COMMANDS)


@route("GET", *_COMMANDS)
def get_commands(call: Call) -> Answer:
    call.application()
    return Answer(json=call.world.application.commands.get(call.guild_scope(), []))


@route("PUT", *_COMMANDS)
def put_commands(call: Call) -> Answer:
    call.application()
    return Answer(json=commands.put(call.world, call.guild_scope(), as_objects(call.json)))


@route("POST", *_COMMANDS)
def post_command(call: Call) -> Answer:
    call.application()
    scope, wanted = call.guild_scope(), call.body
    key = (wanted.get("name"), wanted.get("type", commands.CHAT))
    others = [one for one in call.world.application.commands.get(scope, []) if (one["name"], one["type"]) != key]
    created = len(others) == len(call.world.application.commands.get(scope, []))
    return Answer(status=201 if created else 200, json=commands.put(call.world, scope, [*others, wanted])[-1])


def _command(call: Call) -> Json:
    call.application()
    for one in call.world.application.commands.get(call.guild_scope(), []):
        if one["id"] == call.args["command"]:
            return one
    raise errors.unknown_command()


@route("GET", *_COMMAND)
def get_command(call: Call) -> Answer:
    return Answer(json=_command(call))


@route("DELETE", *_COMMAND)
def delete_command(call: Call) -> Answer:
    call.world.application.commands[call.guild_scope()].remove(_command(call))
    return NOTHING


# -- guild --------------------------------------------------------------------------------------------------------


@route("GET", "/guilds/{guild}")
def get_guild(call: Call) -> Answer:
    call.guild()
    counts: Json = {}
    if call.query.get("with_counts") in {"1", "true", "True"}:
        count = sum(1 for one in call.world.users.values() if one.in_guild)
        counts = {"approximate_member_count": count, "approximate_presence_count": count}
    return Answer(json=show.guild(call.world) | counts)


@route("GET", "/guilds/{guild}/channels")
def get_guild_channels(call: Call) -> Answer:
    call.guild()
    found = [one for one in call.world.channels.values() if one.guild_id and not one.is_thread]
    return Answer(json=[show.channel(call.world, one) for one in found])


@route("GET", "/guilds/{guild}/roles")
def get_guild_roles(call: Call) -> Answer:
    call.guild()
    return Answer(json=[show.role(one) for one in call.world.roles.values()])


@route("GET", "/guilds/{guild}/emojis")
def get_guild_emojis(call: Call) -> Answer:
    call.guild()
    return Answer(json=[show.emoji(one) for one in call.world.emojis])


@route("GET", "/guilds/{guild}/members/{user}")
def get_guild_member(call: Call) -> Answer:
    call.guild()
    user = call.world.users.get(call.id("user"))
    if user is None or not user.in_guild:
        raise errors.unknown_member()
    return Answer(json=show.member(user))


@route("GET", "/guilds/{guild}/threads/active")
def get_active_threads(call: Call) -> Answer:
    call.guild()
    found = [one for one in call.world.channels.values() if one.is_thread and not one.archived]
    mine = [show.channel(call.world, one)["member"] for one in found if call.bot_id in one.member_ids]
    return Answer(json={"threads": [show.channel(call.world, one) for one in found], "members": mine})


@route("GET", "/guilds/{guild}/auto-moderation/rules")
def get_automod_rules(call: Call) -> Answer:
    call.guild()
    if not call.world.permissions(call.bot_id, None) & Permission.MANAGE_GUILD:
        raise errors.missing_permissions()
    return Answer(json=call.world.automod_rules)


# -- channels and threads -----------------------------------------------------------------------------------------


@route("GET", "/channels/{channel}")
def get_channel(call: Call) -> Answer:
    return Answer(json=show.channel(call.world, call.channel()))


@route("PATCH", "/channels/{channel}")
def patch_channel(call: Call) -> Answer:
    channel = call.channel()
    if channel.is_thread:
        return Answer(
            json=show.channel(
                call.world, threads.change(call.desk, user_id=call.bot_id, thread=channel, body=call.body)
            )
        )
    call.world.require(call.bot_id, channel, Permission.MANAGE_CHANNELS)
    channel.name = str(call.body.get("name") or channel.name)
    channel.topic = call.body.get("topic", channel.topic)
    call.desk.events.channel("UPDATE", channel)
    return Answer(json=show.channel(call.world, channel))


@route("DELETE", "/channels/{channel}")
def delete_channel(call: Call) -> Answer:
    channel = call.channel()
    call.world.require(
        call.bot_id, channel, Permission.MANAGE_THREADS if channel.is_thread else Permission.MANAGE_CHANNELS
    )
    shown = show.channel(call.world, channel)
    threads.remove(call.desk, channel)
    return Answer(json=shown)


@route("POST", "/channels/{channel}/typing")
def post_typing(call: Call) -> Answer:
    call.channel(Permission.SEND_MESSAGES)
    return NOTHING


@route("POST", "/channels/{channel}/messages/{message}/threads")
def post_message_thread(call: Call) -> Answer:
    thread = threads.from_message(call.desk, user_id=call.bot_id, message=call.message(), body=call.body)
    return Answer(status=201, json=show.channel(call.world, thread))


@route("POST", "/channels/{channel}/threads")
def post_thread(call: Call) -> Answer:
    parent = call.channel()
    if parent.kind in {FORUM, MEDIA}:
        thread, first = threads.in_forum(call.desk, user_id=call.bot_id, parent=parent, draft=call.draft)
        shown = show.channel(call.world, thread) | {"message": show.message(call.world, first)}
        return Answer(status=201, json=shown)
    thread = threads.standalone(call.desk, user_id=call.bot_id, parent=parent, body=call.body)
    return Answer(status=201, json=show.channel(call.world, thread))


@route("GET", "/channels/{channel}/threads/archived/public")
def get_archived_threads(call: Call) -> Answer:
    parent = call.channel(Permission.READ_MESSAGE_HISTORY)
    found = [
        one for one in call.world.channels.values() if one.parent_id == parent.id and one.is_thread and one.archived
    ]
    return Answer(json={"threads": [show.channel(call.world, one) for one in found], "members": [], "has_more": False})


@route("PUT", "/channels/{channel}/thread-members/@me")
def put_thread_member(call: Call) -> Answer:
    call.channel().member_ids.add(call.bot_id)
    return NOTHING


@route("DELETE", "/channels/{channel}/thread-members/@me")
def delete_thread_member(call: Call) -> Answer:
    call.channel().member_ids.discard(call.bot_id)
    return NOTHING


# -- messages -----------------------------------------------------------------------------------------------------


@route("GET", "/channels/{channel}/messages")
def get_messages(call: Call) -> Answer:
    channel = call.channel()
    if not call.world.permissions(call.bot_id, channel) & Permission.READ_MESSAGE_HISTORY:
        # Docs: without READ_MESSAGE_HISTORY the answer is an empty list, not an error.
        return Answer(json=[])
    return Answer(json=[_shown(call, one) for one in messages.history(channel, call.query)])


@route("POST", "/channels/{channel}/messages")
def post_message(call: Call) -> Answer:
    channel = call.world.channel(call.id("channel"))
    message = messages.post(call.desk, author_id=call.bot_id, channel=channel, draft=call.draft)
    return Answer(json=_shown(call, message))


@route("GET", "/channels/{channel}/messages/{message}")
def get_message(call: Call) -> Answer:
    return Answer(json=_shown(call, call.message(Permission.READ_MESSAGE_HISTORY)))


@route("PATCH", "/channels/{channel}/messages/{message}")
def patch_message(call: Call) -> Answer:
    message = call.message()
    if message.author_id != call.bot_id:
        raise errors.not_your_message()
    channel = call.world.channel(message.channel_id)
    if channel.archived:
        raise errors.thread_is_archived()
    limit = call.world.upload_limit(channel)
    return Answer(json=_shown(call, messages.edit(call.desk, message, call.draft, limit_bytes=limit)))


@route("DELETE", "/channels/{channel}/messages/{message}")
def delete_message(call: Call) -> Answer:
    message = call.message()
    if message.author_id != call.bot_id:
        call.channel(Permission.MANAGE_MESSAGES)
    messages.delete(call.desk, message)
    return NOTHING


@route("PUT", "/channels/{channel}/messages/{message}/reactions/{emoji}/@me")
def put_reaction(call: Call) -> Answer:
    message = call.message(Permission.ADD_REACTIONS | Permission.READ_MESSAGE_HISTORY)
    message.reactions.setdefault(call.args["emoji"], set()).add(call.bot_id)
    _tell_reaction(call, message, "MESSAGE_REACTION_ADD")
    return NOTHING


@route("DELETE", "/channels/{channel}/messages/{message}/reactions/{emoji}/@me")
def delete_reaction(call: Call) -> Answer:
    message = call.message()
    who = message.reactions.get(call.args["emoji"], set())
    who.discard(call.bot_id)
    if not who:
        message.reactions.pop(call.args["emoji"], None)
    _tell_reaction(call, message, "MESSAGE_REACTION_REMOVE")
    return NOTHING


def _tell_reaction(call: Call, message: Message, name: str) -> None:
    channel = call.world.channel(message.channel_id)
    emoji, _, emoji_id = call.args["emoji"].partition(":")
    data: Json = {
        "user_id": str(call.bot_id),
        "channel_id": str(channel.id),
        "message_id": str(message.id),
        "emoji": {"name": emoji, "id": emoji_id or None},
        "burst": False,
        "type": 0,
    }
    if channel.guild_id is not None:
        data["guild_id"] = str(channel.guild_id)
    intent = DIRECT_REACTIONS if channel.guild_id is None else GUILD_REACTIONS
    call.desk.events.send(Event(name=name, data=data, intent=intent, guild_id=channel.guild_id))


# -- interactions -------------------------------------------------------------------------------------------------


@route("POST", "/interactions/{interaction}/{token}/callback")
def post_callback(call: Call) -> Answer:
    one = call.interactions.respond(call.id("interaction"), call.args["token"], call.body, call.uploads)
    if call.query.get("with_response") not in {"1", "true", "True"}:
        return NOTHING
    return Answer(json=call.interactions.callback_body(one, int(call.body["type"])))


_WEBHOOK = "/webhooks/{application}/{token}"
_WEBHOOK_MESSAGE = _WEBHOOK + "/messages/{message}"


@route("GET", _WEBHOOK_MESSAGE)
def get_webhook_message(call: Call) -> Answer:
    one = call.interactions.by_token(call.args["token"])
    return Answer(json=show.message(call.world, call.interactions.message_of(one, call.args["message"])))


@route("PATCH", _WEBHOOK_MESSAGE)
def patch_webhook_message(call: Call) -> Answer:
    one = call.interactions.by_token(call.args["token"])
    message = call.interactions.message_of(one, call.args["message"])
    return Answer(json=show.message(call.world, call.interactions.edit(one, message, call.draft)))


@route("DELETE", _WEBHOOK_MESSAGE)
def delete_webhook_message(call: Call) -> Answer:
    one = call.interactions.by_token(call.args["token"])
    messages.delete(call.desk, call.interactions.message_of(one, call.args["message"]))
    return NOTHING


@route("POST", _WEBHOOK)
def post_webhook(call: Call) -> Answer:
    one = call.interactions.by_token(call.args["token"])
    return Answer(json=show.message(call.world, call.interactions.follow_up(one, call.draft)))
