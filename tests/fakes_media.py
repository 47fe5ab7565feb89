"""A `MediaTools` without a child: it sniffs for real, and reads the small honest files of tests itself."""

# The stubs name numpy, which is not installed.
# pyright: reportUnknownMemberType=false

import os
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Final

import av
import av.error
from PIL import Image, UnidentifiedImageError

from bot.domain.conform import ClipFindings, FilePlan, Record, Verdict
from bot.domain.errors import Refused, Unavailable
from bot.domain.media import AnimaticPart, AnimaticPlan, Kind, MediaFacts, Sniffed
from bot.domain.models import ModelLimits
from bot.domain.reasons import reason
from bot.domain.words import byte_size
from bot.media import clips_check, conform_job, measuring, previews, shrink
from bot.media.conforming import jobs_of, limits_of, listener
from bot.media.formats import ANIMATIONS, DEMUXERS, PEEKED, readable
from bot.media.measurement import measurement_from, measurement_to
from bot.media.protocol import ConformSpec, FitSpec, JobRefused, JobSpec, LimitSpec, SourceSpec, facts_from, looks_from
from bot.media.sniffer import HEAD_BYTES, sniff
from bot.media.verdict import decide, refused_by_limits
from tests import media_samples

_ROW_PIXELS: Final = 100
_CLIP_JOBS: Final = {
    "check_clip": clips_check.work,
    "conform": conform_job.work,
    "shrink": shrink.work,
    "poster": previews.work,
    "preview": previews.work,
    "last_frame": previews.work,
}
_VIDEO: Final = Sniffed(kind=Kind.VIDEO, format="mp4")


