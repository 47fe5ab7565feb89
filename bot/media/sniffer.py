"""What a file is, by its first bytes alone. Pure, no decoder, and the security gate: it names the only demuxer.

Only what magic proves gets a kind. A name or a declared type is never asked. Playlists, scripts and other text have no
kind: FFmpeg would follow what they say to local files and into the network, whatever the file is called.
Sources of the magics: the formats' own specifications, and libmagic's tables.
"""

import re
from collections.abc import Callable
from typing import Final

from bot.domain.media import Kind, Sniffed

HEAD_BYTES: Final = 64 * 1024

_IMAGE, _VIDEO, _AUDIO = Kind.IMAGE, Kind.VIDEO, Kind.AUDIO


def sniff(head: bytes) -> Sniffed:
    """What the first bytes (up to 64 KiB are looked at) say. Total: any bytes give an answer.

    `format` is lower case: png, jpeg, webp, gif, bmp, tiff, heic, avif, jxl, jp2, ico (images); mp4, mov, 3gp, webm,
    mkv, avi, asf, flv, mpegts, mpeg (videos, though some hold only sound: the demuxer decides that); mp3, m4a, wav,
    ogg, flac, aac, aiff, amr (audio); and without a kind: svg, midi, pdf, zip, rar, 7z, gzip, other
    archives, exe, psd, lottie json, hls playlist, ffconcat, sdp, dash manifest, playlist, text, empty, unknown.
    """
    head = head[:HEAD_BYTES]
    for look in _LOOKS:
        if (found := look(head)) is not None:
            return found
    return Sniffed(kind=None, format="unknown")


