"""Throws damaged, crossed and made-up files at what reads strangers' bytes; the same seed gives the same files.

In process: the sniffer, the structure reader, the child's answers, the decision and the planner (pure Python, no
decoder). Whole records: a real media child. What must hold: nothing but our own errors, a bounded number of steps,
answers within their types, sentences that are whole, and no child that dies without being noticed.

    python -m tests.media_fuzz --seconds 600 --failures fuzz-failures
    python -m tests.media_fuzz --replay fuzz-failures/structure-1234.bin

Every failing input is written to the folder of failures; its name says the target and the case.
"""

import argparse
import asyncio
import json
import os
import random
import re
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from string import Formatter
from types import FrameType
from typing import Any, Final

from bot.domain.conform import Anchor, FilePlan, Part, Record, SetPlan, Verdict
from bot.domain.fates import fate, planned_fate
from bot.domain.media import Kind, Sniffed
from bot.domain.models import KindLimits, ModelLimits
from bot.domain.words import PHRASES, SENTENCES, say
from bot.media import planner, sniffer, structure, verdict
from bot.media.children import Children, SubjectRefused
from bot.media.formats import DEMUXERS, PILLOW_NAMES
from bot.media.measurement import Finding, Measurement, Trouble, measurement_from
from bot.media.starters import Starter
from bot.media.tools import SandboxedMedia
from tests import media_samples
from tests.corpus import LIMITS

FORMATS: Final = (*PILLOW_NAMES, *DEMUXERS)
_WATCHED: Final = frozenset(str(module.__file__) for module in (planner, sniffer, structure, verdict))
_STEPS: Final = 20_000
_STEPS_PER_BYTE: Final = 60
_PLANNER_STEPS: Final = 3_000_000
"""Lines that may be executed. Sides of a million pixels let the planner try some ten thousand sizes a file."""

_MOST_BYTES: Final = 60_000
_EDGES: Final = (0, 1, 2, 7, 8, 0x7F, 0x80, 0xFF, 0x7FFF, 0x8000, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF)
_MAGICS: Final = (
    b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR",
    b"\xff\xd8\xff\xe0",
    b"\0\0\0\x18ftypisom\0\0\0\0isommp42",
    b"RIFF\xff\xff\xff\xffWAVE",
    b"RIFF\0\0\0\0WEBPVP8X",
    b"OggS\0\x02",
    b"\x1a\x45\xdf\xa3\x9f\x42\x82\x84webm\x18\x53\x80\x67\x01\xff\xff\xff\xff\xff\xff\xff",
    b"ID3\x04\0\0\x7f\x7f\x7f\x7f",
    b"GIF89a\xff\xff\xff\xff",
    b"FORM\xff\xff\xff\xffAIFF",
    b"#EXTM3U\n",
    b"ffconcat version 1.0\nfile x\n",
    b"<svg xmlns='http://www.w3.org/2000/svg'><!DOCTYPE",
    b"\0\0\x01\0\xff\xff",
    b"moov",
    b"trak",
    b"udta",
    b"meta",
    b"dref",
    b"iCCP",
    b"zTXt",
    b"EXIF",
)


class Broken(AssertionError):
    """A promise that does not hold."""


# --- cases ------------------------------------------------------------------------------------------------------------


@cache
def seeds() -> tuple[bytes, ...]:
    """Small real files of every sort, and the beginnings of others."""
    small = [make() for make in media_samples.SAMPLES.values()]
    return (*(data[:_MOST_BYTES] for data in small), *_MAGICS, b"", _nested(b"moov", 2000), many(b"free", 2000))


def _nested(name: bytes, depth: int) -> bytes:
    return b"".join((8 * (depth - index)).to_bytes(4, "big") + name for index in range(depth))


def many(name: bytes, count: int) -> bytes:
    """Empty boxes of that name."""
    return (b"\0\0\0\x08" + name) * count


def damaged(chance: random.Random) -> bytes:
    """A seed after one to six changes."""
    data = bytearray(chance.choice(seeds()))
    for _ in range(chance.randint(1, 6)):
        chance.choice(_CHANGES)(data, chance)
    return bytes(data[:_MOST_BYTES])


def _flip(data: bytearray, chance: random.Random) -> None:
    for _ in range(min(len(data), chance.choice((1, 1, 4, 64)))):
        data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)


