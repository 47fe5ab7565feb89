"""Cards and results on their way to Discord."""

from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

import discord
import structlog

from bot import cards
from bot.cards.text import fitted, one_line
from bot.delivery.discord_rest import DiscordRest, Draft, MessageGone, Upload
from bot.delivery.post_once import PostOnce
from bot.delivery.slots import CALLBACK, CARD, NOTICE, Parcel, parcels
from bot.domain.errors import DeliveryRefused
from bot.domain.identity import Clock
from bot.domain.ports import FaultPoint, RequestStore, no_fault
from bot.domain.requests import ChannelKind, Request, Snapshot, Take, Undelivered, is_result
from bot.domain.states import RequestState

RenderPrompt = Callable[[Request], str]
"""The prompt as the model reads it; for a request without a parsed prompt, as it was written."""
VendorTokens = Callable[[Request], Mapping[str, str]]
"""Reference id → the token the model reads, for those it numbers otherwise than we do."""

_log: structlog.stdlib.BoundLogger = structlog.get_logger("rushes.delivery")
_THREAD: Final = "thread"
"""What the log calls a thread that may not be opened; it is no slot of the outbox."""
_THREAD_NAME_CHARACTERS: Final = 100
_SUFFIXES: Final = {"mp4": ".mp4", "mov": ".mov", "webm": ".webm"}


