"""What became of a request's money, and how that is said. Pure; the sentences are in the catalogue."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import fields

from bot.domain.money import Account, Bill, Cause, Entry, LedgerLine
from bot.domain.reasons import reason
from bot.domain.words import NOTHING_SPENT, dollars, money_line, price_line, say


def bill_of(lines: Iterable[LedgerLine]) -> Bill:
    """The bill of one request's lines, in any order."""
    takes: dict[str, list[LedgerLine]] = {}
    for line in lines:
        takes.setdefault(line.take_id, []).append(line)
    bills = [_bill_of_take(own) for own in takes.values()]
    return Bill(**{each.name: sum(getattr(bill, each.name) for bill in bills) for each in fields(Bill)})


def price_and_left(price_usd_micros: int | None, month: Account, day: Account) -> str:
    """For the draft's card: the most it costs, and what is left of the guild's month and the person's day.

    Where no budget is set, or no price is known, it is `price_line`.
    """
    if price_usd_micros is None:
        return price_line(None)
    price = dollars(price_usd_micros)
    month_left, day_left = month.left_usd_micros, day.left_usd_micros
    month_limit, day_limit = dollars(month.limit_usd_micros or 0), dollars(day.limit_usd_micros or 0)
    if month_left is None and day_left is None:
        return price_line(price_usd_micros)
    if day_left is None:
        return say(reason("price-and-month", price=price, left=dollars(month_left or 0), limit=month_limit))
    if month_left is None:
        return say(reason("price-and-day", price=price, left=dollars(day_left), limit=day_limit))
    return say(
        reason(
            "price-and-both",
            price=price,
            left=dollars(month_left),
            limit=month_limit,
            day_left=dollars(day_left),
            day_limit=day_limit,
        )
    )


def held_line(bill: Bill) -> str:
    """For a request that goes on: what is reserved for it; an empty text when nothing is."""
    return say(reason("money-held", held=dollars(bill.still_held_usd_micros))) if bill.still_held_usd_micros else ""


def money_ending(bill: Bill) -> str:
    """What happened to the money of a request that ended, in every ending."""
    return " ".join(_open_ending(bill)) if bill.open_takes else _settled_ending(bill)


def _settled_ending(bill: Bill) -> str:
    spent, back = dollars(bill.spent_usd_micros), bill.given_back_usd_micros
    if bill.spent_usd_micros <= 0:
        return say(reason("money-all-back", held=dollars(back))) if back else NOTHING_SPENT
    if bill.above_usd_micros:
        above = say(reason("money-above", spent=spent, more=dollars(bill.above_usd_micros)))
        return " ".join((above, *_given_back(bill)))
    return (
        say(reason("money-rest-back", spent=spent, back=dollars(back))) if back else money_line(bill.spent_usd_micros)
    )


def _open_ending(bill: Bill) -> Iterator[str]:
    spent, held = dollars(bill.spent_usd_micros), dollars(bill.still_held_usd_micros)
    if bill.spent_usd_micros:
        yield say(reason("money-so-far", spent=spent))
    if bill.above_usd_micros:
        yield say(reason("money-more", more=dollars(bill.above_usd_micros)))
    if bill.still_held_usd_micros:
        yield say(reason("money-unknown", held=held))
    else:
        yield say(reason("money-unknown-unpriced"))
    yield from _given_back(bill)


def _given_back(bill: Bill) -> Iterator[str]:
    if bill.given_back_usd_micros:
        yield say(reason("money-back", back=dollars(bill.given_back_usd_micros)))


def _bill_of_take(lines: Sequence[LedgerLine]) -> Bill:
    sums = {entry: sum(line.usd_micros for line in lines if line.entry is entry) for entry in Entry}
    is_open = not any(line.entry in {Entry.SETTLE, Entry.RELEASE} for line in lines)
    unpriced = any(line.cause == Cause.UNPRICED.value for line in lines)
    held, spent = sums[Entry.HOLD], sums[Entry.SETTLE] + sums[Entry.ADJUST]
    return Bill(
        held_usd_micros=held,
        spent_usd_micros=spent,
        given_back_usd_micros=sums[Entry.RELEASE],
        still_held_usd_micros=held if is_open else 0,
        above_usd_micros=0 if unpriced else max(0, spent - held),
        open_takes=int(is_open),
    )
