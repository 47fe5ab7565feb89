"""What is measured of files that lie, are damaged or hide something, and what is decided. No file here is dangerous."""

# The stubs name numpy, which is not installed.
# pyright: reportUnknownMemberType=false

import io
import struct
import zlib
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, PngImagePlugin

from bot.domain.conform import Measured, Record, Remark, Step, Verdict
from bot.domain.media import Kind, MediaFacts, Sniffed
from bot.domain.words import SENTENCES, say
from bot.media.formats import DEMUXERS, PILLOW_NAMES
from bot.media.measurement import Finding, Measurement, Trouble, measurement_from, measurement_to
from bot.media.structure import layout_of
from bot.media.verdict import decide
from tests import media_samples
from tests.corpus import LIMITS
from tests.fakes_media import FakeMedia


async def record_of(tmp_path: Path, data: bytes, name: str = "file") -> Record:
    path = tmp_path / name
    path.write_bytes(data)
    return await FakeMedia().record(path, LIMITS)


def saved(image: Image.Image, form: str, **options: object) -> bytes:
    file = io.BytesIO()
    image.save(file, form, **options)  # pyright: ignore[reportArgumentType]  Pillow's own options
    return file.getvalue()


def chunk(name: bytes, body: bytes) -> bytes:
    return len(body).to_bytes(4, "big") + name + body + zlib.crc32(name + body).to_bytes(4, "big")


def box(name: bytes, body: bytes = b"") -> bytes:
    return (8 + len(body)).to_bytes(4, "big") + name + body


def with_exif(tag: int, value: object) -> bytes:
    exif = Image.Exif()
    exif[tag] = value
    return saved(media_samples.painting((64, 64)), "JPEG", exif=exif)


PNG = media_samples.png((64, 64))
JPEG = media_samples.jpeg((64, 64))
NOTE = PngImagePlugin.PngInfo()
NOTE.add_text("Comment", "made at home")


@pytest.mark.parametrize(
    ("data", "verdict", "code"),
    [
        (PNG, Verdict.ACCEPT, "ok"),
        (JPEG, Verdict.ACCEPT, "ok"),
        (PNG + b"PK\x03\x04 something", Verdict.CONVERT, "trailing_data"),
        (JPEG + b"\0" * 40, Verdict.ACCEPT, "ok"),
        (JPEG + media_samples.mp4((64, 64), seconds=0.1), Verdict.CONVERT, "trailing_data"),
        (with_exif(0x010F, "A camera"), Verdict.CONVERT, "strip_metadata"),
        (with_exif(0x0112, 6), Verdict.CONVERT, "exif_orientation"),
        (with_exif(0x0128, 2), Verdict.ACCEPT, "ok"),
        (saved(media_samples.painting((64, 64)), "PNG", pnginfo=NOTE), Verdict.CONVERT, "strip_metadata"),
        (saved(media_samples.painting((64, 64)), "WEBP", xmp=b"<x/>"), Verdict.CONVERT, "strip_metadata"),
        (saved(media_samples.painting((64, 64)), "BMP"), Verdict.CONVERT, "bmp"),
        (saved(media_samples.painting((64, 64)), "ICO"), Verdict.CONVERT, "ico"),
        (saved(media_samples.painting((64, 64)), "JPEG2000"), Verdict.CONVERT, "jp2"),
        (saved(media_samples.painting((64, 64)), "HEIF"), Verdict.CONVERT, "heic"),
        (saved(media_samples.painting((64, 64)), "AVIF"), Verdict.CONVERT, "avif"),
        (saved(Image.new("RGB", (15, 64)), "PNG"), Verdict.REJECT, "too_small"),
        (saved(Image.new("RGB", (16, 640)), "PNG"), Verdict.REJECT, "too_narrow"),
        (PNG[:-12], Verdict.REJECT, "truncated"),
        (JPEG[:-2], Verdict.REJECT, "truncated"),
        (media_samples.webp()[:-400], Verdict.REJECT, "truncated"),
    ],
)
async def test_pictures(tmp_path: Path, data: bytes, verdict: Verdict, code: str) -> None:
    record = await record_of(tmp_path, data)

    assert (record.verdict, record.code) == (verdict, code)


async def test_a_picture_whose_header_claims_more_than_there_is_is_not_filled_with_grey(tmp_path: Path) -> None:
    data = bytearray(JPEG)
    struct.pack_into(">HH", data, data.index(b"\xff\xc0") + 5, 640, 640)

    assert (await record_of(tmp_path, bytes(data))).verdict is Verdict.REJECT


