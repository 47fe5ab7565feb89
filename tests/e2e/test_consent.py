"""Who posted a file decides whether others may use it, until the moment before it is paid for."""

from pathlib import Path

import pytest

from sandbox.discord.person import Message, Person
from tests.e2e.stage import Stage, hashes, image, opened

pytestmark = pytest.mark.e2e

ONE_AT_A_TIME = {"RUSHES__LANES__MAX_RUNNING": "1"}
HERS, OWN = image("hers.png", 512), image("own.png", 600)


async def a_queued_request(scene: Stage) -> tuple[Person, Message]:
    """One request is being rendered, the next, with ada's file, is in line; answers her and her message."""
    ada = await scene.discord.new_person("ada")
    post = await ada.say("mine", files=[HERS])
    await scene.oxen.hold()
    await scene.answer(await scene.make("@Image1 waves"))
    await scene.ordered()
    assert "in line" in await scene.answer(await scene.from_message(post, "@Image1 bows"))
    return ada, post


async def stopped_and_told(scene: Stage, words: str) -> None:
    """Nothing was ordered for the second request, its person was told why, and the first goes on."""
    channel = scene.rig.discord.channel_id
    notice = await scene.discord.wait_for_message(channel, contains=words, threads=True, seconds=30)
    assert "hers.png" in notice.text
    assert "Nothing was spent" in notice.text
    await scene.oxen.release()
    await scene.clip()
    await scene.ends_as("delivered", "failed")
    (generation,) = await scene.oxen.generations()
    assert "bows" not in generation.body["prompt"]
    assert (await scene.oxen.report()).spent == generation.cost
    await scene.nothing_amiss()


async def test_forbidding_stops_what_is_in_line_and_the_one_who_asked_is_told(tmp_path: Path) -> None:
    async with opened(tmp_path, settings=ONE_AT_A_TIME) as scene:
        await scene.rig.start_bot()
        await scene.ready()
        ada, _ = await a_queued_request(scene)
        said = await scene.answer(await ada.run("privacy references", {"where": "here", "files": "forbid"}))
        assert "One waiting request" in said
        await stopped_and_told(scene, "does not allow")


async def test_taking_a_message_s_files_back_stops_what_is_in_line(tmp_path: Path) -> None:
    async with opened(tmp_path, settings=ONE_AT_A_TIME) as scene:
        await scene.rig.start_bot()
        await scene.ready()
        ada, post = await a_queued_request(scene)
        nosy = await scene.answer(await scene.discord.person().use_menu("Take back my files", post.id))
        assert "Only the person who posted" in nosy
        asked = (await scene.told(await ada.use_menu("Take back my files", post.id))).message
        assert asked is not None
        assert "cannot be undone" in asked.text
        taken = await scene.told(await ada.click(asked.id, label="Take them back for good"))
        assert taken.message is not None
        assert "Taken back" in taken.message.text
        await stopped_and_told(scene, "taken back")


async def test_forbidden_files_are_not_collected_and_the_card_says_so(tmp_path: Path) -> None:
    async with opened(tmp_path) as scene:
        await scene.rig.start_bot()
        await scene.ready()
        ada = await scene.discord.new_person("ada")
        post = await ada.say("mine", files=[HERS])
        await scene.answer(await ada.run("privacy references", {"where": "everywhere", "files": "forbid"}))
        alone = await scene.answer(await scene.from_message(post, "@Image1 waves"))
        assert "does not allow" in alone
        assert "Nothing was spent" in alone
        card = await scene.card(await scene.from_message(post, "@Image1 waves", files=[OWN]))
        assert "hers.png" in card.text
        assert "does not allow" in card.text
        assert await scene.oxen.generations() == ()
        await scene.press(card, "Confirm")
        await scene.ends_as("failed", "delivered")
        (generation,) = await scene.oxen.generations()
        assert generation.materials == {"input_images": hashes(OWN)}
