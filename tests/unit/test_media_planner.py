"""What a whole request's files come to."""

import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain.conform import Anchor, Measured, Part, Record, SetPlan, Step, Verdict
from bot.domain.media import Kind, MediaFacts, Sniffed
from bot.domain.models import KindLimits, ModelLimits
from bot.media.measurement import Finding, Measurement
from bot.media.planner import fitted, plan
from bot.media.verdict import SOUND_PADDING, decide
from tests.corpus import LIMITS

VIDEO, AUDIO, IMAGE = LIMITS.kinds[Kind.VIDEO], LIMITS.kinds[Kind.AUDIO], LIMITS.kinds[Kind.IMAGE]


def film(
    seconds: float = 3.0,
    *,
    size: tuple[int, int] = (1280, 720),
    byte_count: int = 3_000_000,
    rate: float = 30.0,
    codec: str = "h264",
    form: str = "mp4",
    rotation: int = 0,
    limits: ModelLimits = LIMITS,
) -> Record:
    facts = MediaFacts(
        kind=Kind.VIDEO,
        format=form,
        byte_count=byte_count,
        width=size[0],
        height=size[1],
        seconds=seconds,
        frame_count=max(1, round(seconds * rate)),
        video_codec=codec,
        audio_codec="aac",
    )
    moving = form in {"gif", "webp"}
    found = Measured(frame_rate=rate, pixel_format="yuv420p", rotation=rotation, video_streams=1, animated=moving)
    return decided(facts, found, limits)


def sound(seconds: float = 5.0, *, form: str = "mp3", byte_count: int = 80_000, limits: ModelLimits = LIMITS) -> Record:
    codec = {"mp3": "mp3", "wav": "pcm_s16le"}.get(form, "opus")
    facts = MediaFacts(kind=Kind.AUDIO, format=form, byte_count=byte_count, seconds=seconds, audio_codec=codec)
    return decided(facts, Measured(audio_streams=1), limits)


def picture(
    form: str = "jpeg",
    *,
    size: tuple[int, int] = (1024, 768),
    byte_count: int = 200_000,
    alpha: bool = False,
    limits: ModelLimits = LIMITS,
) -> Record:
    facts = MediaFacts(kind=Kind.IMAGE, format=form, byte_count=byte_count, width=size[0], height=size[1])
    return decided(facts, Measured(pixel_format="rgba" if alpha else "rgb", alpha=alpha), limits)


def decided(facts: MediaFacts, found: Measured, limits: ModelLimits) -> Record:
    findings = {Finding.ORIENTATION} if facts.kind is Kind.IMAGE and found.rotation else set[Finding]()
    measurement = Measurement(facts=facts, measured=found, findings=frozenset(findings))
    return decide(Sniffed(kind=facts.kind, format=facts.format), measurement, limits)


def seconds_of(planned: SetPlan) -> list[float]:
    """How long each file lasts when the plan is carried out."""
    lengths: list[float] = []
    for file in planned.files:
        target, facts = file.target, file.record.facts
        assert facts is not None
        own = facts.seconds or 0.0
        lengths.append(own if target is None else target.loop_to_seconds or target.seconds or own)
    return lengths


def test_the_longest_is_cut_first_and_it_is_said() -> None:
    planned = plan([film(20.0, byte_count=18_000_000), film(3.0)], LIMITS)

    assert (planned.verdict, planned.code) == (Verdict.CONVERT, "duration_budget")
    assert seconds_of(planned) == [12.0, 3.0]
    assert planned.files[0].steps == (Step.TRANSCODE, Step.TRIM)
    assert planned.files[1].target is None


def test_two_that_are_too_long_share_what_is_left() -> None:
    assert seconds_of(plan([film(20.0), film(3.0), film(10.0)], LIMITS)) == [6.0, 3.0, 6.0]


@pytest.mark.parametrize(
    ("part", "start"),
    [
        (Part(), 0.0),
        (Part(anchor=Anchor.MIDDLE), 2.5),
        (Part(anchor=Anchor.END), 5.0),
        (Part(anchor=Anchor.AT, at_seconds=3.0), 3.0),
        (Part(anchor=Anchor.AT, at_seconds=99.0), 5.0),
        (Part(anchor=Anchor.AT, at_seconds=-1.0), 0.0),
    ],
)
def test_a_person_chooses_the_part_of_what_is_too_long(part: Part, start: float) -> None:
    target = plan([film(20.0)], LIMITS, {0: part}).files[0].target

    assert target is not None
    assert (target.start_seconds, target.seconds) == (start, 15.0)


