"""What Discord is told of the commands, and how often."""

from typing import Any, Final, cast

import discord
import pytest
import simcord
from discord import app_commands

from bot.client import RushesClient
from tests.behaviour.studio import Scene, Studio

STRING, INTEGER, BOOLEAN, ATTACHMENT = 3, 4, 5, 11
OPTIONS: Final = [
    ("prompt", STRING, True),
    *((f"ref{number}", ATTACHMENT, False) for number in range(1, 13)),
    ("duration", STRING, False),
    ("resolution", STRING, False),
    ("aspect_ratio", STRING, False),
    ("audio", BOOLEAN, False),
    ("takes", INTEGER, False),
    ("seed", INTEGER, False),
]
COMMANDS: Final = ("privacy", "queue", "quota", "settings", "tray", "video")
MENUS: Final = ("Add to tray", "Make video", "Take back my files")
GUILD, GUILD_INSTALL = 0, 0

Json = dict[str, Any]


def tellings(env: simcord.Env) -> list[list[Json]]:
    """Every time Discord was told the whole list of commands."""
    return [
        cast("list[Json]", one.json)
        for one in env.http_requests
        if one.method == "PUT" and one.path == f"/applications/{env.bot.application_id}/commands"
    ]


def make_options(env: simcord.Env) -> dict[str, Json]:
    (video,) = [command for command in tellings(env)[-1] if command["name"] == "video"]
    (make,) = [option for option in video["options"] if option["name"] == "make"]
    return {option["name"]: option for option in make["options"]}


def sentences(command: Json) -> list[str]:
    """Every description of a command, its subcommands and their options."""
    below = [text for option in command.get("options", []) for text in sentences(option)]
    return [command["description"], *below]


def choices(option: Json) -> set[str]:
    return {choice["value"] for choice in option["choices"]}


async def test_video_make_has_exactly_the_promised_options(scene: Scene) -> None:
    options = make_options(scene.env)

    assert [(name, one["type"], one["required"]) for name, one in options.items()] == OPTIONS
    assert choices(options["duration"]) == {"auto", *map(str, range(4, 16))}
    assert choices(options["resolution"]) == {"480p", "720p"}
    assert choices(options["aspect_ratio"]) == {"auto", "21:9", "16:9", "4:3", "1:1", "3:4", "9:16"}
    assert (options["takes"]["min_value"], options["takes"]["max_value"]) == (1, 4)


async def test_every_option_is_described_in_words(scene: Scene) -> None:
    spoken = [one for one in tellings(scene.env)[-1] if one["type"] == discord.AppCommandType.chat_input.value]

    assert [text for one in spoken for text in sentences(one) if not any(map(str.isalpha, text))] == []


async def test_every_command_is_for_servers_only(scene: Scene) -> None:
    (told,) = tellings(scene.env)

    found = {(one["name"], one["type"]): (one["contexts"], one["integration_types"]) for one in told}
    chat, message = discord.AppCommandType.chat_input.value, discord.AppCommandType.message.value
    names = [*((name, chat) for name in COMMANDS), *((name, message) for name in MENUS)]
    assert found == dict.fromkeys(names, ([GUILD], [GUILD_INSTALL]))


async def test_only_those_who_manage_the_server_are_offered_its_settings(scene: Scene) -> None:
    (told,) = tellings(scene.env)

    offered_to = {one["name"]: one["default_member_permissions"] for one in told}
    manage = discord.Permissions(manage_guild=True).value
    assert {name: needs for name, needs in offered_to.items() if needs is not None} == {"settings": manage}


async def test_nobody_is_offered_the_command_in_a_direct_message(scene: Scene) -> None:
    await scene.alice.send_dm("hello")

    assert set(scene.alice.available_commands(scene.channel)) == {
        *("video make", "video drafts", "privacy references", "queue show", "queue cancel", "quota"),
        *(f"tray {what}" for what in ("show", "name", "move", "remove", "clear")),
    }
    assert scene.alice.user.available_commands() == ()


async def test_an_unchanged_bot_tells_its_commands_once_over_restarts(scene: Scene) -> None:
    await scene.restart()
    await scene.restart()

    assert len(tellings(scene.env)) == 1


async def test_a_changed_command_is_told_at_the_next_start(scene: Scene) -> None:
    @app_commands.command(name="later", description="Something new")
    async def later(interaction: discord.Interaction) -> None:
        """Does nothing yet."""

    client = scene.studio.open()
    client.tree.add_command(cast("app_commands.Command[Any, ..., Any]", later))
    await scene.env.restart_bot(client)

    assert [sorted(one["name"] for one in told) for told in tellings(scene.env)] == [
        sorted([*MENUS, *COMMANDS]),
        sorted([*MENUS, *COMMANDS, "later"]),
    ]


async def test_always_tells_what_is_unchanged(scene: Scene) -> None:
    client = cast("RushesClient", scene.env.bot)

    assert not await client.sync_if_changed()
    assert await client.sync_if_changed(always=True)
    assert len(tellings(scene.env)) == 2


class TestWithoutSync:
    @pytest.fixture
    def simcord_bot(self, studio: Studio) -> RushesClient:
        return studio.open(sync_commands=False)

    async def test_a_start_that_must_not_tell_tells_nothing(self, scene: Scene) -> None:
        assert tellings(scene.env) == []

    async def test_commands_that_could_not_be_told_are_told_at_the_next_start(self, scene: Scene) -> None:
        client = cast("RushesClient", scene.env.bot)
        scene.env.inject_error("PUT", "/applications/*/commands", status=500)
        with pytest.raises(discord.HTTPException):
            await client.sync_if_changed()

        assert await client.sync_if_changed()


def written(one: Json) -> int:
    """What Discord counts of a command: names, descriptions and values."""
    own = len(one["name"]) + len(one.get("description", "")) + len(str(one.get("value", "")))
    return own + sum(written(below) for below in [*one.get("options", []), *one.get("choices", [])])


async def test_no_command_is_longer_than_discord_takes(scene: Scene) -> None:
    (told,) = tellings(scene.env)

    assert all(written(one) <= 8000 for one in told)
    assert all(len(one.get("options", [])) <= 25 for one in told)
