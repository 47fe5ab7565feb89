"""The demo: a person, a Discord, an Oxen and the bot on this machine; from attachments to clips in a thread.

Everything is real but the two vendors: processes, sockets, multipart uploads, a gateway, signed links, rendered MP4s.
"""

import asyncio
import hashlib
import json
import shutil
import signal
import time
from collections.abc import Mapping, Sequence
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
    """What a request asked for, to hold the clip and the order against. `size` in pixels, `files` in their order."""

    name: str
    seconds: float
    size: tuple[int, int]
    files: tuple[Upload, ...]


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
    files = (
        Upload("lantern.png", samples.picture(), "image/png"),
        Upload("road.mp4", samples.clip(), "video/mp4"),
        Upload("harp.wav", samples.sound(), "audio/wav"),
    )
    message = await person.say("tonight's pieces", files=files)
    transcript.say("message", "a person posts lantern.png, road.mp4 and harp.wav")
    menu = await discord.outcome((await person.use_menu("Make video", message.id)).id)
    if menu.modal is None:
        raise DemoFailed(f"“Make video” opened no form: {menu.state} {menu.text}")
    prompt = "the first image glows over the road of video 1, slowly, to the sound of harp.wav"
    transcript.say("form", f"“Make video” opens a form; they write: {prompt}")
    submitted = await person.submit(menu.id, {"What happens": prompt, "Length": "6", "Shape": "16:9"})
    accepted = await _accepted(discord, person, submitted, transcript)
    asked = Asked(name="from-a-message", seconds=6, size=(1280, 720), files=files)
    return await _until_posted(stage, discord, accepted, asked, transcript, output)


async def _by_slash(stage: Rig, discord: Sandbox, person: Person, transcript: Transcript, output: Path) -> Delivered:
    """Three messages into the tray, then `/video make` without a file: upright, silent, 480p; a slip is mended."""
    files = (
        Upload("lantern.jpg", samples.picture(720, 1280, form="JPEG"), "image/jpeg"),
        Upload("harbour.webp", samples.picture(800, 600, form="WEBP"), "image/webp"),
        Upload("ball.mp4", samples.clip(2.0, 640, 640), "video/mp4"),
    )
    await _fill_tray(discord, person, files, transcript)
    prompt = "@lantern drifts over @Image3, rocking like the ball in video 1"
    transcript.say("slash", f"/video make prompt:{prompt} duration:4 s resolution:480p aspect_ratio:9:16 audio:off")
    asked_for = await person.run(
        "video make", {"prompt": prompt, "duration": "4", "resolution": "480p", "aspect_ratio": "9:16", "audio": False}
    )
    mended = await _mended(discord, person, asked_for, "Use @Image2", transcript, output)
    accepted = await _accepted(discord, person, mended, transcript)
    asked = Asked(name="by-slash", seconds=4, size=(496, 864), files=files)
    delivered = await _until_posted(stage, discord, accepted, asked, transcript, output)
    emptied = await discord.outcome((await person.run("tray clear")).id, until="told")
    if "empty" not in emptied.text:
        raise DemoFailed(f"the tray was not emptied: {emptied.text or emptied.error}")
    transcript.say("cleared", "/tray clear empties the tray, which keeps its files after use")
    return delivered


async def _fill_tray(discord: Sandbox, person: Person, files: Sequence[Upload], transcript: Transcript) -> None:
    """Somebody else's messages, one file each, put into the person's tray by the menu."""
    friend = await discord.new_person("ada")
    for file in files:
        message = await friend.say(files=[file])
        added = await discord.outcome((await person.use_menu("Add to tray", message.id)).id, until="told")
        if file.filename not in added.text:
            raise DemoFailed(f"“Add to tray” did not take {file.filename}: {added.text or added.error}")
    names = ", ".join(file.filename for file in files)
    transcript.say("tray", f"a friend posts {names} in three messages; “Add to tray” on each")


