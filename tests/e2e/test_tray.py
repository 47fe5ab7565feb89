"""The tray combines the files of several messages, in the order in which they were put in."""

from pathlib import Path

import pytest

from tests.e2e.stage import clip_file, hashes, image, opened

pytestmark = pytest.mark.e2e


async def test_three_messages_in_a_tray_become_one_clip_of_exactly_those_files_in_that_order(tmp_path: Path) -> None:
    async with opened(tmp_path) as scene:
        await scene.rig.start_bot()
        await scene.ready()
        paula, ada = scene.discord.person(), await scene.discord.new_person("ada")
        files = [image("hero.png"), clip_file("walk.mp4"), image("harbour.png", 512)]
        hero, walk, harbour = files
        posts = {
            file.filename: await who.say(files=[file]) for who, file in zip((paula, ada, paula), files, strict=True)
        }
        wanted = [harbour, walk, hero]
        for count, file in enumerate(wanted, start=1):
            added = await scene.answer(await paula.use_menu("Add to tray", posts[file.filename].id))
            assert file.filename in added
            assert f"{count} file" in added

        outcome = await paula.run(
            "video make",
            {
                "prompt": "@Image2 walks like @Video1 through @Image1",
                "duration": "4",
                "resolution": "480p",
                "aspect_ratio": "1:1",
            },
        )
        text = await scene.answer(outcome)
        assert "in line" in text
        assert "3 files from your tray" in text
        await scene.clip()
        await scene.ends_as("delivered")
        (generation,) = await scene.oxen.generations()
        assert generation.materials == {"input_images": hashes(harbour, hero), "input_videos": hashes(walk)}
        assert generation.body["prompt"] == "@Image2 walks like @Video1 through @Image1"
        assert len(await scene.clips()) == 1
        shown = await scene.answer(await paula.run("tray show"))
        assert "harbour.png" in shown, "the tray keeps its files after use"
        await scene.nothing_amiss()
