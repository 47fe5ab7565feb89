"""The one door to Discord's REST for everything that is posted: plain calls in, our error tree out.

Needs a client that is logged in; a gateway connection is not needed, and no cache is read.
"""

import io
from collections.abc import AsyncGenerator, Callable, Generator, Iterator, Sequence
from contextlib import aclosing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final, cast

import aiohttp
import discord
from discord.abc import Snowflake

from bot.cards import Sheet
from bot.domain import words
from bot.domain.errors import DeliveryRefused, Unavailable
from bot.domain.reasons import Argument, Reason, reason

Proof = Callable[[Sequence[str]], bool]
"""Tells from a message's texts whether it is the one looked for."""

_DISCORD_EPOCH_MS: Final = 1_420_070_400_000
_CODES: Final = {
    10003: "channel-gone",
    40005: "delivery-too-large",
    50001: "delivery-forbidden",
    50013: "delivery-forbidden",
    50083: "thread-locked",  # edits of messages in an archived thread
    160005: "thread-locked",
}
"""Discord's JSON error codes (docs: topics/opcodes-and-status-codes) that refuse for good."""
_UNKNOWN_MESSAGE, _THREAD_EXISTS = 10008, 160004
_UNAUTHORIZED, _FORBIDDEN, _NOT_FOUND, _TOO_LARGE, _TOO_MANY, _SERVER = 401, 403, 404, 413, 429, 500
_ARCHIVE_AFTER_MINUTES: Final = 1440


class MessageGone(Exception):
    """The message is deleted; when posting: the nonce belongs to a message that is deleted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Upload:
    """A file to attach: its bytes, or where they are."""

    name: str
    content: Path | bytes

    @property
    def byte_count(self) -> int:
        """Its size."""
        return len(self.content) if isinstance(self.content, bytes) else self.content.stat().st_size


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """What to post. `draw` makes a fresh view each time; `text` is for posts without one. `ping`: who may be pinged."""

    draw: Callable[[], Sheet] | None = None
    text: str | None = None
    uploads: tuple[Upload, ...] = ()
    ping: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Posted:
    """A message that is there: its id and its files' signed URLs, fresh from now."""

    message_id: int
    urls: tuple[str, ...]


class DiscordRest:
    """Calls of the bot's own token. All raise `Unavailable`, `DeliveryRefused` and, where it says so, `MessageGone`."""

    def __init__(self, client: discord.Client) -> None:
        self._client = client

    async def post(self, channel_id: int, draft: Draft, *, nonce: str) -> Posted:
        """Posts, or answers the message that this nonce has made minutes ago. `MessageGone` when that is deleted."""
        total_bytes = sum(upload.byte_count for upload in draft.uploads)
        files = [_file(upload) for upload in draft.uploads]
        with _door(byte_count=total_bytes):
            channel = self._channel(channel_id)
            mentions = _mentions(draft.ping)
            if draft.draw is None:
                message = await channel.send(draft.text, files=files, nonce=nonce, allowed_mentions=mentions)
            else:
                message = await channel.send(view=draft.draw(), files=files, nonce=nonce, allowed_mentions=mentions)
        return _posted(message)

    async def edit(self, channel_id: int, message_id: int, view: Sheet) -> None:
        """Replaces a message's layout without pinging anybody. `MessageGone`."""
        with _door():
            message = self._channel(channel_id).get_partial_message(message_id)
            await message.edit(view=view, allowed_mentions=discord.AllowedMentions.none())

    async def fetch(self, channel_id: int, message_id: int) -> Posted:
        """One message. `MessageGone`."""
        with _door():
            return _posted(await self._channel(channel_id).fetch_message(message_id))

    async def delete(self, channel_id: int, message_id: int) -> None:
        """Deletes a message. `MessageGone`."""
        with _door():
            await self._channel(channel_id).get_partial_message(message_id).delete()

    async def find_since(self, channel_id: int, since_ms: int, proof: Proof) -> Posted | None:
        """Looks through the bot's own messages since a time; `None` is certain: it is not there.

        Without Read Message History Discord shows an empty channel, so an empty-handed search asks for one message
        by id: a refusal of that means that nothing can be known (`DeliveryRefused`).
        """
        since = discord.Object(max(0, since_ms - _DISCORD_EPOCH_MS) << 22)
        found = await self._search(channel_id, proof, after=since, limit=None)
        if found is None:
            with suppress(MessageGone):
                await self.fetch(channel_id, since.id)
        return found

    async def find_recent(self, channel_id: int, count: int, proof: Proof) -> Posted | None:
        """Looks through the newest `count` messages, newest first; `None` is not certain."""
        return await self._search(channel_id, proof, after=None, limit=count)

    async def start_thread(self, channel_id: int, message_id: int, name: str) -> int:
        """Opens the message's own thread, once: its id is the message's. `MessageGone`."""
        try:
            with _door():
                await self._client.http.start_thread_with_message(
                    channel_id, message_id, name=name, auto_archive_duration=_ARCHIVE_AFTER_MINUTES
                )
        except _ThreadExists:
            pass
        return message_id

    async def _search(
        self, channel_id: int, proof: Proof, *, after: discord.Object | None, limit: int | None
    ) -> Posted | None:
        own_id = self._client.user.id if self._client.user else None
        history = self._channel(channel_id).history(limit=limit, after=after, oldest_first=after is not None)
        with _door():
            async with aclosing(cast("AsyncGenerator[discord.Message]", history)) as messages:
                async for message in messages:
                    if message.author.id == own_id and proof(_texts(message)):
                        return _posted(message)
        return None

    def _channel(self, channel_id: int) -> discord.PartialMessageable:
        return self._client.get_partial_messageable(channel_id)


