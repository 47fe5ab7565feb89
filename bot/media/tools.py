"""`SandboxedMedia`: the `MediaTools` that opens every file in a media child of its own."""

import os
import sys
import tempfile
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from bot.domain.errors import Refused, Unavailable
from bot.domain.media import AnimaticPart, AnimaticPlan, Kind, MediaFacts, Sniffed
from bot.domain.reasons import Reason, reason
from bot.media.children import Children, Limits, Subject, SubjectRefused, words_of
from bot.media.formats import PILLOW_NAMES, readable
from bot.media.protocol import DrawSpec, facts_from, mapping_from
from bot.media.sniffer import HEAD_BYTES, sniff

_ACCEPTED: Final = "PNG, JPEG, WebP, MP4, MOV, MP3 or WAV"
_VIDEO: Final = Sniffed(kind=Kind.VIDEO, format="mp4")
_PNG: Final = Sniffed(kind=Kind.IMAGE, format="png")
_CLOSED: Final = "closed"
"""A format without a reader: the child leaves the file alone."""

_MOST_FATAL: Final = 2
"""So many files may each end a child before a sheet is given up."""


@dataclass(frozen=True, slots=True, kw_only=True)
class IsolationReport:
    """What holds a media child: the layers that stand, forbidden acts that worked, needed ones that did not."""

    layers: tuple[str, ...]
    possible: tuple[str, ...]
    broken: tuple[str, ...]

    @property
    def holds(self) -> bool:
        """True when at least one layer stands, nothing forbidden worked, and what decoders need does work."""
        return bool(self.layers) and not self.possible and not self.broken


class SandboxedMedia:
    """Implements `MediaTools`. Refusals call a file by its path's name; whoever knows what people call it says that.

    A cancelled call kills its child. Outputs appear whole or not at all (written beside the target, then renamed).
    `Unavailable` when a child cannot even start: that is never the file's fault.
    """

    def __init__(
        self,
        *,
        child_count: int = 2,
        probe_wall_seconds: float = 20.0,
        draw_wall_seconds: float = 90.0,
        probe_cpu_seconds: int = 30,
        draw_cpu_seconds: int = 120,
        memory_bytes: int = 1_500_000_000,
        output_bytes: int = 200_000_000,
        python: str = sys.executable,
    ) -> None:
        """`child_count`: children at once; `memory_bytes`: address space of each; `output_bytes`: its largest file.

        1.5 GB of address space is what photographs of 108 megapixels and 8K video were measured to need.
        """
        self._children = Children(count=child_count, python=python)
        self._probing = Limits(
            wall_seconds=probe_wall_seconds,
            cpu_seconds=probe_cpu_seconds,
            memory_bytes=memory_bytes,
            output_bytes=output_bytes,
        )
        self._drawing = Limits(
            wall_seconds=draw_wall_seconds,
            cpu_seconds=draw_cpu_seconds,
            memory_bytes=memory_bytes,
            output_bytes=output_bytes,
        )

    def sniff(self, head: bytes) -> Sniffed:
        """What the first 64 KiB say; see `bot.media.sniffer`."""
        return sniff(head)

    async def probe(self, path: Path, sniffed: Sniffed) -> MediaFacts:
        """Measures a file. `facts.kind` is what it holds: an MP4 with sound only is audio, a moving GIF is video.

        `Refused`: file-not-media and format-not-accepted (no decoder ran), file-unreadable, media-too-heavy.
        """
        subject = _subject(path, sniffed, name=path.name)
        answer = await self._children.run("probe", (subject,), self._probing)
        try:
            return facts_from(answer.line.get("facts"), byte_count=_byte_count(path))
        except ValueError as error:
            raise Refused(subject.unreadable(), detail=f"impossible facts: {error}") from error

    async def animatic(self, plan: AnimaticPlan, into: Path) -> MediaFacts:
        """Draws an MP4 (H.264, and AAC if `plan.audio`) of exactly the plan's pixels and seconds, then measures it.

        Width and height must be even (4:2:0). Refusals as for `probe`, about the part in question by its label.
        """
        subjects = [
            _subject(Path(part.path), _sniffed(Path(part.path)), kind=part.kind, name=part.label, label=part.label)
            for part in plan.parts
        ]
        with _whole_file(into) as unfinished:
            await self._children.run("animatic", subjects, self._drawing, output=unfinished, draw=_draw_spec(plan))
            return await self.probe(unfinished, _VIDEO)

    async def still(self, path: Path, sniffed: Sniffed, into: Path) -> MediaFacts:
        """Writes the first frame of a moving picture (GIF, APNG, WebP) that shows anything, as a PNG, and measures it.

        Upright, alpha kept, pixels only. One that does not move is taken as well. Refusals as for `probe`.
        """
        subject = _subject(path, sniffed, name=path.name)
        if sniffed.format not in PILLOW_NAMES:
            raise Refused(_no_reader(path.name, sniffed.format, Kind.IMAGE))
        with _whole_file(into) as unfinished:
            await self._children.run("still", (subject,), self._drawing, output=unfinished)
            return await self.probe(unfinished, _PNG)

    async def reference_sheet(self, parts: Sequence[AnimaticPart], into: Path) -> None:
        """Writes a PNG with a labelled tile for each part (1 to 15), at most 1,280 pixels wide and 2 MB.

        A part that cannot be drawn has a tile that says so. `Refused` only when too many take their child with them.
        """
        if not parts:
            raise ValueError("a sheet of nothing")
        subjects = [_shown(part) for part in parts]
        with _whole_file(into) as unfinished:
            await self._draw_what_can_be_drawn(subjects, unfinished)

    async def _draw_what_can_be_drawn(self, subjects: Sequence[Subject], output: Path) -> None:
        """Draws the sheet; if a file ends the child, begins anew with that file left closed."""
        for _ in range(_MOST_FATAL):
            try:
                await self._children.run("reference_sheet", subjects, self._drawing, output=output)
            except SubjectRefused as refused:
                subjects = [
                    replace(subject, format=_CLOSED) if index == refused.index else subject
                    for index, subject in enumerate(subjects)
                ]
            else:
                return
        await self._children.run("reference_sheet", subjects, self._drawing, output=output)

    async def contact_sheet(self, clips: Sequence[Path], into: Path, *, labels: Sequence[str]) -> None:
        """Writes a PNG with a row of frames per clip, its label and their times. Refusals as for `probe`."""
        subjects = [
            _subject(clip, _sniffed(clip), kind=Kind.VIDEO, name=clip.name, label=label)
            for clip, label in zip(clips, labels, strict=True)
        ]
        with _whole_file(into) as unfinished:
            await self._children.run("sheet", subjects, self._drawing, output=unfinished)

    async def isolation(self) -> IsolationReport:
        """Starts a child that tries what must not work. For the start: refuse to run, or say so, if not."""
        answer = await self._children.run("selftest", (), self._probing)
        report = mapping_from(answer.line.get("report"))
        return IsolationReport(
            layers=answer.layers,
            possible=words_of(report.get("possible")),
            broken=words_of(report.get("broken")),
        )


