"""A bot in a simulated Discord, for every test of this folder."""

import logging
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import cast

import discord
import pytest
import simcord
from structlog.testing import capture_logs

from bot.client import RushesClient
from sandbox.discord.contract import Contract
from tests.behaviour.studio import CONTRACT, Scene, Studio, wrong_requests

_HERE = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """As the bot is in production: Discord has granted it no privileged intent."""
    for item in items:
        if item.path.is_relative_to(_HERE):
            item.add_marker(pytest.mark.simcord(approved_intents=discord.Intents.default()))


@pytest.fixture(scope="session")
def contract() -> Contract | None:
    return Contract(CONTRACT) if CONTRACT.is_file() else None


@pytest.fixture
def studio(tmp_path: Path) -> Studio:
    return Studio(scratch=tmp_path)


@pytest.fixture
def simcord_bot(studio: Studio) -> RushesClient:
    return studio.open()


@pytest.fixture
async def scene(
    studio: Studio,
    simcord_bot: RushesClient,
    simcord_env: simcord.Env,
    contract: Contract | None,
    caplog: pytest.LogCaptureFixture,
) -> AsyncGenerator[Scene]:
    """Afterwards: no error in our log that the test did not take out, none in discord.py's (which is where it puts
    exceptions that nobody answers), and no request that Discord would not take.
    """
    guild = simcord_env.create_guild("Cinema")
    channel, staging = guild.create_text_channel("takes"), guild.create_text_channel("staging")
    moderators = guild.create_role("Moderators", permissions=discord.Permissions(manage_messages=True))
    alice, bob = (guild.add_member(simcord_env.create_user(name)) for name in ("alice", "bob"))
    moderator = guild.add_member(simcord_env.create_user("mo"), roles=[moderators])
    studio.furnish(simcord_env, simcord_bot, staging_channel_id=staging.id)
    await simcord_env.settle()
    with capture_logs() as log:
        scene = Scene(
            env=simcord_env,
            studio=studio,
            guild=guild,
            channel=channel,
            staging=staging,
            alice=alice,
            bob=bob,
            moderator=moderator,
            log=cast("list[dict[str, object]]", log),
        )
        yield scene
    swallowed = [one for one in caplog.get_records("call") if one.name.startswith("discord")]
    assert [one.getMessage() for one in swallowed if one.levelno >= logging.ERROR] == []
    assert [event for event in scene.log if event["log_level"] == "error"] == []
    if contract is not None:
        assert wrong_requests(contract, simcord_env.http_requests) == []
