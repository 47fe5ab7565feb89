"""Every place a reference may come from, over real sockets: what is pointed at is what the vendor fetches."""

import hashlib
import io
from pathlib import Path

import pillow_heif
import pytest
from PIL import Image

from sandbox.discord.person import Upload
from tests import media_samples
from tests.e2e.stage import Stage, hashes, image, opened

pytestmark = pytest.mark.e2e

HERO, STICKER, LINKED = image(), image("hello.png", 320), image("cat.png", 400)


def moving() -> Upload:
    """A GIF of two frames."""
    frames = [Image.new("RGB", (320, 320), colour) for colour in ("teal", "tomato")]
    buffer = io.BytesIO()
    frames[0].save(buffer, "GIF", save_all=True, append_images=frames[1:], duration=200)
    return Upload("spin.gif", buffer.getvalue(), "image/gif")


def photograph() -> Upload:
    """A HEIC as phones make it."""
    buffer = io.BytesIO()
    pillow_heif.from_pillow(media_samples.painting((800, 600))).save(buffer, format="HEIF")  # pyright: ignore[reportUnknownMemberType]  no types
    return Upload("photo.heic", buffer.getvalue(), "image/heic")


async def served(scene: Stage, path: str) -> str:
    """SHA-256 of what the CDN gives for an unsigned path."""
    return hashlib.sha256(await scene.discord.fetch(f"{scene.rig.discord.cdn}/{path}")).hexdigest()


async def test_files_stickers_links_and_emoji_reach_the_vendor_in_the_order_shown(tmp_path: Path) -> None:
    async with opened(tmp_path) as scene:
        await scene.rig.start_bot()
        await scene.ready()
        paula = scene.discord.person()
        fox = await scene.discord.new_emoji("fox", image("fox.png", 360))
        hello = await scene.discord.new_sticker("hello", STICKER)
        linked = await scene.discord.external_image("https://example.org/cat.png", LINKED)
        post = await paula.say("look", files=[HERO], sticker_items=[hello], embeds=[{"image": linked}])
        prompt = f"hero.png meets @hello.png, image 3 and {fox.mention}"
        text = await scene.answer(await scene.from_message(post, prompt))
        assert "in line" in text, text
        await scene.clip()
        (generation,) = await scene.oxen.generations()
        emoji = await served(scene, f"emojis/{fox.id}.webp")
        assert generation.materials == {"input_images": (*hashes(HERO, STICKER, LINKED), emoji)}
        assert generation.body["prompt"] == "@Image1 meets @Image2, @Image3 and @Image4"
        await scene.nothing_amiss()


async def test_a_forward_brings_its_files_and_a_moving_sticker_is_a_video(tmp_path: Path) -> None:
    async with opened(tmp_path) as scene:
        await scene.rig.start_bot()
        await scene.ready()
        paula, ada = scene.discord.person(), await scene.discord.new_person("ada")
        spin = await scene.discord.new_sticker("spin", moving(), kind="gif")
        original = await ada.say("mine", files=[HERO], sticker_items=[spin])
        forwarded = await paula.say(forward_of=original.id)
        card = await scene.card(await scene.from_message(forwarded, "@Image1 spins like @Video1"))
        assert "spin.gif: GIF → MP4" in card.text
        await scene.press(card, "Confirm")
        await scene.clip()
        (generation,) = await scene.oxen.generations()
        first, second = generation.references
        assert (first.sha256, second.kind, second.format) == (*hashes(HERO), "video", "mp4")
        await scene.nothing_amiss()


async def test_whatever_a_phone_makes_reaches_the_vendor_as_what_the_model_takes(tmp_path: Path) -> None:
    film = media_samples.mp4((1920, 1080), seconds=17, rate=10, sound=False, moving=False)
    files = {
        "ref1": photograph(),
        "ref2": Upload("walk.mp4", film, "video/mp4"),
        "ref3": Upload("voice-message.ogg", media_samples.ogg(seconds=3), "audio/ogg"),
    }
    async with opened(tmp_path) as scene:
        await scene.rig.start_bot()
        await scene.ready()
        card = await scene.card(await scene.make("@Image1 as in @Video1, to @Audio1", files))
        assert "photo.heic: HEIC → JPEG" in card.text
        assert "1920×1080 → 1280×720, the first 15 of 17 s" in card.text
        assert "voice-message.ogg: OGG → MP3" in card.text
        assert not await scene.oxen.generations()
        await scene.press(card, "Confirm")
        await scene.clip()
        (generation,) = await scene.oxen.generations()
        photo, clip, voice = generation.references
        assert (photo.kind, photo.format, photo.width, photo.height) == ("image", "jpeg", 800, 600)
        assert (clip.kind, clip.format, clip.width, clip.height) == ("video", "mp4", 1280, 720)
        assert 14.5 < (clip.seconds or 0) <= 15
        assert (voice.kind, voice.format) == ("audio", "mp3")
        assert not {one.sha256 for one in generation.references} & set(hashes(*files.values()))
        await scene.nothing_amiss()


async def test_an_avatar_is_used_only_once_its_person_allows_it(tmp_path: Path) -> None:
    async with opened(tmp_path) as scene:
        await scene.rig.start_bot()
        await scene.ready()
        ada = await scene.discord.new_person("ada", avatar=image("ada.png", 600))
        prompt = f"<@{ada.id}> waves from @Image1"
        card = await scene.card(await scene.make(prompt))
        assert "avatar of “ada” cannot be used" in card.text
        assert "ada waves from @Image1" in card.text, "without the picture the name stands there"
        await scene.press(card, "Discard")

        await scene.answer(await ada.run("privacy references", {"avatar": "allow"}))
        assert "in line" in await scene.answer(await scene.make(prompt))
        await scene.clip()
        (generation,) = await scene.oxen.generations()
        profile = await scene.discord.call("GET", "world")
        shown = next(one for one in profile["people"] if one["id"] == ada.id)
        picture = await served(scene, f"avatars/{ada.id}/{shown['avatar']}.png?size=512")
        assert generation.materials == {"input_images": (*hashes(image()), picture)}
        assert generation.body["prompt"] == "@Image2 waves from @Image1"
        await scene.nothing_amiss()
