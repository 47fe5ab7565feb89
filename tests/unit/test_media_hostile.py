"""Files made to hurt whoever opens them: each gets a safe decision from a real media child, and nobody else notices.

What a decision says of damage may change with the decoders, so a few words are right for most of these files. That
there is a decision, in bounded time and memory, and that it is no acceptance of what hides something, may not.
"""

import gzip
import io
import struct
import sys
import zlib
from collections.abc import Callable, Generator
from contextlib import suppress
from pathlib import Path
from typing import Final

import pytest
from PIL import Image

from bot.domain.conform import Record, Verdict
from bot.domain.errors import Refused
from bot.domain.media import Kind
from bot.media.children import Children, Limits, Subject
from bot.media.formats import readable
from bot.media.planner import plan
from bot.media.sniffer import HEAD_BYTES, sniff
from bot.media.starters import ForkingStarter
from bot.media.tools import SandboxedMedia
from tests import media_samples
from tests.corpus import LIMITS
from tests.watching import Seen, watched

MEDIA: Final = SandboxedMedia(child_count=2)
LIMITED: Final = Limits(wall_seconds=30, cpu_seconds=20, memory_bytes=1_500_000_000, output_bytes=1_000_000)
Maker = Callable[[], bytes]

DAMAGED: Final = frozenset({"corrupt", "truncated"})
HEAVY: Final = frozenset({"too_heavy", "pixel_bomb"})


def box(name: bytes, body: bytes = b"") -> bytes:
    return (8 + len(body)).to_bytes(4, "big") + name + body


def chunk(name: bytes, body: bytes) -> bytes:
    return len(body).to_bytes(4, "big") + name + body + zlib.crc32(name + body).to_bytes(4, "big")


def riff(form: bytes, *chunks: tuple[bytes, bytes]) -> bytes:
    body = b"".join(name + len(data).to_bytes(4, "little") + data + bytes(len(data) & 1) for name, data in chunks)
    return b"RIFF" + (len(body) + 4).to_bytes(4, "little") + form + body


def saved(image: Image.Image, form: str) -> bytes:
    file = io.BytesIO()
    image.save(file, form)
    return file.getvalue()


PNG: Final = media_samples.png((64, 64))
FILM: Final = media_samples.mp4((640, 640), seconds=0.3, sound=False)


# --- pictures ---------------------------------------------------------------------------------------------------------


def png_of_many_profiles() -> bytes:
    """None of them is large; all of them together unfold to 1 GB."""
    notes = chunk(b"zTXt", b"note\0\0" + zlib.compress(bytes(3_500_000), 9)) * 300
    return PNG[:33] + notes + PNG[33:]


def png_whose_rows_never_come(side: int = 10_000) -> bytes:
    """A hundred million pixels are promised, one row is there."""
    header = struct.pack(">IIBBBBB", side, side, 8, 6, 0, 0, 0)
    return PNG[:8] + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(bytes(4 * side + 1))) + chunk(b"IEND", b"")


def apng_whose_frames_lie() -> bytes:
    """A frame larger than the canvas, of a thousand million that are promised."""
    data = media_samples.moving_png((64, 64))
    at = data.index(b"acTL") + 4
    data = data[: at - 8] + chunk(b"acTL", struct.pack(">II", 0x7FFFFFFF, 0)) + data[at + 12 :]
    at = data.index(b"fcTL", data.index(b"IDAT"))
    lie = struct.pack(">IIIIIHHBB", 1, 60_000, 60_000, 2_000_000, 2_000_000, 0, 0, 0, 0)
    return data[: at - 4] + chunk(b"fcTL", lie) + data[at + 34 :]


def jpeg_of_segments() -> bytes:
    """40 MB that an application left, before a small picture."""
    data = media_samples.jpeg((64, 64))
    return data[:2] + (b"\xff\xe5\xff\xff" + b"note" + bytes(65_529)) * 600 + data[2:]


