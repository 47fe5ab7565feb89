"""One run, from the first life to the verdict."""

import asyncio
import json
import os
import sys
import time
from collections import Counter
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager, nullcontext, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final, cast

from sandbox.chaos import crowd as people
from sandbox.chaos import evidence
from sandbox.chaos.crowd import Crowd
from sandbox.chaos.evidence import Books, Evidence, on_disk
from sandbox.chaos.lives import Killer, Tally
from sandbox.chaos.script import Script, scripted
from sandbox.discord.person import Refused, Sandbox
from sandbox.hatching import quick_starts
from sandbox.oxen.operator import OxenOperator
from sandbox.rig import Process, Rig, RigError, Starter, rig

_SETTINGS: Final = {
    "RUSHES__OXEN__WATCH_INTERVAL_SECONDS": "0.2",
    "RUSHES__OXEN__SUBMIT_SECONDS": "2",
    "RUSHES__OXEN__SETTLE_LOOKS": "5",
    "RUSHES__OXEN__SETTLE_INTERVAL_SECONDS": "0.6",
    "RUSHES__ENGINE__RETRY_FIRST_SECONDS": "0.1",
    "RUSHES__ENGINE__RETRY_MOST_SECONDS": "0.5",
    "RUSHES__ENGINE__MAX_ATTEMPTS": "100",
    "RUSHES__CARDS__EDIT_INTERVAL_SECONDS": "0.5",
    "RUSHES__LANES__MAX_RUNNING": "12",
    "RUSHES__LANES__MAX_RUNNING_PER_GUILD": "12",
    "RUSHES__LANES__MAX_WAITING_PER_PERSON": "10000",
    "RUSHES__QUOTAS__TAKES_PER_PERSON_PER_DAY": "100000",
    "RUSHES__QUOTAS__TAKES_PER_GUILD_PER_DAY": "100000",
    "RUSHES__FREE__PERSON_FILES_PER_DAY": "100000",
    "RUSHES__FREE__GUILD_FILES_PER_DAY": "100000",
    "RUSHES__FREE__PERSON_MIB_PER_DAY": "1000000",
    "RUSHES__FREE__GUILD_MIB_PER_DAY": "1000000",
    "RUSHES__DRAFTS__ASK_ABOVE_USD": "1000",
    "RUSHES__LOGGING__FORMAT": "json",
}
"""Short waits and wide limits. The looks for a lost order together outlast the time that it may take to be answered."""

