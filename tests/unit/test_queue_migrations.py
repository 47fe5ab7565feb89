"""A database of the release before: what it holds is read, what that release writes is taken."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Final

import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy import inspect, text

import bot.queue.migrations
from bot.domain.conform import FROM_START, Made, Target, Verdict
from bot.domain.drafts import TrayLimits
from bot.domain.lanes import Standing
from bot.domain.media import Kind, MediaFacts
from bot.domain.money import Asked
from bot.domain.prompts import Finding, Mention, Names, Prompt, Severity, Text
from bot.domain.reasons import reason
from bot.domain.references import Offer, OfferSource, Origin, Reference
from bot.domain.requests import ChannelKind, Parameters, Person, Place, Request
from bot.domain.states import RequestState, TakeState
from bot.queue import lane_check, ledger_check
from bot.queue.migrations import upgrade
from tests.postgres import Postgres, ask, connected
from tests.stores import sql_store

_NOW_MS: Final = 1_750_032_000_000
_DRAFT: Final = "0000000000001"
_QUEUED: Final = "0000000000002"
_LATER: Final = "0000000000003"
_ASKED: Final = Asked(takes=1, seconds=5, cost_usd_micros=600_000)

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
    "shows_person": True,
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
    "withdrawn": False,
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


@pytest.fixture(params=["postgresql", "sqlite"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A new database without tables."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'rushes.db'}"
    postgres: Postgres = request.getfixturevalue("postgres")
    return postgres.bare()


def _at_revision(url: str, revision: str) -> None:
    with connected(url) as connection:
        upgrade(connection, revision)


def _insert(url: str, table: str, row: Mapping[str, object]) -> None:
    marks = ", ".join(f":{name}" for name in row)
    ask(url, f"INSERT INTO {table} ({', '.join(row)}) VALUES ({marks})", **row)  # noqa: S608  our own names


def _write_request(url: str, request_id: str, more: Mapping[str, object] | None = None) -> None:
    _insert(url, "requests", {**_REQUEST, "id": request_id, "interaction_id": int(request_id), **(more or {})})
    _insert(url, "request_references", {**_REFERENCE, "request_id": request_id})


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


async def test_what_the_release_before_wrote_is_read_and_goes_on(url: str) -> None:
    _at_revision(url, "0002")
    _write_request(url, _DRAFT)
    _write_request(url, _QUEUED, _ACCEPTED)
    _insert(
        url,
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
            "withdrawn": False,
        },
    )

    store = sql_store(url)
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
        waiting, prompt=Prompt(()), findings=(), model_id="model", asked=_ASKED, now_ms=_NOW_MS
    )
    assert (queued.standing, accepted.standing) == (Standing(place=1), Standing(place=2, own_before=1))
    assert await store.claim_next(max_running=9, now_ms=_NOW_MS) == _QUEUED
    await store.close()


def _write_as_0003(url: str) -> None:
    """A draft and a request at work with one file each, the same file in a tray, and what was fetched today."""
    for request_id, more in ((_DRAFT, {}), (_QUEUED, {**_ACCEPTED, "state": "preparing"})):
        values = {**_REQUEST, "names": '{"people":{},"channels":{},"roles":{}}', "fates": "[]", **more}
        _insert(url, "requests", {**values, "id": request_id, "interaction_id": int(request_id)})
        _insert(url, "request_references", {**_COLLECTED, "request_id": request_id})
        _insert(url, "request_origins", {**_ORIGIN, "request_id": request_id})
    _insert(url, "takes", _TAKE)
    tray = {"channel_id": 2, "person_id": 7}
    _insert(url, "tray_references", {**_COLLECTED, **tray, "guild_id": 100, "expires_at_ms": _NOW_MS + 1})
    _insert(url, "tray_origins", {**_ORIGIN, **tray})
    day = {"day_start_ms": _NOW_MS - _NOW_MS % 86_400_000, "files": 3, "byte_count": 5}
    _insert(url, "collected", {"scope": "person", "owner_id": 7, **day})


@pytest.mark.parametrize("revision", ["0003", "head"])
async def test_a_file_of_the_release_before_is_one_that_is_sent_as_it_came(url: str, revision: str) -> None:
    _at_revision(url, revision)
    _write_as_0003(url)

    store = sql_store(url)
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
async def test_what_the_release_before_began_goes_on(url: str, revision: str) -> None:
    _at_revision(url, revision)
    _write_as_0003(url)

    store = sql_store(url)
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


async def test_what_the_release_before_writes_is_taken_by_the_new_tables(url: str) -> None:
    _at_revision(url, "head")
    _write_request(url, _LATER)

    store = sql_store(url)
    await store.open()
    snapshot = await store.load(_LATER)
    await store.close()

    assert snapshot is not None
    assert snapshot.request == _expected(_LATER)


def test_the_newest_revisions_can_be_taken_back_with_everything_in_them(url: str) -> None:
    _at_revision(url, "0002")
    before = _schema(url)
    _at_revision(url, "head")
    _write_request(url, _DRAFT)

    _back_to(url, "0002")

    assert _schema(url) == before
    assert ask(url, "SELECT request_id, name FROM request_references") == [(_DRAFT, "cat.png")]


async def test_what_was_made_and_decided_is_all_that_goes_with_the_newest_revision(url: str) -> None:
    _at_revision(url, "0003")
    before = _schema(url)
    _write_as_0003(url)
    rows = _rows(url)
    _at_revision(url, "head")
    store = sql_store(url)
    await store.open()
    at_work = await store.load(_QUEUED)
    assert at_work is not None
    await store.record_made(at_work.request, "r1", _MADE)
    await store.move_take(at_work.takes[0], TakeState.FETCHING, shrunk_clip="s" * 64)
    await store.close()

    _back_to(url, "0003")

    assert _schema(url) == before
    assert _rows(url) == rows


def _back_to(url: str, revision: str) -> None:
    with connected(url) as connection:
        config = Config()
        config.set_main_option("script_location", str(Path(bot.queue.migrations.__file__).parent))
        config.set_main_option("path_separator", "os")
        config.attributes["connection"] = connection
        command.downgrade(config, revision)


def _schema(url: str) -> dict[str, object]:
    with connected(url) as connection:
        found = inspect(connection)
        return {
            table: (
                [(column["name"], str(column["type"]), column["nullable"]) for column in found.get_columns(table)],
                sorted(str(index["name"]) for index in found.get_indexes(table)),
            )
            for table in found.get_table_names()
        }


def _rows(url: str) -> dict[str, list[dict[str, object]]]:
    """What stands in our tables, but for the rows' versions."""
    with connected(url) as connection:
        return {
            name: [
                {column: value for column, value in row.items() if column != "version"}
                for row in connection.execute(text(f"SELECT * FROM {name}")).mappings()  # noqa: S608  our own names
            ]
            for name in sorted(inspect(connection).get_table_names())
            if name != "alembic_version"
        }


