"""How a file is put together, read from its bytes without any decoder.

Is it whole, does it say where it was made, does it point elsewhere, is there more in it than there should be?
Everything is bounded: in steps, in depth, in what is inflated. Used inside the media child only, although it would be
safe outside. Sources: ITU T.81 annex B (JPEG), the PNG specification 3rd edition, the WebP container specification,
ISO 14496-12 and the QuickTime file format (boxes), RFC 3533 (Ogg), RFC 8794 (EBML), Microsoft's RIFF.
"""

import mmap
import re
import zlib
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from typing import Final

Bytes = bytes | mmap.mmap

_MOST_PARTS: Final = 100_000
_MOST_DEPTH: Final = 12
_MOST_INFLATED: Final = 4_000_000
"""Bytes that a picture's compressed metadata may come to. Colour profiles are a tenth of that at most."""


@dataclass(slots=True, kw_only=True)
class Layout:
    """What was found. `pixels`: of the picture as its header has it, 0 where that is not looked at.

    `metadata`: something that says where, when or by whom, or bytes after the end (`trailing` as well). `outside`: it
    refers to another file. `bloated`: metadata that inflates beyond reason. `tangled`: no sane structure.
    """

    pixels: int = 0
    cut: bool = False
    metadata: bool = False
    trailing: bool = False
    outside: bool = False
    bloated: bool = False
    tangled: bool = False


@contextmanager
def mapped(descriptor: int) -> Generator[Bytes]:
    """The file as bytes, without reading it into memory."""
    try:
        view = mmap.mmap(descriptor, 0, access=mmap.ACCESS_READ)
    except ValueError:  # an empty file cannot be mapped
        yield b""
        return
    with view:
        yield view


def layout_of(data: Bytes, format_name: str) -> Layout:
    """How a file of that format is put together; nothing is found of formats that are not looked into."""
    found = Layout()
    look = _LOOKS.get(format_name)
    if look is not None:
        look(data, found)
    return found


def _uint(data: Bytes, at: int, size: int) -> int:
    return int.from_bytes(data[at : at + size], "big")


def _anything(data: Bytes, start: int) -> bool:
    """True when there is more than padding from `start` on."""
    return any(data[at : at + 65_536].strip(b"\0\r\n ") for at in range(start, len(data), 65_536))


# --- JPEG -------------------------------------------------------------------------------------------------------------

_MARKER: Final = re.compile(rb"\xff[^\x00\xff\xd0-\xd7]")
_SOI, _EOI, _SOS, _COMMENT, _TEMPORARY = 0xD8, 0xD9, 0xDA, 0xFE, 0x01
_MOST_SCANS: Final = 500
"""Passes over a progressive picture. Encoders write ten; each costs as much as the whole picture."""

_SIZES: Final = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_APPLICATIONS: Final = frozenset(range(0xE0, 0xF0))
_EXIF: Final = b"Exif\0\0"
_JPEG_HARMLESS: Final = (b"JFIF\0", b"ICC_PROFILE\0", b"Adobe", _EXIF)
"""What says how pixels are to be shown. Whatever else an application writes may say where and when: GoPro's position is
in APP6, a history of edits in APP11."""

_DUCKY_BYTES: Final = 17
"""A segment of Photoshop's that holds its quality and no comment; it is in most pictures of the web."""


def _jpeg(data: Bytes, found: Layout) -> None:
    """Segments up to the end of the image. EXIF is left to the reader of pictures, which knows its tags."""
    at, exifs, scans = 2, 0, 0
    for _ in range(_MOST_PARTS):
        match = _MARKER.search(data, at)
        if match is None:
            found.cut = True
            return
        marker, at = data[match.end() - 1], match.end()
        if marker == _EOI:
            found.trailing = _anything(data, at)
            return
        if marker in {_SOI, _TEMPORARY}:
            continue
        if marker in _SIZES:
            found.pixels = max(found.pixels, _uint(data, at + 3, 2) * _uint(data, at + 5, 2))
        size = _uint(data, at, 2)
        scans += marker == _SOS
        if scans > _MOST_SCANS:
            break
        if marker in _APPLICATIONS:
            said = bytes(data[at + 2 : at + 14])
            exifs += said.startswith(_EXIF)
            found.metadata = found.metadata or exifs > 1 or not _shows_only(said, size)
        found.metadata = found.metadata or marker == _COMMENT
        at += size
    found.tangled = True


