"""Messages whose files were taken back: no file of theirs goes anywhere again."""

from collections.abc import Collection, Sequence

from sqlalchemy import Connection, insert, select

from bot.domain.reasons import Reason, reason
from bot.domain.references import Reference, display_name
from bot.queue.engine import Transaction
from bot.queue.tables import withdrawals


def withdrawn(connection: Connection, messages: Collection[int]) -> frozenset[int]:
    """Those of the messages whose files were taken back."""
    asked = select(withdrawals.c.message_id).where(withdrawals.c.message_id.in_(messages))
    return frozenset(connection.execute(asked).scalars())


def refusals(connection: Connection, references: Sequence[Reference]) -> tuple[Reason, ...]:
    """A reason for each reference that was taken back."""
    messages = {each.message_id for each in references if each.message_id is not None}
    gone = withdrawn(connection, messages)
    taken_back = (each for each in references if each.message_id in gone)
    return tuple(reason("files-withdrawn", name=display_name(each.name)) for each in taken_back)


def store(transaction: Transaction, message_id: int, owner_id: int, now_ms: int) -> None:
    """Keeps the withdrawal, once and for good."""
    connection = transaction.connection
    if not withdrawn(connection, {message_id}):
        connection.execute(insert(withdrawals).values(message_id=message_id, owner_id=owner_id, at_ms=now_ms))
