"""The media child, forked or fresh: what it cannot do, and what its parent makes of every way in which it can end."""

import asyncio
import os
import sys
import time
from pathlib import Path

import pytest

from bot.domain.errors import Refused, Unavailable
from bot.domain.media import Kind, Sniffed
from bot.media.children import Children, Limits, Subject
from bot.media.protocol import facts_from
from bot.media.starters import starter_of
from bot.media.tools import SandboxedMedia
from tests import media_samples

MP4 = Sniffed(kind=Kind.VIDEO, format="mp4")


@pytest.fixture(params=[False, True], ids=["forked", "fresh"])
def fresh(request: pytest.FixtureRequest) -> bool:
    """Whether a child is a fresh interpreter; if not, the zygote forks it."""
    return bool(request.param)


async def misbehave(
    tmp_path: Path, how: str, *, fresh: bool, wall_seconds: float = 20.0, cpu_seconds: int = 10
) -> None:
    """Runs the hidden job that goes wrong in the way that is asked for."""
    path = tmp_path / "clip.mp4"
    path.touch()
    subject = Subject(path=path, format="mp4", kind=Kind.VIDEO, name="clip.mp4", label=how)
    limits = Limits(
        wall_seconds=wall_seconds, cpu_seconds=cpu_seconds, memory_bytes=400_000_000, output_bytes=1_000_000
    )
    children = Children(count=1, starter=starter_of(sys.executable, fresh=fresh))
    await children.run("selftest", [subject], limits)


def media_of(*, fresh: bool, child_count: int = 2) -> SandboxedMedia:
    return SandboxedMedia(fresh_interpreters=fresh, child_count=child_count)


def living() -> set[int]:
    """Media children of this process, also those that its zygote forked."""
    return {pid for parent in (os.getpid(), *zygotes()) for pid in children_of(parent)} - set(zygotes())


def zygotes() -> list[int]:
    return [pid for pid in children_of(os.getpid()) if b"bot.media.zygote" in Path(f"/proc/{pid}/cmdline").read_bytes()]


def children_of(pid: int) -> list[int]:
    try:
        return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii").split()]
    except FileNotFoundError:
        return []


async def test_the_child_cannot_open_a_file_or_a_socket_or_start_a_process(*, fresh: bool) -> None:
    report = await media_of(fresh=fresh).isolation()

    assert report.possible == ()
    assert report.broken == ()
    assert {"landlock", "seccomp"} & set(report.layers)
    assert report.holds


async def test_a_child_that_spins_is_killed_and_says_so(tmp_path: Path, *, fresh: bool) -> None:
    with pytest.raises(Refused) as refused:
        await misbehave(tmp_path, "spin", fresh=fresh, cpu_seconds=1)

    assert refused.value.reason.code == "media-too-heavy"
    assert refused.value.reason.arguments == {"name": "clip.mp4", "limit": "too much computing"}


async def test_a_child_that_hangs_is_killed_when_its_time_is_up(tmp_path: Path, *, fresh: bool) -> None:
    before = living()
    started = time.monotonic()

    with pytest.raises(Refused) as refused:
        await misbehave(tmp_path, "sleep", fresh=fresh, wall_seconds=0.7)

    assert time.monotonic() - started < 5
    assert refused.value.reason.arguments == {"name": "clip.mp4", "limit": "0.7 s"}
    assert living() <= before


async def test_a_child_that_eats_memory_is_too_heavy(tmp_path: Path, *, fresh: bool) -> None:
    with pytest.raises(Refused) as refused:
        await misbehave(tmp_path, "allocate", fresh=fresh)

    assert refused.value.reason.code == "media-too-heavy"


async def test_a_decoder_that_crashes_means_an_unreadable_file(tmp_path: Path, *, fresh: bool) -> None:
    with pytest.raises(Refused) as refused:
        await misbehave(tmp_path, "crash", fresh=fresh)

    assert refused.value.reason.code == "file-unreadable"
    assert "exit -" in refused.value.detail


async def test_a_child_that_never_stops_talking_is_not_listened_to(tmp_path: Path, *, fresh: bool) -> None:
    before = living()

    with pytest.raises(Refused) as refused:
        await misbehave(tmp_path, "chatter", fresh=fresh)

    assert refused.value.reason.code == "file-unreadable"
    assert living() <= before


async def test_cancelling_kills_the_child(tmp_path: Path, *, fresh: bool) -> None:
    before = living()
    async with asyncio.TaskGroup() as group:
        task = group.create_task(misbehave(tmp_path, "sleep", fresh=fresh))
        while not living() - before:
            await asyncio.sleep(0.01)
        task.cancel()

    assert task.cancelled()
    assert living() <= before


