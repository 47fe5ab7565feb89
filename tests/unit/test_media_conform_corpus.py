"""Every file of the corpus that can be converted comes out as one that the model takes, and tells nothing."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from bot.domain.conform import FilePlan, Record, Verdict
from bot.domain.errors import Refused
from bot.domain.media import Kind
from bot.media.planner import plan
from bot.media.tools import SandboxedMedia
from tests.corpus import LIMITS, corpus, counted, manifest

TELLING = (b"Exif\0\0", b"http://ns.adobe.com/xap", b"\xa9xyz", b"loci", b"com.apple.quicktime.location")
"""EXIF and XMP in pictures; where a film was taken."""


@pytest.fixture(scope="module")
def folder() -> Path:
    return corpus()


async def outcome(media: SandboxedMedia, path: Path, into: Path, companion: Record) -> tuple[FilePlan, Record]:
    """The plan of the file by itself (sound with a picture beside it), and what is found of what came of it."""
    record = await media.record(path, LIMITS)
    planned = plan([record, companion] if record.kind is Kind.AUDIO else [record], LIMITS).files[0]
    await media.conform(path, planned, into)
    return planned, await media.record(into, LIMITS)


async def trouble_with(media: SandboxedMedia, entry: dict[str, Any], folder: Path, into: Path) -> str:
    """What is wrong with the outcome of an entry; empty when nothing is."""
    companion = await media.record(folder / "ok_photo.jpg", LIMITS)
    try:
        planned, found = await outcome(media, folder / entry["name"], into, companion)
    except Refused as refused:
        return f"{refused.reason.code}: {refused.detail}"
    target, facts = planned.target, found.facts
    assert target is not None
    assert facts is not None
    data = into.read_bytes()
    wrong = [repr(telling) for telling in TELLING if telling in data]
    wrong += [f"{found.verdict} {found.code}"] if found.verdict is not Verdict.ACCEPT else []
    wrong += ["no frames"] if facts.kind is Kind.VIDEO and not facts.frame_count else []
    wrong += ["not upright"] if found.measured.rotation else []
    wrong += ["still HDR"] if found.measured.hdr else []
    wrong += ["too many bytes"] if target.max_bytes is not None and facts.byte_count > target.max_bytes else []
    if target.width is not None and (facts.width, facts.height) != (target.width, target.height):
        wrong.append(f"{facts.width}×{facts.height}")
    if target.seconds is not None and (facts.seconds or 0) > target.seconds + 0.05:
        wrong.append(f"{facts.seconds} s, not {target.seconds}")
    return ", ".join(wrong)


@pytest.mark.timeout(600)
async def test_every_conversion_is_accepted(folder: Path, tmp_path: Path) -> None:
    media = SandboxedMedia(child_count=2)
    entries = [entry for entry in manifest(folder)["entries"] if entry["verdict"] == "convert"]
    found = await asyncio.gather(
        *(trouble_with(media, entry, folder, tmp_path / f"{number}.out") for number, entry in enumerate(entries))
    )

    failed = {entry["name"]: wrong for entry, wrong in zip(entries, found, strict=True) if wrong}
    counted("conversions accepted", len(entries) - len(failed), len(entries), "carried out, and probed again")
    assert len(entries) > 30
    assert failed == {}
