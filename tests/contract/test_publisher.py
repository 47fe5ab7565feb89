"""One suite for the staging channel's publisher: over the poster in memory, and over the real one."""

from collections.abc import AsyncGenerator, Generator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

import discord
import pytest

from bot.delivery import RestPoster
from bot.domain.errors import Refused, Unavailable
from bot.domain.ports import FaultPoint, Poster, no_fault
from bot.domain.references import Reference
from bot.domain.requests import Publication
from bot.publish import StagingChannelPublisher
from sandbox.discord.person import Sandbox
from tests.fakes_delivery import (
    REQUEST_ID,
    Loopback,
    MemoryContents,
    MemoryDiscord,
    MemoryPoster,
    logged_in,
    loopback_discord,
    make_reference,
)

TAKE, OTHER_TAKE = f"{REQUEST_ID}-1", f"{REQUEST_ID}-2"


class ProcessDied(BaseException):
    """Stands for SIGKILL: nothing in the product catches it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Staged:
    """A message in the staging channel."""

    id: int
    files: dict[str, bytes]


class World(Protocol):
    """A staging channel that can be looked at and troubled."""

    channel_id: int

    def poster(self) -> Poster: ...
    async def staged(self) -> list[Staged]: ...
    async def bytes_at(self, url: str) -> bytes: ...
    async def lose_next_answer(self) -> None: ...
    async def forget_nonces(self) -> None: ...
    async def delete(self, message_id: int) -> None: ...
    async def forbid(self) -> None: ...
    async def go_down(self) -> None: ...


class MemoryWorld:
    """The fake."""

    def __init__(self) -> None:
        self.channel_id = 3
        self.discord = MemoryDiscord()

    def poster(self) -> Poster:
        return MemoryPoster(self.discord)

    async def staged(self) -> list[Staged]:
        return [Staged(id=one.id, files=one.files) for one in self.discord.in_channel(self.channel_id)]

    async def bytes_at(self, url: str) -> bytes:
        message_id, name = url.partition("?")[0].split("/")[-2:]
        return self.discord.messages[int(message_id)].files[name]

    async def lose_next_answer(self) -> None:
        self.discord.lost_answers = 1

    async def forget_nonces(self) -> None:
        self.discord.forget_nonces()

    async def delete(self, message_id: int) -> None:
        self.discord.delete(message_id)

    async def forbid(self) -> None:
        self.discord.refusals |= {str(part): "delivery-forbidden" for part in range(1, 4)}

    async def go_down(self) -> None:
        self.discord.down = True


class LoopbackWorld:
    """discord.py and the sandbox's Discord."""

    def __init__(self, client: discord.Client, sandbox: Sandbox, channel_id: int) -> None:
        self.client, self.sandbox, self.channel_id = client, sandbox, channel_id

    def poster(self) -> Poster:
        return RestPoster(self.client)

    async def staged(self) -> list[Staged]:
        return [
            Staged(
                id=int(one.id), files={file.filename: await self.sandbox.fetch(file.url) for file in one.attachments}
            )
            for one in await self.sandbox.messages(str(self.channel_id))
        ]

    async def bytes_at(self, url: str) -> bytes:
        return await self.sandbox.fetch(url)

    async def lose_next_answer(self) -> None:
        await self.sandbox.fault("drop_after_commit", method="POST", path_regex="/messages$")

    async def forget_nonces(self) -> None:
        await self.sandbox.set_options(nonce_life_seconds=0.0)

    async def delete(self, message_id: int) -> None:
        await self.sandbox.delete_message(str(self.channel_id), str(message_id))

    async def forbid(self) -> None:
        await self.sandbox.set_overwrite(str(self.channel_id), allow=["view_channel"], deny=["attach_files"])

    async def go_down(self) -> None:
        await self.sandbox.fault("status", status=403, path_regex="/messages", times=50)  # as a proxy says it: no code


@pytest.fixture(scope="module")
def loopback() -> Generator[Loopback]:
    with loopback_discord() as one:
        yield one


