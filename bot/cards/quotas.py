"""What a person and their server have used of what is theirs."""

from collections.abc import Collection, Iterator, Mapping
from typing import Final

from bot.cards import said
from bot.cards.blocks import moment
from bot.cards.sheet import Sheet
from bot.cards.titles import READY_COLOUR, REFUSED_COLOUR
from bot.domain.admission import blocked
from bot.domain.money import Account
from bot.domain.policies import Limits, Quota, Span, Unit, limits_of
from bot.domain.quotas import Quotas, Usage
from bot.domain.words import dollars

_ORDER: Final = {span: number for number, span in enumerate(Span)}
_SPENT_IN: Final = {Span.DAY: "spent today", Span.MONTH: "spent this month"}


def quotas(found: Quotas, *, roles: Collection[int]) -> Sheet:
    """What one person with these roles, and the guild, may do and have done: each with what is left and until when."""
    usage, limits = found.usage, limits_of(found.policy, roles)
    block = usage.block if usage.block is not None and usage.block.holds_at(usage.now_ms) else None
    person = [*_counted(limits, usage.person, usage), *_money(usage.day, Span.DAY, usage), *_pace(limits, usage)]
    guild = [
        *_counted(found.policy.guild, usage.guild, usage),
        *_money(usage.month, Span.MONTH, usage),
        f"under way: {_of(usage.guild_running, found.policy.guild.running)}",
    ]
    return Sheet(
        (
            "### What is left",
            said.sentence(blocked(block)) if block is not None else "",
            _titled("You, in this server", person),
            _titled("This server", guild),
            f"-# Days, weeks and months are those of {found.policy.time_zone or 'UTC'}.",
        ),
        colour=READY_COLOUR if block is None else REFUSED_COLOUR,
    )


def _titled(title: str, lines: Collection[str]) -> str:
    return "\n".join((f"**{title}**", *(f"- {line}" for line in lines)))


def _counted(limits: Limits, used: Mapping[tuple[Unit, Span], int], usage: Usage) -> Iterator[str]:
    for quota in sorted(limits.quotas, key=lambda one: (_ORDER[one.span], one.unit.value)):
        yield f"{_named(quota)}: {_of(used.get((quota.unit, quota.span), 0), quota.limit)}{_anew(quota.span, usage)}"


def _named(quota: Quota) -> str:
    return f"{quota.unit.value} a {quota.span.value}"


def _of(used: int, limit: int | None) -> str:
    return f"**{used}**" if limit is None else f"**{used} of {limit}**"


def _anew(span: Span, usage: Usage) -> str:
    return f" · anew {moment(usage.resets_at_ms[span])}" if span in usage.resets_at_ms else ""


def _money(account: Account, span: Span, usage: Usage) -> Iterator[str]:
    spent, held = dollars(account.spent_usd_micros), dollars(account.held_usd_micros)
    if account.limit_usd_micros is not None:
        left, limit = dollars(account.left_usd_micros or 0), dollars(account.limit_usd_micros)
        yield f"budget a {span.value}: **{left} left of {limit}**, {spent} spent, {held} held{_anew(span, usage)}"
    else:
        yield f"{_SPENT_IN[span]}: **{spent}**, {held} held"


def _pace(limits: Limits, usage: Usage) -> Iterator[str]:
    drafts = f" (drafts among them: {usage.person_drafts})" if usage.person_drafts else ""
    yield f"under way: {_of(usage.person_running, limits.running)}"
    yield f"waiting: {_of(usage.person_waiting, limits.waiting)}{drafts}"
    if limits.cooldown_seconds:
        yield f"pause between two requests: **{limits.cooldown_seconds} s**{_over(limits.cooldown_seconds, usage)}"


def _over(cooldown_seconds: int, usage: Usage) -> str:
    if usage.last_accepted_ms is None:
        return ""
    over_ms = usage.last_accepted_ms + cooldown_seconds * 1000
    return f" · the next {moment(over_ms + 999)}" if usage.now_ms < over_ms else ""
