"""Discord's markup becomes readable text: never an id, never a ping.

Formats: https://docs.discord.com/developers/reference#message-formatting
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from types import MappingProxyType

from bot.domain.references import display_name
from bot.prompting.sightings import ById, Literal

MARKUP = re.compile(
    r"<(?:@!?(?P<user>[0-9]{1,20})|@&(?P<role>[0-9]{1,20})|#(?P<channel>[0-9]{1,20})"
    r"|/(?P<command>[^<>:@\n]{1,110}):[0-9]{1,20}|a?:(?P<emoji>\w{1,32}):(?P<emoji_id>[0-9]{1,20})"
    r"|t:(?P<time>-?[0-9]{1,14})(?::(?P<style>[tTdDfFsSR]))?|id:(?P<page>[a-z-]{1,20})(?::[0-9]{1,20})?"
    r"|(?P<sound>sound:[0-9]{1,20}:[0-9]{1,20}))>"
)
_NOBODY: Mapping[int, str] = MappingProxyType({})
_TIME_FORMATS = {"t": "%H:%M UTC", "T": "%H:%M:%S UTC", "d": "%Y-%m-%d", "D": "%Y-%m-%d"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What ids in the text stand for: names to show, and the references collected from avatars and emoji."""

    people: Mapping[int, str] = field(default_factory=lambda: _NOBODY)
    roles: Mapping[int, str] = field(default_factory=lambda: _NOBODY)
    channels: Mapping[int, str] = field(default_factory=lambda: _NOBODY)
    avatars: Mapping[int, str] = field(default_factory=lambda: _NOBODY)
    emoji: Mapping[int, str] = field(default_factory=lambda: _NOBODY)


def readable(found: re.Match[str], around: Surroundings) -> ById | Literal:
    """What a piece of markup stands for."""
    if found["user"]:
        return _person(int(found["user"]), around)
    if found["emoji"]:
        picture = around.emoji.get(int(found["emoji_id"]))
        return ById(picture) if picture else Literal(f":{found['emoji']}:", f"<:{found['emoji']}:…>")
    return _place_or_time(found, around)


def _place_or_time(found: re.Match[str], around: Surroundings) -> Literal:
    if found["role"]:
        return Literal(_named(around.roles, found["role"], "a role"), "<@&…>")
    if found["channel"]:
        return Literal(_named(around.channels, found["channel"], "a channel"), "<#…>")
    if found["command"]:
        return Literal(f"/{found['command']}", f"</{found['command']}:…>")
    if found["time"]:
        return Literal(_moment(int(found["time"]), found["style"]), "<t:…>")
    if found["sound"]:
        return Literal("a sound", "<sound:…>")
    return Literal(found["page"], "<id:…>")


def _person(user_id: int, around: Surroundings) -> ById | Literal:
    avatar = around.avatars.get(user_id)
    return ById(avatar) if avatar else Literal(_named(around.people, str(user_id), "someone"), "<@…>")


def _named(names: Mapping[int, str], identity: str, otherwise: str) -> str:
    """A name as somebody else chose it: cleaned, so that it cannot ping."""
    name = names.get(int(identity), "").strip()
    return display_name(name) if display_name(f"-{name}") != "-" else otherwise


def _moment(seconds: int, style: str | None) -> str:
    """A time in words that need no reader's clock: UTC."""
    try:
        moment = datetime.fromtimestamp(seconds, UTC)
    except (ValueError, OverflowError, OSError):
        return "some time"
    return moment.strftime(_TIME_FORMATS.get(style or "f", "%Y-%m-%d %H:%M UTC"))
