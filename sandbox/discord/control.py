"""The control API: people who act, faults, and the report.

JSON in and out, multipart (`payload_json` + files) for uploads.
Errors are `{"error": "…"}` with 400, or Discord's own refusal with its status. Everything here is for tests and the
demo; no bot calls it.
"""

from __future__ import annotations

import dataclasses
import json
import secrets
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias, cast

from aiohttp import BodyPartReader, web

from sandbox.discord import expressions, founding, journal, messages, permissions, show, threads, view
from sandbox.discord.cdn import Upload
from sandbox.discord.errors import ApiError, ControlError
from sandbox.discord.faults import Fault, Faults
from sandbox.discord.gateway import Gateway
from sandbox.discord.interactions import Acting, Interaction, Interactions, State
from sandbox.discord.journal import Journal
from sandbox.discord.messages import Desk, Draft
from sandbox.discord.routes import dm_channel
from sandbox.discord.wire import Json, as_object, as_objects, as_strings
from sandbox.discord.world import FORUM, MEDIA, TEXT, Channel, Message, Overwrite, Role, User

_CHANNEL_TYPES = {"text": TEXT, "forum": FORUM, "media": MEDIA}
_OPEN_STATES = frozenset({State.PENDING})
_UNDONE_STATES = frozenset({State.PENDING, State.DEFERRED})
_UNTOLD_STATES = _UNDONE_STATES | {State.DEFERRED_UPDATE}
MAX_WAIT_SECONDS = 600.0
_NO_LIMIT = 1 << 40


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """One control request, read. `files` are by part name, in order."""

    args: Mapping[str, str]
    query: Mapping[str, str]
    body: Json
    files: Mapping[str, list[Upload]]

    def id(self, name: str, *, default: int | None = None) -> int:
        """An id from the path, the body or the query."""
        value: Any = self.args.get(name) or self.body.get(name) or self.query.get(name) or default
        if value is None:
            raise ControlError(f"{name} is required")
        return int(str(value))

    def seconds(self) -> float:
        """How long to wait, at most ten minutes; 10 if not said."""
        return min(float(self.query.get("seconds", "10")), MAX_WAIT_SECONDS)


