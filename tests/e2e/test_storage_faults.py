"""The database is locked, the disk is full, the file is read-only: nothing is lost, nothing is paid twice."""

import asyncio
import resource
import sqlite3
from collections.abc import Callable, Generator
from contextlib import AbstractContextManager, closing, contextmanager
from pathlib import Path

import pytest

from sandbox.rig import Process
from tests.e2e.stage import Stage, opened
from tests.postgres import ask

pytestmark = pytest.mark.e2e

FULL_BYTES = 64 << 10
"""Less than the database has already, so that every page more is refused; more than a log grows to meanwhile."""


@contextmanager
def locked(scene: Stage, bot: Process) -> Generator[None]:
    """Somebody else writes, and takes their time."""
    del bot
    with closing(sqlite3.connect(scene.rig.database, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        yield
        other.execute("ROLLBACK")


@contextmanager
def full(scene: Stage, bot: Process) -> Generator[None]:
    """No file of the bot's may grow, as on a disk without room."""
    del scene
    before = resource.prlimit(bot.process.pid, resource.RLIMIT_FSIZE)
    resource.prlimit(bot.process.pid, resource.RLIMIT_FSIZE, (FULL_BYTES, before[1]))
    yield
    resource.prlimit(bot.process.pid, resource.RLIMIT_FSIZE, before)


Trouble = Callable[[Stage, Process], AbstractContextManager[None]]
TROUBLES = pytest.mark.parametrize("trouble", [locked, full])


async def until_said(bot: Process, words: str) -> None:
    async with asyncio.timeout(40):
        while words not in bot.said():
            await asyncio.sleep(0.05)


async def until_takes_are(scene: Stage, state: str) -> None:
    url = f"sqlite:///file:{scene.rig.database}?mode=ro&uri=true"
    async with asyncio.timeout(30):
        while ask(url, "SELECT state FROM takes") != [(state,)]:
            await asyncio.sleep(0.02)


async def delivered_once(scene: Stage) -> None:
    await scene.clip()
    await scene.ends_as("delivered")
    assert len(await scene.oxen.generations()) == 1
    assert len(await scene.clips()) == 1
    await scene.nothing_amiss()


@TROUBLES
async def test_an_order_whose_answer_cannot_be_stored_is_found_again_and_not_paid_twice(
    tmp_path: Path, trouble: Trouble
) -> None:
    async with opened(tmp_path) as scene:
        await scene.oxen.fault("enqueue", "delay", seconds=1.5)
        bot = await scene.rig.start_bot()
        await scene.ready()
        await scene.make("@Image1 waves")
        await until_takes_are(scene, "submitting")
        with trouble(scene, bot):
            await scene.ordered()
            await until_said(bot, "database-unavailable")
        await delivered_once(scene)


@TROUBLES
async def test_a_clip_that_cannot_be_stored_is_fetched_and_posted_once_it_can(tmp_path: Path, trouble: Trouble) -> None:
    async with opened(tmp_path) as scene:
        bot = await scene.rig.start_bot()
        await scene.ready()
        await scene.oxen.hold()
        await scene.make("@Image1 waves")
        await until_takes_are(scene, "rendering")
        with trouble(scene, bot):
            await scene.oxen.release()
            await until_said(bot, "database-unavailable")
        await delivered_once(scene)


@TROUBLES
async def test_whoever_asks_meanwhile_is_told_that_nothing_was_spent(tmp_path: Path, trouble: Trouble) -> None:
    async with opened(tmp_path) as scene:
        bot = await scene.rig.start_bot()
        await scene.ready()
        with trouble(scene, bot):
            text = await scene.answer(await scene.make("@Image1 waves"))
        assert "database" in text.lower(), text
        assert await scene.oxen.generations() == ()
        await scene.make("@Image1 waves again")
        await scene.clip()
        assert len(await scene.oxen.generations()) == 1


async def test_a_bot_that_may_only_read_its_database_says_so_and_leaves_everything_as_it_was(tmp_path: Path) -> None:
    async with opened(tmp_path) as scene:
        first = await scene.rig.start_bot()
        await scene.ready()
        await scene.oxen.hold()
        await scene.make("@Image1 waves")
        await until_takes_are(scene, "rendering")
        await first.kill()

        read_only = f"sqlite:///file:{scene.rig.database}?mode=ro&uri=true"
        second = await scene.rig.start_bot(RUSHES__STORAGE__DATABASE_URL=read_only)
        assert await second.died(60) not in {0, None}
        assert "database" in second.said().lower()
        assert "Traceback" not in second.said()
        await scene.oxen.release()

        await scene.rig.start_bot()
        await delivered_once(scene)