def jpeg_of_scans() -> bytes:
    """A progressive picture whose last pass comes ten thousand times: each costs a whole decoding."""
    file = io.BytesIO()
    Image.new("L", (4000, 4000), 90).save(file, "JPEG", progressive=True)
    data = file.getvalue()
    last = data.rindex(b"\xff\xda")
    return data[:last] + data[last:-2] * 10_000 + data[-2:]


def gif_with_a_vast_frame() -> bytes:
    """A canvas of one pixel, and a frame of four thousand million."""
    screen, frame = struct.pack("<HHBBB", 1, 1, 0x80, 0, 0), struct.pack("<HHHHB", 0, 0, 65_535, 65_535, 0)
    return b"GIF89a" + screen + b"\0\0\0\xff\xff\xff," + frame + b"\2\2\x4c\1\0;"


def webp_outside_its_canvas() -> bytes:
    data = bytearray(media_samples.moving_webp((64, 64)))
    at = data.rindex(b"ANMF") + 8
    data[at : at + 6] = b"\xff\xff\x7f\xff\xff\x7f"
    return bytes(data)


def webp_of_a_vast_canvas() -> bytes:
    data = bytearray(media_samples.moving_webp((64, 64)))
    data[24:30] = b"\xff\x3f\0\xff\x3f\0"
    return bytes(data)


def tiff_that_bites_its_tail() -> bytes:
    """A directory whose next one is itself, with a strip that begins nowhere."""
    entries = [(256, 4, 1, 64), (257, 4, 1, 64), (258, 3, 1, 8), (259, 3, 1, 5), (262, 3, 1, 1), (273, 4, 1, 1 << 31)]
    entries += [(278, 4, 1, 64), (279, 4, 1, 1 << 31)]
    body = b"".join(struct.pack("<HHII", *entry) for entry in entries)
    return b"II*\0" + struct.pack("<IH", 8, len(entries)) + body + struct.pack("<I", 8)


def bitmap_of_shifts() -> bytes:
    """A run-length picture that says where pixels go, and hardly any pixels: 100 megapixels from a hundred bytes."""
    head = struct.pack("<IiiHHIIiiII", 40, 10_000, 10_000, 1, 8, 1, 0, 0, 0, 0, 0)
    body = b"\0\2\xff\xff" * 20 + b"\0\1"
    return b"BM" + struct.pack("<IHHI", 14 + 40 + 1024 + len(body), 0, 0, 14 + 40 + 1024) + head + bytes(1024) + body


def icon_with_a_bomb() -> bytes:
    picture = png_whose_rows_never_come(4_000)
    return b"\0\0\1\0\1\0" + struct.pack("<BBBBHHII", 0, 0, 0, 0, 1, 32, len(picture), 22) + picture


def jpeg2000_of_tiles() -> bytes:
    """A codestream of 60,000×60,000 pixels in tiles of one."""
    size = struct.pack(">HHIIIIIIIIH", 41, 0, 60_000, 60_000, 0, 0, 1, 1, 0, 0, 1) + b"\7\1\1"
    return b"\xff\x4f\xff\x51" + size + b"\xff\xd9"


def boxed_picture(brand: bytes, properties: bytes, rest: bytes = b"") -> bytes:
    handler = box(b"hdlr", bytes(8) + b"pict" + bytes(13))
    meta = box(b"meta", bytes(4) + handler + box(b"pitm", bytes(4) + b"\0\1") + box(b"iprp", properties) + rest)
    return box(b"ftyp", brand + bytes(4) + b"mif1" + brand) + meta


