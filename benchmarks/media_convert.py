"""Checking, converting and shrinking clips, beside an ffmpeg that others built: at the same preset and the same rate.

`make bench` installs that ffmpeg (the wheel `imageio-ffmpeg`). It makes the clips too: synthetic, with noise, the same
ones every time. Both take turns, so that whatever else the machine does falls on both. Goals are printed beside what
came out; nothing is asserted, machines differ.
"""

import asyncio
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from statistics import median
from typing import Final

from bot.domain.conform import FilePlan, Record, Target, Verdict
from bot.domain.media import Kind, Sniffed
from bot.media.tools import SandboxedMedia

MEGABYTE = 1_000_000
ENCODED = ("-c:v", "libx264", "-preset", "veryfast", "-threads", "2", "-pix_fmt", "yuv420p")
SOUND = ("-c:a", "aac", "-b:a", "128k")
TONEMAP = (
    "scale=1280:720,zscale=t=linear:npl=100,format=gbrpf32le,zscale=p=bt709,tonemap=hable:desat=0,"
    "zscale=t=bt709:m=bt709:r=tv,format=yuv420p"
)
_CHECKS: Final = 3
"""A check takes a fraction of a second: so many times the rounds."""

VMAF = re.compile(r"VMAF score: ([\d.]+)")


@dataclass(frozen=True, kw_only=True)
class Scale:
    """How much is done: seconds of the 720p clips and of the 4K ones, and how often each thing is timed."""

    seconds: int
    large_seconds: int
    rounds: int
    noisy_bytes: int


FULL = Scale(seconds=15, large_seconds=10, rounds=3, noisy_bytes=60 * MEGABYTE)
QUICK = Scale(seconds=4, large_seconds=1, rounds=1, noisy_bytes=16 * MEGABYTE)


class Ffmpeg:
    """The ffmpeg that is compared with."""

    def __init__(self, program: str) -> None:
        self._program = program

    def run(self, *arguments: str | Path) -> str:
        """Answers what it said. Two threads each for reading and writing, as we have."""
        done = subprocess.run(
            (self._program, "-hide_banner", "-nostdin", "-y", *map(str, arguments)),
            check=True,
            capture_output=True,
            text=True,
        )
        return done.stderr

    def seconds(self, *arguments: str | Path) -> float:
        started = time.perf_counter()
        self.run(*arguments)
        return time.perf_counter() - started

    def vmaf(self, made: Path, original: Path) -> float:
        said = self.run("-i", made, "-i", original, "-lavfi", "libvmaf=n_threads=2", "-f", "null", "-")
        found = VMAF.search(said)
        return float(found[1]) if found else float("nan")


async def report(*, quick: bool = False) -> None:
    program = _program()
    if program is None:
        print("media convert: left out, imageio-ffmpeg is not installed (`make bench` does)")
        return
    scale, ffmpeg, media = QUICK if quick else FULL, Ffmpeg(program), SandboxedMedia(child_count=1)
    print(f"media convert: beside ffmpeg, s (median of {scale.rounds}, taking turns)")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        plain = _plain(ffmpeg, folder, scale)
        await media.check_clip(plain)  # the first child takes longer: its libraries are loaded
        await _report_check(media, ffmpeg, plain, scale)
        await _report_conversions(media, ffmpeg, folder, scale)
        await _report_shrinking(media, ffmpeg, folder, scale)


def _program() -> str | None:
    try:
        found = import_module("imageio_ffmpeg").get_ffmpeg_exe()
    except (ImportError, RuntimeError):
        return None
    return found if isinstance(found, str) else None


# --- what is compared -------------------------------------------------------------------------------------------------


async def _report_check(media: SandboxedMedia, ffmpeg: Ffmpeg, plain: Path, scale: Scale) -> None:
    sniffed = _sniffed(media, plain)
    for name, act in (
        ("check of a clip that came back", lambda: media.check_clip(plain)),
        ("full check of a file, 720p", lambda: media.probe(plain, sniffed)),
    ):
        ours, theirs = await _medians(
            act, lambda: ffmpeg.seconds("-threads", "2", "-i", plain, "-f", "null", "-"), _CHECKS * scale.rounds
        )
        _say(name, ours, theirs, goal=1.2)


async def _report_conversions(media: SandboxedMedia, ffmpeg: Ffmpeg, folder: Path, scale: Scale) -> None:
    into, theirs_into = folder / "ours.mp4", folder / "theirs.mp4"
    small = ("-vf", "scale=1280:720")
    cases: Sequence[tuple[str, Path, Sequence[str], bool, float]] = (
        ("720p to 720p", _noisy(ffmpeg, folder, scale), (), False, 1.15),
        ("4K60 to 720p", _large(ffmpeg, folder, scale, hdr=False), small, False, 1.15),
        ("4K60 HDR to 720p SDR", _large(ffmpeg, folder, scale, hdr=True), ("-vf", TONEMAP), True, 1.5),
    )
    for name, path, filters, tonemap, goal in cases:
        plan = await _plan(media, path, tonemap=tonemap)
        arguments = ("-threads", "2", "-i", path, *filters, *ENCODED, "-crf", "21", *SOUND, theirs_into)
        ours, theirs = await _medians(
            lambda path=path, plan=plan: media.conform(path, plan, into),
            lambda arguments=arguments: ffmpeg.seconds(*arguments),
            scale.rounds,
        )
        _say(name, ours, theirs, goal=goal, more=f"{_megabytes(into)}, {_megabytes(theirs_into)}")