def _shows_only(said: bytes, size: int) -> bool:
    return said.startswith(_JPEG_HARMLESS) or (said.startswith(b"Ducky") and size <= _DUCKY_BYTES)


# --- PNG --------------------------------------------------------------------------------------------------------------

_PNG_HARMLESS: Final = frozenset(
    {
        *(b"IHDR", b"PLTE", b"IDAT", b"IEND", b"tRNS", b"gAMA", b"cHRM", b"sRGB", b"iCCP", b"sBIT", b"bKGD", b"hIST"),
        *(b"pHYs", b"sPLT", b"acTL", b"fcTL", b"fdAT", b"cICP", b"mDCV", b"cLLI", b"oFFs", b"sTER", b"iDOT", b"CgBI"),
        *(b"vpAg", b"eXIf"),
    }
)
"""What says how pixels are to be shown; EXIF is left to the reader of pictures. All else may say anything."""

_MOST_FOLDED: Final = 1032
"""To so many bytes, at most, does one of deflate's come (RFC 1951: 258 for two bits)."""

_PNG_COMPRESSED: Final = frozenset({b"iCCP", b"zTXt", b"iTXt"})


def _png(data: Bytes, found: Layout) -> None:
    """Chunks up to the end. Compressed ones are inflated as far as is reasonable."""
    found.pixels = _uint(data, 16, 4) * _uint(data, 20, 4)
    at, inflated, packed = 8, 0, 0
    for _ in range(_MOST_PARTS):
        size, name = _uint(data, at, 4), bytes(data[at + 4 : at + 8])
        if at + 12 + size > len(data):
            found.cut = True
            return
        if name in _PNG_COMPRESSED and not found.bloated:
            inflated += _inflated(bytes(data[at + 8 : at + 8 + size]))
            found.bloated = inflated >= _MOST_INFLATED
        found.metadata = found.metadata or name not in _PNG_HARMLESS
        packed += size if name == b"IDAT" else 0
        at += 12 + size
        if name == b"IEND":
            found.cut = packed * _MOST_FOLDED < found.pixels // 8
            found.trailing = _anything(data, at)
            return
    found.tangled = True


def _inflated(body: bytes) -> int:
    """How many bytes what is compressed in a chunk (behind its keyword) comes to, as far as is reasonable."""
    starts = [match.end() + more for match in re.finditer(rb"\0", body[:512]) for more in (0, 1)]
    return max((_unfolded(body[start:]) for start in starts if _zlib_header(body[start : start + 2])), default=0)


def _zlib_header(two: bytes) -> bool:
    return len(two) > 1 and two[0] & 15 == 8 and (two[0] << 8 | two[1]) % 31 == 0  # noqa: PLR2004  RFC 1950, 2.2


def _unfolded(stream: bytes) -> int:
    try:
        return len(zlib.decompressobj().decompress(stream, _MOST_INFLATED))
    except zlib.error:
        return 0


# --- RIFF: WebP, WAV, AVI ---------------------------------------------------------------------------------------------

_STREAMED: Final = frozenset({0, 0xFFFFFFFF, 0x7FFFFFFF, 0x7FFFF000, 0x80000000})
"""Sizes that writers leave in a file whose end they did not know."""

_RIFF_METADATA: Final = frozenset({b"_PMX", b"bext", b"iXML", b"axml", b"cart", b"id3 ", b"ID3 ", b"GEOB"})
_TITLES: Final = frozenset({b"INAM", b"IART", b"IPRD", b"IGNR", b"ITRK", b"IPRT", b"ICOP", b"ISFT"})
_MOST_LISTED: Final = 65_536
_WEBP_HARMLESS: Final = frozenset({b"VP8 ", b"VP8L", b"VP8X", b"ALPH", b"ANIM", b"ANMF", b"ICCP"})


