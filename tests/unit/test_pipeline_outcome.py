"""What the vendor says of a rendering take, as a table."""

from dataclasses import replace

import pytest

from bot.domain.generations import Generation, GenerationState
from bot.domain.reasons import Reason, reason
from bot.domain.requests import Take
from bot.domain.states import TakeState
from bot.pipeline.outcome import verdict

G, T = GenerationState, TakeState
MOST = 3
URL = "https://vendor.invalid/clip.mp4"
FACE = reason("rejected-face")
TAKE = Take(id="r-1", request_id="r", ordinal=1, version=4, state=T.RENDERING, generation_id="g", cost_usd_micros=None)

TABLE = [
    # said                                        looks  state         failure                     cost  looks after
    ((G.ACTIVE, None, None, None), 0, T.RENDERING, None, None, 0),
    ((G.ACTIVE, None, None, None), 2, T.RENDERING, None, None, 0),
    ((G.ACTIVE, URL, None, 5), 0, T.RENDERING, None, None, 0),
    ((G.SUCCEEDED, URL, None, 5), 0, T.FETCHING, None, 5, 0),
    ((G.SUCCEEDED, URL, None, None), 2, T.FETCHING, None, None, 2),
    ((G.SUCCEEDED, None, None, 5), 0, T.RENDERING, None, None, 1),
    ((G.SUCCEEDED, "", None, 5), 1, T.RENDERING, None, None, 2),
    ((G.SUCCEEDED, None, None, 5), 2, T.FAILED, reason("result-missing"), 5, 2),
    ((G.FAILED, None, FACE, 0), 0, T.FAILED, FACE, 0, 0),
    ((G.FAILED, URL, None, None), 0, T.FAILED, reason("vendor-failed"), None, 0),
    ((G.CANCELLED, None, None, 0), 0, T.CANCELLED, reason("vendor-cancelled"), 0, 0),
    ((G.CANCELLED, None, reason("cancelled", person=7), 9), 0, T.CANCELLED, reason("cancelled", person=7), 9, 0),
    ((G.MISSING, None, None, None), 0, T.RENDERING, None, None, 1),
    ((G.MISSING, None, None, None), 1, T.RENDERING, None, None, 2),
    ((G.MISSING, None, None, None), 2, T.FAILED, reason("vendor-lost"), None, 2),
    ((G.MISSING, None, None, None), 9, T.FAILED, reason("vendor-lost"), None, 9),
]


@pytest.mark.parametrize(("said", "looks", "state", "failure", "cost", "looks_after"), TABLE)
def test_what_is_said_has_one_consequence(
    said: tuple[GenerationState, str | None, Reason | None, int | None],
    looks: int,
    state: TakeState,
    failure: Reason | None,
    cost: int | None,
    looks_after: int,
) -> None:
    word, url, why, price = said
    generation = Generation(
        id="g", state=word, vendor_status=word.value, result_url=url, failure=why, cost_usd_micros=price
    )
    after, changes = verdict(replace(TAKE, looks=looks), generation, most_doubts=MOST)
    take = replace(TAKE, **{"looks": looks, "state": after, **changes})  # pyright: ignore[reportArgumentType]

    assert take.state is state
    assert take.failure == failure
    assert take.cost_usd_micros == cost
    assert take.looks == looks_after
    assert take.vendor_status == word.value
    assert take.result_url == (url if state is T.FETCHING else None)


def test_a_cost_once_known_is_not_forgotten() -> None:
    known = replace(TAKE, cost_usd_micros=7, looks=MOST)
    for word in (G.SUCCEEDED, G.FAILED, G.CANCELLED, G.MISSING):
        said = Generation(id="g", state=word, vendor_status="", result_url=URL)
        assert verdict(known, said, most_doubts=MOST)[1].get("cost_usd_micros", 7) == 7


def test_one_doubt_is_enough_where_one_is_allowed() -> None:
    said = Generation(id="g", state=G.MISSING, vendor_status="")
    assert verdict(TAKE, said, most_doubts=1)[0] is T.FAILED