@pytest.fixture(params=["memory", "loopback"])
async def world(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> AsyncGenerator[World]:
    if request.param == "memory":
        yield MemoryWorld()
        return
    loopback: Loopback = request.getfixturevalue("loopback")
    monkeypatch.setattr("discord.http.Route.BASE", loopback.api)
    async with Sandbox(loopback.control) as sandbox, logged_in(loopback) as client:
        await sandbox.clear_faults()
        await sandbox.set_options(nonce_life_seconds=300.0)
        await sandbox.clear_report()
        channel = await sandbox.new_channel("staging", private=True)
        yield LoopbackWorld(client, sandbox, int(channel.id))
        report = await sandbox.report()
        assert report["violations"] == []
        assert report["crashes"] == []


@pytest.fixture
def contents() -> MemoryContents:
    return MemoryContents()


def references(contents: MemoryContents, count: int, *, byte_count: int = 10) -> list[Reference]:
    kept: list[Reference] = []
    for number in range(1, count + 1):
        reference = make_reference(number, name=f"secret{number}.png", content=contents.keep(f"bytes{number}".encode()))
        kept.append(replace(reference, facts=replace(reference.facts, byte_count=byte_count)))
    return kept


def publisher(
    world: World, contents: MemoryContents, folder: Path, *, reached: FaultPoint = no_fault
) -> StagingChannelPublisher:
    return StagingChannelPublisher(
        world.poster(), contents, world.channel_id, max_bytes_each=10 << 20, scratch=folder, reached=reached
    )


def dies(_name: str) -> None:
    raise ProcessDied


async def test_each_reference_is_behind_its_own_url(world: World, contents: MemoryContents, tmp_path: Path) -> None:
    published = await publisher(world, contents, tmp_path).publish(TAKE, references(contents, 3), ())

    assert [one.reference_id for one in published] == ["r1", "r2", "r3"]
    assert [await world.bytes_at(one.url) for one in published] == [b"bytes1", b"bytes2", b"bytes3"]


async def test_the_files_are_called_by_number_and_never_by_name(
    world: World, contents: MemoryContents, tmp_path: Path
) -> None:
    published = await publisher(world, contents, tmp_path).publish(TAKE, references(contents, 2), ())

    (message,) = await world.staged()
    assert list(message.files) == ["1.png", "2.png"]
    assert "secret" not in "".join(one.url for one in published)


async def test_nothing_is_left_in_the_scratch_folder(world: World, contents: MemoryContents, tmp_path: Path) -> None:
    await publisher(world, contents, tmp_path).publish(TAKE, references(contents, 2), ())

    assert list(tmp_path.iterdir()) == []


async def test_every_take_has_urls_of_its_own(world: World, contents: MemoryContents, tmp_path: Path) -> None:
    staging = publisher(world, contents, tmp_path)
    first = await staging.publish(TAKE, references(contents, 1), ())
    second = await staging.publish(OTHER_TAKE, references(contents, 1), ())

    assert first[0].url.partition("?")[0] != second[0].url.partition("?")[0]


async def test_publishing_again_signs_anew_and_posts_nothing(
    world: World, contents: MemoryContents, tmp_path: Path
) -> None:
    staging = publisher(world, contents, tmp_path)
    first = await staging.publish(TAKE, references(contents, 2), ())

    second = await staging.publish(TAKE, references(contents, 2), first)

    assert len(await world.staged()) == 1
    assert [one.handle for one in second] == [one.handle for one in first]
    assert [await world.bytes_at(one.url) for one in second] == [b"bytes1", b"bytes2"]


async def test_twelve_files_take_two_messages(world: World, contents: MemoryContents, tmp_path: Path) -> None:
    published = await publisher(world, contents, tmp_path).publish(TAKE, references(contents, 12), ())

    assert [len(message.files) for message in await world.staged()] == [10, 2]
    assert await world.bytes_at(published[11].url) == b"bytes12"


async def test_heavy_files_are_spread_over_messages(world: World, contents: MemoryContents, tmp_path: Path) -> None:
    heavy = references(contents, 3, byte_count=10 << 20)

    await publisher(world, contents, tmp_path).publish(TAKE, heavy, ())

    assert [len(message.files) for message in await world.staged()] == [2, 1]


async def test_staging_whose_answer_was_lost_is_not_doubled(
    world: World, contents: MemoryContents, tmp_path: Path
) -> None:
    staging = publisher(world, contents, tmp_path)
    await world.lose_next_answer()
    with pytest.raises(Unavailable):
        await staging.publish(TAKE, references(contents, 2), ())

    await staging.publish(TAKE, references(contents, 2), ())

    assert len(await world.staged()) == 1


async def test_a_restart_before_the_urls_were_stored_finds_what_was_staged(
    world: World, contents: MemoryContents, tmp_path: Path
) -> None:
    with pytest.raises(ProcessDied):
        await publisher(world, contents, tmp_path, reached=dies).publish(TAKE, references(contents, 12), ())
    await world.forget_nonces()

    published = await publisher(world, contents, tmp_path).publish(TAKE, references(contents, 12), ())

    assert len(await world.staged()) == 2
    assert await world.bytes_at(published[11].url) == b"bytes12"


async def test_only_the_message_that_is_gone_is_posted_again(
    world: World, contents: MemoryContents, tmp_path: Path
) -> None:
    staging = publisher(world, contents, tmp_path)
    first = await staging.publish(TAKE, references(contents, 12), ())
    before = await world.staged()
    await world.delete(before[1].id)

    second = await staging.publish(TAKE, references(contents, 12), first)

    after = await world.staged()
    assert after[0].id == before[0].id
    assert [len(message.files) for message in after] == [10, 2]
    assert await world.bytes_at(second[10].url) == b"bytes11"


async def test_staged_files_are_withdrawn(world: World, contents: MemoryContents, tmp_path: Path) -> None:
    staging = publisher(world, contents, tmp_path)
    published = await staging.publish(TAKE, references(contents, 12), ())

    await staging.withdraw(TAKE, published)
    await staging.withdraw(TAKE, published)

    assert await world.staged() == []


async def test_what_a_crash_kept_from_being_recorded_is_withdrawn_too(
    world: World, contents: MemoryContents, tmp_path: Path
) -> None:
    others = await publisher(world, contents, tmp_path).publish(OTHER_TAKE, references(contents, 1), ())
    with pytest.raises(ProcessDied):
        await publisher(world, contents, tmp_path, reached=dies).publish(TAKE, references(contents, 12), ())

    await publisher(world, contents, tmp_path).withdraw(TAKE, ())

    assert [f"{one.id}:0" for one in await world.staged()] == [others[0].handle]


async def test_a_message_that_was_posted_anew_and_not_recorded_is_withdrawn_too(
    world: World, contents: MemoryContents, tmp_path: Path
) -> None:
    recorded = await publisher(world, contents, tmp_path).publish(TAKE, references(contents, 12), ())
    await world.delete((await world.staged())[1].id)
    with pytest.raises(ProcessDied):
        await publisher(world, contents, tmp_path, reached=dies).publish(TAKE, references(contents, 12), recorded)

    await publisher(world, contents, tmp_path).withdraw(TAKE, recorded)

    assert await world.staged() == []


async def test_staging_that_fails_half_way_for_good_leaves_nothing_behind(
    world: World, contents: MemoryContents, tmp_path: Path
) -> None:
    kept = references(contents, 12)
    with pytest.raises(Refused) as refused:
        await publisher(world, contents, tmp_path).publish(TAKE, [*kept[:11], make_reference(12)], ())

    assert refused.value.reason.code == "bytes-gone"
    assert await world.staged() == []


async def test_staging_that_is_forbidden_half_way_leaves_nothing_behind(
    world: World, contents: MemoryContents, tmp_path: Path
) -> None:
    staging = publisher(world, contents, tmp_path)
    first = await staging.publish(TAKE, references(contents, 12), ())
    await world.delete((await world.staged())[1].id)
    await world.forbid()

    with pytest.raises(Refused) as refused:
        await staging.publish(TAKE, references(contents, 12), first)

    assert refused.value.reason.code == "publisher-refused"
    assert await world.staged() == []


async def test_a_withdrawal_that_cannot_be_done_now_is_said_to_be_so(
    world: World, contents: MemoryContents, tmp_path: Path
) -> None:
    published = await publisher(world, contents, tmp_path).publish(TAKE, references(contents, 1), ())
    await world.go_down()

    with pytest.raises(Unavailable):
        await publisher(world, contents, tmp_path).withdraw(TAKE, published)
    with pytest.raises(Unavailable):
        await publisher(world, contents, tmp_path).withdraw(TAKE, ())


async def test_a_closed_staging_channel_is_said_as_such(world: World, contents: MemoryContents, tmp_path: Path) -> None:
    await world.forbid()

    with pytest.raises(Refused) as refused:
        await publisher(world, contents, tmp_path).publish(TAKE, references(contents, 1), ())

    assert refused.value.reason.code == "publisher-refused"


async def test_a_file_that_is_too_large_is_refused_before_anything_is_posted(
    world: World, contents: MemoryContents, tmp_path: Path
) -> None:
    staging = publisher(world, contents, tmp_path)
    (large,) = references(contents, 1, byte_count=(10 << 20) + 1)

    assert staging.refusal(large) == "publisher-too-large"
    with pytest.raises(Refused) as refused:
        await staging.publish(TAKE, [large], ())
    assert refused.value.reason.arguments == {"name": "secret1.png", "size": "10.5 MB", "limit": "10 MiB"}
    assert await world.staged() == []


async def test_bytes_that_are_lost_are_named(world: World, contents: MemoryContents, tmp_path: Path) -> None:
    with pytest.raises(Refused) as refused:
        await publisher(world, contents, tmp_path).publish(TAKE, [make_reference()], ())

    assert refused.value.reason.code == "bytes-gone"
    assert await world.staged() == []


async def test_handles_of_another_publisher_are_published_anew(
    world: World, contents: MemoryContents, tmp_path: Path
) -> None:
    existing = Publication(reference_id="r1", handle="data-uri", url="data:image/png;base64,")
    staging = publisher(world, contents, tmp_path)

    (published,) = await staging.publish(TAKE, references(contents, 1), [existing])
    await staging.withdraw(OTHER_TAKE, [existing])

    assert await world.bytes_at(published.url) == b"bytes1"
