"""Processes that a nursery forks are worth as much as those that a command starts, and renders are shared honestly."""

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncGenerator, Generator
from contextlib import asynccontextmanager, closing
from pathlib import Path

import httpx
import pytest

from sandbox.nursery import Nursery, NurseryError
from sandbox.oxen.operator import OxenOperator
from sandbox.oxen.views import ResultView
from sandbox.rig import OxenAddresses, Running, command

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="nurseries need Linux")

BODY = {
    "model": "bytedance-seedance-2-0-fast-reference-to-video",
    "prompt": "A fox",
    "duration": "4",
    "resolution": "480p",
    "aspect_ratio": "1:1",
}


@pytest.fixture(scope="module")
def nursery() -> Generator[Nursery]:
    with closing(Nursery("sandbox.oxen", ["sandbox.oxen.server"])) as running:
        yield running


async def started(nursery: Nursery | None, log: Path, *arguments: str, **environment: str) -> tuple[Running, str]:
    """An Oxen, forked or (`None`) by command, and the first line it says."""
    reading, writing = os.pipe()
    with os.fdopen(reading) as lines, os.fdopen(writing, "w") as stdout, log.open("ab") as errors:
        given, out, err = {**os.environ, **environment}, stdout.fileno(), errors.fileno()
        if nursery is None:
            running = await command("sandbox.oxen", arguments, environment=given, stdout=out, stderr=err)
        else:
            running = nursery.start(arguments, environment=given, stdout=out, stderr=err)
        stdout.close()
        return running, await asyncio.to_thread(lines.readline)


@asynccontextmanager
async def an_oxen(nursery: Nursery | None, folder: Path, *arguments: str) -> AsyncGenerator[OxenAddresses]:
    running, line = await started(nursery, folder / "log", "--data", str(folder), "--render-seconds", "0", *arguments)
    try:
        yield OxenAddresses(**json.loads(line))
    finally:
        running.kill()
        assert await running.wait() == -signal.SIGKILL


async def test_both_ways_to_start_and_to_end_come_to_the_same(nursery: Nursery, tmp_path: Path) -> None:
    endings: list[tuple[int, ...]] = []
    for way in (None, nursery):
        kept, line = await started(way, tmp_path / "log")
        killed, other = await started(way, tmp_path / "log")
        assert os.getpgid(kept.pid) == os.getsid(kept.pid) == kept.pid != os.getpgid(0)
        assert json.loads(line)["key"] != json.loads(other)["key"], "they share nothing"
        killed.kill()
        assert kept.returncode is None
        wrong, nothing = await started(way, tmp_path / "log", "--workers", "none")
        assert (nothing, await wrong.wait()) == ("", 2)
        kept.terminate()
        endings.append((await kept.wait(), await killed.wait(), wrong.returncode or 0))
        with pytest.raises(ProcessLookupError):
            kept.kill()
    assert endings == [(0, -signal.SIGKILL, 2)] * 2
    assert (tmp_path / "log").read_text("utf-8").count("Invalid value for '--workers'") == 2


async def test_a_forked_process_has_the_environment_it_was_given(nursery: Nursery, tmp_path: Path) -> None:
    own = tmp_path / "temporary"
    own.mkdir()
    running, _ = await started(nursery, tmp_path / "log", TMPDIR=str(own))
    assert len(list(own.glob("oxen-*"))) == 1
    running.terminate()
    assert await running.wait() == 0
    assert list(own.iterdir()) == [], "it tidies up as it ends"


async def test_whoever_lives_when_a_nursery_closes_is_ended(tmp_path: Path) -> None:
    with closing(Nursery("sandbox.oxen", ["sandbox.oxen.server"])) as own:
        running, _ = await started(own, tmp_path / "log")
        assert running.returncode is None
    with pytest.raises(ProcessLookupError):
        os.kill(running.pid, 0)
    with pytest.raises(NurseryError):
        own.start([], environment=None, stdout=1, stderr=2)


async def test_what_a_nursery_cannot_import_is_said_by_those_it_bears(tmp_path: Path) -> None:
    log = tmp_path / "log"
    with closing(Nursery("sandbox.nowhere", ["sandbox.nowhere"])) as own:
        running, line = await started(own, log)
        assert (line, await running.wait()) == ("", 1)
    assert "sandbox.nowhere" in log.read_text("utf-8")


async def rendered(ours: OxenAddresses, **changes: str) -> tuple[ResultView, bytes]:
    """A generation's result, and the clip as it is served."""
    headers = {"Authorization": f"Bearer {ours.key}"}
    async with (
        httpx.AsyncClient(base_url=ours.base, headers=headers, trust_env=False) as http,
        OxenOperator(ours.control) as operator,
    ):
        (await http.post("/api/ai/queue", json={**BODY, **changes})).raise_for_status()
        async with asyncio.timeout(30):
            while (row := (await operator.generations())[-1]).result is None:
                await asyncio.sleep(0.02)
        return row.result, Path(row.result.path).read_bytes()


async def test_a_render_is_made_once_for_all_who_share_the_folder(nursery: Nursery, tmp_path: Path) -> None:
    renders = ("--quick-render", "--renders", str(tmp_path / "renders"))
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
    async with an_oxen(nursery, tmp_path / "one", *renders) as one, an_oxen(nursery, tmp_path / "two", *renders) as two:
        made, clip = await rendered(one)
        again, same = await rendered(two)
        other, _ = await rendered(two, prompt="A hen")
    assert (made.cached, again.cached, other.cached) == (False, True, False)
    assert clip == same
    assert (again.sha256, again.byte_count) == (made.sha256, len(clip))
    assert Path(again.path).parent == tmp_path / "two" / "results", "each has a file of its own"
    assert len(list((tmp_path / "renders").iterdir())) == 2, "nothing half-made stays"
