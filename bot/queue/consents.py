"""What people allow of theirs: choices, withdrawals, and the look at both before anything is accepted or paid."""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Sequence
from typing import Final

from sqlalchemy import ColumnElement, Connection, RowMapping, exists, insert, select, update

from bot.domain.consent import EVERYWHERE, Choice, Consents, avatar_allowed, concerned, files_allowed, stopping
from bot.domain.errors import Refused
from bot.domain.reasons import Reason
from bot.domain.references import Origin, Reference
from bot.queue import origins, withdrawals
from bot.queue.engine import Transaction, one_at_a_time
from bot.queue.snapshots import read_references
from bot.queue.tables import IS_OPEN, consents, request_origins, requests, takes

_PLANNED: Final = "planned"


def consents_of(
    connection: Connection, guild_id: int, *, owners: Collection[int], messages: Collection[int]
) -> Consents:
    """What holds in that guild for those people and messages: forbidding anywhere wins."""
    said = _said(connection, guild_id, owners)
    return Consents(
        files_forbidden=frozenset(owner for owner in owners if not files_allowed(said[owner])),
        avatar_allowed=frozenset(owner for owner in owners if avatar_allowed(said[owner])),
        withdrawn=withdrawals.withdrawn(connection, messages),
    )


def refusals(
    connection: Connection, references: Iterable[Reference], *, guild_id: int, person_id: int
) -> tuple[Reason, ...]:
    """Why a request of that person with those references may not go on there now; empty when it may."""
    looked_at = tuple(references)
    owners, messages = concerned(looked_at)
    if not owners and not messages:
        return ()
    held = consents_of(connection, guild_id, owners=owners, messages=messages)
    found = (stopping(each, person_id=person_id, consents=held) for each in looked_at)
    return tuple(why for why in found if why is not None)


def refuse(reasons: Collection[Reason]) -> None:
    """Raises `Refused` with all of them, the first as the headline; does nothing without any."""
    if reasons:
        raise Refused(*reasons)


def choice(connection: Connection, person_id: int, guild_id: int) -> Choice:
    """What that person said there; nothing said is an empty choice."""
    asked = select(consents.c.files, consents.c.avatar).where(_is_choice(person_id, guild_id))
    row = connection.execute(asked).mappings().one_or_none()
    return Choice() if row is None else Choice(files=row["files"], avatar=row["avatar"])


def choose(transaction: Transaction, person_id: int, guild_id: int, said: Choice, now_ms: int) -> tuple[str, ...]:
    """Stores what is said over what was; the requests not begun which may not use a file of that person's now."""
    connection = transaction.connection
    one_at_a_time(connection)
    _store_choice(connection, person_id, guild_id, said, now_ms)
    here = () if guild_id == EVERYWHERE else (requests.c.guild_id == guild_id,)
    found = _not_begun(connection, request_origins.c.owner_id == person_id, *here)
    return _stopped(connection, found, lambda origin: origin.owner_id == person_id)


def withdraw(transaction: Transaction, message_id: int, owner_id: int, now_ms: int) -> tuple[str, ...]:
    """Stores the withdrawal, once and for good; the requests not begun which it stops."""
    connection = transaction.connection
    one_at_a_time(connection)
    withdrawals.store(transaction, message_id, owner_id, now_ms)
    found = _not_begun(connection, origins.was_in(request_origins, message_id))
    return _stopped(connection, found, lambda origin: message_id in origin.messages)


def _said(connection: Connection, guild_id: int, people: Collection[int]) -> defaultdict[int, list[Choice]]:
    asked = select(consents).where(consents.c.person_id.in_(people), consents.c.guild_id.in_({guild_id, EVERYWHERE}))
    said = defaultdict[int, list[Choice]](list)
    for row in connection.execute(asked).mappings():
        said[row["person_id"]].append(Choice(files=row["files"], avatar=row["avatar"]))
    return said


def _is_choice(person_id: int, guild_id: int) -> ColumnElement[bool]:
    return (consents.c.person_id == person_id) & (consents.c.guild_id == guild_id)


def _store_choice(connection: Connection, person_id: int, guild_id: int, said: Choice, now_ms: int) -> None:
    new = {name: value for name, value in (("files", said.files), ("avatar", said.avatar)) if value is not None}
    known = update(consents).where(_is_choice(person_id, guild_id)).values(at_ms=now_ms, **new)
    if connection.execute(known).rowcount == 0:
        connection.execute(insert(consents).values(person_id=person_id, guild_id=guild_id, at_ms=now_ms, **new))


def _not_begun(connection: Connection, has: ColumnElement[bool], *which: ColumnElement[bool]) -> Sequence[RowMapping]:
    """The open requests, oldest first, that have such an origin and a take that was not begun: whose, and where."""
    planned = exists().where(takes.c.request_id == requests.c.id, takes.c.state == _PLANNED)
    theirs = requests.c.id.in_(select(request_origins.c.request_id).where(has))
    found = select(requests.c.id, requests.c.guild_id, requests.c.person_id).where(IS_OPEN, theirs, planned, *which)
    return connection.execute(found.order_by(requests.c.created_at_ms, requests.c.id)).mappings().all()


def _stopped(
    connection: Connection, found: Sequence[RowMapping], is_theirs: Callable[[Origin], bool]
) -> tuple[str, ...]:
    """Those of the requests that one of the references with such an origin stops now."""
    return tuple(each["id"] for each in found if _may_not_go_on(connection, each, is_theirs))


def _may_not_go_on(connection: Connection, request: RowMapping, is_theirs: Callable[[Origin], bool]) -> bool:
    kept = read_references(connection, request["id"])
    theirs = [each for each in kept if any(is_theirs(origin) for origin in each.origins)]
    return bool(refusals(connection, theirs, guild_id=request["guild_id"], person_id=request["person_id"]))
