"""A guild's policy changes: what follows for its lane and its quotas, in the same transaction."""

from dataclasses import replace

from sqlalchemy import Connection, or_, select

from bot.domain.policies import Policy, weight_of
from bot.queue import policies, quotas
from bot.queue.engine import Transaction, one_at_a_time
from bot.queue.lane_limits import limits_from, own_running, set_limits
from bot.queue.lane_rows import person_from, save, seat_in_lane
from bot.queue.policies import PolicyChange, policy_of
from bot.queue.rows import roles_from
from bot.queue.tables import WAS_ACCEPTED, lane_people, lanes, requests
from bot.queue.terms import Terms, windows_of
from bot.queue.turns import LanePerson, with_person


def change_policy(
    transaction: Transaction, guild_id: int, change: PolicyChange, terms: Terms, *, by: int, now_ms: int
) -> Policy:
    """Stores what `change` makes of the policy. Limits hold from the next pick on; what was used is not forgotten.

    Also of those whose limits or weight their roles say, as they had them when they last asked.
    """
    one_at_a_time(transaction.connection)
    before = policy_of(transaction.connection, guild_id)
    after = policies.change_policy(transaction, guild_id, change, by, now_ms)
    was, holds = terms.holding(before), terms.holding(after)
    if was != holds:
        set_limits(transaction, guild_id, limits_from(holds))
        quotas.carry_over(transaction, guild_id, windows_of(terms, was, now_ms), windows_of(terms, holds, now_ms))
    if (was.roles, was.order.weights) != (holds.roles, holds.order.weights):
        _follow_roles(transaction.connection, guild_id, holds)
    return after


def apply_anew(transaction: Transaction, terms: Terms) -> None:
    """What the deployment's defaults and ceilings say now holds in every lane with something in it."""
    connection = transaction.connection
    one_at_a_time(connection)
    at_work = select(lanes.c.guild_id).where(or_(lanes.c.running > 0, lanes.c.eligible > 0))
    for guild_id in connection.execute(at_work.order_by(lanes.c.guild_id)).scalars().all():
        holds = terms.holding(policy_of(connection, guild_id))
        set_limits(transaction, guild_id, limits_from(holds))
        if holds.roles or holds.order.weights:
            _follow_roles(connection, guild_id, holds)


def _follow_roles(connection: Connection, guild_id: int, policy: Policy) -> None:
    for person in _people(connection, guild_id):
        roles = _roles(connection, person)
        before = seat_in_lane(connection, guild_id, person.person_id)
        told = replace(before.person, weight=weight_of(policy, roles), max_running=own_running(policy, roles))
        save(connection, before, with_person(before, told))


def _people(connection: Connection, guild_id: int) -> list[LanePerson]:
    """Who has something in the lane."""
    here = or_(lane_people.c.ready > 0, lane_people.c.running > 0)
    found = select(lane_people).where(lane_people.c.guild_id == guild_id, here).order_by(lane_people.c.person_id)
    return [person_from(row) for row in connection.execute(found).mappings()]


def _roles(connection: Connection, person: LanePerson) -> tuple[int, ...]:
    mine = (requests.c.guild_id == person.guild_id, requests.c.person_id == person.person_id)
    last = select(requests.c.roles).where(WAS_ACCEPTED, *mine).order_by(requests.c.accepted_seq.desc()).limit(1)
    return roles_from(connection.execute(last).scalar_one_or_none() or "[]")
