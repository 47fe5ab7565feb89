"""One suite over every adapter of `MediaTools`: the sandboxed one and the fake that other suites use."""

from dataclasses import replace
from pathlib import Path
from typing import Any, Protocol

import pytest
from PIL import Image

from bot.domain.conform import FilePlan, Record, Remark, Target, Verdict
from bot.domain.errors import Refused, Unavailable
from bot.domain.media import AnimaticPart, AnimaticPlan, Kind, MediaFacts
from bot.domain.ports import ClipTools, Conformer, MediaTools
from bot.media.tools import SandboxedMedia
from tests import media_samples
from tests.corpus import LIMITS
from tests.fakes_media import FakeMedia


class Tools(MediaTools, Conformer, ClipTools, Protocol):
    """All that both adapters are."""


@pytest.fixture(params=["forked", "fresh", "fake"])
def media(request: pytest.FixtureRequest) -> Tools:
    if request.param == "fake":
        return FakeMedia()
    return SandboxedMedia(child_count=1, fresh_interpreters=request.param == "fresh")


async def facts_of(media: Tools, path: Path) -> MediaFacts:
    return await media.probe(path, media.sniff(path.read_bytes()[: 64 * 1024]))


def part(folder: Path, name: str, kind: Kind, label: str) -> AnimaticPart:
    return AnimaticPart(path=str(media_samples.write(folder, name)), kind=kind, label=label)


@pytest.mark.parametrize(
    ("name", "kind", "format_name", "size"),
    [
        ("hero.png", Kind.IMAGE, "png", (640, 480)),
        ("photo.jpg", Kind.IMAGE, "jpeg", (640, 480)),
        ("scene.webp", Kind.IMAGE, "webp", (640, 480)),
        ("still.gif", Kind.IMAGE, "gif", (160, 120)),
        ("moving.gif", Kind.VIDEO, "gif", (160, 120)),
        ("moving.webp", Kind.VIDEO, "webp", (160, 120)),
        ("moving.png", Kind.IMAGE, "png", (160, 120)),
        ("clip.mp4", Kind.VIDEO, "mp4", (640, 480)),
        ("clip.mov", Kind.VIDEO, "mov", (640, 480)),
        ("clip.webm", Kind.VIDEO, "webm", (320, 240)),
        ("song.mp3", Kind.AUDIO, "mp3", (None, None)),
        ("song.wav", Kind.AUDIO, "wav", (None, None)),
        ("song.ogg", Kind.AUDIO, "ogg", (None, None)),
        ("sound.mp4", Kind.AUDIO, "m4a", (None, None)),
    ],
)
async def test_a_real_file_is_what_it_is(
    media: Tools, tmp_path: Path, name: str, kind: Kind, format_name: str, size: tuple[int | None, int | None]
) -> None:
    path = media_samples.write(tmp_path, name)

    facts = await facts_of(media, path)

    assert (facts.kind, facts.format, (facts.width, facts.height)) == (kind, format_name, size)
    assert facts.byte_count == path.stat().st_size
    if kind is Kind.IMAGE:
        assert facts.seconds is None
    else:
        expected = 0.6 if name.startswith("moving") else 1.0
        assert facts.seconds == pytest.approx(expected, abs=0.06)


async def test_the_name_says_nothing_of_the_content(media: Tools, tmp_path: Path) -> None:
    path = tmp_path / "holiday.png"
    path.write_bytes(media_samples.mp3())

    assert (await facts_of(media, path)).kind is Kind.AUDIO


async def test_text_named_png_is_not_a_picture(media: Tools, tmp_path: Path) -> None:
    path = media_samples.write(tmp_path, "text.png")
    sniffed = media.sniff(path.read_bytes())

    assert (sniffed.kind, sniffed.format) == (None, "text")
    with pytest.raises(Refused) as refused:
        await media.probe(path, sniffed)
    assert refused.value.reason.code == "file-not-media"
    assert refused.value.reason.arguments["found"] == "text"


@pytest.mark.parametrize("make", [media_samples.png, media_samples.jpeg, media_samples.mp4, media_samples.mov])
async def test_a_broken_download_is_unreadable(media: Tools, tmp_path: Path, make: media_samples.Maker) -> None:
    path = tmp_path / "broken"
    path.write_bytes(media_samples.cut(make()))

    with pytest.raises(Refused) as refused:
        await facts_of(media, path)

    assert refused.value.reason.code == "file-unreadable"
    assert refused.value.reason.arguments["name"] == "broken"


