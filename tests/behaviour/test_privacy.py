"""What people allow others to do with theirs, honoured when files are collected and again before anything is paid."""

import discord
import pytest
from simcord.backend.models.message import MessageSticker

from bot.domain.states import RequestState
from tests.behaviour.studio import CLIP, Scene, entered, labels, named, read, take_back, told, told_beside
from tests.behaviour.test_make_video_menu import acknowledge_what_the_form_raised
from tests.behaviour.test_public_posts import posts


async def use(scene: Scene, message: discord.Message, prompt: str = "#1 and so on") -> str:
    """Alice makes a video of somebody's message; what she reads."""
    shown = await scene.alice.context_menu(scene.channel, "Make video", message)
    text = told(await scene.alice.submit_modal(shown, entered(shown, What_happens=prompt)))
    acknowledge_what_the_form_raised(scene)
    return text


async def forbid(scene: Scene, **options: object) -> str:
    return told(await scene.bob.slash(scene.channel, "privacy references", files="forbid", **options))


def bobs(scene: Scene, *names: str) -> discord.Message:
    return scene.message(scene.bob, "look", files=[named(name) for name in names or ("sea.png",)])


async def fill_the_lane(scene: Scene) -> None:
    """Both places of the server are taken, so what comes next waits in line."""
    scene.studio.provider.finishes_at_once = False
    for prompt in ("one", "two"):
        told(await scene.moderator.slash(scene.channel, "video make", prompt=prompt))
        await scene.carry()


# --- before ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("where", ["here", "everywhere"])
async def test_forbidden_files_are_not_fetched_and_the_reason_is_told(scene: Scene, where: str) -> None:
    await forbid(scene, where=where)

    text = await use(scene, bobs(scene), "a storm")

    assert "“sea.png” belongs to somebody who does not allow others to use their files." in text
    assert text.endswith("Nothing was spent.")
    assert scene.studio.downloader.fetched == []


async def test_beside_a_file_of_ones_own_the_forbidden_one_is_listed_with_its_reason(scene: Scene) -> None:
    await forbid(scene)
    shown = await scene.alice.context_menu(scene.channel, "Make video", bobs(scene))

    text = told(
        await scene.alice.submit_modal(shown, entered(shown, What_happens="boat.png", More_files=(named("boat.png"),)))
    )

    assert "Your draft" in text
    assert "“sea.png” belongs to somebody" in text
    assert scene.studio.downloader.fetched == ["boat.png"]


async def test_whoever_forbids_may_use_their_own(scene: Scene) -> None:
    await forbid(scene)
    shown = await scene.bob.context_menu(scene.channel, "Make video", bobs(scene))

    assert "in line" in told(await scene.bob.submit_modal(shown, entered(shown, What_happens="#1")))


async def test_what_was_forbidden_can_be_allowed_again(scene: Scene) -> None:
    await forbid(scene)
    told(await scene.bob.slash(scene.channel, "privacy references", files="allow"))

    assert "in line" in await use(scene, bobs(scene))


async def test_without_an_option_it_shows_what_holds_and_changes_nothing(scene: Scene) -> None:
    before = told(await scene.bob.slash(scene.channel, "privacy references"))
    await forbid(scene)

    shown = told(await scene.bob.slash(scene.channel, "privacy references"))

    assert shown != before
    assert shown == told(await scene.bob.slash(scene.channel, "privacy references"))
    assert not any("rivacy" in text for text in scene.seen_by(scene.alice))


# --- while a draft waits ---------------------------------------------------------------------------------------------


async def test_a_draft_with_a_file_forbidden_since_cannot_be_confirmed(scene: Scene) -> None:
    shown = await scene.alice.context_menu(scene.channel, "Make video", bobs(scene))
    result = await scene.alice.submit_modal(shown, entered(shown, What_happens="a storm"))
    assert "Your draft: ready to confirm" in told(result)
    await forbid(scene)
    assert result.response is not None

    pressed = await scene.alice.click(result.response, label="Confirm")

    (beside,) = pressed.followups
    assert "“sea.png” belongs to somebody" in read(beside.message)
    await scene.carry()
    assert scene.studio.provider.started == []


# --- while it is in line ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("way", ["forbidden", "taken back"])
async def test_a_request_in_line_ends_for_nothing_and_its_person_is_told(scene: Scene, way: str) -> None:
    await fill_the_lane(scene)
    message = bobs(scene)
    assert "in line" in await use(scene, message)
    await scene.carry()
    ordered = len(scene.studio.provider.started)

    if way == "forbidden":
        text = await forbid(scene)
    else:
        text = await take_back(scene, scene.bob, message)
    await scene.carry()

    assert "One waiting request" in text
    request = (await scene.studio.snapshot(scene.studio.accepted[-1])).request
    assert request.state is RequestState.FAILED
    notice = next(text for text in map(read, reversed(posts(scene.channel, scene.alice))) if "could not be" in text)
    assert f"<@{scene.alice.id}>" in notice
    assert "“sea.png”" in notice
    assert "Nothing was spent; all of the $1.50 reserved for it was given back." in notice
    assert len(scene.studio.provider.started) == ordered


