"""Quotas: what was used today, and draft → queued in the transaction that counts it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Final

from sqlalchemy import ColumnElement, Connection, and_, case, exists, func, insert, or_, select

from bot.domain.admission import GuildPolicy, Usage
from bot.domain.identity import take_id
from bot.domain.prompts import Finding, Prompt
from bot.domain.reasons import Reason
from bot.domain.references import Reference
from bot.domain.requests import Request, Snapshot, Take
from bot.domain.states import IllegalMove, RequestState, TakeState, check_request_move
from bot.queue import consents
from bot.queue.days import utc_day
from bot.queue.engine import Transaction, one_at_a_time
from bot.queue.moves import current_request, store_request
from bot.queue.rows import take_columns
from bot.queue.snapshots import request_row, snapshot_of
from bot.queue.tables import requests, takes
from bot.queue.waiting import person_waiting

QuotaRule = Callable[[GuildPolicy, Usage, int], Reason | None]
"""Answers why that many more takes may not be accepted now, or `None`. Pure; called inside the transaction."""

_ENDED_WITHOUT_CLIP: Final = ("cancelled", "failed", "denied", "expired")
_MAY_HAVE_COST: Final = ("submitting", "needs_review")


@dataclass(frozen=True, slots=True, kw_only=True)
class Acceptance:
    """What a draft is accepted with. `references`: instead of the draft's own."""

    prompt: Prompt
    findings: Sequence[Finding]
    model_id: str
    policy: GuildPolicy
    now_ms: int
    references: tuple[Reference, ...] | None = None


def accept(transaction: Transaction, request: Request, acceptance: Acceptance, quota_rule: QuotaRule) -> Snapshot:
    """Draft → queued with its planned takes.

    `Refused` with every reason: references that may not be used now, and the rule's no to today's usage.
    """
    connection = transaction.connection
    one_at_a_time(connection)
    current = current_request(connection, request)
    if current.state is RequestState.QUEUED:
        raise IllegalMove("request: accepted twice")
    check_request_move(current.state, RequestState.QUEUED)
    queued = _queued(current, acceptance)
    consents.refuse([*_barred(connection, queued), *_over_quota(connection, current, acceptance, quota_rule)])
    _queue(transaction, current, queued)
    row = request_row(connection, requests.c.id == current.id)
    assert row is not None  # noqa: S101  it was updated in this very transaction
    return snapshot_of(connection, row)


def usage(connection: Connection, guild_id: int, person_id: int, now_ms: int, *, besides: str = "") -> Usage:
    """What counts against the quotas of the UTC day of `now_ms`, and what waits (drafts too, but for `besides`)."""
    start_ms, end_ms = utc_day(now_ms)
    mine = case((requests.c.person_id == person_id, requests.c.take_count), else_=0)
    counted = select(func.coalesce(func.sum(requests.c.take_count), 0), func.coalesce(func.sum(mine), 0)).where(
        requests.c.guild_id == guild_id,
        requests.c.accepted_at_ms >= start_ms,
        requests.c.accepted_at_ms < end_ms,
        ~_given_back(),
    )
    by_guild, by_person = connection.execute(counted).one()
    waiting, drafts = person_waiting(connection, guild_id, person_id, besides=besides)
    return Usage(
        person_takes_today=int(by_person),
        guild_takes_today=int(by_guild),
        person_waiting=waiting,
        person_drafts=drafts,
        day_ends_at_ms=end_ms,
    )


def _barred(connection: Connection, request: Request) -> tuple[Reason, ...]:
    who = {"guild_id": request.place.guild_id, "person_id": request.person.id}
    return consents.refusals(connection, request.references, **who)


def _over_quota(
    connection: Connection, draft: Request, acceptance: Acceptance, quota_rule: QuotaRule
) -> tuple[Reason, ...]:
    used = usage(connection, draft.place.guild_id, draft.person.id, acceptance.now_ms, besides=draft.id)
    refusal = quota_rule(acceptance.policy, used, draft.take_count)
    return () if refusal is None else (refusal,)


def _queued(draft: Request, acceptance: Acceptance) -> Request:
    return replace(
        draft,
        state=RequestState.QUEUED,
        prompt=acceptance.prompt,
        findings=tuple(acceptance.findings),
        model_id=acceptance.model_id,
        accepted_at_ms=acceptance.now_ms,
        references=draft.references if acceptance.references is None else acceptance.references,
    )


def _queue(transaction: Transaction, draft: Request, queued: Request) -> None:
    last = transaction.connection.execute(select(func.max(requests.c.accepted_seq))).scalar_one() or 0
    store_request(transaction, draft, queued, accepted_seq=last + 1)
    transaction.connection.execute(insert(takes), [take_columns(each) for each in _planned(draft)])


def _planned(request: Request) -> list[Take]:
    return [
        Take(
            id=take_id(request.id, ordinal),
            request_id=request.id,
            ordinal=ordinal,
            version=1,
            state=TakeState.PLANNED,
        )
        for ordinal in range(1, request.take_count + 1)
    ]


def _given_back() -> ColumnElement[bool]:
    """Ended without a clip, and nothing of it ever was, or may have been, at the vendor."""
    may_have_cost = exists().where(
        takes.c.request_id == requests.c.id,
        or_(takes.c.generation_id.is_not(None), takes.c.state.in_(_MAY_HAVE_COST), takes.c.cost_usd_micros > 0),
    )
    return and_(requests.c.state.in_(_ENDED_WITHOUT_CLIP), ~may_have_cost)