async def test_pixels_are_as_displayed(media: Tools, tmp_path: Path) -> None:
    photo, film = tmp_path / "photo", tmp_path / "film"
    photo.write_bytes(media_samples.jpeg((64, 48), orientation=6))
    film.write_bytes(media_samples.mp4((64, 48), seconds=0.5, degrees=90))

    for path in (photo, film):
        facts = await facts_of(media, path)
        assert (facts.width, facts.height) == (48, 64)


@pytest.mark.parametrize("audio", [True, False])
async def test_an_animatic_has_the_asked_size_seconds_and_sound(media: Tools, tmp_path: Path, *, audio: bool) -> None:
    plan = AnimaticPlan(
        width=320,
        height=180,
        seconds=2,
        parts=(
            part(tmp_path, "hero.png", Kind.IMAGE, "@Image1 hero.png"),
            part(tmp_path, "clip.mp4", Kind.VIDEO, "@Video1 clip.mp4"),
            part(tmp_path, "song.mp3", Kind.AUDIO, "@Audio1 song.mp3"),
        ),
        caption="@Image1 dances to @Audio1",
        audio=audio,
    )

    facts = await media.animatic(plan, tmp_path / "out.mp4")

    assert (facts.kind, facts.format, facts.width, facts.height) == (Kind.VIDEO, "mp4", 320, 180)
    assert facts.seconds == pytest.approx(2, abs=0.1)
    assert facts.frame_count == 48
    assert facts.video_codec == "h264"
    assert facts.audio_codec == ("aac" if audio else None)
    assert await facts_of(media, tmp_path / "out.mp4") == facts


async def test_an_unreadable_part_stops_the_animatic_and_leaves_no_file(media: Tools, tmp_path: Path) -> None:
    broken = tmp_path / "broken.png"
    broken.write_bytes(media_samples.cut(media_samples.png()))
    plan = AnimaticPlan(
        width=64,
        height=64,
        seconds=1,
        parts=(AnimaticPart(path=str(broken), kind=Kind.IMAGE, label="@Image1 broken.png"),),
        caption="",
        audio=False,
    )

    with pytest.raises(Refused) as refused:
        await media.animatic(plan, tmp_path / "out.mp4")

    assert refused.value.reason.code == "file-unreadable"
    assert [path.name for path in tmp_path.iterdir()] == ["broken.png"]


async def test_a_contact_sheet_is_a_png_that_grows_by_a_row_per_clip(media: Tools, tmp_path: Path) -> None:
    clip = media_samples.write(tmp_path, "clip.mp4")
    heights: list[int] = []
    for count in (1, 2):
        into = tmp_path / f"sheet-{count}.png"
        await media.contact_sheet([clip] * count, into, labels=[f"Take {number}" for number in range(count)])
        with Image.open(into, formats=["PNG"]) as sheet:
            heights.append(sheet.height)

    assert heights[1] > heights[0] * 1.5


async def still_of(media: Tools, path: Path, into: Path) -> MediaFacts:
    facts = (await media.conform(path, to_make("png", Kind.IMAGE), into)).facts
    assert facts is not None
    return facts


@pytest.mark.parametrize("name", ["still.gif", "moving.gif", "moving.webp", "moving.png"])
async def test_a_still_is_the_first_frame_as_a_png(media: Tools, tmp_path: Path, name: str) -> None:
    path, into = media_samples.write(tmp_path, name), tmp_path / "still.png"

    facts = await still_of(media, path, into)

    assert (facts.kind, facts.format, facts.width, facts.height) == (Kind.IMAGE, "png", 160, 120)
    assert (facts.seconds, facts.frame_count) == (None, None)
    assert facts.byte_count == into.stat().st_size
    with Image.open(into, formats=["PNG"]) as still, Image.open(path) as moving:
        assert (still.mode, getattr(still, "n_frames", 1)) == ("RGB", 1)
        assert still.convert("RGB").tobytes() == moving.convert("RGB").tobytes()


@pytest.mark.parametrize("format_name", ["GIF", "PNG", "WEBP"])
async def test_a_still_is_of_the_first_frame_that_shows_anything(
    media: Tools, tmp_path: Path, format_name: str
) -> None:
    path, into = tmp_path / "moving", tmp_path / "still.png"
    path.write_bytes(media_samples.clear_start(format_name))

    await still_of(media, path, into)

    with Image.open(into, formats=["PNG"]) as still:
        assert still.mode == "RGBA"
        assert still.getpixel((0, 0)) == (0, 0, 0, 0)
        assert still.getpixel((25, 25)) == pytest.approx((255, 40, 40, 255), abs=12)


