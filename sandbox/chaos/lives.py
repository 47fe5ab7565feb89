"""The lives of the bot, one after another: started, let work, killed."""

import asyncio
import signal
import time
from collections import Counter
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Final, cast

from sandbox.chaos.crowd import Crowd
from sandbox.chaos.script import Life, Trouble, path_of_results
from sandbox.discord.person import Refused, Sandbox
from sandbox.oxen.operator import OxenOperator
from sandbox.rig import Process, Rig

_START_SECONDS: Final = 60.0
_LEAST_SECONDS: Final = 0.3
_MOST_SECONDS: Final = 2.0
"""What a start is taken to last, however long it lasted."""
_RANDOM: Final = "at random"


@dataclass(slots=True)
class Tally:
    """How the lives ended: by fault point or `at random`. `fell`: by themselves, which no bot may.

    `start_seconds`: how long the last start took, from the fork to the gateway.
    """

    kills: Counter[str] = field(default_factory=Counter[str])
    start_seconds: float = 1.0
    fell: list[str] = field(default_factory=list[str])

    @property
    def total(self) -> int:
        """All kills."""
        return self.kills.total()


@dataclass(frozen=True, slots=True, kw_only=True)
class Killer:
    """Starts bots and ends them."""

    rig: Rig
    discord: Sandbox
    oxen: OxenOperator
    crowd: Crowd
    tally: Tally

    async def live(self, life: Life) -> None:
        """One life, from its start to its violent end."""
        await self._arm(life)
        bot = await self.rig.start_bot(RUSHES__TESTING__KILL_AT=life.point)
        async with asyncio.TaskGroup() as tasks:
            ended = tasks.create_task(bot.process.wait())
            ready = tasks.create_task(self._ready())
            await self._until_doom(life, ended, ready)
            by_itself = ended.done()
            with suppress(ProcessLookupError):
                bot.process.kill()
            code = await ended
            ready.cancel()
            self.crowd.up.clear()
        self._count(life, bot, code, by_itself=by_itself)

    async def _until_doom(self, life: Life, ended: asyncio.Task[int], ready: asyncio.Task[None]) -> None:
        if life.from_ready:
            await asyncio.wait({ended, ready}, return_when=asyncio.FIRST_COMPLETED)
        if not ended.done():
            await asyncio.wait({ended}, timeout=life.moment * self.tally.start_seconds)

    async def _ready(self) -> None:
        began = time.monotonic()
        with suppress(Refused):
            await self.discord.wait_for_bot(command="video", seconds=_START_SECONDS)
            self.crowd.up.set()
            self.tally.start_seconds = min(max(_LEAST_SECONDS, time.monotonic() - began), _MOST_SECONDS)

    async def _arm(self, life: Life) -> None:
        """What no life was struck by goes with it, so that faults do not pile up."""
        await self.oxen.clear_faults()
        await self.discord.clear_faults()
        for trouble in life.troubles:
            await self._strike(trouble)

    async def _strike(self, trouble: Trouble) -> None:
        addresses = self.rig.discord
        known = (addresses.channel_id, addresses.staging_channel_id)
        how = cast("Mapping[str, Any]", path_of_results(trouble, besides=known))
        await (self.oxen.fault(**how) if trouble.at == "vendor" else self.discord.fault(**how))

    def _count(self, life: Life, bot: Process, code: int, *, by_itself: bool) -> None:
        if not by_itself:
            self.tally.kills[_RANDOM] += 1
        elif code == -signal.SIGKILL and life.point:
            self.tally.kills[life.point] += 1
        else:
            self.tally.fell.append(f"{bot.name} ended by itself with code {code}; see {bot.log}")
