"""Which reader opens which sniffed format. Data only, so that the bot can ask without loading a decoder."""

from collections.abc import Mapping
from typing import Final

PILLOW_NAMES: Final[Mapping[str, str]] = {
    "png": "PNG",
    "jpeg": "JPEG",
    "webp": "WEBP",
    "gif": "GIF",
    "bmp": "BMP",
    "tiff": "TIFF",
    "avif": "AVIF",
    "heic": "HEIF",
    "ico": "ICO",
    "jp2": "JPEG2000",
}
"""Format → the one Pillow plugin that may open it (HEIF is pillow-heif's)."""

DEMUXERS: Final[Mapping[str, str]] = {
    "mp4": "mov",
    "mov": "mov",
    "3gp": "mov",
    "m4a": "mov",
    "webm": "matroska",
    "mkv": "matroska",
    "avi": "avi",
    "asf": "asf",
    "flv": "flv",
    "mpegts": "mpegts",
    "mpeg": "mpeg",
    "mp3": "mp3",
    "wav": "wav",
    "ogg": "ogg",
    "flac": "flac",
    "aac": "aac",
    "aiff": "aiff",
    "amr": "amr",
}
"""Format → the one FFmpeg demuxer that may open it."""

ANIMATIONS: Final = frozenset({"gif", "webp"})
"""Picture formats that count as video when they move (policy; an animated PNG counts as its first picture)."""


PEEKED: Final = frozenset({"svg", "gzip"})
"""Formats that are refused, and looked into (in the media child, without a decoder) only to say what they are."""

CHECKED_TWICE: Final = frozenset({"jpeg"})
"""Picture formats that Pillow fills up with grey when their data ends early: a stricter decoder has a second look."""

MAX_PICTURE_PIXELS: Final = 120_000_000
"""Phone photographs of 48 and 108 megapixels must pass."""


def readable(format_name: str) -> bool:
    """True when there is a reader for the format (JPEG XL is recognised but has none)."""
    return format_name in PILLOW_NAMES or format_name in DEMUXERS


CODECS: Final = frozenset(
    {
        *("h264", "hevc", "libdav1d", "av1", "vp8", "vp9", "libvpx", "libvpx-vp9", "mpeg1video", "mpeg2video", "mpeg4"),
        *("h263", "flv", "mjpeg", "prores", "theora", "dvvideo", "wmv1", "wmv2", "wmv3", "vc1", "msmpeg4", "msmpeg4v2"),
        *("aac", "aac_latm", "mp3", "mp3float", "mp2", "mp2float", "opus", "libopus", "vorbis", "flac", "alac", "ac3"),
        *("eac3", "wmav1", "wmav2", "amrnb", "amrwb", "adpcm_ms", "adpcm_ima_wav", "pcm_alaw", "pcm_mulaw", "pcm_u8"),
        *("pcm_s8", "pcm_s16le", "pcm_s16be", "pcm_s24le", "pcm_s24be", "pcm_s32le", "pcm_s32be", "pcm_f32le"),
        *("pcm_f32be", "pcm_f64le"),
    }
)
"""FFmpeg's names of the decoders that may run: what people attach, not the hundreds of old ones."""
