"""Quotas: what people and guilds were counted for, by the spans that it was counted in.

Counting and the look that decides on it belong into one transaction under `one_at_a_time`, asked for before anything
is read: then of any number at once exactly as many are accepted as a quota has left.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from sqlalchemy import ColumnElement, Connection, and_, bindparam, case, delete, func, literal, or_, select, update

from bot.domain.money import Asked
from bot.domain.policies import Span, Unit
from bot.domain.quotas import Counted, Usage, Windows
from bot.queue.blocks import block_of
from bot.queue.connecting import inserting
from bot.queue.engine import Transaction
from bot.queue.rows import Columns, counted_from, counted_text
from bot.queue.tables import WAS_ACCEPTED, lane_people, lanes, requests, usage_counts
from bot.queue.waiting import person_waiting

_EVERYBODY: Final = 0
"""In place of a person's id: all of the guild together."""
_KEY: Final = tuple(usage_counts.primary_key.columns)
_COUNTS: Final = tuple(unit.value for unit in Unit)
_KEPT_MS: Final = 63 * 86_400_000
"""Twice the longest month: a request is given back, if ever, long before."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asker:
    """Who asks, and where."""

    guild_id: int
    person_id: int


def count(transaction: Transaction, request_id: str, asker: Asker, asked: Asked, windows: Windows) -> None:
    """Counts a request for its person and guild in every span; it remembers in which, to be given back."""
    counted = Counted(
        takes=asked.takes,
        seconds=asked.seconds,
        starts_ms={span: window.starts_ms for span, window in windows.items()},
    )
    _add(transaction.connection, asker, counted)
    mine = requests.c.id == request_id
    transaction.connection.execute(update(requests).where(mine).values(counted=counted_text(counted)))


def give_back(transaction: Transaction, request_id: str) -> bool:
    """Takes back what was counted for the request, where it was counted; false when nothing is (any more)."""
    connection = transaction.connection
    columns = (requests.c.guild_id, requests.c.person_id, requests.c.counted)
    mine = requests.c.id == request_id
    row = connection.execute(select(*columns).where(mine).with_for_update()).mappings().one_or_none()
    if row is None or row["counted"] is None:
        return False
    counted = counted_from(row["counted"])
    who = {"guild": row["guild_id"], "person": row["person_id"], "takes_less": counted.takes}
    connection.execute(_GIVE_BACK, {**who, "seconds_less": counted.seconds, **_starts(counted.starts_ms)})
    connection.execute(update(requests).where(mine).values(counted=None))
    return True


def usage(connection: Connection, asker: Asker, windows: Windows, now_ms: int, *, besides: str = "") -> Usage:
    """What the person and the guild have used in those spans, have waiting and running; of money it says nothing.

    `besides`: a request that does not count among those that wait.
    """
    counts = _counts(connection, asker, windows)
    person_running, guild_running = _running(connection, asker)
    waiting, drafts = person_waiting(connection, asker.guild_id, asker.person_id, besides=besides)
    return Usage(
        person=_of(counts, asker.person_id),
        guild=_of(counts, _EVERYBODY),
        resets_at_ms={span: window.ends_ms for span, window in windows.items()},
        person_running=person_running,
        guild_running=guild_running,
        person_waiting=waiting,
        person_drafts=drafts,
        last_accepted_ms=_last_accepted_ms(connection, asker),
        block=block_of(connection, asker.guild_id, asker.person_id, now_ms),
        now_ms=now_ms,
    )


def carry_over(transaction: Transaction, guild_id: int, before: Windows, after: Windows) -> None:
    """For a guild whose time zone changes: what was used in its present spans is used in the new present spans too.

    Otherwise another time zone would be another day's worth of everything. Where both know something, the more counts.
    """
    for span, window in before.items():
        if window.starts_ms != after[span].starts_ms:
            _carry(transaction.connection, guild_id, span, window.starts_ms, after[span].starts_ms)


def forget_old(transaction: Transaction, now_ms: int) -> None:
    """Deletes the counts of spans that are long over."""
    transaction.connection.execute(delete(usage_counts).where(usage_counts.c.starts_ms < now_ms - _KEPT_MS))


def _add(connection: Connection, asker: Asker, counted: Counted) -> None:
    new = inserting(connection, usage_counts)
    more = {name: usage_counts.c[name] + new.excluded[name] for name in _COUNTS}
    rows = [{**key, **_amounts(counted)} for key in _keys(asker, counted.starts_ms)]
    connection.execute(new.on_conflict_do_update(index_elements=_KEY, set_=more), rows)


def _amounts(counted: Counted) -> dict[str, int]:
    return {Unit.REQUESTS.value: 1, Unit.TAKES.value: counted.takes, Unit.SECONDS.value: counted.seconds}


def _keys(asker: Asker, starts_ms: Mapping[Span, int]) -> Iterable[Columns]:
    for person_id in (_EVERYBODY, asker.person_id):
        for span, start_ms in starts_ms.items():
            yield {"guild_id": asker.guild_id, "person_id": person_id, "span": span.value, "starts_ms": start_ms}


def _starts(starts_ms: Mapping[Span, int]) -> dict[str, int]:
    return {f"{span.value}_starts": start_ms for span, start_ms in starts_ms.items()}


def _counts(connection: Connection, asker: Asker, windows: Windows) -> dict[tuple[int, Unit, Span], int]:
    starts = _starts({span: window.starts_ms for span, window in windows.items()})
    found = connection.execute(_USED, {**_who(asker), **starts}).mappings()
    return {(row["person_id"], unit, Span(row["span"])): row[unit.value] for row in found for unit in Unit}


def _of(counts: Mapping[tuple[int, Unit, Span], int], person_id: int) -> dict[tuple[Unit, Span], int]:
    return {(unit, span): counts.get((person_id, unit, span), 0) for unit in Unit for span in Span}


def _running(connection: Connection, asker: Asker) -> tuple[int, int]:
    person, guild = connection.execute(_RUNNING, _who(asker)).one()
    return int(person), int(guild)


def _last_accepted_ms(connection: Connection, asker: Asker) -> int | None:
    return connection.execute(_LAST_ACCEPTED, _who(asker)).scalar()


def _who(asker: Asker) -> dict[str, int]:
    return {"guild": asker.guild_id, "person": asker.person_id}


def _carry(connection: Connection, guild_id: int, span: Span, from_ms: int, to_ms: int) -> None:
    here = usage_counts.c
    old = select(here.guild_id, here.person_id, here.span, literal(to_ms), *(here[name] for name in _COUNTS)).where(
        here.guild_id == guild_id, here.span == span.value, here.starts_ms == from_ms
    )
    new = inserting(connection, usage_counts)
    names = [column.name for column in usage_counts.columns]
    more = {name: case((new.excluded[name] > here[name], new.excluded[name]), else_=here[name]) for name in _COUNTS}
    connection.execute(new.from_select(names, old).on_conflict_do_update(index_elements=_KEY, set_=more))


def _six_rows() -> ColumnElement[bool]:
    """Six whole keys: both databases look each of them up, and read nothing else."""
    here = usage_counts.c
    of_guild = here.guild_id == bindparam("guild")
    people = (here.person_id == _EVERYBODY, here.person_id == bindparam("person"))
    spans = [and_(here.span == span.value, here.starts_ms == bindparam(f"{span.value}_starts")) for span in Span]
    return or_(*(and_(of_guild, person, span) for person in people for span in spans))


def _less() -> Columns:
    here = usage_counts.c
    amounts = {"takes": here.takes - bindparam("takes_less"), "seconds": here.seconds - bindparam("seconds_less")}
    return {"requests": here.requests - 1, **amounts}


_IN_GUILD: Final = requests.c.guild_id == bindparam("guild")
_OF_PERSON: Final = requests.c.person_id == bindparam("person")
_USED: Final = select(usage_counts).where(_six_rows())
_GIVE_BACK: Final = update(usage_counts).where(_six_rows()).values(_less())
_PERSON_RUNNING: Final = select(lane_people.c.running).where(
    lane_people.c.guild_id == bindparam("guild"), lane_people.c.person_id == bindparam("person")
)
_GUILD_RUNNING: Final = select(lanes.c.running).where(lanes.c.guild_id == bindparam("guild"))
_RUNNING: Final = select(
    func.coalesce(_PERSON_RUNNING.scalar_subquery(), 0), func.coalesce(_GUILD_RUNNING.scalar_subquery(), 0)
)
"""What the lanes' limits count: not what only a review can move, nor what is delivered again."""
_LAST_ACCEPTED: Final = (
    select(requests.c.accepted_at_ms)
    .where(WAS_ACCEPTED, _IN_GUILD, _OF_PERSON)
    .order_by(requests.c.accepted_at_ms.desc())
    .limit(1)
)
