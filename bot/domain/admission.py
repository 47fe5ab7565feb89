"""Values of the question: may this person, here, now?"""

from dataclasses import dataclass

from bot.domain.reasons import Reason


@dataclass(frozen=True, slots=True, kw_only=True)
class GuildPolicy:
    """Limits that hold in one guild. Daily quotas count takes and reset at 00:00 UTC."""

    max_running_requests: int
    max_waiting_requests_per_person: int
    takes_per_person_per_day: int
    takes_per_guild_per_day: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """What was used today (UTC) and what waits now. Takes that were given back do not count.

    `person_drafts`: how many of those that wait are drafts that wait for the person.
    """

    person_takes_today: int
    guild_takes_today: int
    person_waiting: int
    day_ends_at_ms: int
    person_drafts: int = 0


def waiting_refusal(waiting: int, drafts: int, limit: int) -> Reason | None:
    """Why no more of a person may wait, or `None`: too-many-waiting, or too-many-own-drafts where a draft could go.

    `drafts`: how many of the `waiting` are drafts that wait for the person.
    """
    if waiting < limit:
        return None
    return Reason("too-many-own-drafts" if drafts else "too-many-waiting", {"count": waiting, "limit": limit})
