"""What people read of their quotas, of a server's line, and of a draft's price."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from bot import cards
from bot.domain.lanes import Ahead, Standing
from bot.domain.money import Account
from bot.domain.policies import ANYWHERE, Block, Limits, Policy, Quota, Span, Unit
from bot.domain.quotas import Quotas, Usage
from bot.domain.reasons import reason
from bot.domain.requests import Parameters, Person, Request
from bot.domain.states import RequestState
from tests.card_reading import read, units
from tests.fakes_delivery import NOW_MS, make_request

_DAY_MS = 86_400_000
_ENDS = dict(zip(Span, (NOW_MS + _DAY_MS, NOW_MS + 7 * _DAY_MS, NOW_MS + 30 * _DAY_MS), strict=True))
_TAKES_A_DAY = Quota(unit=Unit.TAKES, span=Span.DAY, limit=5)
POLICY = Policy(
    time_zone="Europe/Berlin",
    guild=Limits(quotas=(Quota(unit=Unit.SECONDS, span=Span.MONTH, limit=900),), running=3),
    person=Limits(quotas=(_TAKES_A_DAY,), running=2, waiting=4, cooldown_seconds=60),
    roles={99: Limits(quotas=(replace(_TAKES_A_DAY, limit=50),), running=8, waiting=9)},
)
USAGE = Usage(
    person={(Unit.TAKES, Span.DAY): 3},
    guild={(Unit.SECONDS, Span.MONTH): 120},
    resets_at_ms=_ENDS,
    person_running=1,
    guild_running=2,
    person_waiting=3,
    person_drafts=1,
    last_accepted_ms=NOW_MS - 10_000,
    month=Account(held_usd_micros=500_000, spent_usd_micros=1_500_000, limit_usd_micros=10_000_000),
    day=Account(held_usd_micros=0, spent_usd_micros=250_000),
    now_ms=NOW_MS,
)
FOUND = Quotas(policy=POLICY, usage=USAGE)


def test_both_say_what_is_used_left_and_when_it_is_anew() -> None:
    text = read(cards.quotas(FOUND, roles=()))

    assert f"takes a day: **3 of 5** · anew <t:{_ENDS[Span.DAY] // 1000}:R>" in text
    assert f"seconds a month: **120 of 900** · anew <t:{_ENDS[Span.MONTH] // 1000}:R>" in text
    assert "budget a month: **$8.00 left of $10.00**, $1.50 spent, $0.5000 held" in text.replace("$0.50 ", "$0.5000 ")
    assert "spent today: **$0.25**, $0.00 held" in text
    assert "under way: **1 of 2**" in text
    assert "under way: **2 of 3**" in text
    assert "waiting: **3 of 4** (drafts among them: 1)" in text
    assert f"pause between two requests: **60 s** · the next <t:{(NOW_MS + 50_999) // 1000}:R>" in text
    assert "Europe/Berlin" in text


def test_a_role_counts() -> None:
    text = read(cards.quotas(FOUND, roles=(99,)))

    assert "takes a day: **3 of 50**" in text
    assert "under way: **1 of 8**" in text
    assert "pause" not in text


def test_who_is_blocked_reads_why_and_until_when() -> None:
    block = Block(guild_id=1, person_id=7, why="flooding", by=8, at_ms=NOW_MS, expires_at_ms=NOW_MS + _DAY_MS)
    found = replace(FOUND, usage=replace(USAGE, block=block))

    text = read(cards.quotas(found, roles=()))

    assert f"You may not ask for videos in this server before <t:{-(-(NOW_MS + _DAY_MS) // 1000)}:f>: flooding." in text
    over = replace(found, usage=replace(found.usage, now_ms=NOW_MS + _DAY_MS))
    assert "flooding" not in read(cards.quotas(over, roles=()))
    anywhere = replace(block, guild_id=ANYWHERE, expires_at_ms=None)
    text = read(cards.quotas(replace(FOUND, usage=replace(USAGE, block=anywhere)), roles=()))
    assert "You may not ask this bot for videos: flooding." in text


def test_no_limits_is_said_by_the_counts_alone() -> None:
    bare = Quotas(policy=Policy(), usage=Usage(person={}, guild={}, resets_at_ms=_ENDS, now_ms=NOW_MS))

    text = read(cards.quotas(bare, roles=()))

    assert "under way: **0**" in text
    assert " of " not in text.replace("those of", "")


# --- the line --------------------------------------------------------------------------------------------------------

BUSY = reason("lane-guild-busy", running=3, limit=3)


def waiting(number: int, *, person: int = 7, channel: int = 2, prompt: str = "a storm") -> Request:
    request = make_request(RequestState.QUEUED, id=f"{number:013d}", written_prompt=prompt, accepted_at_ms=NOW_MS)
    return replace(
        request,
        person=Person(id=person, name=f"person {person}"),
        place=replace(request.place, channel_id=channel),
        parameters=Parameters(duration_seconds=8),
        take_count=2,
    )


def line(*turns: tuple[Request, Standing], viewer: int = 7, channel: int = 1) -> str:
    return read(cards.queue(turns, FOUND, person_id=viewer, channel_id=channel))


def test_the_line_shows_who_what_and_why_in_turn() -> None:
    turns = [(waiting(1, person=7), Standing(place=1, why=BUSY)), (waiting(2, person=8), Standing(place=2))]

    text = line(*turns)

    assert f"**1st** <@7> · “a storm” · 2 × 8 s · <t:{NOW_MS // 1000}:R> · `0000000000001`" in text
    assert f"**2nd** <@8> · 2 × 8 s · <t:{NOW_MS // 1000}:R> · `0000000000002`" in text
    assert "Under way: **2 of 3**" in text
    assert "1st: This server has as many requests under way as may be at once (3 of 3)." in text


def test_another_persons_prompt_is_shown_only_where_its_card_is() -> None:
    turn = (waiting(1, person=8, channel=5, prompt="a secret"), Standing(place=1))

    assert "a secret" not in line(turn, channel=6)
    assert "a secret" in line(turn, channel=5)
    assert "a secret" not in cards.queue_choice(1, turn[0], person_id=7, channel_id=6)


def test_a_reason_that_holds_them_all_is_said_once() -> None:
    turns = [(waiting(number), Standing(place=number, why=BUSY)) for number in range(1, 9)]

    text = line(*turns)

    assert text.count("as many requests under way") == 1
    assert "-# This server has" in text


def test_beyond_the_first_25_it_says_so_and_counts_ones_own() -> None:
    turns = [(waiting(number, person=8), Standing(place=number)) for number in range(1, 26)]

    assert "is more than 25." in line(*turns)
    assert "Of yours, 2 more wait further back: their place is more than 25." in line(*turns)
    assert "more than 25" not in line(*turns[:24])


def test_an_empty_line_says_so() -> None:
    assert "Nothing is waiting here." in line()


@given(st.lists(st.text(max_size=300), min_size=25, max_size=25))
def test_the_longest_line_fits_into_a_message(prompts: list[str]) -> None:
    turns = [
        (
            waiting(number, prompt=prompt),
            Standing(place=number, why=reason("lane-person-busy", running=number, limit=1)),
        )
        for number, prompt in enumerate(prompts, start=1)
    ]

    assert units(cards.queue(turns, FOUND, person_id=7, channel_id=2)) <= 4000
    names = [cards.queue_choice(25, request, person_id=7, channel_id=2) for request, _ in turns]
    assert all(1 <= len(name.encode("utf-16-le")) // 2 <= 100 for name in names)


def test_ahead_is_not_repeated_in_the_line() -> None:
    standing = Standing(place=2, ahead=(Ahead(person_id=8, person_name="Ada", count=1),))

    assert "before" not in line((waiting(1), standing))
