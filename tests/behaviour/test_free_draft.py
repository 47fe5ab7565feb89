"""“Free draft” on a draft's card: a film in a private message of its own, drawn here, for nothing."""

import asyncio
from dataclasses import replace
from pathlib import Path

import discord
import pytest
import simcord

from bot.client import RushesClient
from bot.domain.errors import Unavailable
from bot.domain.media import AnimaticPlan, MediaFacts
from bot.domain.reasons import reason
from tests.behaviour import studio
from tests.behaviour.draft_card import Card, draft
from tests.behaviour.studio import Scene, told
from tests.behaviour.test_public_posts import posts


def film_of(result: simcord.InteractionResult) -> discord.Attachment:
    """The one file of the private message that answers the click."""
    assert result.response is not None
    assert result.response.ephemeral
    (film,) = result.response.attachments
    return film


def client_of(scene: Scene) -> RushesClient:
    assert isinstance(scene.env.bot, RushesClient)
    return scene.env.bot


@pytest.fixture
def allowance(monkeypatch: pytest.MonkeyPatch) -> None:
    """One a day."""
    allowance = replace(studio.DRAFTING.allowance, person_animatics=1)
    monkeypatch.setattr(studio, "DRAFTING", replace(studio.DRAFTING, allowance=allowance))


async def press(card: Card) -> simcord.InteractionResult:
    return await card.press("Free draft")


async def test_it_comes_privately_as_a_film_and_the_card_stays(scene: Scene) -> None:
    card = await draft(scene, "#2 follows #1 to #9")
    before = (card.text, card.files)

    result = await press(card)

    film = film_of(result)
    request = await card.request()
    assert film.filename == f"free-draft-{request.id}.mp4"
    assert (await film.read()).decode().splitlines()[1:] == [
        "@Video1 follows @Image1 to #9",
        "@Video1 walk.mp4",
        "@Image1 hero.png",
    ]
    assert "not by the model" in told(result)
    assert "Nothing was ordered and nothing was paid." in told(result)
    assert (card.text, card.files) == before
    assert posts(scene.channel) == []


async def test_it_orders_nothing_and_the_draft_can_still_be_confirmed(scene: Scene) -> None:
    card = await draft(scene, "#1 and #2", takes=4)

    await press(card)
    await scene.carry()
    assert scene.studio.provider.started == []

    await card.press("Confirm")
    await scene.carry()
    assert len(scene.studio.provider.started) == 4


async def test_a_draft_with_errors_has_one_too(scene: Scene) -> None:
    card = await draft(scene, "@Image1 and @Image9")
    assert "Confirm" not in card.labels

    assert film_of(await press(card)).filename.endswith(".mp4")


async def test_it_pings_nobody(scene: Scene) -> None:
    card = await draft(scene, "@everyone sees #1 and #9")

    result = await press(card)

    assert result.response is not None
    assert result.response.message.mention_everyone is False
    assert result.response.message.mentions == []


@pytest.mark.usefixtures("allowance")
async def test_when_the_days_are_used_up_it_says_so_and_when_there_are_more(scene: Scene) -> None:
    card = await draft(scene)
    await press(card)

    text = told(await press(card))

    assert "as many free drafts drawn today as there are (1 a day)" in text
    assert "<t:" in text
    assert "Nothing was spent." in text


async def test_a_second_press_while_one_is_drawn_says_so_and_counts_nothing(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    card, request = await draft(scene), await (await draft(scene)).request()
    begun, go, draws = asyncio.Event(), asyncio.Event(), scene.studio.media.animatic

    async def when_told(plan: AnimaticPlan, into: Path) -> MediaFacts:
        begun.set()
        await go.wait()
        return await draws(plan, into)

    monkeypatch.setattr(scene.studio.media, "animatic", when_told)
    drafts = client_of(scene).services.drafts

    async def elsewhere() -> None:
        await drafts.animatic(request.id, person_id=request.person.id, version=request.version)

    async with asyncio.TaskGroup() as group:
        group.create_task(elsewhere())
        await begun.wait()
        text = told(await press(card))
        go.set()

    assert "A free draft of yours is being drawn already." in text
    assert film_of(await press(card)).filename.endswith(".mp4")


async def test_on_a_card_that_is_not_true_any_more_it_says_so(scene: Scene) -> None:
    card = await draft(scene)
    older = await scene.alice.slash(scene.channel, "video drafts")
    await card.edit(What_happens="#2 and #9")
    assert older.response is not None

    result = await scene.alice.click(older.response, label="Free draft")

    assert "The draft was changed since this was shown." in told(result)


async def test_trouble_with_drawing_is_told_in_the_message_that_waits_for_it(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    card = await draft(scene)

    async def breaks(*_arguments: object) -> None:
        raise Unavailable(reason("storage-unavailable"))

    monkeypatch.setattr(scene.studio.media, "animatic", breaks)

    text = told(await press(card))

    assert "That did not work" in text
    assert "It counts towards today's free drafts all the same." in text
    assert "Your draft" in card.text


async def test_a_film_that_discord_does_not_take_is_said_to_be_that(scene: Scene) -> None:
    card = await draft(scene)
    scene.lose_last_answer(status=413, code=40005)

    text = told(await press(card))

    assert "Discord did not take it. It counts towards today's free drafts all the same." in text
    assert scene.take_events("answer not told")


async def test_it_works_after_a_restart(scene: Scene) -> None:
    card = await draft(scene)
    await scene.restart()

    assert film_of(await press(card)).filename.endswith(".mp4")
