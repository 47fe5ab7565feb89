"""Real processes and real sockets: a Discord, an Oxen and the bot, each on its own."""

import asyncio
import hashlib
import io
from collections.abc import AsyncGenerator, Generator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from sandbox import samples
from sandbox.discord.person import Message, Outcome, Person, Sandbox, Upload
from sandbox.hatching import quick_starts
from sandbox.oxen.operator import OxenOperator
from sandbox.rig import Process, Rig, Starter, command, rig
from tests.postgres import ask

_MAKER = 0x010F
"""EXIF: who made the camera."""

CONTRACTS = Path(__file__).parents[3] / "shared" / "contracts"
QUICK = {
    "RUSHES__OXEN__WATCH_INTERVAL_SECONDS": "0.2",
    "RUSHES__OXEN__SETTLE_LOOKS": "3",
    "RUSHES__OXEN__SETTLE_INTERVAL_SECONDS": "0.3",
    "RUSHES__ENGINE__RETRY_FIRST_SECONDS": "0.2",
    "RUSHES__ENGINE__RETRY_MOST_SECONDS": "1",
}


@dataclass(slots=True, kw_only=True)
class Shared:
    """What the tests of a session have in common to be quicker: how processes start, and the vendor's renders."""

    start: Starter = command
    renders: Path | None = None


SHARED = Shared()


@contextmanager
def shared(renders: Path) -> Generator[None]:
    """While this is open, processes are forked from ones that have imported already, and equal renders made once.

    Where there are no nurseries (they need Linux), every process is started by command.
    """
    with quick_starts() as start:
        SHARED.start, SHARED.renders = start, renders
        yield
        SHARED.start, SHARED.renders = command, None


def image(name: str = "hero.png", width: int = 640) -> Upload:
    """A picture; other widths are other bytes."""
    return Upload(name, samples.picture(width, 640), "image/png")


def photograph(name: str = "hero.jpg") -> Upload:
    """A picture that says with what it was made, so that it has to be tidied before it is handed on."""
    exif, buffer = Image.Exif(), io.BytesIO()
    exif[_MAKER] = "Camera of Ada"
    with Image.open(io.BytesIO(samples.picture(640, 640))) as picture:
        picture.convert("RGB").save(buffer, "JPEG", exif=exif)
    return Upload(name, buffer.getvalue(), "image/jpeg")


def clip_file(name: str = "walk.mp4") -> Upload:
    return Upload(name, samples.clip(2, 640, 640), "video/mp4")


def hashes(*files: Upload) -> tuple[str, ...]:
    """SHA-256 of each, as `GenerationView.materials` has them."""
    return tuple(hashlib.sha256(file.data).hexdigest() for file in files)


def states(running: Rig) -> list[str]:
    """The states of all requests in the bot's database, oldest first."""
    url = running.settings.get("RUSHES__STORAGE__DATABASE_URL") or f"sqlite:///file:{running.database}?mode=ro&uri=true"
    return [str(state) for (state,) in ask(url, "SELECT state FROM requests ORDER BY created_at_ms, id")]


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """Everything a scenario touches."""

    rig: Rig
    discord: Sandbox
    oxen: OxenOperator

    async def ready(self) -> None:
        await self.discord.wait_for_bot(command="video", seconds=30)

    async def make(self, prompt: str, files: dict[str, Upload] | None = None, **options: object) -> Outcome:
        """`/video make`, short and small unless said otherwise; the outcome at once, not yet answered."""
        usual: dict[str, object] = {"prompt": prompt, "duration": "4", "resolution": "480p", "aspect_ratio": "1:1"}
        return await self.discord.person().run("video make", {**usual, **options}, files=files or {"ref1": image()})

    async def answer(self, outcome: Outcome) -> str:
        """What the person alone reads in the end."""
        return (await self.discord.outcome(outcome.id, until="done", seconds=30)).text

    async def told(self, outcome: Outcome) -> Outcome:
        """The outcome once the person can read what came of it, also of a click."""
        return await self.discord.outcome(outcome.id, until="told", seconds=30)

    async def card(self, outcome: Outcome) -> Message:
        """The draft card that answers this, or that this click leaves."""
        told = await self.told(outcome)
        assert told.message is not None, told
        assert "Your draft" in told.message.text, told.text
        return told.message

    async def press(self, card: Message, label: str, *, by: Person | None = None) -> Outcome:
        """A click on a button of a message, and what came of it."""
        person = by or self.discord.person()
        return await self.told(await person.click(card.id, label=label))

    async def from_message(
        self, message: Message, prompt: str, *, files: Sequence[Upload] = (), by: Person | None = None
    ) -> Outcome:
        """“Make video” on a message, its form filled in; the outcome at once, not yet answered."""
        person = by or self.discord.person()
        opened = await self.told(await person.use_menu("Make video", message.id))
        assert opened.modal is not None, opened.text
        values = {"What happens": prompt, "Length": "4", "Shape": "1:1"}
        return await person.submit(opened.id, values, files={"More files": files} if files else None)

    async def ordered(self, count: int = 1) -> None:
        """Until so many generations were ordered."""
        async with asyncio.timeout(30):
            while len(await self.oxen.generations()) < count:
                await asyncio.sleep(0.05)

    async def ends_as(self, *expected: str) -> None:
        """Until the requests are in these states, oldest first."""
        async with asyncio.timeout(40):
            while (found := states(self.rig)) != list(expected):
                await asyncio.sleep(0.05)
                assert len(found) <= len(expected), found

    async def clip(self, *, seconds: float = 40) -> Message:
        """The message with the clip, wherever it stands."""
        return await self.discord.wait_for_message(
            self.rig.discord.channel_id, contains="AI-generated", files=1, threads=True, seconds=seconds
        )

    async def clips(self) -> list[Message]:
        messages = await self.discord.messages(self.rig.discord.channel_id, threads=True)
        return [message for message in messages if message.by_bot and message.attachments]

    async def nothing_amiss(self) -> None:
        """No request broke a contract, no route was missing, nothing was posted twice."""
        report, vendor = await self.discord.report(), await self.oxen.report()
        assert not report["violations"]
        assert report["own_violations"] == []
        assert not report["unimplemented"]
        assert not report["crashes"]
        assert not report["doubled"]
        assert not vendor.violations

    async def staging_is_empty(self) -> bool:
        return not await self.discord.messages(self.rig.discord.staging_channel_id)


@asynccontextmanager
async def opened(
    folder: Path,
    *,
    discord: tuple[str, ...] = (),
    oxen: tuple[str, ...] = (),
    settings: Mapping[str, str] | None = None,
) -> AsyncGenerator[Stage]:
    """`discord`, `oxen`: arguments of the sandboxes; `settings`: the bot's. In the end all are killed, not stopped."""
    vendor = ("--render-seconds", "0.3", "--data", str(folder / "oxen"), *oxen)
    if SHARED.renders is not None:
        vendor = ("--quick-render", "--renders", str(SHARED.renders), *vendor)
    async with (
        rig(
            folder,
            contracts=CONTRACTS if CONTRACTS.is_dir() else None,
            discord=discord,
            oxen=vendor,
            settings={**QUICK, **(settings or {})},
            start=SHARED.start,
            end=Process.kill,
        ) as ours,
        Sandbox(ours.discord.control) as person,
        OxenOperator(ours.oxen.control) as operator,
    ):
        yield Stage(rig=ours, discord=person, oxen=operator)
