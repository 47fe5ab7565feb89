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
"""Bytes that a compressed piece of metadata may come to. Colour profiles are a tenth of that at most."""


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
_SIZES: Final = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_JPEG_METADATA: Final = frozenset({0xE1, 0xED})


def _jpeg(data: Bytes, found: Layout) -> None:
    """Segments up to the end of the image. EXIF is left to the reader of pictures, which knows its tags."""
    at = 2
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
        if marker == _COMMENT or (marker in _JPEG_METADATA and data[at + 2 : at + 8] != b"Exif\0\0"):
            found.metadata = True
        at += _uint(data, at, 2)
    found.tangled = True


# --- PNG --------------------------------------------------------------------------------------------------------------

_PNG_METADATA: Final = frozenset({b"tEXt", b"zTXt", b"iTXt", b"tIME"})
_PNG_COMPRESSED: Final = frozenset({b"iCCP", b"zTXt", b"iTXt"})


def _png(data: Bytes, found: Layout) -> None:
    """Chunks up to the end. Compressed ones are inflated as far as is reasonable."""
    found.pixels = _uint(data, 16, 4) * _uint(data, 20, 4)
    at = 8
    for _ in range(_MOST_PARTS):
        size, name = _uint(data, at, 4), bytes(data[at + 4 : at + 8])
        if at + 12 + size > len(data):
            found.cut = True
            return
        if name in _PNG_COMPRESSED:
            found.bloated = found.bloated or _inflates(bytes(data[at + 8 : at + 8 + size]))
        found.metadata = found.metadata or name in _PNG_METADATA
        at += 12 + size
        if name == b"IEND":
            found.trailing = _anything(data, at)
            return
    found.tangled = True


def _inflates(body: bytes) -> bool:
    """True when what is compressed in a chunk (behind its keyword) comes to more than is reasonable."""
    for start in (match.end() for match in re.finditer(rb"\0", body[:512])):
        if start + 1 < len(body) and _zlib_header(body[start : start + 2]) and _too_much(body[start:]):
            return True
        if start + 2 < len(body) and _zlib_header(body[start + 1 : start + 3]) and _too_much(body[start + 1 :]):
            return True
    return False


def _zlib_header(two: bytes) -> bool:
    return two[0] & 15 == 8 and (two[0] << 8 | two[1]) % 31 == 0  # noqa: PLR2004  RFC 1950, 2.2


def _too_much(stream: bytes) -> bool:
    try:
        return len(zlib.decompressobj().decompress(stream, _MOST_INFLATED)) >= _MOST_INFLATED
    except zlib.error:
        return False


# --- RIFF: WebP, WAV, AVI ---------------------------------------------------------------------------------------------

_STREAMED: Final = frozenset({0, 0xFFFFFFFF, 0x7FFFFFFF, 0x7FFFF000, 0x80000000})
"""Sizes that writers leave in a file whose end they did not know."""

_RIFF_METADATA: Final = frozenset(
    {b"EXIF", b"XMP ", b"_PMX", b"bext", b"iXML", b"axml", b"cart", b"id3 ", b"ID3 ", b"GEOB"}
)


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
        found.metadata = found.metadata or name in _RIFF_METADATA


def _wav(data: Bytes, found: Layout) -> None:
    """A data chunk that is larger than the file is a file that was cut, unless its size was never known."""
    if data[:4] == b"RF64":
        return
    for name, start, size in _riff_chunks(data, found):
        found.metadata = found.metadata or name in _RIFF_METADATA
        if name == b"data" and size not in _STREAMED:
            found.cut = start + size > len(data) + 1
        if name == b"data" and size in _STREAMED:
            found.cut = False
            return


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
_HARMLESS_NOTES: Final = frozenset({b"\xa9too", b"\xa9enc", b"hdlr", b"name", b"free", b"skip", b"chpl", b"\0\0\0\0"})
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
    elif name == b"uuid" or (name in {b"udta", b"meta"} and not _harmless(data, name, body, end, depth=0)):
        found.metadata = True


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
