"""Starts the sandbox's processes and the bot, as processes of their own, and ends those it started."""

import asyncio
import json
import os
import sys
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Final, TypeVar

_STOP_SECONDS: Final = 30.0
_READY_SECONDS: Final = 30.0
_LOG_TAIL: Final = 4000


class RigError(Exception):
    """A process did not start, or died; the text has the end of what it said."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DiscordAddresses:
    """The ready line of `sandbox.discord`. Ids as Discord writes them: texts."""

    api: str
    cdn: str
    control: str
    token: str
    guild_id: str
    channel_id: str
    staging_channel_id: str
    user_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class OxenAddresses:
    """The ready line of `sandbox.oxen`."""

    base: str
    control: str
    key: str


_Addresses = TypeVar("_Addresses", DiscordAddresses, OxenAddresses)


@dataclass(slots=True)
class Process:
    """A process of ours, its output in a file."""

    name: str
    process: asyncio.subprocess.Process
    log: Path
    first_line: str = ""

    async def stop(self) -> int:
        """SIGTERM, then patience, then SIGKILL; answers the exit code."""
        if self.process.returncode is None:
            self.process.terminate()
            try:
                async with asyncio.timeout(_STOP_SECONDS):
                    await self.process.wait()
            except TimeoutError:
                await self.kill()
        return self.process.returncode or 0

    async def kill(self) -> None:
        """SIGKILL, as a crash or an impatient operator would."""
        if self.process.returncode is None:
            self.process.kill()
        await self.process.wait()

    async def died(self, seconds: float) -> int:
        """Waits for it to end by itself and answers the exit code (negative: the signal)."""
        async with asyncio.timeout(seconds):
            return await self.process.wait()

    def said(self) -> str:
        """Everything it has written."""
        return self.log.read_text(encoding="utf-8", errors="replace")


@dataclass(slots=True, kw_only=True)
class Rig:
    """A Discord, an Oxen and (by `start_bot`) a bot between them. `folder` takes their data and logs."""

    folder: Path
    discord: DiscordAddresses
    oxen: OxenAddresses
    settings: Mapping[str, str] = field(default_factory=dict[str, str])
    bots: list[Process] = field(default_factory=list[Process])

    @property
    def database(self) -> Path:
        """The bot's SQLite file."""
        return self.folder / "bot" / "rushes.sqlite3"

    def environment(self, **more: str) -> dict[str, str]:
        """What the bot is started with: addresses, secrets, quick intervals; no setting of whoever started us."""
        clean = {name: value for name, value in os.environ.items() if not name.upper().startswith("RUSHES_")}
        ours = {
            "RUSHES__DISCORD__API_BASE": self.discord.api,
            "RUSHES__DISCORD__ASSET_BASE": self.discord.cdn,
            "RUSHES__DISCORD__TOKEN": self.discord.token,
            "RUSHES__DISCORD__STAGING_CHANNEL_ID": self.discord.staging_channel_id,
            "RUSHES__OXEN__BASE": self.oxen.base,
            "RUSHES__OXEN__KEY": self.oxen.key,
            "RUSHES__OXEN__WATCH_INTERVAL_SECONDS": "0.5",
            "RUSHES__STORAGE__DIRECTORY": str(self.folder / "bot"),
        }
        return {**clean, **ours, **self.settings, **more}

    async def start_bot(self, **more: str) -> Process:
        """`rushes run` with these further settings (`RUSHES__…`); returns at once."""
        number = len(self.bots) + 1
        bot = await _start(
            f"bot-{number}", [sys.executable, "-m", "bot", "run"], self.folder, environment=self.environment(**more)
        )
        self.bots.append(bot)
        return bot


@asynccontextmanager
async def rig(
    folder: Path,
    *,
    contracts: Path | None = None,
    discord: Sequence[str] = (),
    oxen: Sequence[str] = (),
    settings: Mapping[str, str] | None = None,
) -> AsyncGenerator[Rig]:
    """Starts both sandboxes (`discord`, `oxen`: more arguments for them) and ends everything it started."""
    folder.mkdir(parents=True, exist_ok=True)
    started: list[Process] = []
    ours: Rig | None = None
    try:
        for name, contract, arguments in (
            ("discord", "discord_http_openapi.json", discord),
            ("oxen", "oxen_hub_openapi.json", oxen),
        ):
            command = [sys.executable, "-m", f"sandbox.{name}", *_contract(contracts, contract), *arguments]
            started.append(await _start(name, command, folder, read_line=True))
        ours = Rig(
            folder=folder,
            discord=_addresses(DiscordAddresses, started[0]),
            oxen=_addresses(OxenAddresses, started[1]),
            settings=settings or {},
        )
        yield ours
    finally:
        for process in [*(ours.bots if ours is not None else []), *reversed(started)]:
            await process.stop()


def _contract(contracts: Path | None, name: str) -> list[str]:
    return [] if contracts is None or not (contracts / name).is_file() else ["--contract", str(contracts / name)]


def _addresses(kind: type[_Addresses], process: Process) -> _Addresses:
    said = json.loads(process.first_line)
    return kind(**{one.name: str(said[one.name]) for one in fields(kind)})


async def _start(
    name: str,
    command: Sequence[str],
    folder: Path,
    *,
    environment: Mapping[str, str] | None = None,
    read_line: bool = False,
) -> Process:
    log = folder / f"{name}.log"
    with log.open("ab") as output:
        process = await asyncio.create_subprocess_exec(
            *command,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE if read_line else output,
            stderr=output,
            env=environment,
            start_new_session=True,  # Ctrl-C reaches the demo alone; it ends the others in order
        )
    started = Process(name, process, log)
    if read_line:
        started.first_line = await _first_line(started)
    return started


async def _first_line(started: Process) -> str:
    stdout = started.process.stdout
    try:
        async with asyncio.timeout(_READY_SECONDS):
            line = await stdout.readline() if stdout is not None else b""
    except TimeoutError:
        line = b""
    if not line:
        await started.kill()
        raise RigError(f"{started.name} did not start:\n{started.said()[-_LOG_TAIL:]}")
    return line.decode()
