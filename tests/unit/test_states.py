"""The two tables of legal moves, as promises about them."""

from collections.abc import Callable, Iterable
from enum import StrEnum
from itertools import product
from typing import TypeVar

import pytest

from bot.domain.states import IllegalMove, RequestState, TakeState, check_request_move, check_take_move

R, T = RequestState, TakeState
State = TypeVar("State", RequestState, TakeState)


def legal(check: Callable[[State, State], None], states: Iterable[State]) -> set[tuple[State, State]]:
    """Every move between two different states that the table has."""
    found = set[tuple[State, State]]()
    for before, after in product(list(states), repeat=2):
        try:
            check(before, after)
        except IllegalMove:
            continue
        if before is not after:
            found.add((before, after))
    return found


REQUEST_MOVES = legal(check_request_move, R)
TAKE_MOVES = legal(check_take_move, T)


def reachable(moves: set[tuple[State, State]], start: State) -> set[State]:
    found = {start}
    while more := {after for before, after in moves if before in found} - found:
        found |= more
    return found


def test_every_state_can_be_reached_from_the_start() -> None:
    assert reachable(REQUEST_MOVES, R.DRAFT) == set(R)
    assert reachable(TAKE_MOVES, T.PLANNED) == set(T)


def test_every_state_leads_to_an_end() -> None:
    for state in R:
        assert any(each.final for each in reachable(REQUEST_MOVES, state))
    for state in T:
        assert any(each.final for each in reachable(TAKE_MOVES, state))


def test_final_states_have_no_way_out_but_for_delivering_again_what_was_kept() -> None:
    assert {(before, after) for before, after in REQUEST_MOVES if before.final} == {(R.KEPT, R.DELIVERING)}
    assert not any(before.final for before, _ in TAKE_MOVES)


def test_states_that_are_not_final_have_a_way_on() -> None:
    assert {state for state in R if not state.final} <= {before for before, _ in REQUEST_MOVES}
    assert {state for state in T if not state.final} == {before for before, _ in TAKE_MOVES}


def test_staying_is_always_legal() -> None:
    for request_state in R:
        check_request_move(request_state, request_state)
    for take_state in T:
        check_take_move(take_state, take_state)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (R.DRAFT, R.WORKING),
        (R.QUEUED, R.WORKING),
        (R.WORKING, R.QUEUED),
        (R.DELIVERING, R.CANCELLED),
        (R.DELIVERING, R.FAILED),
        (R.DELIVERED, R.DELIVERING),
        (R.CANCELLED, R.QUEUED),
        (R.FAILED, R.DRAFT),
    ],
)
def test_an_illegal_move_of_a_request_names_both_ends(before: RequestState, after: RequestState) -> None:
    with pytest.raises(IllegalMove, match=f"request: {before} -> {after}"):
        check_request_move(before, after)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (T.PLANNED, T.RENDERING),
        (T.RENDERING, T.PLANNED),
        (T.RENDERING, T.SUBMITTING),
        (T.FETCHING, T.CANCELLED),
        (T.FETCHED, T.FAILED),
        (T.FAILED, T.PLANNED),
    ],
)
def test_an_illegal_move_of_a_take_names_both_ends(before: TakeState, after: TakeState) -> None:
    with pytest.raises(IllegalMove, match=f"take: {before} -> {after}"):
        check_take_move(before, after)


def test_paying_again_needs_a_way_back_to_before_the_paid_call() -> None:
    """Only what was looked for may be ordered anew: from nowhere behind `submitting` does a way lead back to it."""
    assert {before for before, after in TAKE_MOVES if after is T.PLANNED} == {T.SUBMITTING}
    assert {before for before, after in TAKE_MOVES if after is T.SUBMITTING} == {T.PLANNED, T.NEEDS_REVIEW}


@pytest.mark.parametrize("states", [R, T])
def test_values_are_what_columns_and_logs_say(states: type[StrEnum]) -> None:
    assert [state.value for state in states] == [state.name.lower() for state in states]
