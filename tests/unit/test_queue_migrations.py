"""A database of the release before: what it holds is read, what that release writes is taken."""

import sqlite3
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import Final

from alembic import command
from alembic.config import Config
from sqlalchemy import create_engine

import bot.queue.migrations
from bot.admission.rules import quota_refusal
from bot.domain.admission import GuildPolicy
from bot.domain.media import Kind, MediaFacts
from bot.domain.prompts import Finding, Mention, Names, Prompt, Severity, Text
from bot.domain.reasons import reason
from bot.domain.references import Offer, OfferSource, Reference
from bot.domain.requests import ChannelKind, Parameters, Person, Place, Request
from bot.domain.states import RequestState
from bot.queue.migrations import upgrade
from bot.queue.store import SqlRequestStore

_NOW_MS: Final = 1_750_032_000_000
_DRAFT: Final = "0000000000001"
_QUEUED: Final = "0000000000002"
_LATER: Final = "0000000000003"
_POLICY: Final = GuildPolicy(
    max_running_requests=9, max_waiting_requests_per_person=9, takes_per_person_per_day=9, takes_per_guild_per_day=9
)

_REQUEST: Final[Mapping[str, object]] = {
    "version": 2,
    "state": "draft",
    "guild_id": 100,
    "channel_id": 2,
    "channel_kind": "text",
    "upload_limit_bytes": 10_000_000,
    "person_id": 7,
    "person_name": "Ada",
    "written_prompt": "a cat with @1",
    "offers": '[{"name":"cat.png","url":"https://cdn.example.test/cat.png","byte_count":12,"content_type":"image/png",'
    '"alt":null,"source":"target"}]',
    "parameters": '{"duration_seconds":5,"resolution":"720p","aspect_ratio":"auto","audio":true,"seed":null}',
    "take_count": 1,
    "created_at_ms": _NOW_MS,
    "findings": '[{"reason":{"code":"mention-replaced","arguments":{"mention":"1"}},"severity":"warning","start":0,'
    '"end":3}]',
    "attempts": 0,
}
"""As the release of revision 0002 writes them: JSON without the fields that came since."""
_ACCEPTED: Final[Mapping[str, object]] = {
    "state": "queued",
    "prompt": '{"segments":[{"text":"a cat with "},{"reference_id":"r1"}]}',
    "model_id": "model",
    "accepted_seq": 1,
    "accepted_at_ms": _NOW_MS,
}
_REFERENCE: Final[Mapping[str, object]] = {
    "number": 1,
    "id": "r1",
    "kind": "image",
    "kind_number": 1,
    "name": "cat.png",
    "content": "c" * 64,
    "facts": '{"kind":"image","format":"png","byte_count":12,"width":640,"height":640}',
    "alias": "hero",
}


def _at_revision(path: Path, revision: str) -> None:
    engine = create_engine(f"sqlite:///{path}")
    with engine.begin() as connection:
        upgrade(connection, revision)
    engine.dispose()


def _insert(path: Path, table: str, row: Mapping[str, object]) -> None:
    columns, marks = ", ".join(row), ", ".join("?" * len(row))
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute(f"INSERT INTO {table} ({columns}) VALUES ({marks})", tuple(row.values()))  # noqa: S608  our own names


def _write_request(path: Path, request_id: str, more: Mapping[str, object] | None = None) -> None:
    _insert(path, "requests", {**_REQUEST, "id": request_id, "interaction_id": int(request_id), **(more or {})})
    _insert(path, "request_references", {**_REFERENCE, "request_id": request_id})


