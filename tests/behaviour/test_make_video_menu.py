"""“Make video” on a message: a form at once, filled with what the message holds, for that person alone."""

from typing import Any, cast

import pytest
import simcord

from bot.domain.references import OfferSource
from bot.domain.requests import Parameters
from tests.behaviour.studio import File, Scene, named, told

TEXT_DISPLAY, LABEL, STRING_SELECT, TEXT_INPUT, FILE_UPLOAD = 10, 18, 3, 4, 19

Json = dict[str, Any]


def form(shown: simcord.InteractionResult) -> Json:
    assert shown.modal is not None
    return shown.modal


def control(shown: simcord.InteractionResult, label: str) -> Json:
    return next(part["component"] for part in form(shown)["components"] if part.get("label") == label)


def listed(shown: simcord.InteractionResult) -> str:
    return next(part["content"] for part in form(shown)["components"] if part["type"] == TEXT_DISPLAY)


def filled(
    shown: simcord.InteractionResult,
    *,
    prompt: str | None = None,
    files: tuple[File, ...] = (),
    length: str = "auto",
    shape: str = "auto",
) -> Json:
    """What a person sends: every field as the form shows it, unless said otherwise."""
    text = control(shown, "What happens")
    values: Json = {
        text["custom_id"]: text.get("value", "") if prompt is None else prompt,
        control(shown, "Length")["custom_id"]: [length],
        control(shown, "Shape")["custom_id"]: [shape],
    }
    return {**values, control(shown, "More files")["custom_id"]: files} if files else values


def acknowledge_what_the_form_raised(scene: Scene) -> None:
    """simcord counts what a form hands to its `on_error` as an error of the bot, answered or not.

    What nobody answers is found in discord.py's log all the same.
    """
    assert scene.env.errors is not None


async def open_form(
    scene: Scene, person: simcord.MemberActor, text: str = "a storm", *names: str
) -> simcord.InteractionResult:
    """Somebody posts a message, and `person` picks “Make video” on it.

    simcord's people can send neither 4,000 characters (Nitro) nor nothing (a sticker alone), so the text is put in.
    """
    message = await scene.bob.send(scene.channel, "text", attachments=[named(name) for name in names])
    scene.env.backend.get_message(scene.channel.id, message.id).content = text
    return await person.context_menu(scene.channel, "Make video", message)


# --- opening ---------------------------------------------------------------------------------------------------------


async def test_the_form_opens_at_once_and_nothing_else_happens(scene: Scene) -> None:
    message = await scene.bob.send(scene.channel, "a storm", attachments=[named("sea.png")])
    already = len(scene.env.http_requests)

    shown = await scene.alice.context_menu(scene.channel, "Make video", message)

    assert form(shown)["title"] == "Make video"
    assert [cast("Json", one.json)["type"] for one in scene.env.http_requests[already:]] == [9]
    assert scene.studio.wishes == []
    assert scene.studio.downloader.fetched == []
    assert await scene.studio.requests() == []


async def test_the_form_holds_the_messages_text_and_its_numbered_files(scene: Scene) -> None:
    shown = await open_form(scene, scene.alice, "the sea rises over image 1", "sea.png", "waves.mp4")

    assert control(shown, "What happens")["value"] == "the sea rises over image 1"
    assert listed(shown) == "From the message:\n`#1` sea.png\n`#2` waves.mp4\nIdentical files count once."


@pytest.mark.parametrize(("written", "fits"), [("x" * 4000, "x" * 2000), ("x" + "🎬" * 1500, "x" + "🎬" * 999)])
async def test_a_text_longer_than_a_prompt_is_cut_to_what_fits(scene: Scene, written: str, fits: str) -> None:
    """Nitro members write up to 4,000 characters. Emoji count double: nobody can say that Discord counts them once."""
    shown = await open_form(scene, scene.alice, written)

    prompt = control(shown, "What happens")
    assert prompt["value"] == fits
    assert prompt["max_length"] == 2000


@pytest.mark.parametrize("names", [(), ("sea.png",)])
async def test_a_message_without_text_opens_a_form_too(scene: Scene, names: tuple[str, ...]) -> None:
    shown = await open_form(scene, scene.alice, "", *names)

    assert "value" not in control(shown, "What happens")
    assert ("The message has no files" in listed(shown)) is not bool(names)


# --- sending ---------------------------------------------------------------------------------------------------------


