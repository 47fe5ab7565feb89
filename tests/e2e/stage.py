"""Real processes and real sockets: a Discord, an Oxen and the bot, each on its own."""

from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from sandbox import samples
from sandbox.discord.person import Message, Outcome, Sandbox, Upload
from sandbox.oxen.operator import OxenOperator
from sandbox.rig import Rig, rig

CONTRACTS = Path(__file__).parents[3] / "shared" / "contracts"
QUICK = {
    "RUSHES__OXEN__WATCH_INTERVAL_SECONDS": "0.2",
    "RUSHES__OXEN__SETTLE_LOOKS": "3",
    "RUSHES__OXEN__SETTLE_INTERVAL_SECONDS": "0.3",
    "RUSHES__ENGINE__RETRY_FIRST_SECONDS": "0.2",
    "RUSHES__ENGINE__RETRY_MOST_SECONDS": "1",
}


def image() -> Upload:
    return Upload("hero.png", samples.picture(640, 640), "image/png")


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
    """`discord`, `oxen`: arguments of the sandboxes; `settings`: the bot's."""
    contracts = CONTRACTS if CONTRACTS.is_dir() else None
    vendor = ("--render-seconds", "0.3", *oxen)
    async with (
        rig(folder, contracts=contracts, discord=discord, oxen=vendor, settings={**QUICK, **(settings or {})}) as ours,
        Sandbox(ours.discord.control) as person,
        OxenOperator(ours.oxen.control) as operator,
    ):
        yield Stage(rig=ours, discord=person, oxen=operator)