async def _plan(media: SandboxedMedia, path: Path, *, tonemap: bool) -> FilePlan:
    """The same pixels and frames as ffmpeg is asked for."""
    facts = await media.probe(path, _sniffed(media, path))
    record = Record(verdict=Verdict.CONVERT, code="bench", kind=Kind.VIDEO, facts=facts)
    target = Target(format="mp4", kind=Kind.VIDEO, width=1280, height=720, tonemap=tonemap)
    return FilePlan(record=record, target=target)


def _sniffed(media: SandboxedMedia, path: Path) -> Sniffed:
    with path.open("rb") as file:
        return media.sniff(file.read(64 * 1024))


async def _report_shrinking(media: SandboxedMedia, ffmpeg: Ffmpeg, folder: Path, scale: Scale) -> None:
    noisy, into, theirs_into = _noisy(ffmpeg, folder, scale), folder / "ours.mp4", folder / "theirs.mp4"
    limit = scale.noisy_bytes // 6
    bits = round(limit * 0.985 * 8 / scale.seconds - 132_000)
    rates = ("-b:v", str(bits), "-maxrate", str(round(bits * 1.2)), "-bufsize", str(round(bits * 2.4)))
    ours, theirs = await _medians(
        lambda: media.shrink(noisy, into, max_bytes=limit),
        lambda: ffmpeg.seconds("-threads", "2", "-i", noisy, *ENCODED, *rates, *SOUND, theirs_into),
        scale.rounds,
    )
    name = f"{_megabytes(noisy)} to at most {limit / MEGABYTE:.1f} MB"
    _say(name, ours, theirs, goal=1.3, more=f"{_megabytes(into)}, {_megabytes(theirs_into)}")
    our_score, their_score = ffmpeg.vmaf(into, noisy), ffmpeg.vmaf(theirs_into, noisy)
    print(f"  {'VMAF of both':32} {our_score:7.1f} {their_score:7.1f}   goal within 1")


def _say(name: str, ours: float, theirs: float, *, goal: float, more: str = "") -> None:
    print(f"  {name:32} {ours:7.2f} {theirs:7.2f}   ratio {ours / theirs:.2f}, goal {goal:g}   {more}", flush=True)


def _megabytes(path: Path) -> str:
    return f"{path.stat().st_size / MEGABYTE:.1f} MB"


async def _medians(
    ours: Callable[[], Awaitable[object]], theirs: Callable[[], float], rounds: int
) -> tuple[float, float]:
    """Seconds that ours and theirs took, in turns."""
    our_times, their_times = list[float](), list[float]()
    for _ in range(rounds):
        started = time.perf_counter()
        await ours()
        our_times.append(time.perf_counter() - started)
        their_times.append(theirs())
    return median(our_times), median(their_times)


# --- the clips --------------------------------------------------------------------------------------------------------


def _plain(ffmpeg: Ffmpeg, folder: Path, scale: Scale) -> Path:
    """What a model might answer: 720p, 24 frames a second, some megabits."""
    return _made(ffmpeg, folder / "plain.mp4", _source("1280x720", 24, scale.seconds, noise=3), bits="6M")


def _noisy(ffmpeg: Ffmpeg, folder: Path, scale: Scale) -> Path:
    """720p that costs many bytes."""
    bits = str(round(scale.noisy_bytes * 8 / scale.seconds))
    return _made(ffmpeg, folder / "noisy.mp4", _source("1280x720", 25, scale.seconds, noise=14), bits=bits)


def _large(ffmpeg: Ffmpeg, folder: Path, scale: Scale, *, hdr: bool) -> Path:
    """4K at 60 frames a second as phones write it (HEVC; HLG for HDR): a second of it, over and over."""
    path, unit = folder / f"large-{hdr}.mp4", folder / f"second-{hdr}.mp4"
    if not path.exists():
        colours = _HLG if hdr else ("-pix_fmt", "yuv420p")
        parameters = "log-level=error:open-gop=0:keyint=60" + (":" + _HLG_PARAMETERS if hdr else "")
        encoder = ("-c:v", "libx265", "-preset", "ultrafast", "-tag:v", "hvc1", "-x265-params", parameters)
        ffmpeg.run(*_source("3840x2160", 60, 1, noise=6), *encoder, *colours, "-b:v", "50M", *SOUND, unit)
        ffmpeg.run("-stream_loop", str(scale.large_seconds - 1), "-i", unit, "-c", "copy", path)
    return path


_HLG = (
    *("-pix_fmt", "yuv420p10le", "-color_trc", "arib-std-b67", "-color_primaries", "bt2020"),
    *("-colorspace", "bt2020nc"),
)
_HLG_PARAMETERS = "colorprim=bt2020:transfer=arib-std-b67:colormatrix=bt2020nc"


def _source(size: str, rate: int, seconds: int, *, noise: int) -> Sequence[str]:
    """Moving shapes with noise that does not change from run to run, and a tone."""
    pictures = f"testsrc2=s={size}:r={rate}:d={seconds},noise=alls={noise}:allf=t:all_seed=1"
    return ("-f", "lavfi", "-i", pictures, "-f", "lavfi", "-i", f"sine=440:r=48000:d={seconds}", "-shortest")


def _made(ffmpeg: Ffmpeg, path: Path, source: Sequence[str], *, bits: str) -> Path:
    if not path.exists():
        ffmpeg.run(*source, *_with(ENCODED, {"veryfast": "ultrafast"}), "-b:v", bits, *SOUND, path)
    return path


def _with(arguments: Sequence[str], changes: Mapping[str, str]) -> list[str]:
    return [changes.get(argument, argument) for argument in arguments]


if __name__ == "__main__":
    asyncio.run(report(quick="--quick" in sys.argv))
