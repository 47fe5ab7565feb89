"""Settings: read once, checked whole, then handed down.

Order, the last wins: `config/default.toml` < `config/<profile>.toml` < `RUSHES__SECTION__NAME` in the environment.
Unknown keys and misspelt variables stop the start with the nearest name. Secrets come from the environment or files.
"""

import difflib
import os
import tomllib
from collections.abc import Iterator, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Literal, cast
from urllib.parse import parse_qs, unquote, urlsplit

import pydantic
from pydantic import AnyUrl, BaseModel, ConfigDict, Field, SecretStr, UrlConstraints
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict, TomlConfigSettingsSource

from bot.domain.models import Pricing

_PREFIX = "RUSHES__"
_OTHER_VARIABLES = frozenset({"RUSHES_PROFILE", "RUSHES_CONFIG_DIR"})

Positive = Annotated[float, Field(gt=0)]
Count = Annotated[int, Field(ge=1)]
Amount = Annotated[int, Field(ge=0)]
Usd = Annotated[Decimal, Field(ge=0, le=1_000_000, decimal_places=6)]
QuotaName = Annotated[str, Field(pattern=r"^((requests|seconds)_per_(day|week|month)|takes_per_(week|month))$")]
AsSet = Literal["default", "none"]
Resolution = Annotated[str, Field(pattern=r"^([0-9]+[pk]|otherwise)$")]
UsdPerSecond = Annotated[Decimal, Field(ge=0, le=1_000, decimal_places=6)]
HttpUrl = Annotated[AnyUrl, UrlConstraints(allowed_schemes=["http", "https"])]


class SettingsError(ValueError):
    """The settings cannot be used; the text says which, why, and what to write instead.

    A `ValueError`, because rooms that are handed a way to read a secret know no settings.
    """


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class DiscordSettings(_Section):
    """Discord's addresses, the token, and manners."""

    api_base: HttpUrl
    cdn_origins: tuple[HttpUrl, ...]
    asset_base: HttpUrl
    token: SecretStr = SecretStr("")
    token_file: str
    staging_channel_id: Annotated[int, Field(ge=0)]
    open_threads: bool
    ping_requester: bool
    sync_commands: bool
    shard_count: Annotated[int, Field(ge=0)]
    shard_ids: tuple[Annotated[int, Field(ge=0)], ...]

    def read_token(self) -> str:
        """The bot's token, or an empty text when there is none."""
        return _read_secret(self.token, self.token_file, "discord.token_file")

    def fetch_origins(self) -> frozenset[str]:
        """Where attachments may come from: the configured origins, and the API's own when it is not Discord's."""
        api = origin(str(self.api_base))
        own = () if api == "https://discord.com" else (api,)
        return frozenset([*(origin(str(url)) for url in self.cdn_origins), *own])


class OxenSettings(_Section):
    """The vendor's address, key and patience."""

    base: HttpUrl
    model: str
    namespace: str
    key: SecretStr = SecretStr("")
    key_file: str
    watch_interval_seconds: Positive
    deadline_minutes: Positive
    submit_seconds: Positive
    settle_looks: Count
    settle_interval_seconds: Positive
    max_result_mib: Count

    def read_key(self) -> str:
        """The vendor's key, read anew each time so that a rotated file counts at once; empty when there is none."""
        return _read_secret(self.key, self.key_file, "oxen.key_file")


class StorageSettings(_Section):
    """Where things are kept."""

    directory: Path
    database_url: SecretStr
    database_url_file: str
    contents_url: Annotated[str, Field(pattern=r"^(|file:///.+|s3://[^/]+(/.*)?)$")]
    contents_endpoint: Annotated[str, Field(pattern=r"^(|https?://.+)$")]
    contents_region: str
    contents_key_id: str
    contents_secret: SecretStr = SecretStr("")
    contents_secret_file: str
    shared_directory: bool
    keep_files_hours: Positive

    def read_database_url(self) -> str:
        """The database's address, which may hold a password: as set, else SQLite in the directory."""
        said = _read_secret(self.database_url, self.database_url_file, "storage.database_url_file")
        return said or f"sqlite:///{self.directory / 'rushes.sqlite3'}"

    def contents_folder(self) -> Path | None:
        """The folder with the bytes; `None` when they are in an object store."""
        if self.contents_url.startswith("s3://"):
            return None
        named = self.contents_url.removeprefix("file://")
        return Path(unquote(named)) if named else self.directory / "contents"

    def read_contents_secret(self) -> str:
        """The secret half of the object store's key; empty: the environment's or the machine's own (AWS_…)."""
        return _read_secret(self.contents_secret, self.contents_secret_file, "storage.contents_secret_file")

    def read_database_password(self) -> str:
        """The password in the database's address, or an empty text."""
        return next(_passwords(self.read_database_url()), "")


