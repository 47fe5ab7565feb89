"""One gateway and two workers on PostgreSQL: who dies or freezes costs time, and never a clip or a second payment."""

import asyncio
import os
import signal
from pathlib import Path

import pytest

from sandbox.rig import Process
from tests import s3
from tests.e2e.stage import Stage, opened, states
from tests.e2e.test_restart import cards
from tests.postgres import Postgres

pytestmark = pytest.mark.e2e

_URL = "RUSHES__STORAGE__DATABASE_URL"
_LONG_SECONDS = 15
_QUICK_RESCUE = {"RUSHES__ENGINE__STALLED_SECONDS": "2"}


@pytest.fixture
def shared(postgres: Postgres, tmp_path: Path) -> dict[str, str]:
    """The settings that gateways and workers have in common."""
    return {
        _URL: postgres.bare(),
        "RUSHES__STORAGE__CONTENTS_URL": f"file://{tmp_path / 'contents'}",
        "RUSHES__STORAGE__SHARED_DIRECTORY": "true",
    }


@pytest.fixture(params=["folder", "s3"])
def place(request: pytest.FixtureRequest) -> dict[str, str]:
    """Where the bytes live that every process reads."""
    if request.param == "folder":
        return {}
    address = str(request.getfixturevalue("s3_address"))
    s3.make_bucket(address, "rushes")
    return {
        "RUSHES__STORAGE__CONTENTS_URL": "s3://rushes/contents",
        "RUSHES__STORAGE__CONTENTS_ENDPOINT": address,
        "RUSHES__STORAGE__CONTENTS_REGION": "us-east-1",
        "RUSHES__STORAGE__CONTENTS_KEY_ID": "tests",
        "RUSHES__STORAGE__CONTENTS_SECRET": "not-a-secret",
        "RUSHES__STORAGE__SHARED_DIRECTORY": "false",
    }


async def begun(scene: Stage, role: str, number: int = 1, *, shards: str | None = None, **more: str) -> Process:
    """A process of that role, with a folder of its own."""
    folder = scene.rig.folder / f"{role}-{number}"
    arguments = ["--role", role, *(["--shards", shards] if shards else [])]
    settings = {"RUSHES__STORAGE__DIRECTORY": str(folder), **more}
    return await scene.rig.start_bot(start=None, arguments=arguments, **settings)


async def shards_connected(scene: Stage, count: int) -> None:
    """They identify one after another; until its own has, a server's commands reach nobody."""
    async with asyncio.timeout(45):
        while sum(bool(one["connected"]) for one in (await scene.discord.sessions())["sessions"]) < count:
            await asyncio.sleep(0.05)


async def done(scene: Stage) -> int:
    """How many cards say so."""
    messages = await scene.discord.messages(scene.rig.discord.channel_id)
    return sum("Done" in message.text for message in messages)


async def all_well(scene: Stage, clips: int = 1) -> None:
    await scene.ends_as(*["delivered"] * clips)
    async with asyncio.timeout(40):
        while not await scene.staging_is_empty() or await done(scene) < clips:
            await asyncio.sleep(0.05)
    assert len(await scene.oxen.generations()) == clips
    assert len(await scene.clips()) == clips
    assert await cards(scene) == clips
    assert await scene.staging_is_empty()
    await scene.nothing_amiss()


async def test_a_gateway_takes_the_wish_and_workers_deliver_it_once(
    tmp_path: Path, shared: dict[str, str], place: dict[str, str]
) -> None:
    async with opened(tmp_path, settings={**shared, **place}) as scene:
        gateway = await begun(scene, "gateway", shards="0-1/2")
        workers = [await begun(scene, "worker", number) for number in (1, 2)]
        await scene.ready()
        await shards_connected(scene, 2)
        assert "hero.png" in await scene.answer(await scene.make("@Image1 waves"))
        await scene.clip()
        await all_well(scene)

        everything = await scene.rig.start_bot(RUSHES__STORAGE__DIRECTORY=str(tmp_path / "all"))
        assert await everything.died(30) == 2
        assert "Another bot serves on the database" in everything.said()
        for process in (*workers, gateway):
            process.process.terminate()
            assert await process.died(30) == 0
            assert "Traceback" not in process.said()


@pytest.mark.parametrize(("fault", "pace"), [("take.submitting", {}), ("delivered", _QUICK_RESCUE)])
async def test_what_a_worker_carried_when_it_was_killed_is_carried_on_within_45_seconds(
    tmp_path: Path, shared: dict[str, str], fault: str, pace: dict[str, str]
) -> None:
    """Between the intent to pay and the order, with the times that are set by default; and after the post."""
    async with opened(tmp_path, settings={**shared, **pace}) as scene:
        await begun(scene, "gateway")
        doomed = await begun(scene, "worker", 1, RUSHES__TESTING__KILL_AT=fault)
        await scene.ready()
        await scene.make("@Image1 waves")
        assert await doomed.died(45) == -signal.SIGKILL
        await begun(scene, "worker", 2)
        async with asyncio.timeout(45):
            while states(scene.rig) != ["delivered"]:
                await asyncio.sleep(0.05)
        await all_well(scene)


async def test_a_worker_that_was_frozen_while_it_delivers_posts_nothing_twice(
    tmp_path: Path, shared: dict[str, str]
) -> None:
    async with opened(tmp_path, settings={**shared, **_QUICK_RESCUE}) as scene:
        await begun(scene, "gateway")
        frozen = await begun(scene, "worker", 1)
        await scene.ready()
        known = f"{scene.rig.discord.channel_id}|{scene.rig.discord.staging_channel_id}"
        in_a_thread = rf"^/channels/(?!{known})\d+/messages$"
        await scene.discord.fault("delay_after_commit", method="POST", path_regex=in_a_thread, seconds=_LONG_SECONDS)
        await scene.make("@Image1 waves")
        await scene.clip()  # posted, and the worker waits for the answer
        os.kill(frozen.process.pid, signal.SIGSTOP)
        assert states(scene.rig) == ["delivering"]
        await begun(scene, "worker", 2)
        await all_well(scene)
        os.kill(frozen.process.pid, signal.SIGCONT)

        await scene.make("@Image1 waves again")
        await all_well(scene, 2)
        assert frozen.process.returncode is None


async def test_a_split_role_says_what_it_needs(tmp_path: Path, postgres: Postgres) -> None:
    async with opened(tmp_path) as scene:
        on_sqlite = await begun(scene, "worker", 1)
        assert await on_sqlite.died(30) == 2
        assert "The role worker needs PostgreSQL" in on_sqlite.said()
        alone_with_its_files = await begun(scene, "gateway", 1, RUSHES__STORAGE__DATABASE_URL=postgres.bare())
        assert await alone_with_its_files.died(30) == 2
        assert "RUSHES__STORAGE__CONTENTS_URL" in alone_with_its_files.said()


async def test_beside_a_bot_with_all_roles_no_worker_serves(tmp_path: Path, shared: dict[str, str]) -> None:
    async with opened(tmp_path, settings=shared) as scene:
        everything = await scene.rig.start_bot()
        await scene.ready()
        worker = await begun(scene, "worker")
        assert await worker.died(30) == 2
        assert "A bot with all roles serves on the database" in worker.said()
        assert everything.process.returncode is None
