"""Every place a reference may come from: what is offered, whose it is, and that its bytes are what is used."""

import re

import discord
import pytest
import simcord
from simcord.backend.models.message import MessageSticker

from bot.client import RushesClient, Sources
from bot.domain.references import OfferSource, Reference
from bot.domain.requests import Request
from tests.behaviour.draft_card import card_of
from tests.behaviour.studio import IMAGE, Scene, Studio, entered, fields, named, read, told
from tests.behaviour.test_make_video_menu import acknowledge_what_the_form_raised
from tests.fakes_references import MemoryContentStore

CDN, PROXY = "https://cdn.discordapp.com", "https://images-ext-1.discordapp.net"
GIF = b"image gif 1.5\n"


async def opened(scene: Scene, message: discord.Message) -> simcord.InteractionResult:
    """Alice picks “Make video” on a message."""
    shown = await scene.alice.context_menu(scene.channel, "Make video", message)
    assert shown.modal is not None
    return shown


async def asked(scene: Scene, message: discord.Message, prompt: str = "#1 and so on") -> str:
    """Alice sends the form as it is; what she reads."""
    shown = await opened(scene, message)
    return told(await scene.alice.submit_modal(shown, entered(shown, What_happens=prompt)))


async def only_request(scene: Scene) -> Request:
    (snapshot,) = await scene.studio.requests()
    return snapshot.request


async def references(scene: Scene) -> tuple[Reference, ...]:
    return (await only_request(scene)).references


def held(scene: Scene, reference: Reference) -> bytes:
    contents = scene.studio.contents
    assert isinstance(contents, MemoryContentStore)
    return contents.contents[reference.content]


def sticker(name: str, format_type: int, identity: int = 77) -> MessageSticker:
    return MessageSticker(id=identity, name=name, format_type=format_type, guild_id=1)


def preview(name: str, **more: object) -> dict[str, object]:
    """What Discord makes of a link to a picture: its own proxy's address beside the page's."""
    picture = {"url": f"https://elsewhere.example/{name}", "proxy_url": f"{PROXY}/external/x/https/elsewhere/{name}"}
    return {"type": "image", "url": picture["url"], "thumbnail": picture, **more}


# --- one's own -------------------------------------------------------------------------------------------------------


async def test_files_of_a_command_and_of_a_form_are_the_askers_own(scene: Scene) -> None:
    await scene.alice.slash(scene.channel, "video make", prompt="#1", ref1=named("mine.png"))

    (mine,) = await references(scene)
    assert (mine.source, mine.owner_id, mine.message_id) == (OfferSource.OPTION, None, None)


async def test_files_added_in_the_form_are_the_askers_own(scene: Scene) -> None:
    shown = await opened(scene, scene.message(scene.bob, "look"))

    told(await scene.alice.submit_modal(shown, entered(shown, What_happens="#1", More_files=(named("mine.png"),))))

    (mine,) = await references(scene)
    assert (mine.source, mine.owner_id, mine.message_id) == (OfferSource.FORM, None, None)


# --- a message's own files -------------------------------------------------------------------------------------------


async def test_a_messages_files_are_its_authors(scene: Scene) -> None:
    message = scene.message(scene.bob, "look", files=(named("sea.png"),))

    assert "in line" in await asked(scene, message)

    (sea,) = await references(scene)
    assert (sea.source, sea.owner_id, sea.message_id) == (OfferSource.TARGET, scene.bob.id, message.id)


async def test_a_forwarded_messages_files_are_the_forwarders(scene: Scene) -> None:
    """Discord does not tell who wrote what is forwarded: who posted it here answers for it."""
    original = await scene.bob.send(scene.channel, "look", attachments=[named("sea.png"), named("waves.mp4")])
    forwarded = await scene.moderator.forward(original, scene.channel)

    assert "in line" in await asked(scene, forwarded, "#1 like #2")

    found = await references(scene)
    assert [(one.name, one.source) for one in found] == [
        ("sea.png", OfferSource.FORWARD),
        ("waves.mp4", OfferSource.FORWARD),
    ]
    assert {(one.owner_id, one.message_id) for one in found} == {(scene.moderator.id, forwarded.id)}
    assert {origin.forwarded_id for one in found for origin in one.origins} == {original.id}


