"""The job `record` of the media child: measures everything that a decision on a file needs, and names what is wrong.

First the bytes' own structure, which costs nothing and needs no decoder; then, unless that settles it, the decoders.
Whatever could be accepted untouched is decoded whole, unless our own encoder wrote it just now. Damage and danger are
answers here, not errors.
"""

import re
import zlib
from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from bot.media import containers, pictures
from bot.media.formats import CHECKED_TWICE, MAX_PICTURE_PIXELS, PEEKED, PILLOW_NAMES
from bot.media.measurement import Finding, Measurement, TooManyPixels, Trouble, UnknownCodec, measurement_to
from bot.media.protocol import JobRefused, JobSpec, SourceSpec
from bot.media.sniffer import sniff
from bot.media.structure import Bytes, Layout, layout_of, mapped

_SALVAGEABLE: Final = frozenset({"ogg", "webm", "mkv", "avi", "aiff"})
"""Formats of which the part that is there can be used when the end is missing."""

_PEEK_BYTES: Final = 4_000_000
_ENDS_EARLY: Final = (
    "truncated",
    "end of file",
    "ran out of data",
    "unexpected eof",
    "not enough image data",
    "broken data stream",
)


def warm_up() -> None:
    """Lets Pillow and its plugins do once what they cannot do later."""
    pictures.warm_up()


def work(spec: JobSpec, _say: object) -> Mapping[str, object]:
    """Answers `{"facts": measurement}` for the one source."""
    return {"facts": measurement_to(measured(spec["sources"][0], ours=spec.get("ours", False)))}


def measured(source: SourceSpec, *, ours: bool = False) -> Measurement:
    """The whole measurement. `MemoryError`, and `JobRefused` for what is too heavy, are left to the caller.

    `ours`: our own encoder wrote it; see `containers`.
    """
    with mapped(source["descriptor"]) as data:
        if source["format"] in PEEKED:
            return Measurement(trouble=_peeked(source["format"], data))
        layout = layout_of(data, source["format"])
    trouble = _structural(layout, source["format"])
    return _joined(_decoded(source, ours=ours), layout) if trouble is None else Measurement(trouble=trouble)


def _decoded(source: SourceSpec, *, ours: bool) -> Measurement:
    """What the decoders find; what they raise is damage, and has a name."""
    try:
        return _picture(source) if source["format"] in PILLOW_NAMES else containers.survey(source, ours=ours)
    except TooManyPixels:
        return Measurement(trouble=Trouble.PIXEL_BOMB)
    except UnknownCodec:
        return Measurement(trouble=Trouble.UNSUPPORTED)
    except JobRefused as refused:
        if refused.code == "media-too-heavy":
            raise
        return Measurement(trouble=Trouble.CORRUPT)
    except MemoryError:
        raise
    except Exception as error:  # noqa: BLE001  decoders raise whatever they like
        return Measurement(trouble=_named(error))


def _structural(layout: Layout, format_name: str) -> Trouble | None:
    """What the structure alone settles."""
    for wrong, trouble in (
        (layout.outside, Trouble.EXTERNAL_REFERENCE),
        (layout.pixels > MAX_PICTURE_PIXELS, Trouble.PIXEL_BOMB),
        (layout.bloated, Trouble.METADATA_BOMB),
        (layout.cut and format_name not in _SALVAGEABLE, Trouble.TRUNCATED),
        (layout.tangled, Trouble.CORRUPT),
    ):
        if wrong:
            return trouble
    return None


def _joined(found: Measurement, layout: Layout) -> Measurement:
    """The decoders' findings and the structure's."""
    findings = set(found.findings)
    if layout.cut:
        findings.add(Finding.CUT)
    if layout.trailing:
        findings.add(Finding.TRAILING)
    metadata = found.measured.metadata or layout.metadata or layout.trailing
    return replace(found, findings=frozenset(findings), measured=replace(found.measured, metadata=metadata))


def _picture(source: SourceSpec) -> Measurement:
    found = pictures.survey(source)
    if source["format"] in CHECKED_TWICE and not containers.jpeg_decodes(source):
        return replace(found, trouble=Trouble.CORRUPT)
    return found


def _named(error: Exception) -> Trouble:
    """Damage, by what the decoder says of it."""
    said = str(error).lower()
    return Trouble.TRUNCATED if any(words in said for words in _ENDS_EARLY) else Trouble.CORRUPT


# --- what is never decoded --------------------------------------------------------------------------------------------

_REFERENCE: Final = re.compile(
    rb"""<!ENTITY|<!DOCTYPE[^>\[]{0,1000}\[|href\s*=\s*["']\s*(?!["'#]|data:)|url\(\s*["']?\s*(?![#"']|data:)"""
    rb"""|@import|<\?xml-stylesheet|<script|<foreignObject|<iframe|xi:include""",
    re.IGNORECASE,
)


def _peeked(format_name: str, data: Bytes) -> Trouble:
    """What a file is that is refused anyway: drawings that reach outside, stickers in a gzip."""
    if format_name == "svg":
        return Trouble.EXTERNAL_REFERENCE if _REFERENCE.search(data, 0, _PEEK_BYTES) else Trouble.UNSUPPORTED
    try:
        inflated = zlib.decompressobj(wbits=31).decompress(bytes(data[:_PEEK_BYTES]), 65_536)
    except zlib.error:
        return Trouble.ARCHIVE
    return Trouble.LOTTIE if sniff(inflated).format == "lottie json" else Trouble.ARCHIVE
