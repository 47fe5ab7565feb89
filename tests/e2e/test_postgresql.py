"""The same bot on PostgreSQL: the main job, a crash, a server that goes away, and a second bot on the same database."""

import asyncio
import signal
from pathlib import Path

import pytest

from tests.e2e.stage import opened, states
from tests.e2e.test_restart import cards, until_all_is_told
from tests.postgres import Postgres

pytestmark = pytest.mark.e2e

_URL = "RUSHES__STORAGE__DATABASE_URL"


@pytest.fixture
def on_postgresql(postgres: Postgres) -> dict[str, str]:
    """The settings of a bot on a new database without tables."""
    return {_URL: postgres.bare()}


async def test_the_clip_comes_and_everything_is_told(tmp_path: Path, on_postgresql: dict[str, str]) -> None:
    async with opened(tmp_path, settings=on_postgresql) as scene:
        bot = await scene.rig.start_bot()
        await scene.ready()
        assert "hero.png" in await scene.answer(await scene.make("@Image1 waves", takes=2))
        clip = await scene.clip()
        assert len([one for one in clip.attachments if one.filename.endswith(".mp4")]) == 2
        await until_all_is_told(scene)
        await scene.nothing_amiss()
        assert not scene.rig.database.exists(), "nothing is kept in a file beside it"
        assert bot.process.returncode is None


async def test_a_bot_killed_before_it_pays_delivers_once_and_pays_once(
    tmp_path: Path, on_postgresql: dict[str, str]
) -> None:
    async with opened(tmp_path, settings=on_postgresql) as scene:
        doomed = await scene.rig.start_bot(RUSHES__TESTING__KILL_AT="take.submitting")
        await scene.ready()
        await scene.make("@Image1 waves")
        assert await doomed.died(30) == -signal.SIGKILL

        await scene.rig.start_bot()
        await scene.clip()
        await until_all_is_told(scene)

        assert states(scene.rig) == ["delivered"]
        assert len(await scene.oxen.generations()) == 1
        assert len(await scene.clips()) == 1
        assert await cards(scene) == 1
        assert await scene.staging_is_empty()
        await scene.nothing_amiss()


async def test_a_server_restarted_while_a_take_renders_loses_nothing(tmp_path: Path, mortal: Postgres) -> None:
    async with opened(tmp_path, settings={_URL: mortal.bare()}) as scene:
        bot = await scene.rig.start_bot()
        await scene.ready()
        await scene.oxen.hold()
        await scene.make("@Image1 waves")
        await scene.ordered()
        await asyncio.to_thread(mortal.kill)
        await scene.oxen.release()
        async with asyncio.timeout(20):
            while "database-unavailable" not in bot.said():
                await asyncio.sleep(0.05)
        await asyncio.to_thread(mortal.start)

        await scene.clip()
        await until_all_is_told(scene)
        assert bot.process.returncode is None
        assert len(await scene.oxen.generations()) == 1
        assert len(await scene.clips()) == 1
        await scene.nothing_amiss()


async def test_a_second_bot_on_the_same_database_is_refused_and_the_first_goes_on(
    tmp_path: Path, on_postgresql: dict[str, str]
) -> None:
    async with opened(tmp_path, settings=on_postgresql) as scene:
        first = await scene.rig.start_bot()
        await scene.ready()
        second = await scene.rig.start_bot(RUSHES__STORAGE__DIRECTORY=str(tmp_path / "another"))
        assert await second.died(30) == 2
        assert "Another bot serves on the database" in second.said()
        assert "Traceback" not in second.said()
        assert first.process.returncode is None
