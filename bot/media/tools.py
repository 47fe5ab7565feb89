"""`SandboxedMedia`: the `MediaTools` that opens every file in a media child of its own."""

import asyncio
import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from bot.domain.conform import ClipFindings, FilePlan, Record, Target, Verdict
from bot.domain.errors import Refused, Unavailable
from bot.domain.media import AnimaticPart, AnimaticPlan, Kind, MediaFacts, Sniffed
from bot.domain.models import ModelLimits
from bot.domain.reasons import Reason, reason
from bot.domain.words import byte_size
from bot.media.children import Children, Limits, Subject, SubjectRefused, words_of
from bot.media.conforming import is_heavy, jobs_of, limits_of, listener
from bot.media.formats import DEMUXERS, PEEKED, readable
from bot.media.measurement import measurement_from
from bot.media.protocol import ConformSpec, DrawSpec, FitSpec, facts_from, looks_from, mapping_from
from bot.media.sniffer import HEAD_BYTES, sniff
from bot.media.starters import starter_of
from bot.media.verdict import decide, refused_by_limits

_ACCEPTED: Final = "PNG, JPEG, WebP, MP4, MOV, MP3 or WAV"
_VIDEO: Final = Sniffed(kind=Kind.VIDEO, format="mp4")
_PNG: Final = Sniffed(kind=Kind.IMAGE, format="png")
_JPEG: Final = Sniffed(kind=Kind.IMAGE, format="jpeg")
_WEBP: Final = Sniffed(kind=Kind.IMAGE, format="webp")
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
        shrink_wall_seconds: float = 180.0,
        convert_wall_seconds: float = 180.0,
        probe_cpu_seconds: int = 30,
        draw_cpu_seconds: int = 120,
        shrink_cpu_seconds: int = 240,
        convert_cpu_seconds: int = 240,
        memory_bytes: int = 1_500_000_000,
        output_bytes: int = 200_000_000,
        python: str = sys.executable,
        fresh_interpreters: bool = False,
    ) -> None:
        """`child_count`: children at once; `memory_bytes`: address space of each; `output_bytes`: its largest file.

        `fresh_interpreters`: a new interpreter for each child, instead of a fork of the zygote.
        1.5 GB of address space is what photographs of 108 megapixels and 8K video were measured to need.
        """
        self._children = Children(count=child_count, starter=starter_of(python, fresh=fresh_interpreters))
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

        self._converting = replace(self._drawing, wall_seconds=convert_wall_seconds, cpu_seconds=convert_cpu_seconds)
        self._redrawing = replace(self._drawing, cpu_seconds=probe_cpu_seconds)
        self._shrinking = replace(self._drawing, wall_seconds=shrink_wall_seconds, cpu_seconds=shrink_cpu_seconds)

    def sniff(self, head: bytes) -> Sniffed:
        """What the first 64 KiB say; see `bot.media.sniffer`."""
        return sniff(head)

    async def probe(self, path: Path, sniffed: Sniffed) -> MediaFacts:
        """Measures a file. `facts.kind` is what it holds: an MP4 with sound only is audio, a moving GIF is video.

        `Refused`: file-not-media and format-not-accepted (no decoder ran), file-unreadable, media-too-heavy.
        """
        return await self._probed(path, sniffed, ours=False)

    async def _probed(self, path: Path, sniffed: Sniffed, *, ours: bool) -> MediaFacts:
        """`probe`; of what our own encoder wrote only some pictures are decoded (see `containers`)."""
        subject = _subject(path, sniffed, name=path.name)
        answer = await self._children.run("probe", (subject,), self._probing, ours=ours)
        try:
            return facts_from(answer.line.get("facts"), byte_count=_byte_count(path))
        except ValueError as error:
            raise Refused(subject.unreadable(), detail=f"impossible facts: {error}") from error

    async def record(self, path: Path, limits: ModelLimits, *, name: str | None = None) -> Record:
        """Sniffs, measures and decides. `name` is what people call the file (`None`: its path's name).

        Sentences say it, and its ending is compared with what the file is. What no reader may open has its record
        without a child. `Unavailable` when a file or a child cannot be had.
        """
        return await self._recorded(path, limits, self._probing, name=path.name if name is None else name)

    async def _recorded(
        self, path: Path, limits: ModelLimits, allowed: Limits, *, name: str, ours: bool = False
    ) -> Record:
        """`record` of a file that people know by that name, with what its child may use. `ours`: see `_probed`."""
        sniffed = _sniffed(path)
        if not (sniffed.format in PEEKED or (sniffed.kind is not None and readable(sniffed.format))):
            return decide(sniffed, None, limits, name=name)
        kind = sniffed.kind or Kind.IMAGE
        subject = Subject(path=path, format=sniffed.format, kind=kind, name=name)
        try:
            answer = await self._children.run("record", (subject,), allowed, ours=ours)
            measurement = measurement_from(answer.line.get("facts"), byte_count=_byte_count(path))
        except SubjectRefused as refused:
            return refused_by_limits(sniffed, refused.reason)
        except ValueError:
            return refused_by_limits(sniffed, subject.unreadable())
        return decide(sniffed, measurement, limits, name=name)

    async def animatic(self, plan: AnimaticPlan, into: Path) -> MediaFacts:
        """Draws an MP4 (H.264, and AAC if `plan.audio`) of exactly the plan's pixels and seconds, then measures it.

        Width and height must be even (4:2:0). Refusals as for `probe`, about the part in question by its label.
        """
        subjects = [_drawn(part) for part in plan.parts]
        with _whole_file(into) as unfinished:
            await self._children.run("animatic", subjects, self._drawing, output=unfinished, draw=_draw_spec(plan))
            return await self.probe(unfinished, _VIDEO)

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

    async def conform(
        self, path: Path, plan: FilePlan, into: Path, *, progress: Callable[[float], None] | None = None
    ) -> Record:
        """Makes what the plan's target says, looks at what came of it, and answers that record. `plan` has a target.

        `Refused`: as `probe`; not-conformed when the outcome is not what was planned. `Unavailable` as everywhere.
        """
        if plan.target is None:
            raise ValueError("a plan without a target leaves its file as it is")
        subject = _subject(path, _sniffed(path), name=path.name)
        allowed = self._converting if is_heavy(plan.target) else self._redrawing
        with _whole_file(into) as unfinished:
            *trials, last = jobs_of(plan, plan.target)
            for job in trials:
                with suppress(SubjectRefused):
                    outcome = await self._conformed(subject, job, allowed, unfinished, plan.target, progress)
                    if outcome.verdict is Verdict.ACCEPT:
                        return outcome
            outcome = await self._conformed(subject, last, allowed, unfinished, plan.target, progress)
            if outcome.verdict is not Verdict.ACCEPT:
                raise Refused(reason("not-conformed", name=path.name), detail=f"came out as {outcome.code}")
            return outcome

    async def _conformed(
        self,
        subject: Subject,
        job: ConformSpec,
        allowed: Limits,
        output: Path,
        target: Target,
        progress: Callable[[float], None] | None,
    ) -> Record:
        """Does one job and looks at its outcome by the limits of its own plan, with as much time as making it had.

        It was made by us: on a busy machine a large one takes longer than strangers' files are given. Of what our own
        encoder wrote only some pictures are decoded; copied tracks are a stranger's, and are decoded whole.
        """
        ours = job["format"] == "mp4" and not job["copy"]
        await self._children.run("conform", (subject,), allowed, output=output, heard=listener(progress), conform=job)
        return await self._recorded(output, limits_of(target), allowed, name=f"outcome.{target.format}", ours=ours)

    async def check_clip(self, path: Path) -> ClipFindings:
        """Reads a clip whole: what it is, and how much of it is black, frozen or silent. Refusals as `probe`."""
        subject = _film(path)
        answer = await self._children.run("check_clip", (subject,), self._drawing)
        try:
            facts = facts_from(answer.line.get("facts"), byte_count=_byte_count(path))
            return ClipFindings(facts=facts, **looks_from(answer.line.get("looks")))
        except ValueError as error:
            raise Refused(subject.unreadable(), detail=f"impossible findings: {error}") from error

    async def shrink(
        self, path: Path, into: Path, *, max_bytes: int, tags: Mapping[str, str] | None = None
    ) -> MediaFacts:
        """Makes an MP4 of at most that many bytes; a clip that is small enough is copied, with `tags` only its streams.

        `Refused`: as `probe`, and clip-does-not-fit.
        """
        subject = _film(path)
        with _whole_file(into) as unfinished:
            encoded = False
            if _byte_count(path) <= max_bytes and not tags:
                await asyncio.to_thread(shutil.copyfile, path, unfinished)
            else:
                fit = FitSpec(max_bytes=max_bytes, tags=dict(tags or {}))
                answer = await self._children.run("shrink", (subject,), self._shrinking, output=unfinished, fit=fit)
                encoded = answer.line.get("encoded") is True
            _check_fits(unfinished, max_bytes, name=path.name)
            return await self._probed(unfinished, _sniffed(unfinished), ours=encoded)

    async def poster(self, path: Path, into: Path) -> MediaFacts:
        """Writes a JPEG of the frame with the most to see, upright, at most 1,920 pixels long. Refusals as `probe`."""
        with _whole_file(into) as unfinished:
            await self._children.run("poster", (_film(path),), self._drawing, output=unfinished)
            return await self.probe(unfinished, _JPEG)

    async def preview(self, path: Path, into: Path, *, max_bytes: int) -> MediaFacts:
        """Writes a looping WebP of the first six seconds, at most 480 pixels long, the finest that fits.

        Its `kind` is video, unless it does not move. `Refused`: as `probe`, and clip-does-not-fit.
        """
        fit = FitSpec(max_bytes=max_bytes, tags={})
        with _whole_file(into) as unfinished:
            await self._children.run("preview", (_film(path),), self._drawing, output=unfinished, fit=fit)
            _check_fits(unfinished, max_bytes, name=path.name)
            return await self.probe(unfinished, _WEBP)

    async def last_frame(self, path: Path, into: Path) -> MediaFacts:
        """Writes the last frame that decodes as a PNG, upright, at its own size. Refusals as `probe`."""
        with _whole_file(into) as unfinished:
            await self._children.run("last_frame", (_film(path),), self._drawing, output=unfinished)
            return await self.probe(unfinished, _PNG)

    async def isolation(self) -> IsolationReport:
        """Starts a child that tries what must not work. For the start: refuse to run, or say so, if not.

        A child that could become another program answers nothing any more.
        """
        try:
            answer = await self._children.run("selftest", (), self._probing)
        except SubjectRefused as ended:
            return IsolationReport(layers=ended.layers, possible=("exec",), broken=())
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