@pytest.mark.parametrize("name", [b"iCCP", b"zTXt", b"iTXt"])
async def test_metadata_that_inflates_beyond_reason_is_refused(tmp_path: Path, name: bytes) -> None:
    keyword = b"note\0\1\0\0\0" if name == b"iTXt" else b"note\0\0"
    bomb = chunk(name, keyword + zlib.compress(bytes(6_000_000), 9))
    record = await record_of(tmp_path, PNG[:33] + bomb + PNG[33:])

    assert (record.verdict, record.code) == (Verdict.REJECT, "metadata_bomb")


@pytest.mark.parametrize("name", [b"url ", b"alis", b"urn "])
async def test_a_film_that_takes_its_frames_from_elsewhere_is_refused(tmp_path: Path, name: bytes) -> None:
    dref = box(b"dref", bytes(7) + b"\1" + box(name, bytes(4) + b"file:///etc/hostname"))
    tree = dref
    for parent in (b"dinf", b"minf", b"mdia", b"trak", b"moov"):
        tree = box(parent, tree)
    record = await record_of(tmp_path, box(b"ftyp", b"qt  " + bytes(4) + b"qt  ") + tree + box(b"mdat", bytes(64)))

    assert (record.verdict, record.code, record.kind) == (Verdict.REJECT, "external_reference", Kind.VIDEO)


@pytest.mark.parametrize(
    ("drawing", "code"),
    [
        (b"<svg xmlns='http://www.w3.org/2000/svg'><rect width='9' height='9'/></svg>", "unsupported"),
        (b"<svg><image href='file:///etc/hostname'/></svg>", "external_reference"),
        (b'<svg><image xlink:href = "http://127.0.0.1/"/></svg>', "external_reference"),
        (b"<svg><style>@import 'a.css'</style></svg>", "external_reference"),
        (b"<!DOCTYPE svg [<!ENTITY x SYSTEM 'file:///x'>]><svg>&x;</svg>", "external_reference"),
        (b"<svg><use href='#a'/><rect fill='url(#g)'/></svg>", "unsupported"),
    ],
)
async def test_drawings_are_refused_and_told_apart(tmp_path: Path, drawing: bytes, code: str) -> None:
    record = await record_of(tmp_path, drawing)

    assert (record.verdict, record.code, record.kind) == (Verdict.REJECT, code, Kind.IMAGE)


async def test_where_a_film_was_made_keeps_it_from_being_sent_as_it_is(tmp_path: Path) -> None:
    data = media_samples.mp4((640, 640), seconds=0.3)
    place = box(b"udta", box(b"\xa9xyz", b"\0\x12\x15\xc7+52.5+013.4/"))
    record = await record_of(tmp_path, data + place)

    assert (record.verdict, record.code) == (Verdict.CONVERT, "strip_metadata")
    assert Step.REMUX in record.steps
    assert Step.STRIP in record.steps


def at_a_time(name: bytes) -> bytes:
    """A film whose box of that name says when it was made."""
    data = bytearray(media_samples.mp4((640, 640), seconds=0.3))
    struct.pack_into(">II", data, data.index(name) + 8, 3_900_000_000, 3_900_000_000)
    return bytes(data)


def called(name: bytes) -> bytes:
    """A film whose track is handled by a program of that name (12 letters)."""
    return media_samples.mp4((640, 640), seconds=0.3).replace(b"VideoHandler", name)


WHOLE = media_samples.mp4((640, 640), seconds=0.3)


@pytest.mark.parametrize(
    ("data", "tells"),
    [
        (WHOLE, False),
        (at_a_time(b"mvhd"), True),
        (at_a_time(b"tkhd"), True),
        (at_a_time(b"mdhd"), True),
        (called(b"03/05/2026 a"), True),
        (called(b"Bento4 Video"), False),
        (WHOLE + box(b"free", bytes(64)), False),
        (WHOLE + box(b"free", b"at home" + bytes(64)), True),
        (WHOLE + box(b"uuid", bytes(16) + b"<x:xmpmeta/>"), True),
        (WHOLE + box(b"prft", bytes(24)), True),
    ],
)
async def test_a_film_that_says_when_it_was_made_is_copied_without_it(
    tmp_path: Path, data: bytes, *, tells: bool
) -> None:
    record = await record_of(tmp_path, data)

    assert (record.code, record.steps) == (("strip_metadata", (Step.REMUX, Step.STRIP)) if tells else ("ok", ()))


