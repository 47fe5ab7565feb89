"""May this person, here, now? The same rule is read at the first look and inside the accepting transaction.

Only the second look binds: between the two, others may have used what was left.
"""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from bot.domain import quotas
from bot.domain.admission import access_refusals, blocked, waiting_refusal
from bot.domain.money import Account, Asked
from bot.domain.policies import Limits, Policy, Quota, Span, Unit, limits_of
from bot.domain.reasons import Argument, Reason, reason
from bot.domain.requests import Wish
from bot.domain.words import dollars

_Counted = Mapping[tuple[Unit, Span], int]

_LEAST_USD_MICROS: Final = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class _Codes:
    """What is said of one of those whom quotas and budgets hold for."""

    quota_used: str
    quota_too_small: str
    quota_none: str
    budget_used: str
    budget_too_small: str
    budget_over: str


_PERSON: Final = _Codes(
    quota_used="person-quota-used",
    quota_too_small="person-quota-too-small",
    quota_none="person-quota-none",
    budget_used="person-budget-used",
    budget_too_small="person-budget-too-small",
    budget_over="person-budget-over",
)
_GUILD: Final = _Codes(
    quota_used="guild-quota-used",
    quota_too_small="guild-quota-too-small",
    quota_none="guild-quota-none",
    budget_used="guild-budget-used",
    budget_too_small="guild-budget-too-small",
    budget_over="guild-budget-over",
)


def refusals(wish: Wish, known: quotas.Quotas, asked: Asked, *, max_takes: int) -> tuple[Reason, ...]:
    """Everything that can be refused before a byte is fetched; empty when nothing can.

    `max_takes` is the most takes one request may ask for. Codes: missing-permissions, parameter-not-offered (takes),
    and those of `refusals_of`, which is asked as the accepting transaction will ask it.
    """
    roles, policy, place = wish.person.roles, known.policy, wish.place
    channel_id = place.channel_id if place.parent_id is None else place.parent_id
    allowed = refusals_of(policy, limits_of(policy, roles), known.usage, asked, roles=roles, channel_id=channel_id)
    found = (_permissions(wish), _take_count(wish, max_takes), *allowed)
    return tuple(refusal for refusal in found if refusal is not None)


def refusals_of(
    policy: Policy,
    limits: Limits,
    usage: quotas.Usage,
    asked: Asked,
    *,
    roles: Collection[int],
    channel_id: int,
) -> tuple[Reason, ...]:
    """Every reason why this person may not ask for this, here and now; empty when they may.

    `policy` is the one that holds, `limits` the person's of it, `channel_id` where it is asked (of a thread, the
    channel it is in). Who is blocked is told only that. Limits of what runs at once are no reason: they make wait.
    """
    if usage.block is not None and usage.block.holds_at(usage.now_ms):
        return (blocked(usage.block),)
    return (
        *access_refusals(policy.access, roles, channel_id),
        *_quotas(_PERSON, limits.quotas, usage.person, usage.resets_at_ms, asked),
        *_quotas(_GUILD, policy.guild.quotas, usage.guild, usage.resets_at_ms, asked),
        *_pace(limits, usage),
        *_money(policy, limits, usage, asked),
    )


def _quotas(
    codes: _Codes, limited: Collection[Quota], counted: _Counted, resets_at_ms: Mapping[Span, int], asked: Asked
) -> Iterator[Reason]:
    for quota in limited:
        used, more = counted.get((quota.unit, quota.span), 0), asked.of(quota.unit)
        if used + more > quota.limit:
            amounts: dict[str, Argument] = {"used": used, "limit": quota.limit, "asked": more}
            ends = _seconds(resets_at_ms[quota.span])
            kind = {"unit": quota.unit.value, "span": quota.span.value}
            yield Reason(_quota_code(codes, quota, more), {**amounts, **kind, "resets_at": ends})


def _quota_code(codes: _Codes, quota: Quota, asked: int) -> str:
    """Waiting for the span's end helps only where the quota is large enough."""
    if quota.limit <= 0:
        return codes.quota_none
    return codes.quota_too_small if asked > quota.limit else codes.quota_used


def _pace(limits: Limits, usage: quotas.Usage) -> Iterator[Reason]:
    if limits.waiting is not None and (
        refusal := waiting_refusal(usage.person_waiting, usage.person_drafts, limits.waiting)
    ):
        yield refusal
    if limits.cooldown_seconds is None or usage.last_accepted_ms is None:
        return
    over_ms = usage.last_accepted_ms + limits.cooldown_seconds * 1000
    if usage.last_accepted_ms <= usage.now_ms < over_ms:  # an acceptance to come is a clock put back since
        yield reason("cooldown", seconds=limits.cooldown_seconds, resets_at=_seconds(over_ms))


def _money(policy: Policy, limits: Limits, usage: quotas.Usage, asked: Asked) -> Iterator[Reason]:
    """An unknown price that may be taken still needs something left of every budget."""
    if asked.cost_usd_micros is None and not policy.unpriced:
        yield reason("price-unknown")
    day, month = usage.resets_at_ms[Span.DAY], usage.resets_at_ms[Span.MONTH]
    yield from _budget(_PERSON, limits.budget_usd_micros, usage.day, asked, day)
    yield from _budget(_GUILD, policy.guild.budget_usd_micros, usage.month, asked, month)


def _budget(codes: _Codes, limit: int | None, account: Account, asked: Asked, ends_ms: int) -> Iterator[Reason]:
    used = account.held_usd_micros + account.spent_usd_micros
    cost = _LEAST_USD_MICROS if asked.cost_usd_micros is None else asked.cost_usd_micros
    if limit is None or cost == 0 or used + cost <= limit:
        return
    amounts: dict[str, Argument] = {"used": dollars(used), "limit": dollars(limit), "resets_at": _seconds(ends_ms)}
    if asked.cost_usd_micros is not None:
        amounts["asked"] = dollars(asked.cost_usd_micros)
    yield Reason(_budget_code(codes, limit, used, asked.cost_usd_micros), amounts)


def _budget_code(codes: _Codes, limit: int, used: int, cost: int | None) -> str:
    if cost is not None and cost > limit:
        return codes.budget_too_small
    return codes.budget_over if cost is None or used >= limit else codes.budget_used


def _seconds(at_ms: int) -> int:
    """A moment as Discord's timestamps take it; rounded up, so that it is true when it is reached."""
    return -(-at_ms // 1000)


def _permissions(wish: Wish) -> Reason | None:
    if not wish.missing_permissions:
        return None
    return reason("missing-permissions", permissions=", ".join(wish.missing_permissions))


def _take_count(wish: Wish, max_takes: int) -> Reason | None:
    if 1 <= wish.take_count <= max_takes:
        return None
    choices = "1" if max_takes == 1 else f"1–{max_takes}"
    return reason("parameter-not-offered", name="takes", value=wish.take_count, choices=choices)