def heic_of_tiles() -> bytes:
    """A grid of 65,025 tiles, all of them the same one."""
    tiles = 65_025
    extent = box(b"ispe", bytes(4) + struct.pack(">II", 255 * 40, 255 * 40))
    items = b"".join(
        box(b"infe", b"\2\0\0\0" + struct.pack(">HH", number, 0) + kind + b"\0")
        for number, kind in ((1, b"grid"), (2, b"hvc1"))
    )
    references = box(b"dimg", struct.pack(">HH", 1, tiles) + b"\0\2" * tiles)
    places = struct.pack(">HHHIHHI", 1, 1, 0, 1, 0, 8, 0)
    rest = (
        box(b"iinf", bytes(4) + b"\0\2" + items)
        + box(b"iref", bytes(4) + references)
        + box(b"iloc", b"\1\0\0\0\x44\0\0\1" + places)
        + box(b"idat", struct.pack(">BBBBHH", 0, 0, 254, 254, 255 * 40, 255 * 40))
    )
    associations = box(b"ipma", bytes(4) + struct.pack(">IHBB", 1, 1, 1, 0x81))
    return boxed_picture(b"heic", box(b"ipco", extent) + associations, rest)


def avif_of_a_vast_extent() -> bytes:
    data = bytearray(saved(media_samples.painting((64, 64)), "AVIF"))
    at = data.index(b"ispe") + 8
    data[at : at + 8] = struct.pack(">II", 60_000, 60_000)
    return bytes(data)


# --- films ------------------------------------------------------------------------------------------------------------


def film(change: Callable[[bytearray], None]) -> bytes:
    data = bytearray(FILM)
    change(data)
    return bytes(data)


def places_beyond_the_end(data: bytearray) -> None:
    at = data.index(b"stco") + 8
    for entry in range(int.from_bytes(data[at : at + 4], "big")):
        data[at + 4 + 4 * entry : at + 8 + 4 * entry] = b"\xf0\0\0\0"


def four_thousand_million_sizes(data: bytearray) -> None:
    at = data.index(b"stsz") + 8
    data[at : at + 8] = struct.pack(">II", 1, 0xFFFFFFFF)


def four_thousand_million_moments(data: bytearray) -> None:
    at = data.index(b"stts") + 8
    data[at : at + 12] = struct.pack(">III", 1, 0xFFFFFFFF, 1)


def years_of_nothing(data: bytearray) -> None:
    """An edit list that shows nothing for years before the film."""
    at = data.index(b"elst") + 8
    data[at : at + 16] = struct.pack(">IIiI", 1, 0xFFFFFFF0, -1, 0x10000)


def a_clock_that_stands(data: bytearray) -> None:
    """Ticks that no second is made of."""
    for name in (b"mvhd", b"mdhd"):
        at = data.index(name) + 16
        data[at : at + 4] = bytes(4)


def film_of_tracks() -> bytes:
    track = FILM[FILM.index(b"trak") - 4 :]
    track = track[: int.from_bytes(track[:4], "big")]
    header = FILM[FILM.index(b"mvhd") - 4 :][:108]
    return box(b"ftyp", b"isom" + bytes(4) + b"isom") + box(b"moov", header + track * 10_000) + box(b"mdat", bytes(64))


def film_of_boxes_in_boxes() -> bytes:
    tree = b""
    for _ in range(20_000):
        tree = box(b"trak", tree) if len(tree) < 160_000 else tree
    return box(b"ftyp", b"isom" + bytes(4) + b"isom") + box(b"moov", tree) + box(b"mdat", bytes(64))


def film_with_a_packed_index() -> bytes:
    """A compressed index that says that it unfolds to 4 GB, and does to 100 MB."""
    packed = zlib.compress(bytes(100_000_000), 9)
    index = box(b"cmov", box(b"dcom", b"zlib") + box(b"cmvd", b"\xff\xff\xff\xf0" + packed))
    return box(b"ftyp", b"qt  " + bytes(4) + b"qt  ") + box(b"moov", index) + box(b"mdat", bytes(64))


def film_with_a_hidden_index() -> bytes:
    """A sound film whose index is compressed, so that nobody who reads boxes sees what it says."""
    start = FILM.index(b"moov") - 4
    index = FILM[start : start + int.from_bytes(FILM[start : start + 4], "big")]
    packed = box(
        b"moov",
        box(b"cmov", box(b"dcom", b"zlib") + box(b"cmvd", len(index).to_bytes(4, "big") + zlib.compress(index))),
    )
    padding = len(index) - len(packed)
    filler = box(b"free", bytes(padding - 8)) if padding >= 8 else b""
    return FILM[:start] + packed + filler + FILM[start + len(index) :]


