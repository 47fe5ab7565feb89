"""Random lives of takes: whatever is cut off, repeated or late, the ledger says what a brute-force model says."""

from collections.abc import Callable, Generator, Iterable
from contextlib import contextmanager, suppress
from dataclasses import replace
from itertools import count
from typing import Final

import pytest
from hypothesis import Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test
from sqlalchemy import Connection, Engine, StaticPool, create_engine, delete, event, insert, select, update

from bot.domain.errors import Refused
from bot.domain.identity import take_id
from bot.domain.money import Asked
from bot.domain.requests import ChannelKind, Parameters, Person, Place, Request, Take
from bot.domain.states import IllegalMove, RequestState, TakeState, check_take_move
from bot.queue import ledger
from bot.queue.engine import Transaction
from bot.queue.ledger import Windows
from bot.queue.ledger_check import check
from bot.queue.ledger_reads import sum_up
from bot.queue.rows import request_columns, take_columns
from bot.queue.tables import accounts, metadata, requests, takes
from bot.queue.tables import ledger as ledger_lines
from tests.fakes_ledger import MemoryLedger

_MONTHS: Final = (1_000, 9_000)
_NOW_MS: Final = 50_000
_COSTS: Final = st.sampled_from([None, None, 0, 1, 30, 100, 101, 500])
_LIMITS: Final = st.sampled_from([None, None, 0, 100, 350, 1_000])
_CRASHES: Final = st.sampled_from(["never", "never", "before the commit", "after the commit"])
_PICK: Final = st.integers(min_value=0, max_value=1_000)

Settle = Callable[[Transaction, Take, Take, int], None]


def _engine() -> Engine:
    engine = create_engine("sqlite://", poolclass=StaticPool)

    def keyed(connection: object, _record: object) -> None:
        connection.execute("PRAGMA foreign_keys = ON")  # type: ignore[attr-defined]

    event.listen(engine, "connect", keyed)
    metadata.create_all(engine)
    return engine


_LINES: Final = select(
    ledger_lines.c.take_id, ledger_lines.c.entry, ledger_lines.c.usd_micros, ledger_lines.c.cause
).where(ledger_lines.c.entry != "opening")


