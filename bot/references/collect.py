"""Offers → references: fetched, looked into, kept as they came. Every file's fate is known before anybody is told."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

import aiofiles
import aiofiles.os
import structlog

from bot.domain.conform import Record, Verdict
from bot.domain.errors import Refused, Unavailable
from bot.domain.identity import Ids
from bot.domain.models import ModelLimits
from bot.domain.ports import Conformer, ContentStore, Downloader, MediaTools
from bot.domain.reasons import reason
from bot.domain.references import Collected, Offer, Reference, display_name
from bot.domain.words import byte_size
from bot.references.formats import ACCEPTED, format_words
from bot.references.merge import Kept, NotKept, held_still, looked_into, merged

_HEAD_BYTES = 1 << 16
_AT_ONCE = 6
"""Files on their way in this process, whoever asked: a flood of commands opens no flood of connections and files."""

_log: structlog.stdlib.BoundLogger = structlog.get_logger("rushes.references")


@dataclass(frozen=True, slots=True, kw_only=True)
class Collector:
    """Collects references, few at once: there is one collector in a process.

    `scratch` is a folder for files on their way; nothing stays in it. `limits`: what a file has to keep now, of the
    model and of whatever carries it there: what is decided on a file is decided by them.
    """

    downloader: Downloader
    contents: ContentStore
    media: MediaTools
    conformer: Conformer
    limits: Callable[[], ModelLimits]
    ids: Ids
    scratch: Path
    max_bytes: int
    _turns: asyncio.Semaphore = field(init=False, repr=False, default_factory=lambda: asyncio.Semaphore(_AT_ONCE))

    async def collect(self, offers: Sequence[Offer]) -> Collected:
        """The references in the order offered, numbered, and every offer's fate: one that is refused stops nothing.

        `Unavailable` when a service did not answer: then nothing can be said of the files. The bytes of those that were
        kept stay in the store, in nobody's use: the sweep takes them after its hour.
        """
        async with asyncio.TaskGroup() as tasks:
            running = [tasks.create_task(self._outcome(offer)) for offer in offers]
        return merged([_told(task.result()) for task in running], self.ids)

    async def _outcome(self, offer: Offer) -> Kept | NotKept | Unavailable:
        async with self._turns:
            try:
                return await self._kept(offer)
            except Unavailable as failure:
                return failure
            except Refused as refused:
                if refused.detail:
                    _log.info("file refused", reason=refused.reason.code, detail=refused.detail)
                return NotKept(offer, refused)

    async def _kept(self, offer: Offer) -> Kept:
        if offer.refusal is not None:
            raise Refused(offer.refusal)
        if offer.held is not None:
            return await self._held(offer, offer.held)
        return await self._fetched(offer, display_name(offer.name))

    async def _held(self, offer: Offer, reference: Reference) -> Kept:
        if not await self.contents.holds(reference.content):
            raise _gone(reference)
        return (
            held_still(offer, reference) if reference.record is not None else await self._decided_on(offer, reference)
        )

    async def _decided_on(self, offer: Offer, reference: Reference) -> Kept:
        """What an earlier release kept was never looked into for what it hides: it is now."""
        async with self._scratch_file() as path:
            try:
                await self.contents.copy_to(reference.content, path)
            except KeyError as error:
                raise _gone(reference) from error
            record = await self._recorded(path, display_name(reference.name))
        return held_still(offer, reference, record)

    async def _fetched(self, offer: Offer, name: str) -> Kept:
        async with self._scratch_file() as path:
            self._check_size(name, await self.downloader.fetch(offer, path), offer.most_bytes(self.max_bytes))
            await self._check_media(name, path)
            record = await self._recorded(path, name)
            return looked_into(offer, await self.contents.put(path), record)

    async def _recorded(self, path: Path, name: str) -> Record:
        """The decision on a file. `Refused` when it cannot be used."""
        record = await self.conformer.record(path, self.limits(), name=name)
        if record.verdict is Verdict.REJECT:
            raise _rejected(record, name)
        return record

    @asynccontextmanager
    async def _scratch_file(self) -> AsyncGenerator[Path]:
        """A path named by us: a person's name for a file reaches no path."""
        await aiofiles.os.makedirs(self.scratch, exist_ok=True)
        path = self.scratch / f"collect-{self.ids.short()}"
        try:
            yield path
        finally:
            with suppress(FileNotFoundError):
                await aiofiles.os.remove(path)

    async def _check_media(self, name: str, path: Path) -> None:
        """`Refused` for what is neither picture, film nor sound."""
        async with aiofiles.open(path, "rb") as file:
            sniffed = self.media.sniff(await file.read(_HEAD_BYTES))
        if sniffed.kind is None:
            found = format_words(sniffed.format)
            raise Refused(reason("file-not-media", name=name, found=found, accepted=ACCEPTED))

    def _check_size(self, name: str, byte_count: int, limit: int) -> None:
        """The downloader has counted already; this holds for any downloader."""
        if byte_count > limit:
            raise Refused(reason("file-too-large", name=name, size=byte_size(byte_count), limit=byte_size(limit)))


def _told(outcome: Kept | NotKept | Unavailable) -> Kept | NotKept:
    """What is nobody's fault is raised: it is tried again, and the rest will be said then."""
    if isinstance(outcome, Unavailable):
        raise outcome
    return outcome


def _gone(reference: Reference) -> Refused:
    return Refused(reason("bytes-gone", name=display_name(reference.name)))


def _rejected(record: Record, name: str) -> Refused:
    """The refusal in people's words: records name formats as the sniffer does."""
    why = record.why or reason("not-conformed", name=name)
    found = why.arguments.get("found")
    words = {"found": format_words(found)} if isinstance(found, str) else {}
    return Refused(replace(why, arguments={**why.arguments, **words, "name": name}), detail=record.code)