async def test_a_forwarded_sticker_and_preview_are_references_too(scene: Scene) -> None:
    scene.serve(f"{CDN}/stickers/77.png", IMAGE + b"wave")
    scene.serve(f"{PROXY}/external/x/https/elsewhere/cat.png", IMAGE + b"cat")
    original = scene.message(scene.bob, "look", stickers=[sticker("wave", 1)], embeds=[preview("cat.png")])
    forwarded = await scene.bob.forward(original, scene.channel)

    assert "in line" in await asked(scene, forwarded, "#1 and #2")

    assert [one.name for one in await references(scene)] == ["wave.png", "cat.png"]


# --- stickers --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("format_type", [1, 2], ids=["PNG", "APNG"])
async def test_a_sticker_is_a_picture(scene: Scene, format_type: int) -> None:
    scene.serve(f"{CDN}/stickers/77.png", IMAGE + b"wave")

    assert "in line" in await asked(scene, scene.message(scene.bob, stickers=[sticker("wave", format_type)]))

    (wave,) = await references(scene)
    assert (wave.name, wave.source, wave.owner_id) == ("wave.png", OfferSource.STICKER, scene.bob.id)
    assert held(scene, wave) == IMAGE + b"wave"


async def test_a_moving_sticker_becomes_a_video_and_that_is_asked(scene: Scene) -> None:
    scene.serve("https://media.discordapp.net/stickers/77.gif", GIF)

    text = await asked(scene, scene.message(scene.bob, stickers=[sticker("wave", 4)]))

    assert "Your draft" in text
    assert "wave.gif: GIF → MP4, played again until it lasts long enough" in text
    (wave,) = await references(scene)
    assert (wave.token, wave.name, wave.facts.seconds) == ("@Video1", "wave.gif", 1.5)
    assert held(scene, wave) == GIF, "nothing is made of it before it is confirmed"


async def test_a_lottie_sticker_beside_a_file_is_listed_with_its_reason(scene: Scene) -> None:
    message = scene.message(scene.bob, files=(named("sea.png"),), stickers=[sticker("dance", 3)])

    text = await asked(scene, message)

    assert "Your draft" in text
    assert "The sticker “dance” is an animation without pictures" in text
    assert [one.name for one in await references(scene)] == ["sea.png"]


async def test_a_lottie_sticker_alone_is_refused_and_nothing_is_fetched(scene: Scene) -> None:
    text = await asked(scene, scene.message(scene.bob, stickers=[sticker("dance", 3)]), "a dance")
    acknowledge_what_the_form_raised(scene)

    assert "The sticker “dance” is an animation without pictures" in text
    assert text.endswith("Nothing was spent.")
    assert scene.studio.downloader.fetched == []


# --- embeds ----------------------------------------------------------------------------------------------------------


async def test_a_links_picture_is_fetched_from_discords_proxy_only(scene: Scene) -> None:
    scene.serve(f"{PROXY}/external/x/https/elsewhere/cat.png", IMAGE + b"cat")
    scene.serve("https://elsewhere.example/cat.png", IMAGE + b"a trap")

    assert "in line" in await asked(scene, scene.message(scene.bob, "look", embeds=[preview("cat.png")]))

    (cat,) = await references(scene)
    assert (cat.name, cat.source, cat.owner_id) == ("cat.png", OfferSource.EMBED, scene.bob.id)
    assert held(scene, cat) == IMAGE + b"cat"


@pytest.mark.parametrize(
    "embed",
    [
        {"type": "rich", "title": "no picture"},
        {"type": "image", "thumbnail": {"url": "https://elsewhere.example/cat.png"}},
        preview("film.png", type="video", video={"url": "https://elsewhere.example/film.mp4"}),
    ],
    ids=["without a picture", "without a proxy", "a video"],
)
async def test_other_embeds_are_passed_over(scene: Scene, embed: dict[str, object]) -> None:
    assert "in line" in await asked(scene, scene.message(scene.bob, "look", embeds=[embed]), "a cat")

    assert await references(scene) == ()
    assert scene.studio.downloader.fetched == []


# --- replies ---------------------------------------------------------------------------------------------------------


