"""Files made to reach out, given to media children under every reader's name: nothing is opened, nobody is called.

`strace` watches the zygote and what it forks, so that even an attempt that the walls stopped is seen; where there is no
`strace`, a server on loopback and the children's own walls are what is left.
"""

import asyncio
import os
import sys
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Final

import pytest

from bot.domain.errors import Refused
from bot.domain.media import Kind, Sniffed
from bot.media.children import Children, Limits, Subject
from bot.media.formats import PILLOW_NAMES, readable
from bot.media.sniffer import HEAD_BYTES, sniff
from bot.media.starters import ForkingStarter
from tests import media_samples
from tests.corpus import PLACE, corpus, counted, manifest
from tests.watching import Seen, watched

LIMITS: Final = Limits(wall_seconds=20, cpu_seconds=10, memory_bytes=10**9, output_bytes=10**6)
WIDE: Final = Limits(wall_seconds=60, cpu_seconds=30, memory_bytes=1_500_000_000, output_bytes=10**6)
READERS: Final = ("mp4", "mov", "webm", "mp3", "wav", "ogg", "flac", "png", "jpeg", "gif", "webp")


def sdp(port: int) -> bytes:
    return f"v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=audio {port} RTP/AVP 0\n".encode()


def dash(address: str) -> bytes:
    return (
        '<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011" type="static" mediaPresentationDuration="PT1S"'
        ' minBufferTime="PT1S" profiles="urn:mpeg:dash:profile:isoff-main:2011"><Period><AdaptationSet mimeType="video/'
        f'mp4"><Representation id="1" bandwidth="1" codecs="avc1"><BaseURL>{address}</BaseURL></Representation>'
        "</AdaptationSet></Period></MPD>"
    ).encode()


def svg(address: str) -> bytes:
    return (
        '<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" width="64" height="64">'
        f'<image xlink:href="{address}" href="{address}" width="64" height="64"/></svg>'
    ).encode()


def eps(address: str) -> bytes:
    return f"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n({address}) (r) file closefile\nshowpage\n".encode()


def external_reference(address: str) -> bytes:
    """A clip whose samples lie in another file, by an alias with an absolute path: FFmpeg's MOV reader follows it.

    Its layout: 150 bytes of volume and file names that are not used, then records of type, length and bytes.
    """
    whole = media_samples.mp4((64, 64), seconds=0.2, sound=False, index_first=False)
    at = whole.index(b"dref") + 12
    name = b"/" * (len(address) % 2) + address.encode()
    alias = bytes(4) + bytes(150) + (2).to_bytes(2, "big") + len(name).to_bytes(2, "big") + name + b"\xff\xff\0\0"
    outside = (8 + len(alias)).to_bytes(4, "big") + b"alis" + alias
    more = len(outside) - 12
    grown = whole[:at] + outside + whole[at + 12 :]
    for atom in (b"dref", b"dinf", b"minf", b"mdia", b"trak", b"moov"):
        size = grown.rindex(atom, 0, at) - 4
        said = int.from_bytes(grown[size : size + 4], "big")
        grown = grown[:size] + (said + more).to_bytes(4, "big") + grown[size + 4 :]
    return grown


def hostile(canary: Path, port: int) -> Mapping[str, bytes]:
    """Names for the report, and files. `canary` is a clip that any player could play; the port answers."""
    web = f"http://127.0.0.1:{port}/canary.mp4"
    makers: Mapping[str, Callable[[str], bytes]] = {
        "hls": media_samples.hls_playlist,
        "concat": media_samples.concat_script,
        "dash": dash,
        "svg": svg,
        "eps": eps,
        "dref": external_reference,
    }
    files = {
        f"{name} {address}": make(address)
        for name, make in makers.items()
        for address in (f"file://{canary}", str(canary), web)
    }
    return {**files, "concat relative": media_samples.concat_script(canary.name), "sdp": sdp(port)}


