"""What people read about money, in every ending, and the file that admins open in a spreadsheet."""

import csv
import io

import pytest

from bot.domain.bills import Bill, bill_of, held_line, money_ending, price_and_left
from bot.domain.ledger_csv import csv_of
from bot.domain.money import NOTHING_YET, Account, Cause, Entry, LedgerLine
from bot.domain.words import dollars

_HALF, _ONE = 500_000, 1_000_000


def line(take: int, entry: Entry, usd_micros: int, cause: str = Cause.ACCEPTED) -> LedgerLine:
    return LedgerLine(
        id=take,
        at_ms=1_750_032_000_123,
        guild_id=1,
        person_id=7,
        request_id="0000000000001",
        take_id=f"0000000000001-{take}",
        entry=entry,
        usd_micros=usd_micros,
        cause=cause,
    )


def held(take: int) -> LedgerLine:
    return line(take, Entry.HOLD, _ONE)


def unpriced(take: int) -> LedgerLine:
    return line(take, Entry.HOLD, 0, Cause.UNPRICED)


def settled(take: int, usd_micros: int) -> LedgerLine:
    return line(take, Entry.SETTLE, usd_micros, Cause.VENDOR_COST)


def released(take: int, usd_micros: int) -> LedgerLine:
    return line(take, Entry.RELEASE, usd_micros, Cause.BELOW_HOLD)


@pytest.mark.parametrize(
    ("lines", "sentence"),
    [
        ([], "Nothing was spent."),
        ([unpriced(1), released(1, 0)], "Nothing was spent."),
        ([held(1), released(1, _ONE)], "Nothing was spent; all of the $1.00 reserved for it was given back."),
        ([held(1), settled(1, _ONE)], "It cost $1.00."),
        (
            [held(1), settled(1, _HALF), released(1, _HALF)],
            "It cost $0.50; the other $0.50 reserved for it was given back.",
        ),
        ([unpriced(1), settled(1, _HALF)], "It cost $0.50."),
        ([held(1), settled(1, 1_300_000)], "It cost $1.30, $0.30 more than was reserved for it."),
        (
            [held(1), settled(1, 1_300_000), held(2), released(2, _ONE)],
            "It cost $1.30, $0.30 more than was reserved for it. $1.00 was given back.",
        ),
        ([held(1)], "What it cost is not known yet; $1.00 stays reserved until the video service says."),
        (
            [held(1), held(2), settled(2, _HALF), released(2, _HALF)],
            (
                "$0.50 was spent so far. What it cost is not known yet; $1.00 stays reserved until the video service "
                "says. $0.50 was given back."
            ),
        ),
        (
            [unpriced(1)],
            "What it cost is not known yet, and nothing is reserved for it, because no price was known.",
        ),
        (
            [held(1), settled(1, _ONE), line(1, Entry.ADJUST, -_HALF, "refunded")],
            "It cost $0.50.",
        ),
    ],
)
def test_every_ending_says_what_happened_to_the_money(lines: list[LedgerLine], sentence: str) -> None:
    assert money_ending(bill_of(lines)) == sentence
    assert money_ending(bill_of(reversed(lines))) == sentence


def test_a_bill_adds_up_over_all_takes() -> None:
    lines = [held(1), settled(1, 1_300_000), held(2), released(2, _ONE), held(3)]
    assert bill_of(lines) == Bill(
        held_usd_micros=3 * _ONE,
        spent_usd_micros=1_300_000,
        given_back_usd_micros=_ONE,
        still_held_usd_micros=_ONE,
        above_usd_micros=300_000,
        open_takes=1,
    )


def test_a_request_that_goes_on_says_what_is_reserved() -> None:
    assert held_line(bill_of([held(1), held(2)])) == "$2.00 is reserved for it."
    assert held_line(bill_of([unpriced(1)])) == ""


_MONTH = Account(held_usd_micros=_ONE, spent_usd_micros=2 * _ONE, limit_usd_micros=10 * _ONE)
_DAY = Account(held_usd_micros=0, spent_usd_micros=_HALF, limit_usd_micros=2 * _ONE)


@pytest.mark.parametrize(
    ("price", "month", "day", "sentence"),
    [
        (_HALF, NOTHING_YET, NOTHING_YET, "At most $0.50. Nothing has been spent."),
        (_HALF, _MONTH, NOTHING_YET, "Costs at most $0.50; $7.00 of this month's $10.00 left in this server."),
        (_HALF, NOTHING_YET, _DAY, "Costs at most $0.50; $1.50 of your $2.00 for today left."),
        (
            _HALF,
            _MONTH,
            _DAY,
            "Costs at most $0.50; $7.00 of this month's $10.00 left in this server, and $1.50 of your $2.00 for today.",
        ),
        (
            None,
            _MONTH,
            _DAY,
            "What it will cost is not known: the video service names no price. Nothing has been spent.",
        ),
    ],
)
def test_the_draft_says_the_price_and_what_is_left(
    price: int | None, month: Account, day: Account, sentence: str
) -> None:
    assert price_and_left(price, month, day) == sentence


@pytest.mark.parametrize(
    ("usd_micros", "text"),
    [(1, "$0.000001"), (42, "$0.000042"), (4_200, "$0.0042"), (4_250, "$0.004250"), (-500_000, "-$0.50")],
)
def test_no_sum_is_so_small_that_it_reads_as_nothing(usd_micros: int, text: str) -> None:
    assert dollars(usd_micros) == text


def test_the_file_is_what_spreadsheets_and_rfc_4180_expect() -> None:
    content = csv_of([held(1), line(1, Entry.ADJUST, -1, 'said "no", twice')])
    assert content == (
        b"time,request,person,take,entry,usd,cause\r\n"
        b"2025-06-16T00:00:00.123Z,0000000000001,7,0000000000001-1,hold,1.000000,accepted\r\n"
        b'2025-06-16T00:00:00.123Z,0000000000001,7,0000000000001-1,adjust,-0.000001,"said ""no"", twice"\r\n'
    )


@pytest.mark.parametrize("cause", ['=HYPERLINK("http://x","y")', "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1"])
def test_nothing_in_the_file_is_calculated(cause: str) -> None:
    content = csv_of([line(1, Entry.ADJUST, 5, cause)]).decode()
    _header, row = csv.reader(io.StringIO(content, newline=""))
    assert row[-1] == f"'{cause}"


def test_a_file_without_lines_still_has_its_header() -> None:
    assert csv_of([]) == b"time,request,person,take,entry,usd,cause\r\n"