def _number(data: bytearray, chance: random.Random) -> None:
    """An edge of a number somewhere, mostly near the start, where sizes stand."""
    width, order = chance.choice((1, 2, 4, 8)), chance.choice(("big", "little"))
    at = chance.randrange(min(len(data), chance.choice((64, 512, _MOST_BYTES))) + 1)
    value = chance.choice(_EDGES) & ((1 << 8 * width) - 1)
    data[at : at + width] = value.to_bytes(width, "big" if order == "big" else "little")


def _cut(data: bytearray, chance: random.Random) -> None:
    del data[chance.randrange(len(data) + 1) :]


def _drop(data: bytearray, chance: random.Random) -> None:
    at = chance.randrange(len(data) + 1)
    del data[at : at + chance.choice((1, 4, 8, 1000))]


def _repeat(data: bytearray, chance: random.Random) -> None:
    at = chance.randrange(len(data) + 1)
    piece = bytes(data[at : at + chance.choice((1, 8, 32, 512))])
    data[at:at] = piece * chance.choice((1, 2, 50))


def _insert(data: bytearray, chance: random.Random) -> None:
    at = chance.randrange(len(data) + 1)
    data[at:at] = chance.choice((chance.choice(_MAGICS), chance.randbytes(chance.choice((1, 4, 300))), bytes(4)))


def _cross(data: bytearray, chance: random.Random) -> None:
    """The head of one file with the rest of another."""
    other = chance.choice(seeds())
    at = chance.randrange(len(data) + 1)
    data[at:] = other[chance.randrange(len(other) + 1) :]


def _disguise(data: bytearray, chance: random.Random) -> None:
    magic = chance.choice(_MAGICS)
    data[: len(magic)] = magic


_CHANGES: Final[tuple[Callable[[bytearray, random.Random], None], ...]] = (
    _flip,
    _number,
    _number,
    _cut,
    _drop,
    _repeat,
    _insert,
    _cross,
    _disguise,
)


# --- what must hold ---------------------------------------------------------------------------------------------------


@contextmanager
def bounded(steps: int) -> Generator[None]:
    """Counts executed lines of the modules under test, and raises `Broken` when they are too many."""
    left, before = steps, sys.gettrace()

    def count(_frame: FrameType, event: str, _argument: object) -> Any:  # noqa: ANN401  the type of trace functions
        nonlocal left
        if event == "line":
            left -= 1
            if left < 0:
                raise Broken(f"more than {steps} steps")
        return count

    def enter(frame: FrameType, _event: str, _argument: object) -> Any:  # noqa: ANN401  as above
        return count if frame.f_code.co_filename in _WATCHED else None

    sys.settrace(enter)
    try:
        yield
    finally:
        sys.settrace(before)


def _hold(promise: bool, words: str) -> None:  # noqa: FBT001  reads as an assertion
    if not promise:
        raise Broken(words)


def try_sniffer(data: bytes) -> None:
    """Any bytes have an answer, of a known form, that does not hang on what comes after 64 KiB."""
    with bounded(_STEPS + _STEPS_PER_BYTE * min(len(data), sniffer.HEAD_BYTES)):
        found = sniffer.sniff(data)
    _hold(re.fullmatch(r"[a-z0-9 -]+", found.format) is not None, f"format {found}")
    _hold(found.kind is None or found.format in {*FORMATS, "jxl"}, f"{found.format} has a kind and no reader")
    _hold(found.kind is not None or found.format not in FORMATS, f"{found.format} has a reader and no kind")
    _hold(found == sniffer.sniff(data[: sniffer.HEAD_BYTES]), "more than the head was looked at")


def try_structure(data: bytes) -> None:
    """No format's reader loses its way, whatever the bytes really are."""
    names = {sniffer.sniff(data).format, FORMATS[len(data) % len(FORMATS)], "mp4", "heic"}
    for name in sorted(names):
        with bounded(_STEPS + _STEPS_PER_BYTE * len(data)):
            found = structure.layout_of(data, name)
        flags = {found.cut, found.metadata, found.trailing, found.outside, found.bloated, found.tangled}
        _hold({type(flag) for flag in flags} == {bool}, f"{name}: {found}")
        _hold(found.pixels >= 0, f"{name}: {found.pixels} pixels")