@asynccontextmanager
async def server() -> AsyncGenerator[tuple[int, list[str]]]:
    """Counts whoever connects."""
    calls: list[str] = []

    def call(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        calls.append("connected")
        writer.close()

    listening = await asyncio.start_server(call, "127.0.0.1", 0)
    async with listening:
        yield listening.sockets[0].getsockname()[1], calls


async def give(children: Children, folder: Path, files: Mapping[str, bytes], *, job: str) -> int:
    """Has every file measured under every reader's name; how many children that took."""
    count = 0
    for number, data in enumerate(files.values()):
        path = folder / f"file{number}.mp4"
        path.write_bytes(data)
        for reader in READERS:
            kind = Kind.IMAGE if reader in PILLOW_NAMES else Kind.VIDEO
            subject = Subject(path=path, format=reader, kind=kind, name=path.name)
            with suppress(Refused):
                await children.run(job, (subject,), LIMITS)
            count += 1
    return count


@pytest.mark.skipif(sys.platform != "linux", reason="walls and strace are Linux's")
async def test_no_file_reaches_another_file_or_the_network(tmp_path: Path) -> None:
    canary, log = tmp_path / "canary.mp4", tmp_path / "strace.log"
    canary.write_bytes(media_samples.mp4((64, 64), seconds=0.2))
    starter = ForkingStarter(sys.executable)
    children = Children(count=2, starter=starter)
    try:
        await children.run("selftest", (), LIMITS)
        assert starter.pid is not None
        async with server() as (port, calls), watched(starter.pid, log):
            count = await give(children, tmp_path, hostile(canary, port), job="record")
    finally:
        starter.close()

    seen = Seen.of(log)
    assert calls == []
    assert seen.children == count, "every child was watched"
    assert seen.reaching == []


@pytest.mark.skipif(PLACE not in os.environ, reason="the corpus under strace takes half a minute: make corpus")
@pytest.mark.timeout(300)
async def test_no_file_of_the_corpus_reaches_another_file_or_the_network(tmp_path: Path) -> None:
    log, starter = tmp_path / "strace.log", ForkingStarter(sys.executable)
    folder, children = corpus(), Children(count=2, starter=starter)
    subjects = [subject for entry in manifest(folder)["entries"] if (subject := subject_of(folder / entry["name"]))]
    try:
        await children.run("selftest", (), LIMITS)
        assert starter.pid is not None
        async with watched(starter.pid, log):
            for subject in subjects:
                with suppress(Refused):
                    await children.run("record", (subject,), WIDE)
    finally:
        starter.close()

    seen = Seen.of(log)
    counted("files under strace", len(subjects) - len(seen.reaching), len(subjects), "nothing else opened, no socket")
    assert seen.children == len(subjects) > 50
    assert seen.reaching == []


def subject_of(path: Path) -> Subject | None:
    """The file as its reader gets it; nothing where none does."""
    with path.open("rb") as file:
        sniffed = sniff(file.read(HEAD_BYTES))
    readers = sniffed.kind is not None and readable(sniffed.format)
    return Subject(path=path, format=sniffed.format, kind=Kind.IMAGE, name=path.name) if readers else None


async def test_no_file_calls_the_network_even_unwatched(tmp_path: Path) -> None:
    canary = tmp_path / "canary.mp4"
    canary.write_bytes(media_samples.mp4((64, 64), seconds=0.2))
    starter = ForkingStarter(sys.executable)
    try:
        async with server() as (port, calls):
            files = {name: data for name, data in hostile(canary, port).items() if "http" in name or name == "sdp"}
            await give(Children(count=2, starter=starter), tmp_path, files, job="probe")
    finally:
        starter.close()

    assert calls == []


def test_scripts_and_playlists_have_no_reader() -> None:
    for name, data in hostile(Path("/canary.mp4"), 1).items():
        sniffed = sniff(data)
        assert sniffed.kind is None or sniffed.format in {"mp4", "mov"}, name
        assert isinstance(sniffed, Sniffed)
