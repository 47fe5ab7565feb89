"""`/queue`: a server's line as its people see it, and the way out of it; and where a card says its request stands."""

import discord
import pytest
import simcord

from bot.domain.errors import Unavailable
from bot.domain.reasons import reason
from bot.domain.states import RequestState
from tests.behaviour.studio import Scene, named, read, told


@pytest.fixture(autouse=True)
def _rendering_takes_its_time(scene: Scene) -> None:
    scene.studio.provider.finishes_at_once = False


async def ask(scene: Scene, person: simcord.MemberActor, prompt: str = "a storm", **options: object) -> str:
    """Somebody asks; the request's id."""
    told(await person.slash(scene.channel, "video make", prompt=prompt, **options))
    await scene.carry()
    return scene.studio.accepted[-1]


async def both_places_taken(scene: Scene) -> None:
    """A server may have two requests under way; both are Bob's."""
    for prompt in ("one", "two"):
        await ask(scene, scene.bob, prompt)


async def card_of(scene: Scene, request_id: str) -> str:
    post = (await scene.studio.snapshot(request_id)).post("card")
    assert post is not None
    return next(read(message) for message in scene.channel.history(viewer=scene.bob) if message.id == post.message_id)


async def state_of(scene: Scene, request_id: str) -> RequestState:
    return (await scene.studio.snapshot(request_id)).request.state


async def show(scene: Scene, person: simcord.MemberActor) -> str:
    return told(await person.slash(scene.channel, "queue show"))


async def test_the_line_is_shown_in_turn_with_who_what_and_why_not_yet(scene: Scene) -> None:
    await both_places_taken(scene)
    bobs = await ask(scene, scene.bob, "three")
    alices = await ask(scene, scene.alice, "a cat", duration="8", takes=2)

    lines = (await show(scene, scene.moderator)).split("\n")

    assert "Under way: **2 of 2**" in lines
    (first,), (second,) = ([line for line in lines if line.startswith(place)] for place in ("**1st**", "**2nd**"))
    assert f"<@{scene.alice.id}>" in first, "Bob had turns already"
    assert "2 × 8 s" in first
    assert alices in first
    assert f"<@{scene.bob.id}>" in second
    assert bobs in second
    assert any("This server has as many requests under way as may be at once (2 of 2)." in line for line in lines)


async def test_an_empty_line_says_so(scene: Scene) -> None:
    assert "Nothing is waiting here." in await show(scene, scene.alice)


async def test_what_is_asked_in_a_channel_is_not_read_in_another(scene: Scene) -> None:
    await both_places_taken(scene)
    await ask(scene, scene.alice, "a secret")
    elsewhere = scene.guild.create_text_channel("elsewhere")
    await scene.env.settle()

    assert "a secret" in told(await scene.bob.slash(scene.channel, "queue show"))
    assert "a secret" not in told(await scene.bob.slash(elsewhere, "queue show"))
    assert "a secret" in told(await scene.alice.slash(elsewhere, "queue show"))


async def test_a_card_says_whose_requests_come_first(scene: Scene) -> None:
    await both_places_taken(scene)
    await ask(scene, scene.alice, "first")
    await ask(scene, scene.moderator, "other")
    second = await ask(scene, scene.alice, "second")

    card = await card_of(scene, second)

    assert card.startswith("### Waiting, 3rd in line")
    assert "mo has one before your second." in card
    assert "$1.50 is reserved for it." in card


async def test_a_card_moves_up_when_one_before_it_goes(scene: Scene) -> None:
    await both_places_taken(scene)
    first, second = await ask(scene, scene.alice, "first"), await ask(scene, scene.moderator, "other")
    assert (await card_of(scene, second)).startswith("### Waiting, 2nd in line")

    told(await scene.alice.slash(scene.channel, "queue cancel", request=first))
    await scene.carry()

    assert (await card_of(scene, second)).startswith("### Waiting, 1st in line")


# --- the way out of it -----------------------------------------------------------------------------------------------


async def test_ones_own_request_is_cancelled_by_its_id(scene: Scene) -> None:
    await both_places_taken(scene)
    mine = await ask(scene, scene.alice)

    text = told(await scene.alice.slash(scene.channel, "queue cancel", request=f" `{mine.upper()}` "))

    assert "### Cancelled" in text
    assert "Nothing was spent; all of the $1.50 reserved for it was given back." in text
    assert await state_of(scene, mine) is RequestState.CANCELLED


