"""What a process and its children ask of the kernel, by `strace`: also what walls stopped."""

import asyncio
import re
import shutil
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

import pytest

_REACHING: Final = "open,openat,openat2,creat,stat,execve,execveat,socket,connect,bind,sendto,sendmsg,fork,vfork,kill"
_WITNESS: Final = "seccomp"
_C_LIBRARY: Final = r"\"(?:/proc/sys/vm/overcommit_memory|/usr/lib[\w./-]*/gconv/[\w.-]+)\".*= -1 EPERM"
"""What the C library would like to see when it gives memory back, or for one of the letters that broadcasts may use.

The walls do not let it.
"""

_HARMLESS: Final = re.compile(rf"{_WITNESS}\(|oom_score_adj|<\.\.\. \w+ resumed|sendto\(\d+, \"{{|{_C_LIBRARY}")
"""Walls going up; the zygote's own word with the bot; and the one file that a child writes before its walls."""


@asynccontextmanager
async def watched(pid: int, log: Path) -> AsyncGenerator[None]:
    """What the process and its children ask of the kernel, into a file. Skips where that may not be watched."""
    program = shutil.which("strace")
    if program is None:
        pytest.skip("strace is not installed")
    watching = await asyncio.create_subprocess_exec(
        *(program, "-f", "-s", "300", "-e", f"trace={_REACHING},{_WITNESS}", "-o", str(log), "-p", str(pid)),
        stderr=asyncio.subprocess.PIPE,
    )
    assert watching.stderr is not None
    try:
        if b"attached" not in await watching.stderr.readline():
            pytest.skip("strace may not watch another process here")
        yield
    finally:
        with suppress(ProcessLookupError):
            watching.terminate()
        await watching.communicate()


@dataclass(frozen=True, slots=True)
class Seen:
    """How many children put up their walls, and the calls that reach for files, the network or other processes."""

    children: int
    reaching: list[str]

    @classmethod
    def of(cls, log: Path) -> Self:
        """Out of what was written there."""
        lines = [line for line in log.read_text(encoding="utf-8", errors="replace").splitlines() if "(" in line]
        return cls(
            children=sum(f"{_WITNESS}(" in line for line in lines),
            reaching=[line for line in lines if not _HARMLESS.search(line)],
        )
