"""What is free is bounded by the day: counted before anything is fetched or drawn."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from sqlalchemy import ColumnElement, Connection, delete, insert, select, update

from bot.domain.drafts import Allowance
from bot.domain.errors import Refused
from bot.domain.reasons import Argument, Reason
from bot.domain.words import byte_size
from bot.queue.days import utc_day
from bot.queue.engine import Transaction, one_at_a_time
from bot.queue.tables import collected, requests

_KEPT_MS: Final = 2 * 86_400_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Fetching:
    """What is about to be fetched, for whom; `draft_id`: for a draft, for which it is counted once."""

    guild_id: int
    person_id: int
    files: int
    byte_count: int
    now_ms: int
    draft_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Limit:
    """The most of one column of `collected` in a day; the code that is said over it, and how the limit is said."""

    column: str
    most: int
    code: str
    said: Argument


@dataclass(frozen=True, slots=True, kw_only=True)
class _Account:
    """One of those who are counted for, and what they may have."""

    scope: str
    owner_id: int
    limits: tuple[_Limit, ...]


def reserve(transaction: Transaction, fetching: Fetching, allowance: Allowance) -> None:
    """Counts for the person (in all guilds together) and the guild; `Refused` with every limit it would pass.

    What asks for nothing passes no limit.
    """
    one_at_a_time(transaction.connection)
    if fetching.draft_id is not None and not _first_time(transaction.connection, fetching.draft_id):
        return
    asked = {"files": fetching.files, "byte_count": fetching.byte_count}
    _spend(transaction.connection, _fetchers(fetching, allowance), asked, fetching.now_ms)


def reserve_animatic(
    transaction: Transaction, guild_id: int, person_id: int, allowance: Allowance, *, now_ms: int
) -> None:
    """Counts one for the person (in all guilds together) and the guild; `Refused` with every limit it would pass."""
    one_at_a_time(transaction.connection)
    accounts = (
        _drawer("animatics of person", person_id, allowance.person_animatics, "free-person-animatics"),
        _drawer("animatics of guild", guild_id, allowance.guild_animatics, "free-guild-animatics"),
    )
    _spend(transaction.connection, accounts, {"files": 1, "byte_count": 0}, now_ms)


def forget_old(transaction: Transaction, now_ms: int) -> None:
    """Deletes what was counted on days that began two days ago or earlier."""
    transaction.connection.execute(delete(collected).where(collected.c.day_start_ms < now_ms - _KEPT_MS))


def _first_time(connection: Connection, draft_id: str) -> bool:
    """Marks the draft; a refusal takes the mark back with the transaction."""
    unmarked = (requests.c.id == draft_id) & ~requests.c.reserved
    return connection.execute(update(requests).where(unmarked).values(reserved=True)).rowcount > 0


def _fetchers(fetching: Fetching, allowance: Allowance) -> tuple[_Account, _Account]:
    return (
        _Account(
            scope="person",
            owner_id=fetching.person_id,
            limits=(
                _files(allowance.person_files, "free-person-files"),
                _bytes(allowance.person_bytes, "free-person-bytes"),
            ),
        ),
        _Account(
            scope="guild",
            owner_id=fetching.guild_id,
            limits=(
                _files(allowance.guild_files, "free-guild-files"),
                _bytes(allowance.guild_bytes, "free-guild-bytes"),
            ),
        ),
    )


def _drawer(scope: str, owner_id: int, most: int, code: str) -> _Account:
    """An account of animatics, which are counted as files of a scope of their own."""
    return _Account(scope=scope, owner_id=owner_id, limits=(_files(most, code),))


def _files(most: int, code: str) -> _Limit:
    return _Limit(column="files", most=most, code=code, said=most)


def _bytes(most: int, code: str) -> _Limit:
    return _Limit(column="byte_count", most=most, code=code, said=byte_size(most))


def _spend(connection: Connection, accounts: Sequence[_Account], asked: Mapping[str, int], now_ms: int) -> None:
    """Counts what is asked (by column of `collected`) in every account, or in none."""
    start_ms, end_ms = utc_day(now_ms)
    passed = [each for account in accounts for each in _passed(connection, account, asked, start_ms)]
    if passed:
        raise Refused(*(Reason(each.code, {"limit": each.said, "resets_at": end_ms // 1000}) for each in passed))
    for account in accounts:
        _count(connection, account, asked, start_ms)


def _passed(connection: Connection, account: _Account, asked: Mapping[str, int], start_ms: int) -> list[_Limit]:
    had = _had(connection, account, start_ms)
    return [each for each in account.limits if asked[each.column] and had[each.column] + asked[each.column] > each.most]


def _had(connection: Connection, account: _Account, start_ms: int) -> Mapping[str, int]:
    had = select(collected.c.files, collected.c.byte_count).where(_is_day(account, start_ms))
    files, byte_count = connection.execute(had).one_or_none() or (0, 0)
    return {"files": files, "byte_count": byte_count}


def _count(connection: Connection, account: _Account, asked: Mapping[str, int], start_ms: int) -> None:
    more = {name: collected.c[name] + count for name, count in asked.items()}
    if connection.execute(update(collected).where(_is_day(account, start_ms)).values(more)).rowcount == 0:
        first = {"scope": account.scope, "owner_id": account.owner_id, "day_start_ms": start_ms}
        connection.execute(insert(collected).values({**first, **asked}))


def _is_day(account: _Account, start_ms: int) -> ColumnElement[bool]:
    mine = (collected.c.scope == account.scope) & (collected.c.owner_id == account.owner_id)
    return mine & (collected.c.day_start_ms == start_ms)