def test_a_part_of_what_fits_is_not_cut_out() -> None:
    assert plan([film(3.0)], LIMITS, {0: Part(anchor=Anchor.END)}).verdict is Verdict.ACCEPT


def test_the_padding_of_mp3_is_no_reason_to_cut() -> None:
    planned = plan([picture(), sound(5.024), sound(5.024), sound(5.024)], LIMITS)

    assert (planned.verdict, planned.code) == (Verdict.ACCEPT, "ok")


def test_a_short_animation_is_played_again_until_it_is_long_enough_and_no_longer() -> None:
    planned = plan([film(0.4, form="gif", codec="gif", rate=10.0, size=(480, 270), byte_count=90_000)], LIMITS)

    target = planned.files[0].target
    assert target is not None
    assert (target.loop_to_seconds, target.format, target.kind) == (2.0, "mp4", Kind.VIDEO)
    assert Step.LOOP in planned.files[0].steps


def test_an_animation_is_a_still_for_a_model_without_videos() -> None:
    limits = replace(LIMITS, kinds={Kind.IMAGE: IMAGE})

    planned = plan([film(3.0, form="gif", codec="gif", limits=limits)], limits)

    target = planned.files[0].target
    assert target is not None
    assert (target.kind, target.still, target.format) == (Kind.IMAGE, True, "png")


def test_a_film_whose_frames_nobody_would_see_change_is_a_still() -> None:
    planned = plan([film(7200.0, rate=1 / 3600)], LIMITS)

    target = planned.files[0].target
    assert target is not None
    assert (target.kind, target.still) == (Kind.IMAGE, True)


def test_large_films_share_the_bytes_and_small_ones_keep_theirs() -> None:
    planned = plan([film(7.0, byte_count=45_000_000), film(5.0, byte_count=4_000_000), film(2.0)], LIMITS)

    assert planned.code == "bytes_budget"
    first, second, third = planned.files
    assert first.target is not None
    assert (first.target.max_bytes, Step.SHRINK in first.steps) == (42_999_999, True)
    assert (second.target, third.target) == (None, None)


def test_a_modest_set_is_left_alone_however_full_it_is() -> None:
    assert plan([film(7.0, byte_count=24_000_000), film(8.0, byte_count=25_000_000)], LIMITS).code == "ok"


def test_a_copy_keeps_its_streams_unless_it_must_be_cut() -> None:
    copied = plan([film(3.0, form="mkv")], LIMITS).files[0].target
    cut = plan([film(20.0, form="mkv")], LIMITS).files[0].target

    assert copied is not None
    assert cut is not None
    assert (copied.copy, cut.copy) == (True, False)


def test_rejected_files_stay_out_and_count_for_nothing() -> None:
    broken = decide(Sniffed(kind=None, format="text"), None, LIMITS, name="notes.txt")

    planned = plan([broken, film(3.0), broken], LIMITS)

    assert planned.verdict is Verdict.ACCEPT
    assert [file.target for file in planned.files] == [None, None, None]
    assert plan([broken], LIMITS).code == "nothing_usable"
    assert plan([broken], LIMITS).reasons == (broken.why,)


@pytest.mark.parametrize(
    ("records", "code"),
    [
        ([sound()], "audio_needs_visual"),
        ([film(1.0)], "combined_video_too_short"),
        ([picture()] * 10, "too_many_images"),
        ([film()] * 4, "too_many_videos"),
        ([picture(), *[sound(1.0)] * 4], "too_many_audios"),
        ([*[picture()] * 9, *[film()] * 3, sound()], "too_many_files"),
    ],
)
def test_a_set_that_cannot_be_is_refused_with_its_reason(records: list[Record], code: str) -> None:
    planned = plan(records, LIMITS, names=[f"file{index}" for index in range(len(records))])

    assert (planned.verdict, planned.code) == (Verdict.REJECT, code)
    assert planned.reasons
    assert all(file.target is None for file in planned.files)


@pytest.mark.parametrize(
    ("size", "becomes"),
    [
        ((1920, 1080), (1280, 720)),
        ((3840, 2160), (1280, 720)),
        ((1080, 1920), (720, 1280)),
        ((320, 240), (744, 558)),
        ((1280, 720), (1280, 720)),
        ((834, 1112), (834, 1112)),
    ],
)
def test_films_are_scaled_to_sizes_that_people_know(size: tuple[int, int], becomes: tuple[int, int]) -> None:
    assert fitted(size, VIDEO, even=True) == becomes


