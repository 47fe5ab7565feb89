"""Values of the question: may this person, here, now?"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class GuildPolicy:
    """Limits that hold in one guild. Daily quotas count takes and reset at 00:00 UTC."""

    max_running_requests: int
    max_waiting_requests_per_person: int
    takes_per_person_per_day: int
    takes_per_guild_per_day: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """What was used today (UTC) and what waits now. Takes that were given back do not count."""

    person_takes_today: int
    guild_takes_today: int
    person_waiting: int
    day_ends_at_ms: int
