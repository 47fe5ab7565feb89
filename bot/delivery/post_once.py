"""Post once per slot, whatever crashed in between: outbox row, nonce, marker, in that order."""

from dataclasses import dataclass
from typing import Final

from bot.cards import find_marker
from bot.delivery.discord_rest import DiscordRest, Draft, MessageGone, Posted
from bot.delivery.slots import fresh_nonce, nonce
from bot.domain.errors import Unavailable
from bot.domain.identity import Clock
from bot.domain.ports import FaultPoint, RequestStore
from bot.domain.reasons import reason
from bot.domain.requests import Post

_CLOCK_SLACK_MS: Final = 10 * 60 * 1000
"""How far our clock may be ahead of Discord's before a search by time could miss a message."""
_NONCES: Final = 3
"""How many nonces are spent on one slot in one call; each further one needs a message deleted seconds ago."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Landed:
    """Where a slot's message is. `certainly_new` is false when it may be an earlier try's, and may show old news."""

    channel_id: int
    message_id: int
    certainly_new: bool


class PostOnce:
    """Puts a slot's message into a channel exactly once."""

    def __init__(self, rest: DiscordRest, store: RequestStore, clock: Clock, reached: FaultPoint) -> None:
        self._rest, self._store, self._clock, self._reached = rest, store, clock, reached

    async def post(self, request_id: str, slot: str, channel_id: int, draft: Draft, *, shown: str) -> Landed:
        """Posts, unless the slot has its message already. The first intended channel stays the slot's channel.

        `shown` is stored with a message that is certainly new. `Unavailable`: it may be posted, call again;
        `DeliveryRefused`: it is not.
        """
        post, existed = await self._store.intend_post(request_id, slot, channel_id, now_ms=self._clock())
        if post.message_id is not None:
            return Landed(channel_id=post.channel_id, message_id=post.message_id, certainly_new=False)
        posted = await self._look(post) if existed else None
        posted = posted or await self._send(post, draft)
        self._reached(f"posted:{slot}")
        await self._store.record_post(request_id, slot, message_id=posted.message_id, shown=None if existed else shown)
        return Landed(channel_id=post.channel_id, message_id=posted.message_id, certainly_new=not existed)

    async def _send(self, post: Post, draft: Draft) -> Posted:
        """A nonce answers with 404 when its message was deleted (discord.py issue 10116): look, then take another."""
        for attempt in range(_NONCES):
            token = fresh_nonce(nonce(post.request_id, post.slot), attempt)
            try:
                return await self._rest.post(post.channel_id, draft, nonce=token)
            except MessageGone:
                found = await self._look(post)
            if found is not None:
                return found
        raise Unavailable(reason("discord-unavailable"), detail="every nonce of this slot belongs to a deleted message")

    async def _look(self, post: Post) -> Posted | None:
        since_ms = post.intended_at_ms - _CLOCK_SLACK_MS
        wanted = (post.request_id, post.slot)
        return await self._rest.find_since(post.channel_id, since_ms, lambda texts: find_marker(texts) == wanted)
