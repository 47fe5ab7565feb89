"""What still wants work, and what is still owned."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Final

import structlog
from sqlalchemy import ColumnElement, Connection, RowMapping, Select, and_, exists, func, or_, select, union

from bot.domain.requests import Take
from bot.domain.states import RequestState, TakeState
from bot.queue import origins
from bot.queue.rows import take_from
from bot.queue.tables import (
    IS_OPEN,
    IS_PUBLISHED,
    IS_RENDERING,
    posts,
    request_origins,
    request_references,
    requests,
    takes,
    tray_origins,
    tray_references,
)

_log: structlog.stdlib.BoundLogger = structlog.get_logger("rushes.store")

_FINAL: Final = tuple(state.value for state in RequestState if state.final)
_AT_WORK: Final = ("submitting", "rendering", "fetching", "needs_review")
_AT_REST: Final = (TakeState.PLANNED.value, *(state.value for state in TakeState if state.final))
_AFTERTHOUGHT_MS: Final = 7 * 86_400_000
_SHOWN_WHEN_FINAL: Final = ("delivered", "kept", "failed", "cancelled")


def open_requests(connection: Connection) -> tuple[str, ...]:
    """Ids, oldest first, of the requests that are not final, or final with an afterthought.

    Afterthoughts (of accepted requests): a known card that does not show the final state; a failure that no recorded
    notice told, also of a draft whose person was to be called back; publications of takes that ended, or never began,
    not withdrawn yet. Only of
    requests that finished within a week before the newest time any request knows: after an outage of weeks the last
    ones are still tidied.
    """
    going = select(requests.c.id, requests.c.created_at_ms).where(IS_OPEN)
    found = union(going, _with_afterthoughts(connection)).subquery()
    return tuple(connection.execute(select(found.c.id).order_by(found.c.created_at_ms, found.c.id)).scalars())


def watched_takes(connection: Connection) -> tuple[Take, ...]:
    """The parked takes: rendering, with a generation id. One that cannot be read does not hide the others."""
    parked = select(takes).where(IS_RENDERING, takes.c.generation_id.is_not(None)).order_by(takes.c.id)
    return tuple(_readable(connection.execute(parked).mappings()))


def takes_of(connection: Connection, ids: Sequence[str]) -> tuple[Take, ...]:
    """The takes of these ids, by id. One that cannot be read does not hide the others."""
    named = select(takes).where(takes.c.id.in_(ids)).order_by(takes.c.id)
    return tuple(_readable(connection.execute(named).mappings()))


def claimed_generations(connection: Connection) -> frozenset[str]:
    """Every generation id that some take already owns."""
    return _every(connection, select(takes.c.generation_id).where(takes.c.generation_id.is_not(None)))


def contents_in_use(connection: Connection, since_ms: int) -> frozenset[str]:
    """Keys of the bytes of references and clips of requests that are open or ended since then, and of trays.

    And of what was made of them, by the same rules.

    A kept request's clips wait to be delivered for as long as that takes; its references are over like any other's.
    What ended before it was accepted needs its bytes no more: nothing can be made of it. Nor may anything be made of
    what was withdrawn; it is in use only while a take that was begun is not over. A tray that expired is no use.
    """
    ended_since = and_(requests.c.accepted_at_ms.is_not(None), requests.c.finished_at_ms >= since_ms)
    wanted = select(requests.c.id).where(or_(IS_OPEN, ended_since))
    undelivered = select(requests.c.id).where(or_(IS_OPEN, requests.c.state == "kept", ended_since))
    clips, shrunk_clips = (
        select(key).where(key.is_not(None), takes.c.request_id.in_(undelivered))
        for key in (takes.c.clip, takes.c.shrunk_clip)
    )
    at_work = select(takes.c.request_id).where(takes.c.state.in_(_AT_WORK))
    left = origins.one_is_left(request_references, request_origins, "request_id", "number")
    usable = or_(left, request_references.c.request_id.in_(at_work))
    references, made = (
        select(key).where(key.is_not(None), request_references.c.request_id.in_(wanted), usable)
        for key in (request_references.c.content, request_references.c.made_content)
    )
    put_aside = select(tray_references.c.content).where(
        tray_references.c.expires_at_ms > since_ms,
        origins.one_is_left(tray_references, tray_origins, "channel_id", "person_id", "number"),
    )
    every = (references, made, clips, shrunk_clips, put_aside)
    return frozenset[str]().union(*(_every(connection, keys) for keys in every))


def _readable(rows: Iterable[RowMapping]) -> Iterator[Take]:
    for row in rows:
        try:
            take = take_from(row)
        except (ValueError, TypeError):  # pydantic's and json's errors are ValueErrors
            _log.error("row unreadable", take=row["id"])
        else:
            yield take


def _every(connection: Connection, keys: Select[str | None] | Select[str]) -> frozenset[str]:
    return frozenset(key for key in connection.execute(keys.distinct()).scalars() if key is not None)


def _with_afterthoughts(connection: Connection) -> Select[str, int]:
    since_ms = _newest_ms(connection) - _AFTERTHOUGHT_MS
    is_accepted = requests.c.accepted_at_ms.is_not(None)
    told = or_(and_(is_accepted, _card_lags()), and_(_unannounced(), or_(is_accepted, _owes_a_call())))
    return select(requests.c.id, requests.c.created_at_ms).where(
        requests.c.finished_at_ms >= since_ms, requests.c.state.in_(_FINAL), or_(told, _still_published())
    )


def _newest_ms(connection: Connection) -> int:
    """Asked one by one: SQLite takes a maximum from an index only when it is asked for nothing else."""
    newest = (select(func.max(column)) for column in (requests.c.created_at_ms, requests.c.finished_at_ms))
    return max(connection.execute(each).scalar_one() or 0 for each in newest)


def _card_lags() -> ColumnElement[bool]:
    card = exists().where(
        posts.c.request_id == requests.c.id,
        posts.c.slot == "card",
        posts.c.message_id.is_not(None),
        posts.c.shown.is_distinct_from(requests.c.state),
    )
    return and_(requests.c.state.in_(_SHOWN_WHEN_FINAL), card)


def _unannounced() -> ColumnElement[bool]:
    notice = exists().where(
        posts.c.request_id == requests.c.id,
        posts.c.slot == "notice",
        or_(posts.c.message_id.is_not(None), posts.c.shown.is_not(None)),
    )
    return and_(requests.c.state == "failed", ~notice)


def _owes_a_call() -> ColumnElement[bool]:
    """Nobody answers the command any more: its person was to be called back, and was not."""
    return exists().where(
        posts.c.request_id == requests.c.id,
        posts.c.slot == "callback",
        posts.c.message_id.is_(None),
        posts.c.shown.is_(None),
    )


def _still_published() -> ColumnElement[bool]:
    published = select(takes.c.request_id).where(IS_PUBLISHED, takes.c.state.in_(_AT_REST))
    return requests.c.id.in_(published)
