"""A draft is looked at, mended and confirmed; whatever restarts or dies meanwhile, nothing is lost or doubled."""

import signal
from pathlib import Path

import pytest

from sandbox.discord.person import Message, Outcome, Upload
from tests.e2e.stage import Stage, clip_file, hashes, image, opened, states

pytestmark = pytest.mark.e2e

HERO, HARBOUR = image(), image("harbour.png", 512)
TWO = {"ref1": HERO, "ref2": HARBOUR}


async def a_draft(scene: Stage) -> Message:
    """The card of a draft in which the second file is not mentioned."""
    return await scene.card(await scene.make("@Image1 waves", TWO))


async def delivered_once(scene: Stage) -> None:
    await scene.clip()
    await scene.ends_as("delivered")
    assert len(await scene.oxen.generations()) == 1
    assert len(await scene.clips()) == 1
    await scene.nothing_amiss()


async def test_a_draft_is_mended_after_a_restart_confirmed_and_delivered_once(tmp_path: Path) -> None:
    async with opened(tmp_path) as scene:
        first = await scene.rig.start_bot()
        await scene.ready()
        card = await a_draft(scene)
        assert [one.filename for one in card.attachments] == ["references.png"]
        assert await first.stop() == 0

        await scene.rig.start_bot()
        await scene.ready()
        mended = (await scene.press(card, "Add @Image2")).message
        assert mended is not None
        assert "⚠" not in mended.text
        assert [one.sha256 for one in mended.attachments] == [one.sha256 for one in card.attachments]
        assert await scene.oxen.generations() == (), "nothing is ordered before Confirm"
        confirmed = await scene.press(mended, "Confirm")
        assert "in line" in confirmed.text
        assert confirmed.message is not None
        assert (confirmed.message.attachments, confirmed.message.buttons) == ((), ())
        await delivered_once(scene)
        (generation,) = await scene.oxen.generations()
        assert generation.body["prompt"] == "@Image1 waves @Image2"
        assert generation.materials == {"input_images": hashes(HERO, HARBOUR)}


async def test_a_draft_outlives_a_killed_bot_and_is_brought_back_by_command(tmp_path: Path) -> None:
    async with opened(tmp_path) as scene:
        doomed = await scene.rig.start_bot()
        await scene.ready()
        card = await a_draft(scene)
        await doomed.kill()
        assert states(scene.rig) == ["draft"]

        await scene.rig.start_bot()
        await scene.ready()
        again = await scene.card(await scene.discord.person().run("video drafts"))
        assert again.id != card.id
        await scene.press(again, "Confirm")
        late = await scene.press(card, "Confirm")
        assert "That did not work" not in late.text, "the older card was confirmed too: the same request"
        await delivered_once(scene)


async def test_a_bot_killed_as_a_draft_is_confirmed_delivers_it_once(tmp_path: Path) -> None:
    async with opened(tmp_path) as scene:
        doomed = await scene.rig.start_bot(RUSHES__TESTING__KILL_AT="request.queued")
        await scene.ready()
        card = await a_draft(scene)
        await scene.discord.person().click(card.id, label="Confirm")
        assert await doomed.died(30) == -signal.SIGKILL

        await scene.rig.start_bot()
        await scene.ready()
        late = await scene.press(card, "Confirm")
        assert "That did not work" not in late.text
        await delivered_once(scene)


async def test_a_draft_cut_off_while_its_files_were_looked_at_calls_its_person_back_once(tmp_path: Path) -> None:
    async with opened(tmp_path) as scene:
        doomed = await scene.rig.start_bot(RUSHES__TESTING__KILL_AT="request.draft")
        await scene.ready()
        await scene.make("@Image1 waves", TWO)
        assert await doomed.died(30) == -signal.SIGKILL

        doomed_too = await scene.rig.start_bot(RUSHES__TESTING__KILL_AT="posted:callback")
        channel = scene.rig.discord.channel_id
        called = await scene.discord.wait_for_message(channel, contains="your draft was prepared", seconds=30)
        assert "waves" not in called.text, "drafts are private"
        assert await doomed_too.died(30) == -signal.SIGKILL
        await scene.rig.start_bot()
        await scene.ready()
        card = await scene.card(await scene.discord.person().click(called.id, label="Show my draft"))
        assert (card.ephemeral, card.id != called.id) == (True, True)
        await scene.press(card, "Confirm")
        await delivered_once(scene)
        calls = [one for one in await scene.discord.messages(channel) if "your draft was prepared" in one.text]
        assert len(calls) == 1


async def test_one_bad_file_among_good_ones_is_told_and_the_others_wait_for_confirm(tmp_path: Path) -> None:
    async with opened(tmp_path) as scene:
        await scene.rig.start_bot()
        await scene.ready()
        notes = Upload("notes.png", b"just some words\n" * 20, "image/png")
        files = {"ref1": HERO, "ref2": notes, "ref3": clip_file()}
        card = await scene.card(await scene.make("@Image1 walks like @Video1", files))
        for words in ("notes.png", "not a picture", "hero.png", "walk.mp4", "Nothing is ordered"):
            assert words in card.text
        assert await scene.oxen.generations() == ()
        assert await scene.staging_is_empty()
        public = await scene.discord.messages(scene.rig.discord.channel_id)
        assert [message for message in public if message.by_bot] == []

        accepted = await scene.press(card, "Confirm")
        assert "notes.png" in accepted.text, "the fate of every file is told to the end"
        await delivered_once(scene)
        (generation,) = await scene.oxen.generations()
        assert generation.materials == {"input_images": hashes(HERO), "input_videos": hashes(clip_file())}


