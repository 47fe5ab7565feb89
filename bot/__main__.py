"""The `rushes` command."""

import asyncio
import sys
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any, NoReturn

import click

from bot.client import PERMISSIONS, CannotLogIn
from bot.conform_command import conform
from bot.domain.errors import RushesError
from bot.domain.words import say
from bot.ledger_command import ledger
from bot.lint_command import lint
from bot.logs import configure_logging
from bot.probe_command import probe
from bot.settings import Settings, SettingsError, load_settings

_INVITE = (
    "https://discord.com/oauth2/authorize?client_id=APPLICATION_ID&scope=bot+applications.commands"
    f"&permissions={PERMISSIONS.value}"
)
_NO_TOKEN = f"""\
Rushes has no Discord token, so it cannot start.

  1. Create an application at https://discord.com/developers/applications and, under “Bot”, press “Reset Token”.
  2. Give the token to Rushes in one of two ways:
       RUSHES__DISCORD__TOKEN=…              in the environment
       RUSHES__DISCORD__TOKEN_FILE=/path     the name of a file that holds it
  3. Invite the bot to your server with this link (put your application's id in place of APPLICATION_ID):
       {_INVITE}
     It asks for the permissions {PERMISSIONS.value}: {{permissions}}.

To see everything work without any token: make demo
"""
_NO_KEY = """\
Rushes has no key of the video service, so nothing could be rendered.

  Get one at https://oxen.ai/settings/profile and set RUSHES__OXEN__KEY, or RUSHES__OXEN__KEY_FILE to the name of a
  file that holds it.

To see everything work without any key: make demo
"""


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(package_name="rushes", prog_name="rushes")
def main() -> None:
    """Rushes: a Discord bot that turns a message's attachments into a video.

    Settings stand in config/default.toml; a profile (RUSHES_PROFILE=production) and the environment
    (RUSHES__SECTION__NAME) win over it. Secrets come from the environment or from files only.
    """


_ROLE = click.Choice(["all", "gateway", "worker"])


@main.command(short_help="Start the bot.")
@click.option("--role", type=_ROLE, default="all", show_default=True, help="What this process does; see above.")
@click.option("--shards", metavar="IDS/COUNT", help="Which of Discord's connections a gateway has, like 0-3/8.")
def run(*, role: str, shards: str | None) -> None:
    """Start the bot and serve until it is told to stop (Ctrl-C or SIGTERM), finishing steps under way.

    all: everything, in one process. gateway: Discord's connections, commands and buttons. worker: renders and posts.
    Gateways and workers need PostgreSQL and files that all of them can read; any number of each may run.
    """
    settings = _ready()
    if not settings.oxen.read_key():
        _fail(_NO_KEY)

    from bot.bootstrap import serve
    from bot.roles import Role, with_shards

    async def served(settings: Settings) -> None:
        await serve(with_shards(settings, shards), Role(role))

    _in_loop(served, settings)


@main.command(short_help="Tell Discord the bot's commands.")
@click.option("--always", is_flag=True, help="Tell Discord even when nothing changed since the last time.")
def sync(*, always: bool) -> None:
    """Tell Discord the bot's commands (`run` does so itself when they changed)."""
    settings = _ready()

    from bot.bootstrap import sync_commands

    async def told(settings: Settings) -> None:
        changed = await sync_commands(settings, always=always)
        click.echo("The commands were sent to Discord." if changed else "Discord knows the commands already.")

    _in_loop(told, settings)


@main.command(short_help="Say whether the bot is alive.")
@click.option("--role", type=_ROLE, help="Say no as well if what runs there has another role.")
def health(*, role: str | None) -> None:
    """Say whether a bot that runs on this storage is alive (for container health checks); exit code 1 if not.

    A gateway is alive while it is connected to Discord, a worker while it takes requests.
    """
    from bot.bootstrap import heartbeat

    found = heartbeat(_settings())
    if found is None:
        _fail("No bot has run on this storage yet.", exit_code=1)
    age, alive = found
    if age > 60:  # noqa: PLR2004  six missed heartbeats
        _fail(f"The bot's last sign of life is {age:.0f} s old.", exit_code=1)
    if role is not None and role != alive:
        _fail(f"What runs on this storage has the role {alive}, not {role}.", exit_code=1)
    click.echo(f"alive {age:.0f} s ago" if alive == "all" else f"alive {age:.0f} s ago ({alive})")


@main.command(short_help="Show the whole path without token, key or network.")
@click.option("--output", type=click.Path(path_type=Path), default=Path("demo-output"), show_default=True)
@click.option("--contracts", type=click.Path(path_type=Path, exists=True), help="Folder of the official OpenAPI files.")
@click.option("--serve", is_flag=True, help="Keep everything running afterwards.")
def demo(*, output: Path, contracts: Path | None, serve: bool) -> None:
    """Show the whole path on this machine, with a Discord and a vendor on loopback: no token, key or network."""
    try:
        from sandbox.demo import run_demo
    except ImportError as error:
        _fail(f"The demo needs the sandbox extra ({error.name} is missing): pip install 'rushes[sandbox]'.")
    sys.exit(asyncio.run(run_demo(output, contracts=contracts, serve=serve)))


main.add_command(lint)
main.add_command(probe)
main.add_command(conform)
main.add_command(ledger)


def _ready() -> Settings:
    """The settings, with logging configured and a token present; else a sentence and exit code 2."""
    settings = _settings()
    try:
        token, key = settings.discord.read_token(), settings.oxen.read_key()
        password, contents = settings.storage.read_database_password(), settings.storage.read_contents_secret()
    except SettingsError as error:
        _fail(str(error))
    if not token:
        granted = ", ".join(name.replace("_", " ") for name, value in PERMISSIONS if value)
        _fail(_NO_TOKEN.format(permissions=granted))
    configure_logging(settings.logging.level, settings.logging.format, secrets=(token, key, password, contents))
    return settings


def _settings() -> Settings:
    try:
        return load_settings()
    except SettingsError as error:
        _fail(f"The settings cannot be used.\n{error}")


def _in_loop(work: Callable[[Settings], Coroutine[Any, Any, None]], settings: Settings) -> None:
    try:
        asyncio.run(work(settings))
    except (CannotLogIn, SettingsError) as error:
        _fail(str(error))
    except RushesError as error:
        _fail(f"{say(error.reason)} {error.detail}".strip())


def _fail(text: str, *, exit_code: int = 2) -> NoReturn:
    click.echo(text.rstrip(), err=True)
    sys.exit(exit_code)


if __name__ == "__main__":
    main()