async def test_the_files_of_the_message_replied_to_are_used_when_discord_grants_them(scene: Scene) -> None:
    """Without the Message Content intent that is so when the message mentions the bot (or is the bot's own)."""
    me = scene.env.bot.user
    assert me is not None
    first = await scene.bob.send(scene.channel, f"{me.mention} look", attachments=[named("sea.png")])
    reply = await scene.moderator.send(scene.channel, "this", reply_to=first, attachments=[named("boat.png")])

    assert "in line" in await asked(scene, reply, "#1 on #2")

    boat, sea = await references(scene)
    assert (boat.name, boat.source, boat.owner_id) == ("boat.png", OfferSource.TARGET, scene.moderator.id)
    assert (sea.name, sea.source, sea.owner_id) == ("sea.png", OfferSource.REPLY, scene.bob.id)
    assert (boat.message_id, sea.message_id) == (reply.id, first.id)


async def test_a_reply_to_what_discord_hides_has_its_own_files_only(scene: Scene) -> None:
    first = await scene.bob.send(scene.channel, "look", attachments=[named("sea.png")])
    reply = await scene.moderator.send(scene.channel, "this", reply_to=first, attachments=[named("boat.png")])

    assert "in line" in await asked(scene, reply, "#1")

    assert [one.name for one in await references(scene)] == ["boat.png"]


# --- people and emoji in the prompt ----------------------------------------------------------------------------------


def with_avatar(scene: Scene, name: str, content: bytes, *, nick: str | None = None) -> simcord.MemberActor:
    """A member with a picture of their own; Discord gives it as PNG of the asked size."""
    person = scene.guild.add_member(scene.env.create_user(name, avatar="0" * 32), nick=nick)
    scene.serve(f"{CDN}/avatars/{person.id}/{'0' * 32}.png?size=512", content)
    return person


async def ask(scene: Scene, prompt: str, **options: object) -> str:
    return told(await scene.alice.slash(scene.channel, "video make", prompt=prompt, **options))


async def allow_avatar(scene: Scene, person: simcord.MemberActor) -> None:
    told(await person.slash(scene.channel, "privacy references", avatar="allow"))


async def test_somebody_who_allows_it_is_in_the_video_with_their_avatar(scene: Scene) -> None:
    ada = with_avatar(scene, "ada", IMAGE + b"ada", nick="Countess")
    await allow_avatar(scene, ada)

    text = await ask(scene, f"<@{ada.id}> waves")

    assert "in line" in text
    assert "> @Image1 waves" in text
    (avatar,) = await references(scene)
    assert (avatar.name, avatar.source, avatar.owner_id) == ("Countess", OfferSource.AVATAR, ada.id)
    assert held(scene, avatar) == IMAGE + b"ada"


async def test_the_avatar_of_somebody_who_has_not_allowed_it_is_never_fetched(scene: Scene) -> None:
    ada = with_avatar(scene, "ada", IMAGE + b"ada", nick="Countess")

    text = await ask(scene, f"<@{ada.id}> waves at hero.png", ref1=named("hero.png"))

    assert "The avatar of “Countess” cannot be used" in text
    assert "> Countess waves at @Image1" in text
    assert scene.studio.downloader.fetched == ["hero.png"]


async def test_ones_own_avatar_needs_no_leave(scene: Scene) -> None:
    ada = with_avatar(scene, "ada", IMAGE + b"ada")

    result = await ada.slash(scene.channel, "video make", prompt=f"<@{ada.id}> waves")

    assert "> @Image1 waves" in told(result)


async def test_whoever_has_no_picture_of_their_own_is_a_name(scene: Scene) -> None:
    text = await ask(scene, f"<@{scene.bob.id}> waves")

    assert "> bob waves" in text
    assert scene.studio.downloader.fetched == []


async def test_somebody_whom_discord_does_not_know_is_someone(scene: Scene) -> None:
    assert "> someone waves" in await ask(scene, "<@123456789012345678> waves")


async def test_roles_and_channels_are_called_by_their_names(scene: Scene) -> None:
    role = scene.guild.create_role("Pilots")
    await scene.env.settle()

    text = await ask(scene, f"<@&{role.id}> meet in <#{scene.channel.id}>")

    assert "> Pilots meet in takes" in text


async def test_a_custom_emoji_is_its_picture(scene: Scene) -> None:
    scene.serve(f"{CDN}/emojis/4242.webp", b"image webp\nblob")

    text = await ask(scene, "<:blobwave:4242> waves, <:blobwave:4242> again")

    assert "> @Image1 waves, @Image1 again" in text
    (blob,) = await references(scene)
    assert (blob.name, blob.source, blob.owner_id) == ("blobwave.webp", OfferSource.EMOJI, None)
    assert scene.studio.downloader.fetched == ["blobwave.webp"]


