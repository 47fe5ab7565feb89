"""Where a waiting request stands, and what is said of its money, as people read it on its card."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot import cards
from bot.domain.lanes import Ahead, Standing
from bot.domain.money import Bill
from bot.domain.reasons import reason
from bot.domain.requests import Snapshot
from bot.domain.states import RequestState, TakeState
from tests.card_reading import read, units
from tests.fakes_delivery import NOW_MS, make_snapshot, make_take

S = RequestState
_HALF, _ONE = 500_000, 1_000_000
BUSY = reason("lane-person-busy", running=1, limit=1)


def ahead(*people: tuple[str, int]) -> tuple[Ahead, ...]:
    return tuple(Ahead(person_id=number, person_name=name, count=count) for number, (name, count) in enumerate(people))


def on_card(snapshot: Snapshot) -> str:
    return read(cards.card(snapshot, rendered_prompt="a storm", vendor_tokens={}))


def answered(snapshot: Snapshot) -> str:
    return read(cards.accepted(snapshot, rendered_prompt="a storm", vendor_tokens={}))


@pytest.mark.parametrize(
    ("standing", "said"),
    [
        (Standing(place=3, ahead=ahead(("Ada", 1), ("Bo", 1))), "Ada and Bo each have one before yours."),
        (
            Standing(place=3, ahead=ahead(("Ada", 1), ("Bo", 1)), own_before=1),
            "Ada and Bo each have one before your second.",
        ),
        (Standing(place=5, ahead=ahead(("Ada", 2)), own_before=2), "Ada has 2 before your third."),
        (Standing(place=8, ahead=ahead(("Ada", 1)), own_before=6), "Ada has one before your 7th."),
        (Standing(place=2, ahead=ahead(("Ada", 1))), "Ada has one before yours."),
        (Standing(place=6, ahead=ahead(("Ada", 4), ("Bo", 1))), "Ada and Bo have 5 together before yours."),
        (
            Standing(place=8, ahead=ahead(*((name, 1) for name in ("Ada", "Bo", "Cy", "Di", "Ed")))),
            "Ada, Bo, Cy and 2 others each have one before yours.",
        ),
        (Standing(place=3, own_before=2), "Yours before it: 2."),
        (Standing(place=None, ahead=ahead(("Ada", 25))), "Its place in line is more than 25."),
        (Standing(place=1, why=BUSY), "The next starts when one of them ends."),
    ],
)
def test_a_waiting_card_says_who_comes_first_and_what_holds_it(standing: Standing, said: str) -> None:
    snapshot = make_snapshot(S.QUEUED, standing=standing)

    assert said in on_card(snapshot)
    assert said in answered(snapshot)


@pytest.mark.parametrize(
    ("place", "spoken"), [(1, "1st"), (2, "2nd"), (3, "3rd"), (4, "4th"), (11, "11th"), (12, "12th"), (22, "22nd")]
)
def test_the_place_is_in_the_title(place: int, spoken: str) -> None:
    snapshot = make_snapshot(S.QUEUED, standing=Standing(place=place))

    assert on_card(snapshot).startswith(f"### Waiting, {spoken} in line\n")
    assert answered(snapshot).startswith(f"### Your video is in line, {spoken}\n")


@pytest.mark.parametrize("standing", [None, Standing(place=None, why=reason("lane-not-before", at=NOW_MS // 1000))])
def test_what_has_no_turn_yet_has_no_place(standing: Standing | None) -> None:
    text = on_card(make_snapshot(S.QUEUED, standing=standing))

    assert text.startswith("### Waiting\n")
    assert "more than 25" not in text


@given(
    st.lists(st.tuples(st.text(max_size=100), st.integers(1, 25)), max_size=25), st.integers(0, 25), st.integers(1, 25)
)
def test_the_words_are_bounded_whatever_people_are_called(
    people: list[tuple[str, int]], own_before: int, place: int
) -> None:
    plain = make_snapshot(S.QUEUED)
    snapshot = make_snapshot(S.QUEUED, standing=Standing(place=place, ahead=ahead(*people), own_before=own_before))
    drawn, bare = (cards.card(each, rendered_prompt="a storm", vendor_tokens={}) for each in (snapshot, plain))

    assert units(drawn) - units(bare) <= 300


def test_nobodys_name_becomes_a_mention_or_a_link() -> None:
    snapshot = make_snapshot(S.QUEUED, standing=Standing(place=2, ahead=ahead(("<@1> @everyone [x](http://a)", 1))))

    (text,) = [
        each for each in cards.card(snapshot, rendered_prompt="", vendor_tokens={}).texts if "one before" in each
    ]
    assert "\\<@1> @\u200beveryone \\[x" in text


# --- money -----------------------------------------------------------------------------------------------------------

HELD = Bill(held_usd_micros=_ONE, still_held_usd_micros=_ONE, open_takes=1)
SETTLED = Bill(held_usd_micros=_ONE, spent_usd_micros=_HALF, given_back_usd_micros=_HALF)
BACK = Bill(held_usd_micros=_ONE, given_back_usd_micros=_ONE)


@pytest.mark.parametrize("state", [S.QUEUED, S.PREPARING, S.WORKING])
def test_what_is_reserved_is_said_while_it_goes_on(state: RequestState) -> None:
    snapshot = make_snapshot(state, make_take(1, TakeState.PLANNED), bill=HELD)

    assert "$1.00 is reserved for it." in on_card(snapshot)
    assert "$1.00 is reserved for it." in answered(snapshot)


@pytest.mark.parametrize("state", [S.DELIVERED, S.KEPT])
def test_every_final_message_says_what_happened_to_the_money(state: RequestState) -> None:
    snapshot = make_snapshot(state, make_take(), bill=SETTLED)
    said = "It cost $0.50; the other $0.50 reserved for it was given back."

    assert said in on_card(snapshot)
    assert said in answered(snapshot)
    assert said in read(cards.result(snapshot, ["clip.mp4"], rendered_prompt="a storm", vendor_tokens={}))
    assert said in read(cards.notice(snapshot))


@pytest.mark.parametrize("state", [S.CANCELLED, S.FAILED, S.EXPIRED, S.DENIED])
def test_what_came_to_nothing_says_that_all_was_given_back(state: RequestState) -> None:
    snapshot = make_snapshot(state, make_take(1, TakeState.CANCELLED), bill=BACK)
    said = "Nothing was spent; all of the $1.00 reserved for it was given back."

    assert said in on_card(snapshot)
    assert said in read(cards.notice(snapshot))
    if state is S.CANCELLED:
        assert said in read(cards.cancelled(snapshot))


def test_what_was_accepted_before_there_was_a_ledger_says_what_its_takes_cost() -> None:
    assert "It cost $0.6" in on_card(make_snapshot(S.KEPT, make_take()))
