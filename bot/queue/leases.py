"""Leases: who does what only one may do. And small facts kept across restarts."""

from sqlalchemy import Connection, insert, select, update

from bot.queue.engine import Transaction
from bot.queue.tables import facts, leases


def take_lease(transaction: Transaction, name: str, holder: str, *, ttl_ms: int, now_ms: int) -> bool:
    """True when `holder` has the lease until `now_ms + ttl_ms`: it was free, lapsed, or its own.

    It has lapsed from the very millisecond it lasts until.
    """
    connection = transaction.connection
    held = {"holder": holder, "expires_at_ms": now_ms + ttl_ms}
    free = (leases.c.holder == holder) | (leases.c.expires_at_ms <= now_ms)
    if connection.execute(update(leases).where(leases.c.name == name, free).values(held)).rowcount == 1:
        return True
    if connection.execute(select(leases.c.name).where(leases.c.name == name)).first() is not None:
        return False
    connection.execute(insert(leases).values(name=name, **held))
    return True


def recall(connection: Connection, key: str) -> str | None:
    """The fact's value, or `None`."""
    return connection.execute(select(facts.c.value).where(facts.c.key == key)).scalar_one_or_none()


def remember(transaction: Transaction, key: str, value: str) -> None:
    """Keeps a small fact."""
    known = update(facts).where(facts.c.key == key).values(value=value)
    if transaction.connection.execute(known).rowcount == 0:
        transaction.connection.execute(insert(facts).values(key=key, value=value))
