"""Whatever crashed in between: one generation, one post, one word, and nothing left lying about."""

from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from itertools import count
from pathlib import Path

import pytest

from bot.domain.consent import Choice
from bot.domain.errors import Refused, Stale, Unavailable
from bot.domain.generations import GenerationState
from bot.domain.prompts import mend_proof
from bot.domain.reasons import reason
from bot.domain.requests import ChannelKind, Wish
from tests.fakes_provider import Fault
from tests.fault_points import EVERY_POINT
from tests.pipeline_rig import ADA, BOB, GUILD, WATCH_MS, Defect, Killed, Rig

BOBS_MESSAGE = 555
LONG = ("walk.long", "run.long")
AFTER_SUBMISSION = EVERY_POINT[2:]


async def nothing(_rig: Rig) -> None:
    """The vendor and the person do nothing further."""


async def generations_fail(rig: Rig) -> None:
    for row in list(rig.provider.rows.values()):
        if row.state is GenerationState.ACTIVE:
            rig.provider.fail(row.id)


async def person_cancels(rig: Rig) -> None:
    for request in await rig.every_request():
        if rig.provider.started and request.cancel_requested_by is None:
            with suppress(Refused):
                await rig.cancel(request.id, person_id=ADA, moderator=False)


async def one_of_two_fails(rig: Rig) -> None:
    for row in list(rig.provider.rows.values()):
        if row.id == rig.provider.started[0]:
            rig.provider.finish(row.id)
        elif row.state is GenerationState.ACTIVE:
            rig.provider.fail(row.id)


async def person_confirms(rig: Rig) -> None:
    for view in await rig.drafts.mine(GUILD, ADA):
        with suppress(Refused):
            await rig.confirmed(view)


async def person_mends_and_confirms(rig: Rig) -> None:
    for view in await rig.drafts.mine(GUILD, ADA):
        with suppress(Refused):
            request = view.request
            while view.findings:
                proof = mend_proof(view.findings[0], 0) if view.findings[0].mends else ""
                view = await rig.drafts.mend(  # noqa: PLW2901  the next look at the same draft
                    request.id, person_id=ADA, version=view.request.version, proof=proof
                )
            await rig.confirmed(view)


async def owner_forbids(rig: Rig) -> None:
    await rig.privacy.choose(GUILD, BOB, Choice(files=False))


async def owner_takes_back(rig: Rig) -> None:
    await rig.privacy.withdraw(BOBS_MESSAGE, owner_id=BOB, person_id=BOB)


@dataclass(frozen=True, kw_only=True)
class Play:
    """What is asked for, what happens meanwhile, and what it must come to."""

    files: tuple[str, ...] = ("hero.jpg",)
    takes: int = 1
    upload_limit_bytes: int = 10 << 20
    faults: tuple[Fault, ...] = ()
    finishes_at_once: bool = True
    refusals: dict[str, str] = field(default_factory=dict[str, str])
    meanwhile: Callable[[Rig], Awaitable[None]] = nothing
    state: str = "delivered"
    generations: int = 1
    clips: int = 1
    notices: int = 0
    ask: bool = False
    from_tray: bool = False
    of_bob: bool = False
    prompt: str = "@Image1 waves"
    broken: bool = False
    cards: int | None = 1

    async def run(self, rig: Rig) -> None:
        """From the wish to the end, or to where the process is killed."""
        rig.provider.fail_submits(*self.faults)
        rig.provider.finishes_at_once = self.finishes_at_once
        rig.discord.refusals = dict(self.refusals)
        rig.media.troubles = [Refused(reason("not-conformed", name="made"))] if self.broken else []
        await rig.submit(await self.wish(rig))
        await self.go_on(rig)

    async def wish(self, rig: Rig) -> Wish:
        wish = rig.wish(
            self.prompt if self.files else "a paper boat",
            *self.files,
            takes=self.takes,
            upload_limit_bytes=self.upload_limit_bytes,
            ask=self.ask,
        )
        if self.of_bob:
            offers = tuple(rig.posted_by(BOB, name, message=BOBS_MESSAGE) for name in self.files)
            return replace(wish, offers=offers)
        if self.from_tray:
            await rig.tray.add(rig.tray_wish(*wish.offers))
            return replace(wish, offers=(), use_tray=True)
        return wish

    async def go_on(self, rig: Rig) -> None:
        for _round in range(60):
            await self.meanwhile(rig)
            await rig.pass_time(WATCH_MS)
            await rig.look()
            if not await rig.store.open_requests():
                return
        raise AssertionError("it never came to an end")

    async def holds(self, rig: Rig, when: str) -> None:
        (request,) = await rig.every_request()
        assert request.state.value == self.state, when
        assert len(rig.provider.started) == self.generations, when
        assert len(rig.clips) == self.clips, when
        assert len(rig.notices) == self.notices, when
        assert len(rig.callbacks) <= 1, when
        if self.cards is not None:
            assert len(rig.posted("card")) == self.cards, when
        assert [card.shown[-1] for card in rig.posted("card")] == [self.state] * len(rig.posted("card")), when
        assert rig.staged == [], when
        owned = [take.generation_id for take in await rig.takes(request.id) if take.generation_id is not None]
        assert sorted(owned) == rig.provider.started, when


