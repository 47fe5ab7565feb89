"""Interactions: what a person does, what the bot answers, and until when.

Docs: interactions/receiving-and-responding.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from sandbox.discord import commands, components, errors, messages, modals, show
from sandbox.discord.cdn import Upload
from sandbox.discord.commands import Resolved
from sandbox.discord.errors import ApiError, ControlError
from sandbox.discord.events import Event
from sandbox.discord.messages import Desk, Draft
from sandbox.discord.permissions import Permission
from sandbox.discord.wire import Json, as_object, as_objects
from sandbox.discord.world import (
    CHAT_COMMAND_MESSAGE,
    CONTEXT_MENU_MESSAGE,
    DEFAULT_MESSAGE,
    EPHEMERAL,
    LOADING,
    REPLY,
    Channel,
    Message,
)

COMMAND, COMPONENT, AUTOCOMPLETE, MODAL_SUBMIT = 2, 3, 4, 5
ANSWER, DEFER, DEFER_UPDATE, UPDATE, CHOICES, MODAL = 4, 5, 6, 7, 8, 9


class State(StrEnum):
    """How far an interaction is. PENDING past the first-response deadline is FAILED: "did not respond"."""

    PENDING = "pending"
    DEFERRED = "deferred"
    DEFERRED_UPDATE = "deferred_update"
    ANSWERED = "answered"
    UPDATED = "updated"
    MODAL = "modal"
    CHOICES = "choices"
    FAILED = "failed"


@dataclass(slots=True, kw_only=True)
class Interaction:
    """One interaction and everything that was answered to it."""

    id: int
    token: str
    kind: int
    name: str
    user_id: int
    channel_id: int
    created_at: float
    data: Json
    limit_bytes: int
    command_kind: int = commands.CHAT
    source: Message | None = None
    acknowledged: State = State.PENDING
    acknowledged_at: float | None = None
    message: Message | None = None
    modal: Json | None = None
    choices: list[Json] = field(default_factory=list[Json])
    followups: list[Message] = field(default_factory=list[Message])
    delivered_to: int = 0
    modal_used: bool = False
    edits: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Acting:
    """Who acts, where."""

    user_id: int
    channel: Channel


class Interactions:
    """The open and past interactions of this world."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._world = desk.world
        self._by_id: dict[int, Interaction] = {}
        self._by_token: dict[str, Interaction] = {}

    # -- a person acts ------------------------------------------------------------------------------------------

    def command(
        self,
        acting: Acting,
        name: str,
        given: Mapping[str, object],
        files: Mapping[str, Sequence[Upload]],
        *,
        focused: str | None = None,
    ) -> Interaction:
        """A slash command by its qualified name; `focused` asks for autocomplete of that option instead."""
        resolved = Resolved(world=self._world, actor_id=acting.user_id, channel=acting.channel)
        data, command = commands.chat_data(self._world, name, given, files, resolved, focused=focused)
        self._check_rights(acting, command)
        return self._open(acting, COMMAND if focused is None else AUTOCOMPLETE, name, data)

    def menu(self, acting: Acting, name: str, target: Message | int) -> Interaction:
        """A context menu command on a message, or on a user given by id."""
        kind = commands.MESSAGE if isinstance(target, Message) else commands.USER
        command = commands.find(self._world, name, kind)
        self._check_rights(acting, command)
        resolved = Resolved(world=self._world, actor_id=acting.user_id, channel=acting.channel)
        if isinstance(target, Message):
            # Content is there even without the Message Content intent (docs: events/gateway, its exceptions).
            resolved.put("messages", target.id, show.message_in_menu(self._world, target))
        else:
            resolved.add_user(target)
        target_id = target.id if isinstance(target, Message) else target
        data: Json = {
            "id": command["id"],
            "name": name,
            "type": kind,
            "target_id": str(target_id),
            "resolved": resolved.data,
        }
        return self._open(acting, COMMAND, name, data, command_kind=kind)

    def component(
        self, acting: Acting, source: Message, *, custom_id: str | None, label: str | None, values: Sequence[str]
    ) -> Interaction:
        """A click on a button, or a choice of values in a select."""
        found = components.find(show.shown_components(self._world, source), custom_id=custom_id, label=label)
        if found is None:
            raise ControlError(f"message {source.id} has no button or select {custom_id or label!r}")
        if found.get("disabled"):
            raise ControlError(f"{custom_id or label!r} is disabled")
        if found.get("custom_id") is None:
            raise ControlError(f"{custom_id or label!r} is a link; it makes no interaction")
        if source.ephemeral_for not in {None, acting.user_id}:
            raise ControlError("that message is ephemeral and somebody else's")
        data: Json = {"custom_id": found["custom_id"], "component_type": found["type"], "id": found.get("id", 0)}
        if found["type"] in components.SELECTS:
            data |= self._selected(acting, found, values)
        return self._open(acting, COMPONENT, str(found["custom_id"]), data, source=source)

    def _selected(self, acting: Acting, found: Json, values: Sequence[str]) -> Json:
        low = 1 if found.get("min_values") is None else int(found["min_values"])
        high = int(found.get("max_values") or 1)
        if not low <= len(values) <= high:
            raise ControlError(f"the select takes {low} to {high} values")
        if found["type"] == components.STRING_SELECT:
            return {"values": [modals.option_value(found, value) for value in values]}
        resolved = Resolved(world=self._world, actor_id=acting.user_id, channel=acting.channel)
        for value in values:
            modals.resolve_any(resolved, int(found["type"]), int(value))
        return {"values": list(values), "resolved": resolved.data}

    def submit(
        self, opened: Interaction, values: Mapping[str, object], files: Mapping[str, Sequence[Upload]]
    ) -> Interaction:
        """Submit the modal that answered `opened`; keys are custom ids or label texts."""
        if opened.modal is None or opened.modal_used:
            raise ControlError(f"interaction {opened.id} has no open modal (state: {self.state(opened)})")
        acting = Acting(user_id=opened.user_id, channel=self._world.channel(opened.channel_id))
        resolved = Resolved(world=self._world, actor_id=acting.user_id, channel=acting.channel)
        form = modals.ModalForm(values=values, files=files, resolved=resolved)
        filled = form.fill(as_objects(opened.modal.get("components")))
        form.check_all_used()
        data: Json = {"custom_id": opened.modal["custom_id"], "components": filled}
        if resolved.data:
            data["resolved"] = resolved.data
        opened.modal_used = True
        return self._open(acting, MODAL_SUBMIT, str(opened.modal["custom_id"]), data, source=opened.source)

    def _check_rights(self, acting: Acting, command: Json) -> None:
        have = self._world.permissions(acting.user_id, acting.channel)
        if acting.channel.archived:
            raise ControlError("commands cannot be used in an archived thread")
        if acting.channel.guild_id is None:
            return
        if not have & Permission.VIEW_CHANNEL or not have & Permission.USE_APPLICATION_COMMANDS:
            raise ControlError("this person may not use commands here")
        needed = command.get("default_member_permissions")
        if needed is not None and (int(needed) == 0 or have & int(needed) != int(needed)):
            raise ControlError(f"this person does not see the command {command['name']!r} (default_member_permissions)")

    def _open(
        self,
        acting: Acting,
        kind: int,
        name: str,
        data: Json,
        *,
        source: Message | None = None,
        command_kind: int = commands.CHAT,
    ) -> Interaction:
        interaction_id = self._world.new_id()
        limit = max(self._world.upload_limit(acting.channel), self._world.options.upload_limit_bytes)
        one = Interaction(
            id=interaction_id,
            token=f"aW50ZXJhY3Rpb24{interaction_id}{self._world.cdn.opaque(interaction_id)}",
            kind=kind,
            name=name,
            user_id=acting.user_id,
            channel_id=acting.channel.id,
            created_at=self._world.clock(),
            data=data,
            limit_bytes=limit,
            command_kind=command_kind,
            source=source,
        )
        self._by_id[one.id] = self._by_token[one.token] = one
        one.delivered_to = self._desk.events.send(
            Event(name="INTERACTION_CREATE", data=self._payload(one), guild_id=acting.channel.guild_id)
        )
        return one

    def _payload(self, one: Interaction) -> Json:
        world, channel, user = self._world, self._world.channel(one.channel_id), self._world.users[one.user_id]
        in_guild = channel.guild_id is not None
        body: Json = {
            "id": str(one.id),
            "application_id": str(world.application.id),
            "type": one.kind,
            "data": one.data,
            "token": one.token,
            "version": 1,
            "channel_id": str(channel.id),
            "channel": show.channel_for(world, channel, one.user_id),
            "app_permissions": str(world.permissions(world.bot_id, channel)),
            "locale": user.locale,
            "entitlements": [],
            "entitlement_sku_ids": [],
            "authorizing_integration_owners": {"0": str(world.guild.id) if in_guild else "0"},
            "context": 0 if in_guild else 1,
            "attachment_size_limit": one.limit_bytes,
        }
        if in_guild:
            body |= {
                "guild_id": str(world.guild.id),
                "guild": {"id": str(world.guild.id), "locale": "en-US", "features": []},
                "guild_locale": "en-US",
                "member": show.member(user, permissions=world.permissions(user.id, channel)),
            }
        else:
            body["user"] = show.user(user)
        if one.source is not None:
            body["message"] = show.message(world, one.source)
        return body

    # -- the bot answers ----------------------------------------------------------------------------------------

    def respond(self, interaction_id: int, token: str, body: Json, uploads: Mapping[int, Upload]) -> Interaction:
        """The first response. Raises 10062 (unknown, or past the deadline), 40060 (again), 50035, 40005."""
        one = self._by_id.get(interaction_id)
        if one is None or one.token != token:
            raise errors.unknown_interaction()
        if one.acknowledged is not State.PENDING:
            raise errors.already_acknowledged()
        if self.state(one) is State.FAILED:
            raise errors.unknown_interaction()
        draft = Draft(body=as_object(body.get("data") or {}), uploads=uploads)
        messages.check_uploads(uploads, limit_bytes=one.limit_bytes)
        self._acknowledge(one, int(body.get("type") or 0), draft)
        one.acknowledged_at = self._world.clock()
        self._world.changed.fire()
        return one

    def _acknowledge(self, one: Interaction, kind: int, draft: Draft) -> None:
        from_component = one.source is not None
        match kind:
            case 4 | 5 if one.kind != AUTOCOMPLETE:
                one.message = self._reply(one, draft, loading=kind == DEFER)
                one.acknowledged = State.DEFERRED if kind == DEFER else State.ANSWERED
            case 6 if from_component:
                one.message, one.acknowledged = one.source, State.DEFERRED_UPDATE
            case 7 if from_component and one.source is not None:
                messages.edit(self._desk, one.source, draft, limit_bytes=one.limit_bytes)
                one.message, one.acknowledged = one.source, State.UPDATED
            case 8 if one.kind == AUTOCOMPLETE:
                one.choices, one.acknowledged = as_objects(draft.body.get("choices")), State.CHOICES
            case 9 if one.kind in {COMMAND, COMPONENT}:
                modals.check(draft.body)
                one.modal = draft.body | {"components": components.with_ids(as_objects(draft.body["components"]))}
                one.acknowledged = State.MODAL
            case _:
                raise ApiError.invalid_form("type", "BASE_TYPE_CHOICES", f"Type {kind} cannot answer this interaction")

    def _reply(self, one: Interaction, draft: Draft, *, loading: bool = False) -> Message:
        """A message by the application as an answer or followup; the bot's own channel permissions do not matter."""
        channel = self._world.channel(one.channel_id)
        if loading:
            message = Message(
                id=self._world.new_id(),
                channel_id=channel.id,
                author_id=self._world.bot_id,
                created_at=self._world.clock(),
                flags=LOADING,
            )
        else:
            message = messages.build(self._world, author_id=self._world.bot_id, channel=channel, draft=draft)
        if int(draft.body.get("flags") or 0) & EPHEMERAL:
            message.flags |= EPHEMERAL
            message.ephemeral_for = one.user_id
        message.interaction = self._metadata(one)
        message.kind = _reply_kind(one)
        messages.add(self._desk, message)
        return message

    def _metadata(self, one: Interaction) -> Json:
        owners = {"0": str(self._world.guild.id)}
        body: Json = {
            "id": str(one.id),
            "type": one.kind,
            "user": show.user(self._world.users[one.user_id]),
            "authorizing_integration_owners": owners,
        }
        if one.kind == COMMAND:
            body |= {"name": one.name, "command_type": one.command_kind}
        elif one.kind == COMPONENT and one.source is not None:
            body["interacted_message_id"] = str(one.source.id)
        elif one.kind == MODAL_SUBMIT:
            body["triggering_interaction_metadata"] = {
                "id": str(one.id),
                "type": COMMAND,
                "user": body["user"],
                "authorizing_integration_owners": owners,
                "name": one.name,
                "command_type": one.command_kind,
            }
        return body

    def callback_body(self, one: Interaction, kind: int) -> Json:
        """What `with_response=true` answers: `resource` for messages, not for a defer (Discord's OpenAPI)."""
        body: Json = {"interaction": {"id": str(one.id), "type": one.kind}}
        if one.message is not None:
            body["interaction"] |= {
                "response_message_id": str(one.message.id),
                "response_message_loading": bool(one.message.flags & LOADING),
                "response_message_ephemeral": one.message.ephemeral_for is not None,
            }
            if kind in {ANSWER, UPDATE}:
                body["resource"] = {"type": kind, "message": show.message(self._world, one.message)}
        return body

    def by_token(self, token: str) -> Interaction:
        """For webhook routes. Raises 10015 (unknown or not acknowledged), 401/50027 (past its life)."""
        one = self._by_token.get(token)
        if one is None:
            raise errors.unknown_webhook()
        if self._world.clock() - one.created_at >= self._world.options.interaction_life_seconds:
            raise errors.expired_token()
        if one.acknowledged in {State.PENDING, State.MODAL, State.CHOICES}:
            raise errors.unknown_webhook()
        return one

    def message_of(self, one: Interaction, which: str) -> Message:
        """`@original` or a followup by id. Raises 10008."""
        if which == "@original":
            found = one.message
        else:
            found = next((each for each in (one.message, *one.followups) if each and str(each.id) == which), None)
        if found is None or found.deleted:
            raise errors.unknown_message()
        return found

    def edit(self, one: Interaction, message: Message, draft: Draft) -> Message:
        """PATCH of @original or a followup; the first edit of a deferred answer is the answer."""
        was_loading = bool(message.flags & LOADING)
        message.flags &= ~LOADING
        try:
            messages.edit(self._desk, message, draft, limit_bytes=one.limit_bytes, mark_edited=not was_loading)
        except ApiError:
            message.flags |= LOADING if was_loading else 0
            raise
        if message is one.message and one.acknowledged in {State.DEFERRED, State.DEFERRED_UPDATE}:
            one.acknowledged = State.ANSWERED if one.acknowledged is State.DEFERRED else State.UPDATED
            message.fingerprint = messages.fingerprint(message)
        one.edits += 1
        self._world.changed.fire()
        return message

    def follow_up(self, one: Interaction, draft: Draft) -> Message:
        """A followup; straight after a defer it fills @original, whatever its ephemeral flag (deprecated, still so)."""
        messages.check_uploads(draft.uploads, limit_bytes=one.limit_bytes)
        if one.acknowledged is State.DEFERRED and one.message is not None and one.message.flags & LOADING:
            return self.edit(one, one.message, draft)
        message = self._reply(one, draft)
        message.kind = REPLY if one.message is not None else DEFAULT_MESSAGE
        one.followups.append(message)
        self._world.changed.fire()
        return message

    # -- looking ------------------------------------------------------------------------------------------------

    def get(self, interaction_id: int) -> Interaction:
        if interaction_id not in self._by_id:
            raise ControlError(f"no interaction has the id {interaction_id}")
        return self._by_id[interaction_id]

    def all(self) -> list[Interaction]:
        return list(self._by_id.values())

    def state(self, one: Interaction) -> State:
        late = self._world.clock() - one.created_at >= self._world.options.first_response_seconds
        return State.FAILED if one.acknowledged is State.PENDING and late else one.acknowledged

    def seconds_left(self, one: Interaction) -> float:
        """Until a pending interaction fails."""
        return max(0.0, one.created_at + self._world.options.first_response_seconds - self._world.clock())


def _reply_kind(one: Interaction) -> int:
    if one.kind == COMMAND:
        return CHAT_COMMAND_MESSAGE if one.command_kind == commands.CHAT else CONTEXT_MENU_MESSAGE
    return REPLY if one.source is not None else DEFAULT_MESSAGE
