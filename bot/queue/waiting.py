"""Who waits: the line of a guild, and how much one person has waiting in it."""

from sqlalchemy import Connection, and_, case, func, select

from bot.domain.lanes import Standing
from bot.domain.requests import Request
from bot.queue import standings
from bot.queue.snapshots import read_request, request_row
from bot.queue.tables import IS_PENDING, requests


def waiting_in_guild(connection: Connection, guild_id: int) -> tuple[str, ...]:
    """Ids of the queued requests of a guild, in the order of their turns, at most 25."""
    return tuple(request_id for request_id, _standing in standings.line(connection, guild_id))


def line(connection: Connection, guild_id: int) -> tuple[tuple[Request, Standing], ...]:
    """The same, each with all that is asked and where it stands."""
    found = (
        (request_row(connection, requests.c.id == each), where) for each, where in standings.line(connection, guild_id)
    )
    return tuple((read_request(connection, row), where) for row, where in found if row is not None)


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