HAPPY = Play()
PLAYS = {
    "two takes": Play(takes=2, generations=2),
    "two takes in two messages": Play(takes=2, generations=2, upload_limit_bytes=1, clips=2),
    "words alone": Play(files=(), takes=2, generations=2),
    "an answer lost after acceptance": Play(faults=(Fault.LOST_AFTER,)),
    "an answer lost before acceptance": Play(faults=(Fault.LOST_BEFORE,)),
    "not started at first": Play(faults=(Fault.NOT_STARTED, Fault.RATE_LIMITED)),
    "rejected": Play(faults=(Fault.REJECTED,), state="failed", generations=0, clips=0, notices=1),
    "a failed generation": Play(finishes_at_once=False, meanwhile=generations_fail, state="failed", clips=0, notices=1),
    "one of two failed": Play(takes=2, finishes_at_once=False, meanwhile=one_of_two_fails, generations=2),
    "cancelled": Play(finishes_at_once=False, meanwhile=person_cancels, state="cancelled", clips=0),
    "a draft confirmed": Play(ask=True, meanwhile=person_confirms),
    "a draft mended and confirmed": Play(
        files=("hero.png", "alley.png"), prompt="@Image9 waves", meanwhile=person_mends_and_confirms
    ),
    "films cut to fit together": Play(files=LONG, prompt="@Video1 and @Video2", meanwhile=person_confirms),
    "a file that cannot be made to fit": Play(broken=True, state="failed", generations=0, clips=0, notices=1),
    "a tray": Play(files=("hero.png", "walk.mp4"), prompt="@Image1 walks like @Video1", from_tray=True),
    "a tray's draft confirmed": Play(from_tray=True, ask=True, meanwhile=person_confirms),
    "forbidden while it waits": Play(
        of_bob=True, meanwhile=owner_forbids, state="failed", generations=0, clips=0, notices=1, cards=None
    ),
    "taken back while it waits": Play(
        of_bob=True, meanwhile=owner_takes_back, state="failed", generations=0, clips=0, notices=1, cards=None
    ),
    "a refused delivery": Play(refusals={"result-1": "delivery-forbidden"}, state="kept", clips=0, notices=1),
}


@pytest.fixture
def rig(tmp_path: Path) -> Rig:
    return Rig(tmp_path)


async def test_the_list_of_points_is_the_way_a_request_goes(rig: Rig) -> None:
    """A new fault point has to be added here, and to the restart tests with real processes."""
    await HAPPY.run(rig)
    assert rig.faults.passed == EVERY_POINT
    await HAPPY.holds(rig, "undisturbed")


@pytest.mark.parametrize("forgotten", [False, True], ids=["nonces live", "nonces forgotten"])
@pytest.mark.parametrize("point", EVERY_POINT)
async def test_killed_anywhere_the_next_process_delivers_once_and_pays_once(
    rig: Rig,
    point: str,
    forgotten: bool,  # noqa: FBT001
) -> None:
    rig.faults.strike(point)
    with pytest.raises(Killed):
        await HAPPY.run(rig)
    if forgotten:
        rig.discord.forget_nonces()
    await rig.restart()
    await HAPPY.go_on(rig)
    await HAPPY.holds(rig, point)


@pytest.mark.parametrize("first", EVERY_POINT)
async def test_killed_twice_it_is_still_once(tmp_path: Path, first: str) -> None:
    for second in count(1):
        rig = Rig(tmp_path)
        rig.faults.strike(first)
        with pytest.raises(Killed):
            await HAPPY.run(rig)
        await rig.restart()
        rig.faults.strike(second)
        with suppress(Killed):
            await HAPPY.go_on(rig)
        if not rig.faults.struck:
            break
        await rig.restart()
        await HAPPY.go_on(rig)
        await HAPPY.holds(rig, f"{first}, then {rig.faults.passed}")


@pytest.mark.parametrize("name", PLAYS)
async def test_killed_anywhere_every_other_story_ends_as_it_should(tmp_path: Path, name: str) -> None:
    play = PLAYS[name]
    for number in count(1):
        rig = Rig(tmp_path)
        rig.faults.strike(number)
        with suppress(Killed):
            await play.run(rig)
        if not rig.faults.struck:
            await play.holds(rig, "undisturbed")
            return
        point = rig.faults.passed[-1]
        await rig.restart()
        await play.go_on(rig)
        await play.holds(rig, f"point {number}, {point}")


@pytest.mark.parametrize("point", AFTER_SUBMISSION)
async def test_an_outage_anywhere_changes_nothing_twice_and_needs_no_restart(rig: Rig, point: str) -> None:
    """Such as a database whose answer is lost after it has committed."""
    rig.faults.strike(point, Unavailable(reason("database-unavailable")))
    await HAPPY.run(rig)
    assert rig.faults.struck
    await HAPPY.holds(rig, point)


@pytest.mark.parametrize("point", [point for point in AFTER_SUBMISSION if point != "take.fetching"])
async def test_a_defect_anywhere_changes_nothing_twice(rig: Rig, point: str) -> None:
    """`take.fetching` is the watcher's point: a defect there ends the process, as the tests above have it."""
    rig.faults.strike(point, Defect())
    await HAPPY.run(rig)
    assert rig.faults.struck
    await HAPPY.holds(rig, point)


async def test_two_processes_at_once_pay_once_and_post_once(tmp_path: Path) -> None:
    """As when the old one has not quite ended: each knows nothing of the other but the tables."""
    rig = Rig(tmp_path)
    rig.provider.finishes_at_once = True
    await rig.submit(rig.wish("@Image1 waves", "hero.png", channel_kind=ChannelKind.THREAD))
    advance, watch, cards = rig.advance, rig.watch, rig.cards
    await rig.restart()
    (request,) = await rig.every_request()
    for _round in range(10):
        with suppress(Stale):
            await advance(request.id)
        await watch.look()
        rig.cards.owed |= cards.owed
        await rig.look()
    await HAPPY.holds(rig, "two processes")
