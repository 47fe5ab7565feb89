"""People who ask, confirm, discard and cancel, while the bot is up; what they could read is remembered."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from io import BytesIO
from itertools import count
from typing import Final

import httpx
from PIL import Image

from sandbox import samples
from sandbox.chaos.script import PEOPLE, Sort, Wish
from sandbox.discord.person import Message, Outcome, Person, Refused, Sandbox, Upload

_TOLD_SECONDS: Final = 8.0
_MAKER: Final = 0x010F
"""EXIF: who made the camera."""
_CONFIRM_TRIES: Final = 3
_MOST_DRAFTS: Final = 100
_ACCEPTED: Final = "Your video is in line"
_FORM: Final = {"Length": "4", "Shape": "1:1"}
_OPTIONS: Final = {"duration": "4", "resolution": "480p", "aspect_ratio": "1:1"}


@dataclass(slots=True, kw_only=True)
class Asked:
    """A wish that became an interaction. `told_accepted`: its person read that it is in line. `text`: all they read."""

    wish: Wish
    interaction_id: int
    told_accepted: bool = False
    text: str = ""


@dataclass(slots=True)
class Files:
    """Small files; every picture is another file and has to be tidied, every clip and sound is the same."""

    clip: Upload = field(default_factory=lambda: Upload("walk.mp4", samples.clip(2, 640, 640), "video/mp4"))
    sound: Upload = field(default_factory=lambda: Upload("harp.wav", samples.sound(2), "audio/wav"))
    _pictures: list[bytes] = field(default_factory=lambda: [_photograph(640 + 8 * each) for each in range(4)])
    _number: "count[int]" = field(default_factory=count)

    def picture(self, name: str) -> Upload:
        """One of a few, in turn."""
        return Upload(name, self._pictures[next(self._number) % len(self._pictures)], "image/jpeg")

    def of(self, sort: Sort) -> dict[str, Upload]:
        """By option of `/video make`."""
        more = {Sort.CLIP: self.clip, Sort.SOUND: self.sound, Sort.DRAFT: self.picture("harbour.jpg")}
        if sort is Sort.WORDS:
            return {}
        first = {"ref1": self.picture("hero.jpg")}
        return {**first, "ref2": more[sort]} if sort in more else first


def _photograph(width: int) -> bytes:
    """A JPEG that tells which camera made it."""
    exif, buffer = Image.Exif(), BytesIO()
    exif[_MAKER] = "Camera of Ada"
    with Image.open(BytesIO(samples.picture(width, 640))) as picture:
        picture.convert("RGB").save(buffer, "JPEG", exif=exif)
    return buffer.getvalue()


class Crowd:
    """`up` is set while a bot is connected."""

    def __init__(self, discord: Sandbox, channel_id: str, people: Sequence[Person]) -> None:
        self._discord, self._channel_id, self._people = discord, channel_id, people
        self._files = Files()
        self.up = asyncio.Event()
        self.asked: list[Asked] = []

    async def want(self, wish: Wish) -> None:
        """From the wish to what its person can do for it; whatever the bot leaves unanswered is left at that."""
        try:
            asked = await self._ask(wish)
            if asked is None:
                return
            card = await self._answered(asked, asked.interaction_id)
            if card is not None:
                await self._decide(asked, card)
            if wish.cancel_after is not None:
                await asyncio.sleep(wish.cancel_after)
                await self._cancel(wish)
        except (Refused, httpx.HTTPError, LookupError):
            return  # a button that is gone, a form that the next bot does not know

    async def settle_drafts(self) -> None:
        """Everybody confirms what waits for them still, one after another."""
        for person in self._people:
            try:
                for _draft in range(_MOST_DRAFTS):
                    card = await self._newest_draft(person)
                    if card is None:
                        break
                    await self._told((await person.click(card.id, label="Confirm")).id)
            except (Refused, httpx.HTTPError):
                continue

    async def fetch_kept(self) -> None:
        """Whoever sees “Deliver again” presses it."""
        for message in await self._discord.messages(self._channel_id):
            if any(button.label == "Deliver again" and not button.disabled for button in message.buttons):
                await self._press_as_anyone(message)

    async def _press_as_anyone(self, message: Message) -> None:
        for person in self._people:
            if f"<@{person.id}>" in message.text:
                await self._told((await person.click(message.id, label="Deliver again")).id)

    async def _ask(self, wish: Wish) -> Asked | None:
        person = self._people[wish.person]
        await self.up.wait()
        if wish.sort is Sort.MESSAGE:
            outcome = await self._from_message(person, wish)
        else:
            options: dict[str, object] = {**_OPTIONS, "prompt": wish.prompt, "takes": wish.takes}
            files = self._files.of(wish.sort)
            outcome = await person.run("video make", options, channel_id=self._channel_id, files=files)
        if outcome is None:
            return None
        asked = Asked(wish=wish, interaction_id=int(outcome.id))
        self.asked.append(asked)
        return asked

    async def _from_message(self, person: Person, wish: Wish) -> Outcome | None:
        post = await person.say("tonight", channel_id=self._channel_id, files=[self._files.picture("hero.jpg")])
        opened = await self._told((await person.use_menu("Make video", post.id)).id)
        if opened.modal is None:
            return None
        return await person.submit(opened.id, {**_FORM, "What happens": wish.prompt})

    async def _answered(self, asked: Asked, interaction_id: int) -> Message | None:
        """Notes what was read; the draft's card, if that is what came."""
        told = await self._told(str(interaction_id))
        asked.text += told.text
        asked.told_accepted |= _ACCEPTED in told.text
        return told.message if told.message is not None and _has(told.message, "Confirm") else None

    async def _decide(self, asked: Asked, card: Message) -> None:
        label = "Discard" if asked.wish.discard else "Confirm"
        person = self._people[asked.wish.person]
        for _try in range(_CONFIRM_TRIES):
            await self.up.wait()
            clicked = await person.click(card.id, label=label)
            await self._answered(asked, int(clicked.id))
            if asked.told_accepted or asked.wish.discard:
                return

    async def _cancel(self, wish: Wish) -> None:
        await self.up.wait()
        card = await self._discord.wait_for_message(self._channel_id, contains=wish.tag, seconds=5)
        await self._people[wish.person].click(card.id, label="Cancel")

    async def _newest_draft(self, person: Person) -> Message | None:
        """Its card; behind the first button where there are several. `None` without one that can be confirmed."""
        listed = (await self._told((await person.run("video drafts")).id)).message
        if listed is not None and _has(listed, "Show draft 1"):
            listed = (await self._told((await person.click(listed.id, label="Show draft 1")).id)).message
        return listed if listed is not None and _has(listed, "Confirm") else None

    async def _told(self, interaction_id: str) -> Outcome:
        return await self._discord.outcome(interaction_id, until="told", seconds=_TOLD_SECONDS)


async def gathered(discord: Sandbox) -> list[Person]:
    """The people of the crowd."""
    return [await discord.new_person(f"person{number}") for number in range(PEOPLE)]


def _has(message: Message, label: str) -> bool:
    return any(button.label == label and not button.disabled for button in message.buttons)
