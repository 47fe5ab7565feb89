"""Who may not ask, in one guild or anywhere."""

from sqlalchemy import ColumnElement, Connection, delete, insert, or_, select, update

from bot.domain.policies import ANYWHERE, Block, Change, last_to_end
from bot.queue.engine import Transaction, one_at_a_time
from bot.queue.policies import record
from bot.queue.rows import block_columns, block_from
from bot.queue.tables import EXPIRES, blocks


def block_of(connection: Connection, guild_id: int, person_id: int, now_ms: int) -> Block | None:
    """The block that holds for the person there now: the guild's or the one for anywhere, whichever ends last."""
    there = (blocks.c.person_id == person_id) & blocks.c.guild_id.in_((guild_id, ANYWHERE))
    found = connection.execute(select(blocks).where(there, _holds(now_ms))).mappings()
    return last_to_end([block_from(row) for row in found])


def blocks_of(connection: Connection, guild_id: int, now_ms: int, limit: int) -> tuple[Block, ...]:
    """The blocks of exactly that guild (or those for `ANYWHERE`) that hold now, newest first."""
    holding = select(blocks).where(blocks.c.guild_id == guild_id, _holds(now_ms))
    newest = holding.order_by(blocks.c.at_ms.desc(), blocks.c.person_id).limit(limit)
    return tuple(block_from(row) for row in connection.execute(newest).mappings())


def block(transaction: Transaction, wanted: Block) -> None:
    """Blocks the person; one that there is already gives way to it. Recorded as its `by`'s change."""
    connection = transaction.connection
    one_at_a_time(connection)
    before = _there(connection, wanted.guild_id, wanted.person_id)
    if before is None:
        connection.execute(insert(blocks).values(block_columns(wanted)))
    else:
        connection.execute(update(blocks).where(_is(before)).values(block_columns(wanted)))
    was = before if before is not None and before.holds_at(wanted.at_ms) else None
    change = Change(guild_id=wanted.guild_id, by=wanted.by, at_ms=wanted.at_ms, before=was, after=wanted)
    record(connection, change)


def unblock(transaction: Transaction, guild_id: int, person_id: int, by: int, now_ms: int) -> bool:
    """Lifts the block of exactly that guild (or `ANYWHERE`); false when none holds."""
    connection = transaction.connection
    one_at_a_time(connection)
    before = _there(connection, guild_id, person_id)
    if before is None or not before.holds_at(now_ms):
        return False
    connection.execute(delete(blocks).where(_is(before)))
    record(connection, Change(guild_id=guild_id, by=by, at_ms=now_ms, before=before, after=None))
    return True


def forget_expired(transaction: Transaction, now_ms: int) -> None:
    """Deletes the blocks that are over; that they were there stays recorded."""
    transaction.connection.execute(delete(blocks).where(EXPIRES, blocks.c.expires_at_ms <= now_ms))


def _there(connection: Connection, guild_id: int, person_id: int) -> Block | None:
    mine = (blocks.c.guild_id == guild_id) & (blocks.c.person_id == person_id)
    row = connection.execute(select(blocks).where(mine)).mappings().one_or_none()
    return None if row is None else block_from(row)


def _is(known: Block) -> ColumnElement[bool]:
    return (blocks.c.guild_id == known.guild_id) & (blocks.c.person_id == known.person_id)


def _holds(now_ms: int) -> ColumnElement[bool]:
    return or_(blocks.c.expires_at_ms.is_(None), blocks.c.expires_at_ms > now_ms)