def segment(marker: int, body: bytes) -> bytes:
    """A JPEG with one more segment."""
    return JPEG[:2] + bytes([0xFF, marker]) + (len(body) + 2).to_bytes(2, "big") + body + JPEG[2:]


@pytest.mark.parametrize(
    ("data", "tells"),
    [
        (segment(0xE6, b"GoPro\0" + bytes(40)), True),
        (segment(0xEB, b"JP" + bytes(40)), True),
        (segment(0xE2, b"FPXR\0" + bytes(40)), True),
        (segment(0xE3, b"Meta\0\0" + bytes(40)), True),
        (segment(0xEC, b"Ducky\0\1\0\4\0\0\0\x3c\0\0"), False),
        (segment(0xEC, b"Ducky\0\1\0\4\0\0\0\x3c\0\2\0\x10" + b"at home, at ten."), True),
        (segment(0xEE, b"Adobe\0\x64\0\0\0\0\1"), False),
        (segment(0xE1, JPEG[JPEG.index(b"Exif") :][:32]), True),  # a second one, which readers join to the first
        (PNG[:33] + chunk(b"caBX", b"jumb") + PNG[33:], True),
        (PNG[:33] + chunk(b"pHYs", bytes(8) + b"\1") + PNG[33:], False),
        (PNG[:33] + chunk(b"prVW", b"a smaller picture") + PNG[33:], True),
    ],
)
async def test_a_picture_in_which_a_program_left_a_note_is_made_anew(
    tmp_path: Path, data: bytes, *, tells: bool
) -> None:
    record = await record_of(tmp_path, data)

    assert record.code == ("strip_metadata" if tells else "ok")


async def test_sound_whose_header_claims_hours_is_refused(tmp_path: Path) -> None:
    data = bytearray(media_samples.wav(seconds=0.3))
    struct.pack_into("<I", data, data.index(b"data") + 4, 1 << 30)

    assert (await record_of(tmp_path, bytes(data))).code == "truncated"


async def test_a_sound_that_was_streamed_says_no_size_and_is_fine(tmp_path: Path) -> None:
    data = bytearray(media_samples.wav(seconds=0.3))
    data[4:8] = b"\xff" * 4
    struct.pack_into("<I", data, data.index(b"data") + 4, 0xFFFFFFFF)

    assert (await record_of(tmp_path, bytes(data))).verdict is Verdict.ACCEPT


@pytest.mark.parametrize(
    ("listed", "tells"),
    [
        (b"INAM\4\0\0\0Song", False),
        (b"ISFT\5\0\0\0Lavf\0\0INAM\4\0\0\0Song", False),
        (b"INAM\4\0\0\0SongICRD\x0a\0\0\x002024-05-06", True),
        (b"ICMT\4\0\0\0home", True),
    ],
)
async def test_a_sound_may_have_a_title_and_no_day_or_place(tmp_path: Path, listed: bytes, *, tells: bool) -> None:
    data = media_samples.wav(seconds=0.3)
    body = b"INFO" + listed
    chunk_of_names = b"LIST" + len(body).to_bytes(4, "little") + body
    grown = data[:4] + (len(data) - 8 + len(chunk_of_names)).to_bytes(4, "little") + data[8:12] + chunk_of_names
    record = await record_of(tmp_path, grown + data[12:])

    assert record.code == ("strip_metadata" if tells else "ok")


async def test_names_that_lie_are_remarked(tmp_path: Path) -> None:
    assert (await record_of(tmp_path, PNG, "photo.jpg")).remarks == (Remark.MISLABELLED,)
    assert (await record_of(tmp_path, PNG, "photo.PNG")).remarks == ()
    assert (await record_of(tmp_path, PNG, "photo")).remarks == ()


FILM = MediaFacts(
    kind=Kind.VIDEO,
    format="mp4",
    byte_count=1_000_000,
    width=1280,
    height=720,
    seconds=3.0,
    frame_count=90,
    video_codec="h264",
    audio_codec="aac",
)
SEEN = Measured(frame_rate=30.0, pixel_format="yuv420p", video_streams=1, audio_streams=1)
MP4 = Sniffed(kind=Kind.VIDEO, format="mp4")