def try_planner(data: bytes) -> None:
    """Whatever children answer, records and plans are made of it that keep every limit; the case is a random seed."""
    chance = random.Random(data)  # noqa: S311  the same cases again is what it is for
    limits = _limits(chance)
    records: list[Record] = []
    for _ in range(chance.choice((0, 1, 2, 3, 4, 6, 14))):
        record = _record(chance, limits)
        _check_record(record)
        records.append(record)
    parts = {index: _part(chance) for index in range(len(records)) if chance.random() < 0.3}
    with bounded(_PLANNER_STEPS):
        planned = planner.plan(records, limits, parts, names=[f"file {index}" for index in range(len(records))])
    _check_plan(planned, records, limits)
    _hold(planned == planner.plan(records, limits, parts, names=[f"file {i}" for i in range(len(records))]), "chance")


def _record(chance: random.Random, limits: ModelLimits) -> Record:
    form = chance.choice((*FORMATS, *("jpeg", "png", "mp4", "mov", "mp3", "wav") * 4))
    sniffed = Sniffed(kind=chance.choice((None, *Kind)), format=form)
    try:
        measurement = measurement_from(_answer(chance, form), byte_count=_size(chance))
    except ValueError:
        measurement = None if chance.random() < 0.5 else Measurement(trouble=chance.choice(list(Trouble)))
    with bounded(_STEPS):
        return verdict.decide(sniffed, measurement, limits, name=f"file.{chance.choice(FORMATS)}")


def _answer(chance: random.Random, form: str) -> dict[str, object]:
    """What a child might say: mostly honest, now and then impossible."""
    side = (1, 15, *[333, 640, 720, 834, 1112, 1280, 1281, 4096] * 4, 30_000)
    kind = Kind.IMAGE if form in PILLOW_NAMES else chance.choice((Kind.VIDEO, Kind.AUDIO))
    kind = chance.choice(list(Kind)) if chance.random() < 0.1 else kind
    answer: dict[str, object] = {
        "facts": {
            "kind": kind.value,
            "format": form,
            "width": chance.choice((None, *side)),
            "height": chance.choice((None, *side)),
            "seconds": chance.choice((None, 0, 0.001, 0.2, 1.9999, 2, 14.9, 15.01, 20, 1e5, chance.uniform(0, 40))),
            "frame_count": chance.choice((None, 0, 1, 2, 30, 100_000)),
            "video_codec": chance.choice((None, "h264", "hevc", "wmv2")),
            "audio_codec": chance.choice((None, "aac", "mp3", "pcm_s16le", "opus")),
        },
        "trouble": chance.choice((*[None] * 80, *Trouble)),
        "findings": chance.sample(list(Finding), chance.choice((0, 0, 1, 3))),
        "rotation": chance.choice((0, 0, 90, 180, 270)),
        "frame_rate": chance.choice((None, 0, 0.0003, 1, 9.99, 23.976, 30, 60, 240, 1e6)),
        "pixel_format": chance.choice((None, "yuv420p", "rgba")),
        **{name: chance.random() < 0.2 for name in ("hdr", "alpha", "animated", "metadata")},
        **{name: chance.choice((0, 1, 4)) for name in ("video_streams", "audio_streams", "error_count")},
    }
    if chance.random() < 0.1:
        impossible: tuple[object, ...] = (None, -1, "", "\n", [], {}, True, 1e99, float("nan"), "x" * 999, [None])
        answer[chance.choice(list(answer))] = chance.choice(impossible)
    return answer


def _size(chance: random.Random) -> int:
    return chance.choice((0, 1, 1000, 999_999, 3_000_000, 14_999_999, 30_000_001, 50_000_000, 10_000_000_000))


def _limits(chance: random.Random) -> ModelLimits:
    """The model's, or another's."""
    kinds = {kind: _kind_limits(chance, each) for kind, each in LIMITS.kinds.items() if chance.random() < 0.9}
    return replace(LIMITS, kinds=kinds, max_files=chance.choice((1, 3, 12)), audio_needs_visual=chance.random() < 0.8)


def _kind_limits(chance: random.Random, limits: KindLimits) -> KindLimits:
    if chance.random() < 0.6:
        return limits
    return replace(
        limits,
        max_count=chance.choice((0, 1, 9)),
        max_bytes_each=chance.choice((None, 1, 100_000, 10_000_000)),
        max_bytes_together=chance.choice((None, 1, 1_000_000)),
        max_seconds_together=chance.choice((None, 3.0, 15.0)),
        min_area_pixels=chance.choice((None, 1, 409_600)),
        max_area_pixels=chance.choice((None, 409_600, 500_000)),
    )