def film_from_a_file_of_the_machine() -> bytes:
    data = FILM.replace(b"url \0\0\0\1", b"url \0\0\0\0", 1)
    assert data != FILM
    return data


def element(number: bytes, body: bytes) -> bytes:
    return number + (0x0100000000000000 | len(body)).to_bytes(8, "big") + body


EBML: Final = element(b"\x1a\x45\xdf\xa3", b"\x42\x82\x88matroska")


def matroska_of_nothing() -> bytes:
    """A million void elements, and then one that claims the rest of the disk."""
    return (
        EBML + b"\x18\x53\x80\x67\x01" + b"\xff" * 7 + b"\xec\x80" * 1_000_000 + b"\xec\x01\xff\xff\xff\xff\xff\xff\0"
    )


def matroska_in_matroska() -> bytes:
    body = b""
    for _ in range(2_000):
        body = element(b"\x18\x53\x80\x67", body)
    return EBML + body


def matroska_with_a_library() -> bytes:
    """A clip with attachments, that say what they are called: paths."""
    data = media_samples.mkv((320, 240), seconds=0.5)
    name = element(b"\x46\x6e", b"../../../etc/cron.d/rushes") + element(b"\x46\x60", b"font/ttf")
    attached = element(b"\x61\xa7", name + element(b"\x46\x5c", bytes(100_000)) + element(b"\x46\xae", b"\1"))
    return data + element(b"\x19\x41\xa4\x69", attached * 50)


def avi_of_promises() -> bytes:
    header = struct.pack("<14I", 1, 0, 0, 0x10, 0xFFFFFFFF, 0, 65_535, 0, 65_535, 65_535, 0, 0, 0, 0)
    return riff(
        b"AVI ", (b"LIST", b"hdrl" + b"avih" + len(header).to_bytes(4, "little") + header), (b"idx1", b"\xff" * 64_000)
    )


def transport_of_programs() -> bytes:
    """Every packet belongs to a stream of its own."""
    return b"".join(
        b"\x47" + (0x4000 | number % 8191).to_bytes(2, "big") + b"\x10" + b"\0\0\1\xe0" + bytes(180)
        for number in range(20_000)
    )


# --- sounds -----------------------------------------------------------------------------------------------------------


def mp3_behind_a_tag() -> bytes:
    """A tag of 50 MB, most of it a cover that is none."""
    size = 50_000_000
    coded = bytes(size >> shift & 0x7F for shift in (21, 14, 7, 0))
    cover = b"APIC" + (size - 20).to_bytes(4, "big") + b"\0\0\0image/png\0\3\0"
    return b"ID3\3\0\0" + coded + (cover + bytes(size - len(cover))) + media_samples.mp3()


def wav_of_channels() -> bytes:
    form = struct.pack("<HHIIHH", 1, 65_535, 1, 65_535 * 4, 65_535, 32)
    return riff(b"WAVE", (b"fmt ", form), (b"data", bytes(65_536)))


def wav_of_exabytes() -> bytes:
    form = struct.pack("<HHIIHH", 1, 1, 8_000, 16_000, 2, 16)
    sizes = struct.pack("<QQQI", 1 << 62, 1 << 62, 1 << 61, 0)
    body = (
        b"ds64"
        + len(sizes).to_bytes(4, "little")
        + sizes
        + b"fmt \x10\0\0\0"
        + form
        + b"data\xff\xff\xff\xff"
        + bytes(16_000)
    )
    return b"RF64\xff\xff\xff\xffWAVE" + body


def chained_ogg() -> bytes:
    """A thousand streams, one behind the other."""
    return media_samples.ogg(seconds=0.05) * 1_000


def flac_of_blocks() -> bytes:
    """A sound with a thousand million samples in its header, and a picture block of 16 MB that is not there."""
    data = bytearray(media_samples.flac(seconds=0.3))
    data[21:26] = b"\xff" * 5
    at = 4 + 4 + 34
    return bytes(data[:4]) + b"\0" + bytes(data[5:at]) + b"\x06\xff\xff\xf0" + bytes(64) + bytes(data[at:])


