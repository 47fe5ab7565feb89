"""Working fakes of `Courier` and `Poster`: a Discord in memory, held true by `tests/contract/test_courier.py`."""

# ruff: noqa: ANN401  builders hand fields on to dataclasses, which know their types

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from collections.abc import AsyncGenerator, Generator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, cast

import discord

from bot.delivery.slots import CALLBACK, CARD, NOTICE, nonce, parcels
from bot.domain.errors import DeliveryRefused, Unavailable
from bot.domain.identity import Clock
from bot.domain.lanes import Standing
from bot.domain.media import Kind, MediaFacts
from bot.domain.money import NO_BILL, Bill
from bot.domain.ports import FaultPoint, RequestStore, no_fault
from bot.domain.reasons import reason
from bot.domain.references import Reference
from bot.domain.requests import ChannelKind, Parameters, Person, Place, Post, Request, Snapshot, Take, Undelivered
from bot.domain.states import RequestState, TakeState
from bot.domain.words import byte_size

ROOT = Path(__file__).parents[1]
OPENAPI = ROOT.parent / "shared" / "contracts" / "discord_http_openapi.json"


@dataclass(slots=True, kw_only=True)
class MemoryMessage:
    """One message. `shown` lists every state it was drawn for, the first when it was posted, then its edits."""

    id: int
    channel_id: int
    nonce: str
    marker: str
    files: dict[str, bytes]
    shown: list[str] = field(default_factory=list[str])


@dataclass(slots=True)
class MemoryDiscord:
    """Channels and messages. Faults: set them, they wear off as described."""

    messages: dict[int, MemoryMessage] = field(default_factory=dict[int, MemoryMessage])
    threads: set[int] = field(default_factory=set[int])
    down: bool = False
    """While true every call raises `Unavailable` and changes nothing."""
    failing_calls: int = 0
    """That many calls raise `Unavailable` and change nothing."""
    lost_answers: int = 0
    """That many posts are made but answered with `Unavailable`."""
    refusals: dict[str, str] = field(default_factory=dict[str, str])
    """Marker's slot (card, result-1, notice …) → code of the `DeliveryRefused` its posting meets, until removed."""
    upload_limit_bytes: int | None = None
    """What it takes per file."""
    _nonces: dict[str, int] = field(default_factory=dict[str, int])
    _last_id: int = 1_000_000

    def in_channel(self, channel_id: int) -> list[MemoryMessage]:
        """The channel's messages, oldest first."""
        return [message for message in self.messages.values() if message.channel_id == channel_id]

    def forget_nonces(self) -> None:
        """What a few minutes do."""
        self._nonces.clear()

    def delete(self, message_id: int) -> None:
        """A moderator deletes a message."""
        self.check()
        self.messages.pop(message_id, None)

    def check(self) -> None:
        """Raises what a Discord that is down raises."""
        failing, self.failing_calls = self.failing_calls > 0, max(0, self.failing_calls - 1)
        if self.down or failing:
            raise Unavailable(reason("discord-unavailable"))

    def find(self, channel_id: int, marker: str) -> MemoryMessage | None:
        """The search by marker."""
        self.check()
        return next((message for message in self.in_channel(channel_id) if message.marker == marker), None)

    def post(self, channel_id: int, *, nonce: str, marker: str, files: dict[str, bytes], shown: str) -> MemoryMessage:
        """Posts, or answers the message that this nonce already made."""
        self.check()
        slot = marker.rpartition(" ")[2]
        if slot in self.refusals:
            raise DeliveryRefused(reason(self.refusals[slot]))
        if self.upload_limit_bytes is not None and any(len(one) > self.upload_limit_bytes for one in files.values()):
            raise DeliveryRefused(reason("delivery-too-large", size=byte_size(sum(map(len, files.values())))))
        message = self.messages.get(self._nonces.get(nonce, 0)) or self._create(channel_id, nonce, marker, files, shown)
        if self.lost_answers:
            self.lost_answers -= 1
            raise Unavailable(reason("discord-unavailable"))
        return message

    def _create(self, channel_id: int, nonce: str, marker: str, files: dict[str, bytes], shown: str) -> MemoryMessage:
        self._last_id += 1
        message = MemoryMessage(
            id=self._last_id, channel_id=channel_id, nonce=nonce, marker=marker, files=files, shown=[shown]
        )
        self.messages[message.id] = message
        self._nonces[nonce] = message.id
        return message