Step: TypeAlias = Callable[[Ask], object]
WaitingStep: TypeAlias = Callable[[Ask], Awaitable[object]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Control:
    """The handlers; `routes()` mounts them under `/control`."""

    desk: Desk
    interactions: Interactions
    gateway: Gateway
    faults: Faults
    journal: Journal
    founded: founding.Founded
    addresses: Callable[[], Json]
    is_checked: bool

    def routes(self) -> list[web.RouteDef]:
        steps: list[tuple[str, str, Step]] = [
            ("GET", "/world", self.get_world),
            ("POST", "/people", self.post_person),
            ("PATCH", "/people/{user_id}", self.patch_person),
            ("POST", "/emojis", self.post_emoji),
            ("POST", "/stickers", self.post_sticker),
            ("POST", "/external", self.post_external),
            ("PATCH", "/bot", self.patch_bot),
            ("PATCH", "/guild", self.patch_guild),
            ("PATCH", "/options", self.patch_options),
            ("GET", "/commands", self.get_commands),
            ("GET", "/channels", self.get_channels),
            ("POST", "/channels", self.post_channel),
            ("PATCH", "/channels/{channel_id}", self.patch_channel),
            ("DELETE", "/channels/{channel_id}", self.delete_channel),
            ("PUT", "/channels/{channel_id}/overwrites/{target_id}", self.put_overwrite),
            ("GET", "/channels/{channel_id}/threads", self.get_threads),
            ("POST", "/channels/{channel_id}/threads", self.post_thread),
            ("POST", "/dms", self.post_dm),
            ("GET", "/channels/{channel_id}/messages", self.get_messages),
            ("POST", "/channels/{channel_id}/messages", self.post_message),
            ("GET", "/channels/{channel_id}/messages/{message_id}", self.get_message),
            ("PATCH", "/channels/{channel_id}/messages/{message_id}", self.patch_message),
            ("DELETE", "/channels/{channel_id}/messages/{message_id}", self.delete_message),
            ("POST", "/messages/delete", self.delete_own_message),
            ("POST", "/interactions/command", self.post_command),
            ("POST", "/interactions/autocomplete", self.post_autocomplete),
            ("POST", "/interactions/menu", self.post_menu),
            ("POST", "/interactions/component", self.post_component),
            ("POST", "/interactions/{interaction_id}/modal", self.post_modal),
            ("GET", "/interactions", self.get_interactions),
            ("POST", "/faults", self.post_fault),
            ("GET", "/faults", lambda _: self.faults.describe()),
            ("DELETE", "/faults", lambda _: self.faults.clear()),
            ("GET", "/gateway", lambda _: self.gateway.describe()),
            ("POST", "/gateway", self.post_gateway),
            ("POST", "/assets", self.post_asset),
            ("POST", "/cdn", self.post_cdn),
            ("PUT", "/automod", self.put_automod),
            ("GET", "/report", self.get_report),
            ("DELETE", "/report", self.delete_report),
        ]
        waiting: list[tuple[str, str, WaitingStep]] = [
            ("GET", "/ready", self.wait_ready),
            ("GET", "/interactions/{interaction_id}", self.wait_interaction),
            ("GET", "/wait/message", self.wait_message),
        ]
        return [
            *[web.route(method, f"/control{path}", _door(_awaitable(step))) for method, path, step in steps],
            *[web.route(method, f"/control{path}", _door(step)) for method, path, step in waiting],
        ]

    # -- helpers ------------------------------------------------------------------------------------------------

    def _acting(self, ask: Ask) -> Acting:
        user_id = ask.id("user_id", default=self.founded.user_id)
        if user_id not in self.desk.world.users:
            raise ControlError(f"no person has the id {user_id}")
        return Acting(user_id=user_id, channel=self._channel(ask))

    def _channel(self, ask: Ask) -> Channel:
        return self.desk.world.channel(ask.id("channel_id", default=self.founded.channel_id))

    def _message(self, ask: Ask) -> Message:
        """The message, looked for in all channels if none is said."""
        message_id = ask.id("message_id")
        if ask.args.get("channel_id") or ask.body.get("channel_id"):
            channels = [self._channel(ask)]
        else:
            channels = list(self.desk.world.channels.values())
        for channel in channels:
            if (found := channel.messages.get(message_id)) is not None:
                return found
        raise ControlError(f"no message has the id {message_id}")

    def _seen(self, message: Message) -> Json:
        return view.message(self.desk.world, message)

    def _outcome(self, one: Interaction) -> Json:
        return view.interaction(self.desk.world, self.interactions, one)

    # -- world --------------------------------------------------------------------------------------------------

    def get_world(self, _ask: Ask) -> Json:
        world = self.desk.world
        return self.addresses() | {
            "people": [show.user(one) for one in world.users.values()],
            "channels": [view.channel(world, one) for one in world.channels.values()],
            "guild": show.guild(world),
            "options": dataclasses.asdict(world.options),
        }

    def post_person(self, ask: Ask) -> Json:
        world = self.desk.world
        user = User(
            id=world.new_id(),
            name=str(ask.body.get("name") or "somebody"),
            locale=str(ask.body.get("locale") or "en-US"),
        )
        world.users[user.id] = user
        return self.patch_person(dataclasses.replace(ask, args={"user_id": str(user.id)}))

    def patch_person(self, ask: Ask) -> Json:
        """`permissions`, `dm_closed`, `in_guild`, `locale`, `nick`; a part `avatar` is the picture."""
        user = self.desk.world.user(ask.id("user_id"))
        self._grant(user, ask)
        user.dm_closed = bool(ask.body.get("dm_closed", user.dm_closed))
        user.in_guild = bool(ask.body.get("in_guild", user.in_guild))
        user.locale = str(ask.body.get("locale") or user.locale)
        user.nick = ask.body.get("nick", user.nick)
        for upload in ask.files.get("avatar", []):
            expressions.set_avatar(self.desk.world, user, upload)
        return show.user(user)

    def post_emoji(self, ask: Ask) -> Json:
        """`name`, and the picture as a part."""
        emoji = expressions.add_emoji(self.desk.world, str(ask.body["name"]), _numbered(ask)[0])
        return show.emoji(emoji)

    def post_sticker(self, ask: Ask) -> Json:
        """`name`, `kind` png, apng, lottie or gif, and the file as a part; answers one of `sticker_items`."""
        kind = str(ask.body.get("kind", "png"))
        return expressions.add_sticker(self.desk.world, str(ask.body["name"]), kind, _numbered(ask)[0])

    def post_external(self, ask: Ask) -> Json:
        """Another site's `url`, and its picture as a part; answers what an embed's `image` is."""
        return expressions.add_external(self.desk.world, str(ask.body["url"]), _numbered(ask)[0])

    def _grant(self, user: User, ask: Ask) -> None:
        """`permissions` beyond @everyone become a role of their own."""
        if "permissions" not in ask.body:
            return
        world = self.desk.world
        role = Role(
            id=world.new_id(),
            name=f"role of {user.name}",
            permissions=permissions.bits(ask.body["permissions"]),
            position=2,
        )
        world.roles[role.id] = role
        user.role_ids = [role.id]

    def patch_bot(self, ask: Ask) -> Json:
        """The bot role's `permissions`; note that @everyone's count for the bot too (`everyone` sets those)."""
        world = self.desk.world
        if "permissions" in ask.body:
            world.roles[self.founded.bot_role_id].permissions = permissions.bits(ask.body["permissions"])
        if "everyone" in ask.body:
            world.roles[world.guild.id].permissions = permissions.bits(ask.body["everyone"])
        self.desk.events.guild_update()
        return {"permissions": permissions.names(world.permissions(world.bot_id, None))}

    def patch_guild(self, ask: Ask) -> Json:
        guild = self.desk.world.guild
        guild.premium_tier = int(ask.body.get("premium_tier", guild.premium_tier))
        if "upload_limit_bytes" in ask.body:
            limit = ask.body["upload_limit_bytes"]
            guild.upload_limit_bytes = None if limit is None else int(limit)
        self.desk.events.guild_update()
        return show.guild(self.desk.world)

    def patch_options(self, ask: Ask) -> Json:
        world = self.desk.world
        try:
            world.options = dataclasses.replace(world.options, **ask.body)
        except TypeError as error:
            raise ControlError(str(error)) from error
        return dataclasses.asdict(world.options)

    def get_commands(self, _ask: Ask) -> list[Json]:
        return [one for commands in self.desk.world.application.commands.values() for one in commands]

    def put_automod(self, ask: Ask) -> list[Json]:
        """What `GET /guilds/{id}/auto-moderation/rules` gives a bot with MANAGE_GUILD; not applied."""
        self.desk.world.automod_rules = as_objects(ask.body.get("rules"))
        return self.desk.world.automod_rules

    # -- channels -----------------------------------------------------------------------------------------------

    def get_channels(self, _ask: Ask) -> list[Json]:
        return [view.channel(self.desk.world, one) for one in self.desk.world.channels.values()]

    def post_channel(self, ask: Ask) -> Json:
        """`name`, `type` text, forum or media, `private` (bot only), `tags` (names, for forums)."""
        world = self.desk.world
        kind = _CHANNEL_TYPES.get(str(ask.body.get("type", "text")))
        if kind is None:
            raise ControlError(f"channel types are {sorted(_CHANNEL_TYPES)}")
        channel = Channel(
            id=world.new_id(),
            kind=kind,
            name=str(ask.body.get("name") or "channel"),
            guild_id=world.guild.id,
            topic=ask.body.get("topic"),
            position=len(world.channels),
            overwrites=founding.private_to_bot(world) if ask.body.get("private") else {},
            tags=[
                {"id": str(world.new_id()), "name": name, "moderated": False, "emoji_id": None, "emoji_name": None}
                for name in as_strings(ask.body.get("tags"))
            ],
        )
        world.channels[channel.id] = channel
        self.desk.events.channel("CREATE", channel)
        return view.channel(world, channel)

    def post_dm(self, ask: Ask) -> Json:
        user_id = ask.id("user_id", default=self.founded.user_id)
        return view.channel(self.desk.world, dm_channel(self.desk.world, self.desk.world.user(user_id).id))

    def patch_channel(self, ask: Ask) -> Json:
        """`name`, and for threads `archived`, `locked`; nobody's permissions are asked."""
        channel = self._channel(ask)
        if channel.is_thread:
            threads.apply(self.desk, channel, ask.body)
        else:
            channel.name = str(ask.body.get("name") or channel.name)
            self.desk.events.channel("UPDATE", channel)
        return view.channel(self.desk.world, channel)

    def delete_channel(self, ask: Ask) -> None:
        threads.remove(self.desk, self._channel(ask))

    def put_overwrite(self, ask: Ask) -> Json:
        """`allow` and `deny`, names or bits; the target is a user, role, or the word `bot` or `everyone`."""
        world, channel = self.desk.world, self._channel(ask)
        named = {"bot": world.bot_id, "everyone": world.guild.id}
        target = named.get(ask.args["target_id"]) or int(ask.args["target_id"])
        channel.overwrites[target] = Overwrite(
            kind=0 if target in world.roles else 1,
            allow=permissions.bits(ask.body.get("allow") or []),
            deny=permissions.bits(ask.body.get("deny") or []),
        )
        self.desk.events.channel("UPDATE", channel)
        return {"bot_permissions": permissions.names(world.permissions(world.bot_id, channel))}

    def get_threads(self, ask: Ask) -> list[Json]:
        return [view.channel(self.desk.world, one) for one in self._threads(self._channel(ask))]

    def _threads(self, parent: Channel) -> list[Channel]:
        return [one for one in self.desk.world.channels.values() if one.is_thread and one.parent_id == parent.id]

    def post_thread(self, ask: Ask) -> Json:
        """By a person: from `message_id`, as a forum post (`content`, files), or on its own."""
        acting = self._acting(ask)
        if ask.body.get("message_id"):
            thread = threads.from_message(
                self.desk, user_id=acting.user_id, message=self._message(ask), body={"name": ask.body.get("name")}
            )
        elif acting.channel.kind in {FORUM, MEDIA}:
            body: Json = {"name": ask.body.get("name"), "message": {"content": ask.body.get("content")}}
            draft = Draft(body=body, uploads=_numbered(ask))
            thread, _ = threads.in_forum(self.desk, user_id=acting.user_id, parent=acting.channel, draft=draft)
        else:
            public: Json = {"name": ask.body.get("name"), "type": 11}
            thread = threads.standalone(
                self.desk, user_id=self.desk.world.guild.owner_id, parent=acting.channel, body=public
            )
        return view.channel(self.desk.world, thread)

    # -- messages -----------------------------------------------------------------------------------------------

    def get_messages(self, ask: Ask) -> list[Json]:
        """Oldest first. `ephemeral=1` adds ephemeral ones, `threads=1` those of the channel's threads."""
        channel = self._channel(ask)
        channels = [channel, *(self._threads(channel) if ask.query.get("threads") == "1" else [])]
        found = [one for each in channels for one in each.messages.values()]
        if ask.query.get("ephemeral") != "1":
            found = [one for one in found if one.ephemeral_for is None]
        return [self._seen(one) for one in sorted(found, key=lambda one: one.id)]

    def post_message(self, ask: Ask) -> Json:
        """`content`, `reply_to`, `forward_of` (message ids), `embeds`, `sticker_items`; files as parts, of any size."""
        acting = self._acting(ask)
        body: Json = {key: ask.body[key] for key in ("content", "embeds", "sticker_items", "nonce") if key in ask.body}
        for key, kind in (("reply_to", 0), ("forward_of", 1)):
            if ask.body.get(key):
                target = self._message(dataclasses.replace(ask, args={}, body={"message_id": ask.body[key]}))
                body["message_reference"] = {
                    "type": kind,
                    "message_id": str(target.id),
                    "channel_id": str(target.channel_id),
                }
        draft = Draft(body=body, uploads=_numbered(ask))
        # A person may have Nitro: their uploads are not held to the bot's limit.
        message = messages.post(
            self.desk, author_id=acting.user_id, channel=acting.channel, draft=draft, limit_bytes=_NO_LIMIT
        )
        return self._seen(message)

    def get_message(self, ask: Ask) -> Json:
        return self._seen(self._message(ask))

    def patch_message(self, ask: Ask) -> Json:
        draft = Draft(body={"content": ask.body.get("content")}, uploads={})
        return self._seen(messages.edit(self.desk, self._message(ask), draft, limit_bytes=_NO_LIMIT))

    def delete_message(self, ask: Ask) -> None:
        messages.delete(self.desk, self._message(ask))

    def delete_own_message(self, ask: Ask) -> None:
        """`message_id`; only its author can."""
        message, acting = self._message(ask), self._acting(ask)
        if message.author_id != acting.user_id:
            raise ControlError("only the author of a message deletes it")
        messages.delete(self.desk, message)

    # -- interactions -------------------------------------------------------------------------------------------

    def post_command(self, ask: Ask) -> Json:
        """`name` ("video make"), `options` by name; attachment options are parts named like the option."""
        options = as_object(ask.body.get("options") or {})
        return self._outcome(self.interactions.command(self._acting(ask), str(ask.body["name"]), options, ask.files))

    def post_autocomplete(self, ask: Ask) -> Json:
        """As a command, with `focused` the option being typed; the choices are in the outcome."""
        options, focused = as_object(ask.body.get("options") or {}), str(ask.body["focused"])
        one = self.interactions.command(self._acting(ask), str(ask.body["name"]), options, ask.files, focused=focused)
        return self._outcome(one)

    def post_menu(self, ask: Ask) -> Json:
        """`name` and `message_id`, or `target_user_id`; the channel is the message's."""
        if ask.body.get("target_user_id"):
            return self._outcome(
                self.interactions.menu(self._acting(ask), str(ask.body["name"]), ask.id("target_user_id"))
            )
        message = self._message(ask)
        acting = dataclasses.replace(self._acting(ask), channel=self.desk.world.channel(message.channel_id))
        return self._outcome(self.interactions.menu(acting, str(ask.body["name"]), message))

    def post_component(self, ask: Ask) -> Json:
        """`message_id` and `custom_id` or `label`; `values` for a select."""
        message = self._message(ask)
        acting = dataclasses.replace(self._acting(ask), channel=self.desk.world.channel(message.channel_id))
        one = self.interactions.component(
            acting,
            message,
            custom_id=ask.body.get("custom_id"),
            label=ask.body.get("label"),
            values=as_strings(ask.body.get("values")),
        )
        return self._outcome(one)

    def post_modal(self, ask: Ask) -> Json:
        """Submit the modal that answered this interaction: `values` by custom_id or label, files likewise."""
        opened = self.interactions.get(ask.id("interaction_id"))
        return self._outcome(self.interactions.submit(opened, as_object(ask.body.get("values") or {}), ask.files))

    def get_interactions(self, _ask: Ask) -> list[Json]:
        return [self._outcome(one) for one in self.interactions.all()]

    async def wait_interaction(self, ask: Ask) -> Json:
        """`until` acknowledged (default: not pending), done (not deferred either), told, or now; `seconds` at most.

        `told`: the person can read what came of it. After a deferred update that is an edit, or a followup.
        """
        one = self.interactions.get(ask.id("interaction_id"))
        until, edits = ask.query.get("until", "acknowledged"), int(ask.query.get("edits", "0"))
        undone = {
            "acknowledged": _OPEN_STATES,
            "done": _UNDONE_STATES,
            "told": _UNTOLD_STATES,
            "now": frozenset[State](),
        }[until]

        def look() -> Interaction | None:
            state = self.interactions.state(one)
            told = until == "told" and bool(one.followups)
            return one if state is State.FAILED or ((told or state not in undone) and one.edits >= edits) else None

        # A pending interaction fails by the clock alone, so nothing may fire the signal: look again at that moment.
        seconds = ask.seconds()
        first = min(seconds, self.interactions.seconds_left(one) + 0.01)
        changed = self.desk.world.changed
        if await changed.until(look, seconds=first) is None and seconds > first:
            await changed.until(look, seconds=seconds - first)
        return self._outcome(one)

    async def wait_message(self, ask: Ask) -> Json:
        """The newest message that fits, or 408.

        `channel_id` (with `threads=1` also its threads), `contains` in the text, `after` a message id,
        `files` at least, `by` bot or person or any, `message_id` that one, `ephemeral=1` too.
        """
        found = await self.desk.world.changed.until(lambda: self._fitting(ask), seconds=ask.seconds())
        if found is None:
            raise web.HTTPRequestTimeout(text=json.dumps({"error": "no such message came in time"}))
        return found

    def _fitting(self, ask: Ask) -> Json | None:
        query = ask.query
        for seen in reversed(self.get_messages(ask)):
            fits = (
                int(seen["id"]) > int(query.get("after", "0"))
                and query.get("message_id", seen["id"]) == seen["id"]
                and query.get("contains", "").lower() in seen["text"].lower()
                and len(seen["attachments"]) >= int(query.get("files", "0"))
                and {"any": True, "bot": seen["author"]["bot"], "person": not seen["author"]["bot"]}[
                    query.get("by", "any")
                ]
            )
            if fits:
                return seen
        return None

    async def wait_ready(self, ask: Ask) -> Json:
        """Until the bot is connected and, if said, `command` (root name) is registered; else 408."""
        wanted = ask.query.get("command")

        def look() -> bool | None:
            known = {one["name"] for one in self.get_commands(ask)}
            return True if self.gateway.connected() and (wanted is None or wanted in known) else None

        if not await self.desk.world.changed.until(look, seconds=ask.seconds()):
            raise web.HTTPRequestTimeout(text=json.dumps({"error": "the bot did not connect in time"}))
        return self.gateway.describe()

    # -- faults and report --------------------------------------------------------------------------------------

    def post_fault(self, ask: Ask) -> list[Json]:
        self.faults.add(Fault.parse(ask.body))
        return self.faults.describe()

    def post_gateway(self, ask: Ask) -> Json:
        """`action` close (with `code`), drop, reconnect (op 7) or invalidate (op 9)."""
        actions: dict[str, Callable[[], int]] = {
            "close": lambda: self.gateway.close_all(int(ask.body.get("code", 4000))),
            "drop": self.gateway.drop_all,
            "reconnect": self.gateway.ask_reconnect,
            "invalidate": self.gateway.invalidate,
        }
        action = actions.get(str(ask.body.get("action")))
        if action is None:
            raise ControlError(f"actions are {sorted(actions)}")
        return {"connections": action()}

    def post_asset(self, ask: Ask) -> Json:
        """One file and its `path`, served unsigned at `/cdn/{path}` (emoji, avatars, stickers)."""
        upload = _numbered(ask)[0]
        path = str(ask.body["path"]).lstrip("/")
        self.desk.world.cdn.add_asset(path, upload.data, upload.content_type or "application/octet-stream")
        return {"url": f"{self.desk.world.cdn.base}/{path}"}

    def post_cdn(self, ask: Ask) -> Json:
        """`action` forget_ephemeral (uploads on interactions are gone) or revoke_links (all links so far are dead)."""
        action = ask.body.get("action")
        if action == "forget_ephemeral":
            return {"forgotten": self.desk.world.cdn.forget_ephemeral()}
        if action == "revoke_links":
            self.desk.world.cdn.revoke_links(secrets.token_bytes(32))
            return {}
        raise ControlError("actions are forget_ephemeral and revoke_links")

    def get_report(self, _ask: Ask) -> Json:
        return journal.report(self.journal, self.desk.world, checked=self.is_checked) | {
            "gateway": self.gateway.describe()
        }

    def delete_report(self, _ask: Ask) -> None:
        """The next report begins here."""
        self.journal.clear()
        self.desk.world.created.clear()


def _numbered(ask: Ask) -> dict[int, Upload]:
    return dict(enumerate(upload for uploads in ask.files.values() for upload in uploads))


def _awaitable(step: Step) -> WaitingStep:
    async def run(ask: Ask) -> object:
        return step(ask)

    return run


def _door(step: WaitingStep) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
    """Read, run, answer; our errors become JSON."""

    async def serve(request: web.Request) -> web.StreamResponse:
        try:
            result = await step(await _read(request))
        except ControlError as error:
            return web.json_response({"error": str(error)}, status=400)
        except (KeyError, ValueError, IndexError) as error:
            return web.json_response({"error": f"malformed request: {error!r}"}, status=400)
        except ApiError as error:
            return web.json_response(error.body() | {"error": error.message}, status=error.status)
        return web.json_response(result)

    return serve


async def _read(request: web.Request) -> Ask:
    body: Json = {}
    files: dict[str, list[Upload]] = {}
    if request.content_type == "multipart/form-data":
        async for part in await request.multipart():
            if not isinstance(part, BodyPartReader):
                raise ControlError("nested multipart is not taken")
            data = bytes(await part.read())
            if part.name == "payload_json":
                body = as_object(cast("object", json.loads(data)))
            elif part.filename is not None:
                upload = Upload(filename=part.filename, data=data, content_type=part.headers.get("Content-Type"))
                files.setdefault(part.name or "", []).append(upload)
    elif request.can_read_body:
        body = as_object(cast("object", await request.json()))
    return Ask(args=request.match_info, query=request.query, body=body, files=files)
