"""The demo: a person, a Discord, an Oxen and the bot on this machine; from attachments to clips in a thread.

Everything is real but the two vendors: processes, sockets, multipart uploads, a gateway, signed links, rendered MP4s.
"""

import asyncio
import json
import shutil
import signal
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from bot.domain.media import MediaFacts
from bot.media.tools import SandboxedMedia
from sandbox import samples
from sandbox.discord.person import Message, Outcome, Person, Sandbox, Upload
from sandbox.oxen.operator import OxenOperator
from sandbox.rig import Rig, RigError, rig

_READY_SECONDS: Final = 30.0
_RENDER_SECONDS: Final = 60.0
_SECONDS_OFF: Final = 0.15
_HEAD_BYTES: Final = 65_536


class DemoFailed(Exception):
    """A step did not come out as promised; the text says which and how."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What a request asked for, to hold the clip against. `size` in pixels."""

    name: str
    seconds: float
    size: tuple[int, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivered:
    """A clip as it came back from the CDN, and what it measures."""

    asked: Asked
    path: Path
    facts: MediaFacts


@dataclass(slots=True)
class Transcript:
    """Says each step on the terminal, and keeps it with its time."""

    started: float = field(default_factory=time.monotonic)
    steps: list[dict[str, object]] = field(default_factory=list[dict[str, object]])

    def say(self, step: str, text: str, **facts: object) -> None:
        """One line for the person, one entry for the file. `facts` are plain JSON values."""
        seconds = round(time.monotonic() - self.started, 2)
        self.steps.append({"seconds": seconds, "step": step, "text": text, **facts})
        print(f"  {seconds:6.2f} s  {text}", flush=True)

    def save(self, path: Path, **more: object) -> None:
        """Writes `transcript.json`."""
        path.write_text(
            json.dumps({"steps": self.steps, **more}, indent=2, ensure_ascii=False) + "\n", encoding="utf-8"
        )


async def run_demo(output: Path, *, contracts: Path | None, serve: bool) -> int:
    """The demo's exit code: 0 when every step came out as promised. `output` is emptied first."""
    shutil.rmtree(output, ignore_errors=True)
    output.mkdir(parents=True)
    transcript = Transcript()
    print(
        "Rushes demo: a Discord and a video service on this machine, the bot between them, and a person who asks.\n"
        "The videos are drawn from the references in place of the model's, and the prices are made up.\n"
    )
    try:
        async with (
            rig(output / "work", contracts=contracts, oxen=["--render-seconds", "1.5"]) as stage,
            Sandbox(stage.discord.control) as discord,
            OxenOperator(stage.oxen.control) as oxen,
        ):
            delivered = await _play(stage, discord, oxen, transcript, output)
            _conclude(output, delivered, transcript)
            if serve:
                await _keep_serving(stage)
    except (DemoFailed, RigError, TimeoutError) as failure:
        print(f"\nThe demo failed: {failure}\nThe processes' own words are in {output / 'work'}.")
        transcript.save(output / "transcript.json", failed=str(failure))
        return 1
    return 0


async def _play(
    stage: Rig, discord: Sandbox, oxen: OxenOperator, transcript: Transcript, output: Path
) -> list[Delivered]:
    await stage.start_bot()
    await discord.wait_for_bot(command="video", seconds=_READY_SECONDS)
    transcript.say("ready", "the bot is connected and its commands are known")
    person = discord.person()
    delivered = [
        await _from_a_message(stage, discord, person, transcript, output),
        await _by_slash(stage, discord, person, transcript, output),
    ]
    await _check(discord, oxen, transcript, delivered, output)
    return delivered


# --- the two requests ----------------------------------------------------------------------------------------------


async def _from_a_message(
    stage: Rig, discord: Sandbox, person: Person, transcript: Transcript, output: Path
) -> Delivered:
    """A message with an image, a clip and a sound; “Make video” on it; a prompt in everyday words."""
    message = await person.say(
        "tonight's pieces",
        files=[
            Upload("lantern.png", samples.picture(), "image/png"),
            Upload("road.mp4", samples.clip(), "video/mp4"),
            Upload("harp.wav", samples.sound(), "audio/wav"),
        ],
    )
    transcript.say("message", "a person posts lantern.png, road.mp4 and harp.wav")
    menu = await discord.outcome((await person.use_menu("Make video", message.id)).id)
    if menu.modal is None:
        raise DemoFailed(f"“Make video” opened no form: {menu.state} {menu.text}")
    prompt = "the first image glows over the road of video 1, slowly, to the sound of harp.wav"
    transcript.say("form", f"“Make video” opens a form; they write: {prompt}")
    submitted = await person.submit(menu.id, {"What happens": prompt, "Length": "6", "Shape": "16:9"})
    accepted = await _accepted(discord, submitted, transcript)
    asked = Asked(name="from-a-message", seconds=6, size=(1280, 720))
    return await _until_posted(stage, discord, accepted, asked, transcript, output)


async def _by_slash(stage: Rig, discord: Sandbox, person: Person, transcript: Transcript, output: Path) -> Delivered:
    """`/video make` with an image, upright, silent, 480p."""
    prompt = "@Image1 drifts upwards while paper boats pass"
    transcript.say(
        "slash",
        f"/video make prompt:{prompt} ref1:lantern.jpg duration:4 s resolution:480p aspect_ratio:9:16 audio:off",
    )
    asked_for = await person.run(
        "video make",
        {"prompt": prompt, "duration": "4", "resolution": "480p", "aspect_ratio": "9:16", "audio": False},
        files={"ref1": Upload("lantern.jpg", samples.picture(720, 1280, form="JPEG"), "image/jpeg")},
    )
    accepted = await _accepted(discord, asked_for, transcript)
    asked = Asked(name="by-slash", seconds=4, size=(496, 864))
    return await _until_posted(stage, discord, accepted, asked, transcript, output)


async def _accepted(discord: Sandbox, outcome: Outcome, transcript: Transcript) -> str:
    """The request's id, once the bot has answered with the numbered references."""
    answer = await discord.outcome(outcome.id, until="done", seconds=_READY_SECONDS)
    words = [word.strip("`·*-# ") for word in answer.text.split()]
    request_id = next((word for word in reversed(words) if len(word) == 13 and word.isalnum()), "")
    if answer.state not in {"answered", "deferred"} or not request_id:
        raise DemoFailed(f"the request was not accepted: {answer.text or answer.error}")
    transcript.say("accepted", f"accepted as {request_id}; the person alone reads:", answer=answer.text)
    _quote(answer.text)
    return request_id


async def _until_posted(
    stage: Rig, discord: Sandbox, request_id: str, asked: Asked, transcript: Transcript, output: Path
) -> Delivered:
    """Shows the card as it changes, until the clip stands in the request's thread; fetches it from the CDN."""
    channel = stage.discord.channel_id
    shown = ""
    async with asyncio.timeout(_RENDER_SECONDS):
        while True:
            card = await discord.wait_for_message(channel, contains=request_id, seconds=_READY_SECONDS)
            shown = _show_card(card, shown, transcript)
            posted = await _result(discord, channel, card, request_id)
            if posted is not None:
                break
            await asyncio.sleep(0.2)
    transcript.say("posted", f"the clip stands in the thread {posted.channel_id}:", result=posted.text)
    _quote(posted.text)
    path = output / f"{asked.name}.mp4"
    path.write_bytes(await discord.fetch(posted.attachments[0].url))
    facts = await _measured(path)
    _hold_against(asked, facts)
    transcript.say("fetched", f"fetched from the CDN and measured: {_facts(facts)}")
    return Delivered(asked=asked, path=path, facts=facts)


def _show_card(card: Message, shown: str, transcript: Transcript) -> str:
    title = card.text.strip().splitlines()[0] if card.text.strip() else ""
    if title != shown:
        transcript.say("card", f"the public card says: {title.strip('#* ')}")
    return title


async def _result(discord: Sandbox, channel: str, card: Message, request_id: str) -> Message | None:
    for message in await discord.messages(channel, threads=True):
        if message.id != card.id and message.by_bot and message.attachments and request_id in message.text:
            return message
    return None


async def _measured(path: Path) -> MediaFacts:
    media = SandboxedMedia(child_count=1)
    with path.open("rb") as file:
        sniffed = media.sniff(file.read(_HEAD_BYTES))
    return await media.probe(path, sniffed)


def _hold_against(asked: Asked, facts: MediaFacts) -> None:
    size = (facts.width, facts.height)
    seconds = facts.seconds or 0.0
    if size != asked.size or abs(seconds - asked.seconds) > _SECONDS_OFF:
        raise DemoFailed(
            f"{asked.name}: asked for {asked.seconds} s at {asked.size[0]}×{asked.size[1]}, got {_facts(facts)}"
        )


# --- the end -------------------------------------------------------------------------------------------------------


async def _check(
    discord: Sandbox, oxen: OxenOperator, transcript: Transcript, delivered: list[Delivered], output: Path
) -> None:
    """Nothing was sent that the vendors' contracts forbid, paid twice or posted twice; then the contact sheet."""
    report, vendor = await discord.report(), await oxen.report()
    generations = await oxen.generations()
    wrong = [*report["violations"], *report["unimplemented"], *report["doubled"], *vendor.violations]
    if wrong:
        raise DemoFailed(f"requests against the contracts: {wrong[:3]}")
    if len(generations) != len(delivered):
        raise DemoFailed(f"{len(generations)} generations were paid for {len(delivered)} clips")
    sheet = output / "contact-sheet.png"
    labels = [f"{clip.asked.name}  {_facts(clip.facts)}" for clip in delivered]
    await SandboxedMedia(child_count=1).contact_sheet([clip.path for clip in delivered], sheet, labels=labels)
    counts: Mapping[str, object] = {"discord": len(report["requests"]), "oxen": len(vendor.calls)}
    transcript.say(
        "checked", f"{counts['discord']} requests to Discord and {counts['oxen']} to Oxen: none amiss", **counts
    )


def _conclude(output: Path, delivered: list[Delivered], transcript: Transcript) -> None:
    transcript.save(output / "transcript.json")
    print("\nDone. Look at:")
    for clip in delivered:
        print(f"  {clip.path}   {_facts(clip.facts)}")
    print(
        f"  {output / 'contact-sheet.png'}   frames of both\n  {output / 'transcript.json'}   every step with its time"
    )


async def _keep_serving(stage: Rig) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    print(
        f"""
Everything keeps running; Ctrl-C ends it. You are a person of this Discord through its control API:

  # ask for another video
  curl -s {stage.discord.control}/interactions/command \\
       -H 'Content-Type: application/json' \\
       -d '{{"name": "video make", "options": {{"prompt": "paper boats at night", "duration": "4"}}}}'
  # read the channel and its threads
  curl -s '{stage.discord.control}/channels/{stage.discord.channel_id}/messages?threads=1'
  # what the video service was asked for, and what it cost
  curl -s {stage.oxen.control}/report

The bot's log: {stage.bots[-1].log}
"""
    )
    await stop.wait()


def _facts(facts: MediaFacts) -> str:
    sound = "with sound" if facts.audio_codec else "silent"
    return f"{facts.width}×{facts.height}, {facts.seconds or 0:.1f} s, {sound}"


def _quote(text: str) -> None:
    for line in text.strip().splitlines():
        print(f"            | {line}")
