"""One suite for the couriers: the fake in memory, and the real one against a Discord on loopback."""

# ruff: noqa: ANN401  builders hand fields on to dataclasses; discord.py's parameters have no public type

import asyncio
import json
from collections.abc import AsyncGenerator, Generator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol

import discord
import pytest
from structlog.testing import capture_logs

from bot import cards
from bot.delivery import DiscordCourier
from bot.domain import words
from bot.domain.errors import DeliveryRefused, Unavailable
from bot.domain.ports import Courier, FaultPoint, no_fault
from bot.domain.requests import ChannelKind, Place, Request, Snapshot, Take
from bot.domain.states import RequestState, TakeState
from sandbox.discord.person import Message, Sandbox
from tests.fakes_delivery import (
    NOW_MS,
    REQUEST_ID,
    Loopback,
    MemoryCourier,
    MemoryDiscord,
    OutboxStore,
    logged_in,
    loopback_discord,
    make_snapshot,
    make_take,
)

S = RequestState
CLIP = b"12345"


class ProcessDied(BaseException):
    """Stands for SIGKILL: nothing in the product catches it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """A message of ours: its slot by its marker, and its files."""

    id: int
    slot: str
    files: tuple[str, ...]


class World(Protocol):
    """A Discord that can be looked at and troubled."""

    channel_id: int
    store: OutboxStore

    def courier(self, *, reached: FaultPoint = no_fault, open_threads: bool = True) -> Courier: ...
    async def posts(self, channel_id: int) -> list[Seen]: ...
    async def thread_count(self) -> int: ...
    async def lose_next_answer(self) -> None: ...
    async def go_down_once(self) -> None: ...
    async def forget_nonces(self) -> None: ...
    async def delete(self, channel_id: int, message_id: int) -> None: ...
    async def forbid_posting(self, slot: str) -> None: ...
    async def refuse_once(self, slot: str) -> None: ...
    async def relent(self) -> None: ...


class MemoryWorld:
    """The fake."""

    def __init__(self) -> None:
        self.channel_id = 7
        self.store = OutboxStore()
        self.discord = MemoryDiscord()
        self.couriers: list[MemoryCourier] = []

    def courier(self, *, reached: FaultPoint = no_fault, open_threads: bool = True) -> Courier:
        return MemoryCourier(
            self.store.as_store(), lambda: NOW_MS, discord=self.discord, open_threads=open_threads, reached=reached
        )

    async def posts(self, channel_id: int) -> list[Seen]:
        return [
            Seen(id=one.id, slot=one.marker.rpartition(" ")[2], files=tuple(one.files))
            for one in self.discord.in_channel(channel_id)
        ]

    async def thread_count(self) -> int:
        return len(self.discord.threads)

    async def lose_next_answer(self) -> None:
        self.discord.lost_answers = 1

    async def go_down_once(self) -> None:
        self.discord.failing_calls = 1

    async def forget_nonces(self) -> None:
        self.discord.forget_nonces()

    async def delete(self, channel_id: int, message_id: int) -> None:
        self.discord.delete(message_id)

    async def forbid_posting(self, slot: str) -> None:
        self.discord.refusals[slot] = "delivery-forbidden"

    async def refuse_once(self, slot: str) -> None:
        self.discord.refusals[slot] = "delivery-too-large"

    async def relent(self) -> None:
        self.discord.refusals.clear()


class LoopbackWorld:
    """discord.py, logged in without a gateway, and the sandbox's Discord in a process of its own."""

    def __init__(self, client: discord.Client, sandbox: Sandbox, channel_id: int) -> None:
        self.client, self.sandbox, self.channel_id = client, sandbox, channel_id
        self.store = OutboxStore()
        self.now_ms = round(discord.utils.utcnow().timestamp() * 1000)

    def courier(self, *, reached: FaultPoint = no_fault, open_threads: bool = True) -> Courier:
        return DiscordCourier(
            self.client,
            self.store.as_store(),
            _rendered,
            lambda: self.now_ms,
            open_threads=open_threads,
            ping_requester=True,
            vendor_tokens=lambda request: {request.references[0].id: "@Image7"},
            keep_files_ms=3_600_000,
            reached=reached,
        )

    async def messages(self, channel_id: int) -> list[Message]:
        return [one for one in await self.sandbox.messages(str(channel_id)) if one.by_bot and one.text]

    async def posts(self, channel_id: int) -> list[Seen]:
        seen: list[Seen] = []
        for one in await self.messages(channel_id):
            marker = cards.find_marker([one.text])
            assert marker is not None
            seen.append(Seen(id=int(one.id), slot=marker[1], files=tuple(file.filename for file in one.attachments)))
        return seen

    async def thread_count(self) -> int:
        return len(await self.sandbox.threads(str(self.channel_id)))

    async def lose_next_answer(self) -> None:
        # discord.py repeats 500, 502 and 504 by itself; 503 it gives to us.
        await self.sandbox.fault("status_after_commit", method="POST", path_regex="/messages$", status=503)

    async def go_down_once(self) -> None:
        await self.sandbox.fault("status", status=503)

    async def forget_nonces(self) -> None:
        await self.sandbox.set_options(nonce_life_seconds=0.0)

    async def delete(self, channel_id: int, message_id: int) -> None:
        await self.sandbox.delete_message(str(channel_id), str(message_id))

    async def forbid_posting(self, slot: str) -> None:
        await self.sandbox.set_overwrite(str(self.channel_id), deny=["send_messages", "send_messages_in_threads"])

    async def refuse_once(self, slot: str) -> None:
        del slot  # the next one; slots are tried in order
        await self.sandbox.fault("status", method="POST", path_regex="/messages$", status=413)

    async def relent(self) -> None:
        await self.sandbox.clear_faults()


