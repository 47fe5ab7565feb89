"""Settings are read once, checked whole, and say what is wrong with them in a sentence."""

import os
import tomllib
from collections.abc import Callable
from pathlib import Path

import httpx
import pydantic
import pytest

from bot.domain.errors import Unavailable
from bot.providers.oxen.client import OxenProvider
from bot.settings import Settings, SettingsError, config_directory, load_settings, origin
from tests.fakes_provider import MODEL_ID, MODELS_DIRECTORY

DEFAULT = config_directory() / "default.toml"
SECRETS = {("discord", "token"), ("oxen", "key"), ("storage", "contents_secret")}

Profile = Callable[[str], None]


@pytest.fixture(autouse=True)
def _clean(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing of the surroundings."""
    for name in [name for name in os.environ if name.upper().startswith("RUSHES_")]:
        monkeypatch.delenv(name)


@pytest.fixture
def profile(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Profile:
    """Writes a profile and chooses it."""

    def written(text: str) -> None:
        (tmp_path / "default.toml").write_bytes(DEFAULT.read_bytes())
        (tmp_path / "ours.toml").write_text(text)
        monkeypatch.setenv("RUSHES_CONFIG_DIR", str(tmp_path))
        monkeypatch.setenv("RUSHES_PROFILE", "ours")

    return written


def complaint() -> str:
    with pytest.raises(SettingsError) as caught:
        load_settings()
    return str(caught.value)


def fields() -> set[tuple[str, str]]:
    """(section, name) of everything that can be set."""
    found = set[tuple[str, str]]()
    for section, field in Settings.model_fields.items():
        assert isinstance(field.annotation, type)
        assert issubclass(field.annotation, pydantic.BaseModel)
        found |= {(section, name) for name in field.annotation.model_fields}
    return found


# --- the default file ------------------------------------------------------------------------------------------------


def test_the_default_file_has_every_setting_and_nothing_else() -> None:
    written = {(section, name) for section, values in tomllib.loads(DEFAULT.read_text()).items() for name in values}
    assert written == fields() - SECRETS


def test_every_setting_of_the_default_file_has_its_meaning_beside_it_or_in_its_section_and_name() -> None:
    """A name may say it all (`takes_per_person_per_day`, in a section that says when it resets)."""
    bare: list[str] = []
    explained = False
    for line in DEFAULT.read_text().splitlines():
        if line.startswith("["):
            explained = "#" in line
        elif "=" in line and not line.startswith("#") and "#" not in line and not explained:
            bare.append(line.split("=")[0].strip())
    assert bare == []


@pytest.mark.parametrize("path", sorted(config_directory().glob("*.toml")), ids=lambda path: path.stem)
def test_every_profile_that_is_shipped_loads(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RUSHES_PROFILE", path.stem)
    assert load_settings().oxen.model


def test_settings_do_not_change_afterwards() -> None:
    settings = load_settings()
    with pytest.raises(pydantic.ValidationError, match="frozen"):
        settings.discord.token_file = "elsewhere"
    with pytest.raises(pydantic.ValidationError, match="frozen"):
        settings.oxen = settings.oxen


# --- who wins --------------------------------------------------------------------------------------------------------


def test_the_environment_wins_over_the_profile_and_that_over_the_default(
    profile: Profile, monkeypatch: pytest.MonkeyPatch
) -> None:
    profile("[lanes]\nmax_running = 5\nmax_takes = 2\n")
    monkeypatch.setenv("RUSHES__LANES__MAX_TAKES", "3")
    lanes = load_settings().lanes
    assert (lanes.max_running, lanes.max_takes, lanes.max_running_per_guild) == (5, 3, 2)


def test_empty_variables_are_as_good_as_none(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("RUSHES__LANES__MAX_TAKES", "RUSHES__OXEN__KEY", "RUSHES_PROFILE", "RUSHES_CONFIG_DIR"):
        monkeypatch.setenv(name, "")
    settings = load_settings()
    assert settings.lanes.max_takes == 4
    assert settings.oxen.read_key() == ""


# --- mistakes --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("RUSHES__DISCORD__TOKN", "RUSHES__DISCORD__TOKEN"),
        ("RUSHES_DISCORD_TOKEN", "RUSHES__DISCORD__TOKEN"),
        ("RUSHES__OXEN_KEY", "RUSHES__OXEN__KEY"),
        ("rushes__lanes__max_take", "RUSHES__LANES__MAX_TAKES"),
        ("RUSHES_PROFIL", "RUSHES_PROFILE"),
    ],
)
def test_a_misspelt_variable_stops_the_start_and_names_the_nearest(
    monkeypatch: pytest.MonkeyPatch, written: str, meant: str
) -> None:
    monkeypatch.setenv(written, "very-secret")
    text = complaint()
    assert f"{written} is not a setting" in text
    assert f"Did you mean {meant}?" in text
    assert "very-secret" not in text


def test_every_mistaken_variable_is_told_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RUSHES__DISCORD__TOKN", "x")
    monkeypatch.setenv("RUSHES__OXEN__KEYS", "x")
    assert len(complaint().splitlines()) == 2


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[lanes]\nmax_runing = 5\n", "no setting “lanes.max_runing”. Did you mean “lanes.max_running”"),
        ("[lane]\nmax_running = 5\n", "no setting “lane”. Did you mean “lanes”"),
        ("[lanes]\nmax_takes = 9\n", "“lanes.max_takes” cannot be used"),
        ('[lanes]\nmax_takes = "many"\n', "“lanes.max_takes” cannot be used"),
        ("[drafts]\nask_above_usd = -1\n", "“drafts.ask_above_usd” cannot be used"),
        ("[free]\nperson_files_per_day = 0\n", "“free.person_files_per_day” cannot be used"),
        ("[lanes]\nmax_running = 0\n", "“lanes.max_running” cannot be used"),
        ("[lanes]\nageing_minutes = -1\n", "“lanes.ageing_minutes” cannot be used"),
        ("[quotas]\ntakes_per_person_per_day = -1\n", "“quotas.takes_per_person_per_day” cannot be used"),
        ("[quotas]\nper_person = {takes_per_day = 3}\n", "“quotas.per_person.takes_per_day"),
        ("[quotas]\nper_guild = {minutes_per_day = 3}\n", "“quotas.per_guild.minutes_per_day"),
        ("[budgets]\nusd_per_guild_per_month = -1\n", "“budgets.usd_per_guild_per_month"),
        ("[budgets]\nusd_per_person_per_day = 0.0000001\n", "“budgets.usd_per_person_per_day"),
        ('[ceilings]\ntakes_per_guild_per_day = "all"\n', "“ceilings.takes_per_guild_per_day"),
        ("[access]\nguilds = [0]\n", "“access.guilds.0” cannot be used"),
        ("[oxen]\nwatch_interval_seconds = 0\n", "“oxen.watch_interval_seconds” cannot be used"),
        ('[oxen]\nbase = "ftp://hub.oxen.ai"\n', "“oxen.base” cannot be used"),
        ('[logging]\nlevel = "loud"\n', "“logging.level” cannot be used"),
        ("lanes = 5\n", "“lanes” cannot be used"),
        ("discord = 5\n", "“discord” cannot be used"),
        ("[lanes\nmax_running = 5\n", "ours.toml cannot be read"),
    ],
)
def test_a_mistake_in_a_profile_is_told_in_a_sentence(profile: Profile, text: str, told: str) -> None:
    profile(text)
    assert told in complaint()


def test_a_value_that_cannot_be_used_is_not_repeated(monkeypatch: pytest.MonkeyPatch) -> None:
    """Somebody may have pasted the key into the wrong variable."""
    monkeypatch.setenv("RUSHES__LANES__MAX_TAKES", "oxen-very-secret")
    assert "very-secret" not in complaint()


def test_an_unknown_profile_is_told_with_those_there_are(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RUSHES_PROFILE", "prodution")
    text = complaint()
    assert "prodution.toml" in text
    assert "production" in text.split("Profiles found:")[1]


# --- secrets ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "name", "variable"),
    [
        ('[discord]\ntoken = "very-secret"\n', "discord.token", "RUSHES__DISCORD__TOKEN"),
        ('[oxen]\nkey = "very-secret"\n', "oxen.key", "RUSHES__OXEN__KEY"),
        (
            '[storage]\ncontents_secret = "very-secret"\n',
            "storage.contents_secret",
            "RUSHES__STORAGE__CONTENTS_SECRET",
        ),
    ],
)
def test_a_secret_in_a_settings_file_stops_the_start(profile: Profile, text: str, name: str, variable: str) -> None:
    profile(text)
    told = complaint()
    assert name in told
    assert variable in told
    assert "very-secret" not in told


def test_secrets_come_from_the_environment_and_do_not_show(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RUSHES__DISCORD__TOKEN", " very-secret-token\n")
    monkeypatch.setenv("RUSHES__OXEN__KEY", "very-secret-key")
    settings = load_settings()
    assert settings.discord.read_token() == "very-secret-token"
    assert settings.oxen.read_key() == "very-secret-key"
    assert "very-secret" not in f"{settings!r} {settings} {settings.model_dump_json()}"


def test_a_secret_s_file_is_read_anew_each_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    token, key = tmp_path / "token", tmp_path / "key"
    token.write_text("the-token\n")
    key.write_text("old\n")
    monkeypatch.setenv("RUSHES__DISCORD__TOKEN_FILE", str(token))
    monkeypatch.setenv("RUSHES__OXEN__KEY_FILE", str(key))
    settings = load_settings()
    assert settings.discord.read_token() == "the-token"
    assert settings.oxen.read_key() == "old"
    key.write_text("new\n")
    assert settings.oxen.read_key() == "new"


def test_a_secret_s_file_that_is_not_there_is_told_by_its_setting(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RUSHES__OXEN__KEY_FILE", str(tmp_path / "gone"))
    with pytest.raises(SettingsError, match=r"oxen\.key_file cannot be read: No such file"):
        load_settings().oxen.read_key()


async def test_a_key_s_file_that_is_away_for_a_moment_is_an_outage_and_not_the_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file that is being replaced: what reads the vendor's list must go on with the next interval."""
    monkeypatch.setenv("RUSHES__OXEN__KEY_FILE", str(tmp_path / "gone"))
    provider = OxenProvider(
        base_url="https://hub.oxen.ai/api/ai",
        key=load_settings().oxen.read_key,
        model_id=MODEL_ID,
        models=MODELS_DIRECTORY,
        clock=lambda: 0,
        max_result_bytes=1,
        http=httpx.AsyncClient(transport=httpx.MockTransport(lambda _request: httpx.Response(500))),
    )
    async with provider:
        with pytest.raises(Unavailable, match="vendor-key"):
            await provider.active()


# --- the database ----------------------------------------------------------------------------------------------------


def test_without_an_address_the_database_is_a_file_in_the_storage(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RUSHES__STORAGE__DIRECTORY", "/srv/rushes")
    storage = load_settings().storage
    assert storage.read_database_url() == "sqlite:////srv/rushes/rushes.sqlite3"
    assert storage.read_database_password() == ""


@pytest.mark.parametrize(
    "url",
    [
        "postgresql+psycopg://rushes:very%40secret@db.example.test/rushes",
        "postgresql+psycopg://rushes@db.example.test/rushes?password=very%40secret",
    ],
)
def test_a_database_s_address_may_hold_a_password_that_never_shows(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "address").write_text(f"{url}\n")
    for name, value in (("DATABASE_URL", url), ("DATABASE_URL_FILE", str(tmp_path / "address"))):
        monkeypatch.delenv("RUSHES__STORAGE__DATABASE_URL", raising=False)
        monkeypatch.setenv(f"RUSHES__STORAGE__{name}", value)
        settings = load_settings()
        assert settings.storage.read_database_url() == url
        assert settings.storage.read_database_password() == "very@secret"
        shown = f"{settings!r} {settings} {settings.model_dump_json()}"
        assert "@secret" not in shown
        assert "%40secret" not in shown


def test_a_password_of_the_database_in_a_settings_file_stops_the_start(profile: Profile) -> None:
    profile('[storage]\ndatabase_url = "postgresql+psycopg://rushes:very-secret@db/rushes"')
    said = complaint()
    assert "ours.toml holds a password in storage.database_url" in said
    assert "RUSHES__STORAGE__DATABASE_URL" in said
    assert "very-secret" not in said


def test_an_address_without_a_password_may_stand_in_a_settings_file(profile: Profile) -> None:
    profile('[storage]\ndatabase_url = "postgresql+psycopg://rushes@db/rushes"')
    assert load_settings().storage.read_database_url() == "postgresql+psycopg://rushes@db/rushes"


# --- origins ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://cdn.discordapp.com", "https://cdn.discordapp.com"),
        ("https://cdn.discordapp.com:443/attachments/1?ex=2", "https://cdn.discordapp.com"),
        ("http://127.0.0.1:8080/api", "http://127.0.0.1:8080"),
        ("http://127.0.0.1:443/", "http://127.0.0.1:443"),
    ],
)
def test_an_origin_is_scheme_host_and_port(url: str, expected: str) -> None:
    assert origin(url) == expected


def test_files_may_come_from_discord_and_from_where_its_stand_in_is(monkeypatch: pytest.MonkeyPatch) -> None:
    real = {
        "https://cdn.discordapp.com",
        "https://media.discordapp.net",
        "https://images-ext-1.discordapp.net",
        "https://images-ext-2.discordapp.net",
    }
    assert load_settings().discord.fetch_origins() == real
    monkeypatch.setenv("RUSHES__DISCORD__API_BASE", "http://127.0.0.1:8080/api/v10")
    assert load_settings().discord.fetch_origins() == real | {"http://127.0.0.1:8080"}
