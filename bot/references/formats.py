"""Names of formats as people know them. Keys are the sniffer's short names."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType

ACCEPTED = "PNG, JPEG, WebP, MP4, MOV, MP3 or WAV"
"""What is worth attaching, said before a model is asked."""

_WORDS: Mapping[str, str] = MappingProxyType(
    {
        "jpeg": "JPEG",
        "webp": "WebP",
        "webm": "WebM",
        "mkv": "Matroska",
        "ogg": "Ogg",
        "asf": "Windows Media",
        "mpegts": "MPEG-TS",
        "text": "plain text",
        "unknown": "of no known format",
        "empty": "empty (0 bytes)",
    }
)


def format_words(name: str) -> str:
    """A sniffed format for a sentence: `PNG`, `WebP`, `plain text`. Names of several words are left as they are."""
    return _WORDS.get(name, name if " " in name else name.upper())


def formats_words(names: Sequence[str]) -> str:
    """Several formats for a sentence: `JPEG, PNG or WebP`."""
    words = [format_words(name) for name in names]
    return " or ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)
