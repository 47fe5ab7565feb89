"""The promise: whatever crashed in between, one generation, one post, `delivered`."""

import asyncio
import signal
from pathlib import Path

import pytest

from sandbox.rig import command
from tests.e2e.stage import Stage, opened, photograph, states
from tests.fault_points import EVERY_POINT, SHRINKING_POINTS

pytestmark = pytest.mark.e2e
_TAKEN_BYTES = 70_000
"""More than the picture, less than the clip."""


@pytest.mark.parametrize("kill_at", EVERY_POINT)
async def test_a_killed_bot_delivers_once_and_pays_once(tmp_path: Path, kill_at: str) -> None:
    async with opened(tmp_path) as scene:
        doomed = await scene.rig.start_bot(RUSHES__TESTING__KILL_AT=kill_at)
        await scene.ready()
        await scene.make("@Image1 waves", {"ref1": photograph()})
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


@pytest.mark.parametrize("kill_at", [point for point in SHRINKING_POINTS if point not in EVERY_POINT])
async def test_a_bot_killed_over_a_clip_that_is_too_large_delivers_it_smaller_and_once(
    tmp_path: Path, kill_at: str
) -> None:
    async with opened(tmp_path) as scene:
        await scene.discord.set_options(upload_limit_bytes=_TAKEN_BYTES)
        doomed = await scene.rig.start_bot(RUSHES__TESTING__KILL_AT=kill_at)
        await scene.ready()
        await scene.make("@Image1 waves")
        assert await doomed.died(60) == -signal.SIGKILL

        await scene.rig.start_bot()
        result = await scene.clip()
        await until_all_is_told(scene)

        assert [file.size <= _TAKEN_BYTES for file in result.attachments] == [True]
        assert "made smaller to fit here" in result.text.casefold()
        assert len(await scene.oxen.generations()) == 1
        assert len(await scene.clips()) == 1
        await scene.nothing_amiss()


async def test_a_bot_told_to_stop_finishes_the_step_and_the_next_start_the_rest(tmp_path: Path) -> None:
    async with opened(tmp_path) as scene:
        first = await scene.rig.start_bot(start=command)  # as an operator starts and stops it
        await scene.ready()
        await scene.oxen.hold()
        await scene.answer(await scene.make("@Image1 waves"))
        while not await scene.oxen.generations():
            await asyncio.sleep(0.05)
        assert await first.stop() == 0

        await scene.oxen.release()
        await scene.rig.start_bot()
        await scene.clip()
        assert len(await scene.oxen.generations()) == 1


async def until_all_is_told(scene: Stage) -> None:
    """Until the card says Done and the staging channel is empty: both come after the clip."""
    await scene.discord.wait_for_message(scene.rig.discord.channel_id, contains="Done", seconds=20)
    async with asyncio.timeout(20):
        while not await scene.staging_is_empty() or states(scene.rig) != ["delivered"]:
            await asyncio.sleep(0.05)


async def cards(scene: Stage) -> int:
    messages = await scene.discord.messages(scene.rig.discord.channel_id)
    return sum(message.by_bot and not message.ephemeral and not message.attachments for message in messages)
