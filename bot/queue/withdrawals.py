"""Messages whose files were taken back: no file of theirs goes anywhere again."""

from collections.abc import Collection, Sequence

from sqlalchemy import Connection, insert, select

from bot.domain.consent import concerned
from bot.domain.reasons import Reason, reason
from bot.domain.references import Reference, display_name
from bot.queue.engine import Transaction
from bot.queue.tables import withdrawals


def withdrawn(connection: Connection, messages: Collection[int]) -> frozenset[int]:
    """Those of the messages whose files were taken back."""
    asked = select(withdrawals.c.message_id).where(withdrawals.c.message_id.in_(messages))
    return frozenset(connection.execute(asked).scalars())


def taken_back(connection: Connection, references: Sequence[Reference]) -> tuple[Reference, ...]:
    """Those of the references of which every origin was taken back."""
    _owners, messages = concerned(references)
    gone = withdrawn(connection, messages)
    return tuple(each for each in references if all(not gone.isdisjoint(origin.messages) for origin in each.origins))


def refusals(connection: Connection, references: Sequence[Reference]) -> tuple[Reason, ...]:
    """A reason for each reference that was taken back."""
    gone = taken_back(connection, references)
    return tuple(reason("files-withdrawn", name=display_name(each.name)) for each in gone)


def store(transaction: Transaction, message_id: int, owner_id: int, now_ms: int) -> None:
    """Keeps the withdrawal, once and for good."""
    connection = transaction.connection
    if not withdrawn(connection, {message_id}):
        connection.execute(insert(withdrawals).values(message_id=message_id, owner_id=owner_id, at_ms=now_ms))