_MAGICS: Final[tuple[tuple[bytes, Kind | None, str], ...]] = (
    (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", _IMAGE, "png"),
    (b"\xff\xd8\xff", _IMAGE, "jpeg"),
    (b"GIF87a", _IMAGE, "gif"),
    (b"GIF89a", _IMAGE, "gif"),
    (b"II*\0", _IMAGE, "tiff"),
    (b"MM\0*", _IMAGE, "tiff"),
    (b"\0\0\0\x0cJXL \r\n\x87\n", _IMAGE, "jxl"),
    (b"\0\0\0\x0cjP  \r\n\x87\n", _IMAGE, "jp2"),
    (b"fLaC\0\0\0\x22", _AUDIO, "flac"),
    (b"#!AMR", _AUDIO, "amr"),
    (b"FLV\x01", _VIDEO, "flv"),
    (b"\x30\x26\xb2\x75\x8e\x66\xcf\x11\xa6\xd9\x00\xaa\x00\x62\xce\x6c", _VIDEO, "asf"),
    (b"MThd\0\0\0\x06", None, "midi"),
    (b"%PDF-", None, "pdf"),
    (b"PK\x03\x04", None, "zip"),
    (b"PK\x05\x06", None, "zip"),
    (b"Rar!\x1a\x07", None, "rar"),
    (b"7z\xbc\xaf\x27\x1c", None, "7z"),
    (b"\x1f\x8b\x08", None, "gzip"),
    (b"\x7fELF", None, "exe"),
    (b"MZ", None, "exe"),
    (b"\0\0\x01\xba", _VIDEO, "mpeg"),
    (b"\xff\x4f\xff\x51", _IMAGE, "jp2"),
    (b"8BPS\0\x01", None, "psd"),
    (b"BZh", None, "archive"),
    (b"\xfd7zXZ\0", None, "archive"),
    (b"\x28\xb5\x2f\xfd", None, "archive"),
    (b"MSCF\0\0\0\0", None, "archive"),
    (b"\xcf\xfa\xed\xfe", None, "exe"),
    (b"\xfe\xed\xfa\xcf", None, "exe"),
    (b"\xca\xfe\xba\xbe", None, "exe"),
    (b"dex\n03", None, "exe"),
    (b"\0asm\x01\0\0\0", None, "exe"),
)


def _empty(head: bytes) -> Sniffed | None:
    return None if head else Sniffed(kind=None, format="empty")


def _by_magic(head: bytes) -> Sniffed | None:
    for magic, kind, name in _MAGICS:
        if head.startswith(magic):
            return Sniffed(kind=kind, format=name)
    return None


_RIFF_FORMS: Final = {
    b"WAVE": Sniffed(kind=_AUDIO, format="wav"),
    b"WEBP": Sniffed(kind=_IMAGE, format="webp"),
    b"AVI ": Sniffed(kind=_VIDEO, format="avi"),
}
_WEBP_CHUNKS: Final = {b"VP8 ", b"VP8L", b"VP8X"}


def _riff(head: bytes) -> Sniffed | None:
    """RIFF (and RF64, its large sibling), and AIFF, which has the same shape."""
    if head[:4] == b"FORM" and head[8:12] in {b"AIFF", b"AIFC"}:
        return Sniffed(kind=_AUDIO, format="aiff")
    if head[:4] not in {b"RIFF", b"RF64"}:
        return None
    found = _RIFF_FORMS.get(head[8:12])
    if found is not None and found.format == "webp" and head[12:16] not in _WEBP_CHUNKS:
        return None
    return found


def _bmp(head: bytes) -> Sniffed | None:
    """Two letters prove little: the reserved zeros and a header size that exists must follow."""
    if head[:2] != b"BM" or head[6:10] != bytes(4):
        return None
    header_size = int.from_bytes(head[14:18], "little")
    return Sniffed(kind=_IMAGE, format="bmp") if header_size in {12, 40, 52, 56, 64, 108, 124} else None


def _ico(head: bytes) -> Sniffed | None:
    """A Windows icon: a sane directory must follow the four bytes, which say next to nothing."""
    count = int.from_bytes(head[4:6], "little")
    if head[:4] != b"\0\0\x01\0" or not 1 <= count <= _MOST_ICONS or len(head) < 6 + 16 * count:
        return None
    entries = [head[6 + 16 * index : 22 + 16 * index] for index in range(count)]
    sane = all(entry[3] == 0 and int.from_bytes(entry[12:16], "little") >= 6 + 16 * count for entry in entries)
    return Sniffed(kind=_IMAGE, format="ico") if sane else None


_MOST_ICONS: Final = 64


def _tar(head: bytes) -> Sniffed | None:
    return Sniffed(kind=None, format="archive") if head[257:262] == b"ustar" else None


# ISO base media brands (https://mp4ra.org/registered-types/brands). The major brand decides; the others only when it is
# one of the structural brands that say nothing of the content.
_BRANDS: Final = {
    **dict.fromkeys((b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx"), Sniffed(kind=_IMAGE, format="heic")),
    **dict.fromkeys((b"avif", b"avis"), Sniffed(kind=_IMAGE, format="avif")),
    **dict.fromkeys((b"M4A ", b"M4B ", b"M4P "), Sniffed(kind=_AUDIO, format="m4a")),
    b"qt  ": Sniffed(kind=_VIDEO, format="mov"),
    **dict.fromkeys(
        (b"3gp4", b"3gp5", b"3gp6", b"3gp7", b"3gr6", b"3gs7", b"3ge6", b"3ge7", b"3g2a", b"3g2b", b"3g2c"),
        Sniffed(kind=_VIDEO, format="3gp"),
    ),
    **dict.fromkeys(
        (b"isom", b"iso2", b"iso3", b"iso4", b"iso5", b"iso6", b"iso7", b"iso8", b"iso9", b"mp41", b"mp42", b"mp71"),
        Sniffed(kind=_VIDEO, format="mp4"),
    ),
    **dict.fromkeys(
        (b"avc1", b"hvc1", b"av01", b"M4V ", b"M4VH", b"M4VP", b"MSNV", b"dash", b"f4v ", b"F4V ", b"XAVC"),
        Sniffed(kind=_VIDEO, format="mp4"),
    ),
}
_STRUCTURAL_BRANDS: Final = {b"mif1", b"msf1", b"miaf"}
_CLASSIC_QUICKTIME: Final = {b"moov", b"mdat", b"wide", b"pnot"}
_BOX_HEADER, _MAX_FTYP_BYTES = 8, 1024


def _iso_base_media(head: bytes) -> Sniffed | None:
    """MP4, MOV, M4A, HEIC and AVIF: a file type box with a known brand; or QuickTime from before there was one."""
    size, box = int.from_bytes(head[:4], "big"), head[4:8]
    if box in _CLASSIC_QUICKTIME and (size in {0, 1} or size >= _BOX_HEADER):
        return Sniffed(kind=_VIDEO, format="mov")
    if box != b"ftyp" or not 2 * _BOX_HEADER <= size <= _MAX_FTYP_BYTES:
        return None
    brands = [head[8:12], *(head[at : at + 4] for at in range(16, min(size, len(head)) - 3, 4))]
    if brands[0] not in _STRUCTURAL_BRANDS:
        return _BRANDS.get(brands[0])
    stills = [_BRANDS[brand] for brand in brands[1:] if brand in _BRANDS and _BRANDS[brand].kind is _IMAGE]
    return stills[0] if stills else None


_EBML_DOCTYPE: Final = re.compile(rb"\x42\x82(?:[\x81-\xff]|\x40.)(webm|matroska)", re.DOTALL)
_EBML_DOCTYPE_WITHIN = 128


def _ebml(head: bytes) -> Sniffed | None:
    """Matroska and WebM: told apart by the document type in the header."""
    if not head.startswith(b"\x1a\x45\xdf\xa3"):
        return None
    doctype = _EBML_DOCTYPE.search(head[:_EBML_DOCTYPE_WITHIN])
    if doctype is None:
        return None
    return Sniffed(kind=_VIDEO, format="webm" if doctype[1] == b"webm" else "mkv")


def _ogg(head: bytes) -> Sniffed | None:
    """Ogg is sound, unless a Theora stream starts in it."""
    if not head.startswith(b"OggS\0"):
        return None
    return Sniffed(kind=_VIDEO if b"\x80theora" in head[:4096] else _AUDIO, format="ogg")


_TS_PACKET, _TS_SYNC = 188, 0x47


def _mpegts(head: bytes) -> Sniffed | None:
    """An MPEG transport stream: the sync byte of five packets in a row."""
    if len(head) < 5 * _TS_PACKET or any(head[at] != _TS_SYNC for at in range(0, 5 * _TS_PACKET, _TS_PACKET)):
        return None
    return Sniffed(kind=_VIDEO, format="mpegts")


_ID3_HEADER = 10
_KBPS_V1_L3 = (0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320)
_KBPS_V2_L3 = (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160)
_RATES_V1 = (44_100, 48_000, 32_000)
_FRAMES_TO_AGREE = 2


def _mpeg_audio(head: bytes) -> Sniffed | None:
    """MP3 or AAC (ADTS), bare or behind an ID3 tag. Without a tag, frames must follow one another exactly."""
    start = _after_id3(head)
    if start and start + 4 > len(
        head
    ):  # the tag (cover art) fills the head: the demuxer, forced to mp3, has to prove it
        return Sniffed(kind=_AUDIO, format="mp3")
    if start and head[start : start + 4] == b"fLaC":
        return Sniffed(kind=_AUDIO, format="flac")
    if _frames_follow(head, start, _mp3_frame_bytes):
        return Sniffed(kind=_AUDIO, format="mp3")
    if _frames_follow(head, start, _adts_frame_bytes):
        return Sniffed(kind=_AUDIO, format="aac")
    return None


def _after_id3(head: bytes) -> int:
    """Where an ID3v2 tag ends, or 0 without a sound one (https://id3.org/id3v2.4.0-structure, sizes are 4 × 7 bits)."""
    if head[:3] != b"ID3" or len(head) < _ID3_HEADER or b"\xff" in head[3:5] or not head[6:10].isascii():
        return 0
    size = 0
    for byte in head[6:10]:
        size = size << 7 | byte
    footer = _ID3_HEADER if head[5] & 0x10 else 0
    end = _ID3_HEADER + size + footer
    while end < len(head) and head[end] == 0:  # padding beyond the declared size is common
        end += 1
    return end


def _frames_follow(head: bytes, start: int, frame_bytes: Callable[[bytes], int]) -> bool:
    """True when frames of the computed sizes stand one behind the other from `start` on."""
    at = start
    for _ in range(_FRAMES_TO_AGREE):
        size = frame_bytes(head[at : at + 6])
        if not size:
            return False
        at += size
    return at >= len(head) or bool(frame_bytes(head[at : at + 6])) or len(head) - at < 6  # noqa: PLR2004  a header


def _mp3_frame_bytes(header: bytes) -> int:
    """The size of the MPEG layer III frame that starts here, or 0 (ISO 11172-3, 2.4.1.3)."""
    if len(header) < 4 or header[0] != 0xFF or header[1] & 0xE0 != 0xE0:  # noqa: PLR2004  the sync word's eleven ones
        return 0
    version, layer, bit_rate, rate = header[1] >> 3 & 3, header[1] >> 1 & 3, header[2] >> 4, header[2] >> 2 & 3
    if version == 1 or layer != 1 or bit_rate in {0, 15} or rate == 3:  # noqa: PLR2004  reserved values
        return 0
    first = version == 3  # noqa: PLR2004  MPEG-1; 2 is MPEG-2, 0 is MPEG-2.5
    kbps = (_KBPS_V1_L3 if first else _KBPS_V2_L3)[bit_rate]
    sample_rate = _RATES_V1[rate] >> {3: 0, 2: 1, 0: 2}[version]
    return (144_000 if first else 72_000) * kbps // sample_rate + (header[2] >> 1 & 1)


def _adts_frame_bytes(header: bytes) -> int:
    """The size of the ADTS frame that starts here, or 0 (ISO 13818-7, 6.2)."""
    if len(header) < 6 or header[0] != 0xFF or header[1] & 0xF6 != 0xF0 or (header[2] >> 2 & 15) > 12:  # noqa: PLR2004
        return 0
    size = (header[3] & 3) << 11 | header[4] << 3 | header[5] >> 5
    return size if size > 7 else 0  # noqa: PLR2004  a frame is longer than its header


_TEXT_STARTS: Final = (
    (b"#extm3u", "hls playlist"),
    (b"ffconcat version", "ffconcat"),
    (b"v=0\r\n", "sdp"),
    (b"v=0\n", "sdp"),
    (b"#extinf", "hls playlist"),
    (b"[playlist]", "playlist"),
    (b"[reference]", "playlist"),
    (b"rtsptext", "playlist"),
    (b"#!", "exe"),
)
_SVG, _DASH = re.compile(rb"<svg[\s>]", re.IGNORECASE), re.compile(rb"<MPD[\s>]")
_LISTS = re.compile(rb"<(?:asx|smil|playlist|SmoothStreamingMedia|CompositionPlaylist)[\s>]", re.IGNORECASE)
_LOTTIE = re.compile(rb'"layers"\s*:\s*\['), re.compile(rb'"(?:ip|op|fr)"\s*:\s*[\d.]')
_BYTE_ORDER_MARKS: Final = {b"\xff\xfe": "utf-16", b"\xfe\xff": "utf-16"}
_CONTROLS: Final = frozenset(range(32)) - frozenset(b"\t\n\r\f\x1b") | {0x7F}


def _text(head: bytes) -> Sniffed | None:
    """Text of any sort; scripts and playlists by their names, because people should hear what was refused."""
    if not _reads_as_text(head):
        return None
    body = head.removeprefix(b"\xef\xbb\xbf").lstrip()
    lowered = body[:64].lower()
    for start, name in _TEXT_STARTS:
        if lowered.startswith(start):
            return Sniffed(kind=None, format=name)
    if body.startswith(b"<"):
        return Sniffed(kind=None, format=_markup(body))
    if body.startswith(b"{") and all(pattern.search(body) for pattern in _LOTTIE):
        return Sniffed(kind=None, format="lottie json")
    return Sniffed(kind=None, format="text")


def _markup(body: bytes) -> str:
    if _SVG.search(body):
        return "svg"
    if _DASH.search(body):
        return "dash manifest"
    return "playlist" if _LISTS.search(body[:4096]) else "text"


def _reads_as_text(head: bytes) -> bool:
    """True for UTF-8 without control characters (the last character may be cut), and for UTF-16 with its mark."""
    encoding = _BYTE_ORDER_MARKS.get(head[:2])
    if encoding is not None:
        return _decodes(head[: len(head) & ~1], encoding)
    return not _CONTROLS.intersection(head) and any(_decodes(head[: len(head) - cut], "utf-8") for cut in range(4))


def _decodes(data: bytes, encoding: str) -> bool:
    try:
        data.decode(encoding)
    except UnicodeDecodeError:
        return False
    return True


_LOOKS: Final[tuple[Callable[[bytes], Sniffed | None], ...]] = (
    _empty,
    _by_magic,
    _riff,
    _bmp,
    _ico,
    _iso_base_media,
    _ebml,
    _ogg,
    _mpegts,
    _mpeg_audio,
    _tar,
    _text,
)