_VENDOR: Final = ("--render-seconds", "0.3", "--quick-render", "--stock-render", "--balance", "1000000")
_LOOK_SECONDS: Final = 0.5
_LOG_TAIL: Final = 4000
_MOST_FALLS: Final = 5
"""More, and the bot cannot run here at all."""
_STARTED_SECONDS: Final = 60.0
_SWEEP_SECONDS: Final = 30.0
_OLD_SECONDS: Final = 7200
"""Older than what the sweep spares for being young."""
_OPEN: Final = frozenset({"draft", "awaiting_approval", "queued", "preparing", "working", "delivering"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What to run. `database_url`: SQLite in the folder when empty. `patience_seconds`: for all to end in peace."""

    seed: int
    requests: int
    kills: int
    folder: Path
    database_url: str = ""
    contracts: Path | None = None
    patience_seconds: float = 180.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What came of it. `asked`: wishes that reached the bot's gateway; `errors`: what the bots logged as errors."""

    script: Script
    asked: int
    tally: Tally
    evidence: Evidence
    errors: Counter[str]
    seconds: float


async def chaos(order: Order, *, start: Starter | None = None) -> Outcome:
    """Runs it all. `start`: how processes start; by nurseries of its own when it is not said."""
    began = time.monotonic()
    script = scripted(order.seed, order.requests, order.kills)
    async with _stage(order, start) as (ours, discord, oxen):
        crowd = Crowd(discord, ours.discord.channel_id, await people.gathered(discord))
        killer = Killer(rig=ours, discord=discord, oxen=oxen, crowd=crowd, tally=Tally())
        async with asyncio.TaskGroup() as wishes:
            for life in script.lives:
                for wish in life.wishes:
                    wishes.create_task(crowd.want(wish))
                await killer.live(life)
                if len(killer.tally.fell) > _MOST_FALLS:
                    break
            for wish in script.rest:
                wishes.create_task(crowd.want(wish))
            last = await _at_peace(ours, discord, oxen, crowd)
        await _until_settled(ours, discord, crowd, order.patience_seconds)
        fell = [*killer.tally.fell, *await _stopped(last)]
        left_in_scratch = on_disk(ours.folder / "bot")[1]
        await _swept(ours)
        seen = await evidence.gathered(ours, discord, oxen, crowd.asked)
        seen = seen.but(
            fell=fell, strays=[*left_in_scratch, *seen.strays], ledger_complaint=await _ledger_complaint(ours)
        )
        return Outcome(
            script=script,
            asked=len(crowd.asked),
            tally=killer.tally,
            evidence=seen,
            errors=_errors(ours),
            seconds=time.monotonic() - began,
        )


@asynccontextmanager
async def _stage(order: Order, start: Starter | None) -> AsyncGenerator[tuple[Rig, Sandbox, OxenOperator]]:
    database = {"RUSHES__STORAGE__DATABASE_URL": order.database_url} if order.database_url else {}
    folder = order.folder
    with quick_starts() if start is None else nullcontext(start) as starter:
        async with (
            rig(
                folder,
                contracts=order.contracts,
                discord=("--global-per-second", "100000"),
                oxen=(*_VENDOR, "--data", str(folder / "oxen")),
                settings={**_SETTINGS, **database},
                start=starter,
                end=Process.kill,
            ) as ours,
            Sandbox(ours.discord.control) as discord,
            OxenOperator(ours.oxen.control) as oxen,
        ):
            yield ours, discord, oxen


async def _at_peace(ours: Rig, discord: Sandbox, oxen: OxenOperator, crowd: Crowd) -> Process:
    """A bot that nobody kills, in a world without faults."""
    await oxen.clear_faults()
    await discord.clear_faults()
    bot = await ours.start_bot()
    try:
        await discord.wait_for_bot(command="video", seconds=_STARTED_SECONDS)
    except Refused as refused:
        raise RigError(f"{bot.name} does not start: {bot.said()[-_LOG_TAIL:]}") from refused
    crowd.up.set()
    return bot


async def _until_settled(ours: Rig, discord: Sandbox, crowd: Crowd, seconds: float) -> None:
    """Until nothing is open, every draft is decided, and what was staged is gone; or the patience is over."""
    books = Books(ours)
    deadline = time.monotonic() + seconds
    await crowd.settle_drafts()
    await crowd.fetch_kept()
    while time.monotonic() < deadline and not await _is_settled(ours, discord, books):
        if books.states()["draft"]:
            await crowd.settle_drafts()
        await asyncio.sleep(_LOOK_SECONDS)


async def _is_settled(ours: Rig, discord: Sandbox, books: Books) -> bool:
    if any(state in _OPEN for state in books.states()):
        return False
    if await discord.messages(ours.discord.staging_channel_id):
        return False
    cards = await discord.messages(ours.discord.channel_id)
    return not any(button.label == "Cancel" for card in cards for button in card.buttons)


async def _stopped(bot: Process) -> list[str]:
    code = await bot.stop()
    return [] if code == 0 else [f"{bot.name} did not stop in order (code {code}); see {bot.log}"]


async def _swept(ours: Rig) -> None:
    """A last bot sweeps what is old by then, until nothing is left that no row names; or it does not come to that."""
    contents = ours.folder / "bot" / "contents"
    old = time.time_ns() // 1_000_000_000 - _OLD_SECONDS
    for path in contents.rglob("*"):
        if path.is_file():
            os.utime(path, (old, old))
    named = frozenset(str(key) for (key,) in Books(ours).ask(evidence.NAMED))
    bot = await ours.start_bot()
    with suppress(TimeoutError):
        async with asyncio.timeout(_SWEEP_SECONDS):
            while not on_disk(ours.folder / "bot")[0] <= named:  # noqa: ASYNC110  another process sweeps
                await asyncio.sleep(_LOOK_SECONDS)
    await bot.stop()


async def _ledger_complaint(ours: Rig) -> str:
    """What `rushes ledger check` says when it is not satisfied; nothing where the database keeps no ledger."""
    if not Books(ours).have("ledger"):
        return ""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "bot", "ledger", "check"),
        env=ours.environment(),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    said, _ = await process.communicate()
    return "" if process.returncode == 0 else said.decode(errors="replace").strip()


def _errors(ours: Rig) -> Counter[str]:
    """What the bots logged as errors, by event."""
    found: Counter[str] = Counter()
    for bot in ours.bots:
        for line in bot.said().splitlines():
            found.update(_error(line))
    return found


def _error(line: str) -> list[str]:
    try:
        said: object = json.loads(line)
    except ValueError:
        return [line] if "Traceback" in line else []
    if not isinstance(said, dict):
        return []
    entry = cast("Mapping[str, object]", said)
    return [str(entry.get("event"))] if entry.get("level") in {"error", "critical"} else []
