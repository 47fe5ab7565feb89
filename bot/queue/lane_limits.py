"""What holds in a lane, set while it runs: it applies at the next pick, and costs what runs, not what waits."""

from collections.abc import Collection
from dataclasses import replace
from typing import Final

from sqlalchemy import Connection, insert, select

from bot.domain.policies import Policy, limits_of
from bot.queue.engine import Transaction, one_at_a_time
from bot.queue.lane_rows import lane_columns, person_from, read_bot, read_lane, save, save_lane
from bot.queue.tables import HAS_RUNNING, lane_people, lanes
from bot.queue.turns import UNLIMITED, Lane, LaneLimits, LanePerson, Seat, with_person

_MINUTE_MS: Final = 60_000


def limits_from(policy: Policy) -> LaneLimits:
    """What a policy that holds says of its guild's lane. `ValueError` for a person's limit or a weight below 1."""
    return LaneLimits(
        weight=policy.weight,
        max_running=_stored(policy.guild.running),
        person_max_running=_stored(policy.person.running),
        first_come=bool(policy.order.first_come),
        ageing_ms=(policy.order.ageing_minutes or 0) * _MINUTE_MS,
    )


def own_running(policy: Policy, roles: Collection[int]) -> int | None:
    """How many of a person's may run by a role of theirs; `None` when no role says and everybody's limit holds."""
    if not any(role in policy.roles for role in roles):
        return None
    return _stored(limits_of(policy, roles).running)


def set_limits(work: Transaction, guild_id: int, limits: LaneLimits) -> None:
    """These hold in the guild's lane from the next pick on.

    Whether people are held changes only for those who have something running: they alone are looked at.
    """
    connection = work.connection
    one_at_a_time(connection)
    before = read_lane(connection, guild_id)
    if before is None:
        connection.execute(insert(lanes).values(lane_columns(Lane(guild_id=guild_id, limits=limits))))
    elif before.limits != limits:
        _replace(connection, before, replace(before, limits=limits))


def _replace(connection: Connection, before: Lane, lane: Lane) -> None:
    bot = read_bot(connection)
    save_lane(connection, before, lane)
    for person in _running(connection, lane.guild_id):
        seat = Seat(bot=bot, lane=lane, person=person)
        changed = with_person(seat, person)
        save(connection, seat, changed)
        lane = changed.lane


def _running(connection: Connection, guild_id: int) -> list[LanePerson]:
    found = select(lane_people).where(HAS_RUNNING, lane_people.c.guild_id == guild_id)
    ordered = found.order_by(lane_people.c.person_id)
    return [person_from(row) for row in connection.execute(ordered).mappings()]


def _stored(limit: int | None) -> int:
    return UNLIMITED if limit is None else limit
