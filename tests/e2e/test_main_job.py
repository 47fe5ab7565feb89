"""The main job as a person sees it, and what they read when it cannot be done."""

import asyncio
import json
import re
import sys
from pathlib import Path

import pytest
from PIL import Image

from sandbox import samples
from sandbox.discord.person import Upload
from tests.e2e.stage import CONTRACTS, image, opened

pytestmark = pytest.mark.e2e


async def test_the_demo_ends_with_two_playable_videos_of_what_was_asked(tmp_path: Path) -> None:
    output = tmp_path / "demo-output"
    command = [sys.executable, "-m", "bot", "demo", "--output", str(output)]
    if CONTRACTS.is_dir():
        command += ["--contracts", str(CONTRACTS)]
    process = await asyncio.create_subprocess_exec(
        *command, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    said, _ = await process.communicate()
    assert process.returncode == 0, said.decode()
    assert {path.name for path in output.glob("*.*")} == {
        "from-a-message.mp4",
        "by-slash.mp4",
        "contact-sheet.png",
        "draft-card.png",
        "transcript.json",
    }
    transcript = json.loads((output / "transcript.json").read_text())
    steps = [step["step"] for step in transcript["steps"]]
    assert steps.count("posted") == 2
    assert steps.index("tray") < steps.index("draft") < steps.index("mend") < steps.index("confirm")
    with Image.open(output / "contact-sheet.png") as sheet:
        assert sheet.width > 600


async def test_the_clip_comes_though_the_interaction_is_long_dead(tmp_path: Path) -> None:
    async with opened(tmp_path) as scene:
        await scene.rig.start_bot()
        await scene.ready()
        await scene.oxen.hold()
        made = await scene.make("@Image1 waves")
        assert "hero.png" in await scene.answer(made)
        await scene.discord.set_options(interaction_life_seconds=0.0)
        await scene.oxen.release()
        clip = await scene.clip()
        assert clip.channel_id != scene.rig.discord.channel_id, "the result has a thread of its own"
        await scene.nothing_amiss()


async def test_a_request_made_in_a_thread_is_answered_there(tmp_path: Path) -> None:
    async with opened(tmp_path) as scene:
        await scene.rig.start_bot()
        await scene.ready()
        person = scene.discord.person()
        thread = await person.start_thread("rushes here", channel_id=scene.rig.discord.channel_id)
        options = {"prompt": "@Image1 waves", "duration": "4", "resolution": "480p", "aspect_ratio": "1:1"}
        await person.run("video make", options, channel_id=thread.id, files={"ref1": image()})
        assert (await scene.clip()).channel_id == thread.id


async def test_two_takes_are_two_generations_in_one_post(tmp_path: Path) -> None:
    async with opened(tmp_path) as scene:
        await scene.rig.start_bot()
        await scene.ready()
        await scene.make("@Image1 waves", takes=2)
        clip = await scene.clip()
        assert len([one for one in clip.attachments if one.filename.endswith(".mp4")]) == 2
        assert len(await scene.oxen.generations()) == 2


REFUSED = {
    "text named .png": (
        {"ref1": Upload("notes.png", b"just some words\n" * 20, "image/png")},
        "@Image1 waves",
        ["notes.png", "not a picture", "PNG, JPEG"],
    ),
    "a file over the cap": (
        {"ref1": Upload("huge.png", bytes(3 << 20), "image/png")},
        "@Image1 waves",
        ["huge.png", "3 MiB", "2 MiB", "smaller"],
    ),
}
UNCONFIRMABLE = {
    "a reference that does not exist": (
        {"ref1": image()},
        "@Image3 waves at @Image1",
        ["@Image3", "hero.png"],
    ),
    "ten images": (
        {
            f"ref{number}": Upload(f"{number}.png", samples.picture(64 + number, 64), "image/png")
            for number in range(1, 11)
        },
        "@Image1 waves",
        ["10 image", "1.png", "at most 9", "Take 1 out"],
    ),
    "audio alone": (
        {"ref1": Upload("harp.wav", samples.sound(2), "audio/wav")},
        "dance to @Audio1",
        ["harp.wav", "Sound alone", "image or video"],
    ),
}


async def test_what_cannot_be_sent_is_told_with_file_limit_and_remedy_before_anything_is_spent(tmp_path: Path) -> None:
    async with opened(tmp_path, settings={"RUSHES__REFERENCES__MAX_FILE_MIB": "2"}) as scene:
        await scene.rig.start_bot()
        await scene.ready()
        for what, (files, prompt, words) in REFUSED.items():
            text = await scene.answer(await scene.make(prompt, files))
            assert all(word in text for word in [*words, "Nothing was spent"]), (what, text)
        for what, (files, prompt, words) in UNCONFIRMABLE.items():
            card = await scene.card(await scene.make(prompt, files))
            assert all(word in card.text for word in [*words, "Nothing has been spent"]), (what, card.text)
            assert "Confirm" not in [button.label for button in card.buttons], what
        assert await scene.oxen.generations() == ()
        assert [
            message for message in await scene.discord.messages(scene.rig.discord.channel_id) if message.by_bot
        ] == []
        assert await scene.staging_is_empty()
        await scene.nothing_amiss()


async def test_a_refused_generation_is_told_with_reason_and_cost(tmp_path: Path) -> None:
    async with opened(tmp_path) as scene:
        await scene.oxen.fault("job", "fail", message="The input image may contain real person")
        await scene.rig.start_bot()
        await scene.ready()
        await scene.make("@Image1 waves")
        notice = await scene.discord.wait_for_message(
            scene.rig.discord.channel_id, contains="real person", threads=True, seconds=30
        )
        assert "Nothing was spent" in notice.text
        assert await scene.clips() == []
        assert len(await scene.oxen.generations()) == 1, "a refusal is not tried again by itself"


async def test_an_answer_lost_after_acceptance_is_found_and_not_paid_again(tmp_path: Path) -> None:
    async with opened(tmp_path) as scene:
        await scene.oxen.fault("enqueue", "drop_after")
        await scene.rig.start_bot()
        await scene.ready()
        await scene.make("@Image1 waves")
        await scene.clip()
        assert len(await scene.oxen.generations()) == 1


async def test_an_order_that_never_arrived_is_sent_again_after_looking(tmp_path: Path) -> None:
    async with opened(tmp_path) as scene:
        await scene.oxen.fault("enqueue", "drop_before")
        await scene.rig.start_bot()
        await scene.ready()
        await scene.make("@Image1 waves")
        await scene.clip()
        assert len(await scene.oxen.generations()) == 1


async def test_a_running_request_can_be_cancelled_from_its_card(tmp_path: Path) -> None:
    async with opened(tmp_path) as scene:
        await scene.rig.start_bot()
        await scene.ready()
        await scene.oxen.hold()
        await scene.make("@Image1 waves")
        while not await scene.oxen.generations():
            await asyncio.sleep(0.05)
        channel = scene.rig.discord.channel_id
        card = await scene.discord.wait_for_message(channel, contains="Rendering", seconds=20)
        await scene.answer(await scene.discord.person().click(card.id, label="Cancel"))
        cancelled = await scene.discord.wait_for_message(channel, contains="Cancelled", seconds=20)
        assert "Nothing was spent" in cancelled.text
        assert [row.status for row in await scene.oxen.generations()] == ["cancelled"]
        assert [button.label for button in cancelled.buttons] == ["Again"]


async def test_a_server_that_the_operator_has_not_listed_is_told_so(tmp_path: Path) -> None:
    async with opened(tmp_path, settings={"RUSHES__ACCESS__GUILDS": "[1]"}) as scene:
        await scene.rig.start_bot()
        await scene.ready()
        text = await scene.answer(await scene.make("@Image1 waves"))
        assert "This bot does not serve this server: its operator has not listed it." in text, text


async def test_a_day_s_quota_holds_and_says_when_more_is_free(tmp_path: Path) -> None:
    async with opened(tmp_path, settings={"RUSHES__QUOTAS__TAKES_PER_PERSON_PER_DAY": "1"}) as scene:
        await scene.rig.start_bot()
        await scene.ready()
        await scene.answer(await scene.make("@Image1 waves"))
        text = await scene.answer(await scene.make("@Image1 waves again"))
        assert re.search(r"used 1 of your 1 takes a day here .*More are free <t:\d+:R>", text), text
        await scene.clip()
        assert len(await scene.oxen.generations()) == 1


async def test_what_discord_refused_is_kept_and_delivered_again_once_it_is_mended(tmp_path: Path) -> None:
    async with opened(tmp_path) as scene:
        await scene.rig.start_bot()
        await scene.ready()
        await scene.oxen.hold()
        await scene.answer(await scene.make("@Image1 waves"))
        channel = scene.rig.discord.channel_id
        await scene.discord.set_overwrite(channel, deny=["attach_files"])
        await scene.oxen.release()
        kept = await scene.discord.wait_for_message(channel, contains="Kept", seconds=30)
        assert "$" in kept.text, "it was paid for, and the card says so"
        assert await scene.clips() == []

        await scene.discord.set_overwrite(channel, allow=["attach_files"])
        await scene.answer(await scene.discord.person().click(kept.id, label="Deliver again"))
        await scene.clip()
        await scene.discord.wait_for_message(channel, contains="Done", seconds=20)
        assert len(await scene.clips()) == 1
        assert len(await scene.oxen.generations()) == 1


@pytest.mark.parametrize("version", ["v1", "v2", "v3"])
async def test_what_is_ordered_fits_each_version_of_the_schema_and_what_it_lacks_is_said(
    tmp_path: Path, version: str
) -> None:
    async with opened(tmp_path, oxen=("--schema", version)) as scene:
        await scene.rig.start_bot()
        await scene.ready()
        made = await scene.make("@Image1 waves", seed=7)
        text = await scene.answer(made)
        if version != "v1":  # what is left out is shown before it is ordered
            await scene.press(await scene.card(made), "Confirm")
        await scene.clip()
        body = (await scene.oxen.generations())[0].body
        assert body["prompt"] == ("[Image 1] waves" if version == "v2" else "@Image1 waves")
        assert body["duration"] == ("4" if version == "v1" else 4)
        assert ("seed" in body) == (version == "v1")
        assert ("no setting “seed”" in text) == (version != "v1")
        await scene.nothing_amiss()