def _part(chance: random.Random) -> Part:
    return Part(anchor=chance.choice(list(Anchor)), at_seconds=chance.choice((0.0, 1.5, 1e9)))


def _check_record(record: Record) -> None:
    _hold((record.why is not None) is (record.verdict is Verdict.REJECT), f"why: {record}")
    _hold(bool(record.steps) is (record.verdict is Verdict.CONVERT), f"steps: {record}")
    _hold(re.fullmatch(r"[a-z0-9_]+", record.code) is not None, f"code {record.code!r}")
    _check_sentence(fate(record, "walk.mov"))
    if record.why is not None:
        _hold(record.why.code in SENTENCES, record.why.code)
        _check_sentence(say(record.why))


_ARGUMENTS: Final = frozenset(
    name for text in (*SENTENCES.values(), *PHRASES.values()) for _, name, _, _ in Formatter().parse(text) if name
)


def _check_sentence(text: str) -> None:
    """A missing argument shows as its own name in brackets."""
    _hold(bool(text), "no sentence")
    _hold(not _ARGUMENTS.intersection(re.findall(r"\(([a-z_]+)\)", text)), f"sentence: {text}")


def _check_plan(planned: SetPlan, records: Sequence[Record], limits: ModelLimits) -> None:
    _hold([file.record for file in planned.files] == list(records), "the plan has other files, or another order")
    _hold(planned.verdict is not Verdict.REJECT or not any(file.target for file in planned.files), "work for nothing")
    _hold(bool(planned.reasons) is (planned.verdict is Verdict.REJECT), f"reasons: {planned.code} {planned.reasons}")
    for why in planned.reasons:
        _hold(why.code in SENTENCES, why.code)
    for file in planned.files:
        _check_sentence(planned_fate(file, "walk.mov"))
    if planned.verdict is Verdict.REJECT:
        return
    for kind, allowed in limits.kinds.items():
        _check_kind([file for file in planned.files if _used_as(file) is kind], allowed)


def _used_as(file: FilePlan) -> Kind | None:
    if file.record.verdict is Verdict.REJECT:
        return None
    return file.record.kind if file.target is None else file.target.kind


def _check_kind(files: Sequence[FilePlan], allowed: KindLimits) -> None:
    """What the targets come to keeps the limits of their kind."""
    _hold(len(files) <= allowed.max_count, "too many")
    seconds = 0.0
    for file in files:
        target, facts = file.target, file.record.facts
        natural = (facts.seconds if facts is not None else None) or 0.0
        if target is None:
            seconds += natural
            continue
        seconds += target.loop_to_seconds or target.seconds or natural
        _hold(not allowed.formats or target.format in allowed.formats, f"made as {target.format}")
        _hold(target.start_seconds + (target.seconds or 0.0) <= natural + 0.01, f"beyond its end: {target}")
        area = (target.width or 0) * (target.height or 0)
        _hold(target.kind is Kind.AUDIO or area > 0, f"no size: {target}")
        _hold(not area or area <= (allowed.max_area_pixels or area), f"too large: {target}")
        _hold(not area or area >= (allowed.min_area_pixels or 0), f"too small: {target}")
        _hold(target.max_bytes is None or target.max_bytes > 0, f"no bytes: {target}")
    visual = bool(files) and _used_as(files[0]) is Kind.IMAGE
    most = None if visual else allowed.max_seconds_together
    _hold(most is None or seconds <= most + 0.05 * len(files) + 0.01, f"{seconds} s of {most} s")


TARGETS: Final[Mapping[str, Callable[[bytes], None]]] = {
    "sniffer": try_sniffer,
    "structure": try_structure,
    "planner": try_planner,
}


# --- whole records ----------------------------------------------------------------------------------------------------


