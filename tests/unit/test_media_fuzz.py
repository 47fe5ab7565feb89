"""What reads strangers' bytes holds for a few hundred damaged files; `make fuzz` tries as many as there is time for."""

import asyncio
import subprocess
import sys
from pathlib import Path
from typing import Self

import pytest

from bot.domain.media import Kind, Sniffed
from bot.media import sniffer, structure
from bot.media.tools import SandboxedMedia
from tests import media_fuzz, media_samples
from tests.corpus import LIMITS
from tests.media_fuzz import Broken, Report, bounded, cases, fuzz, run_one


def test_damaged_files_break_neither_what_looks_at_them_nor_their_children(tmp_path: Path) -> None:
    report = Report(folder=tmp_path / "failures")
    asyncio.run(fuzz(report, 4, lambda number: number < 300, children_every=15))
    assert report.failures == {}
    assert report.tried == {"sniffer": 300, "structure": 300, "planner": 300, "record": 20}


def test_the_same_seed_gives_the_same_files() -> None:
    def first(seed: int) -> list[tuple[str, bytes]]:
        return [case for case, _ in zip(cases(seed), range(20), strict=False)]

    assert first(1) == first(1)
    assert first(1) != first(2)
    assert len({data for _, data in first(1)}) > 15


def test_what_breaks_is_written_to_a_file_that_says_what_and_where(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def confused(head: bytes) -> Sniffed:
        return Sniffed(kind=Kind.IMAGE, format="unheard of") if head[:1] == b"x" else sniffer_as_it_is(head)

    sniffer_as_it_is = sniffer.sniff
    monkeypatch.setattr(sniffer, "sniff", confused)
    report = Report(folder=tmp_path)
    run_one("sniffer", "7-1", b"x and more", report)
    run_one("sniffer", "7-2", b"sound", report)
    (path,) = report.failures
    assert Path(path) == tmp_path / "sniffer-7-1.bin"
    assert Path(path).read_bytes() == b"x and more"
    assert "has a kind and no reader" in report.failures[path]


def test_a_reader_that_loses_its_way_is_stopped_by_its_steps() -> None:
    with pytest.raises(Broken, match="more than 1000 steps"), bounded(1000):
        structure.layout_of(media_fuzz.many(b"free", 2000), "mp4")


def test_a_child_that_dies_is_noticed(tmp_path: Path) -> None:
    async def dies() -> None:
        media = media_fuzz.WatchedMedia(_Dead())
        await media.try_record(media_samples.png((16, 16)), tmp_path)

    with pytest.raises(Broken, match="did not answer"):
        asyncio.run(dies())


class _Dead:
    """A `Starter` whose children say that they are ready and are gone."""

    def start(self, job: bytes, descriptors: object) -> "_Dead":
        return self

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        return None

    exit_code = -11

    async def listen(self, hear: object) -> None:
        assert callable(hear)
        hear(b'{"ready": ["seccomp"]}\n')


def test_the_command_replays_an_input(tmp_path: Path) -> None:
    path = tmp_path / "structure-1-1.bin"
    path.write_bytes(media_samples.mp4()[:-100])
    told = subprocess.run(
        [sys.executable, "-m", "tests.media_fuzz", "--replay", str(path), "--failures", str(tmp_path / "failures")],
        capture_output=True,
        text=True,
        check=False,
        cwd=Path(__file__).parents[2],
        timeout=60,
    )
    assert (told.returncode, '"structure": 1' in told.stdout) == (0, True), told.stderr


def test_notes_beyond_those_that_are_looked_through_count_as_telling() -> None:
    def box(name: bytes, body: bytes = b"") -> bytes:
        return (8 + len(body)).to_bytes(4, "big") + name + body

    def film(*notes: bytes) -> bytes:
        return box(b"ftyp", b"isom\0\0\0\0isom") + box(b"moov", box(b"udta", b"".join(notes))) + box(b"mdat", b"x")

    empty = [box(b"free")] * 64
    assert not structure.layout_of(film(*empty), "mp4").metadata
    assert structure.layout_of(film(*empty, box(b"\xa9xyz", b"+48.1+011.6/")), "mp4").metadata


async def test_a_drawing_of_nothing_but_declarations_costs_no_time(tmp_path: Path) -> None:
    path = tmp_path / "drawing.svg"
    path.write_bytes(b"<svg " + b"<!DOCTYPE" * 20_000)
    assert (await SandboxedMedia(probe_cpu_seconds=5).record(path, LIMITS)).code == "unsupported"
