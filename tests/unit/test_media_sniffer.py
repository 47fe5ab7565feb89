"""What the first bytes of a file prove."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain.media import Kind, Sniffed
from bot.media.formats import readable
from bot.media.sniffer import HEAD_BYTES, sniff
from tests import media_samples


@pytest.mark.parametrize(
    ("name", "kind", "format_name"),
    [
        ("hero.png", Kind.IMAGE, "png"),
        ("photo.jpg", Kind.IMAGE, "jpeg"),
        ("scene.webp", Kind.IMAGE, "webp"),
        ("moving.webp", Kind.IMAGE, "webp"),
        ("moving.gif", Kind.IMAGE, "gif"),
        ("clip.mp4", Kind.VIDEO, "mp4"),
        ("clip.mov", Kind.VIDEO, "mov"),
        ("clip.webm", Kind.VIDEO, "webm"),
        ("clip.mkv", Kind.VIDEO, "mkv"),
        ("song.mp3", Kind.AUDIO, "mp3"),
        ("song.wav", Kind.AUDIO, "wav"),
        ("song.ogg", Kind.AUDIO, "ogg"),
        ("song.flac", Kind.AUDIO, "flac"),
        ("song.aac", Kind.AUDIO, "aac"),
        ("song.m4a", Kind.AUDIO, "m4a"),
    ],
)
def test_real_files_are_known_and_have_a_reader(name: str, kind: Kind, format_name: str) -> None:
    head = media_samples.SAMPLES[name]()[:HEAD_BYTES]

    assert sniff(head) == Sniffed(kind=kind, format=format_name)
    assert readable(format_name)


def _box(brand: bytes, *compatible: bytes) -> bytes:
    body = b"ftyp" + brand + bytes(4) + b"".join(compatible)
    return (len(body) + 4).to_bytes(4, "big") + body


@pytest.mark.parametrize(
    ("head", "kind", "format_name"),
    [
        (_box(b"heic", b"mif1"), Kind.IMAGE, "heic"),
        (_box(b"mif1", b"heic"), Kind.IMAGE, "heic"),
        (_box(b"avif", b"mif1"), Kind.IMAGE, "avif"),
        (_box(b"M4V ", b"isom"), Kind.VIDEO, "mp4"),
        (_box(b"crx ", b"isom"), None, "unknown"),
        (b"BM" + bytes(12) + b"\x28\0\0\0", Kind.IMAGE, "bmp"),
        (b"BMW is a car", None, "text"),
        (b"II*\0\x08\0\0\0", Kind.IMAGE, "tiff"),
        (b"RIFF\x24\0\0\0AVI LIST", Kind.VIDEO, "avi"),
        (b"RIFF\x24\0\0\0sfbk", None, "unknown"),
        (b"FORM\0\0\0\x24AIFFCOMM", Kind.AUDIO, "aiff"),
        (b"\x30\x26\xb2\x75\x8e\x66\xcf\x11\xa6\xd9\x00\xaa\x00\x62\xce\x6c", Kind.VIDEO, "asf"),
        ((b"\x47" + bytes(187)) * 5, Kind.VIDEO, "mpegts"),
        (b"%PDF-1.7\n", None, "pdf"),
        (b"PK\x03\x04word/document.xml", None, "zip"),
        (b"MZ\x90\0", None, "exe"),
        (b"\x7fELF\x02", None, "exe"),
        (b"\x1f\x8b\x08\0", None, "gzip"),
        (b"", None, "empty"),
        (b"\0\x01\x02\x03", None, "unknown"),
        ("naïve".encode()[:3], None, "text"),
        ("\ufeffhello".encode("utf-16"), None, "text"),
        (b'<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg"/>', None, "svg"),
        (b'{"v":"5.7","fr":30,"ip":0,"op":60,"layers":[]}', None, "lottie json"),
        (b'{"layers": "none"}', None, "text"),
        (b"v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\n", None, "sdp"),
        (b'<MPD xmlns="urn:mpeg:dash:schema:mpd:2011">', None, "dash manifest"),
    ],
)
def test_only_what_magic_proves_has_a_kind(head: bytes, kind: Kind | None, format_name: str) -> None:
    assert sniff(head) == Sniffed(kind=kind, format=format_name)


@pytest.mark.parametrize(
    ("head", "format_name"),
    [
        (media_samples.hls_playlist("file:///etc/passwd"), "hls playlist"),
        (b"\xef\xbb\xbf  " + media_samples.hls_playlist("http://127.0.0.1/x"), "hls playlist"),
        (media_samples.concat_script("/etc/passwd"), "ffconcat"),
    ],
)
def test_playlists_and_scripts_have_no_kind_and_so_no_decoder(head: bytes, format_name: str) -> None:
    assert sniff(head) == Sniffed(kind=None, format=format_name)


def test_a_single_sync_word_is_no_mp3() -> None:
    frame = media_samples.mp3()[-200:]
    lone = b"\xff\xfb\x90\x64" + bytes(2000)

    assert sniff(lone).kind is None
    assert sniff(frame).format != "mp3"


def test_mp3_is_found_behind_a_tag_and_behind_a_tag_with_a_large_cover() -> None:
    bare = media_samples.mp3()
    bare = bare[bare.index(b"\xff\xfb") :]

    assert sniff(_tagged(1000) + bare).format == "mp3"
    assert sniff((_tagged(200_000) + bare)[:HEAD_BYTES]).format == "mp3"
    assert sniff(_tagged(100) + media_samples.flac()).format == "flac"
    assert sniff(_tagged(100) + b"no sound at all" * 50).kind is None


def _tagged(size: int) -> bytes:
    return b"ID3\x04\0\0" + bytes(size >> shift & 0x7F for shift in (21, 14, 7, 0)) + b"\x01" * size


@given(st.binary(max_size=2000))
def test_any_bytes_get_an_answer(head: bytes) -> None:
    sniffed = sniff(head)

    assert sniffed.format
    assert sniffed.format == sniffed.format.lower()


_MAGICS = [make()[:64] for make in media_samples.SAMPLES.values()] + [
    _box(b"heic"),
    b"ID3\x04\0\0\0\0\0\0",
    b"\x47" * 940,
]


@given(st.sampled_from(_MAGICS), st.binary(max_size=400), st.integers(0, 64))
def test_any_cut_or_mangled_beginning_gets_an_answer(magic: bytes, tail: bytes, keep: int) -> None:
    assert sniff(magic[:keep] + tail).format


@given(st.text(st.characters(blacklist_categories=("Cs", "Cc")), min_size=1))
def test_text_never_has_a_kind(words: str) -> None:
    assert sniff(("Dear all: " + words).encode()).kind is None
