"""`rushes` at a terminal: what it says when it cannot start, and whether the bot is alive."""

import logging
import os
import re
from collections.abc import Generator
from pathlib import Path

import pytest
import structlog
from click.testing import CliRunner, Result

from bot.__main__ import main
from bot.client import PERMISSIONS


@pytest.fixture(autouse=True)
def _clean(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Generator[None]:
    """Nothing of the surroundings, storage of its own, and no logging that outlives the command."""
    for name in [name for name in os.environ if name.upper().startswith("RUSHES_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("RUSHES__STORAGE__DIRECTORY", str(tmp_path / "data"))
    root = logging.getLogger()
    level = root.level
    yield
    root.handlers = []
    root.setLevel(level)
    structlog.reset_defaults()


def rushes(*arguments: str) -> Result:
    return CliRunner().invoke(main, arguments)


def heartbeat(tmp_path: Path, *, age_seconds: float, role: str = "all") -> None:
    """The file that a bot writes while it is connected."""
    file = tmp_path / "data" / "alive"
    file.parent.mkdir()
    file.write_text(role)
    now = file.stat().st_mtime
    os.utime(file, (now - age_seconds, now - age_seconds))


@pytest.mark.parametrize("flag", ["--help", "-h"])
def test_help_lists_the_commands_each_with_a_line(flag: str) -> None:
    told = rushes(flag)
    assert told.exit_code == 0
    for command in main.commands.values():
        assert re.search(rf"^  {command.name} +{re.escape(command.short_help or '')}", told.stdout, re.MULTILINE)
    assert {"run", "sync", "health", "demo"} <= set(main.commands)


@pytest.mark.parametrize("command", sorted(main.commands))
def test_every_command_explains_itself(command: str) -> None:
    told = rushes(command, "--help")
    assert told.exit_code == 0
    assert main.commands[command].short_help


def test_the_version_is_said() -> None:
    assert re.fullmatch(r"rushes, version \d+\.\d+\.\d+\S*\n", rushes("--version").stdout)


@pytest.mark.parametrize("command", ["run", "sync"])
def test_without_a_token_it_says_what_to_set_where_to_get_it_and_how_to_invite_the_bot(command: str) -> None:
    told = rushes(command)
    assert (told.exit_code, told.stdout) == (2, "")
    for piece in (
        "RUSHES__DISCORD__TOKEN=",
        "RUSHES__DISCORD__TOKEN_FILE=",
        "https://discord.com/developers/applications",
        "https://discord.com/oauth2/authorize?client_id=APPLICATION_ID",
        "scope=bot+applications.commands",
        f"permissions={PERMISSIONS.value}",
        "make demo",
    ):
        assert piece in told.stderr


def test_every_permission_of_the_invite_link_is_named() -> None:
    told = rushes("run").stderr
    names = [name.replace("_", " ") for name, granted in PERMISSIONS if granted]
    assert len(names) >= 7
    assert all(name in told for name in names)
    assert "administrator" not in told


def test_without_a_key_it_says_what_to_set_and_where_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RUSHES__DISCORD__TOKEN", "very-secret-token")
    told = rushes("run")
    assert told.exit_code == 2
    for piece in ("RUSHES__OXEN__KEY", "RUSHES__OXEN__KEY_FILE", "https://oxen.ai/", "make demo"):
        assert piece in told.stderr
    assert "very-secret" not in told.output


def test_a_mistaken_variable_is_said_without_a_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RUSHES__DISCORD__TOKN", "very-secret-token")
    told = rushes("run")
    assert told.exit_code == 2
    assert "Did you mean RUSHES__DISCORD__TOKEN?" in told.stderr
    assert "Traceback" not in told.output
    assert "very-secret" not in told.output


def test_a_secret_s_file_that_is_missing_is_said_without_a_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RUSHES__DISCORD__TOKEN_FILE", "/nowhere/token")
    told = rushes("run")
    assert told.exit_code == 2
    assert "discord.token_file cannot be read" in told.stderr
    assert isinstance(told.exception, SystemExit)


@pytest.mark.parametrize(
    ("url", "told_of"),
    [
        ("postgresql+psycopg://rushes:very-secret@127.0.0.1:1/rushes", "Connection refused"),
        ("mysql://rushes:very-secret@127.0.0.1/rushes", "storage.database_url cannot be used"),
    ],
)
def test_a_database_that_cannot_be_used_is_said_without_its_password(
    monkeypatch: pytest.MonkeyPatch, url: str, told_of: str
) -> None:
    for name, value in (("DISCORD__TOKEN", "a-token"), ("OXEN__KEY", "a-key"), ("STORAGE__DATABASE_URL", url)):
        monkeypatch.setenv(f"RUSHES__{name}", value)
    told = rushes("run")
    assert told.exit_code == 2
    assert told_of in told.stderr
    assert "Traceback" not in told.output
    assert "very-secret" not in told.output


# --- health: 0 is well and 1 is ill; Docker keeps 2 for itself -------------------------------------------------------


def test_health_says_when_no_bot_ever_ran_here() -> None:
    told = rushes("health")
    assert told.exit_code == 1
    assert "No bot has run" in told.stderr


def test_health_says_how_old_the_last_sign_of_life_is(tmp_path: Path) -> None:
    heartbeat(tmp_path, age_seconds=90)
    told = rushes("health")
    assert told.exit_code == 1
    assert re.search(r"last sign of life is 9\d s old", told.stderr)


@pytest.mark.parametrize("age_seconds", [0, 30])
def test_health_says_alive(tmp_path: Path, age_seconds: int) -> None:
    heartbeat(tmp_path, age_seconds=age_seconds)
    told = rushes("health")
    assert (told.exit_code, told.stderr) == (0, "")
    assert re.match(r"alive \d+ s ago", told.stdout)


def test_health_says_which_role_is_alive_and_can_insist_on_one(tmp_path: Path) -> None:
    heartbeat(tmp_path, age_seconds=1, role="worker")
    assert "(worker)" in rushes("health").stdout
    assert rushes("health", "--role", "worker").exit_code == 0
    told = rushes("health", "--role", "gateway")
    assert told.exit_code == 1
    assert "has the role worker, not gateway" in told.stderr


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--role", "worker"), "The role worker needs PostgreSQL"),
        (("--role", "gateway", "--shards", "8/8"), "numbered from 0 to 7"),
    ],
)
def test_a_role_that_cannot_be_is_said_before_anything_is_touched(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...], said: str
) -> None:
    monkeypatch.setenv("RUSHES__DISCORD__TOKEN", "a-token")
    monkeypatch.setenv("RUSHES__OXEN__KEY", "a-key")
    told = rushes("run", *arguments)
    assert told.exit_code == 2
    assert said in told.stderr
    assert not (tmp_path / "data").exists()


def test_health_needs_neither_token_nor_key_but_good_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RUSHES__LANES__MAX_TAKES", "many")
    told = rushes("health")
    assert told.exit_code == 2
    assert "lanes.max_takes" in told.stderr
