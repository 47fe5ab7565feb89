"""Draft → queued: looked at, counted, held and put into the line in the one transaction that binds."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from sqlalchemy import Connection, func, insert, select

from bot.domain.identity import take_id
from bot.domain.lanes import Turn
from bot.domain.money import Asked
from bot.domain.policies import Span, priority_of, weight_of
from bot.domain.prompts import Finding, Prompt
from bot.domain.reasons import Reason
from bot.domain.references import Reference
from bot.domain.requests import Request, Snapshot, Take
from bot.domain.states import IllegalMove, RequestState, TakeState, check_request_move
from bot.queue import consents, lanes, ledger, quotas
from bot.queue.engine import Transaction, one_at_a_time
from bot.queue.lane_limits import limits_from, own_running
from bot.queue.moves import current_request, store_request
from bot.queue.rows import take_columns
from bot.queue.snapshots import request_row, snapshot_of
from bot.queue.tables import requests, takes
from bot.queue.terms import Held, Terms, held_for, usage_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Acceptance:
    """What a draft is accepted with. `references`, `roles`: in the place of the draft's own; `None`: those."""

    prompt: Prompt
    findings: Sequence[Finding]
    model_id: str
    asked: Asked
    now_ms: int
    references: tuple[Reference, ...] | None = None
    roles: tuple[int, ...] | None = None


def accept(transaction: Transaction, request: Request, acceptance: Acceptance, terms: Terms) -> Snapshot:
    """Draft → queued with its planned takes, its turn in the line, its quotas counted and its money held.

    `Refused` with every reason: references that may not be used now, and whatever the rule says of what holds and was
    used at this moment.
    """
    connection = transaction.connection
    one_at_a_time(connection)
    current = current_request(connection, request)
    if current.state is RequestState.QUEUED:
        raise IllegalMove("request: accepted twice")
    check_request_move(current.state, RequestState.QUEUED)
    queued = _queued(current, acceptance)
    held = held_for(connection, terms, queued.place.guild_id, queued.person, acceptance.now_ms)
    consents.refuse([*_barred(connection, queued), *_ruled_out(connection, queued, acceptance, held, terms)])
    _queue(transaction, current, queued)
    quotas.count(transaction, queued.id, held.asker, acceptance.asked, held.windows)
    ledger.hold(transaction, queued, acceptance.asked, _budgets(held, acceptance.asked), acceptance.now_ms)
    _enter(transaction, queued, acceptance, held)
    row = request_row(connection, requests.c.id == current.id)
    assert row is not None  # noqa: S101  it was updated in this very transaction
    return snapshot_of(connection, row)


def turn_of(request: Request, seconds: int, held: Held) -> Turn:
    """What the request's place in the line rests on; `seconds`: of all its takes."""
    roles = request.person.roles
    return Turn(cost=max(1, seconds), weight=weight_of(held.policy, roles), priority=priority_of(held.policy, roles))


def _queued(draft: Request, acceptance: Acceptance) -> Request:
    references = draft.references if acceptance.references is None else acceptance.references
    roles = draft.person.roles if acceptance.roles is None else acceptance.roles
    return replace(
        draft,
        state=RequestState.QUEUED,
        person=replace(draft.person, roles=roles),
        prompt=acceptance.prompt,
        findings=tuple(acceptance.findings),
        references=references,
        model_id=acceptance.model_id,
        accepted_at_ms=acceptance.now_ms,
    )


def _barred(connection: Connection, queued: Request) -> tuple[Reason, ...]:
    who = {"guild_id": queued.place.guild_id, "person_id": queued.person.id}
    return consents.refusals(connection, queued.references, **who)


def _ruled_out(
    connection: Connection, queued: Request, acceptance: Acceptance, held: Held, terms: Terms
) -> tuple[Reason, ...]:
    used = usage_of(connection, held, acceptance.now_ms, besides=queued.id)
    place = queued.place
    return terms.rule(
        held.policy,
        held.limits,
        used,
        acceptance.asked,
        roles=queued.person.roles,
        channel_id=place.channel_id if place.parent_id is None else place.parent_id,
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


def _budgets(held: Held, asked: Asked) -> ledger.Windows:
    """What costs nothing needs nothing left, as the rule has it too."""
    limited = asked.cost_usd_micros != 0
    return ledger.Windows(
        month_ms=held.windows[Span.MONTH].starts_ms,
        day_ms=held.windows[Span.DAY].starts_ms,
        month_limit_usd_micros=held.policy.guild.budget_usd_micros if limited else None,
        day_limit_usd_micros=held.limits.budget_usd_micros if limited else None,
    )


def _enter(transaction: Transaction, queued: Request, acceptance: Acceptance, held: Held) -> None:
    lanes.enter(
        transaction,
        queued.id,
        guild_id=queued.place.guild_id,
        person_id=queued.person.id,
        turn=turn_of(queued, acceptance.asked.seconds, held),
        limits=limits_from(held.policy),
        person_running=own_running(held.policy, queued.person.roles),
        now_ms=acceptance.now_ms,
    )
