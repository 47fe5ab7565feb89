"""The judge of the chaos runs: a tidy end breaks no promise, and every way to break one is named."""

from dataclasses import replace
from typing import Any, TypeVar

import pytest

from sandbox.chaos.evidence import Evidence, Made, Posted, Taken, Wanted
from sandbox.chaos.script import POINTS, scripted
from sandbox.chaos.verdict import Broken, findings, tallied, told_failures
from tests.fault_points import EVERY_POINT

Row = TypeVar("Row", Wanted, Taken, Made, Posted)
NOBODYS = frozenset[str]()
ONE, TWO = "0000000000001", "0000000000002"
WISHED = Wanted(id=ONE, interaction_id=11, state="delivered", accepted=True, take_count=1, tag="nr00001x")
FAILED = Wanted(id=TWO, interaction_id=12, state="failed", accepted=True, take_count=1, tag="nr00002x")
TAKE = Taken(id=f"{ONE}-1", request_id=ONE, state="fetched", generation_id="a", cost_usd_micros=480_000, clip="clip-a")
NEVER_ORDERED = Taken(id=f"{TWO}-1", request_id=TWO, state="failed", generation_id=None, cost_usd_micros=0, clip=None)
MADE = Made(
    id="a",
    status="succeeded",
    cost_usd_micros=480_000,
    tag="nr00001x",
    take_ids=frozenset({TAKE.id}),
    clip="clip-a",
)
CARD = Posted(id="1", request_id=ONE, slot="card")
RESULT = Posted(id="2", request_id=ONE, slot="result-1", clips=("clip-a",))
OTHER_CARD = Posted(id="3", request_id=TWO, slot="card")
NOTICE = Posted(id="4", request_id=TWO, slot="notice")
TIDY = Evidence(
    wanted=(WISHED, FAILED),
    taken=(TAKE, NEVER_ORDERED),
    made=(MADE,),
    posted=(CARD, RESULT, OTHER_CARD, NOTICE),
    nonces={f"{ONE}-card": 1, f"{ONE}-result-1": 1},
    named=frozenset({"picture", "clip-a"}),
    contents=frozenset({"picture", "clip-a"}),
    told_accepted=frozenset({11, 12}),
)
POSTS = TIDY.posted


def but(row: Row, **changes: Any) -> Row:  # noqa: ANN401  fields of the row
    """The row with other values."""
    return replace(row, **changes)


def test_a_tidy_end_breaks_no_promise() -> None:
    assert findings(TIDY) == ()
    assert told_failures(TIDY) == 1