class ReferenceSettings(_Section):
    """What may be fetched."""

    max_file_mib: Count
    fetch_seconds: Positive
    avatars: bool
    emoji: bool
    embeds: bool


class DraftSettings(_Section):
    """When a draft asks for its person, and how long it waits."""

    skip_card: bool
    ask_above_usd: Annotated[float, Field(ge=0)]
    life_minutes: Positive
    max_waiting_per_guild: Count


class TraySettings(_Section):
    """How much trays hold, and how long."""

    life_hours: Positive
    max_files_per_person: Count
    max_files_per_guild: Count


class FreeSettings(_Section):
    """How much is looked into and drawn in a day (UTC) before anybody pays."""

    person_files_per_day: Count
    person_mib_per_day: Count
    guild_files_per_day: Count
    guild_mib_per_day: Count
    animatics_per_person_per_day: Annotated[int, Field(ge=0)]
    animatics_per_guild_per_day: Annotated[int, Field(ge=0)]


class PublishSettings(_Section):
    """How the vendor reaches references."""

    staging_file_mib: Count
    data_uri_kib: Count


class AccessSettings(_Section):
    """Which servers are served."""

    guilds: tuple[Count, ...]


class LaneSettings(_Section):
    """How much runs and waits, and in which order."""

    max_running: Count
    max_running_per_guild: Count
    max_running_per_person: Count | Literal["none"]
    max_waiting_per_person: Count
    max_takes: Annotated[int, Field(ge=1, le=4)]
    first_come: bool
    ageing_minutes: Amount


class QuotaSettings(_Section):
    """How much may be asked for where a server's admins set nothing of their own."""

    time_zone: str
    takes_per_person_per_day: Amount
    takes_per_guild_per_day: Amount
    per_person: dict[QuotaName, Amount]
    per_guild: dict[QuotaName, Amount]
    cooldown_seconds: Amount


class BudgetSettings(_Section):
    """How much may be spent where a server's admins set nothing of their own."""

    usd_per_guild_per_month: Usd | Literal["none"]
    usd_per_person_per_day: Usd | Literal["none"]
    unpriced: bool


class CeilingSettings(_Section):
    """How far a server's admins may go."""

    max_running_per_guild: Count | AsSet
    max_running_per_person: Count | AsSet
    max_waiting_per_person: Count | AsSet
    cooldown_seconds: Amount | AsSet
    takes_per_person_per_day: Amount | AsSet
    takes_per_guild_per_day: Amount | AsSet
    per_person: dict[QuotaName, Amount | AsSet]
    per_guild: dict[QuotaName, Amount | AsSet]
    usd_per_guild_per_month: Usd | AsSet
    usd_per_person_per_day: Usd | AsSet


class PriceSettings(_Section):
    """Prices that win over those of the live model record."""

    usd_per_second: dict[str, dict[Resolution, UsdPerSecond]]

    def pricing(self, model: str) -> Pricing:
        """What is set for that model; nothing is, as a rule."""
        micros = {name: int(usd.scaleb(6)) for name, usd in self.usd_per_second.get(model, {}).items()}
        otherwise = micros.pop("otherwise", None)
        return Pricing(by_resolution=micros, otherwise=otherwise)


class CardSettings(_Section):
    """How often cards are redrawn."""

    edit_interval_seconds: Positive


class MediaSettings(_Section):
    """How many files are opened at once, and how safely."""

    children: Count
    require_isolation: bool


class EngineSettings(_Section):
    """How failed steps are tried again."""

    retry_first_seconds: Positive
    retry_most_seconds: Positive
    max_attempts: Count
    drain_seconds: Positive
    poll_seconds: Positive
    stalled_seconds: Annotated[float, Field(ge=1)]
    steps_at_once: Count


class LoggingSettings(_Section):
    """What the log says, and how."""

    level: Literal["debug", "info", "warning", "error"]
    format: Literal["console", "json"]


class TestingSettings(_Section):
    """Hooks of the restart tests; empty in production."""

    __test__ = False
    kill_at: str


class Settings(BaseSettings):
    """Everything that can be set. Frozen; see `config/default.toml` for meanings and units."""

    model_config = SettingsConfigDict(
        env_prefix=_PREFIX, env_nested_delimiter="__", env_ignore_empty=True, frozen=True, extra="forbid"
    )

    discord: DiscordSettings
    oxen: OxenSettings
    storage: StorageSettings
    references: ReferenceSettings
    drafts: DraftSettings
    tray: TraySettings
    free: FreeSettings
    publish: PublishSettings
    access: AccessSettings
    lanes: LaneSettings
    quotas: QuotaSettings
    budgets: BudgetSettings
    ceilings: CeilingSettings
    prices: PriceSettings
    cards: CardSettings
    media: MediaSettings
    engine: EngineSettings
    logging: LoggingSettings
    testing: TestingSettings

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """The order of the module's docstring; .env files are the shell's or compose's business."""
        del dotenv_settings, file_secret_settings
        files = [TomlConfigSettingsSource(settings_cls, path) for path in reversed(_config_files())]
        return (init_settings, env_settings, *files)


