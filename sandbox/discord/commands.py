"""Application commands: registering them, and a person's words as options (docs: interactions/application-commands)."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import cast

from sandbox.discord import show
from sandbox.discord.cdn import Upload
from sandbox.discord.errors import ApiError, ControlError
from sandbox.discord.wire import Json, as_objects, as_strings
from sandbox.discord.world import Channel, World

CHAT, USER, MESSAGE = 1, 2, 3
SUB, GROUP, STRING, INTEGER, BOOLEAN = 1, 2, 3, 4, 5
USER_OPTION, CHANNEL_OPTION, ROLE_OPTION, MENTIONABLE, NUMBER, ATTACHMENT = 6, 7, 8, 9, 10, 11

_LIMITS = {CHAT: 100, USER: 15, MESSAGE: 15}
_NAME = re.compile(r"[-_'\w]{1,32}")


def put(world: World, guild_id: int | None, wanted: list[Json]) -> list[Json]:
    """Bulk overwrite; a command that keeps its name and type keeps its id. Raises 50035, 30032."""
    _check_set(wanted)
    before = {(one["name"], one["type"]): one for one in world.application.commands.get(guild_id, [])}
    world.application.commands[guild_id] = [_registered(world, guild_id, one, before) for one in wanted]
    world.changed.fire()
    return world.application.commands[guild_id]


def _check_set(wanted: list[Json]) -> None:
    keys = [(one.get("name"), one.get("type", CHAT)) for one in wanted]
    if len(keys) != len(set(keys)):
        raise ApiError.invalid_form(
            "name", "APPLICATION_COMMANDS_DUPLICATE_NAME", "Application command names must be unique"
        )
    for kind, limit in _LIMITS.items():
        if sum(1 for _, one in keys if one == kind) > limit:
            raise ApiError(400, 30032, f"Maximum number of application commands reached ({limit}).")
    for one in wanted:
        _check_one(one)


def _check_one(one: Json) -> None:
    name = str(one.get("name", ""))
    is_chat = one.get("type", CHAT) == CHAT
    if (is_chat and (not _NAME.fullmatch(name) or name != name.lower())) or not 1 <= len(name) <= 32:
        raise ApiError.invalid_form("name", "APPLICATION_COMMAND_INVALID_NAME", f"Command name is invalid: {name!r}")
    if is_chat and not 1 <= len(str(one.get("description", ""))) <= 100:
        raise ApiError.invalid_form("description", "BASE_TYPE_BAD_LENGTH", "Must be between 1 and 100 in length.")
    options = as_objects(one.get("options"))
    required = [bool(option.get("required")) for option in options]
    if len(options) > 25 or required != sorted(required, reverse=True):
        raise ApiError.invalid_form(
            "options", "APPLICATION_COMMAND_OPTIONS_REQUIRED_INVALID", "Required options come first"
        )
    for option in options:
        _check_one(option | {"type": CHAT})


def _registered(world: World, guild_id: int | None, wanted: Json, before: Mapping[tuple[str, int], Json]) -> Json:
    kind = int(wanted.get("type") or CHAT)
    earlier = before.get((str(wanted["name"]), kind))
    body: Json = {
        "name_localizations": None,
        "description_localizations": None,
        "description": "",
        "options": [],
        "default_member_permissions": None,
        "nsfw": False,
        "integration_types": [0],
        "contexts": None,
    }
    body |= {key: value for key, value in wanted.items() if key != "id" and value is not None}
    if body["default_member_permissions"] is not None:
        body["default_member_permissions"] = str(body["default_member_permissions"])
    body |= {
        "id": earlier["id"] if earlier else str(world.new_id()),
        "application_id": str(world.application.id),
        "version": str(world.new_id()),
        "type": kind,
    }
    if guild_id is None:
        body["dm_permission"] = True
    else:
        body["guild_id"] = str(guild_id)
    return body


def find(world: World, name: str, kind: int) -> Json:
    """The registered command with this name; the guild's own go before global ones."""
    sets = world.application.commands
    for one in [*sets.get(world.guild.id, []), *sets.get(None, [])]:
        if one["type"] == kind and one["name"] == name:
            return one
    known = sorted(one["name"] for commands in sets.values() for one in commands if one["type"] == kind)
    raise ControlError(f"no command {name!r} of type {kind} is registered; there are: {known}")


@dataclass(slots=True, kw_only=True)
class Resolved:
    """What ids in the options mean."""

    world: World
    actor_id: int
    channel: Channel
    data: dict[str, dict[str, Json]] = field(default_factory=dict[str, dict[str, Json]])

    def put(self, kind: str, key: int, value: Json) -> None:
        self.data.setdefault(kind, {})[str(key)] = value

    def add_upload(self, upload: Upload) -> str:
        """Store an ephemeral upload; returns its id."""
        file = self.world.cdn.keep(upload, channel_id=self.channel.id, ephemeral=True)
        self.put("attachments", file.id, show.attachment(self.world, file))
        return str(file.id)

    def add_user(self, user_id: int) -> None:
        user = self.world.users.get(user_id)
        if user is None:
            raise ControlError(f"no user has the id {user_id}")
        self.put("users", user_id, show.user(user))
        if user.in_guild:
            rights = self.world.permissions(user_id, self.channel)
            self.put("members", user_id, show.member(user, permissions=rights, with_user=False))

    def add_role(self, role_id: int) -> None:
        if role_id not in self.world.roles:
            raise ControlError(f"no role has the id {role_id}")
        self.put("roles", role_id, show.role(self.world.roles[role_id]))

    def add_channel(self, channel_id: int) -> None:
        if channel_id not in self.world.channels:
            raise ControlError(f"no channel has the id {channel_id}")
        channel = self.world.channels[channel_id]
        self.put("channels", channel_id, show.channel_for(self.world, channel, self.actor_id))