class MemoryCourier:
    """A `Courier` over `MemoryDiscord`, with the outbox rows in the caller's store."""

    def __init__(
        self,
        store: RequestStore,
        clock: Clock,
        *,
        discord: MemoryDiscord | None = None,
        open_threads: bool = True,
        reached: FaultPoint = no_fault,
    ) -> None:
        self.discord = discord or MemoryDiscord()
        self._store, self._clock, self._open_threads, self._reached = store, clock, open_threads, reached

    async def show_card(self, snapshot: Snapshot) -> None:
        await self._card(snapshot)

    async def open_thread(self, snapshot: Snapshot) -> int | None:
        request = snapshot.request
        if request.thread_id is not None:
            return request.thread_id
        if request.place.channel_kind is ChannelKind.THREAD:
            return request.place.channel_id
        if request.place.channel_kind is ChannelKind.OTHER or not self._open_threads:
            return None
        post = snapshot.post(CARD)
        message_id = post.message_id if post else None
        message_id = message_id if message_id is not None else await self._card(snapshot)
        self.discord.check()
        if message_id is None or message_id not in self.discord.messages:
            return None
        self.discord.threads.add(message_id)
        return message_id

    async def deliver(self, snapshot: Snapshot, clips: Sequence[tuple[Take, Path]]) -> tuple[Undelivered, ...]:
        paths = {take.id: path for take, path in clips}
        place = snapshot.request.place
        channel_id = snapshot.request.thread_id or place.channel_id
        undelivered: list[Undelivered] = []
        for parcel in parcels([take for take, _ in clips], upload_limit_bytes=place.upload_limit_bytes):
            files = {f"{take.id}.mp4": paths[take.id].read_bytes() for take in parcel.takes}
            try:
                await self._post_once(snapshot, parcel.slot, channel_id, files)
            except DeliveryRefused as refused:
                undelivered.append(Undelivered(reason=refused.reason, take_ids=parcel.take_ids))
        return tuple(undelivered)

    async def call_back(self, snapshot: Snapshot) -> None:
        post = snapshot.post(CALLBACK)
        if post is None or (post.message_id is None and post.shown is None):
            await self._settling(snapshot, CALLBACK, snapshot.request.place.channel_id)

    async def announce(self, snapshot: Snapshot) -> None:
        request, post = snapshot.request, snapshot.post(NOTICE)
        thread_id = None if request.state is RequestState.KEPT else request.thread_id
        if post is None or post.shown is None:
            await self._settling(snapshot, NOTICE, thread_id or request.place.channel_id)

    async def _card(self, snapshot: Snapshot) -> int | None:
        message_id = await self._settling(snapshot, CARD, snapshot.request.place.channel_id)
        message = self.discord.messages.get(message_id)
        state = snapshot.request.state.value
        if message and message.shown[-1] != state:
            message.shown.append(state)
        await self._store.record_post(snapshot.request.id, CARD, message_id=message_id, shown=state)
        return message_id

    async def _settling(self, snapshot: Snapshot, slot: str, channel_id: int) -> int:
        try:
            return await self._post_once(snapshot, slot, channel_id, {})
        except DeliveryRefused:
            state = snapshot.request.state.value
            await self._store.record_post(snapshot.request.id, slot, message_id=None, shown=state)
            raise

    async def _post_once(self, snapshot: Snapshot, slot: str, channel_id: int, files: dict[str, bytes]) -> int:
        request = snapshot.request
        post, existed = await self._store.intend_post(request.id, slot, channel_id, now_ms=self._clock())
        if post.message_id is not None:
            self.discord.check()
            return post.message_id
        message = self._look(post) if existed else None
        message = message or self.discord.post(
            post.channel_id,
            nonce=nonce(request.id, slot),
            marker=f"{request.id} {slot}",
            files=files,
            shown=request.state.value,
        )
        self._reached(f"posted:{slot}")
        await self._store.record_post(request.id, slot, message_id=message.id, shown=request.state.value)
        return message.id

    def _look(self, post: Post) -> MemoryMessage | None:
        return self.discord.find(post.channel_id, f"{post.request_id} {post.slot}")


