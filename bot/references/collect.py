"""Offers → references: fetched, looked into, measured, kept. Every file's fate is known before anybody is told."""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

import aiofiles
import aiofiles.os

from bot.domain.errors import Refused, Unavailable
from bot.domain.identity import Ids
from bot.domain.media import MediaFacts, Sniffed
from bot.domain.ports import ContentStore, Downloader, MediaTools
from bot.domain.prompts import PromptStyle
from bot.domain.reasons import Reason, reason
from bot.domain.references import Offer, Reference, numbered
from bot.domain.words import byte_size
from bot.references.formats import ACCEPTED, format_words
from bot.references.names import alias_of, unique_names

_HEAD_BYTES = 1 << 16
_AT_ONCE = 6
"""Files on their way in this process, whoever asked: a flood of commands opens no flood of connections and files."""


@dataclass(frozen=True, slots=True)
class _Kept:
    """One offer that went well."""

    offer: Offer
    content: str
    facts: MediaFacts


@dataclass(frozen=True, slots=True, kw_only=True)
class Collector:
    """Collects references, few at once: there is one collector in a process.

    `scratch` is a folder for files on their way; nothing stays in it.
    """

    downloader: Downloader
    contents: ContentStore
    media: MediaTools
    ids: Ids
    scratch: Path
    max_bytes: int
    _turns: asyncio.Semaphore = field(init=False, repr=False, default_factory=lambda: asyncio.Semaphore(_AT_ONCE))

    async def collect(self, offers: Sequence[Offer]) -> tuple[tuple[Reference, ...], tuple[Reason, ...]]:
        """The references in the order offered, numbered, and notes (same-file-twice).

        `Refused` with the reasons of every file that cannot be used; `Unavailable` when a service did not answer. The
        bytes of the others stay in the store then, in nobody's use: the sweep takes them after its hour.
        """
        async with asyncio.TaskGroup() as tasks:
            running = [tasks.create_task(self._outcome(offer)) for offer in offers]
        outcomes = [task.result() for task in running]
        _raise_failures(outcomes)
        return self._references([outcome for outcome in outcomes if isinstance(outcome, _Kept)])

    async def _outcome(self, offer: Offer) -> _Kept | Refused | Unavailable:
        async with self._turns:
            try:
                return await self._kept(offer)
            except (Refused, Unavailable) as failure:
                return failure

    async def _kept(self, offer: Offer) -> _Kept:
        name = unique_names([offer.name])[0]
        async with self._scratch_file() as path:
            byte_count = await self.downloader.fetch(offer, path)
            self._check_size(name, byte_count)
            sniffed = await self._sniffed(name, path)
            try:
                facts = await self.media.probe(path, sniffed)
            except Refused as refused:
                raise _naming(refused, name) from refused
            return _Kept(offer, await self.contents.put(path), facts)

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

    async def _sniffed(self, name: str, path: Path) -> Sniffed:
        async with aiofiles.open(path, "rb") as file:
            sniffed = self.media.sniff(await file.read(_HEAD_BYTES))
        if sniffed.kind is None:
            found = format_words(sniffed.format)
            raise Refused(reason("file-not-media", name=name, found=found, accepted=ACCEPTED))
        return sniffed

    def _check_size(self, name: str, byte_count: int) -> None:
        """The downloader has counted already; this holds for any downloader."""
        if byte_count > self.max_bytes:
            raise Refused(
                reason("file-too-large", name=name, size=byte_size(byte_count), limit=byte_size(self.max_bytes))
            )

    def _references(self, kept: Sequence[_Kept]) -> tuple[tuple[Reference, ...], tuple[Reason, ...]]:
        """One reference for each content; who brought the same again is told."""
        first: dict[str, _Kept] = {}
        for one in kept:
            first.setdefault(one.content, one)
        names = unique_names([one.offer.name for one in first.values()])
        references = numbered(self._reference(one, name) for one, name in zip(first.values(), names, strict=True))
        by_content = {reference.content: reference for reference in references}
        twice = [_twice(one, by_content[one.content]) for one in kept if first[one.content] is not one]
        return references, tuple(twice)

    def _reference(self, kept: _Kept, name: str) -> Reference:
        return Reference(
            id=self.ids.short(),
            number=0,
            kind=kept.facts.kind,
            kind_number=0,
            name=name,
            content=kept.content,
            facts=kept.facts,
            alias=alias_of(kept.offer),
        )


def _raise_failures(outcomes: Sequence[_Kept | Refused | Unavailable]) -> None:
    """What is nobody's fault first: it is tried again, and the rest will be said then."""
    for outcome in outcomes:
        if isinstance(outcome, Unavailable):
            raise outcome
    refusals = [outcome for outcome in outcomes if isinstance(outcome, Refused)]
    reasons = [why for refusal in refusals for why in refusal.reasons]
    if reasons:
        raise Refused(*reasons, detail="; ".join(refusal.detail for refusal in refusals if refusal.detail))


def _naming(refused: Refused, name: str) -> Refused:
    """The same refusal in the person's words: the media tools know neither the file's name nor how to say a format."""
    named = [_named(why, name) for why in refused.reasons]
    return Refused(*named, detail=refused.detail)


def _named(why: Reason, name: str) -> Reason:
    found = why.arguments.get("found")
    words = {"found": format_words(found)} if isinstance(found, str) else {}
    return replace(why, arguments={**why.arguments, **words, "name": name})


def _twice(kept: _Kept, reference: Reference) -> Reason:
    return reason(
        "same-file-twice",
        name=unique_names([kept.offer.name])[0],
        other=reference.name,
        token=PromptStyle.AT.token(reference.kind, reference.kind_number),
    )