def chat_data(
    world: World,
    name: str,
    given: Mapping[str, object],
    files: Mapping[str, Sequence[Upload]],
    resolved: Resolved,
    *,
    focused: str | None = None,
) -> tuple[Json, Json]:
    """`data` of an interaction for a qualified name ("video make") and the command it belongs to.

    Raises ControlError for what Discord's own client would not let a person send: an unknown command or option, a
    required option left out, a choice that is not one, a value out of bounds. With `focused` (autocomplete) nothing
    is required.
    """
    root, *path = name.split()
    command = find(world, root, CHAT)
    level, wrap = command, list[Json]()
    for part in path:
        inner = [one for one in as_objects(level.get("options")) if one["name"] == part and one["type"] <= GROUP]
        level = inner[0] if inner else Json()
        if not level:
            raise ControlError(f"the command {root!r} has no subcommand {' '.join(path)!r}")
        wrap.append({"type": level["type"], "name": part})
    known = {str(one["name"]): one for one in as_objects(level.get("options"))}
    if any(one["type"] <= GROUP for one in known.values()):
        raise ControlError(f"{name!r} is a group; choose one of {sorted(known)}")
    if unknown := (set(given) | set(files)) - set(known):
        raise ControlError(f"{name!r} has no option {sorted(unknown)}; there are: {sorted(known)}")
    options = [
        option
        for key, spec in known.items()
        if (option := _option(key, spec, given, files, resolved, focused=focused)) is not None
    ]
    for outer in reversed(wrap):
        options = [outer | {"options": options}]
    data: Json = {"id": command["id"], "name": root, "type": CHAT, "options": options}
    if resolved.data:
        data["resolved"] = resolved.data
    if "guild_id" in command:
        data["guild_id"] = command["guild_id"]
    return data, command


def _option(
    key: str,
    spec: Json,
    given: Mapping[str, object],
    files: Mapping[str, Sequence[Upload]],
    resolved: Resolved,
    *,
    focused: str | None,
) -> Json | None:
    if given.get(key) is None and not files.get(key):
        if spec.get("required") and focused is None:
            raise ControlError(f"the option {key!r} is required")
        return None
    option: Json = {"name": key, "type": spec["type"]}
    if focused == key:
        return option | {"value": given[key], "focused": True}
    if spec["type"] == ATTACHMENT:
        if len(files.get(key, [])) != 1:
            raise ControlError(f"the option {key!r} takes exactly one file")
        return option | {"value": resolved.add_upload(files[key][0])}
    return option | {"value": _value(key, spec, given[key], resolved)}


def _value(key: str, spec: Json, value: object, resolved: Resolved) -> object:
    match int(spec["type"]):
        case 3:
            return _string(key, spec, value)
        case 4 | 10:
            return _number(key, spec, value)
        case 5:
            if not isinstance(value, bool):
                raise ControlError(f"the option {key!r} is true or false")
            return value
        case kind:
            return _resolved_id(key, kind, spec, value, resolved)


def _string(key: str, spec: Json, value: object) -> str:
    if not isinstance(value, str):
        raise ControlError(f"the option {key!r} is a string")
    if not int(spec.get("min_length") or 0) <= len(value) <= int(spec.get("max_length") or 6000):
        raise ControlError(f"the option {key!r} has a length out of bounds ({len(value)})")
    return cast("str", _choice(key, spec, value))


def _number(key: str, spec: Json, value: object) -> int | float:
    kinds = (int,) if spec["type"] == INTEGER else (int, float)
    if isinstance(value, bool) or not isinstance(value, kinds):
        raise ControlError(f"the option {key!r} is a number of type {spec['type']}")
    low, high = spec.get("min_value"), spec.get("max_value")
    if (low is not None and value < low) or (high is not None and value > high):
        raise ControlError(f"the option {key!r} must lie between {low} and {high}")
    return cast("int | float", _choice(key, spec, value))


def _choice(key: str, spec: Json, value: object) -> object:
    """A choice may be picked by its value or by the name a person sees."""
    choices = as_objects(spec.get("choices"))
    if not choices:
        return value
    for choice in choices:
        if value in (choice["value"], choice["name"]):
            return choice["value"]
    raise ControlError(f"the option {key!r} has no choice {value!r}; there are: {[one['name'] for one in choices]}")


def _resolved_id(key: str, kind: int, spec: Json, value: object, resolved: Resolved) -> str:
    number = int(str(value))
    if kind == CHANNEL_OPTION:
        resolved.add_channel(number)
        allowed = as_strings(spec.get("channel_types"))
        if allowed and str(resolved.world.channels[number].kind) not in allowed:
            raise ControlError(f"the option {key!r} takes channels of the types {allowed}")
    elif kind == ROLE_OPTION or (kind == MENTIONABLE and number in resolved.world.roles):
        resolved.add_role(number)
    else:
        resolved.add_user(number)
    return str(number)
