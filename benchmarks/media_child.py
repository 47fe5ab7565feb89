"""What files opened in a media child cost, beside opening them in this process (which the bot never does)."""

# The stubs name numpy, which is not installed.
# pyright: reportUnknownMemberType=false

import io
import tempfile
import time
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from statistics import median
from typing import cast

import av
from PIL import Image, ImageDraw

from bot.domain.media import AnimaticPart, Kind
from bot.media.tools import SandboxedMedia
from sandbox import samples

ROUNDS = 7


async def report() -> None:
    media = SandboxedMedia(child_count=1)
    print("media child: median of 7, ms")
    with tempfile.TemporaryDirectory() as folder:
        await _report_checks(media, Path(folder))
        await _report_sheets(media, Path(folder))


async def _report_checks(media: SandboxedMedia, folder: Path) -> None:
    for name, data in (("picture 960×960", samples.picture()), ("clip 3 s 720p", samples.clip())):
        path = folder / "file"
        path.write_bytes(data)
        sniffed = media.sniff(data[:65536])
        child = await _median_ms(lambda path=path, sniffed=sniffed: media.probe(path, sniffed))
        here = median(_decode(path) for _round in range(ROUNDS))
        print(f"  {name:16} full check in a child {child:7.1f}   decoded here {here:7.1f}")


async def _report_sheets(media: SandboxedMedia, folder: Path) -> None:
    """One picture, clip and sound; then eight pictures, two clips and two sounds."""
    into = folder / "sheet.png"
    for counts in ((1, 1, 1), (8, 2, 2)):
        parts = _parts(folder, counts)
        child = await _median_ms(lambda parts=parts: media.reference_sheet(parts, into))
        here = median(_drawn(parts) for _round in range(ROUNDS))
        name = f"sheet of {len(parts)}"
        print(
            f"  {name:16} drawn in a child      {child:7.1f}   drawn here   {here:7.1f}   ratio {child / here:.2f}"
            f"   {into.stat().st_size / 1000:.0f} KB"
        )


def _parts(folder: Path, counts: tuple[int, int, int]) -> list[AnimaticPart]:
    makers = ((Kind.IMAGE, samples.picture), (Kind.VIDEO, samples.clip), (Kind.AUDIO, samples.sound))
    parts: list[AnimaticPart] = []
    for (kind, make), count in zip(makers, counts, strict=True):
        path = folder / kind.value
        path.write_bytes(make())
        parts += [AnimaticPart(path=str(path), kind=kind, label=f"@{kind.word}{n + 1}") for n in range(count)]
    return parts


async def _median_ms(act: Callable[[], Awaitable[object]]) -> float:
    times: list[float] = []
    for _round in range(ROUNDS):
        started = time.perf_counter()
        await act()
        times.append((time.perf_counter() - started) * 1000)
    return median(times)


def _decode(path: Path) -> float:
    started = time.perf_counter()
    with av.open(str(path)) as container:
        for _frame in container.decode(video=0):
            pass
    return (time.perf_counter() - started) * 1000


def _drawn(parts: Sequence[AnimaticPart]) -> float:
    """The bare drawing: thumbnails in a grid, first frames of clips, sounds decoded; no walls, no limits."""
    started = time.perf_counter()
    sheet = Image.new("RGB", (1280, 305 * -(-len(parts) // 4)))
    draw = ImageDraw.Draw(sheet)
    for index, part in enumerate(parts):
        left, top = index % 4 * 311, index // 4 * 305
        tile = _thumbnail(part)
        if tile is not None:
            tile.thumbnail((297, 223))
            sheet.paste(tile, (left, top))
        draw.text((left, top + 230), part.label, font_size=30)
    sheet.save(io.BytesIO(), "PNG")
    return (time.perf_counter() - started) * 1000


def _thumbnail(part: AnimaticPart) -> Image.Image | None:
    if part.kind is Kind.IMAGE:
        with Image.open(part.path) as image:
            return image.convert("RGB")
    with av.open(part.path) as container:
        if part.kind is Kind.VIDEO:
            return cast("Image.Image", next(container.decode(video=0)).to_image())
        for _frame in container.decode(audio=0):
            pass
    return None
