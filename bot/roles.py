"""What one process is there for, and what it needs for that."""

import re
from enum import StrEnum

from bot.client import Shards
from bot.settings import Settings, SettingsError

_SHARDS = re.compile(r"(?P<ids>\d+(-\d+)?(,\d+(-\d+)?)*)/(?P<count>\d+)")
_MOST_SHARDS = 100_000


class Role(StrEnum):
    """`all`: everything, in one process. The others are split from it, and any number of each may run."""

    ALL = "all"
    GATEWAY = "gateway"  # Discord's connections: commands and buttons
    WORKER = "worker"  # renders and posts, by HTTP only

    @property
    def is_split(self) -> bool:
        """True when other processes do the rest."""
        return self is not Role.ALL


def shards_from(text: str) -> Shards:
    """`0-3/8`, `0,2,5/8`. `ValueError`, with a sentence, for anything else."""
    found = _SHARDS.fullmatch(text)
    if not found:
        raise ValueError(f"“{text}” names no shards; write them like 0-3/8: the first four of eight.")
    ids: list[int] = []
    for part in found["ids"].split(","):
        first, _, last = part.partition("-")
        if int(last or first) >= _MOST_SHARDS:
            raise ValueError(f"“{text}” names a shard that nobody has.")
        ids += range(int(first), int(last or first) + 1)
    return _checked(Shards(ids=tuple(ids), count=int(found["count"])))


def shards_of(settings: Settings) -> Shards | None:
    """What the settings say; `None` for one connection without shards. `SettingsError`."""
    count, ids = settings.discord.shard_count, settings.discord.shard_ids
    if count == 0:
        if ids:
            raise SettingsError("discord.shard_ids needs discord.shard_count: how many shards there are in all.")
        return None
    try:
        return _checked(Shards(ids=ids or tuple(range(count)), count=count))
    except ValueError as error:
        raise SettingsError(f"The setting discord.shard_ids cannot be used: {error}") from error


def with_shards(settings: Settings, text: str | None) -> Settings:
    """The settings with the shards that the command line names, if it does. `SettingsError`."""
    if text is None:
        return settings
    try:
        shards = shards_from(text)
    except ValueError as error:
        raise SettingsError(f"--shards cannot be used: {error}") from error
    changed = {"shard_ids": shards.ids, "shard_count": shards.count}
    return settings.model_copy(update={"discord": settings.discord.model_copy(update=changed)})


def require_possible(role: Role, settings: Settings) -> None:
    """`SettingsError`, with what to set, for a role that these settings cannot carry."""
    if not role.is_split:
        return
    if settings.storage.read_database_url().startswith("sqlite"):
        raise SettingsError(
            f"The role {role} needs PostgreSQL: SQLite is one file of one process, and gateway and workers share the "
            "database. Set RUSHES__STORAGE__DATABASE_URL to postgresql+psycopg://…, or start with --role all."
        )
    if settings.storage.contents_folder() is not None and not settings.storage.shared_directory:
        raise SettingsError(
            f"The role {role} needs files that every process can read: what a gateway collects, a worker sends. Set "
            "RUSHES__STORAGE__CONTENTS_URL to s3://bucket/prefix; or, if it names a folder that is the same one for "
            "all of them, also RUSHES__STORAGE__SHARED_DIRECTORY=true."
        )
    if settings.storage.shared_directory and not settings.storage.contents_url:
        raise SettingsError(
            "storage.shared_directory is about the folder that storage.contents_url names, and it names none: "
            "storage.directory is each process's own. Set RUSHES__STORAGE__CONTENTS_URL=file:///…"
        )


def _checked(shards: Shards) -> Shards:
    if not shards.ids or len(set(shards.ids)) < len(shards.ids) or max(shards.ids) >= shards.count:
        raise ValueError(f"shards are numbered from 0 to {shards.count - 1}, and each is named once.")
    return shards