@pytest.mark.parametrize(
    ("facts", "seen", "findings", "code"),
    [
        (FILM, SEEN, (), "ok"),
        (replace(FILM, audio_codec=None), SEEN, (), "ok"),
        (replace(FILM, audio_codec="ac3"), SEEN, (), "codec"),
        (FILM, replace(SEEN, pixel_format="yuv420p10le"), (), "codec"),
        (FILM, replace(SEEN, pixel_format="yuv444p"), (), "codec"),
        (FILM, replace(SEEN, hdr=True), (), "hdr"),
        (FILM, replace(SEEN, rotation=90), (), "rotation"),
        (FILM, replace(SEEN, frame_rate=60.4), (), "ok"),
        (FILM, replace(SEEN, frame_rate=120.0), (), "frame_rate"),
        (replace(FILM, width=1279, height=719), SEEN, (), "resolution_varies"),
        (FILM, SEEN, (Finding.VARIES,), "resolution_varies"),
        (FILM, SEEN, (Finding.TRACKS,), "streams"),
        (FILM, SEEN, (Finding.DAMAGED,), "damaged"),
        (FILM, SEEN, (Finding.PARTLY,), "damaged"),
        (replace(FILM, format="mkv"), SEEN, (), "container"),
        (replace(FILM, width=3840, height=2160, format="webm"), SEEN, (), "resolution_high"),
        (replace(FILM, seconds=15.02), SEEN, (), "duration_long"),
        (replace(FILM, byte_count=50_000_000), SEEN, (), "too_many_bytes"),
    ],
)
def test_films(facts: MediaFacts, seen: Measured, findings: tuple[Finding, ...], code: str) -> None:
    record = decide(MP4, Measurement(facts=facts, measured=seen, findings=frozenset(findings)), LIMITS)

    assert record.code == code
    assert record.verdict is (Verdict.ACCEPT if code == "ok" else Verdict.CONVERT)
    assert (record.estimated_seconds > 0) is (code != "ok")


def test_the_limits_decide_not_the_code() -> None:
    generous = replace(
        LIMITS,
        kinds={Kind.VIDEO: replace(LIMITS.kinds[Kind.VIDEO], max_area_pixels=9_000_000, formats=("webm", "mp4"))},
    )
    large = Measurement(facts=replace(FILM, width=3840, height=2160), measured=SEEN)

    assert decide(MP4, large, generous).verdict is Verdict.ACCEPT
    sound = Measurement(facts=MediaFacts(kind=Kind.AUDIO, format="mp3", byte_count=9, seconds=3.0, audio_codec="mp3"))
    assert decide(Sniffed(kind=Kind.AUDIO, format="mp3"), sound, generous).code == "kind_not_accepted"


@pytest.mark.parametrize("trouble", Trouble)
def test_every_trouble_has_a_sentence(trouble: Trouble) -> None:
    record = decide(MP4, Measurement(trouble=trouble), LIMITS, name="walk.mov")

    assert record.verdict is Verdict.REJECT
    assert record.code == trouble.value
    assert record.why is not None
    assert record.why.code in SENTENCES
    assert "walk.mov" in say(record.why)


@given(data=st.binary(max_size=2000), form=st.sampled_from([*PILLOW_NAMES, *DEMUXERS]))
def test_any_bytes_have_some_structure(data: bytes, form: str) -> None:
    layout_of(data, form)


STARTS = {
    "png": PNG,
    "jpeg": JPEG,
    "webp": media_samples.webp((64, 64)),
    "wav": media_samples.wav(seconds=0.1),
    "mp4": media_samples.mp4((64, 64), seconds=0.1),
    "ogg": media_samples.ogg(seconds=0.1),
    "mkv": media_samples.mkv((64, 64), seconds=0.1),
}


@given(form=st.sampled_from(sorted(STARTS)), at=st.integers(0, 3000), junk=st.binary(max_size=12))
def test_damaged_structure_is_walked_all_the_same(form: str, at: int, junk: bytes) -> None:
    data = STARTS[form]
    layout_of(data[:at] + junk + data[at + len(junk) :], form)


HONEST = measurement_to(Measurement(facts=FILM, measured=SEEN, findings=frozenset({Finding.TRACKS})))


def test_a_measurement_travels_whole() -> None:
    back = measurement_from(HONEST, byte_count=FILM.byte_count)

    assert back == Measurement(facts=FILM, measured=SEEN, findings=frozenset({Finding.TRACKS}))


@pytest.mark.parametrize(
    "lie",
    [
        {"facts": None},
        {"trouble": "boredom"},
        {"findings": ["gold"]},
        {"findings": None},
        {"rotation": 45},
        {"frame_rate": float("nan")},
        {"frame_rate": -1},
        {"pixel_format": "<@1>\n"},
        {"hdr": 1},
        {"audio_streams": -1},
        {"error_count": True},
    ],
)
def test_what_a_captured_child_says_of_a_file_is_not_believed(lie: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r".*"):
        measurement_from({**HONEST, **lie}, byte_count=1)
