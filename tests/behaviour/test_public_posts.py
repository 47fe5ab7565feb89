"""What everybody in the channel gets to see: one card, one thread, one result, posted with the bot's own token."""

from typing import Any, cast

import discord
import pytest
import simcord

from bot.domain.states import RequestState
from sandbox.discord.contract import Contract
from tests.behaviour.studio import CLIP, NO_CONTRACT, Scene, named, read, told, wrong_requests
from tests.behaviour.test_make_video_menu import filled, open_form


def posts(channel: simcord.ChannelHandle, person: simcord.MemberActor | None = None) -> list[discord.Message]:
    """The channel's messages (that the person sees), without simcord's line about each new thread."""
    return [one for one in channel.history(viewer=person) if one.type is discord.MessageType.default]


async def ask(scene: Scene, channel: simcord.ChannelHandle | None = None, **options: object) -> None:
    wanted: dict[str, object] = {"prompt": "the first image walks", "ref1": named("hero.png"), **options}
    await scene.confirm(scene.alice, await scene.alice.slash(channel or scene.channel, "video make", **wanted))
    await scene.carry()


async def test_the_card_stands_in_the_channel_for_everybody(scene: Scene) -> None:
    scene.studio.provider.finishes_at_once = False

    await ask(scene)

    (card,) = posts(scene.channel, scene.bob)
    text = read(card)
    assert "### Rendering" in text
    assert f"Asked by <@{scene.alice.id}>" in text
    assert "> @Image1 walks" in text
    assert "`#1` **@Image1** hero.png" in text
    assert card.author == scene.env.bot.user


async def test_the_result_lands_in_the_cards_own_thread(scene: Scene) -> None:
    await ask(scene)

    (card,) = posts(scene.channel, scene.bob)
    (thread,) = scene.channel.threads
    (result,) = posts(thread, scene.bob)
    assert thread.id == card.id
    assert thread.name == "the first image walks"
    assert f"<@{scene.alice.id}>, here is your video." in read(result)
    (clip,) = result.attachments
    assert await clip.read() == CLIP
    assert "### Done" in read(card)
    assert result.jump_url in read(card)
    assert "Cancel" not in str(card.components)


async def test_a_thread_keeps_card_and_result_to_itself(scene: Scene) -> None:
    talk = await scene.thread()

    await ask(scene, talk)

    card, result = posts(talk, scene.bob)
    assert "### Done" in read(card)
    assert len(result.attachments) == 1
    assert posts(scene.channel) == []
    assert [thread.id for thread in scene.channel.threads] == [talk.id]


async def test_takes_of_a_request_come_together(scene: Scene) -> None:
    await ask(scene, takes=3)

    (thread,) = scene.channel.threads
    (result,) = posts(thread)
    assert "here are your 3 takes" in read(result)
    assert len(result.attachments) == 3


async def test_only_the_requester_is_pinged_and_only_by_the_result(scene: Scene) -> None:
    """A prompt that names people must not reach them, neither from the card nor from the result."""
    await ask(scene, prompt=f"<@{scene.bob.id}> and @everyone walk")

    allowed = [
        cast("dict[str, Any]", one.json)["allowed_mentions"]
        for one in scene.env.http_requests
        if one.method == "POST" and one.path.endswith("/messages") and str(scene.staging.id) not in one.path
    ]
    assert [mentions.get("users", []) for mentions in allowed] == [[], [str(scene.alice.id)]]
    assert [mentions.get("parse", []) for mentions in allowed] == [[], []]


async def test_a_failed_request_says_so_where_the_result_would_have_been(scene: Scene) -> None:
    scene.studio.provider.finishes_at_once = False
    await ask(scene)
    scene.studio.provider.fail(scene.studio.provider.started[0])
    scene.studio.bell.wake(scene.studio.accepted[0])
    await scene.carry()

    card, notice = (read(post) for post in posts(scene.channel, scene.bob))
    assert "### Failed" in card
    assert f"<@{scene.alice.id}>, your video could not be made." in notice
    assert "The video service refused" in notice
    assert "Nothing was spent; all of the $1.50 reserved for it was given back." in notice


async def test_a_restart_between_acceptance_and_card_posts_one_card(scene: Scene) -> None:
    """simcord ignores nonces, so only the outbox and the search by marker stand between this and two cards."""
    told(await scene.alice.slash(scene.channel, "video make", prompt="a storm"))
    (snapshot,) = await scene.studio.requests()
    await scene.studio.courier.show_card(snapshot)
    await scene.studio.store.record_post(snapshot.request.id, "card", message_id=None, shown=None)

    await scene.restart()
    scene.studio.bell.wake(snapshot.request.id)
    await scene.carry()

    assert len(posts(scene.channel)) == 1
    assert (await scene.studio.snapshot(snapshot.request.id)).request.state is RequestState.DELIVERED


async def test_private_answers_stay_private(scene: Scene) -> None:
    await ask(scene)
    told(await scene.bob.slash(scene.channel, "video make", prompt="@Image9 walks"))

    assert not any("That did not work" in text for text in scene.seen_by(scene.alice))
    assert not any("in line" in text for text in scene.seen_by(scene.bob))


async def test_every_request_keeps_to_discords_own_description(scene: Scene, contract: Contract | None) -> None:
    """The scene checks it after every test of this folder; this one goes through all of it and counts."""
    if contract is None:
        pytest.skip(NO_CONTRACT)
    await ask(scene, takes=2)
    shown = await open_form(scene, scene.bob, "a storm", "sea.png")
    await scene.confirm(scene.bob, await scene.bob.submit_modal(shown, filled(shown, files=(named("boat.png"),))))
    await scene.carry()

    assert wrong_requests(contract, scene.env.http_requests) == []
    assert len(scene.env.http_requests) > 20
