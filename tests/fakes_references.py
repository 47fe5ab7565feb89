"""Working fakes of the references room, and references made the short way."""

import hashlib
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from bot.domain.conform import ClipFindings, FilePlan, Measured, Record, Verdict
from bot.domain.errors import Refused, RushesError
from bot.domain.identity import Ids
from bot.domain.media import AnimaticPart, AnimaticPlan, Kind, MediaFacts, Sniffed
from bot.domain.models import KindLimits, ModelLimits
from bot.domain.reasons import reason
from bot.domain.references import Offer, Reference, display_name, numbered
from bot.domain.words import byte_size
from bot.media.measurement import Measurement, Trouble
from bot.media.verdict import decide

_FORMATS = {Kind.IMAGE: "png", Kind.VIDEO: "mp4", Kind.AUDIO: "mp3"}
_KIND_OF_ENDING = {
    **dict.fromkeys(("png", "jpg", "jpeg", "webp"), Kind.IMAGE),
    **dict.fromkeys(("mp4", "mov", "webm"), Kind.VIDEO),
    **dict.fromkeys(("mp3", "wav", "ogg"), Kind.AUDIO),
}


class MemoryContentStore:
    """A `ContentStore` in a dictionary."""

    def __init__(self) -> None:
        self.contents: dict[str, bytes] = {}

    async def holds(self, key: str) -> bool:
        return key in self.contents

    async def put(self, path: Path) -> str:
        content = path.read_bytes()
        key = hashlib.sha256(content).hexdigest()
        self.contents[key] = content
        return key

    async def copy_to(self, key: str, path: Path) -> None:
        path.write_bytes(self.contents[key])

    async def discard(self, key: str) -> None:
        self.contents.pop(key, None)


class FakeDownloader:
    """A `Downloader` that has every file already: URL → bytes, or the error to raise. An unknown URL is gone."""

    def __init__(self, files: Mapping[str, bytes | RushesError], *, max_bytes: int = 30_000_000) -> None:
        self.files = dict(files)
        self.max_bytes = max_bytes
        self.fetched: list[str] = []

    async def fetch(self, offer: Offer, into: Path) -> int:
        name = display_name(offer.name)
        limit = offer.most_bytes(self.max_bytes)
        _check(name, offer.byte_count, limit)
        self.fetched.append(offer.url)
        found = self.files.get(offer.url)
        if found is None:
            raise Refused(reason("source-gone", name=name))
        if isinstance(found, RushesError):
            raise found
        _check(name, len(found), limit)
        into.write_bytes(found)
        return len(found)


def _check(name: str, byte_count: int | None, limit: int) -> None:
    if byte_count is not None and byte_count > limit:
        raise Refused(reason("file-too-large", name=name, size=byte_size(byte_count), limit=byte_size(limit)))


async def nothing_happens() -> None:
    """What happens meanwhile, unless a test says otherwise."""