def _riff_chunks(data: Bytes, found: Layout) -> Iterator[tuple[bytes, int, int]]:
    """Name, start and size of each chunk; notes what is after the last."""
    end = 8 + int.from_bytes(data[4:8], "little")
    open_ended = end - 8 in _STREAMED
    if end > len(data) + 1 and not open_ended:
        found.cut = True
    at = 12
    for _ in range(_MOST_PARTS):
        if at + 8 > min(end, len(data)):
            break
        size = int.from_bytes(data[at + 4 : at + 8], "little")
        yield bytes(data[at : at + 4]), at + 8, size
        at += 8 + size + (size & 1)
    found.trailing = not open_ended and end < len(data) and _anything(data, end)


def _webp(data: Bytes, found: Layout) -> None:
    for name, _, _ in _riff_chunks(data, found):
        found.metadata = found.metadata or name not in _WEBP_HARMLESS


def _wav(data: Bytes, found: Layout) -> None:
    """A data chunk that is larger than the file is a file that was cut, unless its size was never known."""
    if data[:4] == b"RF64":
        return
    for name, start, size in _riff_chunks(data, found):
        found.metadata = found.metadata or name in _RIFF_METADATA
        if name == b"LIST":
            found.metadata = found.metadata or _lists_more(bytes(data[start : start + min(size, _MOST_LISTED)]))
        if name == b"data" and size not in _STREAMED:
            found.cut = start + size > len(data) + 1
        if name == b"data" and size in _STREAMED:
            found.cut = False
            return


def _lists_more(body: bytes) -> bool:
    """True when what is listed of a sound is more than what it is called and what wrote it."""
    if body[:4] != b"INFO" or len(body) == _MOST_LISTED:
        return True
    at = 4
    while at + 8 <= len(body):
        if body[at : at + 4] not in _TITLES:
            return True
        size = int.from_bytes(body[at + 4 : at + 8], "little")
        at += 8 + size + (size & 1)
    return False


def _avi(data: Bytes, found: Layout) -> None:
    found.cut = 8 + int.from_bytes(data[4:8], "little") > len(data) + 1


def _aiff(data: Bytes, found: Layout) -> None:
    found.cut = 8 + _uint(data, 4, 4) > len(data) + 1


# --- boxes: MP4, MOV, M4A, HEIC, AVIF ---------------------------------------------------------------------------------

_PARENTS: Final = frozenset({b"moov", b"trak", b"mdia", b"minf", b"dinf", b"moof", b"traf", b"mvex", b"edts"})
_TOP: Final = frozenset(
    {
        *(b"ftyp", b"moov", b"mdat", b"free", b"skip", b"wide", b"pnot", b"moof", b"mfra", b"sidx", b"ssix", b"styp"),
        *(b"prft", b"emsg", b"pdin", b"meta", b"jP  ", b"JXL ", b"idat", b"grpl"),
    }
)
_HARMLESS_NOTES: Final = frozenset({b"\xa9too", b"\xa9enc", b"hdlr", b"name", b"free", b"skip", b"\0\0\0\0"})
_CLOCKS: Final = frozenset({b"mvhd", b"tkhd", b"mdhd"})
"""Boxes that begin with the seconds at which they were made and changed; encoders of ours leave them at zero."""

_TELLING: Final = frozenset({b"uuid", b"prft", b"emsg", b"cmov"})
"""XMP and makers' own notes; the clock of the machine that made it; messages; an index that is packed, so not seen."""

_PADDING: Final = frozenset({b"free", b"skip", b"wide"})
_DATED: Final = re.compile(rb"(?:\d\D?){6}")
"""A date, in the name that a program gave itself: "… Created on: 03/05/2019." """
_MOST_NAME: Final = 256
_MOST_NOTES: Final = 64
"""More in one place are not looked through: they count as telling."""

_COUNTED: Final = 8
"""Bytes before the entries of a dref box: version, flags, count."""


def _boxes(data: Bytes, start: int, end: int) -> Iterator[tuple[bytes, int, int]]:
    """Name, body's start and end of each box. A box beyond `end` is told with the end it claims."""
    at = start
    while at + 8 <= end:
        size, name, head = _uint(data, at, 4), bytes(data[at + 4 : at + 8]), 8
        if size == 1:
            size, head = _uint(data, at + 8, 8), 16
        elif size == 0:
            size = end - at
        if size < head:
            return
        yield name, at + head, at + size
        at += size