def _film(path: Path) -> Subject:
    """A clip of ours; `Refused` for what is no container of moving pictures. No decoder has run."""
    sniffed = _sniffed(path)
    subject = _subject(path, sniffed, name=path.name)
    if sniffed.kind is not Kind.VIDEO or sniffed.format not in DEMUXERS:
        raise Refused(_no_reader(path.name, sniffed.format, Kind.VIDEO))
    return subject


def _check_fits(path: Path, max_bytes: int, *, name: str) -> None:
    """`Refused` when a file came out larger than asked for; what the child said of it does not count."""
    if _byte_count(path) > max_bytes:
        raise Refused(reason("clip-does-not-fit", name=name, limit=byte_size(max_bytes)))


def _no_reader(name: str, found: str, kind: Kind) -> Reason:
    return reason("format-not-accepted", name=name, found=found, accepted=_ACCEPTED, kind=kind.value)


def _drawn(part: AnimaticPart) -> Subject:
    """A part of an animatic; `Refused` for what no reader may open."""
    _subject(Path(part.path), _sniffed(Path(part.path)), name=part.label)
    return _shown(part)


def _shown(part: AnimaticPart) -> Subject:
    """A part of a drawing, also one that no reader may open."""
    path = Path(part.path)
    return Subject(
        path=path,
        format=_sniffed(path).format,
        kind=part.kind,
        name=part.label,
        label=part.label,
        start_seconds=part.start_seconds,
        seconds=part.seconds,
    )


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
