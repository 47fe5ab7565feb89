"""References as the bot's own messages in a private channel: Discord signs their URLs for about a day."""

import asyncio
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from bot.domain import words
from bot.domain.errors import DeliveryRefused, Refused, Unavailable
from bot.domain.ports import ContentStore, FaultPoint, Poster, no_fault
from bot.domain.reasons import Reason, reason
from bot.domain.references import Reference
from bot.domain.requests import Publication

_MAX_FILES: Final = 10
"""Discord, Create Message."""
MAX_BYTES: Final = 24 << 20
"""Discord takes requests of at most 25 MiB (docs, resources/message.mdx)."""
_MOST_STRAYS: Final = 24
"""More messages than a take can have: a search that still finds some then is out of date."""
_SUFFIXES: Final[Mapping[str, str]] = {"jpeg": "jpg", "quicktime": "mov", "mpeg": "mp3"}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Part:
    """The references of one message. The parts of a take are always the same, so a number names a message."""

    number: int
    references: tuple[Reference, ...]


class StagingChannelPublisher:
    """A `Publisher` over a channel that only the bot and its operator see.

    Each take has messages of its own, so its URLs are too, and the vendor's echo of them tells takes apart.
    A handle is `message id:index of the file`. Files are called by the reference's number, never by its name.
    """

    def __init__(
        self,
        poster: Poster,
        contents: ContentStore,
        channel_id: int,
        *,
        max_bytes_each: int,
        scratch: Path,
        reached: FaultPoint = no_fault,
    ) -> None:
        """`scratch` is a directory for copies on their way. `reached` is called with `staged` before answering."""
        self._poster, self._contents, self._channel_id = poster, contents, channel_id
        self._max_bytes_each, self._scratch, self._reached = max_bytes_each, scratch, reached

    @property
    def max_bytes_each(self) -> int:
        """The smaller of the operator's limit and what fits into one request of Discord's."""
        return min(self._max_bytes_each, MAX_BYTES)

    def refusal(self, reference: Reference) -> str | None:
        """`publisher-too-large`, or `None`."""
        return "publisher-too-large" if reference.facts.byte_count > self.max_bytes_each else None

    async def publish(
        self, take_id: str, references: Sequence[Reference], existing: Sequence[Publication]
    ) -> tuple[Publication, ...]:
        """Freshly signed URLs in the references' order; messages that are there already are only looked at again.

        `Unavailable`; `Refused` when a file is too large, its bytes are lost, or Discord refuses the channel. Then what
        is there of the take is withdrawn, if that can be done at once.
        """
        self._refuse_too_large(references)
        handles = {publication.reference_id: publication.handle for publication in existing}
        published: list[Publication] = []
        try:
            for part in _parts(references):
                published += await self._renewed(part, handles) or await self._posted(take_id, part)
        except DeliveryRefused as refused:
            await self._tidy(take_id, published)
            raise self._refused(refused, references) from refused
        except Refused:
            await self._tidy(take_id, published)
            raise
        self._reached("staged")
        return tuple(published)

    async def withdraw(self, take_id: str, publications: Sequence[Publication]) -> None:
        """Deletes the messages, then whatever else in the channel bears the take's marker. `Unavailable`.

        The search cannot be spared: what was posted last may be what a crash kept from being recorded.
        """
        for message_id in dict.fromkeys(_message_id(publication.handle) for publication in publications):
            if message_id is not None:
                await self._poster.delete(self._channel_id, message_id)
        for _ in range(_MOST_STRAYS):
            stray = await self._poster.find(self._channel_id, marker_prefix=_marker(take_id))
            if stray is None:
                return
            await self._poster.delete(self._channel_id, stray)
        raise Unavailable(reason("discord-unavailable"), detail=f"take {take_id} still has staged messages")

    async def _tidy(self, take_id: str, published: Sequence[Publication]) -> None:
        with suppress(Unavailable):  # the caller withdraws a take that failed, and tries that again
            await self.withdraw(take_id, published)

    async def _renewed(self, part: _Part, handles: Mapping[str, str]) -> list[Publication]:
        """The part's publications with fresh URLs; empty unless all of them are still in one message."""
        ids = {_message_id(handles.get(reference.id, "")) for reference in part.references}
        message_id = ids.pop() if len(ids) == 1 else None
        if message_id is None:
            return []
        urls = await self._poster.file_urls(self._channel_id, message_id)
        whole = urls is not None and len(urls) == len(part.references)
        return _publications(part, message_id, urls) if urls is not None and whole else []

    async def _posted(self, take_id: str, part: _Part) -> list[Publication]:
        folder = await asyncio.to_thread(tempfile.TemporaryDirectory[str], dir=self._scratch)
        try:
            files = [(_file_name(one), await self._copied(one, Path(folder.name))) for one in part.references]
            message_id, urls = await self._poster.post_files(
                self._channel_id,
                nonce=f"{take_id}-refs{part.number}",
                marker=f"{_marker(take_id)}{part.number}",
                files=files,
            )
        finally:
            await asyncio.to_thread(folder.cleanup)
        return _publications(part, message_id, urls)

    async def _copied(self, reference: Reference, folder: Path) -> Path:
        path = folder / _file_name(reference)
        try:
            await self._contents.copy_to(reference.content, path)
        except KeyError as missing:
            raise Refused(reason("bytes-gone", name=reference.name)) from missing
        return path

    def _refuse_too_large(self, references: Sequence[Reference]) -> None:
        refused = [self._too_large(one) for one in references if self.refusal(one) is not None]
        if refused:
            raise Refused(*refused)

    def _too_large(self, reference: Reference) -> Reason:
        size, limit = words.byte_size(reference.facts.byte_count), words.byte_size(self.max_bytes_each)
        return reason("publisher-too-large", name=reference.name, size=size, limit=limit)

    def _refused(self, refused: DeliveryRefused, references: Sequence[Reference]) -> Refused:
        if refused.reason.code == "delivery-too-large":
            largest = max(references, key=lambda reference: reference.facts.byte_count)
            return Refused(self._too_large(largest), detail=refused.detail)
        return Refused(reason("publisher-refused"), detail=refused.detail)


def _marker(take_id: str) -> str:
    """What the texts of the take's messages begin with; the part's number follows."""
    return f"{take_id} refs "


def _parts(references: Sequence[Reference]) -> list[_Part]:
    """The references in order, cut where a message is full."""
    groups: list[list[Reference]] = []
    room_bytes = 0
    for reference in references:
        byte_count = reference.facts.byte_count
        if not groups or len(groups[-1]) == _MAX_FILES or byte_count > room_bytes:
            groups.append([])
            room_bytes = MAX_BYTES
        groups[-1].append(reference)
        room_bytes -= byte_count
    return [_Part(number=number, references=tuple(group)) for number, group in enumerate(groups, start=1)]


def _publications(part: _Part, message_id: int, urls: Sequence[str]) -> list[Publication]:
    return [
        Publication(reference_id=reference.id, handle=f"{message_id}:{index}", url=url)
        for index, (reference, url) in enumerate(zip(part.references, urls, strict=True))
    ]


def _message_id(handle: str) -> int | None:
    text = handle.partition(":")[0]
    return int(text) if text.isascii() and text.isdigit() else None


def _file_name(reference: Reference) -> str:
    known = reference.facts.format
    suffix = _SUFFIXES.get(known, known)
    return f"{reference.number}.{suffix if suffix.isascii() and suffix.isalnum() else 'bin'}"