def _expected(request_id: str) -> Request:
    return Request(
        id=request_id,
        version=2,
        state=RequestState.DRAFT,
        interaction_id=int(request_id),
        place=Place(guild_id=100, channel_id=2, channel_kind=ChannelKind.TEXT, upload_limit_bytes=10_000_000),
        person=Person(id=7, name="Ada"),
        written_prompt="a cat with @1",
        offers=(
            Offer(
                name="cat.png",
                url="https://cdn.example.test/cat.png",
                byte_count=12,
                content_type="image/png",
                source=OfferSource.TARGET,
            ),
        ),
        parameters=Parameters(duration_seconds=5),
        take_count=1,
        created_at_ms=_NOW_MS,
        findings=(Finding(reason=reason("mention-replaced", mention="1"), severity=Severity.WARNING, end=3),),
        references=(
            Reference(
                id="r1",
                number=1,
                kind=Kind.IMAGE,
                kind_number=1,
                name="cat.png",
                content="c" * 64,
                facts=MediaFacts(kind=Kind.IMAGE, format="png", byte_count=12, width=640, height=640),
                alias="hero",
            ),
        ),
        names=Names(),
    )


async def test_what_the_release_before_wrote_is_read_and_goes_on(tmp_path: Path) -> None:
    path = tmp_path / "rushes.db"
    _at_revision(path, "0002")
    _write_request(path, _DRAFT)
    _write_request(path, _QUEUED, _ACCEPTED)
    _insert(
        path,
        "takes",
        {
            "id": f"{_QUEUED}-1",
            "request_id": _QUEUED,
            "ordinal": 1,
            "version": 1,
            "state": "planned",
            "publications": "[]",
            "attempts": 0,
            "looks": 0,
            "not_before_ms": 0,
            "withdrawn": 0,
        },
    )

    store = SqlRequestStore(f"sqlite:///{path}", quota_rule=quota_refusal)
    await store.open()
    draft, queued = await store.load(_DRAFT), await store.load(_QUEUED)
    assert draft is not None
    assert queued is not None
    assert draft.request == _expected(_DRAFT)
    assert queued.request.prompt == Prompt((Text("a cat with "), Mention("r1")))
    assert [take.id for take in queued.takes] == [f"{_QUEUED}-1"]
    assert await store.drafts_of(100, 7) == ()
    assert await store.open_requests() == (_DRAFT, _QUEUED)

    waiting = await store.move(draft.request, RequestState.DRAFT, expires_at_ms=_NOW_MS + 1)
    assert await store.drafts_of(100, 7) == (_DRAFT,)
    accepted = await store.accept(
        waiting, prompt=Prompt(()), findings=(), model_id="model", policy=_POLICY, now_ms=_NOW_MS
    )
    assert accepted.place_in_line == 2
    assert await store.claim_next(lambda _guild: _POLICY, max_running=9, now_ms=_NOW_MS) == _QUEUED
    await store.close()


async def test_what_the_release_before_writes_is_taken_by_the_new_tables(tmp_path: Path) -> None:
    path = tmp_path / "rushes.db"
    _at_revision(path, "head")
    _write_request(path, _LATER)

    store = SqlRequestStore(f"sqlite:///{path}", quota_rule=quota_refusal)
    await store.open()
    snapshot = await store.load(_LATER)
    await store.close()

    assert snapshot is not None
    assert snapshot.request == _expected(_LATER)


def test_the_newest_revision_can_be_taken_back_with_everything_in_it(tmp_path: Path) -> None:
    path = tmp_path / "rushes.db"
    _at_revision(path, "0002")
    before = _schema(path)
    _at_revision(path, "head")
    _write_request(path, _DRAFT)

    engine = create_engine(f"sqlite:///{path}")
    with engine.begin() as connection:
        config = Config()
        config.set_main_option("script_location", str(Path(bot.queue.migrations.__file__).parent))
        config.set_main_option("path_separator", "os")
        config.attributes["connection"] = connection
        command.downgrade(config, "0002")
    engine.dispose()

    assert _schema(path) == before
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("SELECT request_id, name FROM request_references").fetchall() == [(_DRAFT, "cat.png")]


def _schema(path: Path) -> dict[str, list[tuple[object, ...]]]:
    with closing(sqlite3.connect(path)) as connection:
        names = [name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        return {name: connection.execute(f"PRAGMA table_info({name})").fetchall() for name in names}