class LedgerMachine(RuleBasedStateMachine):
    """Everything that can happen to money; `settle` is what a mutant replaces."""

    engine: Engine = _engine()
    settle: Settle = staticmethod(ledger.settle)

    def __init__(self) -> None:
        super().__init__()
        self.model = MemoryLedger()
        self.requests: list[Request] = []
        self.takes: dict[str, Take] = {}
        self.ended: set[str] = set()
        self.ids = count(1)
        with self.engine.begin() as connection:
            for table in (ledger_lines, accounts, takes, requests):
                connection.execute(delete(table))

    # --- steps -----------------------------------------------------------------------------------------------------

    @rule(
        guild=st.sampled_from([1, 2]),
        person=st.sampled_from([7, 8]),
        many=st.integers(1, 3),
        cost=st.sampled_from([None, 0, 100, 301]),
        month=st.sampled_from(_MONTHS),
        day=st.integers(0, 1),
        month_limit=_LIMITS,
        day_limit=_LIMITS,
        crash=_CRASHES,
    )
    def accept(
        self,
        *,
        guild: int,
        person: int,
        many: int,
        cost: int | None,
        month: int,
        day: int,
        month_limit: int | None,
        day_limit: int | None,
        crash: str,
    ) -> None:
        request = _request(next(self.ids), guild, person, many)
        asked = Asked(takes=many, seconds=5 * many, cost_usd_micros=cost)
        windows = Windows(
            month_ms=month, day_ms=month + day, month_limit_usd_micros=month_limit, day_limit_usd_micros=day_limit
        )
        planned = [
            Take(id=take_id(request.id, nth), request_id=request.id, ordinal=nth, version=1, state=TakeState.PLANNED)
            for nth in range(1, many + 1)
        ]

        def accepted(work: Transaction) -> None:
            if work.connection.execute(select(requests.c.id).where(requests.c.id == request.id)).first() is None:
                work.connection.execute(insert(requests).values(request_columns(request)))
                work.connection.execute(insert(takes), [take_columns(take) for take in planned])
            ledger.hold(work, request, asked, windows, _NOW_MS)

        expected = _refused(lambda: self.model.hold(request, asked, windows))
        assert _refused(lambda: self._do(accepted, crash)) == expected
        if not expected:
            self.requests.append(request)
            self.takes |= {take.id: take for take in planned}

    @precondition(lambda self: self.takes)
    @rule(pick=_PICK, turn=_PICK, cost=_COSTS, crash=_CRASHES)
    def move(self, *, pick: int, turn: int, cost: int | None, crash: str) -> None:
        before = self._some(pick)
        if before.state.final and before.submitting_at_ms is None:
            cost = None  # nobody bills afterwards for what was never ordered
        nexts = [state for state in TakeState if _may_follow(before.state, state)]
        self._move(before, nexts[turn % len(nexts)], cost, crash)

    @precondition(lambda self: self.takes)
    @rule(pick=_PICK, cost=_COSTS, crash=_CRASHES)
    def render(self, *, pick: int, cost: int | None, crash: str) -> None:
        """The usual way, so that random moves are not all there is."""
        which = self._some(pick).id
        for state in (TakeState.SUBMITTING, TakeState.RENDERING, TakeState.FETCHING, TakeState.FETCHED):
            if _may_follow(self.takes[which].state, state):
                self._move(self.takes[which], state, cost, crash)

    @precondition(lambda self: any(take.state.final for take in self.takes.values()))
    @rule(pick=_PICK, cost=st.sampled_from([0, 30, 500]), crash=_CRASHES)
    def learn_a_cost_late(self, *, pick: int, cost: int, crash: str) -> None:
        late = [take for take in self.takes.values() if take.state.final and take.cost_usd_micros is None]
        if late and late[pick % len(late)].submitting_at_ms is not None:
            before = late[pick % len(late)]
            self._store(before, replace(before, cost_usd_micros=cost), crash)

    @precondition(lambda self: self.requests)
    @rule(pick=_PICK, crash=_CRASHES)
    def end_the_request(self, *, pick: int, crash: str) -> None:
        request = self.requests[pick % len(self.requests)]
        self._do(lambda work: ledger.give_back(work, request.id, _NOW_MS), crash)
        self.model.give_back(take for take in self.takes.values() if take.request_id == request.id)
        self.ended.add(request.id)

    @precondition(lambda self: self.takes)
    @rule(pick=_PICK, cost=st.sampled_from([0, 70, 100, 900]), crash=_CRASHES)
    def correct(self, *, pick: int, cost: int, crash: str) -> None:
        which = self._some(pick).id
        known = any(row.take_id == which for row in self.model.rows)
        if known:
            self.model.adjust(which, cost, "refunded")
            self._do(lambda work: ledger.adjust(work, which, cost, "refunded", _NOW_MS), crash)
        else:
            with pytest.raises(KeyError), self._transaction() as work:
                ledger.adjust(work, which, cost, "refunded", _NOW_MS)

    @rule(before_ms=st.sampled_from([0, 5_000, 10_000]), crash=_CRASHES)
    def sum_up(self, *, before_ms: int, crash: str) -> None:
        self._do(lambda work: sum_up(work, before_ms, _NOW_MS), crash)
        self.model.sum_up(before_ms)

    # --- what always holds -----------------------------------------------------------------------------------------

    def teardown(self) -> None:
        """The proof finds nothing."""
        with self.engine.connect() as connection:
            assert check(connection) == ()

    @invariant()
    def lines_and_accounts_are_those_of_the_model(self) -> None:
        with self.engine.connect() as connection:
            lines, found = connection.execute(_LINES), connection.execute(select(accounts))
            assert sorted(tuple(line) for line in lines) == self.model.lines()
            kept = {tuple(key): (held, spent) for *key, held, spent in found if held or spent}
        assert kept == self.model.accounts()

    # --- how -------------------------------------------------------------------------------------------------------

    def _some(self, pick: int) -> Take:
        return list(self.takes.values())[pick % len(self.takes)]

    def _move(self, before: Take, state: TakeState, cost: int | None, crash: str) -> None:
        """What the pipeline may do: nothing is ordered for what has ended, and nothing unordered has a cost."""
        if state is TakeState.SUBMITTING and before.state is TakeState.PLANNED and before.request_id in self.ended:
            return
        after = replace(before, state=state)
        if state is TakeState.PLANNED:
            after = replace(after, submitting_at_ms=None, generation_id=None, cost_usd_micros=None)
        elif state is TakeState.SUBMITTING:
            after = replace(after, submitting_at_ms=_NOW_MS)
        elif state is TakeState.RENDERING:
            after = replace(after, generation_id=f"g-{before.id}")
        if state.final and before.cost_usd_micros is None:
            after = replace(after, cost_usd_micros=0 if before.state is TakeState.PLANNED and cost else cost)
        self._store(before, after, crash)

    def _store(self, before: Take, after: Take, crash: str) -> None:
        def stored(work: Transaction) -> None:
            work.connection.execute(update(takes).where(takes.c.id == after.id).values(take_columns(after)))
            self.settle(work, before, after, _NOW_MS)

        self._do(stored, crash)
        self.model.settle(before, after)
        self.takes[after.id] = after

    def _do(self, step: Callable[[Transaction], object], crash: str) -> None:
        if crash == "before the commit":
            with suppress(_Crash), self._transaction() as work:
                step(work)
                raise _Crash
        with self._transaction() as work:
            step(work)
        if crash == "after the commit":
            with self._transaction() as work:
                step(work)

    @contextmanager
    def _transaction(self) -> Generator[Transaction]:
        with self.engine.begin() as connection:
            yield Transaction(connection)


