"""Whatever goes wrong, the person reads a sentence, alone, that is true about money; or the log says why not."""

from collections.abc import Awaitable, Callable

import aiohttp
import discord
import pytest
import simcord

from bot.domain.errors import RushesError, Stale, Unavailable
from bot.domain.reasons import reason
from bot.domain.states import RequestState
from bot.domain.words import NOTHING_SPENT
from tests.behaviour.studio import Scene, labels, named, told
from tests.behaviour.test_make_video_menu import acknowledge_what_the_form_raised, filled, open_form

Ask = Callable[[Scene], Awaitable[simcord.InteractionResult]]


async def by_command(scene: Scene) -> simcord.InteractionResult:
    return await scene.alice.slash(scene.channel, "video make", prompt="sea.png in a storm", ref1=named("sea.png"))


async def by_form(scene: Scene) -> simcord.InteractionResult:
    shown = await open_form(scene, scene.alice, "sea.png in a storm", "sea.png")
    result = await scene.alice.submit_modal(shown, filled(shown))
    acknowledge_what_the_form_raised(scene)
    return result


both_ways = pytest.mark.parametrize("ask", [by_command, by_form])


@both_ways
@pytest.mark.parametrize(
    ("trouble", "sentence"),
    [
        (Unavailable(reason("database-unavailable")), "The bot's own database does not answer just now."),
        (Unavailable(reason("source-unavailable", name="sea.png")), "“sea.png” could not be fetched from Discord"),
        (Stale(reason("stopping")), "The bot is being restarted."),
    ],
)
async def test_an_outage_is_a_sentence(scene: Scene, ask: Ask, trouble: RushesError, sentence: str) -> None:
    scene.studio.trouble = trouble

    text = told(await ask(scene))

    assert sentence in text
    assert text.count(NOTHING_SPENT) == 1
    assert text not in scene.seen_by(scene.bob)


async def test_a_refusal_names_every_file_and_says_that_nothing_was_spent(scene: Scene) -> None:
    result = await scene.alice.slash(
        scene.channel,
        "video make",
        prompt="a storm",
        ref1=("notes.txt", b"dear diary\n"),
        ref2=("half.png", b"broken png\n"),
    )

    text = told(result)
    assert "notes.txt" in text
    assert "half.png" in text
    assert text.endswith(NOTHING_SPENT)
    assert await scene.studio.requests() == []


async def test_a_reference_that_does_not_exist_waits_with_what_does_and_cannot_be_confirmed(scene: Scene) -> None:
    result = await scene.alice.slash(
        scene.channel, "video make", prompt="@Image2 walks", ref1=named("hero.png"), takes=2
    )

    text = told(result)
    assert "“@Image2” points to nothing." in text
    assert "hero.png" in text
    assert result.response is not None
    assert "Confirm" not in labels(result.response.message)
    assert {"Edit prompt", "Discard"} <= labels(result.response.message)


async def test_the_quota_is_said_before_anything_is_fetched(scene: Scene) -> None:
    for _ in range(3):
        await scene.alice.slash(scene.channel, "video make", prompt="a storm", takes=4, duration="4")

    text = told(await scene.alice.slash(scene.channel, "video make", prompt="more", ref1=named("sea.png")))

    assert "You have used 12 of your 12 takes a day here" in text
    assert NOTHING_SPENT in text
    assert scene.studio.downloader.fetched == []
    assert "in line" in told(await scene.bob.slash(scene.channel, "video make", prompt="mine"))


@both_ways
async def test_a_defect_is_our_fault_in_words_and_in_the_log(scene: Scene, ask: Ask) -> None:
    scene.studio.trouble = ZeroDivisionError("a defect")

    text = told(await ask(scene))

    assert "Something went wrong on our side." in text
    assert "a defect" not in text
    assert NOTHING_SPENT not in text, "nobody knows how far it came"
    (event,) = scene.take_events("command failed")
    assert event["exc_info"] is scene.studio.trouble
    assert f"Id `{event['interaction']}`" in text


# --- answers that cannot be given ------------------------------------------------------------------------------------


@both_ways
async def test_an_interaction_that_is_too_old_is_logged_and_nothing_is_begun(scene: Scene, ask: Ask) -> None:
    shown = await open_form(scene, scene.alice, "a storm") if ask is by_form else None
    scene.lose_first_answer()

    result = await (scene.alice.submit_modal(shown, filled(shown)) if shown else ask(scene))
    acknowledge_what_the_form_raised(scene)

    assert not result.acknowledged
    assert len(scene.take_events("interaction too old to answer")) == 1
    assert scene.studio.wishes == []


async def test_a_menu_that_is_too_old_is_logged(scene: Scene) -> None:
    scene.lose_first_answer()

    shown = await open_form(scene, scene.alice, "a storm")

    assert shown.modal is None
    assert len(scene.take_events("interaction too old to answer")) == 1


async def test_a_form_that_outlived_a_restart_and_is_too_old_is_logged(scene: Scene) -> None:
    shown = await open_form(scene, scene.alice, "a storm")
    await scene.restart()
    scene.lose_first_answer()

    await scene.alice.submit_modal(shown, filled(shown))

    assert len(scene.take_events("interaction too old to answer")) == 1


@both_ways
async def test_an_answer_that_comes_too_late_leaves_the_request_in_line(scene: Scene, ask: Ask) -> None:
    scene.lose_last_answer(status=401, code=50027)

    await ask(scene)

    assert [snapshot.request.state for snapshot in await scene.studio.requests()] == [RequestState.QUEUED]
    assert len(scene.take_events("interaction too old to answer")) == 1


@both_ways
async def test_a_request_in_line_is_never_said_to_have_failed(scene: Scene, ask: Ask) -> None:
    """Discord stumbles over the last edit only: the request is queued and will cost, so nobody may read otherwise."""
    scene.lose_last_answer()

    result = await ask(scene)

    assert [snapshot.request.state for snapshot in await scene.studio.requests()] == [RequestState.QUEUED]
    assert result.response is not None
    assert not any("That did not work" in text for text in scene.seen_by(scene.alice))
    assert len(scene.take_events("answer not told")) == 1


async def test_a_broken_connection_after_acceptance_is_no_failure_either(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def breaks(*_arguments: object, **_fields: object) -> None:
        raise aiohttp.ClientConnectionError

    monkeypatch.setattr(discord.Interaction, "edit_original_response", breaks)

    await by_command(scene)

    assert len(scene.take_events("answer not told")) == 1
    assert len(await scene.studio.requests()) == 1


@both_ways
async def test_trouble_that_cannot_be_told_is_logged(scene: Scene, ask: Ask) -> None:
    scene.studio.trouble = Unavailable(reason("database-unavailable"))
    scene.lose_last_answer()

    await ask(scene)

    assert len(scene.take_events("error not told")) == 1