# --- what is no media -------------------------------------------------------------------------------------------------


def subtitles() -> bytes:
    return b"1\n00:00:00,000 --> 00:00:10,000\n<img src='file:///etc/passwd'>\n"


def playlist_after_blanks() -> bytes:
    return b"\xef\xbb\xbf\r\n \n" + media_samples.hls_playlist("file:///etc/passwd")


def playlist_of_wide_letters() -> bytes:
    return b"\xff\xfe" + media_samples.hls_playlist("file:///etc/passwd").decode().encode("utf-16-le")


def playlist_behind_a_tag() -> bytes:
    """An ID3 tag is skipped by whoever looks for a format; a playlist comes after it."""
    return b"ID3\3\0\0\0\0\0\x0a" + bytes(10) + media_samples.hls_playlist("file:///etc/passwd")


def playlist_in_a_film() -> bytes:
    return box(b"ftyp", b"isom" + bytes(4) + b"isom") + media_samples.hls_playlist("file:///etc/passwd") * 50


def film_and_archive() -> bytes:
    return FILM + b"PK\3\4" + bytes(26) + b"payload" + b"PK\5\6" + bytes(18)


def film_and_page() -> bytes:
    return FILM + box(b"free", b"<script>alert(1)</script>")


def picture_and_script() -> bytes:
    """A GIF that is a script, too."""
    data = media_samples.gif((64, 64))
    return data[:-1] + b"!\xfe\x10*/=1;alert(1);//\0\0;"


def gzip_of_nothing() -> bytes:
    return gzip.compress(bytes(200_000_000), 9)


CASES: Final[dict[str, tuple[Maker, frozenset[str]]]] = {
    "png of many profiles": (png_of_many_profiles, frozenset({"metadata_bomb"})),
    "png whose rows never come": (png_whose_rows_never_come, DAMAGED),
    "apng whose frames lie": (apng_whose_frames_lie, DAMAGED | {"animated_still", "strip_metadata"}),
    "jpeg of segments": (jpeg_of_segments, frozenset({"strip_metadata", "too_many_bytes"})),
    "jpeg of scans": (jpeg_of_scans, HEAVY | DAMAGED),
    "gif with a vast frame": (gif_with_a_vast_frame, HEAVY | DAMAGED),
    "webp outside its canvas": (webp_outside_its_canvas, DAMAGED),
    "webp of a vast canvas": (webp_of_a_vast_canvas, HEAVY | DAMAGED),
    "tiff that bites its tail": (tiff_that_bites_its_tail, DAMAGED),
    "bitmap of shifts": (bitmap_of_shifts, HEAVY | DAMAGED | {"bmp"}),
    "icon with a bomb": (icon_with_a_bomb, HEAVY | DAMAGED | {"ico"}),
    "jpeg2000 of tiles": (jpeg2000_of_tiles, HEAVY | DAMAGED),
    "heic of tiles": (heic_of_tiles, HEAVY | DAMAGED),
    "avif of a vast extent": (avif_of_a_vast_extent, frozenset({"pixel_bomb"})),
    "places beyond the end": (lambda: film(places_beyond_the_end), DAMAGED),
    "four thousand million sizes": (lambda: film(four_thousand_million_sizes), HEAVY | DAMAGED),
    "four thousand million moments": (lambda: film(four_thousand_million_moments), HEAVY | DAMAGED | {"frame_rate"}),
    "years of nothing": (lambda: film(years_of_nothing), HEAVY | DAMAGED | {"duration_long", "ok"}),
    "a clock that stands": (lambda: film(a_clock_that_stands), HEAVY | DAMAGED | {"frame_rate"}),
    "film of tracks": (film_of_tracks, HEAVY | DAMAGED),
    "film of boxes in boxes": (film_of_boxes_in_boxes, DAMAGED),
    "film with a packed index": (film_with_a_packed_index, HEAVY | DAMAGED),
    "film with a hidden index": (film_with_a_hidden_index, DAMAGED | {"strip_metadata"}),
    "film from a file of the machine": (film_from_a_file_of_the_machine, frozenset({"external_reference"})),
    "matroska of nothing": (matroska_of_nothing, HEAVY | DAMAGED),
    "matroska in matroska": (matroska_in_matroska, DAMAGED),
    "matroska with a library": (matroska_with_a_library, DAMAGED | {"resolution_low"}),
    "avi of promises": (avi_of_promises, HEAVY | DAMAGED),
    "transport of programs": (transport_of_programs, HEAVY | DAMAGED),
    "mp3 behind a tag": (mp3_behind_a_tag, frozenset({"too_many_bytes"})),
    "wav of channels": (wav_of_channels, HEAVY | DAMAGED | {"too_short"}),
    "wav of exabytes": (wav_of_exabytes, DAMAGED | {"ok"}),
    "chained ogg": (chained_ogg, DAMAGED | {"container", "duration_long"}),
    "flac of blocks": (flac_of_blocks, DAMAGED | {"container"}),
    "subtitles": (subtitles, frozenset({"not_media"})),
    "playlist after blanks": (playlist_after_blanks, frozenset({"playlist"})),
    "playlist of wide letters": (playlist_of_wide_letters, frozenset({"not_media", "playlist"})),
    "playlist behind a tag": (playlist_behind_a_tag, frozenset({"not_media", "corrupt"})),
    "playlist in a film": (playlist_in_a_film, DAMAGED),
    "film and archive": (film_and_archive, frozenset({"trailing_data"})),
    "film and page": (film_and_page, frozenset({"strip_metadata"})),
    "picture and script": (picture_and_script, frozenset({"gif_still"})),
    "gzip of nothing": (gzip_of_nothing, frozenset({"archive"})),
}