class MemoryPoster:
    """A `Poster` over `MemoryDiscord`. Every look gives URLs that were never given before, as signed ones are."""

    def __init__(self, discord: MemoryDiscord | None = None) -> None:
        self.discord = discord or MemoryDiscord()
        self._signatures = 0

    async def post_files(
        self, channel_id: int, *, nonce: str, marker: str, files: Sequence[tuple[str, Path]]
    ) -> tuple[int, tuple[str, ...]]:
        message = self.discord.find(channel_id, marker) or self.discord.post(
            channel_id,
            nonce=nonce,
            marker=marker,
            files={name: path.read_bytes() for name, path in files},
            shown="staged",
        )
        return message.id, self._urls(message)

    async def file_urls(self, channel_id: int, message_id: int) -> tuple[str, ...] | None:
        self.discord.check()
        message = self.discord.messages.get(message_id)
        return self._urls(message) if message and message.channel_id == channel_id else None

    async def find(self, channel_id: int, *, marker_prefix: str) -> int | None:
        self.discord.check()
        mine = (one.id for one in self.discord.in_channel(channel_id) if one.marker.startswith(marker_prefix))
        return next(mine, None)

    async def delete(self, channel_id: int, message_id: int) -> None:
        self.discord.delete(message_id)

    def _urls(self, message: MemoryMessage) -> tuple[str, ...]:
        self._signatures += 1
        return tuple(
            f"https://cdn.invalid/attachments/{message.channel_id}/{message.id}/{name}?ex={self._signatures:x}"
            for name in message.files
        )


class MemoryContents:
    """A `ContentStore` in a dict."""

    def __init__(self) -> None:
        self.bytes_by_key: dict[str, bytes] = {}

    async def holds(self, key: str) -> bool:
        return key in self.bytes_by_key

    async def put(self, path: Path) -> str:
        content = path.read_bytes()
        key = hashlib.sha256(content).hexdigest()
        self.bytes_by_key[key] = content
        return key

    async def copy_to(self, key: str, path: Path) -> None:
        path.write_bytes(self.bytes_by_key[key])

    async def discard(self, key: str) -> None:
        self.bytes_by_key.pop(key, None)

    def keep(self, content: bytes) -> str:
        """Keeps bytes that are in no file."""
        key = hashlib.sha256(content).hexdigest()
        self.bytes_by_key[key] = content
        return key


# --- a Discord on loopback, for the real adapters --------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Loopback:
    """A running `sandbox.discord` and how to reach it."""

    token: str
    api: str
    control: str


@contextmanager
def loopback_discord() -> Generator[Loopback]:
    """Starts the sandbox's Discord and ends it."""
    contract = [] if not OPENAPI.exists() else ["--contract", str(OPENAPI)]
    command = [sys.executable, "-m", "sandbox.discord", "--port", "0", *contract]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            ready = json.loads(process.stdout.readline())
            yield Loopback(token=str(ready["token"]), api=str(ready["api"]), control=str(ready["control"]))
        finally:
            process.terminate()
            process.wait(timeout=10)


@asynccontextmanager
async def logged_in(loopback: Loopback) -> AsyncGenerator[discord.Client]:
    """A client with REST only, as a worker has it. `discord.http.Route.BASE` has to point to the loopback already."""
    async with discord.Client(intents=discord.Intents.none()) as client:
        await client.login(loopback.token)
        yield client


# --- requests to show ------------------------------------------------------------------------------------------------