class LabelledMedia:
    """Media tools for files that say what they are in their first line: `image png`, `video mp4 2.5`, `broken x`.

    A picture with seconds moves: `image webp 1.5` is an animation, sniffed as image and measured as video. Behind that,
    `3840x2160`: its size; `exif`: it says where it was made; `black=2`, `frozen=2`, `silent=2`: seconds of that in a
    clip. Decisions are the real ones, over what the label says; what is made is labelled as what it has become. Also
    `Conformer` and `ClipTools`. `conformed` and `drawn` list what was asked for; `troubles` are raised in place of the
    next conversions; `meanwhile` is awaited while one is made.
    """

    def __init__(self) -> None:
        self.conformed: list[FilePlan] = []
        self.drawn: list[AnimaticPlan] = []
        self.troubles: list[RushesError] = []
        self.meanwhile: Callable[[], Awaitable[None]] = nothing_happens

    def sniff(self, head: bytes) -> Sniffed:
        words = _label(head)
        if len(words) > 1 and words[0] in {*Kind, "broken"}:
            return Sniffed(kind=Kind.IMAGE if words[0] == "broken" else Kind(words[0]), format=words[1])
        return Sniffed(kind=None, format="text")

    async def probe(self, path: Path, sniffed: Sniffed) -> MediaFacts:
        content = path.read_bytes()
        words = _label(content)
        if words[0] == "broken" or sniffed.kind is None:
            raise Refused(reason("file-unreadable", name=path.name, found=sniffed.format))
        seconds = float(words[2]) if len(words) > 2 and words[2] != "exif" else None
        kind = Kind.VIDEO if seconds and sniffed.kind is Kind.IMAGE else sniffed.kind
        return MediaFacts(kind=kind, format=sniffed.format, byte_count=len(content), seconds=seconds)

    async def record(self, path: Path, limits: ModelLimits, *, name: str | None = None) -> Record:
        name = path.name if name is None else name
        content = path.read_bytes()
        sniffed = self.sniff(content)
        if sniffed.kind is None:
            return decide(sniffed, None, limits, name=name)
        if content.startswith(b"broken"):
            return decide(sniffed, Measurement(trouble=Trouble.CORRUPT), limits, name=name)
        facts = await self.probe(path, sniffed)
        return decide(
            sniffed, _honest(facts, metadata="exif" in _label(content), size=_size(content)), limits, name=name
        )

    async def conform(
        self, path: Path, plan: FilePlan, into: Path, *, progress: Callable[[float], None] | None = None
    ) -> Record:
        target = plan.target
        assert target is not None
        assert plan.record.facts is not None
        self.conformed.append(plan)
        await self.meanwhile()
        if self.troubles:
            raise self.troubles.pop(0)
        seconds = None
        if target.kind is not Kind.IMAGE:
            seconds = target.loop_to_seconds or target.seconds or plan.record.facts.seconds
        label = " ".join([target.kind, target.format, *([] if seconds is None else [f"{seconds:g}"])])
        into.write_bytes(f"{label}\nfrom {target.start_seconds:g}, made of ".encode() + path.read_bytes())
        facts = MediaFacts(
            kind=target.kind,
            format=target.format,
            byte_count=into.stat().st_size,
            width=target.width,
            height=target.height,
            seconds=seconds,
        )
        return Record(verdict=Verdict.ACCEPT, code="ok", kind=target.kind, facts=facts)

    async def check_clip(self, path: Path) -> ClipFindings:
        content = path.read_bytes()
        facts = await self.probe(path, self.sniff(content))
        if facts.kind is not Kind.VIDEO:
            raise Refused(reason("file-not-media", name=path.name, found=facts.format, accepted="MP4"))
        told = dict(word.split("=") for word in _label(content) if "=" in word)
        return ClipFindings(
            facts=_honest(facts, metadata=False).facts or facts,
            black_seconds=float(told.get("black", 0)),
            frozen_seconds=float(told.get("frozen", 0)),
            silent_seconds=float(told.get("silent", 0)),
        )

    async def shrink(
        self, path: Path, into: Path, *, max_bytes: int, tags: Mapping[str, str] | None = None
    ) -> MediaFacts:
        """Keeps the label and as much of the rest as fits."""
        content = path.read_bytes()
        least = len(content.split(b"\n", 1)[0]) + 1
        if max_bytes < least:
            raise Refused(reason("clip-does-not-fit", name=path.name, limit=byte_size(max_bytes)))
        into.write_bytes(content[:max_bytes])
        return await self.probe(into, self.sniff(content))

    async def poster(self, path: Path, into: Path) -> MediaFacts:
        return await self._frame(path, into, "image jpeg", "a frame of")

    async def preview(self, path: Path, into: Path, *, max_bytes: int) -> MediaFacts:
        return await self._frame(path, into, "image webp 2", f"{max_bytes} bytes of")

    async def last_frame(self, path: Path, into: Path) -> MediaFacts:
        return await self._frame(path, into, "image png", "last frame of")

    async def animatic(self, plan: AnimaticPlan, into: Path) -> MediaFacts:
        self.drawn.append(plan)
        labels = [part.label for part in plan.parts]
        into.write_text("\n".join([f"video mp4 {plan.seconds:g}", plan.caption, *labels]), encoding="utf-8")
        return await self.probe(into, Sniffed(kind=Kind.VIDEO, format="mp4"))

    async def reference_sheet(self, parts: Sequence[AnimaticPart], into: Path) -> None:
        tiles = (part.label + (f" from {part.start_seconds:g}" if part.start_seconds else "") for part in parts)
        into.write_text("\n".join(["image png", *tiles]), encoding="utf-8")

    async def contact_sheet(self, clips: Sequence[Path], into: Path, *, labels: Sequence[str]) -> None:
        raise NotImplementedError

    async def _frame(self, path: Path, into: Path, label: str, words: str) -> MediaFacts:
        content = path.read_bytes()
        await self.check_clip(path)
        into.write_bytes(f"{label}\n{words} ".encode() + content)
        return await self.probe(into, self.sniff(into.read_bytes()))


