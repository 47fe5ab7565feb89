"""Who waits: the line of a guild, and how much one person has waiting in it."""

from typing import Final

from sqlalchemy import Connection, and_, case, func, select

from bot.queue.tables import IS_PENDING, IS_WAITING, requests

_LINE_SHOWN: Final = 25


def waiting_in_guild(connection: Connection, guild_id: int) -> tuple[str, ...]:
    """Ids of the queued requests of a guild, in line order, at most 25."""
    line = select(requests.c.id).where(IS_WAITING, requests.c.guild_id == guild_id)
    return tuple(connection.execute(line.order_by(requests.c.accepted_seq).limit(_LINE_SHOWN)).scalars())


def person_waiting(connection: Connection, guild_id: int, person_id: int, *, besides: str = "") -> tuple[int, int]:
    """How many requests of that person wait there (queued, or not accepted yet), and how many are drafts that wait.

    `besides`: one that does not count.
    """
    waits = case((and_(requests.c.state == "draft", requests.c.expires_at_ms.is_not(None)), 1), else_=0)
    mine = select(func.count(), func.coalesce(func.sum(waits), 0)).where(
        IS_PENDING, requests.c.guild_id == guild_id, requests.c.person_id == person_id, requests.c.id != besides
    )
    waiting, drafts = connection.execute(mine).one()
    return int(waiting), int(drafts)