def _subject(path: Path, sniffed: Sniffed, *, name: str, kind: Kind | None = None, label: str = "") -> Subject:
    """A file that has a reader; `Refused` for what no reader may open. No decoder has run."""
    if sniffed.kind is None:
        raise Refused(reason("file-not-media", name=name, found=sniffed.format, accepted=_ACCEPTED))
    if not readable(sniffed.format):
        raise Refused(_no_reader(name, sniffed.format, sniffed.kind))
    return Subject(path=path, format=sniffed.format, kind=kind or sniffed.kind, name=name, label=label)


def _no_reader(name: str, found: str, kind: Kind) -> Reason:
    return reason("format-not-accepted", name=name, found=found, accepted=_ACCEPTED, kind=kind.value)


def _shown(part: AnimaticPart) -> Subject:
    """A part of a reference sheet, also one that no reader may open."""
    path = Path(part.path)
    return Subject(path=path, format=_sniffed(path).format, kind=part.kind, name=part.label, label=part.label)


def _byte_count(path: Path) -> int:
    return path.stat().st_size


def _sniffed(path: Path) -> Sniffed:
    try:
        with path.open("rb") as file:
            return sniff(file.read(HEAD_BYTES))
    except OSError as error:
        raise Unavailable(reason("storage-unavailable"), detail=str(error)) from error


def _draw_spec(plan: AnimaticPlan) -> DrawSpec:
    return {
        "width": plan.width,
        "height": plan.height,
        "seconds": plan.seconds,
        "frame_rate": plan.frame_rate,
        "caption": plan.caption,
        "audio": plan.audio,
    }


@contextmanager
def _whole_file(into: Path) -> Generator[Path]:
    """A file beside `into` that takes its place when the block ends well, and vanishes when it does not."""
    descriptor, name = tempfile.mkstemp(dir=into.parent, prefix=f".{into.name}.")
    os.close(descriptor)
    unfinished = Path(name)
    try:
        yield unfinished
        unfinished.replace(into)
    finally:
        unfinished.unlink(missing_ok=True)