class DiscordCourier:
    """The `Courier` that speaks to Discord with the bot's token; no gateway cache is read, so any worker can use it."""

    def __init__(
        self,
        client: discord.Client,
        store: RequestStore,
        render_prompt: RenderPrompt,
        clock: Clock,
        *,
        open_threads: bool,
        ping_requester: bool,
        vendor_tokens: VendorTokens,
        keep_files_ms: int,
        reached: FaultPoint = no_fault,
    ) -> None:
        """`client` is logged in. `keep_files_ms`: so long files are kept after a request's end.

        `reached` is called with `posted:<slot>` between Discord's answer and its row.
        """
        self._rest = DiscordRest(client)
        self._once = PostOnce(self._rest, store, clock, reached)
        self._store, self._render, self._clock = store, render_prompt, clock
        self._vendor_tokens, self._keep_files_ms = vendor_tokens, keep_files_ms
        self._open_threads, self._ping_requester = open_threads, ping_requester

    async def show_card(self, snapshot: Snapshot) -> None:
        """Posts the card once, then edits it. A card that somebody deleted stays deleted and counts as shown.

        A refused one counts as shown too, so that nobody tries for ever. `Unavailable`, `DeliveryRefused`.
        """
        await self._card(snapshot)

    async def open_thread(self, snapshot: Snapshot) -> int | None:
        """The thread for the result; `None` also when Discord refuses to open one: then the channel takes it."""
        request, place = snapshot.request, snapshot.request.place
        if request.thread_id is not None:
            return request.thread_id
        if place.channel_kind is ChannelKind.THREAD:
            return place.channel_id
        if place.channel_kind is not ChannelKind.TEXT or not self._open_threads:
            return None
        try:
            message_id = await self._card_message(snapshot)
            with _refusals_logged(request.id, _THREAD):
                return await self._rest.start_thread(place.channel_id, message_id, _thread_name(request))
        except (MessageGone, DeliveryRefused):
            return None

    async def deliver(self, snapshot: Snapshot, clips: Sequence[tuple[Take, Path]]) -> tuple[Undelivered, ...]:
        """One message with all clips, or one a clip when they do not fit together. Slots with a message are skipped.

        Every message is tried; the first that is posted tells everything. Answers what was refused. `Unavailable`:
        call again, what is posted is not posted again.
        """
        paths = {take.id: path for take, path in clips}
        limit_bytes = snapshot.request.place.upload_limit_bytes
        undelivered: list[Undelivered] = []
        told = any(post.message_id is not None for post in snapshot.posts if is_result(post.slot))
        for parcel in parcels([take for take, _ in clips], upload_limit_bytes=limit_bytes):
            try:
                await self._post_parcel(snapshot, parcel, paths, further=told)
            except DeliveryRefused as refused:
                undelivered.append(Undelivered(reason=refused.reason, take_ids=parcel.take_ids))
            else:
                told = True
        return tuple(undelivered)

    async def call_back(self, snapshot: Snapshot) -> None:
        """Posts the call once, beside where the draft was made. A refused one counts as made, as a card's does."""
        request, post = snapshot.request, snapshot.post(CALLBACK)
        if post is not None and (post.message_id is not None or post.shown is not None):
            return
        draft = Draft(draw=lambda: cards.called_back(snapshot), ping=self._ping(snapshot))
        try:
            await self._post(snapshot, CALLBACK, request.place.channel_id, draft)
        except DeliveryRefused:
            await self._store.record_post(request.id, CALLBACK, message_id=None, shown=request.state.value)
            raise

    async def announce(self, snapshot: Snapshot) -> None:
        """Posts the notice once: where the result would have gone, or, where that was refused, beside the card."""
        request, post = snapshot.request, snapshot.post(NOTICE)
        thread_id = None if request.state is RequestState.KEPT else request.thread_id
        if post is None or post.message_id is None:
            draft = Draft(draw=lambda: cards.notice(snapshot), ping=self._ping(snapshot))
            await self._post(snapshot, NOTICE, thread_id or request.place.channel_id, draft)

    async def _post_parcel(
        self, snapshot: Snapshot, parcel: Parcel, paths: Mapping[str, Path], *, further: bool
    ) -> None:
        request, post = snapshot.request, snapshot.post(parcel.slot)
        if post is None or post.message_id is None:
            draft = self._result(snapshot, parcel, paths, further=further)
            await self._post(snapshot, parcel.slot, request.thread_id or request.place.channel_id, draft)

    async def _post(self, snapshot: Snapshot, slot: str, channel_id: int, draft: Draft) -> None:
        request = snapshot.request
        with _refusals_logged(request.id, slot):
            await self._once.post(request.id, slot, channel_id, draft, shown=request.state.value)

    # --- the card ------------------------------------------------------------------------------------------------

    async def _card_message(self, snapshot: Snapshot) -> int:
        post = snapshot.post(CARD)
        return post.message_id if post and post.message_id is not None else await self._card(snapshot)

    async def _card(self, snapshot: Snapshot) -> int:
        request, post = snapshot.request, snapshot.post(CARD)
        message_id = post.message_id if post else None
        try:
            with _refusals_logged(request.id, CARD):
                if post is None or message_id is None:
                    message_id = await self._post_card(snapshot)
                else:
                    await self._edit_card(snapshot, post.channel_id, message_id)
        except DeliveryRefused:
            await self._store.record_post(request.id, CARD, message_id=message_id, shown=request.state.value)
            raise
        return message_id

    async def _post_card(self, snapshot: Snapshot) -> int:
        request = snapshot.request
        draft = Draft(draw=lambda: self._drawn_card(snapshot))
        landed = await self._once.post(request.id, CARD, request.place.channel_id, draft, shown=request.state.value)
        if not landed.certainly_new:
            await self._edit_card(snapshot, landed.channel_id, landed.message_id)
        return landed.message_id

    async def _edit_card(self, snapshot: Snapshot, channel_id: int, message_id: int) -> None:
        request = snapshot.request
        with suppress(MessageGone):  # somebody did not want it here
            await self._rest.edit(channel_id, message_id, self._drawn_card(snapshot))
        await self._store.record_post(request.id, CARD, message_id=message_id, shown=request.state.value)

    def _drawn_card(self, snapshot: Snapshot) -> cards.Sheet:
        request = snapshot.request
        return cards.card(snapshot, rendered_prompt=self._render(request), vendor_tokens=self._vendor_tokens(request))

    # --- the result ----------------------------------------------------------------------------------------------

    def _result(self, snapshot: Snapshot, parcel: Parcel, paths: Mapping[str, Path], *, further: bool) -> Draft:
        rendered, now_ms = self._render(snapshot.request), self._clock()
        tokens = self._vendor_tokens(snapshot.request)
        clips = [Upload(name=_clip_name(take), content=paths[take.id]) for take in parcel.takes]
        names = [clip.name for clip in clips]
        prompt = None if further else cards.prompt_file(snapshot, rendered)
        texts = [Upload(name=cards.PROMPT_FILE, content=prompt.encode())] if prompt is not None else []
        return Draft(
            draw=lambda: cards.result(
                snapshot,
                names,
                rendered_prompt=rendered,
                slot=parcel.slot,
                further=further,
                now_ms=now_ms,
                vendor_tokens=tokens,
                takes=parcel.takes,
                kept_until_ms=now_ms + self._keep_files_ms,
            ),
            uploads=(*clips, *texts),
            ping=None if further else self._ping(snapshot),
        )

    def _ping(self, snapshot: Snapshot) -> int | None:
        return snapshot.request.person.id if self._ping_requester else None


@contextmanager
def _refusals_logged(request_id: str, slot: str) -> Generator[None]:
    """For the operator: one event a refusal, with Discord's status and code and never a word of what was posted."""
    try:
        yield
    except DeliveryRefused as refused:
        verdict = refused.__cause__
        status, code = (verdict.status, verdict.code) if isinstance(verdict, discord.HTTPException) else (None, None)
        _log.warning(
            "delivery refused", request=request_id, slot=slot, reason=refused.reason.code, status=status, code=code
        )
        raise


def _clip_name(take: Take) -> str:
    return take.id + _SUFFIXES.get(take.posted_facts.format if take.posted_facts else "mp4", ".mp4")


def _thread_name(request: Request) -> str:
    """From the prompt; Discord takes 1–100 characters and reads no markdown there."""
    name = fitted(one_line(request.written_prompt), _THREAD_NAME_CHARACTERS, draw=str)
    return name or f"Video {request.id}"