def _iso(data: Bytes, found: Layout) -> None:
    """The tree of boxes, as deep as media information lies. A film without its index was cut before it was written."""
    seen: set[bytes] = set()
    stack = [(0, len(data), 0)]
    steps = 0
    while stack:
        start, end, depth = stack.pop()
        for name, body, claimed in _boxes(data, start, end):
            steps += 1
            if steps > _MOST_PARTS or depth > _MOST_DEPTH:
                found.tangled = True
                return
            if depth == 0:
                seen.add(name)
                _top_box(name, found)
                found.cut = found.cut or (claimed > len(data) and name in _TOP)
            _inner_box(data, name, body, min(claimed, end), found)
            if name in _PARENTS:
                stack.append((body, min(claimed, end), depth + 1))
    found.cut = found.cut or (b"mdat" in seen and not seen & {b"moov", b"moof", b"meta"})


def _top_box(name: bytes, found: Layout) -> None:
    if name not in _TOP:
        found.metadata = True
        found.trailing = found.trailing or name not in {b"uuid", b"udta"}


def _inner_box(data: Bytes, name: bytes, body: int, end: int, found: Layout) -> None:
    """References to other files, and notes about where and with what it was made."""
    if name == b"dref":
        found.outside = found.outside or any(
            not data[start + 3] & 1
            for _, start, stop in _boxes(data, body + _COUNTED, end)
            if stop - start >= 4 and start + 4 <= len(data)  # noqa: PLR2004  a full box's version and flags
        )
    elif name == b"rmra":  # a movie that only points to others
        found.outside = True
    elif not found.metadata:
        found.metadata = _tells(data, name, body, end)


def _tells(data: Bytes, name: bytes, body: int, end: int) -> bool:
    """True when a box may say where, when or with what the film was made."""
    if name in _CLOCKS:
        size = 16 if data[body : body + 1] == b"\1" else 8
        return any(data[body + 4 : min(body + 4 + size, end)])
    if name == b"hdlr":
        return _DATED.search(data, body + 20, min(end, body + 20 + _MOST_NAME)) is not None
    if name in _PADDING:
        return any(data[at : min(at + 65_536, end)].strip(b"\0") for at in range(body, end, 65_536))
    return name in _TELLING or (name in {b"udta", b"meta"} and not _harmless(data, name, body, end, depth=0))


def _harmless(data: Bytes, name: bytes, body: int, end: int, *, depth: int) -> bool:
    """True when notes name at most the encoder."""
    if depth > 4:  # noqa: PLR2004  udta, meta, ilst, item
        return False
    if name == b"meta" and data[body + 4 : body + 8] != b"hdlr":
        body += 4  # ISO's is a full box, QuickTime's is not
    inner = list(islice(_boxes(data, body, end), _MOST_NOTES + 1))
    return len(inner) <= _MOST_NOTES and all(
        child in _HARMLESS_NOTES
        or (child in {b"meta", b"ilst", b"udta"} and _harmless(data, child, start, min(stop, end), depth=depth + 1))
        for child, start, stop in inner
    )


def _iso_picture(data: Bytes, found: Layout) -> None:
    """A picture's boxes: its size as said (`ispe`), references elsewhere, and whether the file is whole."""
    for name, body, claimed in _boxes(data, 0, len(data)):
        found.cut = found.cut or claimed > len(data)
        if name == b"meta":
            head = bytes(data[body : min(claimed, body + 1_000_000)])
            for match in re.finditer(rb"ispe", head):
                sides = _uint(head, match.end() + 4, 4), _uint(head, match.end() + 8, 4)
                found.pixels = max(found.pixels, sides[0] * sides[1])


# --- H.264 ------------------------------------------------------------------------------------------------------------

_SEI, _UNREGISTERED = 6, 5
_X264: Final = bytes.fromhex("dc45e9bde6d948b7962cd820d923eeef")
"""The encoder that nearly everybody has, saying how it was set."""

_STARTS: Final = (b"\0\0\1", b"\0\0\0\1")
_MOST_UNITS: Final = 1000


