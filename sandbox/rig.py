"""Starts the sandbox's processes and the bot, as processes of their own, and ends those it started."""

import asyncio
import json
import os
import sys
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import BinaryIO, Final, Protocol, TypeVar

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


class Running(Protocol):
    """A process, however it was started; `asyncio.subprocess.Process` is one."""

    @property
    def pid(self) -> int: ...
    @property
    def returncode(self) -> int | None: ...
    def terminate(self) -> None: ...
    def kill(self) -> None: ...
    async def wait(self) -> int: ...


class Starter(Protocol):
    """Starts `python -m module arguments…` with these descriptors as stdout and stderr; they stay the caller's."""

    async def __call__(
        self, module: str, arguments: Sequence[str], *, environment: Mapping[str, str] | None, stdout: int, stderr: int
    ) -> Running: ...


async def command(
    module: str, arguments: Sequence[str], *, environment: Mapping[str, str] | None, stdout: int, stderr: int
) -> Running:
    """The `Starter` that everybody has: a Python of its own."""
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", module, *arguments),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=stdout,
        stderr=stderr,
        env=environment,
        start_new_session=True,  # Ctrl-C reaches the demo alone; it ends the others in order
    )


@dataclass(slots=True)
class Process:
    """A process of ours, its output in a file."""

    name: str
    process: Running
    log: Path

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
    start: Starter
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

    async def start_bot(self, *, start: Starter | None = None, arguments: Sequence[str] = (), **more: str) -> Process:
        """`rushes run` with these further settings (`RUSHES__…`); returns at once. `start`: otherwise than usual."""
        bot = await _started(
            start or self.start,
            f"bot-{len(self.bots) + 1}",
            "bot",
            ["run", *arguments],
            self.folder,
            environment=self.environment(**more),
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
    start: Starter = command,
    end: Callable[[Process], Awaitable[object]] = Process.stop,
) -> AsyncGenerator[Rig]:
    """Starts both sandboxes (`discord`, `oxen`: more arguments for them), and `end`s everything that was started."""
    folder.mkdir(parents=True, exist_ok=True)
    started: list[Process] = []
    ours: Rig | None = None
    try:
        with ExitStack() as pipes:
            lines: list[BinaryIO] = []
            for name, contract, arguments in (
                ("discord", "discord_http_openapi.json", discord),
                ("oxen", "oxen_hub_openapi.json", oxen),
            ):
                line, stdout = (pipes.enter_context(end_of_pipe) for end_of_pipe in _pipe())
                options = [*_contract(contracts, contract), *arguments]
                started.append(await _started(start, name, f"sandbox.{name}", options, folder, stdout=stdout))
                stdout.close()
                lines.append(line)
            # Both are starting by now.
            said = [await _first_line(process, line) for process, line in zip(started, lines, strict=True)]
        ours = Rig(
            folder=folder,
            start=start,
            discord=_addresses(DiscordAddresses, said[0]),
            oxen=_addresses(OxenAddresses, said[1]),
            settings=settings or {},
        )
        yield ours
    finally:
        for process in [*(ours.bots if ours is not None else []), *reversed(started)]:
            await end(process)


def _contract(contracts: Path | None, name: str) -> list[str]:
    return [] if contracts is None or not (contracts / name).is_file() else ["--contract", str(contracts / name)]


def _addresses(kind: type[_Addresses], line: bytes) -> _Addresses:
    said = json.loads(line)
    return kind(**{one.name: str(said[one.name]) for one in fields(kind)})


def _pipe() -> tuple[BinaryIO, BinaryIO]:
    """The end to read from, and the end to write to."""
    reading, writing = os.pipe()
    return os.fdopen(reading, "rb", buffering=0), os.fdopen(writing, "wb", buffering=0)


async def _started(
    start: Starter,
    name: str,
    module: str,
    arguments: Sequence[str],
    folder: Path,
    *,
    environment: Mapping[str, str] | None = None,
    stdout: BinaryIO | None = None,
) -> Process:
    """All that it writes goes to its log, but its standard output if that is wanted elsewhere."""
    log = folder / f"{name}.log"
    with log.open("ab") as output:
        process = await start(
            module, arguments, environment=environment, stdout=(stdout or output).fileno(), stderr=output.fileno()
        )
    return Process(name, process, log)


async def _first_line(started: Process, stdout: BinaryIO) -> bytes:
    reader = asyncio.StreamReader()
    loop = asyncio.get_running_loop()
    transport, _ = await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), stdout)
    try:
        async with asyncio.timeout(_READY_SECONDS):
            line = await reader.readline()
    except TimeoutError:
        line = b""
    finally:
        transport.close()
    if not line:
        raise RigError(f"{started.name} did not start:\n{started.said()[-_LOG_TAIL:]}")
    return line