async def test_a_still_of_nothing_at_all_is_as_clear_as_the_picture(media: Tools, tmp_path: Path) -> None:
    path, into = tmp_path / "clear.png", tmp_path / "still.png"
    Image.new("RGBA", (40, 20), (0, 0, 0, 0)).save(path)

    facts = await still_of(media, path, into)

    assert (facts.width, facts.height) == (40, 20)
    with Image.open(into, formats=["PNG"]) as still:
        assert still.getchannel("A").getextrema() == (0, 0)


async def test_a_picture_for_programs_that_play_no_apng_is_not_its_first_frame(media: Tools, tmp_path: Path) -> None:
    path = tmp_path / "moving.png"
    sorry, *frames = (Image.new("RGB", (20, 20), colour) for colour in ("#c81e1e", "#1ec81e", "#1e1ec8"))
    sorry.save(path, save_all=True, append_images=frames, default_image=True)

    await still_of(media, path, tmp_path / "still.png")

    with Image.open(tmp_path / "still.png", formats=["PNG"]) as still:
        assert still.getpixel((5, 5)) == (30, 200, 30)


async def test_a_still_holds_pixels_only_and_stands_upright(media: Tools, tmp_path: Path) -> None:
    path, into = tmp_path / "photo.webp", tmp_path / "still.png"
    exif = Image.Exif()
    exif[0x0112] = 6
    exif[0x010F] = "Secret Camera"
    media_samples.painting((64, 48)).save(path, exif=exif, icc_profile=b"Secret profile")

    facts = await still_of(media, path, into)

    assert (facts.width, facts.height) == (48, 64)
    assert b"Secret" not in into.read_bytes()
    with Image.open(into, formats=["PNG"]) as still:
        still.load()
        assert not still.info
        assert not still.getexif()


@pytest.mark.parametrize(
    ("make", "code"),
    [
        (lambda: media_samples.cut(media_samples.gif()), "file-unreadable"),
        (lambda: media_samples.moving_webp()[:400], "file-unreadable"),
        (lambda: media_samples.moving_gif()[:20], "file-unreadable"),
        (media_samples.text, "file-not-media"),
        (media_samples.mp3, "file-unreadable"),
    ],
)
async def test_what_has_no_first_frame_is_refused_and_leaves_no_file(
    media: Tools, tmp_path: Path, make: media_samples.Maker, code: str
) -> None:
    path = tmp_path / "moving.gif"
    path.write_bytes(make())

    with pytest.raises(Refused) as refused:
        await still_of(media, path, tmp_path / "still.png")

    assert refused.value.reason.code == code
    assert refused.value.reason.arguments["name"] == "moving.gif"
    assert [left.name for left in tmp_path.iterdir()] == ["moving.gif"]


@pytest.mark.parametrize(
    ("name", "verdict", "code", "kind"),
    [
        ("hero.png", Verdict.ACCEPT, "ok", Kind.IMAGE),
        ("photo.jpg", Verdict.ACCEPT, "ok", Kind.IMAGE),
        ("scene.webp", Verdict.ACCEPT, "ok", Kind.IMAGE),
        ("still.gif", Verdict.CONVERT, "gif_still", Kind.IMAGE),
        ("moving.gif", Verdict.CONVERT, "gif", Kind.VIDEO),
        ("moving.webp", Verdict.CONVERT, "webp", Kind.VIDEO),
        ("moving.png", Verdict.CONVERT, "animated_still", Kind.IMAGE),
        ("clip.mp4", Verdict.CONVERT, "resolution_low", Kind.VIDEO),
        ("song.mp3", Verdict.ACCEPT, "ok", Kind.AUDIO),
        ("song.wav", Verdict.ACCEPT, "ok", Kind.AUDIO),
        ("song.ogg", Verdict.CONVERT, "container", Kind.AUDIO),
        ("sound.mp4", Verdict.CONVERT, "container", Kind.AUDIO),
        ("text.png", Verdict.REJECT, "not_media", None),
    ],
)
async def test_a_record_says_whether_a_file_can_be_used_and_as_what(
    media: Tools, tmp_path: Path, name: str, verdict: Verdict, code: str, kind: Kind | None
) -> None:
    path = media_samples.write(tmp_path, name)

    record = await media.record(path, LIMITS)

    assert (record.verdict, record.code, record.kind) == (verdict, code, kind)
    assert record.facts is None or record.facts.byte_count == path.stat().st_size
    assert (record.why is not None) is (verdict is Verdict.REJECT)


