"""A database of the release before: what it holds is read, what that release writes is taken."""

import sqlite3
from collections.abc import Mapping
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Final

import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy import create_engine

import bot.queue.migrations
from bot.admission.rules import quota_refusal
from bot.domain.admission import GuildPolicy
from bot.domain.conform import FROM_START, Made, Target, Verdict
from bot.domain.drafts import TrayLimits
from bot.domain.media import Kind, MediaFacts
from bot.domain.prompts import Finding, Mention, Names, Prompt, Severity, Text
from bot.domain.reasons import reason
from bot.domain.references import Offer, OfferSource, Origin, Reference
from bot.domain.requests import ChannelKind, Parameters, Person, Place, Request
from bot.domain.states import RequestState, TakeState
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
_FACTS: Final = (
    '{"kind":"image","format":"png","byte_count":12,"width":640,"height":640,"seconds":null,"frame_count":null,'
    '"video_codec":null,"audio_codec":null}'
)
_COLLECTED: Final[Mapping[str, object]] = {
    **_REFERENCE,
    "facts": _FACTS,
    "also": '["felix.png"]',
    "source": "target",
    "stands_for": '["person:9"]',
    "shows_person": 1,
}
"""As the release of revision 0003 writes them, who collected it or put it aside left out."""
_ORIGIN: Final[Mapping[str, object]] = {
    "number": 1,
    "ordinal": 1,
    "source": "target",
    "owner_id": 9,
    "message_id": 44,
    "forwarded_id": None,
}
_TAKE: Final[Mapping[str, object]] = {
    "id": f"{_QUEUED}-1",
    "request_id": _QUEUED,
    "ordinal": 1,
    "version": 5,
    "state": "fetching",
    "publications": "[]",
    "attempts": 1,
    "looks": 0,
    "not_before_ms": 0,
    "generation_id": "g1",
    "clip": "e" * 64,
    "clip_facts": _FACTS,
    "withdrawn": 0,
}
_AS_COLLECTED: Final = Reference(
    id="r1",
    number=1,
    kind=Kind.IMAGE,
    kind_number=1,
    name="cat.png",
    content="c" * 64,
    facts=MediaFacts(kind=Kind.IMAGE, format="png", byte_count=12, width=640, height=640),
    alias="hero",
    also=("felix.png",),
    source=OfferSource.TARGET,
    origins=(Origin(source=OfferSource.TARGET, owner_id=9, message_id=44),),
    stands_for=("person:9",),
    shows_person=True,
)
_MADE: Final = Made(
    content="m" * 64, facts=_AS_COLLECTED.facts, target=Target(format="png", kind=Kind.IMAGE, width=640, height=640)
)


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


def _write_as_0003(path: Path) -> None:
    """A draft and a request at work with one file each, the same file in a tray, and what was fetched today."""
    for request_id, more in ((_DRAFT, {}), (_QUEUED, {**_ACCEPTED, "state": "preparing"})):
        values = {**_REQUEST, "names": '{"people":{},"channels":{},"roles":{}}', "fates": "[]", **more}
        _insert(path, "requests", {**values, "id": request_id, "interaction_id": int(request_id)})
        _insert(path, "request_references", {**_COLLECTED, "request_id": request_id})
        _insert(path, "request_origins", {**_ORIGIN, "request_id": request_id})
    _insert(path, "takes", _TAKE)
    tray = {"channel_id": 2, "person_id": 7}
    _insert(path, "tray_references", {**_COLLECTED, **tray, "guild_id": 100, "expires_at_ms": _NOW_MS + 1})
    _insert(path, "tray_origins", {**_ORIGIN, **tray})
    day = {"day_start_ms": _NOW_MS - _NOW_MS % 86_400_000, "files": 3, "byte_count": 5}
    _insert(path, "collected", {"scope": "person", "owner_id": 7, **day})


@pytest.mark.parametrize("revision", ["0003", "head"])
async def test_a_file_of_the_release_before_is_one_that_is_sent_as_it_came(tmp_path: Path, revision: str) -> None:
    path = tmp_path / "rushes.db"
    _at_revision(path, revision)
    _write_as_0003(path)

    store = SqlRequestStore(f"sqlite:///{path}", quota_rule=quota_refusal)
    await store.open()
    draft, at_work = await store.load(_DRAFT), await store.load(_QUEUED)
    tray = await store.tray(2, 7, now_ms=_NOW_MS)
    in_use = await store.contents_in_use(since_ms=_NOW_MS)
    await store.close()

    assert draft is not None
    assert at_work is not None
    assert draft.request.references == at_work.request.references == tray.references == (_AS_COLLECTED,)
    (file,) = draft.request.references
    assert (file.record, file.part, file.target, file.made) == (None, FROM_START, None, None)
    assert (file.decided.verdict, file.as_sent) == (Verdict.ACCEPT, file)
    (take,) = at_work.takes
    assert (take.posted_clip, take.posted_facts, take.clip_findings) == ("e" * 64, _AS_COLLECTED.facts, None)
    assert in_use == {"c" * 64, "e" * 64}