def _may_follow(before: TakeState, after: TakeState) -> bool:
    try:
        check_take_move(before, after)
    except IllegalMove:
        return False
    return True


class _Crash(Exception):
    """The process ends here."""


def _request(number: int, guild: int, person: int, many: int) -> Request:
    return Request(
        id=f"{number:013d}",
        version=2,
        state=RequestState.QUEUED,
        interaction_id=number,
        place=Place(guild_id=guild, channel_id=2, channel_kind=ChannelKind.TEXT, upload_limit_bytes=1),
        person=Person(id=person, name="Ada"),
        written_prompt="a cat",
        offers=(),
        parameters=Parameters(),
        take_count=many,
        created_at_ms=_NOW_MS,
    )


def _refused(step: Callable[[], None]) -> Iterable[str]:
    try:
        step()
    except Refused as refused:
        return [each.code for each in refused.reasons]
    return []


_SETTINGS: Final = settings(max_examples=300, stateful_step_count=12)
_QUICKLY: Final = settings(
    _SETTINGS,
    phases=[Phase.generate],
    report_multiple_bugs=False,
    database=None,
    print_blob=False,
    derandomize=True,
)
"""What is known to fail need not be made small."""


@pytest.mark.timeout(600)
def test_money_adds_up_whatever_is_cut_off_repeated_or_late() -> None:
    run_state_machine_as_test(LedgerMachine, settings=_SETTINGS)


def _booked_twice(work: Transaction, before: Take, after: Take, now_ms: int) -> None:
    """The mutant: whatever is settled is booked once more."""
    before_it = _spent(work.connection)
    ledger.settle(work, before, after, now_ms)
    if (more := _spent(work.connection) - before_it) != 0:
        twice = {"spent_usd_micros": accounts.c.spent_usd_micros + more}
        work.connection.execute(update(accounts).where(accounts.c.scope == ledger.GUILD).values(twice))


def _spent(connection: Connection) -> int:
    spent = connection.execute(select(accounts.c.spent_usd_micros).where(accounts.c.scope == ledger.GUILD)).scalars()
    return sum(spent)


class _Mutant(LedgerMachine):
    settle: Settle = staticmethod(_booked_twice)


def test_a_ledger_that_settles_twice_is_caught() -> None:
    with pytest.raises(AssertionError):
        run_state_machine_as_test(_Mutant, settings=_QUICKLY)


def test_the_database_itself_refuses_a_second_settlement(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the look for the first one is left out, the lines cannot be written twice."""

    def never(_connection: Connection, _take_id: str) -> bool:
        return False

    monkeypatch.setattr(ledger, "_closed", never)
    with pytest.raises(Exception, match="UNIQUE constraint failed"):
        run_state_machine_as_test(LedgerMachine, settings=_QUICKLY)