async def test_nobody_cancels_somebody_elses(scene: Scene) -> None:
    await both_places_taken(scene)
    alices = await ask(scene, scene.alice)

    text = told(await scene.bob.slash(scene.channel, "queue cancel", request=alices))

    assert "Only the person who asked, or a moderator, can cancel this request." in text
    assert await state_of(scene, alices) is RequestState.QUEUED


async def test_a_moderator_cancels_anybodys(scene: Scene) -> None:
    alices = await ask(scene, scene.alice)
    assert await state_of(scene, alices) is RequestState.WORKING

    text = told(await scene.moderator.slash(scene.channel, "queue cancel", request=alices))
    await scene.carry()

    assert "### Cancelling" in text
    assert (await scene.studio.snapshot(alices)).request.cancel_requested_by == scene.moderator.id


async def test_while_the_server_is_not_known_yet_only_ones_own_can_be_cancelled(scene: Scene) -> None:
    await both_places_taken(scene)
    alices = await ask(scene, scene.alice)
    scene.not_told_of_the_server()

    text = told(await scene.moderator.slash(scene.channel, "queue cancel", request=alices))

    assert "Try again in a moment." in text
    assert await state_of(scene, alices) is RequestState.QUEUED
    assert await scene.moderator.autocomplete(scene.channel, "queue cancel", "request", "") == []
    told(await scene.alice.slash(scene.channel, "queue cancel", request=alices))
    assert await state_of(scene, alices) is RequestState.CANCELLED


async def test_an_administrator_cancels_also_while_the_server_is_not_known_yet(scene: Scene) -> None:
    role = scene.guild.create_role("Administrators", permissions=discord.Permissions(administrator=True))
    admin = scene.guild.add_member(scene.env.create_user("ada"), roles=[role])
    await both_places_taken(scene)
    alices = await ask(scene, scene.alice)
    scene.not_told_of_the_server()

    told(await admin.slash(scene.channel, "queue cancel", request=alices))

    assert await state_of(scene, alices) is RequestState.CANCELLED


async def test_a_moderator_of_another_server_cannot_even_with_the_id(scene: Scene) -> None:
    alices = await ask(scene, scene.alice)
    other = scene.env.create_guild("Theatre")
    channel = other.create_text_channel("stage")
    role = other.create_role("Moderators", permissions=discord.Permissions(manage_messages=True))
    stranger = other.add_member(scene.env.create_user("eve"), roles=[role])
    await scene.env.settle()

    text = told(await stranger.slash(channel, "queue cancel", request=alices))

    assert "That request was made in another server" in text
    assert (await scene.studio.snapshot(alices)).request.cancel_requested_by is None


@pytest.mark.parametrize("text", ["nothing", "0000000000000", "0000000000001-1", "'; drop"])
async def test_an_id_that_is_none_is_said_so(scene: Scene, text: str) -> None:
    answer = told(await scene.alice.slash(scene.channel, "queue cancel", request=text))

    assert "This request is not known any more." in answer


async def test_the_ids_are_offered_to_those_who_may_cancel_them(scene: Scene) -> None:
    await both_places_taken(scene)
    alices, bobs = await ask(scene, scene.alice, "a cat"), await ask(scene, scene.bob, "a dog")

    async def offered(person: simcord.MemberActor, written: str = "") -> list[str]:
        found = await person.autocomplete(scene.channel, "queue cancel", "request", written)
        return [choice["value"] for choice in found]

    assert await offered(scene.alice) == [alices]
    assert await offered(scene.bob) == [bobs]
    assert await offered(scene.moderator) == [alices, bobs]
    assert await offered(scene.moderator, "A DOG") == [bobs]


async def test_an_outage_offers_nothing_and_is_answered_when_it_is_sent(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def away(*_arguments: object, **_named: object) -> None:
        raise Unavailable(reason("database-unavailable"))

    monkeypatch.setattr(scene.studio.store, "line", away)
    monkeypatch.setattr(scene.studio.store, "load", away)

    assert await scene.alice.autocomplete(scene.channel, "queue cancel", "request", "") == []
    for command, options in (("queue show", {}), ("queue cancel", {"request": "0000000000001"})):
        text = told(await scene.alice.slash(scene.channel, command, **options))
        assert "The bot's own database does not answer just now." in text


async def test_what_moves_on_while_it_is_chosen_is_not_cancelled_twice(scene: Scene) -> None:
    await both_places_taken(scene)
    mine = await ask(scene, scene.alice, "a cat", ref1=named("cat.png"))
    told(await scene.alice.slash(scene.channel, "queue cancel", request=mine))

    assert "This request has already ended." in told(
        await scene.alice.slash(scene.channel, "queue cancel", request=mine)
    )