def _rendered(request: Request) -> str:
    return request.written_prompt.replace("@hero", "@Image1")


@pytest.fixture(scope="module")
def loopback() -> Generator[Loopback]:
    with loopback_discord() as one:
        yield one


@asynccontextmanager
async def _loopback_world(loopback: Loopback) -> AsyncGenerator[LoopbackWorld]:
    async with Sandbox(loopback.control) as sandbox, logged_in(loopback) as client:
        await sandbox.clear_faults()
        await sandbox.set_options(nonce_life_seconds=300.0)
        await sandbox.clear_report()
        channel = await sandbox.new_channel("videos")
        yield LoopbackWorld(client, sandbox, int(channel.id))
        report = await sandbox.report()
        # discord.py writes these ids as JSON integers where the schema has strings; Discord takes both.
        assert report["violations"] == []
        assert report["crashes"] == []
        assert report["unimplemented"] == {}


@pytest.fixture
async def real(loopback: Loopback, monkeypatch: pytest.MonkeyPatch) -> AsyncGenerator[LoopbackWorld]:
    monkeypatch.setattr("discord.http.Route.BASE", loopback.api)
    async with _loopback_world(loopback) as one:
        yield one


@pytest.fixture(params=["memory", "loopback"])
async def world(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> AsyncGenerator[World]:
    if request.param == "memory":
        yield MemoryWorld()
        return
    loopback: Loopback = request.getfixturevalue("loopback")
    monkeypatch.setattr("discord.http.Route.BASE", loopback.api)
    async with _loopback_world(loopback) as one:
        yield one


def snapshot(world: World, state: RequestState, *takes: Take, **changes: Any) -> Snapshot:
    place = Place(guild_id=5, channel_id=world.channel_id, channel_kind=ChannelKind.TEXT, upload_limit_bytes=10 << 20)
    fields: dict[str, Any] = {"place": place, **changes}
    return world.store.with_posts(make_snapshot(state, *takes, **fields))


def clips(folder: Path, *takes: Take) -> list[tuple[Take, Path]]:
    paths = [folder / f"take-{take.ordinal}" for take in takes]
    for path in paths:
        path.write_bytes(CLIP)
    return list(zip(takes, paths, strict=True))


def dies_at(name: str) -> FaultPoint:
    def reached(where: str) -> None:
        if where == name:
            raise ProcessDied

    return reached


# --- cards -----------------------------------------------------------------------------------------------------------


async def test_a_card_is_posted_once_and_then_edited(world: World) -> None:
    courier = world.courier()
    for state in (S.QUEUED, S.PREPARING, S.DELIVERED):
        await courier.show_card(snapshot(world, state))

    posts = await world.posts(world.channel_id)
    assert [post.slot for post in posts] == ["card"]
    assert world.store.posts[REQUEST_ID, "card"].message_id == posts[0].id
    assert world.store.posts[REQUEST_ID, "card"].shown == "delivered"


async def test_a_post_whose_answer_was_lost_is_not_doubled(world: World) -> None:
    courier = world.courier()
    await world.lose_next_answer()
    with pytest.raises(Unavailable):
        await courier.show_card(snapshot(world, S.QUEUED))

    await courier.show_card(snapshot(world, S.PREPARING))

    assert len(await world.posts(world.channel_id)) == 1
    assert world.store.posts[REQUEST_ID, "card"].shown == "preparing"


async def test_a_restart_between_post_and_record_finds_it_by_its_marker(world: World) -> None:
    with pytest.raises(ProcessDied):
        await world.courier(reached=dies_at("posted:card")).show_card(snapshot(world, S.QUEUED))
    await world.forget_nonces()

    await world.courier().show_card(snapshot(world, S.PREPARING))

    posts = await world.posts(world.channel_id)
    assert len(posts) == 1
    assert world.store.posts[REQUEST_ID, "card"].message_id == posts[0].id


async def test_a_card_that_somebody_deleted_is_not_posted_again(world: World) -> None:
    courier = world.courier()
    await courier.show_card(snapshot(world, S.QUEUED))
    await world.delete(world.channel_id, (await world.posts(world.channel_id))[0].id)

    await courier.show_card(snapshot(world, S.FAILED))

    assert await world.posts(world.channel_id) == []
    assert world.store.posts[REQUEST_ID, "card"].shown == "failed"


async def test_where_posting_is_forbidden_the_card_is_refused_for_good(world: World) -> None:
    await world.forbid_posting("card")

    with pytest.raises(DeliveryRefused) as refused:
        await world.courier().show_card(snapshot(world, S.QUEUED))

    assert refused.value.reason.code == "delivery-forbidden"
    assert await world.posts(world.channel_id) == []


async def test_a_discord_that_is_down_changes_nothing(world: World) -> None:
    await world.go_down_once()

    with pytest.raises(Unavailable):
        await world.courier().show_card(snapshot(world, S.QUEUED))

    assert await world.posts(world.channel_id) == []


# --- threads ---------------------------------------------------------------------------------------------------------


async def test_a_thread_opened_twice_is_one(world: World) -> None:
    courier = world.courier()
    await courier.show_card(snapshot(world, S.DELIVERING))

    first = await courier.open_thread(snapshot(world, S.DELIVERING))
    second = await world.courier().open_thread(snapshot(world, S.DELIVERING))

    assert first == second == world.store.posts[REQUEST_ID, "card"].message_id
    assert await world.thread_count() == 1


async def test_a_thread_brings_its_card_along(world: World) -> None:
    thread_id = await world.courier().open_thread(snapshot(world, S.DELIVERING))

    assert [post.id for post in await world.posts(world.channel_id)] == [thread_id]


async def test_a_request_made_in_a_thread_is_answered_there(world: World) -> None:
    place = Place(guild_id=5, channel_id=77, channel_kind=ChannelKind.THREAD, upload_limit_bytes=1)

    assert await world.courier().open_thread(snapshot(world, S.DELIVERING, place=place)) == 77


async def test_a_channel_without_threads_takes_the_result_itself(world: World) -> None:
    place = Place(guild_id=5, channel_id=world.channel_id, channel_kind=ChannelKind.OTHER, upload_limit_bytes=1)

    assert await world.courier().open_thread(snapshot(world, S.DELIVERING, place=place)) is None
    assert await world.courier(open_threads=False).open_thread(snapshot(world, S.DELIVERING)) is None


async def test_without_its_card_a_request_has_no_thread(world: World) -> None:
    courier = world.courier()
    await courier.show_card(snapshot(world, S.DELIVERING))
    await world.delete(world.channel_id, (await world.posts(world.channel_id))[0].id)

    assert await courier.open_thread(snapshot(world, S.DELIVERING)) is None


# --- results ---------------------------------------------------------------------------------------------------------


async def test_clips_that_fit_together_come_in_one_message(world: World, tmp_path: Path) -> None:
    takes = (make_take(1), make_take(2))

    await world.courier().deliver(snapshot(world, S.DELIVERING, *takes), clips(tmp_path, *takes))

    posts = await world.posts(world.channel_id)
    assert [(post.slot, post.files) for post in posts] == [("result-1", (f"{REQUEST_ID}-1.mp4", f"{REQUEST_ID}-2.mp4"))]


def _large(ordinal: int) -> Take:
    take = make_take(ordinal)
    assert take.clip_facts is not None
    return replace(take, clip_facts=replace(take.clip_facts, byte_count=20 << 20))


async def test_clips_that_do_not_fit_together_come_one_a_message(world: World, tmp_path: Path) -> None:
    takes = (_large(1), _large(2))

    await world.courier().deliver(snapshot(world, S.DELIVERING, *takes), clips(tmp_path, *takes))

    posts = await world.posts(world.channel_id)
    assert [(post.slot, post.files) for post in posts] == [
        ("result-1", (f"{REQUEST_ID}-1.mp4",)),
        ("result-2", (f"{REQUEST_ID}-2.mp4",)),
    ]


async def test_a_restart_in_the_middle_of_a_result_repeats_nothing(world: World, tmp_path: Path) -> None:
    takes = (_large(1), _large(2))
    with pytest.raises(ProcessDied):
        await world.courier(reached=dies_at("posted:result-2")).deliver(
            snapshot(world, S.DELIVERING, *takes), clips(tmp_path, *takes)
        )
    await world.forget_nonces()

    for _ in range(2):
        await world.courier().deliver(snapshot(world, S.DELIVERING, *takes), clips(tmp_path, *takes))

    posts = await world.posts(world.channel_id)
    assert [post.slot for post in posts] == ["result-1", "result-2"]
    assert [world.store.posts[REQUEST_ID, post.slot].message_id for post in posts] == [post.id for post in posts]


async def test_a_result_goes_into_the_requests_thread(world: World, tmp_path: Path) -> None:
    courier = world.courier()
    thread_id = await courier.open_thread(snapshot(world, S.DELIVERING, make_take()))
    assert thread_id is not None

    placed = snapshot(world, S.DELIVERING, make_take(), thread_id=thread_id)
    await courier.deliver(placed, clips(tmp_path, make_take()))

    assert [post.slot for post in await world.posts(thread_id)] == ["result-1"]


async def test_where_posting_is_forbidden_the_result_is_refused_for_good(world: World, tmp_path: Path) -> None:
    await world.forbid_posting("result-1")

    refused = await world.courier().deliver(snapshot(world, S.DELIVERING, make_take()), clips(tmp_path, make_take()))

    assert [(one.reason.code, one.take_ids) for one in refused] == [("delivery-forbidden", (f"{REQUEST_ID}-1",))]


async def test_one_refused_message_does_not_keep_back_the_others(world: World, tmp_path: Path) -> None:
    takes = (_large(1), _large(2), _large(3))
    await world.refuse_once("result-1")

    refused = await world.courier().deliver(snapshot(world, S.DELIVERING, *takes), clips(tmp_path, *takes))

    assert [(one.reason.code, one.take_ids) for one in refused] == [("delivery-too-large", (takes[0].id,))]
    assert [post.slot for post in await world.posts(world.channel_id)] == ["result-2", "result-3"]


async def test_a_clip_posted_before_counts_when_the_rest_is_refused(world: World, tmp_path: Path) -> None:
    takes = (_large(1), _large(2))
    with pytest.raises(ProcessDied):
        await world.courier(reached=dies_at("posted:result-1")).deliver(
            snapshot(world, S.DELIVERING, *takes), clips(tmp_path, *takes)
        )
    await world.refuse_once("result-2")

    refused = await world.courier().deliver(snapshot(world, S.DELIVERING, *takes), clips(tmp_path, *takes))

    assert [(one.reason.code, one.take_ids) for one in refused] == [("delivery-too-large", (takes[1].id,))]
    assert [post.slot for post in await world.posts(world.channel_id)] == ["result-1"]


async def test_a_result_of_which_nothing_could_be_posted_is_refused(world: World, tmp_path: Path) -> None:
    takes = (_large(1), _large(2))
    for slot in ("result-1", "result-2"):
        await world.forbid_posting(slot)

    refused = await world.courier().deliver(snapshot(world, S.DELIVERING, *takes), clips(tmp_path, *takes))

    assert [one.reason.code for one in refused] == ["delivery-forbidden", "delivery-forbidden"]
    assert await world.posts(world.channel_id) == []


async def test_a_clip_made_smaller_since_it_was_refused_comes_in_its_own_place(world: World, tmp_path: Path) -> None:
    takes = (_large(1), _large(2))
    await world.refuse_once("result-1")
    await world.courier().deliver(snapshot(world, S.DELIVERING, *takes), clips(tmp_path, *takes))
    await world.relent()

    assert takes[0].clip_facts is not None
    smaller = replace(takes[0].clip_facts, byte_count=len(CLIP))
    after = (replace(takes[0], shrunk_clip="22" * 32, shrunk_facts=smaller), takes[1])
    refused = await world.courier().deliver(snapshot(world, S.DELIVERING, *after), clips(tmp_path, *after))

    assert refused == ()
    posts = await world.posts(world.channel_id)
    assert [(post.slot, post.files) for post in posts] == [
        ("result-2", (f"{REQUEST_ID}-2.mp4",)),
        ("result-1", (f"{REQUEST_ID}-1.mp4",)),
    ]


async def test_an_outage_in_the_middle_of_a_result_is_not_taken_for_a_refusal(world: World, tmp_path: Path) -> None:
    takes = (_large(1), _large(2))
    await world.refuse_once("result-1")
    await world.lose_next_answer()

    with pytest.raises(Unavailable):
        await world.courier().deliver(snapshot(world, S.DELIVERING, *takes), clips(tmp_path, *takes))
    await world.courier().deliver(snapshot(world, S.DELIVERING, *takes), clips(tmp_path, *takes))

    assert sorted(post.slot for post in await world.posts(world.channel_id)).count("result-2") == 1


async def test_the_notice_of_a_kept_result_stands_beside_the_card(world: World) -> None:
    courier = world.courier()
    thread_id = await courier.open_thread(snapshot(world, S.DELIVERING, make_take()))
    assert thread_id is not None

    await courier.announce(snapshot(world, S.KEPT, make_take(), thread_id=thread_id))

    assert [post.slot for post in await world.posts(world.channel_id)] == ["card", "notice"]
    assert await world.posts(thread_id) == []


async def test_bad_news_are_told_once(world: World) -> None:
    for _ in range(2):
        await world.courier().announce(snapshot(world, S.FAILED, make_take(1, TakeState.FAILED)))

    assert [post.slot for post in await world.posts(world.channel_id)] == ["notice"]


# --- drafts that wait --------------------------------------------------------------------------------------------


async def test_a_person_is_called_back_to_a_draft_once(world: World) -> None:
    for _ in range(2):
        await world.courier().call_back(snapshot(world, S.DRAFT))

    posts = await world.posts(world.channel_id)
    assert [post.slot for post in posts] == ["callback"]
    assert world.store.posts[REQUEST_ID, "callback"].message_id == posts[0].id


async def test_a_restart_between_a_call_and_its_record_calls_nobody_twice(world: World) -> None:
    with pytest.raises(ProcessDied):
        await world.courier(reached=dies_at("posted:callback")).call_back(snapshot(world, S.DRAFT))
    await world.forget_nonces()

    for _ in range(2):
        await world.courier().call_back(snapshot(world, S.DRAFT))

    posts = await world.posts(world.channel_id)
    assert [post.slot for post in posts] == ["callback"]
    assert world.store.posts[REQUEST_ID, "callback"].message_id == posts[0].id


async def test_a_call_whose_answer_was_lost_is_not_doubled(world: World) -> None:
    await world.lose_next_answer()
    with pytest.raises(Unavailable):
        await world.courier().call_back(snapshot(world, S.DRAFT))

    await world.courier().call_back(snapshot(world, S.DRAFT))

    assert [post.slot for post in await world.posts(world.channel_id)] == ["callback"]


async def test_a_call_that_was_refused_is_not_tried_for_ever(world: World) -> None:
    await world.refuse_once("callback")
    with pytest.raises(DeliveryRefused):
        await world.courier().call_back(snapshot(world, S.DRAFT))

    await world.courier().call_back(snapshot(world, S.DRAFT))

    assert await world.posts(world.channel_id) == []


async def test_a_call_that_somebody_deleted_is_not_made_again(world: World) -> None:
    await world.courier().call_back(snapshot(world, S.DRAFT))
    await world.delete(world.channel_id, (await world.posts(world.channel_id))[0].id)

    await world.courier().call_back(snapshot(world, S.DRAFT))

    assert await world.posts(world.channel_id) == []


# --- what only a real Discord can show -------------------------------------------------------------------------------


async def test_an_answer_cut_off_on_the_wire_is_not_doubled(real: LoopbackWorld) -> None:
    await real.sandbox.fault("drop_after_commit", method="POST", path_regex="/messages$")
    with pytest.raises(Unavailable):
        await real.courier().show_card(snapshot(real, S.QUEUED))

    await real.courier().show_card(snapshot(real, S.QUEUED))

    assert len(await real.posts(real.channel_id)) == 1


async def test_two_couriers_at_once_post_one_card(real: LoopbackWorld) -> None:
    async with asyncio.TaskGroup() as group:
        for _ in range(2):
            group.create_task(real.courier().show_card(snapshot(real, S.QUEUED)))

    assert len(await real.posts(real.channel_id)) == 1


async def test_a_post_still_on_its_way_when_it_is_looked_for_is_not_doubled(real: LoopbackWorld) -> None:
    await real.sandbox.fault("delay", method="POST", path_regex="/messages$", seconds=0.3)
    async with asyncio.TaskGroup() as group:
        for _ in range(2):  # the second sees the first's intent, finds nothing, and posts before it
            group.create_task(real.courier().announce(snapshot(real, S.FAILED)))

    assert len(await real.posts(real.channel_id)) == 1


async def test_a_deleted_post_whose_nonce_still_lives_can_be_posted_anew(real: LoopbackWorld) -> None:
    with pytest.raises(ProcessDied):
        await real.courier(reached=dies_at("posted:notice")).announce(snapshot(real, S.FAILED))
    await real.delete(real.channel_id, (await real.posts(real.channel_id))[0].id)

    await real.courier().announce(snapshot(real, S.FAILED))

    assert [post.slot for post in await real.posts(real.channel_id)] == ["notice"]


async def test_a_post_is_found_behind_hundreds_of_others(real: LoopbackWorld) -> None:
    await real.sandbox.set_options(global_per_second=1000)
    with pytest.raises(ProcessDied):
        await real.courier(reached=dies_at("posted:card")).show_card(snapshot(real, S.QUEUED))
    for number in range(130):
        await real.sandbox.person().say(f"chat {number}", channel_id=str(real.channel_id))
    await real.forget_nonces()

    await real.courier().show_card(snapshot(real, S.QUEUED))

    assert len(await real.posts(real.channel_id)) == 1


async def test_without_sight_of_the_history_nothing_is_posted_twice(real: LoopbackWorld) -> None:
    with pytest.raises(ProcessDied):
        await real.courier(reached=dies_at("posted:card")).show_card(snapshot(real, S.QUEUED))
    await real.forget_nonces()
    await real.sandbox.set_overwrite(str(real.channel_id), deny=["read_message_history"])

    with pytest.raises(DeliveryRefused) as refused:
        await real.courier().show_card(snapshot(real, S.QUEUED))

    assert refused.value.reason.code == "delivery-forbidden"
    assert len(await real.posts(real.channel_id)) == 1


async def test_a_clip_over_the_servers_limit_is_refused_with_its_size(real: LoopbackWorld, tmp_path: Path) -> None:
    path = tmp_path / "large"
    path.write_bytes(bytes((10 << 20) + 1))

    (refused,) = await real.courier().deliver(snapshot(real, S.DELIVERING, make_take()), [(make_take(), path)])

    assert refused.reason.code == "delivery-too-large"
    assert refused.reason.arguments == {"size": "10.5 MB"}


async def test_when_the_first_message_is_refused_the_next_tells_everything(real: LoopbackWorld, tmp_path: Path) -> None:
    takes = (_large(1), _large(2), _large(3))
    await real.refuse_once("result-1")

    await real.courier().deliver(snapshot(real, S.DELIVERING, *takes), clips(tmp_path, *takes))

    first, second = [one.text for one in await real.messages(real.channel_id)]
    assert "<@42>, here is 1 of 3 takes." in first
    assert "Prompt, as sent" in first
    assert "the model reads @Image7" in first
    assert "More for <@42>" in second


async def test_a_clip_made_smaller_tells_so_and_one_may_go_on_from_it(real: LoopbackWorld, tmp_path: Path) -> None:
    take = _large(1)
    assert take.clip_facts is not None
    smaller = replace(take.clip_facts, byte_count=len(CLIP))
    take = replace(take, shrunk_clip="22" * 32, shrunk_facts=smaller)

    await real.courier().deliver(snapshot(real, S.DELIVERING, take), clips(tmp_path, take))

    (message,) = await real.messages(real.channel_id)
    until = (real.now_ms + 3_600_000) // 1000
    assert f"made smaller to fit here: 5 B of 20 MiB.\nThe original is kept until <t:{until}:f>." in message.text
    assert "Continue" in [button.label for button in message.buttons]


async def test_what_was_told_already_is_not_told_again_with_a_late_clip(real: LoopbackWorld, tmp_path: Path) -> None:
    takes = (_large(1), _large(2))
    await real.refuse_once("result-1")
    for _ in range(2):
        await real.courier().deliver(snapshot(real, S.DELIVERING, *takes), clips(tmp_path, *takes))

    first, second = [one.text for one in await real.messages(real.channel_id)]
    assert "Prompt, as sent" in first
    assert "More for <@42>" in second


async def test_every_refusal_is_logged_once_with_discords_code_and_without_a_word_of_the_post(
    real: LoopbackWorld, tmp_path: Path
) -> None:
    courier = real.courier()
    await courier.show_card(snapshot(real, S.QUEUED))
    await real.sandbox.set_overwrite(
        str(real.channel_id), deny=["send_messages", "send_messages_in_threads", "create_public_threads"]
    )
    with capture_logs() as log:
        await courier.deliver(snapshot(real, S.DELIVERING, make_take()), clips(tmp_path, make_take()))
        with pytest.raises(DeliveryRefused):
            await courier.announce(snapshot(real, S.KEPT, make_take()))
        await courier.open_thread(snapshot(real, S.DELIVERING, make_take()))
        await real.sandbox.fault("status", method="PATCH", path_regex="/messages/", status=403, code=50001)
        with pytest.raises(DeliveryRefused) as refused:
            await courier.show_card(snapshot(real, S.KEPT, make_take()))

    codes = {"result-1": 50013, "notice": 50013, "thread": 50013, "card": 50001}
    assert log == [
        {
            "event": "delivery refused",
            "log_level": "warning",
            "request": REQUEST_ID,
            "slot": slot,
            "reason": "delivery-forbidden",
            "status": 403,
            "code": code,
        }
        for slot, code in codes.items()
    ]
    assert refused.value.detail == "HTTP 403, code 50001"


async def test_a_locked_thread_a_lost_channel_and_a_refused_thread_are_told_apart(
    real: LoopbackWorld, tmp_path: Path
) -> None:
    courier = real.courier()
    thread_id = await courier.open_thread(snapshot(real, S.DELIVERING, make_take()))
    await real.sandbox.set_channel(str(thread_id), locked=True)
    placed = snapshot(real, S.DELIVERING, make_take(), thread_id=thread_id)

    (locked,) = await courier.deliver(placed, clips(tmp_path, make_take()))
    await real.sandbox.delete_channel(str(thread_id))
    (gone,) = await courier.deliver(placed, clips(tmp_path, make_take()))

    assert [locked.reason.code, gone.reason.code] == ["thread-locked", "channel-gone"]


async def test_where_threads_are_forbidden_the_channel_takes_the_result(real: LoopbackWorld) -> None:
    await real.sandbox.set_overwrite(str(real.channel_id), deny=["create_public_threads"])

    assert await real.courier().open_thread(snapshot(real, S.DELIVERING)) is None


async def test_a_long_prompt_comes_along_as_a_file(real: LoopbackWorld, tmp_path: Path) -> None:
    prompt = "@hero walks " * 200

    request = snapshot(real, S.DELIVERING, make_take(), written_prompt=prompt)
    await real.courier().deliver(request, clips(tmp_path, make_take()))

    (message,) = await real.messages(real.channel_id)
    assert [file.filename for file in message.attachments] == [f"{REQUEST_ID}-1.mp4", "prompt.txt"]
    assert prompt in (await real.sandbox.fetch(message.attachments[1].url)).decode()
    assert await real.sandbox.fetch(message.attachments[0].url) == CLIP


async def test_only_the_one_who_asked_is_pinged_and_only_by_what_wants_them(
    real: LoopbackWorld, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    allowed: list[object] = []
    send = real.client.http.send_message

    def watched(channel_id: int, *, params: Any) -> Any:
        payload = params.payload or json.loads(params.multipart[0]["value"])
        allowed.append(payload["allowed_mentions"])
        return send(channel_id, params=params)

    monkeypatch.setattr(real.client.http, "send_message", watched)
    request = snapshot(real, S.DELIVERING, make_take())

    await real.courier().show_card(request)
    await real.courier().deliver(request, clips(tmp_path, make_take()))
    await real.courier().call_back(snapshot(real, S.DRAFT))

    her = {"parse": [], "users": ["42"]}
    assert allowed == [{"parse": []}, her, her]


async def test_discord_py_remembers_no_view_of_ours(real: LoopbackWorld) -> None:
    courier = real.courier()
    for state in (S.QUEUED, S.PREPARING):
        await courier.show_card(snapshot(real, state))

    views: Any = real.client._connection._view_store  # pyright: ignore[reportPrivateUsage]
    assert views._views == {}
    assert views._synced_message_views == {}


async def test_a_thread_is_named_after_the_prompt(real: LoopbackWorld) -> None:
    prompt = "a\u202e boat\n\n" + "sails " * 50

    await real.courier().open_thread(snapshot(real, S.DELIVERING, written_prompt=prompt))

    (thread,) = await real.sandbox.threads(str(real.channel_id))
    assert thread.name.startswith("a boat sails sails")
    assert len(thread.name) <= 100
    assert thread.name.endswith("…")


@pytest.mark.parametrize(
    ("status", "code", "outcome"),
    [
        (403, 50001, "delivery-forbidden"),
        (403, 50013, "delivery-forbidden"),
        (404, 10003, "channel-gone"),
        (400, 160005, "thread-locked"),
        (413, 0, "delivery-too-large"),
        (400, 200000, "delivery-refused"),
        (401, 0, "discord-unavailable"),
        (403, 0, "discord-unavailable"),  # a proxy's
        (503, 0, "discord-unavailable"),
    ],
)
async def test_only_a_definite_no_of_discord_counts_as_a_refusal(
    real: LoopbackWorld, status: int, code: int, outcome: str
) -> None:
    await real.sandbox.fault("status", method="POST", path_regex="/messages$", status=status, code=code)

    with pytest.raises(Unavailable if outcome == "discord-unavailable" else DeliveryRefused) as error:
        await real.courier().announce(snapshot(real, S.FAILED))

    assert error.value.reason.code == outcome
    assert "(" not in words.say(error.value.reason).replace(f"(its error {code})", "")