async def test_the_messages_files_come_first_then_the_forms(scene: Scene) -> None:
    shown = await open_form(scene, scene.alice, "#1, #2 and #3", "sea.png", "waves.mp4")

    result = await scene.alice.submit_modal(
        shown, filled(shown, files=(named("boat.png"), named("gull.png")), length="7", shape="9:16")
    )

    text = told(result)
    assert "> @Image1, @Video1 and @Image2" in text
    assert "`#3` **@Image2** boat.png" in text
    assert "`#4` **@Image3** gull.png" in text
    (wish,) = scene.studio.wishes
    target, sent = OfferSource.TARGET, OfferSource.FORM
    assert [(offer.name, offer.source) for offer in wish.offers] == [
        ("sea.png", target),
        ("waves.mp4", target),
        ("boat.png", sent),
        ("gull.png", sent),
    ]
    assert wish.parameters == Parameters(duration_seconds=7, aspect_ratio="9:16")
    assert (wish.person.id, wish.place.channel_id) == (scene.alice.id, scene.channel.id)


async def test_a_form_sent_as_it_is_leaves_length_and_shape_to_the_model(scene: Scene) -> None:
    shown = await open_form(scene, scene.alice, "a storm")

    assert "> a storm" in told(await scene.alice.submit_modal(shown, filled(shown)))

    (wish,) = scene.studio.wishes
    assert wish.prompt == "a storm"
    assert wish.parameters == Parameters()


async def test_the_form_is_answered_by_a_private_defer_first(scene: Scene) -> None:
    shown = await open_form(scene, scene.alice, "a storm")
    begun: list[object] = []
    scene.studio.at_submit = lambda: begun.append(scene.env.http_requests[-1].json)

    await scene.alice.submit_modal(shown, filled(shown))

    assert begun == [{"type": 5, "data": {"flags": 64}}]


@pytest.mark.parametrize("alice_first", [True, False])
async def test_two_people_with_forms_open_at_once_send_their_own(scene: Scene, *, alice_first: bool) -> None:
    alices = await open_form(scene, scene.alice, "a storm", "sea.png")
    mos = await open_form(scene, scene.moderator, "a desert", "dune.png")
    in_turn = [(scene.alice, alices), (scene.moderator, mos)]

    answers = {
        person.name: told(await person.submit_modal(shown, filled(shown)))
        for person, shown in (in_turn if alice_first else reversed(in_turn))
    }

    assert "> a storm" in answers["alice"]
    assert "sea.png" in answers["alice"]
    assert "> a desert" in answers["mo"]
    assert "dune.png" in answers["mo"]
    assert {(wish.person.name, wish.prompt, wish.offers[0].name) for wish in scene.studio.wishes} == {
        ("alice", "a storm", "sea.png"),
        ("mo", "a desert", "dune.png"),
    }


async def test_one_persons_two_forms_do_not_mix(scene: Scene) -> None:
    first = await open_form(scene, scene.alice, "a storm")
    second = await open_form(scene, scene.alice, "a desert")

    await scene.alice.submit_modal(first, filled(first))
    await scene.alice.submit_modal(second, filled(second))

    assert [wish.prompt for wish in scene.studio.wishes] == ["a storm", "a desert"]


# --- forms nobody remembers ------------------------------------------------------------------------------------------


async def test_a_form_sent_after_a_restart_is_told_so(scene: Scene) -> None:
    shown = await open_form(scene, scene.alice, "a storm")
    await scene.restart()

    text = told(await scene.alice.submit_modal(shown, filled(shown)))

    assert "or the bot was restarted meanwhile, so nothing was done" in text
    assert text.count("Nothing was spent.") == 1
    assert scene.studio.wishes == []


async def test_a_form_that_discord_lost_on_its_way_can_be_sent_again(scene: Scene) -> None:
    """The client says “Something went wrong” and keeps the form open: the second try must not meet silence."""
    shown = await open_form(scene, scene.alice, "a storm")
    scene.lose_first_answer()
    await scene.alice.submit_modal(shown, filled(shown))
    acknowledge_what_the_form_raised(scene)
    assert len(scene.take_events("interaction too old to answer")) == 1
    shown._interaction.modal_consumed = False  # pyright: ignore[reportPrivateUsage]  simcord holds that it was sent

    assert "in line" in told(await scene.alice.submit_modal(shown, filled(shown)))
    assert len(scene.studio.wishes) == 1


async def test_a_form_left_open_for_hours_is_not_met_with_silence(scene: Scene) -> None:
    shown = await open_form(scene, scene.alice, "a storm")
    await scene.env.advance_time(3 * 3600)

    result = await scene.alice.submit_modal(shown, filled(shown))

    assert result.acknowledged
    assert "Nothing was spent." in told(result)


async def test_other_bots_forms_are_none_of_our_business(scene: Scene) -> None:
    """A form of this application that is not “Make video” (there may be more of them one day) is left alone."""
    shown = await open_form(scene, scene.alice, "a storm")
    shown._interaction.modal = {**form(shown), "custom_id": "another"}  # pyright: ignore[reportPrivateUsage]

    result = await scene.alice.submit_modal(shown, filled(shown))

    assert not result.acknowledged
