"""The ledger on every database: what is held, what becomes of it, and the proof that finds what was tampered with."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from pathlib import Path
from typing import Final

import pytest
import pytest_asyncio
from click.testing import CliRunner, Result
from sqlalchemy import delete, event, insert, update

from bot.__main__ import main
from bot.domain.errors import Refused, Unavailable
from bot.domain.identity import take_id
from bot.domain.money import Account, Asked, Entry
from bot.domain.ports import no_fault
from bot.domain.requests import ChannelKind, Parameters, Person, Place, Request, Take
from bot.domain.states import RequestState, TakeState
from bot.queue import ledger
from bot.queue.engine import Database, Transaction
from bot.queue.ledger import Windows
from bot.queue.ledger_check import check
from bot.queue.ledger_reads import day_account, lines_in, lines_of, month_account, month_name, sum_up, unsettled
from bot.queue.migrations import upgrade
from bot.queue.retention import tidy
from bot.queue.rows import request_columns, take_columns
from bot.queue.tables import requests, takes
from tests.postgres import Postgres, ask, connected
from tests.stores import URLS

_NOW_MS: Final = 1_750_032_000_000
_MONTH_MS: Final = 1_748_736_000_000
_DAY_MS: Final = 1_750_032_000_000
_WINDOWS: Final = Windows(month_ms=_MONTH_MS, day_ms=_DAY_MS)
_GUILD, _PERSON = 100, 7
_PRICE: Final = 600_000


@pytest.fixture
def url(lasting: str, tmp_path: Path) -> str:
    """A database with the tables, empty."""
    named = URLS[lasting](tmp_path)
    with connected(named) as connection:
        upgrade(connection)
    return named


@pytest_asyncio.fixture
async def database(url: str) -> AsyncIterator[Database]:
    opened = Database(url, reached=no_fault)
    yield opened
    await opened.close()


# --- scenes ----------------------------------------------------------------------------------------------------------


def _request(number: int, *, many: int = 1, person: int = _PERSON) -> Request:
    return Request(
        id=f"{number:013d}",
        version=2,
        state=RequestState.QUEUED,
        interaction_id=number,
        place=Place(guild_id=_GUILD, channel_id=2, channel_kind=ChannelKind.TEXT, upload_limit_bytes=1),
        person=Person(id=person, name="Ada"),
        written_prompt="a cat",
        offers=(),
        parameters=Parameters(),
        take_count=many,
        created_at_ms=_NOW_MS,
    )


def _planned(request: Request) -> list[Take]:
    return [
        Take(id=take_id(request.id, nth), request_id=request.id, ordinal=nth, version=1, state=TakeState.PLANNED)
        for nth in range(1, request.take_count + 1)
    ]


def _asked(request: Request, cost: int | None) -> Asked:
    return Asked(takes=request.take_count, seconds=5 * request.take_count, cost_usd_micros=cost)


async def _accept(
    database: Database, request: Request, cost: int | None = _PRICE, windows: Windows = _WINDOWS
) -> list[Take]:
    def accepted(work: Transaction) -> None:
        work.connection.execute(insert(requests).values(request_columns(request)))
        work.connection.execute(insert(takes), [take_columns(take) for take in _planned(request)])
        ledger.hold(work, request, _asked(request, cost), windows, _NOW_MS)

    await database.write(accepted)
    return _planned(request)


async def _end(database: Database, before: Take, after: Take) -> Take:
    def stored(work: Transaction) -> None:
        work.connection.execute(update(takes).where(takes.c.id == after.id).values(take_columns(after)))
        ledger.settle(work, before, after, _NOW_MS + 5)

    await database.write(stored)
    return after


def _fetched(take: Take, cost: int | None) -> Take:
    sent = {"submitting_at_ms": _NOW_MS, "generation_id": f"g-{take.id}"}
    return replace(take, state=TakeState.FETCHED, cost_usd_micros=cost, **sent)


def _rendering(take: Take) -> Take:
    return replace(take, state=TakeState.FETCHING)


async def _account(database: Database) -> tuple[int, int]:
    """Held and spent: of the guild's month and the person's day, which are the same here."""
    month = await database.read(lambda connection: month_account(connection, _GUILD, _MONTH_MS))
    day = await database.read(lambda connection: day_account(connection, _GUILD, _PERSON, _DAY_MS))
    assert month == day
    return month.held_usd_micros, month.spent_usd_micros


async def _lines(database: Database, request: Request) -> list[tuple[Entry, int, str]]:
    lines = await database.read(lambda connection: lines_of(connection, request.id))
    return [(line.entry, line.usd_micros, line.cause) for line in lines]


async def _proof(database: Database) -> tuple[str, ...]:
    return await database.read(check)


# --- what becomes of a hold ------------------------------------------------------------------------------------------


async def test_a_request_holds_the_most_each_of_its_takes_can_cost(database: Database) -> None:
    request = _request(1, many=3)
    await _accept(database, request, 1_000)
    holds = [(Entry.HOLD, 334, "accepted"), (Entry.HOLD, 333, "accepted"), (Entry.HOLD, 333, "accepted")]
    assert await _lines(database, request) == holds
    assert await _account(database) == (1_000, 0)
    assert await _proof(database) == ()


_HOLD: Final = (Entry.HOLD, _PRICE, "accepted")


@pytest.mark.parametrize(
    ("cost", "written", "account"),
    [
        (_PRICE, [(Entry.SETTLE, _PRICE, "vendor-cost")], (0, _PRICE)),
        (
            200_000,
            [(Entry.SETTLE, 200_000, "vendor-cost"), (Entry.RELEASE, 400_000, "cost-below-hold")],
            (0, 200_000),
        ),
        (700_000, [(Entry.SETTLE, 700_000, "cost-above-hold")], (0, 700_000)),
        (0, [(Entry.RELEASE, _PRICE, "cost-zero")], (0, 0)),
        (None, [], (_PRICE, 0)),
    ],
)
async def test_a_take_settles_on_the_vendor_s_cost_and_keeps_its_hold_while_that_is_unknown(
    database: Database, cost: int | None, written: list[tuple[Entry, int, str]], account: tuple[int, int]
) -> None:
    request = _request(1)
    (take,) = await _accept(database, request)
    for _time in range(2):
        await _end(database, _rendering(take), _fetched(take, cost))
        assert await _lines(database, request) == [_HOLD, *written]
        assert await _account(database) == account
        assert await _proof(database) == ()


async def test_a_cost_that_becomes_known_later_settles_then(database: Database) -> None:
    request = _request(1)
    (take,) = await _accept(database, request)
    ended = await _end(database, _rendering(take), _fetched(take, None))
    assert await database.read(lambda connection: unsettled(connection, 9)) == (take.id,)
    await _end(database, ended, replace(ended, cost_usd_micros=_PRICE))
    assert await _account(database) == (0, _PRICE)
    assert await database.read(lambda connection: unsettled(connection, 9)) == ()


async def test_what_was_never_submitted_is_given_back_whole(database: Database) -> None:
    request = _request(1, many=2)
    first, second = await _accept(database, request, 2 * _PRICE)
    await _end(database, first, replace(first, state=TakeState.CANCELLED))
    await _end(database, second, replace(second, state=TakeState.FAILED, cost_usd_micros=0))
    back = (Entry.RELEASE, _PRICE, "never-submitted")
    assert await _lines(database, request) == [_HOLD, _HOLD, back, back]
    assert await _account(database) == (0, 0)
    assert await _proof(database) == ()


async def test_a_request_that_ends_gives_back_what_was_not_begun_and_no_more(database: Database) -> None:
    request = _request(1, many=2)
    first, second = await _accept(database, request, 2 * _PRICE)
    begun = replace(first, state=TakeState.SUBMITTING, submitting_at_ms=_NOW_MS)
    await _end(database, first, begun)
    for _time in range(2):
        await database.write(lambda work: ledger.give_back(work, request.id, _NOW_MS))
    assert await _account(database) == (_PRICE, 0)
    await _end(database, second, replace(second, state=TakeState.CANCELLED, cost_usd_micros=0))
    assert await _account(database) == (_PRICE, 0)
    assert await _proof(database) == ()


async def test_of_unknown_price_nothing_is_held_and_the_cost_is_booked_when_known(database: Database) -> None:
    request = _request(1)
    (take,) = await _accept(database, request, None)
    assert await _account(database) == (0, 0)
    await _end(database, _rendering(take), _fetched(take, 900_000))
    assert await _lines(database, request) == [(Entry.HOLD, 0, "unpriced"), (Entry.SETTLE, 900_000, "vendor-cost")]
    assert await _account(database) == (0, 900_000)
    assert await _proof(database) == ()


async def test_what_was_accepted_before_there_was_a_ledger_books_nothing(database: Database) -> None:
    (take,) = _planned(_request(1))
    await _end(database, _rendering(take), _fetched(take, 900_000))
    assert await _account(database) == (0, 0)


async def test_an_operator_settles_what_nobody_knows_and_corrects_what_was_settled(database: Database) -> None:
    request = _request(1)
    (take,) = await _accept(database, request)
    ended = await _end(database, _rendering(take), _fetched(take, None))
    for cost in (100_000, 100_000, 50_000, 50_000):
        await database.write(lambda work, cost=cost: ledger.adjust(work, take.id, cost, "by 42: invoice", _NOW_MS))
    await _end(database, ended, replace(ended, cost_usd_micros=_PRICE))
    assert await _lines(database, request) == [
        _HOLD,
        (Entry.SETTLE, 100_000, "by 42: invoice"),
        (Entry.RELEASE, 500_000, "by 42: invoice"),
        (Entry.ADJUST, -50_000, "by 42: invoice"),
    ]
    assert await _account(database) == (0, 50_000)
    assert await _proof(database) == ()


@pytest.mark.parametrize(("cost", "cause"), [(-1, "a word"), (1, "vendor-cost")])
async def test_an_adjustment_is_no_negative_cost_and_no_cause_of_the_bot_s(
    database: Database, cost: int, cause: str
) -> None:
    await _accept(database, _request(1))
    with pytest.raises(ValueError, match="not an adjustment"):
        await database.write(lambda work: ledger.adjust(work, take_id(_request(1).id, 1), cost, cause, _NOW_MS))


async def test_a_take_that_is_not_known_cannot_be_adjusted(database: Database) -> None:
    with pytest.raises(KeyError):
        await database.write(lambda work: ledger.adjust(work, "nobody-1", 5, "a word", _NOW_MS))


# --- budgets ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("whose", ["month_limit_usd_micros", "day_limit_usd_micros"])
async def test_a_flood_cannot_overspend_even_if_nobody_looked_before(database: Database, whose: str) -> None:
    windows = replace(_WINDOWS, **{whose: 3 * _PRICE + 1})
    ends = await asyncio.gather(
        *(_accept(database, _request(number), windows=windows) for number in range(1, 21)), return_exceptions=True
    )
    refused = [end for end in ends if isinstance(end, Refused)]
    assert [each.reason.code for each in refused] == ["budget-taken"] * 17
    assert await _account(database) == (3 * _PRICE, 0)
    assert await _proof(database) == ()


async def test_what_is_spent_and_held_counts_and_what_is_given_back_does_not(database: Database) -> None:
    windows = replace(_WINDOWS, month_limit_usd_micros=2 * _PRICE)
    (first,) = await _accept(database, _request(1), windows=windows)
    (second,) = await _accept(database, _request(2), windows=windows)
    await _end(database, _rendering(first), _fetched(first, _PRICE))
    with pytest.raises(Refused):
        await _accept(database, _request(3), windows=windows)
    await _end(database, second, replace(second, state=TakeState.CANCELLED))
    await _accept(database, _request(4), windows=windows)
    assert await _account(database) == (_PRICE, _PRICE)


async def test_a_budget_that_is_used_up_refuses_what_has_no_price_too(database: Database) -> None:
    windows = replace(_WINDOWS, day_limit_usd_micros=_PRICE)
    await _accept(database, _request(1), windows=windows)
    with pytest.raises(Refused):
        await _accept(database, _request(2), None, windows)


async def test_a_refused_request_leaves_nothing_behind(database: Database) -> None:
    with pytest.raises(Refused):
        await _accept(database, _request(1), windows=replace(_WINDOWS, day_limit_usd_micros=1))
    month = await database.read(lambda connection: month_account(connection, _GUILD, _MONTH_MS, 5))
    assert month == Account(held_usd_micros=0, spent_usd_micros=0, limit_usd_micros=5)
    assert await _lines(database, _request(1)) == []


async def test_what_comes_of_a_hold_counts_where_it_was_made_however_late(database: Database) -> None:
    other = replace(_WINDOWS, month_ms=_MONTH_MS + 1, day_ms=_DAY_MS + 1)
    (take,) = await _accept(database, _request(1))
    await _accept(database, _request(2), windows=other)
    await _end(database, _rendering(take), _fetched(take, _PRICE))
    assert await _account(database) == (0, _PRICE)


# --- what is kept ----------------------------------------------------------------------------------------------------


async def test_old_months_keep_one_line_and_what_is_open(database: Database) -> None:
    later = replace(_WINDOWS, month_ms=_MONTH_MS + 1, day_ms=_DAY_MS + 1)
    (first,), (second,) = await _accept(database, _request(1)), await _accept(database, _request(2))
    await _accept(database, _request(3))
    await _accept(database, _request(4), windows=later)
    for take, cost in ((first, 100_000), (second, 200_000)):
        await _end(database, _rendering(take), _fetched(take, cost))
        assert await database.write(lambda work: sum_up(work, _MONTH_MS + 1, _NOW_MS)) == 1
        assert await database.write(lambda work: sum_up(work, _MONTH_MS + 1, _NOW_MS)) == 0
        assert await _proof(database) == ()
    kept = await database.read(lambda connection: lines_in(connection, _GUILD))
    assert sorted((line.request_id, line.entry, line.usd_micros) for line in kept) == [
        ("", Entry.OPENING, 300_000),
        (_request(3).id, Entry.HOLD, _PRICE),
        (_request(4).id, Entry.HOLD, _PRICE),
    ]
    month = await database.read(lambda connection: month_account(connection, _GUILD, _MONTH_MS))
    assert (month.held_usd_micros, month.spent_usd_micros) == (_PRICE, 300_000)


def _adjusts(work: Transaction) -> object:
    return ledger.adjust(work, take_id(_request(1).id, 1), 1, "an invoice", _NOW_MS)


def _sums_up(work: Transaction) -> object:
    return sum_up(work, _NOW_MS, _NOW_MS)


def _tidies(work: Transaction) -> object:
    return tidy(work, _NOW_MS)


@pytest.mark.parametrize("step", [_adjusts, _sums_up, _tidies])
async def test_a_correction_and_a_sweep_wait_for_others_before_they_hold_anything(
    postgres: Postgres, tmp_path: Path, step: Callable[[Transaction], object]
) -> None:
    database = Database(postgres.of(tmp_path), reached=no_fault)
    await _accept(database, _request(1))
    said: list[str] = []

    def listened(work: Transaction) -> None:
        def hear(_connection: object, _cursor: object, statement: str, *_more: object) -> None:
            said.append(statement)

        event.listen(work.connection, "before_cursor_execute", hear)
        step(work)

    await database.write(listened)
    await database.close()
    postgres.forget()
    assert "pg_advisory_xact_lock" in said[0]
    assert len(said) > 1


async def test_a_request_is_not_deleted_before_its_lines(database: Database) -> None:
    await _accept(database, _request(1))
    with pytest.raises(Unavailable, match="database-unavailable"):
        await database.write(lambda work: work.connection.execute(delete(requests)))


# --- the proof -------------------------------------------------------------------------------------------------------

_TAMPERED: Final = {
    "UPDATE ledger SET usd_micros = 1 WHERE entry = 'release'": "Of take 0000000000001-1 $0.000001 was given back;",
    "DELETE FROM ledger WHERE entry = 'hold'": "Take 0000000000001-1 has 0 holds instead of one.",
    "DELETE FROM ledger WHERE entry <> 'hold'": "ended and its cost is known, but $0.60 is still held for it.",
    "UPDATE ledger SET usd_micros = -5 WHERE entry = 'settle'": "says “settle -$0.000005”, which no line may say.",
    "UPDATE ledger SET entry = 'gift' WHERE entry = 'settle'": "says “gift $0.20”, which no line may say.",
    "UPDATE ledger SET person_id = 8 WHERE entry = 'settle'": "do not agree in whose they are",
    "UPDATE ledger SET person_id = 8": "belongs to no take of a request of its guild and person.",
    "UPDATE ledger SET take_id = 'nobody'": "belongs to no take of a request",
    "UPDATE accounts SET held_usd_micros = 3 WHERE scope = 'guild'": "The guild account 100/0 of 1748736000000 holds "
    "$0.000003; by its lines it should hold $0.00.",
    "UPDATE accounts SET held_usd_micros = -3 WHERE scope = 'person'": "holds -$0.000003; by its lines it should",
    "UPDATE accounts SET spent_usd_micros = 2 * spent_usd_micros": "has spent $0.40; by its lines that is $0.20.",
    "DELETE FROM accounts": "The person account 100/7 of 1750032000000 has spent $0.00; by its lines that is $0.20.",
    "UPDATE takes SET cost_usd_micros = 300000": "Take 0000000000001-1 cost $0.30 by its own row, and $0.20 was booked",
    "UPDATE takes SET state = 'rendering'": "Take 0000000000001-1 was settled before it ended.",
    "DROP INDEX uq_ledger_once; INSERT INTO ledger (at_ms, guild_id, person_id, request_id, take_id, entry, usd_micros,"
    " cause, month_ms, day_ms) SELECT at_ms, guild_id, person_id, request_id, take_id, entry, usd_micros, cause,"
    " month_ms, day_ms FROM ledger WHERE entry = 'settle'": "Take 0000000000001-1 was settled or given back more",
}


@pytest.fixture
def rushes(url: str, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    monkeypatch.setenv("RUSHES__STORAGE__DATABASE_URL", url)

    def run(*arguments: str) -> Result:
        return CliRunner().invoke(main, ["ledger", *arguments])

    return run


async def _settled_one(database: Database) -> None:
    (take,) = await _accept(database, _request(1))
    await _end(database, _rendering(take), _fetched(take, 200_000))


@pytest.mark.parametrize("lasting", ["sqlite"], indirect=True)
@pytest.mark.parametrize("statements", _TAMPERED)
async def test_the_proof_finds_what_was_tampered_with(database: Database, url: str, statements: str) -> None:
    await _settled_one(database)
    assert await _proof(database) == ()
    for statement in statements.split("; "):
        ask(url, statement)
    assert any(_TAMPERED[statements] in each for each in await _proof(database))


async def test_a_take_without_a_hold_beside_one_with_is_found(database: Database, url: str) -> None:
    await _accept(database, _request(1, many=2), 2 * _PRICE)
    ask(url, "DELETE FROM ledger WHERE take_id = '0000000000001-2'")
    assert "Take 0000000000001-2 has 0 holds instead of one." in await _proof(database)


# --- at a terminal ---------------------------------------------------------------------------------------------------


async def test_the_command_proves_it_to_people_and_to_programs(
    database: Database, url: str, rushes: Callable[..., Result]
) -> None:
    await _settled_one(database)
    balanced = await asyncio.to_thread(rushes, "check")
    assert (balanced.exit_code, balanced.stdout) == (0, "The ledger is balanced: 3 lines, 2 accounts.\n")

    ask(url, "UPDATE accounts SET held_usd_micros = 5 WHERE scope = 'guild'")
    told = await asyncio.to_thread(rushes, "check", "--json")
    found = json.loads(told.stdout)
    assert told.exit_code == 1
    assert (found["lines"], found["accounts"], len(found["differences"])) == (3, 2, 1)
    said = await asyncio.to_thread(rushes, "check")
    assert (said.exit_code, said.stdout) == (1, found["differences"][0] + "\n")


async def test_the_command_exports_a_guild_s_month(database: Database, rushes: Callable[..., Result]) -> None:
    await _settled_one(database)
    whole, june, july, others = [
        await asyncio.to_thread(rushes, "export", "--guild", guild, *month)
        for guild, *month in (
            ("100",),
            ("100", "--month", "2025-06"),
            ("100", "--month", "2025-07"),
            ("101",),
        )
    ]
    assert [each.exit_code for each in (whole, june, july, others)] == [0, 0, 0, 0]
    assert whole.stdout_bytes == june.stdout_bytes
    assert whole.stdout_bytes.splitlines()[1:] == [
        b"2025-06-16T00:00:00.000Z,0000000000001,7,0000000000001-1,hold,0.600000,accepted",
        b"2025-06-16T00:00:00.005Z,0000000000001,7,0000000000001-1,settle,0.200000,vendor-cost",
        b"2025-06-16T00:00:00.005Z,0000000000001,7,0000000000001-1,release,0.400000,cost-below-hold",
    ]
    assert july.stdout_bytes == others.stdout_bytes == b"time,request,person,take,entry,usd,cause\r\n"


@pytest.mark.parametrize("hours", [-14, 0, 12])
async def test_a_month_is_the_guild_s_own_in_every_time_zone(database: Database, hours: int) -> None:
    begins_ms = _MONTH_MS + hours * 3_600_000
    await _accept(database, _request(1), windows=replace(_WINDOWS, month_ms=begins_ms))
    found = [await database.read(lambda c, m=month: lines_in(c, _GUILD, m)) for month in ("2025-05", "2025-06")]
    assert [len(lines) for lines in found] == [0, 1]
    assert month_name(begins_ms) == "2025-06"


@pytest.mark.parametrize("arguments", [["export", "--guild", "100", "--month", "2025-13"], ["export"]])
def test_a_month_that_is_none_and_no_guild_are_usage_errors(arguments: list[str]) -> None:
    assert CliRunner().invoke(main, ["ledger", *arguments]).exit_code == 2


def test_without_a_ledger_the_command_says_so_and_makes_no_database(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "none.db"
    monkeypatch.setenv("RUSHES__STORAGE__DATABASE_URL", f"sqlite:///{file}")
    told = CliRunner().invoke(main, ["ledger", "check"])
    assert told.exit_code == 2
    assert "There is no ledger in the database" in told.stderr
    assert not file.exists()
    ask(f"sqlite:///{file}", "CREATE TABLE other (id INTEGER)")
    assert "There is no ledger" in CliRunner().invoke(main, ["ledger", "check"]).stderr


def test_a_database_that_cannot_be_used_is_a_usage_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RUSHES__STORAGE__DATABASE_URL", "mysql://somewhere")
    told = CliRunner().invoke(main, ["ledger", "check"])
    assert told.exit_code == 2
    assert "storage.database_url" in told.stderr


async def test_an_operator_settles_a_take_whose_cost_nobody_says_and_corrects_it(
    database: Database, rushes: Callable[..., Result]
) -> None:
    request = _request(1)
    (take,) = await _accept(database, request)
    goes_on = await asyncio.to_thread(rushes, "settle", take.id, "0.5", "--why", "billed")
    assert (goes_on.exit_code, "has not ended" in goes_on.stderr) == (2, True)
    await _end(database, _rendering(take), _fetched(take, None))

    told = [
        await asyncio.to_thread(rushes, "settle", take.id, usd, "--why", "vendor's bill") for usd in ("0.5", "0.5", "0")
    ]
    assert [each.exit_code for each in told] == [0, 0, 0]
    assert told[0].stdout.splitlines() == [
        f"Take {take.id}: settle $0.50, vendor's bill.",
        f"Take {take.id}: release $0.10, vendor's bill.",
    ]
    assert told[1].stdout == f"Take {take.id} is settled on $0.50 already. Nothing was changed.\n"
    assert told[2].stdout == f"Take {take.id}: adjust -$0.50, vendor's bill.\n"
    assert await _account(database) == (0, 0)
    assert await _proof(database) == ()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("0000000000009-1", "1", "--why", "billed"), "No take 0000000000009-1"),
        (("0000000000001-1", "-1", "--why", "billed"), "“-1” is no cost"),
        (("0000000000001-1", "0.0000001", "--why", "billed"), "is no cost"),
        (("0000000000001-1", "nan", "--why", "billed"), "is no cost"),
        (("0000000000001-1", "1", "--why", "vendor-cost"), "words of your own"),
        (("0000000000001-1", "1"), "--why"),
    ],
)
async def test_what_cannot_be_settled_changes_nothing(
    database: Database, rushes: Callable[..., Result], arguments: tuple[str, ...], said: str
) -> None:
    request = _request(1)
    (take,) = await _accept(database, request)
    await _end(database, _rendering(take), _fetched(take, None))
    told = await asyncio.to_thread(rushes, "settle", *arguments)
    assert (told.exit_code, said in told.stderr) == (2, True)
    assert await _lines(database, request) == [_HOLD]
