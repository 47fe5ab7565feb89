"""The zygote: warm, single-threaded, without secrets; when it dies or hangs, a job is tried again or says so."""

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections.abc import AsyncGenerator, Generator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from bot.domain.errors import Refused, Unavailable
from bot.domain.media import Kind
from bot.media.children import Children, Limits, Subject
from bot.media.protocol import mapping_from
from bot.media.starters import ForkingStarter, Hear, Running, StarterGone, starter_of

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the zygote forks on Linux only")

_BOT = """
import asyncio, os, sys
from bot.media.protocol import mapping_from
from bot.media.starters import ForkingStarter

async def main():
    starter = ForkingStarter(sys.executable)
    job = {"job": "selftest", "parent": 0, "limits": {"memory_bytes": 10**9, "cpu_seconds": 9, "output_bytes": 9},
           "sources": [{"descriptor": 0, "format": "mp4", "kind": "video", "label": "sleep"}]}
    async with starter.start(__import__("json").dumps(job).encode(), []) as child:
        print(starter.pid, flush=True)
        await child.listen(lambda chunk: print(chunk.decode(), flush=True) is None)

asyncio.run(main())
"""


@pytest.fixture
def zygote() -> Generator[ForkingStarter]:
    """One of its own, so that it may be killed."""
    starter = ForkingStarter(sys.executable, reap_seconds=0.5)
    yield starter
    starter.close()


def limits(*, wall_seconds: float = 20.0) -> Limits:
    return Limits(wall_seconds=wall_seconds, cpu_seconds=10, memory_bytes=10**9, output_bytes=10**6)


def sleeper(tmp_path: Path) -> Subject:
    path = tmp_path / "clip.mp4"
    path.touch()
    return Subject(path=path, format="mp4", kind=Kind.VIDEO, name="clip.mp4", label="sleep")


async def report_of(starter: ForkingStarter) -> Mapping[str, object]:
    answer = await Children(count=1, starter=starter).run("selftest", (), limits())
    return mapping_from(answer.line["report"])


def children_of(pid: int | None) -> list[int]:
    try:
        return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii").split()]
    except FileNotFoundError:
        return []


