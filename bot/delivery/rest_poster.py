"""Files posted for the vendor's eyes: the `Poster` of publishers."""

from collections.abc import Sequence
from pathlib import Path
from typing import Final

import discord

from bot.delivery.discord_rest import DiscordRest, Draft, MessageGone, Posted, Upload
from bot.delivery.slots import fresh_nonce
from bot.domain.errors import DeliveryRefused, Unavailable
from bot.domain.reasons import reason

_LOOK_BACK_MESSAGES: Final = 200
"""A staging channel holds what is being rendered now; a repeat after a crash comes before much else is posted there."""
_NONCES: Final = 3


class RestPoster:
    """The `Poster` that speaks to Discord with the bot's token. `nonce` has at most 23 characters."""

    def __init__(self, client: discord.Client) -> None:
        """`client` is logged in; no gateway is needed."""
        self._rest = DiscordRest(client)

    async def post_files(
        self, channel_id: int, *, nonce: str, marker: str, files: Sequence[tuple[str, Path]]
    ) -> tuple[int, tuple[str, ...]]:
        """Looks for the marker first, since nothing else outlives the nonce; then posts. The marker is the text."""
        draft = Draft(text=marker, uploads=tuple(Upload(name=name, content=path) for name, path in files))
        for attempt in range(_NONCES):
            posted = await self._rest.find_recent(channel_id, _LOOK_BACK_MESSAGES, lambda texts: texts[0] == marker)
            try:
                posted = posted or await self._rest.post(channel_id, draft, nonce=fresh_nonce(nonce, attempt))
            except MessageGone:
                continue
            return _answer(posted)
        raise Unavailable(reason("discord-unavailable"), detail="every nonce belongs to a deleted message")

    async def file_urls(self, channel_id: int, message_id: int) -> tuple[str, ...] | None:
        """Fetches the message: what Discord answers is signed anew. `None` when message or channel is gone."""
        try:
            return (await self._rest.fetch(channel_id, message_id)).urls
        except MessageGone:
            return None
        except DeliveryRefused as refused:
            if refused.reason.code == "channel-gone":
                return None
            raise

    async def find(self, channel_id: int, *, marker_prefix: str) -> int | None:
        """Looks through the newest messages. A refusal is `Unavailable`, as when deleting; a channel gone has none."""
        try:
            found = await self._rest.find_recent(
                channel_id, _LOOK_BACK_MESSAGES, lambda texts: texts[0].startswith(marker_prefix)
            )
        except DeliveryRefused as refused:
            if refused.reason.code != "channel-gone":
                raise Unavailable(reason("discord-unavailable"), detail=refused.detail) from refused
            return None
        return None if found is None else found.message_id

    async def delete(self, channel_id: int, message_id: int) -> None:
        """Deletes the message. A refusal is `Unavailable`: the operator can mend it, and it is tried again."""
        try:
            await self._rest.delete(channel_id, message_id)
        except MessageGone:
            return
        except DeliveryRefused as refused:
            if refused.reason.code != "channel-gone":
                raise Unavailable(reason("discord-unavailable"), detail=refused.detail) from refused


def _answer(posted: Posted) -> tuple[int, tuple[str, ...]]:
    return posted.message_id, posted.urls
