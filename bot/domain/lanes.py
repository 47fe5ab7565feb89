"""Lanes as people see them: whose turn it is, and why not mine. Values only."""

from dataclasses import dataclass

from bot.domain.reasons import Reason


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """What a request's place in its lane rests on.

    `cost`: takes × seconds (an automatic length counts as the model's most), what its person's turns are measured by.
    `weight`: its person's (a person of weight 2 gets two turns where others get one). `priority`: higher goes first,
    inside the guild only. `not_before_ms`: it is not picked earlier (0: at once).
    """

    cost: int
    weight: int = 1
    priority: int = 0
    not_before_ms: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Ahead:
    """How many requests of one other person come before this one."""

    person_id: int
    person_name: str
    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """Where a queued request stands in its lane: what a real play-out of the line would give, as far as is looked.

    `place` counts from 1; `None`: beyond what is looked at ("more than 25"). `ahead`: whose requests come before it.
    `why`: what holds it although it might be next (a limit of the person, the guild or the bot, a time not reached, a
    pause), or `None`.
    """

    place: int | None
    ahead: tuple[Ahead, ...] = ()
    own_before: int = 0
    why: Reason | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Forecast:
    """When a request is probably ready, as a range (Unix ms), from what this deployment measured lately."""

    earliest_ms: int
    latest_ms: int