REQUEST_ID = "0a1b2c3d4e5f6"
NOW_MS = 1_790_000_000_000


def make_reference(number: int = 1, *, name: str = "hero.png", **changes: Any) -> Reference:
    """An image of 640×480 and 84 kB."""
    facts = MediaFacts(kind=Kind.IMAGE, format="png", byte_count=84_000, width=640, height=480)
    reference = Reference(
        id=f"r{number}", number=number, kind=Kind.IMAGE, kind_number=number, name=name, content="00" * 32, facts=facts
    )
    return replace(reference, **changes)


def make_take(ordinal: int = 1, state: TakeState = TakeState.FETCHED, **changes: Any) -> Take:
    """A take of `REQUEST_ID`; a fetched one has a clip of 5 bytes."""
    take = Take(id=f"{REQUEST_ID}-{ordinal}", request_id=REQUEST_ID, ordinal=ordinal, version=1, state=state)
    if state is TakeState.FETCHED:
        facts = MediaFacts(kind=Kind.VIDEO, format="mp4", byte_count=5, width=640, height=480, seconds=5.0)
        take = replace(take, clip="11" * 32, clip_facts=facts, cost_usd_micros=605_000, submitting_at_ms=NOW_MS)
    return replace(take, **changes)


def make_request(state: RequestState = RequestState.QUEUED, **changes: Any) -> Request:
    """A request of person 42 in channel 7 of guild 5."""
    request = Request(
        id=REQUEST_ID,
        version=1,
        state=state,
        interaction_id=1,
        place=Place(guild_id=5, channel_id=7, channel_kind=ChannelKind.TEXT, upload_limit_bytes=10 << 20),
        person=Person(id=42, name="Ada"),
        written_prompt="@hero walks down the alley",
        offers=(),
        parameters=Parameters(duration_seconds=5, aspect_ratio="16:9"),
        take_count=1,
        created_at_ms=NOW_MS,
        accepted_at_ms=NOW_MS,
        references=(make_reference(),),
        model_id="bytedance-seedance-2-0-fast-reference-to-video",
    )
    return replace(request, **changes)


def make_snapshot(
    state: RequestState = RequestState.QUEUED,
    *takes: Take,
    posts: tuple[Post, ...] = (),
    standing: Standing | None = None,
    bill: Bill = NO_BILL,
    **changes: Any,
) -> Snapshot:
    """`make_request` with its takes and posts."""
    request = make_request(state, take_count=max(1, len(takes)), **changes)
    return Snapshot(request=request, takes=takes, posts=posts, standing=standing, bill=bill)


class OutboxStore:
    """The two methods of a `RequestStore` that delivery uses, and `load` for one snapshot at a time."""

    def __init__(self) -> None:
        self.posts: dict[tuple[str, str], Post] = {}
        self.snapshots: dict[str, Snapshot] = {}

    async def load(self, request_id: str) -> Snapshot | None:
        snapshot = self.snapshots.get(request_id)
        return None if snapshot is None else self.with_posts(snapshot)

    async def intend_post(self, request_id: str, slot: str, channel_id: int, *, now_ms: int) -> tuple[Post, bool]:
        known = self.posts.get((request_id, slot))
        if known is not None:
            return known, True
        post = Post(request_id=request_id, slot=slot, channel_id=channel_id, intended_at_ms=now_ms)
        self.posts[request_id, slot] = post
        return post, False

    async def record_post(self, request_id: str, slot: str, *, message_id: int | None, shown: str | None) -> None:
        self.posts[request_id, slot] = replace(self.posts[request_id, slot], message_id=message_id, shown=shown)

    def with_posts(self, snapshot: Snapshot) -> Snapshot:
        """The snapshot as it would be read now."""
        mine = tuple(post for post in self.posts.values() if post.request_id == snapshot.request.id)
        return replace(snapshot, posts=mine)

    def as_store(self) -> RequestStore:
        """For constructors that ask for the whole port."""
        return cast("RequestStore", self)