async def test_a_child_that_cannot_start_is_not_the_files_fault(tmp_path: Path, *, fresh: bool) -> None:
    path = media_samples.write(tmp_path, "hero.png")
    for python in ("/nowhere/python", "/bin/false"):
        with pytest.raises(Unavailable) as unavailable:
            await SandboxedMedia(python=python, fresh_interpreters=fresh).probe(
                path, Sniffed(kind=Kind.IMAGE, format="png")
            )
        assert "media child" in unavailable.value.detail


async def test_a_file_of_ours_that_is_gone_is_not_the_persons_fault(tmp_path: Path, *, fresh: bool) -> None:
    with pytest.raises(Unavailable):
        await media_of(fresh=fresh).probe(tmp_path / "gone", MP4)


async def test_no_more_children_at_once_than_allowed(tmp_path: Path, *, fresh: bool) -> None:
    path = media_samples.write(tmp_path, "hero.png")
    media, before = media_of(fresh=fresh, child_count=1), living()
    await media.isolation()
    most = 0
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(media.probe(path, Sniffed(kind=Kind.IMAGE, format="png"))) for _ in range(3)]
        while not all(task.done() for task in tasks):
            most = max(most, len(living() - before))
            await asyncio.sleep(0.005)

    assert most == 1


@pytest.mark.parametrize("make", [media_samples.hls_playlist, media_samples.concat_script])
async def test_a_playlist_is_not_followed_even_if_it_passed_for_a_video(
    tmp_path: Path, make: media_samples.ScriptMaker, *, fresh: bool
) -> None:
    target = tmp_path / "target.mp4"
    target.write_bytes(media_samples.mp4((64, 64), seconds=0.2))
    path = tmp_path / "clip.mp4"
    path.write_bytes(make(str(target)))

    with pytest.raises(Refused) as refused:
        await media_of(fresh=fresh).probe(path, MP4)

    assert refused.value.reason.code == "file-unreadable"


async def test_a_playlist_named_mp4_is_refused_without_a_child(tmp_path: Path) -> None:
    path = tmp_path / "clip.mp4"
    path.write_bytes(media_samples.hls_playlist("file:///etc/passwd"))
    media = SandboxedMedia(python="/nowhere/python")

    with pytest.raises(Refused) as refused:
        await media.probe(path, media.sniff(path.read_bytes()))

    assert refused.value.reason.code == "file-not-media"
    assert refused.value.reason.arguments["found"] == "hls playlist"


async def test_a_format_without_a_reader_is_refused_without_a_child(tmp_path: Path) -> None:
    media = SandboxedMedia(python="/nowhere/python")

    with pytest.raises(Refused) as refused:
        await media.probe(tmp_path / "photo.jxl", Sniffed(kind=Kind.IMAGE, format="jxl"))

    assert refused.value.reason.code == "format-not-accepted"


async def test_a_picture_that_claims_too_many_pixels_is_too_heavy(tmp_path: Path) -> None:
    path = tmp_path / "bomb.gif"
    screen = (65_535).to_bytes(2, "little") * 2
    path.write_bytes(
        b"GIF89a" + screen + b"\x80\0\0" + b"\0\0\0\xff\xff\xff," + bytes(4) + screen + b"\0\x02\x02\x4c\x01\0;"
    )
    media = SandboxedMedia()

    with pytest.raises(Refused) as refused:
        await media.probe(path, media.sniff(path.read_bytes()))

    assert refused.value.reason.code == "media-too-heavy"


def interpreter_without_threads(folder: Path) -> str:
    """An interpreter on a machine whose threads are used up: it has one, and gets no other."""
    path = folder / "python"
    path.write_text(
        f"#!{sys.executable} -I\n"
        "import os, resource, sys\n"
        "resource.setrlimit(resource.RLIMIT_NPROC, (1, 1))\n"
        f"os.execv({sys.executable!r}, [{sys.executable!r}, *sys.argv[1:]])\n",
        encoding="utf-8",
    )
    path.chmod(0o700)
    return str(path)


async def test_a_machine_without_a_thread_to_spare_is_not_the_files_fault(tmp_path: Path) -> None:
    path = media_samples.write(tmp_path, "clip.mp4")
    media = SandboxedMedia(python=interpreter_without_threads(tmp_path), fresh_interpreters=True)

    with pytest.raises(Unavailable):
        await media.probe(path, MP4)


@pytest.mark.parametrize(
    "lie",
    [
        {"kind": "hologram"},
        {"width": -1},
        {"width": 1.5},
        {"height": 10**9},
        {"seconds": float("nan")},
        {"seconds": float("inf")},
        {"seconds": "3"},
        {"frame_count": True},
        {"video_codec": "x" * 1000},
        {"video_codec": "<@1>\n"},
    ],
)
def test_what_a_captured_child_says_is_not_believed(lie: dict[str, object]) -> None:
    honest: dict[str, object] = {"kind": "video", "format": "mp4", "width": 64, "height": 64, "seconds": 1.0}
    assert facts_from(honest, byte_count=1).width == 64

    with pytest.raises(ValueError, match=r".*"):
        facts_from({**honest, **lie}, byte_count=1)
