"""May this person, here, now? The same rule is read at the first look and inside the accepting transaction.

Only the second look binds: between the two, others may have used what was left.
"""

from bot.domain.admission import GuildPolicy, Usage, waiting_refusal
from bot.domain.reasons import Reason, reason
from bot.domain.requests import Wish


def quota_refusal(policy: GuildPolicy, usage: Usage, asked_takes: int) -> Reason | None:
    """Why `asked_takes` more takes may not be accepted now, or `None`.

    Takes of today count, and requests that wait: queued ones and drafts. Codes, the first that holds: person-quota,
    guild-quota, too-many-waiting, too-many-own-drafts.
    """
    if usage.person_takes_today + asked_takes > policy.takes_per_person_per_day:
        return _quota("person-quota", usage.person_takes_today, policy.takes_per_person_per_day, asked_takes, usage)
    if usage.guild_takes_today + asked_takes > policy.takes_per_guild_per_day:
        return _quota("guild-quota", usage.guild_takes_today, policy.takes_per_guild_per_day, asked_takes, usage)
    return waiting_refusal(usage.person_waiting, usage.person_drafts, policy.max_waiting_requests_per_person)


def refusals(wish: Wish, policy: GuildPolicy, usage: Usage, *, max_takes: int) -> tuple[Reason, ...]:
    """Everything that can be refused before a byte is fetched; empty when nothing can.

    `max_takes` is the most takes one request may ask for. Codes: missing-permissions, parameter-not-offered (takes),
    and those of `quota_refusal`.
    """
    found = (_permissions(wish), _take_count(wish, max_takes), quota_refusal(policy, usage, wish.take_count))
    return tuple(refusal for refusal in found if refusal is not None)


def _quota(code: str, used: int, limit: int, asked: int, usage: Usage) -> Reason:
    return reason(code, used=used, limit=limit, asked=asked, resets_at=usage.day_ends_at_ms // 1000)


def _permissions(wish: Wish) -> Reason | None:
    if not wish.missing_permissions:
        return None
    return reason("missing-permissions", permissions=", ".join(wish.missing_permissions))


def _take_count(wish: Wish, max_takes: int) -> Reason | None:
    if 1 <= wish.take_count <= max_takes:
        return None
    choices = "1" if max_takes == 1 else f"1–{max_takes}"
    return reason("parameter-not-offered", name="takes", value=wish.take_count, choices=choices)