def message_tells(packet: Bytes | memoryview, prefix: int) -> bool:
    """True when a packet of H.264 has a message of no known sort (ITU-T H.264, D.1.6): some cameras say where they are.

    `prefix`: bytes before each unit that hold its size (ISO 14496-15). Decoders take units between start codes as well.
    """
    units = list(islice(_sized(packet, prefix), _MOST_UNITS))
    whole = sum(prefix + len(unit) for unit in units) == len(packet)
    if not whole and bytes(packet[:4]).startswith(_STARTS):  # a unit of 256 to 511 bytes looks like a start code, too
        units += _started(bytes(packet))
    return any(unit[0] & 31 == _SEI and _strange(bytes(unit[1:])) for unit in islice(units, _MOST_UNITS))


def _sized(packet: Bytes | memoryview, prefix: int) -> Iterator[Bytes | memoryview]:
    """The units of a packet, each behind its size; none of them is empty."""
    at = 0
    while size := int.from_bytes(packet[at : at + prefix], "big"):
        unit = packet[at + prefix : at + prefix + size]
        if len(unit) < size:
            return
        yield unit
        at += prefix + size


def _started(packet: bytes) -> Iterator[bytes]:
    """The units of a packet, each behind a start code (annex B)."""
    return (unit for unit in packet.split(b"\0\0\1") if unit)


def _strange(messages: bytes) -> bool:
    at = 0
    while at + 2 < len(messages):  # the last byte ends the unit
        kind, at = _stretched(messages, at)
        size, at = _stretched(messages, at)
        if kind == _UNREGISTERED and messages[at : at + 16] != _X264:
            return True
        at += size
    return False


def _stretched(messages: bytes, at: int) -> tuple[int, int]:
    """A number that goes on while its bytes are 255, and where the next begins."""
    number = 0
    while at < len(messages) and messages[at] == 255:  # noqa: PLR2004  as the standard has it
        number, at = number + 255, at + 1
    return number + (messages[at] if at < len(messages) else 0), at + 1


# --- Matroska and Ogg -------------------------------------------------------------------------------------------------

_SEGMENT: Final = b"\x18\x53\x80\x67"


def _matroska(data: Bytes, found: Layout) -> None:
    """A segment that claims more bytes than there are was cut; one of unknown size was streamed."""
    at = data.find(_SEGMENT, 0, 4096)
    if at < 0 or at + 5 > len(data):
        return
    first = data[at + 4]
    length = 9 - first.bit_length() if first else 8
    size = int.from_bytes(data[at + 4 : at + 4 + length], "big") & ((1 << 7 * length) - 1)
    unknown = size == (1 << 7 * length) - 1
    found.cut = not unknown and at + 4 + length + size > len(data)


def _ogg(data: Bytes, found: Layout) -> None:
    """The last page says that it is the last, and is whole."""
    at = data.rfind(b"OggS\0")
    if at < 0 or at + 27 > len(data):
        found.cut = True
        return
    count = data[at + 26]
    table = data[at + 27 : at + 27 + count]
    found.cut = not data[at + 5] & 4 or at + 27 + count + sum(table) > len(data)


# --- ID3 --------------------------------------------------------------------------------------------------------------

_TELLING_IN_TAGS: Final = re.compile(rb"Exif\0\0|http://ns\.adobe\.com/xap|GEOB|<x:xmpmeta")


def _tagged(data: Bytes, found: Layout) -> None:
    """Titles and covers may stay; what cameras and editors hide in tags may not."""
    if data[:3] == b"ID3":
        size = 0
        for byte in data[6:10]:
            size = size << 7 | byte & 0x7F
        found.metadata = _TELLING_IN_TAGS.search(data, 0, min(len(data), size + 10)) is not None


_LOOKS: Final[Mapping[str, Callable[[Bytes, Layout], None]]] = {
    "jpeg": _jpeg,
    "png": _png,
    "webp": _webp,
    "wav": _wav,
    "avi": _avi,
    "aiff": _aiff,
    **dict.fromkeys(("mp4", "mov", "3gp", "m4a"), _iso),
    **dict.fromkeys(("heic", "avif"), _iso_picture),
    **dict.fromkeys(("webm", "mkv"), _matroska),
    "ogg": _ogg,
    "mp3": _tagged,
}