@pytest.mark.parametrize("revision", ["0003", "head"])
async def test_what_the_release_before_began_goes_on(tmp_path: Path, revision: str) -> None:
    path = tmp_path / "rushes.db"
    _at_revision(path, revision)
    _write_as_0003(path)

    store = SqlRequestStore(f"sqlite:///{path}", quota_rule=quota_refusal)
    await store.open()
    at_work, draft = await store.load(_QUEUED), await store.load(_DRAFT)
    assert at_work is not None
    assert draft is not None
    made = await store.record_made(at_work.request, "r1", _MADE)
    assert made.references == (replace(_AS_COLLECTED, made=_MADE),)
    shrunk = await store.move_take(at_work.takes[0], TakeState.FETCHED, shrunk_clip="s" * 64)
    assert shrunk.posted_clip == "s" * 64
    looked_at = await store.move(draft.request, RequestState.DRAFT, references=(replace(_AS_COLLECTED, alias="cat"),))
    held = await store.change_tray(
        draft.request.place,
        7,
        lambda before: [*before, _AS_COLLECTED],
        limits=TrayLimits(tray_files=9, person_files=9, guild_files=9),
        expires_at_ms=_NOW_MS + 1,
        now_ms=_NOW_MS,
    )
    assert [each.number for each in held.references] == [1, 2]
    after = [await store.load(_QUEUED), await store.load(_DRAFT)]
    await store.close()

    assert [each.request for each in after if each is not None] == [made, looked_at]


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


def test_the_newest_revisions_can_be_taken_back_with_everything_in_them(tmp_path: Path) -> None:
    path = tmp_path / "rushes.db"
    _at_revision(path, "0002")
    before = _schema(path)
    _at_revision(path, "head")
    _write_request(path, _DRAFT)

    _back_to(path, "0002")

    assert _schema(path) == before
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("SELECT request_id, name FROM request_references").fetchall() == [(_DRAFT, "cat.png")]


async def test_what_was_made_and_decided_is_all_that_goes_with_the_newest_revision(tmp_path: Path) -> None:
    path = tmp_path / "rushes.db"
    _at_revision(path, "0003")
    before = _schema(path)
    _write_as_0003(path)
    rows = _rows(path)
    _at_revision(path, "head")
    store = SqlRequestStore(f"sqlite:///{path}", quota_rule=quota_refusal)
    await store.open()
    at_work = await store.load(_QUEUED)
    assert at_work is not None
    await store.record_made(at_work.request, "r1", _MADE)
    await store.move_take(at_work.takes[0], TakeState.FETCHING, shrunk_clip="s" * 64)
    await store.close()

    _back_to(path, "0003")

    assert _schema(path) == before
    assert _rows(path) == rows


def _back_to(path: Path, revision: str) -> None:
    engine = create_engine(f"sqlite:///{path}")
    with engine.begin() as connection:
        config = Config()
        config.set_main_option("script_location", str(Path(bot.queue.migrations.__file__).parent))
        config.set_main_option("path_separator", "os")
        config.attributes["connection"] = connection
        command.downgrade(config, revision)
    engine.dispose()


def _schema(path: Path) -> dict[str, list[tuple[object, ...]]]:
    with closing(sqlite3.connect(path)) as connection:
        names = [name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        return {name: connection.execute(f"PRAGMA table_info({name})").fetchall() for name in names}


def _rows(path: Path) -> dict[str, list[dict[str, object]]]:
    """What stands in our tables, but for the rows' versions."""
    ours = [name for name in _schema(path) if name != "alembic_version"]
    with closing(sqlite3.connect(path)) as connection:
        connection.row_factory = sqlite3.Row
        return {
            name: [
                {column: row[column] for column in row.keys() if column != "version"}  # noqa: SIM118  a Row yields values
                for row in connection.execute(f"SELECT * FROM {name}")  # noqa: S608  our own names
            ]
            for name in ours
        }