async def test_what_is_ordered_already_goes_on(scene: Scene) -> None:
    scene.studio.provider.finishes_at_once = False
    await use(scene, bobs(scene))
    await scene.carry()
    assert len(scene.studio.provider.started) == 1

    await forbid(scene)
    scene.studio.provider.finish(scene.studio.provider.started[0])
    scene.studio.bell.wake(scene.studio.accepted[-1])
    await scene.carry()

    assert (await scene.studio.snapshot(scene.studio.accepted[-1])).request.state is RequestState.DELIVERED


# --- taking back -----------------------------------------------------------------------------------------------------


async def test_files_taken_back_are_nobodys_to_use_not_even_from_a_copy(scene: Scene) -> None:
    message = bobs(scene)
    await take_back(scene, scene.bob, message)

    text = await use(scene, message, "a storm")

    assert "“sea.png” was taken back by the person who posted it." in text
    assert scene.studio.downloader.fetched == []


async def test_a_clip_is_its_requesters_to_take_back(scene: Scene) -> None:
    told(await scene.bob.slash(scene.channel, "video make", prompt="a storm"))
    await scene.carry()
    thread = scene.channel.threads[-1]
    result = next(one for one in reversed(thread.history()) if one.attachments)
    assert "Only the person" in told(await scene.alice.context_menu(thread, "Take back my files", result))

    await take_back(scene, scene.bob, result, thread)

    shown = await scene.alice.click(result, label="Use as reference")
    text = told(await scene.alice.submit_modal(shown, entered(shown, What_happens="a storm")))
    acknowledge_what_the_form_raised(scene)
    assert "was taken back by the person who posted it" in text


async def test_only_the_author_can_take_them_back(scene: Scene) -> None:
    message = bobs(scene)

    text = told(await scene.alice.context_menu(scene.channel, "Take back my files", message))

    assert "Only the person who posted a message can take its files back." in text
    assert "in line" in await use(scene, message)


async def test_nothing_is_taken_back_before_it_was_asked(scene: Scene) -> None:
    message = bobs(scene)

    asked = await scene.bob.context_menu(scene.channel, "Take back my files", message)

    assert "nobody can use them as references, you neither" in told(asked)
    assert "in line" in await use(scene, message)


async def test_a_message_without_files_has_nothing_to_take_back(scene: Scene) -> None:
    dance = MessageSticker(id=1, name="dance", format_type=3, guild_id=1)
    for message in (scene.message(scene.bob, "just words"), scene.message(scene.bob, stickers=[dance])):
        asked = await scene.bob.context_menu(scene.channel, "Take back my files", message)
        assert "There is nothing in that message that could be used as a reference" in told(asked)
        assert asked.response is not None
        assert labels(asked.response.message) == set()


async def test_the_answer_counts_only_from_the_author_also_after_a_restart(scene: Scene) -> None:
    message = bobs(scene)
    theirs = await scene.bob.context_menu(scene.channel, "Take back my files", message)
    other = await scene.alice.context_menu(
        scene.channel, "Take back my files", scene.message(scene.alice, files=[named("boat.png")])
    )
    assert theirs.response is not None
    assert other.response is not None
    stored = scene.env.backend.get_message(other.response.channel_id, other.response.id)
    stored.components = theirs.response.components

    forged = await scene.alice.click(other.response, label="Take them back for good")

    assert "Only the person who posted a message can take its files back." in told_beside(forged)
    assert "in line" in await use(scene, message)
    await scene.restart()
    await scene.bob.click(theirs.response, label="Take them back for good")
    assert "### Taken back" in read(theirs.response.message)


# --- the further messages of a result --------------------------------------------------------------------------------


async def two_messages(scene: Scene) -> list[discord.Message]:
    """Bob's result of two takes that do not fit into one message together; the second message has no button."""
    scene.studio.provider.result_bytes = CLIP + b"x" * (10 << 20)
    await scene.confirm(scene.bob, await scene.bob.slash(scene.channel, "video make", prompt="a storm", takes=2))
    await scene.carry()
    found = [one for one in scene.channel.threads[-1].history() if one.attachments]
    return sorted(found, key=lambda one: one.id)


async def test_every_message_of_a_result_is_its_requesters(scene: Scene) -> None:
    first, second = await two_messages(scene)
    assert "Again" in labels(first)
    assert labels(second) == {"Continue take 2"}
    await forbid(scene)

    text = told(await scene.alice.context_menu(scene.channel.threads[-1], "Add to tray", second))

    assert "belongs to somebody who does not allow others to use their files" in text
    assert "### Taken back" in await take_back(scene, scene.bob, second, scene.channel.threads[-1])


async def test_a_clip_of_nobody_knows_whom_is_refused_with_that_reason(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Such as one whose request is not stored any more."""
    first, second = await two_messages(scene)

    async def forgotten(_request_id: str) -> None:
        return None

    monkeypatch.setattr(scene.studio.store, "load", forgotten)
    fetched = len(scene.studio.downloader.fetched)

    text = told(await scene.alice.context_menu(scene.channel.threads[-1], "Add to tray", second))

    assert "was posted by this bot, but for whom cannot be told" in text
    assert len(scene.studio.downloader.fetched) == fetched
    pressed = await scene.alice.click(first, label="Use as reference")
    assert pressed.modal is None
    assert "for whom cannot be told" in told(pressed)