@pytest.mark.parametrize(
    ("make", "code"),
    [
        (lambda: media_samples.cut(media_samples.jpeg()), "truncated"),
        (lambda: media_samples.cut(media_samples.png()), "truncated"),
        (lambda: media_samples.cut(media_samples.mp4(index_first=False)), "truncated"),
        (lambda: media_samples.cut(media_samples.wav()), "truncated"),
        (lambda: b"", "empty"),
        (lambda: media_samples.hls_playlist("file:///etc/hostname"), "playlist"),
    ],
)
async def test_damage_and_danger_are_records_not_errors(
    media: Tools, tmp_path: Path, make: media_samples.Maker, code: str
) -> None:
    path = tmp_path / "file.bin"
    path.write_bytes(make())

    record = await media.record(path, LIMITS)

    assert (record.verdict, record.code) == (Verdict.REJECT, code)
    assert record.why is not None
    assert record.why.arguments["name"] == "file.bin"


async def test_a_record_calls_a_file_by_the_name_that_people_know(media: Tools, tmp_path: Path) -> None:
    """What was downloaded lies under a name of ours; an ending that lies is compared with the sender's own name."""
    kept, broken = tmp_path / "3f9a", tmp_path / "77b1"
    kept.write_bytes(media_samples.png())
    broken.write_bytes(media_samples.cut(media_samples.png()))

    assert (await media.record(kept, LIMITS)).remarks == ()
    assert (await media.record(kept, LIMITS, name="hero.png")).remarks == ()
    assert (await media.record(kept, LIMITS, name="hero.jpg")).remarks == (Remark.MISLABELLED,)
    why = (await media.record(broken, LIMITS, name="hero.png")).why
    assert why is not None
    assert why.arguments["name"] == "hero.png"


async def test_a_record_of_a_file_that_is_gone_is_nobodys_fault(media: Tools, tmp_path: Path) -> None:
    with pytest.raises(Unavailable):
        await media.record(tmp_path / "gone.png", LIMITS)


SORTS = (("hero.png", Kind.IMAGE), ("clip.mp4", Kind.VIDEO), ("song.mp3", Kind.AUDIO), ("photo.jpg", Kind.IMAGE))


@pytest.mark.parametrize("count", [1, 2, 3, 4, 6, 9, 12, 15])
async def test_a_reference_sheet_has_room_for_every_part_and_is_small(media: Tools, tmp_path: Path, count: int) -> None:
    sorts = [part(tmp_path, name, kind, name) for name, kind in SORTS]
    parts = [replace(sorts[index % 4], label=f"#{index + 1} {sorts[index % 4].label}") for index in range(count)]
    into = tmp_path / "sheet.png"

    await media.reference_sheet(parts, into)

    with Image.open(into, formats=["PNG"]) as sheet:
        sheet.load()
        assert 200 <= sheet.width <= 1600
        assert sheet.width * sheet.height >= count * 200 * 200
    assert into.stat().st_size < 2_000_000


async def test_a_damaged_part_does_not_keep_the_sheet_from_being_drawn(media: Tools, tmp_path: Path) -> None:
    broken = tmp_path / "broken.png"
    broken.write_bytes(media_samples.cut(media_samples.png()))
    damaged = AnimaticPart(path=str(broken), kind=Kind.IMAGE, label="#2 @Image2 broken.png")
    words = part(tmp_path, "text.png", Kind.IMAGE, "#3 @Image3 text.png")
    into = tmp_path / "sheet.png"

    await media.reference_sheet([part(tmp_path, "hero.png", Kind.IMAGE, "#1 @Image1"), damaged, words], into)

    with Image.open(into, formats=["PNG"]) as sheet:
        sheet.load()


async def test_a_sheet_of_files_that_are_gone_is_nobodys_fault(media: Tools, tmp_path: Path) -> None:
    gone = AnimaticPart(path=str(tmp_path / "gone.png"), kind=Kind.IMAGE, label="#1 @Image1 gone.png")

    with pytest.raises(Unavailable):
        await media.reference_sheet([gone], tmp_path / "sheet.png")

    assert not list(tmp_path.iterdir())


