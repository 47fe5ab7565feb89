"""What a role needs, which shards a gateway has, and what an operator reads when that is not there."""

import os
from pathlib import Path

import pytest

from bot.client import Shards
from bot.roles import Role, require_possible, shards_from, shards_of, with_shards
from bot.settings import Settings, SettingsError, load_settings

_POSTGRESQL = "postgresql+psycopg://rushes@db/rushes"
_S3 = "s3://bucket/prefix"


@pytest.fixture(autouse=True)
def _clean(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing of the surroundings."""
    for name in [name for name in os.environ if name.upper().startswith("RUSHES_")]:
        monkeypatch.delenv(name)


def settings(monkeypatch: pytest.MonkeyPatch, **values: str) -> Settings:
    for name, value in values.items():
        monkeypatch.setenv(f"RUSHES__{name}", value)
    return load_settings()


@pytest.mark.parametrize(
    ("text", "shards"),
    [
        ("0-3/8", Shards(ids=(0, 1, 2, 3), count=8)),
        ("0,2,5-6/8", Shards(ids=(0, 2, 5, 6), count=8)),
        ("7/8", Shards(ids=(7,), count=8)),
    ],
)
def test_shards_are_named_by_numbers_and_ranges(text: str, shards: Shards) -> None:
    assert shards_from(text) == shards


@pytest.mark.parametrize("text", ["", "0-3", "8/8", "3-1/8", "0,0/8", "0-999999999999/8", "a/8", "0/0"])
def test_shards_that_cannot_be_are_told(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(SettingsError, match="--shards cannot be used"):
        with_shards(settings(monkeypatch), text)


def test_shards_come_from_the_settings_or_the_command_line(monkeypatch: pytest.MonkeyPatch) -> None:
    assert shards_of(settings(monkeypatch)) is None
    some = settings(monkeypatch, DISCORD__SHARD_COUNT="4", DISCORD__SHARD_IDS="[1, 3]")
    assert shards_of(some) == Shards(ids=(1, 3), count=4)
    assert shards_of(with_shards(some, "0/2")) == Shards(ids=(0,), count=2)
    assert shards_of(with_shards(some, None)) == Shards(ids=(1, 3), count=4)
    every = settings(monkeypatch, DISCORD__SHARD_COUNT="4", DISCORD__SHARD_IDS="[]")
    assert shards_of(every) == Shards(ids=(0, 1, 2, 3), count=4)


def test_shards_without_their_count_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(SettingsError, match=r"discord\.shard_ids needs discord\.shard_count"):
        shards_of(settings(monkeypatch, DISCORD__SHARD_IDS="[1]"))
    with pytest.raises(SettingsError, match=r"numbered from 0 to 1"):
        shards_of(settings(monkeypatch, DISCORD__SHARD_IDS="[2]", DISCORD__SHARD_COUNT="2"))


@pytest.mark.parametrize("role", [Role.GATEWAY, Role.WORKER])
def test_split_roles_need_a_database_and_files_that_can_be_shared(role: Role, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(SettingsError, match=f"The role {role} needs PostgreSQL"):
        require_possible(role, settings(monkeypatch, STORAGE__CONTENTS_URL=_S3))
    with pytest.raises(SettingsError, match="RUSHES__STORAGE__CONTENTS_URL"):
        require_possible(role, settings(monkeypatch, STORAGE__DATABASE_URL=_POSTGRESQL, STORAGE__CONTENTS_URL=""))
    with pytest.raises(SettingsError, match="SHARED_DIRECTORY"):
        require_possible(role, settings(monkeypatch, STORAGE__CONTENTS_URL="file:///mnt/rushes"))
    require_possible(role, settings(monkeypatch, STORAGE__SHARED_DIRECTORY="true"))
    require_possible(role, settings(monkeypatch, STORAGE__SHARED_DIRECTORY="false", STORAGE__CONTENTS_URL=_S3))


def test_a_folder_of_its_own_cannot_be_called_shared(monkeypatch: pytest.MonkeyPatch) -> None:
    own = settings(monkeypatch, STORAGE__DATABASE_URL=_POSTGRESQL, STORAGE__SHARED_DIRECTORY="true")
    with pytest.raises(SettingsError, match="names none"):
        require_possible(Role.WORKER, own)


def test_all_roles_in_one_process_need_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    require_possible(Role.ALL, settings(monkeypatch))


@pytest.mark.parametrize(
    ("url", "folder"),
    [
        ("", Path("data/contents")),
        ("file:///mnt/our%20files", Path("/mnt/our files")),
        ("s3://bucket", None),
        ("s3://bucket/prefix", None),
    ],
)
def test_the_bytes_are_in_a_folder_or_in_a_bucket(
    url: str, folder: Path | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert settings(monkeypatch, STORAGE__CONTENTS_URL=url).storage.contents_folder() == folder


@pytest.mark.parametrize("url", ["ftp://x/y", "s3://", "/mnt/files", "file://"])
def test_another_place_for_the_bytes_is_told(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(SettingsError, match=r"storage\.contents_url"):
        settings(monkeypatch, STORAGE__CONTENTS_URL=url)