async def _mended(
    discord: Sandbox, person: Person, outcome: Outcome, mend: str, transcript: Transcript, output: Path
) -> Outcome:
    """The draft card that must come, after the mend was clicked."""
    shown = await discord.outcome(outcome.id, until="told", seconds=_READY_SECONDS)
    card = shown.message
    if card is None or mend not in [button.label for button in card.buttons]:
        raise DemoFailed(f"no draft card offered “{mend}”: {shown.text or shown.error}")
    sheet = next((one for one in card.attachments if one.filename.endswith(".png")), None)
    if sheet is None:
        raise DemoFailed(f"the draft card shows no picture of the files: {card.text}")
    (output / "draft-card.png").write_bytes(await discord.fetch(sheet.url))
    transcript.say("draft", "that prompt cannot be sent as it is; the person alone reads:", answer=card.text)
    _quote(_words(card))
    transcript.say("mend", f"they click “{mend}”")
    return await discord.outcome((await person.click(card.id, label=mend)).id, until="told")


def _words(message: Message) -> str:
    """A message as it is read: its text, then its buttons in one line. Menus are left out."""
    labels = [button.label for button in message.buttons if button.label]
    menus = [text for menu in message.selects for text in (menu["placeholder"], *(o["label"] for o in menu["options"]))]
    lines = [line for line in message.text.splitlines() if line not in {*labels, *menus}]
    return "\n".join([*lines, " ".join(f"[{label}]" for label in labels)])


async def _accepted(discord: Sandbox, person: Person, outcome: Outcome, transcript: Transcript) -> str:
    """The request's id, once the bot has answered with the numbered references; a draft card is confirmed first."""
    answer = await discord.outcome(outcome.id, until="told", seconds=_READY_SECONDS)
    card = answer.message
    if card is not None and "Confirm" in [button.label for button in card.buttons]:
        transcript.say("confirm", "a draft card waits for them, and they click “Confirm”:", answer=card.text)
        _quote("\n".join(line for line in _words(card).splitlines() if line.startswith(("#", ">", "["))))
        answer = await discord.outcome((await person.click(card.id, label="Confirm")).id, until="told")
    words = [word.strip("`·*-# ") for word in answer.text.split()]
    request_id = next((word for word in reversed(words) if len(word) == 13 and word.isalnum()), "")
    if answer.state not in {"answered", "updated"} or not request_id:
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
    _quote(_words(posted))
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
    amiss = ("violations", "own_violations", "unimplemented", "crashes", "doubled")
    wrong = [*(one for kind in amiss for one in report[kind]), *vendor.violations]
    if wrong:
        raise DemoFailed(f"requests against the contracts: {wrong[:3]}")
    if len(generations) != len(delivered):
        raise DemoFailed(f"{len(generations)} generations were paid for {len(delivered)} clips")
    for clip, generation in zip(delivered, generations, strict=True):
        if generation.materials != _materials(clip.asked.files):
            raise DemoFailed(f"{clip.asked.name}: other files were ordered than those that were pointed at")
    sheet = output / "contact-sheet.png"
    labels = [f"{clip.asked.name}  {_facts(clip.facts)}" for clip in delivered]
    await SandboxedMedia(child_count=1).contact_sheet([clip.path for clip in delivered], sheet, labels=labels)
    counts: Mapping[str, object] = {"discord": len(report["requests"]), "oxen": len(vendor.calls)}
    transcript.say(
        "checked", f"{counts['discord']} requests to Discord and {counts['oxen']} to Oxen: none amiss", **counts
    )


def _materials(files: Sequence[Upload]) -> Mapping[str, tuple[str, ...]]:
    """What the vendor must have fetched for these files: SHA-256 by field, in order."""
    by_field: dict[str, tuple[str, ...]] = {}
    for file in files:
        name = f"input_{file.content_type.partition('/')[0]}s"
        by_field[name] = (*by_field.get(name, ()), hashlib.sha256(file.data).hexdigest())
    return by_field


def _conclude(output: Path, delivered: list[Delivered], transcript: Transcript) -> None:
    transcript.save(output / "transcript.json")
    print("\nDone. Look at:")
    for clip in delivered:
        print(f"  {clip.path}   {_facts(clip.facts)}")
    print(
        f"  {output / 'contact-sheet.png'}   frames of both\n"
        f"  {output / 'draft-card.png'}   the tray's files as the draft card showed them\n"
        f"  {output / 'transcript.json'}   every step with its time"
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
  # read the channel, its threads, and what you alone are told
  curl -s '{stage.discord.control}/channels/{stage.discord.channel_id}/messages?threads=1&ephemeral=1'
  # click a button of a message
  curl -s {stage.discord.control}/interactions/component \\
       -H 'Content-Type: application/json' \\
       -d '{{"message_id": "…", "label": "Confirm"}}'
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