def load_settings() -> Settings:
    """The settings of this process, or `SettingsError` with a sentence for each mistake."""
    problems = [*_misspelt_variables(os.environ), *_secrets_in_files()]
    if problems:
        raise SettingsError("\n".join(problems))
    try:
        return Settings()  # pyright: ignore[reportCallIssue]  the sources fill the fields
    except pydantic.ValidationError as error:
        raise SettingsError("\n".join(_describe(error))) from None


def config_directory() -> Path:
    """The folder with default.toml: RUSHES_CONFIG_DIR, else the checkout's, else the installed wheel's copy."""
    if named := os.environ.get("RUSHES_CONFIG_DIR"):
        return Path(named)
    checkout = Path(__file__).parents[1] / "config"
    return checkout if checkout.is_dir() else Path(__file__).parent / "_config"


def origin(url: str) -> str:
    """Scheme, host and port of an address, without a trailing slash: `https://cdn.discordapp.com`."""
    parsed = AnyUrl(url)
    usual = {"http": 80, "https": 443}.get(parsed.scheme)
    port = "" if parsed.port in {None, usual} else f":{parsed.port}"
    return f"{parsed.scheme}://{parsed.host}{port}"


def _config_files() -> list[Path]:
    folder = config_directory()
    files = [folder / "default.toml"]
    if profile := os.environ.get("RUSHES_PROFILE"):
        files.append(folder / f"{profile}.toml")
    for path in files:
        if not path.is_file():
            known = ", ".join(sorted(found.stem for found in folder.glob("*.toml"))) or "none"
            raise SettingsError(f"There is no settings file {path}. Profiles found: {known}.")
    return files


def _names() -> Iterator[str]:
    for section, field in Settings.model_fields.items():
        model = field.annotation
        if isinstance(model, type) and issubclass(model, BaseModel):
            yield from (f"{_PREFIX}{section}__{name}".upper() for name in model.model_fields)


def _misspelt_variables(environment: Mapping[str, str]) -> Iterator[str]:
    names = [*_names(), *_OTHER_VARIABLES]
    for variable in environment:
        if variable.upper().startswith("RUSHES_") and variable.upper() not in names:
            near = difflib.get_close_matches(variable.upper(), names, n=1, cutoff=0.0)
            yield f"The variable {variable} is not a setting of Rushes. Did you mean {near[0]}?"


def _secrets_in_files() -> Iterator[str]:
    for path in _config_files():
        data = _toml(path)
        for section, name in (("discord", "token"), ("oxen", "key"), ("storage", "contents_secret")):
            if isinstance(values := data.get(section), dict) and name in values:
                yield (
                    f"{path.name} holds {section}.{name}. Secrets do not belong there: take it out and set "
                    f"{_PREFIX}{section.upper()}__{name.upper()} or {section}.{name}_file instead."
                )
        storage = cast("dict[str, object]", data.get("storage") if isinstance(data.get("storage"), dict) else {})
        if any(_passwords(str(storage.get("database_url", "")))):
            yield (
                f"{path.name} holds a password in storage.database_url. Secrets do not belong there: take it out and "
                f"set {_PREFIX}STORAGE__DATABASE_URL or storage.database_url_file instead."
            )


def _passwords(url: str) -> Iterator[str]:
    """The passwords in a database's address: before the host, and among the parameters."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return
    if parts.password:
        yield unquote(parts.password)
    yield from parse_qs(parts.query).get("password", [])


def _toml(path: Path) -> dict[str, object]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise SettingsError(f"The settings file {path} cannot be read: {error}.") from error


def _describe(error: pydantic.ValidationError) -> Iterator[str]:
    names = [name.removeprefix(_PREFIX).replace("__", ".").lower() for name in _names()]
    for item in error.errors(include_input=False):
        place = ".".join(str(part) for part in item["loc"])
        if item["type"] == "extra_forbidden":
            near = difflib.get_close_matches(place, [*names, *Settings.model_fields], n=1, cutoff=0.0)
            yield f"There is no setting “{place}”. Did you mean “{near[0]}”?"
        else:
            yield f"The setting “{place}” cannot be used: {item['msg']}."


def _read_secret(value: SecretStr, file: str, setting: str) -> str:
    if not file:
        return value.get_secret_value().strip()
    try:
        return Path(file).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is not text"
        raise SettingsError(f"The file named by {setting} cannot be read: {why}.") from error