class _ThreadExists(Exception):
    """The message has its thread already."""


@contextmanager
def _door(*, byte_count: int = 0) -> Generator[None]:
    """Foreign exceptions stop here. `byte_count` is what was uploaded, for the sentence of a refusal."""
    try:
        yield
    except discord.RateLimited as error:
        after_ms = round(error.retry_after * 1000)
        raise Unavailable(reason("discord-unavailable"), retry_after_ms=after_ms) from error
    except discord.HTTPException as error:
        raise _translated(error, byte_count) from error
    except (aiohttp.ClientError, OSError) as error:
        raise Unavailable(reason("discord-unavailable"), detail=repr(error)) from error


def _translated(error: discord.HTTPException, byte_count: int) -> Exception:
    if error.code == _THREAD_EXISTS:
        return _ThreadExists()
    if error.code == _UNKNOWN_MESSAGE:
        return MessageGone()
    code = _CODES.get(error.code) or ("delivery-too-large" if error.status == _TOO_LARGE else "delivery-refused")
    if error.code not in _CODES and _may_pass(error):
        return Unavailable(reason("discord-unavailable"), detail=_status(error))
    arguments: dict[str, dict[str, Argument]] = {
        "delivery-too-large": {"size": words.byte_size(byte_count)},
        "delivery-refused": {"error": error.code or error.status},
    }
    return DeliveryRefused(Reason(code, arguments.get(code, {})), detail=_status(error))


def _status(error: discord.HTTPException) -> str:
    """Discord's verdict without its words, which may quote what was posted."""
    return f"HTTP {error.status}, code {error.code}"


def _may_pass(error: discord.HTTPException) -> bool:
    """True for what is no definite refusal: overload, a lost login, and the 403 or 404 of a proxy on the way."""
    by_a_proxy = error.code == 0 and error.status in {_FORBIDDEN, _NOT_FOUND}
    return error.status >= _SERVER or error.status in {_TOO_MANY, _UNAUTHORIZED} or by_a_proxy


def _file(upload: Upload) -> discord.File:
    source = io.BytesIO(upload.content) if isinstance(upload.content, bytes) else upload.content
    return discord.File(source, filename=upload.name)


@dataclass(frozen=True, slots=True)
class _Named:
    """A person for `allowed_mentions`: discord.py sends the id as it is, and Discord's contract wants a text."""

    id: str


def _mentions(ping: int | None) -> discord.AllowedMentions:
    if ping is None:
        return discord.AllowedMentions.none()
    one = cast("Snowflake", _Named(str(ping)))
    return discord.AllowedMentions(everyone=False, roles=False, replied_user=False, users=[one])


def _posted(message: discord.Message) -> Posted:
    return Posted(message_id=message.id, urls=tuple(attachment.url for attachment in message.attachments))


def _texts(message: discord.Message) -> list[str]:
    return [message.content, *(text for component in message.components for text in _component_texts(component))]


def _component_texts(component: discord.Component) -> Iterator[str]:
    if isinstance(component, discord.TextDisplay):
        yield component.content
    if isinstance(component, discord.Container | discord.SectionComponent):
        for child in component.children:
            yield from _component_texts(child)