async def test_of_what_discord_names_no_size_no_more_is_fetched_than_it_may_have(scene: Scene) -> None:
    """Else a few emoji would use up what is free a day."""
    scene.serve(f"{CDN}/emojis/4242.webp", b"image webp\n" + b"x" * (1 << 20))
    scene.serve(f"{CDN}/stickers/77.png", IMAGE + b"x" * (1 << 20))
    scene.serve(f"{PROXY}/external/x/https/elsewhere/cat.png", IMAGE + b"x" * (16 << 20))
    message = scene.message(scene.bob, "look", stickers=[sticker("wave", 1)], embeds=[preview("cat.png")])

    text = await asked(scene, message, "<:blobwave:4242> waves")
    acknowledge_what_the_form_raised(scene)

    for name, limit in (("blobwave.webp", "1 MiB"), ("wave.png", "1 MiB"), ("cat.png", "16 MiB")):
        assert re.search(rf"“{re.escape(name)}” is [^“]*over the limit of {limit}", text), name


async def test_an_emoji_in_the_menus_form_is_its_picture_too(scene: Scene) -> None:
    scene.serve(f"{CDN}/emojis/4242.webp", b"image webp\nblob")

    text = await asked(scene, scene.message(scene.bob, "look"), "<a:blobwave:4242> waves")

    assert "> @Image1 waves" in text


async def test_a_mention_after_a_backslash_is_left_alone(scene: Scene) -> None:
    await ask(scene, "\\<:blobwave:4242> waves")

    assert scene.studio.downloader.fetched == []


async def test_an_avatar_that_was_allowed_since_is_had_by_editing(scene: Scene) -> None:
    ada = with_avatar(scene, "ada", IMAGE + b"ada", nick="Countess")
    result = await scene.alice.slash(
        scene.channel, "video make", prompt=f"<@{ada.id}> waves at #1", ref1=named("a.png")
    )
    card = card_of(scene, scene.alice, result)
    assert "The avatar of “Countess” cannot be used" in card.text
    sheet = card.message.attachments[0].id

    await card.edit(What_happens=f"<@{ada.id}> bows to #1")
    assert card.text.count("The avatar of “Countess” cannot be used") == 1
    assert card.message.attachments[0].id == sheet, "no file has come"
    await allow_avatar(scene, ada)
    await card.edit(What_happens=f"<@{ada.id}> bows to #1")

    assert "> @Image2 bows to @Image1" in card.text
    assert "cannot be used" not in card.text
    assert "Countess" in await card.sheet()


# --- what an operator may switch off ---------------------------------------------------------------------------------


class TestSwitchedOff:
    @pytest.fixture
    def simcord_bot(self, studio: Studio) -> RushesClient:
        studio.sources = Sources(avatars=False, emoji=False, embeds=False)
        return studio.open()

    async def test_neither_avatars_nor_emoji_nor_embeds_are_fetched(self, scene: Scene) -> None:
        ada = with_avatar(scene, "ada", IMAGE + b"ada", nick="Countess")
        await allow_avatar(scene, ada)

        text = await asked(
            scene,
            scene.message(scene.bob, "look", embeds=[preview("cat.png")]),
            f"<@{ada.id}> sees <:blobwave:4242>",
        )

        assert "> Countess sees :blobwave:" in text
        assert scene.studio.downloader.fetched == []


# --- several at once -------------------------------------------------------------------------------------------------


async def test_everything_a_message_holds_is_numbered_in_one_order(scene: Scene) -> None:
    scene.serve(f"{CDN}/stickers/77.png", IMAGE + b"wave")
    scene.serve(f"{PROXY}/external/x/https/elsewhere/cat.png", IMAGE + b"cat")
    message = scene.message(
        scene.bob, "look", files=(named("sea.png"),), stickers=[sticker("wave", 1)], embeds=[preview("cat.png")]
    )

    shown = await opened(scene, message)
    text = told(
        await scene.alice.submit_modal(
            shown, entered(shown, What_happens="#1 #2 #3 #4", More_files=(named("boat.png"),))
        )
    )

    assert "in line" in text
    assert [one.name for one in await references(scene)] == ["sea.png", "wave.png", "cat.png", "boat.png"]