def alive(pid: int) -> bool:
    """Zombies, whom their new parent has not looked at yet, are not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


async def until_it_has_a_child(starter: ForkingStarter) -> int:
    while not children_of(starter.pid):
        await asyncio.sleep(0.01)
    assert starter.pid is not None
    return starter.pid


async def test_it_has_one_thread_and_no_secrets(zygote: ForkingStarter, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RUSHES__DISCORD__TOKEN", "a secret")
    await report_of(zygote)

    folder = Path(f"/proc/{zygote.pid}")
    status = dict(line.split(":", 1) for line in (folder / "status").read_text(encoding="utf-8").splitlines())
    assert status["Threads"].strip() == "1"
    assert zygote.pid is not None
    assert os.getsid(zygote.pid) == zygote.pid
    try:
        assert b"secret" not in (folder / "environ").read_bytes()
        assert (folder / "cwd").readlink() == Path("/")
    except PermissionError:
        pass  # its memory is private, to us too


async def test_a_child_has_its_own_descriptors_only(zygote: ForkingStarter) -> None:
    report = await report_of(zygote)

    assert report["descriptors"] == [0, 1, 2, 3], "job, strays, nowhere, answer"


async def test_root_becomes_nobody(zygote: ForkingStarter) -> None:
    report = await report_of(zygote)

    assert report["user"] == (65_534 if os.geteuid() == 0 else os.geteuid())


async def test_a_zygote_that_died_is_replaced(zygote: ForkingStarter) -> None:
    await report_of(zygote)
    first = zygote.pid
    assert first is not None
    os.kill(first, signal.SIGKILL)

    report = await report_of(zygote)

    assert report["possible"] == []
    assert zygote.pid not in {None, first}


async def test_a_job_whose_zygote_dies_is_done_again(zygote: ForkingStarter, tmp_path: Path) -> None:
    children = Children(count=1, starter=zygote)
    job = asyncio.get_running_loop().create_task(
        children.run("selftest", [sleeper(tmp_path)], limits(wall_seconds=1.5))
    )
    os.kill(await until_it_has_a_child(zygote), signal.SIGKILL)

    with pytest.raises(Refused) as refused:
        await job

    assert refused.value.reason.arguments["limit"] == "1.5 s", "the second child slept until its time was up"


async def test_a_job_whose_zygotes_keep_dying_is_not_the_files_fault(zygote: ForkingStarter, tmp_path: Path) -> None:
    children = Children(count=1, starter=zygote)
    job = asyncio.get_running_loop().create_task(children.run("selftest", [sleeper(tmp_path)], limits()))
    first = await until_it_has_a_child(zygote)
    os.kill(first, signal.SIGKILL)
    while zygote.pid in {None, first}:
        await asyncio.sleep(0.01)
    os.kill(await until_it_has_a_child(zygote), signal.SIGKILL)

    with pytest.raises(Unavailable):
        await job


async def test_a_zygote_that_hangs_is_replaced(zygote: ForkingStarter) -> None:
    await report_of(zygote)
    stuck = zygote.pid
    assert stuck is not None
    os.kill(stuck, signal.SIGSTOP)

    with pytest.raises(Unavailable):
        await Children(count=1, starter=zygote).run("selftest", (), limits(wall_seconds=0.2))

    assert not alive(stuck)
    assert (await report_of(zygote))["possible"] == []


async def test_many_may_wait_for_the_first_warm_up(zygote: ForkingStarter) -> None:
    children = Children(count=8, starter=zygote)

    answers = await asyncio.gather(*(children.run("selftest", (), limits()) for _ in range(8)))

    assert len(answers) == 8


async def test_cancelling_during_the_warm_up_leaves_nothing(zygote: ForkingStarter) -> None:
    task = asyncio.get_running_loop().create_task(report_of(zygote))
    while zygote.pid is None:
        await asyncio.sleep(0)
    task.cancel()
    await asyncio.wait([task])

    assert task.cancelled()
    assert children_of(zygote.pid) == []
    assert (await report_of(zygote))["possible"] == []


def test_it_dies_with_the_bot_and_takes_its_children_along() -> None:
    with subprocess.Popen([sys.executable, "-c", _BOT], stdout=subprocess.PIPE, text=True) as bot:
        assert bot.stdout is not None
        zygote = int(bot.stdout.readline())
        assert "ready" in bot.stdout.readline()
        (child,) = children_of(zygote)
        bot.kill()

    while alive(zygote) or alive(child):  # the test's own time limit ends this
        pass


def test_event_loops_come_and_go_and_the_zygote_stays() -> None:
    starter = starter_of(sys.executable, fresh=False)
    assert isinstance(starter, ForkingStarter)

    asyncio.run(report_of(starter))
    first = starter.pid
    asyncio.run(report_of(starter))

    assert starter.pid == first


class _Gate:
    """A `Starter` whose children answer at once, but for those that write, which wait until the gate is open."""

    def __init__(self) -> None:
        self.opened = asyncio.Event()
        self.started: list[str] = []

    @asynccontextmanager
    async def start(self, job: bytes, descriptors: Sequence[int]) -> AsyncGenerator[Running]:
        name = json.loads(job)["job"]
        self.started.append(name)
        yield _Behind(None if name == "selftest" else self.opened)


class _Behind:
    """Implements `Running`."""

    exit_code = 0

    def __init__(self, gate: asyncio.Event | None) -> None:
        self._gate = gate

    async def listen(self, hear: Hear) -> None:
        if self._gate is not None:
            await self._gate.wait()
        hear(b'{"ready": ["landlock"]}\n{"done": true}\n')


async def test_conversions_leave_a_turn_for_probes() -> None:
    gate = _Gate()
    children = Children(count=2, starter=gate)
    async with asyncio.TaskGroup() as tasks:
        for _ in range(3):
            tasks.create_task(children.run("conform", (), limits()))
        while not gate.started:
            await asyncio.sleep(0)

        await children.run("selftest", (), limits())

        assert gate.started == ["conform", "selftest"]
        gate.opened.set()
    assert gate.started.count("conform") == 3


async def test_a_starter_that_is_gone_is_asked_once_more() -> None:
    class Falling(_Gate):
        @asynccontextmanager
        async def start(self, job: bytes, descriptors: Sequence[int]) -> AsyncGenerator[Running]:
            async with super().start(job, descriptors) as child:
                if len(self.started) == 1:
                    raise StarterGone("died")
                yield child

    answer = await Children(count=1, starter=Falling()).run("selftest", (), limits())

    assert answer.layers == ("landlock",)