class WatchedMedia(SandboxedMedia):
    """Knows how its children ended, which records do not tell."""

    def __init__(self, starter: Starter | None = None) -> None:
        super().__init__(child_count=2)
        if starter is not None:
            self._children = Children(count=1, starter=starter)
        self.endings: list[str] = []
        run = self._children.run

        async def watched(*arguments: Any, **details: Any) -> Any:  # noqa: ANN401  passed on as they come
            try:
                return await run(*arguments, **details)
            except SubjectRefused as refused:
                self.endings.append(refused.detail)
                raise

        self._children.run = watched

    async def try_record(self, data: bytes, folder: Path) -> None:
        """A record whose child neither dies nor runs out of time; raises `Broken`."""
        path = folder / "file.bin"
        await asyncio.to_thread(path.write_bytes, data)
        self.endings.clear()
        record = await self.record(path, LIMITS)
        _check_record(record)
        died = [ending for ending in self.endings if "without an answer" in ending or ending == "wall time"]
        _hold(not died or record.verdict is Verdict.REJECT, f"accepted although: {died}")
        _hold(not died, f"a child did not answer: {died}")


# --- runs -------------------------------------------------------------------------------------------------------------


@dataclass(kw_only=True)
class Report:
    """How many cases were tried of each target, and the files of those that failed."""

    folder: Path
    tried: Counter[str] = field(default_factory=Counter[str])
    failures: dict[str, str] = field(default_factory=dict[str, str])

    def failed(self, target: str, case: str, data: bytes, error: Exception) -> None:
        """Writes the input to a file whose name says the target and the case."""
        self.folder.mkdir(parents=True, exist_ok=True)
        path = self.folder / f"{target}-{case}.bin"
        path.write_bytes(data)
        self.failures[str(path)] = f"{type(error).__name__}: {error}"


def cases(seed: int) -> Iterator[tuple[str, bytes]]:
    """Numbered cases without end, the same for the same seed."""
    number = 0
    while True:
        yield f"{seed}-{number}", damaged(random.Random(f"{seed}-{number}"))  # noqa: S311  as above
        number += 1


def run_one(name: str, case: str, data: bytes, report: Report) -> None:
    """One case of an in-process target."""
    report.tried[name] += 1
    try:
        TARGETS[name](data)
    except Exception as error:  # noqa: BLE001  any error at all is a finding
        report.failed(name, case, data, error)


async def run_record(media: WatchedMedia, case: str, data: bytes, report: Report) -> None:
    """One case of a whole record."""
    report.tried["record"] += 1
    with tempfile.TemporaryDirectory() as folder:
        try:
            await media.try_record(data, Path(folder))
        except Exception as error:  # noqa: BLE001  as above
            report.failed("record", case, data, error)


async def fuzz(report: Report, seed: int, going_on: Callable[[int], bool], *, children_every: int) -> None:
    """Every case through every target, and every so many through a real child, while `going_on` for its number."""
    media = WatchedMedia()
    for number, (case, data) in enumerate(cases(seed)):
        if not going_on(number):
            return
        for name in TARGETS:
            run_one(name, case, case.encode() if name == "planner" else data, report)
        if number % children_every == 0:
            await run_record(media, case, data, report)


async def replay(path: Path, report: Report) -> None:
    """A failing input again, by the target in its name; by all where the name says none."""
    name, data = path.name.partition("-")[0], await asyncio.to_thread(path.read_bytes)
    for target in [name] if name in TARGETS else [] if name == "record" else TARGETS:
        run_one(target, "again", data, report)
    if name not in TARGETS:
        await run_record(WatchedMedia(), "again", data, report)


def main() -> None:
    """The command of `make fuzz`."""
    parser = argparse.ArgumentParser(description="Fuzzes what reads strangers' files.")
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--seed", type=int, default=None, help="default: another one each time, which is printed")
    parser.add_argument("--failures", type=Path, default=Path("fuzz-failures"))
    parser.add_argument("--replay", type=Path, nargs="*", default=[])
    given = parser.parse_args()
    seed = int.from_bytes(os.urandom(4), "big") if given.seed is None else given.seed
    report, ends = Report(folder=given.failures), time.monotonic() + given.seconds
    if given.replay:
        for path in given.replay:
            asyncio.run(replay(path, report))
    else:
        print(f"seed {seed}, {given.seconds:g} s")  # noqa: T201  a command's answer
        asyncio.run(fuzz(report, seed, lambda _: time.monotonic() < ends, children_every=20))
    print(json.dumps({"tried": report.tried, "failures": report.failures}, indent=2))  # noqa: T201  as above
    sys.exit(1 if report.failures else 0)


if __name__ == "__main__":
    main()
