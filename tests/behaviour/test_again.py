"""“Again”: a new draft with what an earlier request held, whatever became of its message."""

import discord

from bot.domain.references import OfferSource
from bot.domain.requests import Parameters
from bot.domain.states import RequestState
from tests.behaviour.draft_card import card_of
from tests.behaviour.studio import Scene, entered, named, take_back, told
from tests.behaviour.test_make_video_menu import acknowledge_what_the_form_raised


async def delivered(scene: Scene, message: discord.Message | None = None) -> discord.Message:
    """Alice's finished video, of a message of Bob's or a file of her own."""
    if message is None:
        await scene.alice.slash(scene.channel, "video make", prompt="hero.png walks", ref1=named("hero.png"), seed=7)
    else:
        shown = await scene.alice.context_menu(scene.channel, "Make video", message)
        await scene.alice.submit_modal(shown, entered(shown, What_happens="#1 walks"))
    await scene.carry()
    return next(one for one in reversed(scene.channel.threads[-1].history()) if one.attachments)


async def test_it_is_a_draft_with_prompt_files_and_settings(scene: Scene) -> None:
    result = await delivered(scene)
    await scene.restart()

    pressed = await scene.alice.click(result, label="Again")

    card = card_of(scene, scene.alice, pressed)
    assert "Your draft: ready to confirm" in card.text
    assert "> @Image1 walks" in card.text
    request = await card.request()
    assert request.parameters == Parameters(seed=7)
    assert [(one.name, one.source) for one in request.references] == [("hero.png", OfferSource.AGAIN)]
    await card.press("Confirm")
    await scene.carry()
    assert len(scene.studio.provider.started) == 2


async def test_it_works_after_the_message_is_gone(scene: Scene) -> None:
    message = scene.message(scene.bob, "look", files=(named("sea.png"),))
    result = await delivered(scene, message)
    await scene.bob.delete(message)
    fetched = len(scene.studio.downloader.fetched)

    card = card_of(scene, scene.alice, await scene.alice.click(result, label="Again"))

    assert [one.name for one in (await card.request()).references] == ["sea.png"]
    assert len(scene.studio.downloader.fetched) == fetched


async def test_not_when_its_owner_took_the_files_back(scene: Scene) -> None:
    message = scene.message(scene.bob, "look", files=(named("sea.png"),))
    result = await delivered(scene, message)
    await take_back(scene, scene.bob, message)

    text = told(await scene.alice.click(result, label="Again"))
    acknowledge_what_the_form_raised(scene)

    assert "“sea.png” was taken back by the person who posted it." in text


async def test_somebody_elses_request_may_be_made_again_and_its_files_stay_theirs(scene: Scene) -> None:
    result = await delivered(scene)

    card = card_of(scene, scene.bob, await scene.bob.click(result, label="Again"))

    (reference,) = (await card.request()).references
    assert reference.owner_id == scene.alice.id
    assert (await card.request()).person.id == scene.bob.id


async def test_not_against_the_will_of_whose_files_they_are(scene: Scene) -> None:
    result = await delivered(scene)
    told(await scene.alice.slash(scene.channel, "privacy references", files="forbid"))

    assert "“hero.png” belongs to somebody" in told(await scene.bob.click(result, label="Again"))


async def test_a_failed_request_can_be_tried_again_from_its_notice(scene: Scene) -> None:
    scene.studio.provider.finishes_at_once = False
    told(await scene.alice.slash(scene.channel, "video make", prompt="hero.png walks", ref1=named("hero.png")))
    await scene.carry()
    scene.studio.provider.fail(scene.studio.provider.started[0])
    scene.studio.bell.wake(scene.studio.accepted[0])
    await scene.carry()
    assert (await scene.studio.snapshot(scene.studio.accepted[0])).request.state is RequestState.FAILED
    notice = scene.channel.last_message
    assert notice is not None

    card = card_of(scene, scene.alice, await scene.alice.click(notice, label="Again"))

    assert "> @Image1 walks" in card.text