def _write_as_0004(url: str) -> None:
    """Two that wait, one being prepared, one at work, one in review, and one that was delivered; all of one person."""
    for seq, state in enumerate(["queued", "queued", "preparing", "working", "working", "delivered"], start=1):
        request_id = f"{seq:013d}"
        more = {**_ACCEPTED, "state": state, "accepted_seq": seq}
        _write_request(url, request_id, more)
        take_state = {4: "rendering", 5: "needs_review", 6: "fetched"}.get(seq, "planned")
        sent = {"submitting_at_ms": _NOW_MS, "generation_id": f"g{seq}"} if seq >= 4 else {"generation_id": None}
        take = {
            "id": f"{request_id}-1",
            "request_id": request_id,
            "state": take_state,
            "clip": None,
            "clip_facts": None,
        }
        _insert(url, "takes", {**_TAKE, **take, **sent})


async def test_what_the_release_before_accepted_takes_its_places_and_ends_as_it_would_have(url: str) -> None:
    _at_revision(url, "0004")
    _write_as_0004(url)

    store = sql_store(url)
    await store.open()
    with connected(url) as connection:
        assert lane_check.check(connection) == ()
        assert ledger_check.check(connection) == ()
    snapshots = [await store.load(f"{seq:013d}") for seq in range(1, 7)]
    assert [each.standing for each in snapshots if each is not None] == [
        Standing(place=1),
        Standing(place=2, own_before=1),
        *[None] * 4,
    ]
    assert await store.claim_next(max_running=2, now_ms=_NOW_MS) is None, "two run, and one waits for a review"
    assert await store.claim_next(max_running=3, now_ms=_NOW_MS) == f"{1:013d}"
    for each in snapshots[1:5]:
        assert each is not None
        ended = await store.move(each.request, RequestState.FAILED, finished_at_ms=_NOW_MS)
        assert ended.state is RequestState.FAILED
    at_work = snapshots[3]
    assert at_work is not None
    await store.move_take(at_work.takes[0], TakeState.FAILED, cost_usd_micros=5)
    await store.close()

    with connected(url) as connection:
        assert lane_check.check(connection) == ()
        assert ledger_check.check(connection) == ()


async def test_what_an_older_release_accepts_beside_us_takes_its_place_soon(url: str) -> None:
    _at_revision(url, "head")
    store = sql_store(url)
    await store.open()
    _write_as_0004(url)
    assert await store.claim_next(max_running=9, now_ms=_NOW_MS) is None

    await store.age_lanes(now_ms=_NOW_MS)

    assert await store.waiting_in_guild(100) == (f"{1:013d}", f"{2:013d}")
    await store.close()
