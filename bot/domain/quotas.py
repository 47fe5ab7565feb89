"""What people and guilds have used, hold and have waiting: the values that quotas are decided on."""

from collections.abc import Mapping
from dataclasses import dataclass

from bot.domain.money import NOTHING_YET, Account
from bot.domain.policies import Block, Policy, Span, Unit


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """A half-open span of time, in Unix ms."""

    starts_ms: int
    ends_ms: int


Windows = Mapping[Span, Window]
"""The present spans of one time zone, every one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Counted:
    """What was counted for a request, and in which spans: by when they started, whatever the time zone is since."""

    takes: int
    seconds: int
    starts_ms: Mapping[Span, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """What one person and their guild have used, hold and have waiting now.

    `person`, `guild`: by (unit, span), in the present spans of the guild's time zone; what was given back does not
    count. `person_drafts`: how many of those that wait are drafts that wait for the person. `resets_at_ms`: when the
    present spans end. `month` is the guild's account, `day` the person's. `block`: the one that holds now.
    """

    person: Mapping[tuple[Unit, Span], int]
    guild: Mapping[tuple[Unit, Span], int]
    resets_at_ms: Mapping[Span, int]
    person_running: int = 0
    guild_running: int = 0
    person_waiting: int = 0
    person_drafts: int = 0
    last_accepted_ms: int | None = None
    month: Account = NOTHING_YET
    day: Account = NOTHING_YET
    block: Block | None = None
    now_ms: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Quotas:
    """What holds in a guild, and what one person there and the guild have used of it."""

    policy: Policy
    usage: Usage