sides = st.integers(min_value=16, max_value=8000)


@given(width=sides, height=sides, even=st.booleans())
def test_a_fitted_size_has_an_allowed_area_and_the_same_look(width: int, height: int, even: bool) -> None:  # noqa: FBT001  hypothesis
    if max(width, height) > 20 * min(width, height):
        return
    found = fitted((width, height), VIDEO, even=even)

    assert found is not None
    area = found[0] * found[1]
    assert (VIDEO.min_area_pixels or 0) <= area <= (VIDEO.max_area_pixels or 0)
    assert not even or (found[0] % 2 == 0 and found[1] % 2 == 0)
    assert abs(found[0] / found[1] / (width / height) - 1) < 0.02
    if (VIDEO.min_area_pixels or 0) <= width * height <= (VIDEO.max_area_pixels or 0):
        assert abs(found[0] - width) <= 2 + width * 0.01
        assert abs(found[1] - height) <= 2 + height * 0.01


films = st.builds(
    film,
    st.floats(min_value=0.1, max_value=4000).map(lambda value: round(value, 3)),
    size=st.tuples(st.integers(100, 4000), st.integers(210, 1900)),
    byte_count=st.integers(1000, 90_000_000),
    rate=st.sampled_from([0.2, 2.0, 10.0, 23.976, 24.0, 25.0, 29.97, 30.0, 59.94, 60.0, 240.0]),
    codec=st.sampled_from(["h264", "hevc"]),
    form=st.sampled_from(["mp4", "mov", "mkv", "webm", "gif"]),
)
sounds = st.builds(
    sound,
    st.floats(min_value=0.2, max_value=400).map(lambda value: round(value, 3)),
    form=st.sampled_from(["mp3", "wav", "ogg", "flac"]),
    byte_count=st.integers(1000, 40_000_000),
)
pictures = st.builds(
    picture,
    st.sampled_from(["jpeg", "png", "webp", "heic", "gif"]),
    byte_count=st.integers(1000, 90_000_000),
    alpha=st.booleans(),
)
sets = st.lists(st.one_of(films, sounds, pictures), max_size=13)
parts = st.dictionaries(
    st.integers(0, 13), st.builds(Part, anchor=st.sampled_from(Anchor), at_seconds=st.floats(0, 5000))
)


@given(records=sets, chosen=parts)
def test_whatever_is_not_refused_fits_together(records: list[Record], chosen: dict[int, Part]) -> None:
    planned = plan(records, LIMITS, chosen)

    assert [file.record for file in planned.files] == records
    assert plan(records, LIMITS, chosen) == planned
    if planned.verdict is Verdict.REJECT:
        assert planned.reasons
        return
    lengths = seconds_of(planned)
    for kind, allowed in LIMITS.kinds.items():
        check_kind(planned, lengths, kind, allowed)
    assert len(records) <= LIMITS.max_files


def check_kind(planned: SetPlan, lengths: list[float], kind: Kind, allowed: KindLimits) -> None:
    own = [
        (file, length)
        for file, length in zip(planned.files, lengths, strict=True)
        if (file.record.kind if file.target is None else file.target.kind) is kind
    ]
    assert len(own) <= allowed.max_count
    together = sum(length for _, length in own)
    if kind is not Kind.IMAGE and own:
        assert together <= (allowed.max_seconds_together or math.inf) + SOUND_PADDING * len(own) + 0.006
        assert together >= (allowed.min_seconds_together or 0) - 0.006
    sizes: list[int] = []
    for file, length in own:
        facts, target = file.record.facts, file.target
        assert facts is not None
        sizes.append(facts.byte_count if target is None or target.max_bytes is None else target.max_bytes)
        assert allowed.max_bytes_each is None or sizes[-1] <= allowed.max_bytes_each
        if kind is Kind.IMAGE:
            continue
        own_seconds = facts.seconds or 0.0
        assert length <= max(own_seconds, 2.0 if facts.format == "gif" else 0.0), "nothing is made longer"
        assert target is None or target.start_seconds + (target.seconds or 0.0) <= own_seconds + 0.001
        if kind is Kind.VIDEO and target is not None:
            area = (target.width or 0) * (target.height or 0)
            assert (allowed.min_area_pixels or 0) <= area <= (allowed.max_area_pixels or 0)
            assert area <= max((facts.width or 0) * (facts.height or 0), 1.12 * (allowed.min_area_pixels or 0))
    assert allowed.max_bytes_together is None or sum(sizes) <= allowed.max_bytes_together