async def test_a_mention_of_nothing_is_settled_by_a_click_before_anything_is_spent(tmp_path: Path) -> None:
    async with opened(tmp_path) as scene:
        await scene.rig.start_bot()
        await scene.ready()
        card = await scene.card(await scene.make("@Image3 waves at @Image1"))
        assert "@Image3" in card.text
        assert "hero.png" in card.text
        assert "Confirm" not in [button.label for button in card.buttons]
        mended = (await scene.press(card, "Use @Image1")).message
        assert mended is not None
        await scene.press(mended, "Discard")
        await scene.ends_as("cancelled")
        assert await scene.oxen.generations() == ()
        await scene.nothing_amiss()


async def test_a_request_is_made_again_from_its_result_after_its_message_is_gone(tmp_path: Path) -> None:
    async with opened(tmp_path) as scene:
        await scene.rig.start_bot()
        await scene.ready()
        person = scene.discord.person()
        post = await person.say("tonight", files=[HERO])
        assert "in line" in await scene.answer(await scene.from_message(post, "@Image1 waves"))
        clip = await scene.clip()
        await scene.ends_as("delivered")
        await person.delete(post.id)

        card = await scene.card(await person.click(clip.id, label="Again"))
        await scene.press(card, "Confirm")
        await scene.ends_as("delivered", "delivered")
        first, second = await scene.oxen.generations()
        assert first.materials == second.materials == {"input_images": hashes(HERO)}
        assert first.body["prompt"] == second.body["prompt"]
        assert len(await scene.clips()) == 2


async def test_files_that_show_a_person_go_to_their_own_field_and_the_prompt_follows(tmp_path: Path) -> None:
    async with opened(tmp_path, oxen=("--schema", "v3")) as scene:
        await scene.rig.start_bot()
        await scene.ready()
        manager = await scene.discord.new_person("mara", permissions=["manage_guild"])
        await scene.told(await manager.run("settings drafts", {"card": "always"}))
        card = await scene.card(await scene.make("@Image1 waves at @Image2", TWO))
        person = scene.discord.person()
        (menu,) = card.selects
        chosen = await scene.told(
            await person.choose(card.id, [menu["options"][1]["value"]], custom_id=menu["custom_id"])
        )
        assert chosen.modal is not None, chosen.text
        changed = await scene.card(await person.submit(chosen.id, {"Shows a real person": True}))
        assert "shows a real person" in changed.text
        assert "@Image2 waves at @Image1" in changed.text, "the card shows what the model will read"
        accepted = await scene.press(changed, "Confirm")
        await delivered_once(scene)
        for shown in (accepted.text, (await scene.clip()).text):
            assert "the model reads @Image1" in shown, "the numbers in the prompt shown are the model's"
        (generation,) = await scene.oxen.generations()
        assert generation.materials == {"input_face_images": hashes(HARBOUR), "input_images": hashes(HERO)}
        assert generation.body["prompt"] == "@Image2 waves at @Image1"


async def change_file(scene: Stage, card: Message, number: int, **values: object) -> Outcome:
    """“Change a file…” on the card, its form filled in by label."""
    person, (menu,) = scene.discord.person(), card.selects
    value = menu["options"][number - 1]["value"]
    opened_form = await scene.told(await person.choose(card.id, [value], custom_id=menu["custom_id"]))
    assert opened_form.modal is not None, opened_form.text
    return await person.submit(opened_form.id, {label.replace("_", " "): what for label, what in values.items()})


async def test_a_draft_is_worked_over_and_its_clip_used_for_the_next(tmp_path: Path) -> None:
    async with opened(tmp_path) as scene:
        await scene.rig.start_bot()
        await scene.ready()
        card = await scene.card(await change_file(scene, await a_draft(scene), 1, Name="boy"))
        assert "@boy" in card.text

        asked = (await scene.told(await change_file(scene, card, 2, Place="#1"))).message
        assert asked is not None
        assert {"Move it", "Back"} <= {button.label for button in asked.buttons}
        moved = await scene.card(await scene.press(asked, "Move it"))
        assert "> @Image2 waves" in moved.text, "the mention still means its file"
        assert moved.attachments[0].sha256 != card.attachments[0].sha256, "the picture shows the new numbers"

        asked = (await scene.told(await change_file(scene, moved, 1, Take_it_out=True))).message
        assert asked is not None
        back = await scene.card(await scene.press(asked, "Back"))
        asked = (await scene.told(await change_file(scene, back, 1, Take_it_out=True))).message
        assert asked is not None
        alone = await scene.card(await scene.press(asked, "Take it out"))
        assert "harbour.png" not in alone.text

        person = scene.discord.person()
        form = await scene.told(await person.click(alone.id, label="Edit prompt"))
        values, more = {"What happens": "@boy waves at @Video1"}, {"More files": [clip_file()]}
        edited = await scene.card(await person.submit(form.id, values, files=more))
        await scene.press(edited, "Confirm")
        clip = await scene.clip()
        await scene.ends_as("delivered")

        form = await scene.told(await person.click(clip.id, label="Use as reference"))
        submitted = await person.submit(form.id, {"What happens": "@Video1 at night", "Length": "4", "Shape": "1:1"})
        assert "in line" in await scene.answer(submitted)
        await scene.ends_as("delivered", "delivered")
        first, second = await scene.oxen.generations()
        assert first.materials == {"input_images": hashes(HERO), "input_videos": hashes(clip_file())}
        assert second.materials == {"input_videos": (clip.attachments[0].sha256,)}
        await scene.nothing_amiss()
