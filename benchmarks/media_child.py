"""What files opened in a media child cost: beside opening them in this process, which the bot never does; by a zygote
and by fresh interpreters; and what all of it does to the bot's event loop and memory.
"""

# The stubs name numpy, which is not installed.
# pyright: reportUnknownMemberType=false

import asyncio
import io
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Generator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from statistics import median, quantiles
from typing import cast

import av
from PIL import Image, ImageDraw

from bot.domain.errors import RushesError
from bot.domain.media import AnimaticPart, Kind
from bot.media.tools import SandboxedMedia
from sandbox import samples

ROUNDS = 7
FLOOR_ROUNDS = 41
CHILDREN = 2
BEAT_SECONDS = 0.01


async def report() -> None:
    media = SandboxedMedia(child_count=1)
    print("media child: median of 7, ms")
    with tempfile.TemporaryDirectory() as folder:
        await _report_floor(Path(folder))
        await _report_checks(media, Path(folder))
        await _report_sheets(media, Path(folder))
        await _report_load(Path(folder))


async def _report_floor(folder: Path) -> None:
    """A probe of next to nothing: what starting, walling and judging a child costs."""
    path = folder / "floor.png"
    Image.new("1", (1, 1)).save(path)
    costs: dict[bool, float] = {}
    for fresh in (False, True):
        media = SandboxedMedia(child_count=1, fresh_interpreters=fresh)
        sniffed = media.sniff(path.read_bytes())
        await media.probe(path, sniffed)
        costs[fresh] = await _median_ms(
            lambda media=media, sniffed=sniffed: media.probe(path, sniffed), rounds=FLOOR_ROUNDS
        )
    print(
        f"  floor of a probe forked by the zygote {costs[False]:7.1f}   fresh interpreter {costs[True]:7.1f}"
        f"   ratio {costs[False] / costs[True]:.2f}   goal 25"
    )


async def _report_load(folder: Path) -> None:
    """A heartbeat while a folder's files go through two children: those of `RUSHES_CORPUS`, or samples of our own."""
    corpus = os.environ.get("RUSHES_CORPUS")
    files = _files(Path(corpus) if corpus else _samples(folder))
    media, beats, peaks = SandboxedMedia(child_count=CHILDREN), list[float](), dict[int, float]()
    await media.isolation()
    before, started = _resident(os.getpid(), "VmRSS"), time.perf_counter()
    heart = asyncio.get_running_loop().create_task(_beat(beats))
    with _watched(peaks):
        await asyncio.gather(*(_look(media, path) for path in files))
    seconds = time.perf_counter() - started
    heart.cancel()
    late = quantiles(beats, n=100)
    print(f"  load: {len(files)} files through {CHILDREN} children in {seconds:.1f} s ({corpus or 'our own samples'})")
    print(f"    event loop late by, ms  p50 {late[49]:.2f}   p99 {late[98]:.2f} (goal 10)   max {max(beats):.2f}")
    print(
        f"    this process, MB        {before:.0f} before, {_resident(os.getpid(), 'VmRSS'):.0f} after (goal: 50 more)"
    )
    print(f"    peak of a child, MB     {max(peaks.values(), default=0):.0f} (goal 1,500; looked at every 5 ms)")


def _files(folder: Path) -> list[Path]:
    return [path for path in sorted(folder.iterdir()) if path.suffix != ".json"]


def _samples(folder: Path) -> Path:
    made = folder / "samples"
    made.mkdir()
    for name, make in (("a.png", samples.picture), ("b.mp4", samples.clip), ("c.mp3", samples.sound)):
        data = make()
        for number in range(10):
            (made / f"{number}{name}").write_bytes(data)
    return made


async def _look(media: SandboxedMedia, path: Path) -> None:
    with path.open("rb") as file:
        head = file.read(65536)
    with suppress(RushesError):
        await media.probe(path, media.sniff(head))


async def _beat(beats: list[float]) -> None:
    """Milliseconds by which each beat comes late."""
    while True:
        due = time.perf_counter() + BEAT_SECONDS
        await asyncio.sleep(BEAT_SECONDS)
        beats.append((time.perf_counter() - due) * 1000)


@contextmanager
def _watched(peaks: dict[int, float]) -> Generator[None]:
    """Peak resident megabytes by child, seen by a program beside us: a thread would make our own loop late."""
    zygotes = [pid for pid in _children(os.getpid()) if b"bot.media.zygote" in _command(pid)]
    with subprocess.Popen(
        [sys.executable, "-I", __file__, *map(str, zygotes)], stdout=subprocess.PIPE, text=True
    ) as beside:
        try:
            yield
        finally:
            beside.terminate()
            seen, _ = beside.communicate()
    peaks.update({int(pid): float(peak) for pid, peak in (line.split() for line in seen.splitlines())})


def _watch(zygotes: Sequence[int]) -> None:
    """The program beside: until it is told to end, then says what it saw."""
    peaks: dict[int, float] = {}
    told: list[int] = []
    signal.signal(signal.SIGTERM, lambda number, _: told.append(number))
    while not told:
        for pid in [child for zygote in zygotes for child in _children(zygote)]:
            peaks[pid] = max(peaks.get(pid, 0.0), _resident(pid, "VmHWM"))
        time.sleep(0.005)
    for pid, peak in peaks.items():
        print(pid, peak)


def _children(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii").split()]


def _command(pid: int) -> bytes:
    return Path(f"/proc/{pid}/cmdline").read_bytes()


def _resident(pid: int, what: str) -> float:
    """`VmRSS` (now) or `VmHWM` (peak) in MB; 0 for a process that has gone."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text(encoding="utf-8").splitlines()
    except (FileNotFoundError, ProcessLookupError):
        return 0.0
    return next((int(line.split()[1]) * 1024 / 1e6 for line in lines if line.startswith(what)), 0.0)


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


async def _median_ms(act: Callable[[], Awaitable[object]], *, rounds: int = ROUNDS) -> float:
    times: list[float] = []
    for _round in range(rounds):
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


if __name__ == "__main__":
    _watch([int(pid) for pid in sys.argv[1:]])
