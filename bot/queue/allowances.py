"""What collecting may cost us in a day: counted before anything is fetched."""

from dataclasses import dataclass
from typing import Final

from sqlalchemy import ColumnElement, Connection, delete, insert, select, update

from bot.domain.drafts import Allowance
from bot.domain.errors import Refused
from bot.domain.reasons import Reason
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
class _Account:
    """One of those who are counted for, what they may have, and what is said when that is over."""

    scope: str
    owner_id: int
    max_files: int
    max_bytes: int
    over_files: str
    over_bytes: str


def reserve(transaction: Transaction, fetching: Fetching, allowance: Allowance) -> None:
    """Counts for the person (in all guilds together) and the guild; `Refused` with every limit it would pass.

    What asks for nothing passes no limit.
    """
    connection = transaction.connection
    one_at_a_time(connection)
    if fetching.draft_id is not None and not _first_time(connection, fetching.draft_id):
        return
    start_ms, end_ms = utc_day(fetching.now_ms)
    accounts = _accounts(fetching, allowance)
    over = [each for account in accounts for each in _over(connection, account, fetching, start_ms, end_ms)]
    if over:
        raise Refused(*over)
    for account in accounts:
        _count(connection, account, fetching, start_ms)


def forget_old(transaction: Transaction, now_ms: int) -> None:
    """Deletes what was counted on days that began two days ago or earlier."""
    transaction.connection.execute(delete(collected).where(collected.c.day_start_ms < now_ms - _KEPT_MS))


def _first_time(connection: Connection, draft_id: str) -> bool:
    """Marks the draft; a refusal takes the mark back with the transaction."""
    unmarked = (requests.c.id == draft_id) & ~requests.c.reserved
    return connection.execute(update(requests).where(unmarked).values(reserved=True)).rowcount > 0


def _accounts(fetching: Fetching, allowance: Allowance) -> tuple[_Account, _Account]:
    return (
        _Account(
            scope="person",
            owner_id=fetching.person_id,
            max_files=allowance.person_files,
            max_bytes=allowance.person_bytes,
            over_files="free-person-files",
            over_bytes="free-person-bytes",
        ),
        _Account(
            scope="guild",
            owner_id=fetching.guild_id,
            max_files=allowance.guild_files,
            max_bytes=allowance.guild_bytes,
            over_files="free-guild-files",
            over_bytes="free-guild-bytes",
        ),
    )


def _over(
    connection: Connection, account: _Account, fetching: Fetching, start_ms: int, end_ms: int
) -> tuple[Reason, ...]:
    had = select(collected.c.files, collected.c.byte_count).where(_is_day(account, start_ms))
    files, byte_count = connection.execute(had).one_or_none() or (0, 0)
    limits = (
        (fetching.files, files, account.max_files, account.over_files, account.max_files),
        (fetching.byte_count, byte_count, account.max_bytes, account.over_bytes, byte_size(account.max_bytes)),
    )
    return tuple(
        Reason(code, {"limit": said, "resets_at": end_ms // 1000})
        for asked, used, most, code, said in limits
        if asked and used + asked > most
    )


def _count(connection: Connection, account: _Account, fetching: Fetching, start_ms: int) -> None:
    more = {"files": collected.c.files + fetching.files, "byte_count": collected.c.byte_count + fetching.byte_count}
    if connection.execute(update(collected).where(_is_day(account, start_ms)).values(more)).rowcount == 0:
        first = {"files": fetching.files, "byte_count": fetching.byte_count, "day_start_ms": start_ms}
        connection.execute(insert(collected).values(scope=account.scope, owner_id=account.owner_id, **first))


def _is_day(account: _Account, start_ms: int) -> ColumnElement[bool]:
    mine = (collected.c.scope == account.scope) & (collected.c.owner_id == account.owner_id)
    return mine & (collected.c.day_start_ms == start_ms)
