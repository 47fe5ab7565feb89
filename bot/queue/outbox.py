"""The outbox: a message's row is written before the message."""

from sqlalchemy import insert, select, update

from bot.domain.requests import Post
from bot.queue.engine import Transaction
from bot.queue.rows import post_from
from bot.queue.tables import posts, requests


def intend_post(
    transaction: Transaction, request_id: str, slot: str, channel_id: int, now_ms: int
) -> tuple[Post, bool]:
    """The row of that slot as it was first intended, and whether it was there before. `KeyError`: no such request."""
    connection = transaction.connection
    same = select(posts).where(posts.c.request_id == request_id, posts.c.slot == slot)
    row = connection.execute(same).mappings().one_or_none()
    if row is not None:
        return post_from(row), True
    if connection.execute(select(requests.c.id).where(requests.c.id == request_id)).first() is None:
        raise KeyError(request_id)
    columns = {"request_id": request_id, "slot": slot, "channel_id": channel_id, "intended_at_ms": now_ms}
    connection.execute(insert(posts).values(columns))
    return post_from(columns), False


def record_post(
    transaction: Transaction, request_id: str, slot: str, *, message_id: int | None, shown: str | None
) -> None:
    """Stores both as given, `None` too (the message is gone). `KeyError` when the slot was never intended."""
    same = (posts.c.request_id == request_id) & (posts.c.slot == slot)
    known = update(posts).where(same).values(message_id=message_id, shown=shown)
    if transaction.connection.execute(known).rowcount == 0:
        raise KeyError((request_id, slot))
