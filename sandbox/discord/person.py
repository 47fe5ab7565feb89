"""A person on the sandbox's Discord, from another process: a typed client of the control API.

    async with Sandbox(ready["control"]) as discord:
        paula = discord.person()
        outcome = await paula.run("video make", {"prompt": "a boat"}, files={"image": [Upload("boat.png", png)]})
        outcome = await discord.outcome(outcome.id, until="done", seconds=20)

Every call that is refused raises `Refused` with the reason.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Literal, Self, TypeAlias, cast

import httpx

Json: TypeAlias = dict[str, Any]
Until: TypeAlias = Literal["acknowledged", "done", "told", "now"]
StickerKind: TypeAlias = Literal["png", "apng", "lottie", "gif"]


class Refused(Exception):
    """The sandbox said no; `status` is HTTP's (408: what was waited for did not come)."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(f"{status}: {reason}")
        self.status = status
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Upload:
    """A file to send."""

    filename: str
    data: bytes
    content_type: str = "application/octet-stream"


@dataclass(frozen=True, slots=True, kw_only=True)
class Attachment:
    """A file on a message; `url` is signed and fresh. `sha256` is of the bytes."""

    id: str
    filename: str
    size: int
    url: str
    content_type: str | None
    sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Button:
    """A button; `url` for links, `custom_id` for the others."""

    label: str | None
    custom_id: str | None
    url: str | None
    disabled: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """A message as a person sees it. `text` is all words, components and embeds included; `raw` is Discord's JSON."""

    id: str
    channel_id: str
    author_id: str
    by_bot: bool
    content: str
    text: str
    attachments: tuple[Attachment, ...]
    buttons: tuple[Button, ...]
    selects: tuple[Json, ...]
    ephemeral: bool
    loading: bool
    is_v2: bool
    edits: int
    nonce: str | int | None
    thread_id: str | None
    reference_id: str | None
    raw: Json

    @classmethod
    def parse(cls, body: Json) -> Message:
        attachments = tuple(
            Attachment(
                id=one["id"],
                filename=one["filename"],
                size=one["size"],
                url=one["url"],
                content_type=one.get("content_type"),
                sha256=one["sha256"],
            )
            for one in body["attachments"]
        )
        buttons = tuple(
            Button(label=one["label"], custom_id=one["custom_id"], url=one["url"], disabled=one["disabled"])
            for one in body["buttons"]
        )
        same = [
            "id",
            "channel_id",
            "content",
            "text",
            "ephemeral",
            "loading",
            "is_v2",
            "edits",
            "nonce",
            "thread_id",
            "reference_id",
            "raw",
        ]
        return cls(
            author_id=body["author"]["id"],
            by_bot=body["author"]["bot"],
            attachments=attachments,
            buttons=buttons,
            selects=tuple(body["selects"]),
            **{key: body[key] for key in same},
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """One field of a modal. `type` is Discord's: 3 select, 4 text, 19 files, 21 radio, 22 checkboxes, 23 checkbox.

    `value` is what a text field, `default` what a checkbox begins with.
    """

    label: str | None
    description: str | None
    custom_id: str
    type: int
    required: bool
    value: str | None
    default: bool | None
    options: tuple[Json, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Modal:
    """A form the bot opened; `text` is that of its text displays."""

    title: str
    custom_id: str
    text: str
    fields: tuple[Field, ...]

    def field(self, label: str) -> Field:
        """The field with this label; `LookupError` when there is none."""
        for field in self.fields:
            if field.label == label:
                return field
        raise LookupError(f"the form {self.title!r} has {[field.label for field in self.fields]}, not {label!r}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What became of an interaction.

    `state`: pending, deferred, deferred_update, answered, updated, modal, choices, or failed ("did not respond").
    `delivered` is whether a connected bot was told; `edits` counts edits made with its token.
    """

    id: str
    name: str
    state: str
    delivered: bool
    ephemeral: bool
    edits: int
    message: Message | None
    followups: tuple[Message, ...]
    modal: Modal | None
    choices: tuple[Json, ...]
    error: str | None

    @property
    def text(self) -> str:
        """All words of the answer and its followups."""
        return "\n".join(one.text for one in (self.message, *self.followups) if one is not None)

    @classmethod
    def parse(cls, body: Json) -> Outcome:
        return cls(
            id=body["id"],
            name=body["name"],
            state=body["state"],
            delivered=body["delivered"],
            ephemeral=body["ephemeral"],
            edits=body["edits"],
            message=None if body["message"] is None else Message.parse(body["message"]),
            followups=tuple(Message.parse(one) for one in body["followups"]),
            modal=None if body["modal"] is None else _modal(body["modal"]),
            choices=tuple(body["choices"]),
            error=body["error"],
        )


def _modal(body: Json) -> Modal:
    fields = tuple(
        Field(
            label=one["label"],
            description=one["description"],
            custom_id=one["custom_id"],
            type=one["type"],
            required=one["required"],
            value=one["value"],
            default=one["default"],
            options=tuple(one["options"]),
        )
        for one in body["fields"]
        if one["custom_id"] is not None
    )
    return Modal(title=body["title"], custom_id=body["custom_id"], text=body["text"], fields=fields)


@dataclass(frozen=True, slots=True, kw_only=True)
class Channel:
    """A channel, thread or DM."""

    id: str
    name: str
    type: int
    parent_id: str | None
    archived: bool
    locked: bool
    raw: Json

    @classmethod
    def parse(cls, body: Json) -> Channel:
        return cls(**{key: body[key] for key in ["id", "name", "type", "parent_id", "archived", "locked", "raw"]})


@dataclass(frozen=True, slots=True, kw_only=True)
class Emoji:
    """A custom emoji; `mention` is how it stands in a text."""

    id: str
    name: str
    mention: str


class Sandbox:
    """The control API: the world, its people, faults and the report."""

    def __init__(self, control_url: str) -> None:
        self._http = httpx.AsyncClient(
            base_url=control_url + "/", timeout=httpx.Timeout(30.0, read=None), trust_env=False
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._http.aclose()

    async def call(
        self,
        method: str,
        path: str,
        body: Mapping[str, object] | None = None,
        *,
        query: Mapping[str, object] | None = None,
        files: Mapping[str, Sequence[Upload]] | None = None,
    ) -> Any:  # noqa: ANN401  a JSON value
        """Any control route; `path` without `/control/`. Raises Refused."""
        parts = [
            (key, (one.filename, one.data, one.content_type)) for key, each in (files or {}).items() for one in each
        ]
        params = {key: str(value) for key, value in (query or {}).items() if value is not None}
        if parts:
            response = await self._http.request(
                method, path, params=params, data={"payload_json": json.dumps(body or {})}, files=parts
            )
        else:
            response = await self._http.request(method, path, params=params, json=None if body is None else dict(body))
        if response.is_error:
            raise Refused(response.status_code, _reason(response))
        return json.loads(response.content or b"null")

    # -- world --------------------------------------------------------------------------------------------------

    def person(self, user_id: str | None = None) -> Person:
        """A person by id; without one the person of the ready line."""
        return Person(self, user_id)

    async def new_person(
        self, name: str, *, permissions: Sequence[str] = (), avatar: Upload | None = None, in_guild: bool = True
    ) -> Person:
        """A new member (or just a user), with these permissions beyond @everyone's ("manage_guild")."""
        wanted: Json = {"name": name, "permissions": list(permissions), "in_guild": in_guild}
        body = await self.call("POST", "people", wanted, files={"avatar": [avatar]} if avatar else None)
        return Person(self, body["id"])

    async def set_avatar(self, user_id: str, avatar: Upload) -> None:
        await self.call("PATCH", f"people/{user_id}", {}, files={"avatar": [avatar]})

    async def new_emoji(self, name: str, picture: Upload) -> Emoji:
        """A custom emoji of the guild; a GIF makes it an animated one."""
        body = await self.call("POST", "emojis", {"name": name}, files={"picture": [picture]})
        mention = f"<{'a' if body['animated'] else ''}:{name}:{body['id']}>"
        return Emoji(id=body["id"], name=name, mention=mention)

    async def new_sticker(self, name: str, file: Upload, *, kind: StickerKind = "png") -> Json:
        """A sticker, for `sticker_items` of a message."""
        return cast("Json", await self.call("POST", "stickers", {"name": name, "kind": kind}, files={"file": [file]}))

    async def external_image(self, url: str, picture: Upload) -> Json:
        """Another site's picture behind Discord's proxy, for an embed: `{"image": …}`."""
        return cast("Json", await self.call("POST", "external", {"url": url}, files={"picture": [picture]}))

    async def world(self) -> Json:
        return cast("Json", await self.call("GET", "world"))

    async def commands(self) -> list[Json]:
        return cast("list[Json]", await self.call("GET", "commands"))

    async def wait_for_bot(self, *, command: str | None = None, seconds: float = 20.0) -> Json:
        """Until the bot is connected (and the root command registered); raises Refused 408."""
        return cast("Json", await self.call("GET", "ready", query={"command": command, "seconds": seconds}))

    async def set_options(self, **options: float | bool) -> Json:
        """Change any of `sandbox.discord.options.Options` while it runs."""
        return cast("Json", await self.call("PATCH", "options", options))

    async def set_upload_limit(self, byte_count: int | None) -> None:
        """The guild's limit per file; None is its tier's."""
        await self.call("PATCH", "guild", {"upload_limit_bytes": byte_count})

    async def set_premium_tier(self, tier: int) -> None:
        await self.call("PATCH", "guild", {"premium_tier": tier})

    async def set_bot_permissions(
        self, permissions: Sequence[str] | None = None, *, everyone: Sequence[str] | None = None
    ) -> list[str]:
        """The bot role's permissions, and @everyone's; returns what the bot then has in the guild."""
        wanted = {"permissions": permissions, "everyone": everyone}
        body = {key: list(value) for key, value in wanted.items() if value is not None}
        return cast("list[str]", (await self.call("PATCH", "bot", body))["permissions"])

    # -- channels and messages ----------------------------------------------------------------------------------

    async def channels(self) -> list[Channel]:
        return [Channel.parse(one) for one in await self.call("GET", "channels")]

    async def new_channel(self, name: str, *, kind: str = "text", private: bool = False) -> Channel:
        """`kind` text, forum or media; `private` is seen by the bot alone."""
        return Channel.parse(await self.call("POST", "channels", {"name": name, "type": kind, "private": private}))

    async def set_channel(
        self, channel_id: str, *, archived: bool | None = None, locked: bool | None = None, name: str | None = None
    ) -> Channel:
        """Archive, lock or rename, as a moderator would."""
        wanted = {"archived": archived, "locked": locked, "name": name}
        body = {key: value for key, value in wanted.items() if value is not None}
        return Channel.parse(await self.call("PATCH", f"channels/{channel_id}", body))

    async def delete_channel(self, channel_id: str) -> None:
        await self.call("DELETE", f"channels/{channel_id}")

    async def set_overwrite(
        self, channel_id: str, target: str = "bot", *, allow: Sequence[str] = (), deny: Sequence[str] = ()
    ) -> list[str]:
        """A channel overwrite for `bot`, `everyone` or an id; returns the bot's permissions there."""
        body = {"allow": list(allow), "deny": list(deny)}
        answer = await self.call("PUT", f"channels/{channel_id}/overwrites/{target}", body)
        return cast("list[str]", answer["bot_permissions"])

    async def threads(self, channel_id: str) -> list[Channel]:
        return [Channel.parse(one) for one in await self.call("GET", f"channels/{channel_id}/threads")]

    async def messages(self, channel_id: str, *, threads: bool = False, ephemeral: bool = False) -> list[Message]:
        """Oldest first; with the channel's threads, and ephemeral ones, if asked for."""
        query = {"threads": int(threads), "ephemeral": int(ephemeral)}
        return [Message.parse(one) for one in await self.call("GET", f"channels/{channel_id}/messages", query=query)]

    async def message(self, channel_id: str, message_id: str) -> Message:
        return Message.parse(await self.call("GET", f"channels/{channel_id}/messages/{message_id}"))

    async def delete_message(self, channel_id: str, message_id: str) -> None:
        await self.call("DELETE", f"channels/{channel_id}/messages/{message_id}")

    async def wait_for_message(
        self,
        channel_id: str,
        *,
        contains: str = "",
        files: int = 0,
        after: str | None = None,
        message_id: str | None = None,
        by: Literal["any", "bot", "person"] = "bot",
        threads: bool = False,
        ephemeral: bool = False,
        seconds: float = 10.0,
    ) -> Message:
        """The newest message that fits, as soon as there is one (edits count); raises Refused 408."""
        query: Json = {
            "channel_id": channel_id,
            "contains": contains,
            "files": files,
            "after": after,
            "message_id": message_id,
            "by": by,
            "threads": int(threads),
            "ephemeral": int(ephemeral),
            "seconds": seconds,
        }
        return Message.parse(await self.call("GET", "wait/message", query=query))

    async def fetch(self, url: str) -> bytes:
        """The bytes behind a CDN link; raises Refused with the CDN's status."""
        response = await self._http.get(url)
        if response.is_error:
            raise Refused(response.status_code, response.text)
        return response.content

    # -- interactions -------------------------------------------------------------------------------------------

    async def outcome(
        self, interaction_id: str, *, until: Until = "acknowledged", edits: int = 0, seconds: float = 10.0
    ) -> Outcome:
        """The outcome once it is acknowledged, or done (not merely deferred), with `edits`; late: as it is.

        `told`: once the person can read what came of it, also after a deferred update (an edit, or a followup).
        """
        query: Json = {"until": until, "edits": edits, "seconds": seconds}
        return Outcome.parse(await self.call("GET", f"interactions/{interaction_id}", query=query))

    # -- faults, gateway, report --------------------------------------------------------------------------------

    async def fault(
        self,
        kind: str,
        *,
        method: str = "*",
        path_regex: str = ".*",
        times: int = 1,
        status: int = 500,
        code: int = 0,
        seconds: float = 1.0,
        is_global: bool = False,
    ) -> None:
        """`kind`: status, status_after_commit, drop, drop_after_commit, delay, delay_after_commit, 429."""
        body: Json = {"kind": kind, "method": method, "path_regex": path_regex, "times": times, "status": status}
        await self.call("POST", "faults", body | {"code": code, "seconds": seconds, "is_global": is_global})

    async def clear_faults(self) -> None:
        await self.call("DELETE", "faults")

    async def gateway(self, action: Literal["close", "drop", "reconnect", "invalidate"], *, code: int = 4000) -> None:
        await self.call("POST", "gateway", {"action": action, "code": code})

    async def sessions(self) -> Json:
        """`{"sessions": […], "identifies": n, "resumes": n}`."""
        return cast("Json", await self.call("GET", "gateway"))

    async def revoke_links(self) -> None:
        """Every CDN link handed out so far answers 404; fresh ones work."""
        await self.call("POST", "cdn", {"action": "revoke_links"})

    async def forget_ephemeral_uploads(self) -> None:
        await self.call("POST", "cdn", {"action": "forget_ephemeral"})

    async def add_asset(self, path: str, upload: Upload) -> str:
        """Unsigned bytes at `/cdn/{path}` (emoji, avatar, sticker); returns the URL."""
        return cast("str", (await self.call("POST", "assets", {"path": path}, files={"file": [upload]}))["url"])

    async def set_automod_rules(self, rules: Sequence[Json]) -> None:
        await self.call("PUT", "automod", {"rules": list(rules)})

    async def report(self) -> Json:
        """The whole report; its keys are in `sandbox.discord.journal.report`."""
        return cast("Json", await self.call("GET", "report"))

    async def clear_report(self) -> None:
        await self.call("DELETE", "report")


def _reason(response: httpx.Response) -> str:
    try:
        return str(response.json()["error"])
    except (ValueError, KeyError, TypeError):
        return response.text


class Person:
    """Somebody who types, clicks and uploads. Acting methods return at once; wait with `Sandbox.outcome`."""

    def __init__(self, sandbox: Sandbox, user_id: str | None) -> None:
        self._sandbox = sandbox
        self.id = user_id

    async def _act(self, path: str, body: Json, files: Mapping[str, Sequence[Upload]] | None = None) -> Any:  # noqa: ANN401  JSON
        who = {} if self.id is None else {"user_id": self.id}
        return await self._sandbox.call(
            "POST", path, who | {key: value for key, value in body.items() if value is not None}, files=files
        )

    async def say(
        self,
        content: str = "",
        *,
        channel_id: str | None = None,
        files: Sequence[Upload] = (),
        reply_to: str | None = None,
        forward_of: str | None = None,
        embeds: Sequence[Json] = (),
        sticker_items: Sequence[Json] = (),
    ) -> Message:
        """Post in a channel (the general one if not said)."""
        if channel_id is None:
            channel_id = str((await self._sandbox.world())["channel_id"])
        body: Json = {"content": content, "reply_to": reply_to, "forward_of": forward_of}
        body |= {"embeds": list(embeds), "sticker_items": list(sticker_items)}
        return Message.parse(await self._act(f"channels/{channel_id}/messages", body, {"files": files}))

    async def delete(self, message_id: str) -> None:
        """Delete a message of one's own, wherever it stands."""
        await self._act("messages/delete", {"message_id": message_id})

    async def dm(self) -> Channel:
        """The DM channel with the bot."""
        return Channel.parse(await self._act("dms", {}))

    async def start_thread(
        self,
        name: str,
        *,
        channel_id: str,
        message_id: str | None = None,
        content: str | None = None,
        files: Sequence[Upload] = (),
    ) -> Channel:
        """From a message, as a forum post (with content or files), or on its own."""
        body: Json = {"name": name, "message_id": message_id, "content": content}
        return Channel.parse(await self._act(f"channels/{channel_id}/threads", body, {"files": files}))

    async def run(
        self,
        name: str,
        options: Mapping[str, object] | None = None,
        *,
        channel_id: str | None = None,
        files: Mapping[str, Upload] | None = None,
    ) -> Outcome:
        """A slash command by qualified name; attachment options are in `files`."""
        body: Json = {"name": name, "options": dict(options or {}), "channel_id": channel_id}
        parts = {key: [one] for key, one in (files or {}).items()}
        return Outcome.parse(await self._act("interactions/command", body, parts))

    async def autocomplete(
        self, name: str, focused: str, options: Mapping[str, object], *, channel_id: str | None = None
    ) -> Outcome:
        """What is offered while typing the option `focused`."""
        body: Json = {"name": name, "focused": focused, "options": dict(options), "channel_id": channel_id}
        return Outcome.parse(await self._act("interactions/autocomplete", body))

    async def use_menu(self, name: str, message_id: str) -> Outcome:
        """A message's context menu command."""
        return Outcome.parse(await self._act("interactions/menu", {"name": name, "message_id": message_id}))

    async def use_user_menu(self, name: str, user_id: str, *, channel_id: str | None = None) -> Outcome:
        """A user's context menu command."""
        body: Json = {"name": name, "target_user_id": user_id, "channel_id": channel_id}
        return Outcome.parse(await self._act("interactions/menu", body))

    async def click(self, message_id: str, *, label: str | None = None, custom_id: str | None = None) -> Outcome:
        """A button of a message, ephemeral ones too."""
        body: Json = {"message_id": message_id, "label": label, "custom_id": custom_id}
        return Outcome.parse(await self._act("interactions/component", body))

    async def choose(
        self, message_id: str, values: Sequence[str], *, custom_id: str | None = None, placeholder: str | None = None
    ) -> Outcome:
        """Values (or labels) of a select."""
        body: Json = {"message_id": message_id, "label": placeholder, "custom_id": custom_id, "values": list(values)}
        return Outcome.parse(await self._act("interactions/component", body))

    async def submit(
        self,
        interaction_id: str,
        values: Mapping[str, object] | None = None,
        *,
        files: Mapping[str, Sequence[Upload]] | None = None,
    ) -> Outcome:
        """Submit the modal that answered an interaction; keys are custom ids or labels. Gives its own outcome."""
        body: Json = {"values": dict(values or {})}
        return Outcome.parse(await self._act(f"interactions/{interaction_id}/modal", body, files))
