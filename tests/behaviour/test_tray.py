"""The tray: the files of several messages put aside, in order, for one person in one channel."""

import discord
import pytest
import simcord
from simcord.backend.models.message import MessageSticker

from bot.domain.references import OfferSource
from bot.domain.requests import Request
from tests.behaviour.studio import IMAGE, Scene, named, take_back, told

DAY = 24 * 3600


async def add(scene: Scene, message: discord.Message, person: simcord.MemberActor | None = None) -> str:
    return told(await (person or scene.alice).context_menu(scene.channel, "Add to tray", message))


async def three(scene: Scene) -> list[discord.Message]:
    """Three messages of Bob's, put into Alice's tray."""
    messages = [scene.message(scene.bob, "look", files=(named(name),)) for name in ("sea.png", "boat.mp4", "gull.png")]
    for message in messages:
        await add(scene, message)
    return messages


async def tray(scene: Scene, what: str = "show", **options: object) -> str:
    return told(await scene.alice.slash(scene.channel, f"tray {what}", **options))


async def only_request(scene: Scene) -> Request:
    (snapshot,) = await scene.studio.requests()
    return snapshot.request


async def made(scene: Scene, prompt: str, **options: object) -> str:
    return told(await scene.alice.slash(scene.channel, "video make", prompt=prompt, **options))


async def test_three_messages_become_one_video_in_the_order_they_were_added(scene: Scene) -> None:
    messages = await three(scene)

    text = await made(scene, "#1, #2 and #3")

    assert "Your video is in line" in text
    assert "> @Image1, @Video1 and @Image2" in text
    assert "3 files from your tray; they stay in it until it expires" in text
    references = (await only_request(scene)).references
    assert [(one.name, one.source) for one in references] == [
        ("sea.png", OfferSource.TRAY),
        ("boat.mp4", OfferSource.TRAY),
        ("gull.png", OfferSource.TRAY),
    ]
    assert [one.message_id for one in references] == [message.id for message in messages]
    assert {one.owner_id for one in references} == {scene.bob.id}


async def test_adding_answers_privately_with_the_tray(scene: Scene) -> None:
    await add(scene, scene.message(scene.bob, "look", files=(named("sea.png"),)))

    text = await add(scene, scene.message(scene.bob, "look", files=(named("boat.mp4"),)))

    assert "`#1` **@Image1** sea.png" in text
    assert "`#2` **@Video1** boat.mp4" in text
    assert not any("boat.mp4" in seen for seen in scene.seen_by(scene.bob))


async def test_bytes_are_copied_at_once_so_the_messages_may_go(scene: Scene) -> None:
    for message in await three(scene):
        await scene.bob.delete(message)
    fetched = len(scene.studio.downloader.fetched)

    assert "in line" in await made(scene, "#1, #2 and #3")

    assert len(scene.studio.downloader.fetched) == fetched, "nothing is fetched again"


async def test_a_command_with_files_of_its_own_leaves_the_tray_alone(scene: Scene) -> None:
    await three(scene)

    text = await made(scene, "#1", ref1=named("mine.png"))

    assert "tray" not in text
    assert [one.name for one in (await only_request(scene)).references] == ["mine.png"]
    assert "gull.png" in await tray(scene)


async def test_the_tray_is_used_beside_the_emoji_of_the_prompt(scene: Scene) -> None:
    scene.serve("https://cdn.discordapp.com/emojis/4242.webp", b"image webp\nblob")
    await three(scene)

    text = await made(scene, "#1, #2, #3 and <:blob:4242>")

    assert "> @Image1, @Video1, @Image2 and @Image3" in text


async def test_it_is_kept_after_use(scene: Scene) -> None:
    await three(scene)
    await made(scene, "#1, #2 and #3")

    assert "gull.png" in await tray(scene)


async def test_a_file_can_be_named_moved_removed_and_all_cleared(scene: Scene) -> None:
    await three(scene)

    assert "sea.png (@water)" in await tray(scene, "name", number=1, name="water")
    assert "`#1` **@Image1** gull.png" in await tray(scene, "move", number=3, to=1)
    text = await tray(scene, "remove", number=3)
    assert "boat.mp4" not in text
    assert "`#2` **@Image2** sea.png (@water)" in text
    assert "> @Image2 under @Image1" in await made(scene, "@water under #1")
    assert "sea.png (@water)" not in await tray(scene, "name", number=2)
    assert "Your tray in this channel is empty." in await tray(scene, "clear")
    assert "Your tray in this channel is empty." in await tray(scene)


async def test_a_number_that_is_not_there_is_said_so(scene: Scene) -> None:
    await three(scene)

    assert "There is no file #9; the last one is #3." in await tray(scene, "remove", number=9)


async def test_the_same_file_twice_is_one_with_two_names(scene: Scene) -> None:
    for name in ("sea.png", "ocean.png"):
        text = await add(scene, scene.message(scene.bob, "look", files=((name, IMAGE + b"sea"),)))

    assert "has the same content as “sea.png”" in text
    assert "> @Image1 and @Image1" in await made(scene, "sea.png and ocean.png")


async def test_everything_a_message_holds_goes_in_and_what_cannot_is_listed(scene: Scene) -> None:
    dance = MessageSticker(id=1, name="dance", format_type=3, guild_id=1)
    text = await add(
        scene, scene.message(scene.bob, "look", files=(named("sea.png"), ("notes.txt", b"dear\n")), stickers=[dance])
    )

    assert "`#1` **@Image1** sea.png" in text
    assert "“notes.txt” is not a picture" in text
    assert "The sticker “dance”" in text


async def test_a_message_without_files_is_said_so(scene: Scene) -> None:
    text = await add(scene, scene.message(scene.bob, "just words"))

    assert "There is nothing in that message that could be used as a reference" in text


async def test_more_than_the_model_takes_does_not_fit_and_the_tray_stays(scene: Scene) -> None:
    many = tuple(named(f"{number}.png") for number in range(9))
    await add(scene, scene.message(scene.bob, "look", files=many))

    text = await add(scene, scene.message(scene.bob, "look", files=(named("tenth.png"),)))

    assert "the model takes at most 9" in text
    assert "tenth.png" not in await tray(scene)


async def test_each_person_and_each_channel_has_a_tray_of_its_own(scene: Scene) -> None:
    await three(scene)
    other = scene.guild.create_text_channel("elsewhere")
    await scene.env.settle()

    assert "empty" in told(await scene.bob.slash(scene.channel, "tray show"))
    assert "empty" in told(await scene.alice.slash(other, "tray show"))


async def test_it_outlives_a_restart_and_empties_itself_after_its_time(scene: Scene) -> None:
    await three(scene)
    await scene.restart()
    assert "gull.png" in await tray(scene)

    await scene.env.advance_time(DAY + 1)

    assert "Your tray in this channel is empty." in await tray(scene)
    assert "tray" not in await made(scene, "a storm")


@pytest.mark.parametrize("withdrawn", [True, False], ids=["taken back", "forbidden"])
async def test_what_its_owner_no_longer_allows_is_not_used(scene: Scene, *, withdrawn: bool) -> None:
    messages = await three(scene)
    if withdrawn:
        await take_back(scene, scene.bob, messages[0])
    else:
        told(await scene.bob.slash(scene.channel, "privacy references", files="forbid"))

    await made(scene, "a storm")

    used = [one.name for snapshot in await scene.studio.requests() for one in snapshot.request.references]
    assert used == (["boat.mp4", "gull.png"] if withdrawn else [])