SPOILT = {
    "told that it is in line, and forgotten": (Broken.LOST, TIDY.but(told_accepted=frozenset({11, 12, 13}))),
    "never final": (Broken.LOST, TIDY.but(wanted=(but(WISHED, state="working"), FAILED))),
    "a take that is not final": (Broken.LOST, TIDY.but(taken=(TAKE, but(NEVER_ORDERED, state="needs_review")))),
    "a take that is missing": (Broken.LOST, TIDY.but(taken=(TAKE,))),
    "a generation of nobody's": (Broken.LOST, TIDY.but(taken=(but(TAKE, generation_id=None), NEVER_ORDERED))),
    "rendered and given up": (Broken.LOST, TIDY.but(taken=(but(TAKE, state="failed"), NEVER_ORDERED))),
    "fetched and not posted": (Broken.LOST, TIDY.but(posted=(CARD, OTHER_CARD, NOTICE))),
    "another clip than the vendor made": (Broken.LOST, TIDY.but(made=(but(MADE, clip="clip-b"),))),
    "kept, and its clip is gone": (
        Broken.LOST,
        TIDY.but(wanted=(but(WISHED, state="kept"), FAILED), contents=frozenset({"picture"})),
    ),
    "ordered twice, with files": (Broken.DOUBLED, TIDY.but(made=(MADE, but(MADE, id="b")))),
    "ordered twice, in words": (
        Broken.DOUBLED,
        TIDY.but(made=(but(MADE, take_ids=NOBODYS), but(MADE, id="b", take_ids=NOBODYS))),
    ),
    "files of two takes in one order": (
        Broken.DOUBLED,
        TIDY.but(made=(but(MADE, take_ids=frozenset({TAKE.id, NEVER_ORDERED.id})),)),
    ),
    "one generation for two takes": (
        Broken.DOUBLED,
        TIDY.but(taken=(TAKE, but(NEVER_ORDERED, generation_id="a", cost_usd_micros=480_000))),
    ),
    "asked once, stored twice": (Broken.DOUBLED, TIDY.but(wanted=(WISHED, but(FAILED, tag=WISHED.tag)))),
    "posted twice": (Broken.DOUBLED, TIDY.but(posted=(*POSTS, but(RESULT, id="5")))),
    "posted twice under different slots": (
        Broken.DOUBLED,
        TIDY.but(posted=(*POSTS, but(RESULT, id="5", slot="result-2"))),
    ),
    "a nonce twice, though one message was deleted": (Broken.DOUBLED, TIDY.but(nonces={f"{ONE}-card": 2})),
    "another cost than the vendor's": (
        Broken.UNBALANCED,
        TIDY.but(taken=(but(TAKE, cost_usd_micros=240_000), NEVER_ORDERED)),
    ),
    "a cost that is not known": (
        Broken.UNBALANCED,
        TIDY.but(taken=(but(TAKE, cost_usd_micros=None), NEVER_ORDERED)),
    ),
    "a cost for what was never ordered": (
        Broken.UNBALANCED,
        TIDY.but(taken=(TAKE, but(NEVER_ORDERED, cost_usd_micros=1))),
    ),
    "what the ledger complains of": (Broken.UNBALANCED, TIDY.but(ledger_complaint="it does not add up")),
    "bytes of nobody's": (Broken.LEAKED, TIDY.but(contents=frozenset({"picture", "clip-a", "stray"}))),
    "bytes that are gone": (Broken.LEAKED, TIDY.but(contents=frozenset({"clip-a"}))),
    "half a file": (Broken.LEAKED, TIDY.but(strays=("scratch/clip.part",))),
    "a staged message": (Broken.LEAKED, TIDY.but(staging_left=1)),
    "failed in silence": (Broken.UNTOLD, TIDY.but(posted=(CARD, RESULT, OTHER_CARD))),
    "a request without a card": (Broken.UNTOLD, TIDY.but(posted=(RESULT, OTHER_CARD, NOTICE))),
    "a card with a dead button": (
        Broken.UNTOLD,
        TIDY.but(posted=(but(CARD, offers_cancel=True), RESULT, OTHER_CARD, NOTICE)),
    ),
    "a bot that ended by itself": (Broken.FELL, TIDY.but(fell=("bot-3 ended by itself with code 1",))),
}


@pytest.mark.parametrize("what", SPOILT)
def test_every_broken_promise_is_found(what: str) -> None:
    broken, evidence = SPOILT[what]
    assert tallied(findings(evidence))[broken] >= 1


def test_a_draft_that_failed_needs_no_notice_where_its_person_read_the_answer() -> None:
    draft = but(FAILED, accepted=False)
    told = TIDY.but(wanted=(WISHED, draft), taken=(TAKE,), posted=(CARD, RESULT), told_accepted=frozenset({11}))
    assert tallied(findings(told))[Broken.UNTOLD] == 1
    assert findings(told.but(said={12: "Nothing was spent."})) == ()


def test_the_same_seed_is_the_same_script_and_another_is_not() -> None:
    assert scripted(7, 40, 60) == scripted(7, 40, 60)
    assert scripted(7, 40, 60) != scripted(8, 40, 60)


@pytest.mark.parametrize(("requests", "kills"), [(200, 300), (12, 20), (5, 1), (3, 0), (0, 4)])
def test_every_request_is_asked_and_every_life_is_lived(requests: int, kills: int) -> None:
    script = scripted(1, requests, kills)
    assert [wish.number for wish in script.wishes] == list(range(requests))
    assert len(script.lives) == kills


def test_every_place_where_a_crash_would_hurt_is_died_at_again_and_again() -> None:
    assert set(EVERY_POINT) <= set(POINTS)
    died = [life.point for life in scripted(1, 200, 300).lives]
    assert all(died.count(point) >= 5 for point in POINTS)
