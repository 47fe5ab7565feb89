"""Money: holds, settlements and what is left. Micro-USD integers; values and pure rules."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from bot.domain.policies import Unit


class Entry(StrEnum):
    """What a line of the ledger says.

    `hold`: reserved when a request was accepted, one line a take, the most it can cost. `release`: a hold, or what is
    left of it, given back. `settle`: spent, on the vendor's word. `adjust`: an operator's correction. `opening`: what
    was spent by the lines of a guild's month that are no longer kept.
    """

    HOLD = "hold"
    RELEASE = "release"
    SETTLE = "settle"
    ADJUST = "adjust"
    OPENING = "opening"


class Cause(StrEnum):
    """Why the bot writes a line; any other cause is an operator's. `unpriced`: held as 0, for the price was unknown."""

    ACCEPTED = "accepted"
    UNPRICED = "unpriced"
    VENDOR_COST = "vendor-cost"
    ABOVE_HOLD = "cost-above-hold"
    BELOW_HOLD = "cost-below-hold"
    COST_ZERO = "cost-zero"
    NEVER_SUBMITTED = "never-submitted"
    SUMMED = "summed"


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerLine:
    """One line: written once, never changed. `usd_micros` is what the entry names, never negative but in `adjust`.

    `cause`: one of `Cause`, or an operator's word. An `opening` has person 0, no request and no take.
    """

    id: int
    at_ms: int
    guild_id: int
    person_id: int
    request_id: str
    take_id: str
    entry: Entry
    usd_micros: int
    cause: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """What a guild has held and spent in a month, or a person in a day. `limit_usd_micros=None`: no budget is set."""

    held_usd_micros: int
    spent_usd_micros: int
    limit_usd_micros: int | None = None

    @property
    def left_usd_micros(self) -> int | None:
        """What may still be held; `None` without a budget. Never negative: a cost above its hold is booked."""
        if self.limit_usd_micros is None:
            return None
        return max(0, self.limit_usd_micros - self.held_usd_micros - self.spent_usd_micros)


NOTHING_YET: Final = Account(held_usd_micros=0, spent_usd_micros=0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Bill:
    """A request's lines added up, in micro-USD.

    `held`: reserved at acceptance, the most it could cost. `spent`: settled, with corrections. `given_back`: of what
    was held. `still_held`: of takes whose cost is not known (yet), `open_takes` of them. `above`: by how much takes
    cost more than was held for them; nothing is above where no price was known.
    """

    held_usd_micros: int = 0
    spent_usd_micros: int = 0
    given_back_usd_micros: int = 0
    still_held_usd_micros: int = 0
    above_usd_micros: int = 0
    open_takes: int = 0


NO_BILL: Final = Bill()


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What a request asks for, as quotas, lanes and budgets count it. `cost_usd_micros`: the most; `None`: unknown."""

    takes: int
    seconds: int
    cost_usd_micros: int | None

    def of(self, unit: Unit) -> int:
        """How much of that unit."""
        return {Unit.REQUESTS: 1, Unit.TAKES: self.takes, Unit.SECONDS: self.seconds}[unit]
