"""What is said of a request's money."""

from bot.domain import bills, words
from bot.domain.drafts import DraftView
from bot.domain.money import NO_BILL
from bot.domain.requests import Snapshot


def money_ended(snapshot: Snapshot) -> str:
    """What became of the money of a request that ended.

    One that was accepted before there was a ledger has no bill: then it is what its takes cost.
    """
    if snapshot.bill == NO_BILL:
        return words.money_line(snapshot.known_cost_usd_micros)
    return bills.money_ending(snapshot.bill)


def money_held(snapshot: Snapshot) -> str:
    """What is reserved for a request that goes on; may be empty."""
    return bills.held_line(snapshot.bill)


def price_of(view: DraftView) -> str:
    """The most a draft can cost, and what is left of the budgets that it is paid from."""
    if view.quotas is None:
        return words.price_line(view.price_usd_micros)
    usage = view.quotas.usage
    return bills.price_and_left(view.price_usd_micros, usage.month, usage.day)
