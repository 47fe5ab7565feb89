"""The ledger without counters: a row a take, and everything else recomputed from the rows each time."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from bot.domain.errors import Refused
from bot.domain.identity import take_id
from bot.domain.money import Account, Asked, Cause, Entry
from bot.domain.reasons import reason
from bot.domain.requests import Request, Take
from bot.domain.states import TakeState
from bot.queue.ledger import Windows

Said = tuple[str, str, int, str]
"""A line: take, entry, micro-USD, cause."""


@dataclass(slots=True, kw_only=True)
class Row:
    """One take's money. `cost`: what it was settled on; `told`: what an operator said later."""

    guild_id: int
    person_id: int
    request_id: str
    take_id: str
    windows: Windows
    held: int
    priced: bool
    cost: int | None = None
    because: str = ""
    corrections: list[tuple[int, str]] = field(default_factory=list[tuple[int, str]])

    @property
    def spent(self) -> int:
        return (self.cost or 0) + sum(usd for usd, _ in self.corrections)

    def lines(self) -> Iterable[Said]:
        yield self.take_id, Entry.HOLD, self.held, Cause.ACCEPTED if self.priced else Cause.UNPRICED
        if self.cost is None:
            return
        if self.cost > 0:
            above = self.priced and self.cost > self.held
            usual = Cause.ABOVE_HOLD if above else Cause.VENDOR_COST
            yield self.take_id, Entry.SETTLE, self.cost, self.because or usual
        if self.cost == 0 or self.cost < self.held:
            yield self.take_id, Entry.RELEASE, self.held - self.cost, self.because or Cause.BELOW_HOLD
        yield from ((self.take_id, Entry.ADJUST, usd, cause) for usd, cause in self.corrections)


class MemoryLedger:
    """What `bot.queue.ledger` and `ledger_reads` promise, by brute force."""

    def __init__(self) -> None:
        self.rows: list[Row] = []
        self.forgotten: list[Row] = []

    def hold(self, request: Request, asked: Asked, windows: Windows) -> None:
        if any(row.request_id == request.id for row in self.rows):
            return
        guild, person = request.place.guild_id, request.person.id
        month, day = self.month(guild, windows.month_ms), self.day(guild, person, windows.day_ms)
        for account, limit in (
            (month, windows.month_limit_usd_micros),
            (day, windows.day_limit_usd_micros),
        ):
            used = account.held_usd_micros + account.spent_usd_micros
            more = 1 if asked.cost_usd_micros is None else asked.cost_usd_micros
            if limit is not None and used + more > limit:
                raise Refused(reason("budget-taken"))
        whole = asked.cost_usd_micros or 0
        self.rows += [
            Row(
                guild_id=guild,
                person_id=person,
                request_id=request.id,
                take_id=take_id(request.id, nth),
                windows=windows,
                held=(whole + asked.takes - nth) // asked.takes,
                priced=asked.cost_usd_micros is not None,
            )
            for nth in range(1, asked.takes + 1)
        ]

    def settle(self, before: Take, after: Take) -> None:
        row = self._row(after.id)
        unbegun = before.state is TakeState.PLANNED
        cost = 0 if unbegun and after.cost_usd_micros is None else after.cost_usd_micros
        if row is None or row.cost is not None or not after.state.final or cost is None:
            return
        row.cost = cost
        if cost == 0:
            row.because = Cause.NEVER_SUBMITTED if unbegun else Cause.COST_ZERO

    def give_back(self, takes: Iterable[Take]) -> None:
        for take in takes:
            row = self._row(take.id)
            if take.state is TakeState.PLANNED and row is not None and row.cost is None:
                row.cost, row.because = 0, Cause.NEVER_SUBMITTED

    def adjust(self, which: str, cost: int, cause: str) -> None:
        row = self._row(which)
        if row is None:
            raise KeyError(which)
        if row.cost is None:
            row.cost, row.because = cost, cause
        elif cost != row.spent:
            row.corrections.append((cost - row.spent, cause))

    def sum_up(self, before_ms: int) -> None:
        gone = [row for row in self.rows if row.cost is not None and row.windows.month_ms < before_ms]
        self.forgotten += gone
        self.rows = [row for row in self.rows if row not in gone]

    def lines(self) -> list[Said]:
        return sorted((str(a), str(b), c, str(d)) for row in self.rows for a, b, c, d in row.lines())

    def month(self, guild_id: int, month_ms: int) -> Account:
        rows = [*self.rows, *self.forgotten]
        return _account(row for row in rows if (row.guild_id, row.windows.month_ms) == (guild_id, month_ms))

    def day(self, guild_id: int, person_id: int, day_ms: int) -> Account:
        """Of a person's day nothing is known any more that was summed up."""
        key = (guild_id, person_id, day_ms)
        return _account(row for row in self.rows if (row.guild_id, row.person_id, row.windows.day_ms) == key)

    def accounts(self) -> dict[tuple[str, int, int, int], tuple[int, int]]:
        """What every account holds and has spent, where that is anything."""
        rows = [*self.rows, *self.forgotten]
        months = {("guild", row.guild_id, 0, row.windows.month_ms) for row in rows}
        days = {("person", row.guild_id, row.person_id, row.windows.day_ms) for row in rows}
        found = {key: self.month(key[1], key[3]) for key in months}
        found |= {key: self.day(key[1], key[2], key[3]) for key in days}
        sums = {key: (each.held_usd_micros, each.spent_usd_micros) for key, each in found.items()}
        return {key: each for key, each in sums.items() if each != (0, 0)}

    def _row(self, which: str) -> Row | None:
        return next((row for row in self.rows if row.take_id == which), None)


def _account(rows: Iterable[Row]) -> Account:
    own = list(rows)
    return Account(
        held_usd_micros=sum(row.held for row in own if row.cost is None),
        spent_usd_micros=sum(row.spent for row in own),
    )