@pytest.fixture
def path(tmp_path: Path) -> Generator[Path]:
    """Where a file is put; some are large, so that they are not left there."""
    file = tmp_path / "clip.mp4"
    yield file
    file.unlink(missing_ok=True)


@pytest.mark.parametrize("name", CASES)
async def test_a_hostile_file_has_a_safe_decision(path: Path, name: str) -> None:
    make, codes = CASES[name]
    path.write_bytes(make())

    record = await MEDIA.record(path, LIMITS)

    assert record.code in codes
    assert (record.why is not None) is (record.verdict is Verdict.REJECT)
    assert record.verdict is not Verdict.CONVERT or await comes_to_an_end(path, record)


async def comes_to_an_end(path: Path, record: Record) -> bool:
    """Made to fit, or refused with a reason: the outcome of a hostile file is as good as that of any other."""
    planned = plan([record], LIMITS)
    file = planned.files[0]
    if file.target is None:
        return bool(planned.reasons)
    into = path.parent / "out"
    try:
        made = await MEDIA.conform(path, file, into)
    except Refused as refused:
        return refused.reason.code in {"file-unreadable", "media-too-heavy", "not-conformed"}
    return made.verdict is Verdict.ACCEPT


@pytest.mark.skipif(sys.platform != "linux", reason="walls and strace are Linux's")
async def test_no_hostile_file_has_another_one_opened(path: Path, tmp_path: Path) -> None:
    starter, log, count = ForkingStarter(sys.executable), tmp_path / "strace.log", 0
    children = Children(count=1, starter=starter)
    try:
        await children.run("selftest", (), LIMITED)
        assert starter.pid is not None
        async with watched(starter.pid, log):
            for make, _ in CASES.values():
                path.write_bytes(make())
                form = sniff(path.read_bytes()[:HEAD_BYTES]).format
                if readable(form):
                    count += 1
                    with suppress(Refused):
                        await children.run(
                            "record", (Subject(path=path, format=form, kind=Kind.IMAGE, name=path.name),), LIMITED
                        )
    finally:
        starter.close()

    seen = Seen.of(log)
    assert seen.children == count > 30
    assert seen.reaching == []