class FakeMedia:
    """Keeps the port's promises for files that mean no harm. Its lists tell what was asked for."""

    def __init__(self) -> None:
        self.probed: list[Path] = []
        self.drawn: list[AnimaticPlan] = []
        self.sheets: list[tuple[AnimaticPart, ...]] = []
        self.conformed: list[tuple[Path, FilePlan]] = []

    def sniff(self, head: bytes) -> Sniffed:
        return sniff(head)

    async def probe(self, path: Path, sniffed: Sniffed) -> MediaFacts:
        self.probed.append(path)
        _check(path, sniffed, readable(sniffed.format))
        try:
            return _picture_facts(path, sniffed) if sniffed.kind is Kind.IMAGE else _film_facts(path, sniffed)
        except (UnidentifiedImageError, OSError, SyntaxError, av.error.FFmpegError) as error:
            raise Refused(reason("file-unreadable", name=path.name, found=sniffed.format)) from error

    async def record(self, path: Path, limits: ModelLimits, *, name: str | None = None) -> Record:
        """Measured as the child does, in this process: the files of tests mean no harm."""
        name = path.name if name is None else name
        sniffed = _sniffed(path)
        try:
            with path.open("rb") as file:
                known = sniffed.format in PEEKED or (sniffed.kind is not None and readable(sniffed.format))
                source = SourceSpec(descriptor=file.fileno(), format=sniffed.format, kind="image", label="")
                told = measurement_to(measuring.measured(source)) if known else None
        except JobRefused as refused:
            return refused_by_limits(sniffed, reason(refused.code, name=name, limit=refused.limit))
        measurement = None if told is None else measurement_from(told, byte_count=path.stat().st_size)
        return decide(sniffed, measurement, limits, name=name)

    async def conform(
        self, path: Path, plan: FilePlan, into: Path, *, progress: Callable[[float], None] | None = None
    ) -> Record:
        if plan.target is None:
            raise ValueError("nothing to make")
        self.conformed.append((path, plan))
        with tempfile.TemporaryDirectory() as folder:
            made = Path(folder) / into.name
            for job in jobs_of(plan, plan.target):
                _done("conform", path, made, conform=job, progress=progress)
                outcome = await self.record(made, limits_of(plan.target))
                if outcome.verdict is Verdict.ACCEPT:
                    into.write_bytes(made.read_bytes())
                    return outcome
        raise Refused(reason("not-conformed", name=path.name))

    async def check_clip(self, path: Path) -> ClipFindings:
        answer = _done("check_clip", path)
        facts = facts_from(answer["facts"], byte_count=path.stat().st_size)
        return ClipFindings(facts=facts, **looks_from(answer["looks"]))

    async def shrink(
        self, path: Path, into: Path, *, max_bytes: int, tags: Mapping[str, str] | None = None
    ) -> MediaFacts:
        if path.stat().st_size <= max_bytes and not tags:
            await self.probe(path, sniff(path.read_bytes()))
            into.write_bytes(path.read_bytes())
        else:
            _done("shrink", path, into, FitSpec(max_bytes=max_bytes, tags=dict(tags or {})))
        return await self.probe(into, sniff(into.read_bytes()))

    async def poster(self, path: Path, into: Path) -> MediaFacts:
        _done("poster", path, into)
        return await self.probe(into, sniff(into.read_bytes()))

    async def preview(self, path: Path, into: Path, *, max_bytes: int) -> MediaFacts:
        _done("preview", path, into, FitSpec(max_bytes=max_bytes, tags={}))
        return await self.probe(into, sniff(into.read_bytes()))

    async def last_frame(self, path: Path, into: Path) -> MediaFacts:
        _done("last_frame", path, into)
        return await self.probe(into, sniff(into.read_bytes()))

    async def animatic(self, plan: AnimaticPlan, into: Path) -> MediaFacts:
        for part in plan.parts:
            await self.probe(Path(part.path), sniff(Path(part.path).read_bytes()))
        self.drawn.append(plan)
        into.write_bytes(
            media_samples.mp4(
                (plan.width, plan.height),
                seconds=plan.seconds,
                rate=plan.frame_rate,
                sound=plan.audio,
                moving=False,
            )
        )
        return await self.probe(into, _VIDEO)

    async def contact_sheet(self, clips: Sequence[Path], into: Path, *, labels: Sequence[str]) -> None:
        for clip, _ in zip(clips, labels, strict=True):
            await self.probe(clip, sniff(clip.read_bytes()))
        Image.new("RGB", (600, _ROW_PIXELS * max(1, len(clips)))).save(into, "PNG")

    async def reference_sheet(self, parts: Sequence[AnimaticPart], into: Path) -> None:
        if not parts:
            raise ValueError("a sheet of nothing")
        if not all(Path(part.path).exists() for part in parts):
            raise Unavailable(reason("storage-unavailable"))
        self.sheets.append(tuple(parts))
        columns = min(4, len(parts))
        Image.new("RGB", (300 * columns, 300 * -(-len(parts) // columns))).save(into, "PNG")


def _done(
    job: str,
    path: Path,
    into: Path | None = None,
    fit: FitSpec | None = None,
    conform: ConformSpec | None = None,
    progress: Callable[[float], None] | None = None,
) -> Mapping[str, object]:
    """Does a child's job on a file in this process; the output appears whole or not at all, and fits."""
    if not path.exists():
        raise Unavailable(reason("storage-unavailable"))
    sniffed = sniff(path.read_bytes())
    _check(path, sniffed, readable(sniffed.format) if conform else sniffed.kind is Kind.VIDEO)
    with path.open("rb") as file, tempfile.TemporaryFile() as output:
        source = SourceSpec(descriptor=file.fileno(), format=sniffed.format, kind="video", label="")
        limits = LimitSpec(memory_bytes=0, cpu_seconds=0, output_bytes=0)
        spec = JobSpec(job=job, parent=0, limits=limits, sources=[source], output=output.fileno())
        if fit is not None:
            spec["fit"] = fit
        if conform is not None:
            spec["conform"] = conform
        try:
            answer = _CLIP_JOBS[job](spec, listener(progress))
        except (JobRefused, av.error.FFmpegError, UnidentifiedImageError, OSError, SyntaxError) as error:
            raise Refused(reason("file-unreadable", name=path.name, found=sniffed.format)) from error
        if fit is not None and output.seek(0, os.SEEK_END) > fit["max_bytes"]:
            raise Refused(reason("clip-does-not-fit", name=path.name, limit=byte_size(fit["max_bytes"])))
        output.seek(0)
        if into is not None:
            into.write_bytes(output.read())
    return answer


def _sniffed(path: Path) -> Sniffed:
    try:
        return sniff(path.read_bytes()[:HEAD_BYTES])
    except OSError as error:
        raise Unavailable(reason("storage-unavailable")) from error


def _check(path: Path, sniffed: Sniffed, can_be_read: bool) -> None:  # noqa: FBT001  what the caller found out
    if sniffed.kind is None:
        raise Refused(reason("file-not-media", name=path.name, found=sniffed.format, accepted="PNG or MP4"))
    if not can_be_read:
        why = {"name": path.name, "found": sniffed.format, "accepted": "PNG or MP4", "kind": sniffed.kind.value}
        raise Refused(reason("format-not-accepted", **why))


def _picture_facts(path: Path, sniffed: Sniffed) -> MediaFacts:
    with Image.open(path) as image:
        image.load()
        frames = int(getattr(image, "n_frames", 1)) if sniffed.format in ANIMATIONS else 1
        width, height = image.size
        if image.getexif().get(0x0112, 1) in {5, 6, 7, 8}:
            width, height = height, width
        milliseconds = 0
        for index in range(frames):
            image.seek(index)
            image.load()
            milliseconds += int(image.info.get("duration", 0))
    return MediaFacts(
        kind=Kind.VIDEO if frames > 1 else Kind.IMAGE,
        format=sniffed.format,
        byte_count=path.stat().st_size,
        width=width,
        height=height,
        seconds=milliseconds / 1000 if frames > 1 else None,
        frame_count=frames if frames > 1 else None,
        video_codec=sniffed.format if frames > 1 else None,
    )


def _film_facts(path: Path, sniffed: Sniffed) -> MediaFacts:
    with path.open("rb") as file, av.open(file, mode="r", format=DEMUXERS[sniffed.format]) as opened:
        video = next(iter(opened.streams.video), None)
        audio = next(iter(opened.streams.audio), None)
        width = height = frame_count = None
        if video is not None:
            frames = list(opened.decode(video))
            if len(frames) < len(video.index_entries):
                raise OSError("incomplete")
            turned = frames[0].rotation % 180 != 0
            width, height = (video.height, video.width) if turned else (video.width, video.height)
            seconds, frame_count = len(frames) / float(video.guessed_rate or 1), len(frames)
        else:
            seconds = sum(frame.samples / frame.sample_rate for frame in opened.decode(audio=0))
        return MediaFacts(
            kind=Kind.AUDIO if video is None else Kind.VIDEO,
            format="m4a" if video is None and sniffed.format == "mp4" else sniffed.format,
            byte_count=path.stat().st_size,
            width=width,
            height=height,
            seconds=seconds,
            frame_count=frame_count,
            video_codec=video.codec_context.codec.canonical_name if video is not None else None,
            audio_codec=audio.codec_context.codec.canonical_name if audio is not None else None,
        )