async def test_the_same_bytes_from_two_places_are_one_reference_with_two_names_and_the_askers_own(
    scene: Scene,
) -> None:
    content = IMAGE + b"the same"
    shown = await opened(scene, scene.message(scene.bob, "look", files=(("theirs.png", content),)))

    result = await scene.alice.submit_modal(
        shown, entered(shown, What_happens="theirs.png and mine.png", More_files=(("mine.png", content),))
    )

    card = card_of(scene, scene.alice, result)
    assert "> @Image1 and @Image1" in card.text
    (one,) = await references(scene)
    assert (one.name, one.also) == ("theirs.png", ("mine.png",))
    assert [origin.owner_id for origin in one.origins] == [scene.bob.id, None]
    told(await scene.bob.slash(scene.channel, "privacy references", files="forbid"))
    await card.press("Confirm")
    assert "in line" in card.text, "Alice brought it herself"


async def test_the_form_lists_what_can_be_used(scene: Scene) -> None:
    message = scene.message(scene.bob, "look", files=(named("sea.png"),), stickers=[sticker("dance", 3)])

    shown = await opened(scene, message)

    assert shown.modal is not None
    assert "sea.png" in str(shown.modal)
    assert "dance" not in str(shown.modal)
    assert list(fields(shown)) == ["What happens", "More files", "Length", "Shape"]


# --- our own clips ---------------------------------------------------------------------------------------------------


async def delivered(scene: Scene) -> discord.Message:
    """Alice's finished video, as it stands in its thread."""
    await scene.confirm(scene.alice, await scene.alice.slash(scene.channel, "video make", prompt="a storm"))
    await scene.carry()
    thread = scene.channel.threads[-1]
    return next(one for one in reversed(thread.history()) if one.attachments)


async def test_a_clip_that_rushes_made_is_used_as_a_reference_however_many_generations_deep(scene: Scene) -> None:
    result = await delivered(scene)
    (clip,) = result.attachments

    shown = await scene.bob.click(result, label="Use as reference")
    text = told(await scene.bob.submit_modal(shown, entered(shown, What_happens="slower than video 1")))

    assert "> slower than @Video1" in text
    (reference,) = (await scene.studio.requests())[-1].request.references
    assert (reference.name, reference.source) == (clip.filename, OfferSource.CLIP)
    assert (reference.owner_id, reference.message_id) == (scene.alice.id, result.id)
    await scene.carry()
    deeper = next(one for one in reversed(scene.channel.threads[-1].history()) if one.attachments)
    assert deeper.id != result.id
    again = await scene.alice.click(deeper, label="Use as reference")
    assert "> @Video1" in told(await scene.alice.submit_modal(again, entered(again, What_happens="video 1")))


async def test_the_menu_on_a_result_takes_its_clip_as_the_requesters(scene: Scene) -> None:
    result = await delivered(scene)
    thread = scene.channel.threads[-1]

    shown = await scene.bob.context_menu(thread, "Make video", result)
    told(await scene.bob.submit_modal(shown, entered(shown, What_happens="video 1")))

    (reference,) = (await scene.studio.requests())[-1].request.references
    assert (reference.source, reference.owner_id) == (OfferSource.CLIP, scene.alice.id)


async def test_the_button_works_after_a_restart(scene: Scene) -> None:
    result = await delivered(scene)
    await scene.restart()

    shown = await scene.bob.click(result, label="Use as reference")

    assert shown.modal is not None


async def test_a_clip_that_discord_shows_only_as_a_component_is_found_too(scene: Scene) -> None:
    """Discord's documentation does not say that such a file is listed among the attachments as well."""
    result = await delivered(scene)
    stored = scene.env.backend.get_message(result.channel.id, result.id)
    assert "attachment_id" in str(stored.components)
    stored.attachments = []

    shown = await scene.bob.click(result, label="Use as reference")
    told(await scene.bob.submit_modal(shown, entered(shown, What_happens="video 1")))

    (reference,) = (await scene.studio.requests())[-1].request.references
    assert (reference.name, reference.owner_id) == (result.attachments[0].filename, scene.alice.id)


async def test_a_form_listing_shows_the_clip(scene: Scene) -> None:
    result = await delivered(scene)

    shown = await scene.bob.click(result, label="Use as reference")

    assert result.attachments[0].filename in str(shown.modal)
    assert "Use as reference" not in read(result)