async def test_there_is_no_sheet_of_nothing(media: Tools, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="nothing"):
        await media.reference_sheet([], tmp_path / "sheet.png")


async def test_a_clip_that_came_back_is_told_as_it_is(media: Tools, tmp_path: Path) -> None:
    for name in ("clip.mp4", "clip.mov", "clip.webm"):
        path = media_samples.write(tmp_path, name)

        found = await media.check_clip(path)

        assert (found.facts.kind, found.facts.video_codec) == (Kind.VIDEO, "vp8" if name == "clip.webm" else "h264")
        assert found.facts.byte_count == path.stat().st_size
        assert found.facts.seconds == pytest.approx(1, abs=0.06)
        assert found.facts.frame_count == 24
        assert (found.black_seconds, found.frozen_seconds, found.silent_seconds) == (0, 0, 0)


async def test_a_clip_is_checked_as_it_would_be_probed(media: Tools, tmp_path: Path) -> None:
    path = tmp_path / "clip.mp4"
    path.write_bytes(media_samples.mp4((64, 48), seconds=0.5, degrees=90))

    assert (await media.check_clip(path)).facts == await facts_of(media, path)


async def test_what_never_moves_and_makes_no_sound_is_told_so(media: Tools, tmp_path: Path) -> None:
    path = tmp_path / "clip.mp4"
    path.write_bytes(media_samples.mp4((160, 120), seconds=2, sound=False, moving=False))

    found = await media.check_clip(path)

    assert found.facts.audio_codec is None
    assert (found.black_seconds, found.frozen_seconds) == (0, pytest.approx(2, abs=0.06))
    assert found.silent_seconds == found.facts.seconds


@pytest.mark.parametrize("name", ["song.mp3", "hero.png", "moving.gif", "text.png", "sound.mp4"])
async def test_what_is_no_clip_is_refused_as_one(media: Tools, tmp_path: Path, name: str) -> None:
    path = media_samples.write(tmp_path, name)
    into = tmp_path / "made"

    for refused in (
        media.check_clip(path),
        media.poster(path, into),
        media.preview(path, into, max_bytes=100_000),
        media.last_frame(path, into),
        media.shrink(path, into, max_bytes=100, tags={"title": "A"}),
    ):
        with pytest.raises(Refused):
            await refused
    assert [item.name for item in tmp_path.iterdir()] == [name]


async def test_a_broken_clip_is_unreadable(media: Tools, tmp_path: Path) -> None:
    path = tmp_path / "clip.mp4"
    path.write_bytes(media_samples.cut(media_samples.mp4()))

    with pytest.raises(Refused) as refused:
        await media.check_clip(path)

    assert refused.value.reason.code == "file-unreadable"
    assert refused.value.reason.arguments["name"] == "clip.mp4"


async def test_a_clip_that_is_small_enough_is_copied_as_it_is(media: Tools, tmp_path: Path) -> None:
    path, into = media_samples.write(tmp_path, "clip.mp4"), tmp_path / "small.mp4"

    facts = await media.shrink(path, into, max_bytes=path.stat().st_size)

    assert into.read_bytes() == path.read_bytes()
    assert facts == await facts_of(media, path)


async def test_a_clip_that_is_too_large_is_made_smaller(media: Tools, tmp_path: Path) -> None:
    path, into = tmp_path / "clip.mp4", tmp_path / "small.mp4"
    path.write_bytes(media_samples.mp4((320, 240), seconds=1))
    limit = path.stat().st_size - 5_000

    facts = await media.shrink(path, into, max_bytes=limit)

    assert facts.byte_count == into.stat().st_size <= limit
    assert (facts.format, facts.video_codec, facts.audio_codec) == ("mp4", "h264", "aac")
    assert facts.frame_count == 24
    assert facts.seconds == pytest.approx(1, abs=0.1)


async def test_a_clip_that_cannot_be_made_to_fit_leaves_no_file(media: Tools, tmp_path: Path) -> None:
    path = media_samples.write(tmp_path, "clip.mp4")

    with pytest.raises(Refused) as refused:
        await media.shrink(path, tmp_path / "small.mp4", max_bytes=1_000)

    assert refused.value.reason.code == "clip-does-not-fit"
    assert refused.value.reason.arguments == {"name": "clip.mp4", "limit": "1 kB"}
    assert [item.name for item in tmp_path.iterdir()] == ["clip.mp4"]


