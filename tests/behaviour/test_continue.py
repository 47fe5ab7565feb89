"""“Continue”: a new video that begins where a result's clip ends."""

from bot.domain.references import OfferSource
from tests.behaviour.draft_card import card_of
from tests.behaviour.studio import Scene, entered, fields, told
from tests.behaviour.test_again import delivered
from tests.behaviour.test_make_video_menu import acknowledge_what_the_form_raised


async def test_it_is_a_draft_that_begins_with_the_last_frame(scene: Scene) -> None:
    result = await delivered(scene)
    await scene.restart()

    shown = await scene.alice.click(result, label="Continue")
    assert fields(shown)["What happens"]["value"] == "@Image1 is the first frame. "
    values = entered(shown, What_happens="@Image1 is the first frame. It begins to rain.", Length=["4"])
    card = card_of(scene, scene.alice, await scene.alice.submit_modal(shown, values))

    assert "Your draft: ready to confirm" in card.text
    request = await card.request()
    (reference,) = request.references
    assert (reference.token, reference.source) == ("@Image1", OfferSource.CLIP)
    assert (reference.owner_id, reference.message_id) == (scene.alice.id, result.id)
    assert request.parameters.duration_seconds == 4
    await card.press("Confirm")
    await scene.carry()
    assert len(scene.studio.provider.started) == 2


async def test_anybody_here_may_go_on_unless_whose_clip_it_is_forbids(scene: Scene) -> None:
    result = await delivered(scene)
    shown = await scene.bob.click(result, label="Continue")
    card = card_of(scene, scene.bob, await scene.bob.submit_modal(shown, entered(shown)))
    assert [one.owner_id for one in (await card.request()).references] == [scene.alice.id]

    shown = await scene.bob.click(result, label="Continue")
    told(await scene.alice.slash(scene.channel, "privacy references", files="forbid"))
    sent = told(await scene.bob.submit_modal(shown, entered(shown)))
    acknowledge_what_the_form_raised(scene)
    pressed = await scene.bob.click(result, label="Continue")

    assert pressed.modal is None, "nobody fills in a form for nothing"
    assert told(pressed) == sent
    assert "“last frame.png” belongs to somebody who does not allow others to use their files." in sent
    assert "Nothing was spent." in sent


async def test_where_the_bytes_are_gone_it_says_what_to_do(scene: Scene) -> None:
    result = await delivered(scene)
    shown = await scene.alice.click(result, label="Continue")
    scene.studio.contents.contents.clear()

    text = told(await scene.alice.submit_modal(shown, entered(shown)))
    acknowledge_what_the_form_raised(scene)
    pressed = await scene.alice.click(result, label="Continue")

    assert pressed.modal is None, "nobody fills in a form for nothing"
    assert told(pressed) == text
    assert "“Use as reference”, at the video, takes it as it was posted." in text