def _label(content: bytes) -> list[str]:
    """The words of the first line."""
    return content.split(b"\n", 1)[0].decode("utf-8", "replace").split()


def _size(content: bytes) -> tuple[int, int]:
    """The size that the label says, such as 3840x2160; otherwise one that models take."""
    words = (word.partition("x") for word in _label(content))
    said = ((int(width), int(height)) for width, _, height in words if width.isdecimal() and height.isdecimal())
    return next(said, (960, 720))


def _honest(facts: MediaFacts, *, metadata: bool, size: tuple[int, int] = (960, 720)) -> Measurement:
    """What would be measured of a usual file of that label: its size, codecs and rate are what models take."""
    film, sound = facts.kind is Kind.VIDEO, facts.kind is Kind.AUDIO
    seconds = facts.seconds or (None if facts.kind is Kind.IMAGE else 5.0)
    measured = replace(
        facts,
        width=None if sound else size[0],
        height=None if sound else size[1],
        seconds=seconds,
        frame_count=round((seconds or 0) * 24) if film else None,
        video_codec="h264" if film else None,
        audio_codec={"mp3": "mp3", "wav": "pcm_s16le"}.get(facts.format) if sound else None,
    )
    told = Measured(frame_rate=24.0 if film else None, pixel_format="yuv420p" if film else None, metadata=metadata)
    return Measurement(facts=measured, measured=told)


def counting_bits() -> Callable[[int], int]:
    """`RandomBits` that are all different: 1, 2, 3 …"""
    made = 0

    def bits(_count: int) -> int:
        nonlocal made
        made += 1
        return made

    return bits


def counting_ids() -> Ids:
    """`Ids` that are all different and the same in every run."""
    return Ids(clock=lambda: 1_767_225_600_000, random_bits=counting_bits())


def make_references(*names: str, aliases: Mapping[str, str] | None = None) -> tuple[Reference, ...]:
    """References of those display names in order, of the kind that the ending says; ids are `ref-1`, `ref-2` …"""
    return numbered(
        Reference(
            id=f"ref-{number}",
            number=number,
            kind=(kind := _KIND_OF_ENDING.get(name.rpartition(".")[2].lower(), Kind.IMAGE)),
            kind_number=0,
            name=name,
            content=hashlib.sha256(name.encode()).hexdigest(),
            facts=MediaFacts(kind=kind, format=_FORMATS[kind], byte_count=1000),
            alias=(aliases or {}).get(name),
        )
        for number, name in enumerate(names, start=1)
    )


FOUR = make_references("hero.png", "alley.jpg", "walk.mp4", "theme.mp3")
"""The references of the examples in the prompt language's document."""

LIMITS = ModelLimits(
    kinds={
        Kind.IMAGE: KindLimits(max_count=9, formats=("jpeg", "png", "webp"), max_bytes_each=30_000_000),
        Kind.VIDEO: KindLimits(
            max_count=3,
            formats=("mp4", "mov"),
            max_bytes_together=50_000_000,
            min_seconds_together=2.0,
            max_seconds_together=15.0,
            min_area_pixels=409_600,
            max_area_pixels=927_408,
        ),
        Kind.AUDIO: KindLimits(
            max_count=3,
            formats=("mp3", "wav"),
            max_bytes_each=15_000_000,
            min_seconds_together=2.0,
            max_seconds_together=15.0,
        ),
    },
    max_files=12,
    max_prompt_characters=2000,
    audio_needs_visual=True,
    min_seconds=4,
    max_seconds=15,
)
"""Limits like those of the first model."""
