"""What an operator reads when the bot cannot start or go on, and that it ends when told to."""

import asyncio
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from sandbox.rig import Running, command
from tests.e2e.stage import opened

pytestmark = pytest.mark.e2e


async def test_a_second_bot_on_the_same_storage_is_refused_and_the_first_goes_on(tmp_path: Path) -> None:
    async with opened(tmp_path) as scene:
        first = await scene.rig.start_bot(start=command)  # as an operator starts it
        await scene.ready()
        second = await scene.rig.start_bot()
        assert await second.died(20) == 2
        assert "Another bot runs on the storage" in second.said()
        assert first.process.returncode is None
        await scene.make("@Image1 waves")
        await scene.clip()


async def test_a_token_revoked_while_running_stops_the_bot_with_a_sentence(tmp_path: Path) -> None:
    async with opened(tmp_path) as scene:
        bot = await scene.rig.start_bot()
        await scene.ready()
        await scene.discord.gateway("close", code=4004)
        assert await bot.died(30) == 2
        assert "Discord refused the token" in bot.said()
        assert "Traceback" not in bot.said()


async def test_a_wrong_token_is_said_in_a_sentence(tmp_path: Path) -> None:
    async with opened(tmp_path) as scene:
        bot = await scene.rig.start_bot(RUSHES__DISCORD__TOKEN="not-the-token-of-this-bot")
        assert await bot.died(20) == 2
        assert "Discord refused the token" in bot.said()
        assert "not-the-token-of-this-bot" not in bot.said()
        assert "Traceback" not in bot.said()


async def test_where_no_walls_can_be_put_up_the_start_is_refused_until_the_operator_accepts_it(tmp_path: Path) -> None:
    async def without_walls(
        module: str, arguments: Sequence[str], *, environment: Mapping[str, str] | None, stdout: int, stderr: int
    ) -> Running:
        more = [module, *arguments]
        return await command("tests.without_walls", more, environment=environment, stdout=stdout, stderr=stderr)

    async with opened(tmp_path) as scene:
        refused = await scene.rig.start_bot(start=without_walls)
        assert await refused.died(30) == 2
        assert "offers neither Landlock nor seccomp" in refused.said()
        assert "Traceback" not in refused.said()
        await scene.rig.start_bot(start=without_walls, RUSHES__MEDIA__REQUIRE_ISOLATION="false")
        await scene.ready()


async def test_a_bot_told_to_stop_while_it_starts_ends_at_once(tmp_path: Path) -> None:
    async def never_answers(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.set()
        await reader.read()
        writer.close()

    asked = asyncio.Event()
    async with (
        opened(tmp_path) as scene,
        await asyncio.start_server(never_answers, "127.0.0.1", 0) as silent,
    ):
        port = silent.sockets[0].getsockname()[1]
        bot = await scene.rig.start_bot(RUSHES__DISCORD__API_BASE=f"http://127.0.0.1:{port}/api/v10")
        async with asyncio.timeout(20):
            await asked.wait()
        bot.process.terminate()
        assert await bot.died(10) == 0
        assert "Traceback" not in bot.said()


async def test_no_secret_prompt_or_signed_address_is_ever_logged(tmp_path: Path) -> None:
    async with opened(tmp_path, settings={"RUSHES__LOGGING__LEVEL": "debug"}) as scene:
        bot = await scene.rig.start_bot()
        await scene.ready()
        await scene.make("@Image1 waves at the zebra parade")
        await scene.clip()
        said = bot.said()
        assert "rendering" in said, "the log follows the request"
        for secret in (scene.rig.discord.token, scene.rig.oxen.key, "zebra parade", "&hm=", "signature="):
            assert secret not in said
