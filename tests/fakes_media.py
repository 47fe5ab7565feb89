"""A `MediaTools` without a child: it sniffs for real, and reads the small honest files of tests itself."""

# The stubs name numpy, which is not installed.
# pyright: reportUnknownMemberType=false

from collections.abc import Sequence
from pathlib import Path
from typing import Final

import av
import av.error
from PIL import Image, ImageOps, UnidentifiedImageError

from bot.domain.errors import Refused, Unavailable
from bot.domain.media import AnimaticPart, AnimaticPlan, Kind, MediaFacts, Sniffed
from bot.domain.reasons import reason
from bot.media.formats import ANIMATIONS, DEMUXERS, PILLOW_NAMES, readable
from bot.media.sniffer import sniff
from tests import media_samples

_ROW_PIXELS: Final = 100
_VIDEO: Final = Sniffed(kind=Kind.VIDEO, format="mp4")


class FakeMedia:
    """Keeps the port's promises for files that mean no harm. Its lists tell what was asked for."""

    def __init__(self) -> None:
        self.probed: list[Path] = []
        self.drawn: list[AnimaticPlan] = []
        self.sheets: list[tuple[AnimaticPart, ...]] = []
        self.stills: list[Path] = []

    def sniff(self, head: bytes) -> Sniffed:
        return sniff(head)

    async def probe(self, path: Path, sniffed: Sniffed) -> MediaFacts:
        self.probed.append(path)
        _check(path, sniffed, readable(sniffed.format))
        try:
            return _picture_facts(path, sniffed) if sniffed.kind is Kind.IMAGE else _film_facts(path, sniffed)
        except (UnidentifiedImageError, OSError, SyntaxError, av.error.FFmpegError) as error:
            raise Refused(reason("file-unreadable", name=path.name, found=sniffed.format)) from error

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

    async def still(self, path: Path, sniffed: Sniffed, into: Path) -> MediaFacts:
        self.stills.append(path)
        _check(path, sniffed, sniffed.format in PILLOW_NAMES)
        try:
            still = _first_visible(path)
        except (UnidentifiedImageError, OSError, SyntaxError) as error:
            raise Refused(reason("file-unreadable", name=path.name, found=sniffed.format)) from error
        still.info = {}
        still.save(into, "PNG")
        return await self.probe(into, Sniffed(kind=Kind.IMAGE, format="png"))

    async def reference_sheet(self, parts: Sequence[AnimaticPart], into: Path) -> None:
        if not parts:
            raise ValueError("a sheet of nothing")
        if not all(Path(part.path).exists() for part in parts):
            raise Unavailable(reason("storage-unavailable"))
        self.sheets.append(tuple(parts))
        columns = min(4, len(parts))
        Image.new("RGB", (300 * columns, 300 * -(-len(parts) // columns))).save(into, "PNG")


def _check(path: Path, sniffed: Sniffed, can_be_read: bool) -> None:  # noqa: FBT001  what the caller found out
    if sniffed.kind is None:
        raise Refused(reason("file-not-media", name=path.name, found=sniffed.format, accepted="PNG or MP4"))
    if not can_be_read:
        why = {"name": path.name, "found": sniffed.format, "accepted": "PNG or MP4", "kind": sniffed.kind.value}
        raise Refused(reason("format-not-accepted", **why))


def _first_visible(path: Path) -> Image.Image:
    with Image.open(path) as image:
        frames: list[Image.Image] = []
        for index in range(1 if getattr(image, "default_image", False) else 0, int(getattr(image, "n_frames", 1))):
            image.seek(index)
            frames.append(image.convert("RGBA"))
            if frames[-1].getchannel("A").getbbox() is not None:
                break
    shown = frames[-1] if frames[-1].getchannel("A").getbbox() is not None else frames[0]
    upright = ImageOps.exif_transpose(shown)
    return upright.convert("RGB") if upright.getchannel("A").getextrema() == (255, 255) else upright


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
