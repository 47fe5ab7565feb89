"""The Cancel button on a card: for the person who asked and for moderators, in any process."""

import discord
import pytest

from bot.domain.errors import Unavailable
from bot.domain.reasons import reason
from bot.domain.requests import Snapshot
from bot.domain.states import RequestState
from bot.domain.words import NOTHING_SPENT
from tests.behaviour.studio import Scene, named, read, told
from tests.fakes_store import MemoryRequestStore


async def ask(scene: Scene, prompt: str = "a storm") -> discord.Message:
    """Alice asks; her request's card, with its button."""
    await scene.alice.slash(scene.channel, "video make", prompt=f"{prompt} over sea.png", ref1=named("sea.png"))
    await scene.carry()
    card = scene.channel.last_message
    assert card is not None
    return card


async def only_request(scene: Scene) -> Snapshot:
    (request_id,) = scene.studio.accepted
    return await scene.studio.snapshot(request_id)


@pytest.fixture(autouse=True)
def _rendering_takes_its_time(scene: Scene) -> None:
    scene.studio.provider.finishes_at_once = False


async def test_the_requester_can_cancel_after_a_restart(scene: Scene) -> None:
    card = await ask(scene)
    await scene.restart()

    text = told(await scene.alice.click(card, label="Cancel"))
    await scene.carry()

    assert "Cancelling" in text
    request = (await only_request(scene)).request
    assert (request.state, request.cancel_requested_by) == (RequestState.CANCELLED, scene.alice.id)
    assert "Cancelled" in scene.seen_by(scene.bob)[-1]


async def test_what_waits_in_line_is_cancelled_at_once_and_for_nothing(scene: Scene) -> None:
    for prompt in ("one", "two"):
        await scene.bob.slash(scene.channel, "video make", prompt=prompt)
        await scene.carry()
    card = await ask(scene)
    assert "### Waiting, 1st in line" in read(card)

    text = told(await scene.alice.click(card, label="Cancel"))

    assert "### Cancelled" in text
    assert "Nothing was spent; all of the $1.50 reserved for it was given back." in text


async def test_a_moderator_can_cancel_after_a_restart(scene: Scene) -> None:
    card = await ask(scene)
    await scene.restart()

    told(await scene.moderator.click(card, label="Cancel"))

    assert (await only_request(scene)).request.cancel_requested_by == scene.moderator.id


async def test_nobody_else_can(scene: Scene) -> None:
    card = await ask(scene)
    await scene.restart()

    text = told(await scene.bob.click(card, label="Cancel"))

    assert "Only the person who asked, or a moderator, can cancel this request." in text
    assert (await only_request(scene)).request.cancel_requested_by is None


async def test_the_button_answers_however_often_cards_were_redrawn_and_pressed(scene: Scene) -> None:
    """discord.py forgets every lasting button at once when one view object is used twice; each drawing is a new one."""
    first, second = await ask(scene, "one"), await ask(scene, "two")
    for _ in range(2):
        for snapshot in await scene.studio.requests():
            await scene.studio.courier.show_card(snapshot)
        assert "Only the person" in told(await scene.bob.click(first, label="Cancel"))
    told(await scene.alice.click(first, label="Cancel"))
    await scene.carry()

    assert "Cancelling" in told(await scene.alice.click(second, label="Cancel"))


async def test_no_card_is_kept_in_memory_for_its_button(scene: Scene) -> None:
    await ask(scene, "one")
    await ask(scene, "two")

    assert list(scene.env.bot.persistent_views) == []


async def test_what_was_delivered_can_neither_be_cancelled_nor_is_it_said_to_be_free(scene: Scene) -> None:
    card = await ask(scene)
    scene.studio.provider.finish(scene.studio.provider.started[0], cost_usd_micros=500_000)
    scene.studio.bell.wake((await only_request(scene)).request.id)
    await scene.studio.carry()
    assert (await only_request(scene)).request.state is RequestState.DELIVERED

    text = told(await scene.alice.click(card, label="Cancel"))  # the card is not drawn anew yet

    assert "This request has already ended." in text
    assert NOTHING_SPENT not in text


async def test_a_request_nobody_knows_is_said_so(scene: Scene) -> None:
    card = await ask(scene)
    scene.studio.store = MemoryRequestStore()
    await scene.restart()

    assert "This request is not known any more." in told(await scene.alice.click(card, label="Cancel"))


async def test_an_outage_while_cancelling_is_a_sentence_without_a_word_on_money(scene: Scene) -> None:
    card = await ask(scene)
    scene.studio.trouble = Unavailable(reason("database-unavailable"))

    text = told(await scene.alice.click(card, label="Cancel"))

    assert "The bot's own database does not answer just now." in text
    assert NOTHING_SPENT not in text


async def test_a_defect_while_cancelling_is_answered_and_logged(scene: Scene) -> None:
    card = await ask(scene)
    scene.studio.trouble = ZeroDivisionError("a defect")

    assert "Something went wrong on our side." in told(await scene.alice.click(card, label="Cancel"))
    assert len(scene.take_events("command failed")) == 1


async def test_a_press_that_is_too_old_is_logged_and_cancels_nothing(scene: Scene) -> None:
    card = await ask(scene)
    scene.lose_first_answer()

    await scene.alice.click(card, label="Cancel")

    assert len(scene.take_events("interaction too old to answer")) == 1
    assert (await only_request(scene)).request.cancel_requested_by is None