async def test_a_clip_has_a_poster_a_preview_and_a_last_frame(media: Tools, tmp_path: Path) -> None:
    path = media_samples.write(tmp_path, "clip.mp4")

    poster = await media.poster(path, tmp_path / "poster.jpg")
    preview = await media.preview(path, tmp_path / "preview.webp", max_bytes=200_000)
    last = await media.last_frame(path, tmp_path / "last.png")

    assert (poster.format, poster.width, poster.height) == ("jpeg", 640, 480)
    assert (last.format, last.width, last.height) == ("png", 640, 480)
    assert (preview.format, preview.kind) == ("webp", Kind.VIDEO)
    assert preview.byte_count <= 200_000
    assert preview.seconds == pytest.approx(1, abs=0.1)


async def test_a_clip_of_ours_that_is_gone_is_nobodys_fault(media: Tools, tmp_path: Path) -> None:
    with pytest.raises(Unavailable):
        await media.check_clip(tmp_path / "gone.mp4")


def to_make(format_name: str, kind: Kind, **wanted: Any) -> FilePlan:  # noqa: ANN401  a target's own fields
    record = Record(verdict=Verdict.CONVERT, code="container", kind=kind)
    return FilePlan(record=record, target=Target(format=format_name, kind=kind, **wanted))


@pytest.mark.parametrize(
    ("name", "planned"),
    [
        ("photo.jpg", to_make("png", Kind.IMAGE, width=320, height=240)),
        ("moving.png", to_make("jpeg", Kind.IMAGE)),
        ("clip.mp4", to_make("jpeg", Kind.IMAGE, still=True)),
        ("clip.webm", to_make("mp4", Kind.VIDEO, width=160, height=120, start_seconds=0.2, seconds=0.5)),
        ("clip.mkv", to_make("mp4", Kind.VIDEO, width=320, height=240, copy=True)),
        ("moving.gif", to_make("mp4", Kind.VIDEO, width=160, height=120, loop_to_seconds=1.0)),
        ("song.ogg", to_make("mp3", Kind.AUDIO, seconds=0.5, max_bytes=20_000)),
        ("clip.mov", to_make("wav", Kind.AUDIO)),
    ],
)
async def test_a_file_becomes_what_the_plan_says(media: Tools, tmp_path: Path, name: str, planned: FilePlan) -> None:
    path, into, told = media_samples.write(tmp_path, name), tmp_path / "out", list[float]()
    target = planned.target
    assert target is not None

    record = await media.conform(path, planned, into, progress=told.append)

    assert (record.verdict, record.kind) == (Verdict.ACCEPT, target.kind)
    assert record.facts is not None
    assert (record.facts.format, record.facts.byte_count) == (target.format, into.stat().st_size)
    if target.width is not None:
        assert (record.facts.width, record.facts.height) == (target.width, target.height)
    lasts = target.seconds or target.loop_to_seconds
    if lasts is not None:
        assert record.facts.seconds == pytest.approx(lasts, abs=0.06)
    assert told == sorted(told)
    assert all(0 < done <= 1 for done in told)


async def test_what_cannot_be_made_is_refused_and_leaves_no_file(media: Tools, tmp_path: Path) -> None:
    path = tmp_path / "broken.mp4"
    path.write_bytes(media_samples.cut(media_samples.mp4(index_first=False)))

    for planned, code in (
        (to_make("mp4", Kind.VIDEO, width=64, height=48), "file-unreadable"),
        (to_make("jpeg", Kind.IMAGE, still=True, max_bytes=10), "file-unreadable"),
    ):
        with pytest.raises(Refused) as refused:
            await media.conform(path, planned, tmp_path / "out")
        assert refused.value.reason.code == code
    assert [left.name for left in tmp_path.iterdir()] == ["broken.mp4"]


async def test_what_came_out_otherwise_than_planned_is_refused(media: Tools, tmp_path: Path) -> None:
    path = media_samples.write(tmp_path, "photo.jpg")

    with pytest.raises(Refused) as refused:
        await media.conform(path, to_make("jpeg", Kind.IMAGE, max_bytes=10), tmp_path / "out")

    assert refused.value.reason.code == "not-conformed"
    assert [left.name for left in tmp_path.iterdir()] == ["photo.jpg"]
