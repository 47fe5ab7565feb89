"""What was done to a file, as it is told: whether a person has to decide on it, and in which words."""

from dataclasses import replace

import pytest

from bot.domain.conform import FilePlan, Record, Remark, Step, Target, Verdict
from bot.domain.fates import changes
from bot.domain.media import Kind, MediaFacts

_PHOTO = MediaFacts(kind=Kind.IMAGE, format="heic", byte_count=9, width=4032, height=3024)
_FILM = MediaFacts(kind=Kind.VIDEO, format="mov", byte_count=9, width=1280, height=720, seconds=21.0)


def planned(code: str, *steps: Step, remarks: tuple[Remark, ...] = ()) -> FilePlan:
    record = Record(verdict=Verdict.CONVERT, code=code, kind=Kind.VIDEO, facts=_FILM, steps=steps, remarks=remarks)
    return FilePlan(record=record, target=Target(format="mp4", kind=Kind.VIDEO), steps=steps)


@pytest.mark.parametrize(
    ("code", "steps"),
    [
        ("strip_metadata", (Step.REMUX, Step.STRIP)),
        ("strip_metadata", (Step.TRANSCODE, Step.STRIP)),
        ("trailing_data", (Step.TRANSCODE, Step.STRIP)),
        ("exif_orientation", (Step.TRANSCODE, Step.STRIP, Step.ROTATE)),
        ("rotation", (Step.TRANSCODE, Step.ROTATE)),
        ("container", (Step.REMUX,)),
    ],
)
def test_what_loses_nothing_is_tidying(code: str, steps: tuple[Step, ...]) -> None:
    assert planned(code, *steps).tidies


@pytest.mark.parametrize(
    ("code", "steps"),
    [
        ("codec", (Step.TRANSCODE, Step.STRIP)),
        ("codec", (Step.TRANSCODE, Step.ROTATE)),
        ("heic", (Step.TRANSCODE, Step.STRIP)),
        ("cmyk", (Step.TRANSCODE,)),
        ("damaged", (Step.TRANSCODE,)),
        ("rotation", (Step.TRANSCODE, Step.ROTATE, Step.TONEMAP)),
        ("strip_metadata", (Step.TRANSCODE, Step.STRIP, Step.SHRINK)),
        ("resolution_high", (Step.TRANSCODE, Step.DOWNSCALE)),
        ("duration_long", (Step.TRANSCODE, Step.TRIM)),
        ("gif", (Step.TRANSCODE, Step.LOOP)),
        ("gif_still", (Step.TO_STILL, Step.STRIP)),
    ],
)
def test_what_a_person_may_miss_is_a_conversion(code: str, steps: tuple[Step, ...]) -> None:
    assert not planned(code, *steps).tidies


def test_what_is_salvaged_is_never_merely_tidied_and_says_so_first() -> None:
    plan = planned("strip_metadata", Step.REMUX, Step.STRIP, remarks=(Remark.SALVAGED,))
    assert not plan.tidies
    assert changes(plan).startswith("only what can be read of it, because it is damaged or incomplete, ")


def test_changes_have_their_figures() -> None:
    record = Record(verdict=Verdict.CONVERT, code="heic", kind=Kind.IMAGE, facts=_PHOTO)
    target = Target(format="jpeg", kind=Kind.IMAGE, width=2048, height=1536)
    photo = FilePlan(record=record, target=target, steps=(Step.TRANSCODE, Step.DOWNSCALE))
    assert changes(photo) == "HEIC → JPEG, 4032×3024 → 2048×1536"
    film = planned("duration_long", Step.TRANSCODE, Step.TRIM)
    cut = replace(film, target=Target(format="mp4", kind=Kind.VIDEO, seconds=15.0))
    assert changes(cut) == "MOV → MP4, the first 15 of 21 s"
