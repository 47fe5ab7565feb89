"""Measures files, in a process of its own: `python -m sandbox.oxen.measure`, a JSON list of paths in, facts out.

Deliberately not `bot.media`: what the bot believes of a file is checked by other code. Each fact is
`{"format", "width", "height", "seconds"}` or `{"error"}`; seconds are demuxed from packets, not read from headers.
"""

import json
import sys
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import av
from av import AudioStream, VideoStream
from av.container import InputContainer
from av.error import FFmpegError
from PIL import Image

_PILLOW = {"jpeg": "JPEG", "png": "PNG", "webp": "WEBP"}
_NOT_VIDEO_BRANDS = frozenset({b"M4A ", b"M4B ", b"heic", b"heix", b"mif1", b"avif", b"avis", b"msf1"})
_OLD_MOV_BOXES = frozenset({b"moov", b"mdat", b"wide", b"free", b"skip"})


def sniff(head: bytes) -> str | None:
    """jpeg, png, webp, mp4, mov, mp3 or wav by magic bytes; `None` for anything the model does not take."""
    if head.startswith(b"\xff\xd8\xff"):
        return "jpeg"
    if head.startswith(b"\x89PNG\r\n\x1a\n"):
        return "png"
    if head[:4] == b"RIFF":
        return {b"WEBP": "webp", b"WAVE": "wav"}.get(head[8:12])
    if head[:3] == b"ID3" or _is_mp3_frame(head):
        return "mp3"
    return _box_format(head)


def _is_mp3_frame(head: bytes) -> bool:
    """Sync word and layer III (0b01), which tells MP3 from ADTS."""
    return len(head) > 1 and head[0] == 0xFF and head[1] & 0xE6 == 0xE2


def _box_format(head: bytes) -> str | None:
    if head[4:8] == b"ftyp":
        brand = head[8:12]
        return None if brand in _NOT_VIDEO_BRANDS else "mov" if brand == b"qt  " else "mp4"
    return "mov" if head[4:8] in _OLD_MOV_BOXES else None


def measure(path: Path) -> dict[str, Any]:
    """The facts of one file."""
    with path.open("rb") as file:
        found = sniff(file.read(64))
    try:
        return {"format": found} | _facts(path, found)
    except (OSError, ValueError, SyntaxError, FFmpegError) as error:
        return {"format": found, "error": f"{type(error).__name__}: {error}"[:200]}


def _facts(path: Path, found: str | None) -> dict[str, Any]:
    match found:
        case "jpeg" | "png" | "webp":
            return _image(path, _PILLOW[found])
        case "mp4" | "mov":
            return _video(path)
        case "mp3" | "wav":
            with _opened(path, found) as container:
                return {"seconds": _span(container, container.streams.audio[0])}
        case _:
            return {}


def _image(path: Path, pillow_format: str) -> dict[str, Any]:
    with Image.open(path, formats=[pillow_format]) as image:
        image.load()
        return {"width": image.width, "height": image.height}


def _video(path: Path) -> dict[str, Any]:
    with _opened(path, "mov") as container:
        stream = container.streams.video[0]
        next(container.decode(stream))  # a video without one good frame is none
        facts = {"width": stream.codec_context.width, "height": stream.codec_context.height}
    with _opened(path, "mov") as container:
        return facts | {"seconds": _span(container, container.streams.video[0])}


@contextmanager
def _opened(path: Path, demuxer: str) -> Generator[InputContainer]:
    with path.open("rb") as file, av.open(file, mode="r", format=demuxer) as container:
        yield container


def _span(container: InputContainer, stream: VideoStream | AudioStream) -> float:
    """Seconds from the first packet's start to the last one's end."""
    start, end = float("inf"), 0.0
    for packet in container.demux(stream):
        if packet.pts is not None:
            start = min(start, float(packet.pts * packet.time_base))
            end = max(end, float((packet.pts + (packet.duration or 0)) * packet.time_base))
    if end <= start:
        raise ValueError("no packets")
    return round(end - start, 3)


def main() -> None:
    paths = [Path(path) for path in json.load(sys.stdin)]
    json.dump([_safely(path) for path in paths], sys.stdout)


def _safely(path: Path) -> dict[str, Any]:
    try:
        return measure(path)
    except (IndexError, StopIteration, RuntimeError, MemoryError, Image.DecompressionBombError) as error:
        return {"error": f"{type(error).__name__}: {error}"[:200]}


if __name__ == "__main__":
    main()
