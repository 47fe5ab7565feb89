"""What conform makes of files: exactly what the plan says, and nothing of where and when they were taken."""

# The stubs name numpy, which is not installed.
# pyright: reportUnknownMemberType=false, reportUnknownArgumentType=false, reportUnknownVariableType=false

import random
from fractions import Fraction
from pathlib import Path
from typing import Any, cast

import av
import pytest
from av.audio.stream import AudioStream
from av.video.frame import VideoFrame
from av.video.stream import VideoStream
from PIL import Image

from bot.domain.conform import FilePlan, Record, Target, Verdict
from bot.domain.errors import Refused
from bot.domain.media import Kind
from bot.media.conform_film import Shot, Slots
from bot.media.conform_frames import even
from bot.media.conforming import jobs_of, limits_of, listener
from bot.media.tools import SandboxedMedia
from tests import media_samples

PLACE = b"+48.8577+002.2950/"
SECRETS = (PLACE, b"Exif", b"GPS", b"http://ns.adobe.com", b"Secret Camera", b"2024:05:06")


def film(
    path: Path,
    *,
    size: tuple[int, int] = (64, 48),
    moments: list[float] | None = None,
    rate: int = 10,
    seconds: float = 2.0,
    container: str = "mp4",
    metadata: dict[str, str] | None = None,
    sound_from: float | None = None,
) -> Path:
    """A film: its frame at second t is grey of level 100·t; `moments` places frames; a tone begins at `sound_from`."""
    at = moments if moments is not None else [number / rate for number in range(round(seconds * rate))]
    with av.open(path, "w", format=container, options={"fflags": "+bitexact"}) as output:
        video = output.add_stream("libx264", rate=rate, options={"preset": "ultrafast", "crf": "5", "threads": "1"})
        assert isinstance(video, VideoStream)
        video.width, video.height, video.pix_fmt = *size, "yuv420p"
        video.codec_context.time_base = Fraction(1, 1000)
        audio = output.add_stream("aac", rate=48_000, layout="stereo") if sound_from is not None else None
        output.metadata.update(metadata or {})
        for second in at:
            level = min(255, round(100 * second))
            frame = cast("VideoFrame", VideoFrame.from_image(Image.new("RGB", size, (level,) * 3)))
            frame = frame.reformat(format="yuv420p")
            frame.pts, frame.time_base = round(second * 1000), Fraction(1, 1000)
            output.mux(video.encode(frame))
        output.mux(video.encode())
        if isinstance(audio, AudioStream):
            for number in range(int(seconds * 48_000 / 1024)):
                loud = number * 1024 / 48_000 >= (sound_from or 0.0)
                piece = av.AudioFrame(format="s16", layout="stereo", samples=1024)
                piece.planes[0].update((b"\x00\x30" * 32 + b"\x00\xd0" * 32) * 32 if loud else bytes(4096))
                piece.sample_rate, piece.time_base, piece.pts = 48_000, Fraction(1, 48_000), number * 1024
                output.mux(audio.encode(piece))
            output.mux(audio.encode())
    return path


def target(format_name: str = "mp4", **wanted: Any) -> Target:  # noqa: ANN401  a target's own fields
    kinds = {"mp4": Kind.VIDEO, "mp3": Kind.AUDIO, "wav": Kind.AUDIO}
    if format_name == "mp4":
        wanted = {"width": 64, "height": 48, **wanted}
    return Target(format=format_name, kind=kinds.get(format_name, Kind.IMAGE), **wanted)


def plan(wanted: Target) -> FilePlan:
    return FilePlan(record=Record(verdict=Verdict.CONVERT, code="container", kind=wanted.kind), target=wanted)


async def conformed(path: Path, wanted: Target) -> Path:
    """Where the outcome is; it was accepted."""
    into = path.parent / f"out.{wanted.format}"
    record = await SandboxedMedia(child_count=1).conform(path, plan(wanted), into)
    assert record.verdict is Verdict.ACCEPT
    assert record.facts is not None
    assert record.facts.byte_count == into.stat().st_size
    return into


def noise(count: int) -> bytes:
    return random.Random(1).randbytes(count)  # noqa: S311  a picture that does not compress, the same each time


def levels(path: Path) -> list[int]:
    """The grey in the middle of each frame."""
    found: list[int] = []
    with av.open(path, "r") as opened:
        for frame in opened.decode(video=0):
            assert frame.rotation == 0
            image = cast("Image.Image", frame.to_image())
            found.append(cast("tuple[int, int, int]", image.getpixel((image.width // 2, image.height // 2)))[1])
    return found


def loud_from(path: Path) -> float:
    """The second at which sound sets in."""
    with av.open(path, "r") as opened:
        at = 0
        for frame in opened.decode(audio=0):
            samples = memoryview(bytes(frame.planes[0])).cast("f")[: frame.samples]
            loud = next((number for number, sample in enumerate(samples) if abs(sample) > 0.1), None)
            if loud is not None:
                return (at + loud) / frame.sample_rate
            at += frame.samples
    raise AssertionError("silent")


def sound_seconds(path: Path) -> float:
    with av.open(path, "r") as opened:
        return sum(frame.samples / frame.sample_rate for frame in opened.decode(audio=0))


# --- pictures ---------------------------------------------------------------------------------------------------------


def telling_photo(path: Path) -> Path:
    """A photograph on its side that says where, when and with what it was taken, in EXIF, XMP and a comment."""
    exif = Image.Exif()
    exif[0x0112], exif[0x0110], exif[0x0132] = 6, "Secret Camera", "2024:05:06 07:08:09"
    exif.get_ifd(0x8825).update({1: "N", 2: (48.0, 51.0, 27.0), 29: "2024:05:06"})
    xmp = b"<x:xmpmeta xmlns:exif='http://ns.adobe.com/exif/1.0/'>" + PLACE + b"</x:xmpmeta>"
    media_samples.painting((96, 64)).save(path, "JPEG", quality=90, exif=exif, xmp=xmp, comment=PLACE)
    assert all(secret in path.read_bytes() for secret in (PLACE, b"Exif", b"Secret Camera"))
    return path


@pytest.mark.parametrize("format_name", ["jpeg", "png", "webp"])
async def test_a_picture_comes_out_upright_and_tells_nothing(tmp_path: Path, format_name: str) -> None:
    out = await conformed(telling_photo(tmp_path / "photo.jpg"), target(format_name))

    data = out.read_bytes()
    assert [secret for secret in SECRETS if secret in data] == []
    with Image.open(out, formats=[format_name.upper()]) as image:
        assert (image.size, image.mode) == ((64, 96), "RGB")
        red, green, blue = cast("tuple[int, int, int]", image.getpixel((55, 12)))
        assert red > 180
        assert green < 90
        assert blue < 90


@pytest.mark.parametrize(("format_name", "corner"), [("png", (0, 0, 0, 0)), ("jpeg", (255, 255, 255))])
async def test_what_is_clear_stays_clear_or_becomes_white(
    tmp_path: Path, format_name: str, corner: tuple[int, ...]
) -> None:
    path = tmp_path / "clear.png"
    path.write_bytes(media_samples.clear_png((40, 40)))

    with Image.open(await conformed(path, target(format_name))) as image:
        assert image.getpixel((0, 0)) == pytest.approx(corner, abs=3)


async def test_an_alpha_that_hides_nothing_is_dropped(tmp_path: Path) -> None:
    path = tmp_path / "opaque.png"
    Image.new("RGBA", (32, 32), (10, 200, 30, 255)).save(path)

    with Image.open(await conformed(path, target("png"))) as image:
        assert image.mode == "RGB"


@pytest.mark.parametrize(
    ("mode", "colour", "format_name", "expected"),
    [
        ("CMYK", (0, 255, 255, 0), "JPEG", (255, 0, 0)),
        ("LAB", (138, 210, 198), "TIFF", (254, 0, 0)),
        ("I;16", 32_896, "PNG", (128, 128, 128)),
        ("1", 1, "PNG", (255, 255, 255)),
        ("P", 0, "GIF", (0, 0, 0)),
    ],
)
async def test_colours_of_every_sort_become_srgb(
    tmp_path: Path, mode: str, colour: tuple[int, ...] | int, format_name: str, expected: tuple[int, int, int]
) -> None:
    path = tmp_path / "picture"
    Image.new(mode, (32, 32), cast("Any", colour)).save(path, format_name)

    with Image.open(await conformed(path, target("png"))) as image:
        assert image.convert("RGB").getpixel((16, 16)) == pytest.approx(expected, abs=6)


async def test_a_profile_is_turned_into_srgb_and_left_out(tmp_path: Path) -> None:
    """A profile whose green and blue change places shows that it was used."""
    path, profile = tmp_path / "wide.png", swapped_profile()
    Image.new("RGB", (32, 32), (0, 255, 0)).save(path, icc_profile=profile)

    with Image.open(await conformed(path, target("png"))) as image:
        assert image.getpixel((16, 16)) == pytest.approx((0, 0, 255), abs=6)
        assert "icc_profile" not in image.info


def swapped_profile() -> bytes:
    """SRGB with the tags of its green and blue exchanged, under another name."""
    from PIL import ImageCms

    plain = ImageCms.ImageCmsProfile(cast("Any", ImageCms).createProfile("sRGB")).tobytes()
    mixed = plain.replace(b"gXYZ", b"????", 1).replace(b"bXYZ", b"gXYZ", 1).replace(b"????", b"bXYZ", 1)
    return mixed.replace("sRGB".encode("utf-16-be"), "nope".encode("utf-16-be"))


@pytest.mark.parametrize("format_name", ["jpeg", "webp", "png"])
async def test_a_picture_keeps_to_its_bytes(tmp_path: Path, format_name: str) -> None:
    path = tmp_path / "noise.png"
    Image.frombytes("RGB", (300, 200), noise(180_000)).save(path)

    out = await conformed(path, target(format_name, max_bytes=30_000))

    assert out.stat().st_size <= 30_000


async def test_a_picture_has_the_size_that_was_asked_for(tmp_path: Path) -> None:
    path = telling_photo(tmp_path / "photo.jpg")

    with Image.open(await conformed(path, target("jpeg", width=32, height=48))) as image:
        assert image.size == (32, 48)


async def test_of_what_moves_the_first_frame_that_shows_anything_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "moving.png"
    path.write_bytes(media_samples.clear_start("PNG"))

    with Image.open(await conformed(path, target("png"))) as image:
        assert (image.mode, getattr(image, "n_frames", 1)) == ("RGBA", 1)
        assert image.getpixel((25, 25)) == pytest.approx((255, 40, 40, 255), abs=12)


async def test_a_still_of_a_film_is_the_frame_at_that_second(tmp_path: Path) -> None:
    path = film(tmp_path / "film.mp4")

    with Image.open(await conformed(path, target("png", still=True, start_seconds=1.0))) as image:
        assert image.getpixel((32, 24)) == pytest.approx((100, 100, 100), abs=4)


# --- films ------------------------------------------------------------------------------------------------------------


async def test_a_film_has_exact_pixels_and_the_seconds_that_were_asked_for(tmp_path: Path) -> None:
    path = film(tmp_path / "film.mp4", size=(98, 70))

    out = await conformed(path, target(width=72, height=52, start_seconds=0.7, seconds=0.8))

    assert levels(out) == pytest.approx([70, 80, 90, 100, 110, 120, 130, 140], abs=4)
    with av.open(out, "r") as opened:
        stream = opened.streams.video[0]
        assert (stream.width, stream.height, stream.pix_fmt) == (72, 52, "yuv420p")
        assert stream.codec_context.name == "h264"
        assert opened.duration == 800_000


async def test_a_part_far_into_a_film_is_found_by_its_keyframe(tmp_path: Path) -> None:
    moments = [number / 10 for number in range(60)]
    path = film(tmp_path / "film.mp4", moments=[at / 4 for at in moments], rate=40)
    long = film(tmp_path / "long.mkv", moments=[3 + at / 10 for at in moments], rate=100, container="matroska")

    assert levels(await conformed(path, target(start_seconds=1.0, seconds=0.2))) == pytest.approx(
        [100 + 2.5 * number for number in range(8)], abs=4
    )
    assert len(levels(await conformed(long, target(start_seconds=0.5, seconds=0.1, frame_rate=20.0)))) == 2


async def test_a_film_on_its_side_comes_out_upright(tmp_path: Path) -> None:
    path = tmp_path / "film.mp4"
    path.write_bytes(media_samples.mp4((96, 64), seconds=0.3, degrees=90, moving=False))
    with av.open(path, "r") as opened:
        frame = next(opened.decode(video=0))
        seen = cast("Image.Image", frame.to_image()).rotate(frame.rotation, expand=True)

    out = await conformed(path, target(width=64, height=96))

    with av.open(out, "r") as opened:
        frame = next(opened.decode(video=0))
        made = cast("Image.Image", frame.to_image())
    assert (made.size, frame.rotation) == (seen.size, 0)
    spots = ((10, 10), (54, 10), (10, 86), (54, 86), (32, 48))
    for spot in spots:
        assert made.getpixel(spot) == pytest.approx(cast("tuple[int, ...]", seen.getpixel(spot)), abs=30)


@pytest.mark.parametrize("copy", [True, False])
async def test_a_film_tells_nothing(tmp_path: Path, *, copy: bool) -> None:
    told = {"location": PLACE.decode(), "comment": "Secret Camera", "title": "2024:05:06"}
    path = film(tmp_path / "film.mov", container="mov", metadata=told)
    assert PLACE in path.read_bytes()

    out = await conformed(path, target(copy=copy))

    assert [secret for secret in (*SECRETS, b"\xa9xyz", b"loci") if secret in out.read_bytes()] == []


async def test_copying_changes_no_picture(tmp_path: Path) -> None:
    path = film(tmp_path / "film.mkv", container="matroska", sound_from=0.0)

    out = await conformed(path, target(copy=True))

    with av.open(path, "r") as one, av.open(out, "r", format="mp4") as other:
        before = [bytes(frame.planes[0]) for frame in one.decode(video=0)]
        after = [bytes(frame.planes[0]) for frame in other.decode(video=0)]
        assert before == after
        assert [stream.type for stream in other.streams] == ["video", "audio"]


async def test_what_cannot_be_copied_is_encoded(tmp_path: Path) -> None:
    path = tmp_path / "film.webm"
    path.write_bytes(media_samples.webm((64, 48), seconds=0.5))

    with av.open(await conformed(path, target(copy=True)), "r") as opened:
        assert [stream.codec_context.name for stream in opened.streams] == ["h264", "aac"]


@pytest.mark.parametrize("make", [media_samples.moving_gif, media_samples.moving_webp, media_samples.moving_png])
async def test_an_animation_becomes_a_film_that_is_looped_as_long_as_needed(
    tmp_path: Path, make: media_samples.Maker
) -> None:
    path = tmp_path / "moving"
    path.write_bytes(make())

    out = await conformed(path, target(width=160, height=120, loop_to_seconds=1.4))

    shown = levels(out)
    assert len(shown) == 14
    assert shown[6:12] == pytest.approx(shown[:6], abs=6)


async def test_a_short_film_is_looped_with_its_sound(tmp_path: Path) -> None:
    path = film(tmp_path / "film.mp4", seconds=1.0, sound_from=0.5)

    out = await conformed(path, target(loop_to_seconds=2.0))

    assert levels(out) == pytest.approx([10 * (number % 10) for number in range(20)], abs=4)
    assert sound_seconds(out) == pytest.approx(2.0, abs=0.05)
    assert loud_from(out) == pytest.approx(0.5, abs=0.05)


async def test_sound_stays_beside_its_pictures(tmp_path: Path) -> None:
    path = film(tmp_path / "film.mp4", seconds=2.0, sound_from=1.5)

    out = await conformed(path, target(start_seconds=1.0, seconds=0.8))

    assert levels(out)[0] == pytest.approx(100, abs=4)
    assert loud_from(out) == pytest.approx(0.5, abs=0.05)


async def test_a_film_without_sound_stays_silent(tmp_path: Path) -> None:
    with av.open(await conformed(film(tmp_path / "film.mp4"), target()), "r") as opened:
        assert [stream.type for stream in opened.streams] == ["video"]


async def test_frames_that_come_an_hour_apart_still_make_a_film(tmp_path: Path) -> None:
    path = film(tmp_path / "film.mp4", moments=[0.0, 3600.0, 7200.0], rate=1)

    out = await conformed(path, target(seconds=2.0))

    assert len(levels(out)) >= 20


async def test_a_single_frame_makes_a_film(tmp_path: Path) -> None:
    assert len(levels(await conformed(film(tmp_path / "film.mp4", moments=[0.0]), target()))) >= 1


@pytest.mark.parametrize(("rate", "wanted", "frames"), [(240, None, 15), (60, 30.0, 15), (30, None, 15)])
async def test_quick_films_are_calmed(tmp_path: Path, rate: int, wanted: float | None, frames: int) -> None:
    path = film(tmp_path / "film.mp4", seconds=0.5, rate=rate)

    assert len(levels(await conformed(path, target(frame_rate=wanted)))) == frames


async def test_a_film_keeps_to_its_bytes(tmp_path: Path) -> None:
    path = tmp_path / "film.mp4"
    path.write_bytes(media_samples.mp4((320, 240), seconds=1.0))

    out = await conformed(path, target(width=320, height=240, max_bytes=70_000))

    assert out.stat().st_size <= 70_000
    assert len(levels(out)) == 24


async def test_a_short_part_of_a_long_film_ends_as_soon_as_it_is_there(tmp_path: Path) -> None:
    """What has been read beyond it waits for nobody."""
    path = film(tmp_path / "film.mp4", rate=50, seconds=40.0, sound_from=0.0)

    for seconds in (0.02, 0.1, 1.0):
        made = await conformed(path, target(seconds=seconds, frame_rate=50.0))
        assert len(levels(made)) == round(seconds * 50)


async def test_a_conversion_that_breaks_off_in_the_middle_ends_at_once(tmp_path: Path) -> None:
    """The disk is full while the film is still being read: that is an end, not a wait for the time limit."""
    path = tmp_path / "film.mp4"
    path.write_bytes(media_samples.mp4((640, 480), seconds=8.0))
    media = SandboxedMedia(child_count=1, output_bytes=60_000)

    with pytest.raises(Refused) as refused:
        await media.conform(path, plan(target(width=640, height=480)), tmp_path / "out.mp4")

    assert refused.value.reason.code == "file-unreadable"
    assert refused.value.detail != "wall time"
    assert sorted(item.name for item in tmp_path.iterdir()) == ["film.mp4"]


async def test_a_damaged_file_is_refused_and_leaves_nothing(tmp_path: Path) -> None:
    path = tmp_path / "film.mp4"
    path.write_bytes(media_samples.cut(media_samples.mp4((64, 48), seconds=0.5, index_first=False)))

    with pytest.raises(Refused) as refused:
        await conformed(path, target())

    assert refused.value.reason.code == "file-unreadable"
    assert [each.name for each in tmp_path.iterdir()] == ["film.mp4"]


async def test_an_outcome_that_is_not_as_planned_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "noise.png"
    Image.frombytes("RGB", (64, 64), noise(12_288)).save(path)

    with pytest.raises(Refused) as refused:
        await conformed(path, target("png", max_bytes=60))

    assert refused.value.reason.code == "not-conformed"
    assert [each.name for each in tmp_path.iterdir()] == ["noise.png"]


async def test_progress_is_told_and_never_goes_back(tmp_path: Path) -> None:
    path, told = film(tmp_path / "film.mp4", seconds=2.0), list[float]()
    wanted = target(seconds=2.0)

    await SandboxedMedia(child_count=1).conform(path, plan(wanted), tmp_path / "out.mp4", progress=told.append)

    assert told == sorted(told)
    assert len(told) > 5
    assert 0 < told[0] <= told[-1] <= 1


# --- sound ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("format_name", "least"), [("mp3", 0.94), ("wav", 1.0)])
async def test_sound_is_never_longer_than_asked(tmp_path: Path, format_name: str, least: float) -> None:
    path = tmp_path / "song.flac"
    path.write_bytes(media_samples.flac(seconds=1.5))

    out = await conformed(path, target(format_name, start_seconds=0.2, seconds=1.0))

    assert least <= sound_seconds(out) <= 1.0 + 1e-9
    with av.open(out, "r") as opened:
        packets = [packet for packet in opened.demux(opened.streams.audio[0]) if packet.duration and packet.size]
        assert sum(float(cast("int", packet.duration) * packet.time_base) for packet in packets) <= 1.0 + 1e-9


async def test_what_can_be_heard_of_a_broken_file_is_used(tmp_path: Path) -> None:
    path = tmp_path / "voice.ogg"
    path.write_bytes(media_samples.cut(media_samples.ogg(seconds=3.0)))

    assert sound_seconds(await conformed(path, target("mp3"))) > 0.9


async def test_loudness_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "song.wav"
    path.write_bytes(media_samples.wav(seconds=0.5))

    out = await conformed(path, target("wav", start_seconds=0.1, seconds=0.2))

    with av.open(path, "r") as one, av.open(out, "r") as other:
        before = b"".join(bytes(frame.planes[0])[: frame.samples * 4] for frame in one.decode(audio=0))
        after = b"".join(bytes(frame.planes[0])[: frame.samples * 4] for frame in other.decode(audio=0))
    assert after == before[4800 * 4 : 14_400 * 4]


async def test_sound_keeps_to_its_bytes(tmp_path: Path) -> None:
    path = tmp_path / "song.wav"
    path.write_bytes(media_samples.wav(seconds=1.0))

    for format_name in ("mp3", "wav"):
        out = await conformed(path, target(format_name, seconds=1.0, max_bytes=20_000))
        assert out.stat().st_size <= 20_000


# --- pure parts -------------------------------------------------------------------------------------------------------


def slots_of(moments: list[float], *, rate: float, count: int) -> list[int]:
    """Which of the frames at these moments each slot gets."""
    shots = [shot_at(at) for at in moments]
    frames = {id(shot.frame): number for number, shot in enumerate(shots)}
    slots = Slots(rate, count)
    chosen = [frame for shot in shots for frame in slots.put(shot)]
    return [frames[id(frame)] for frame in [*chosen, *slots.rest(slots.end)]]


def shot_at(at: float) -> Shot:
    return Shot(at, 0.1, VideoFrame(16, 16, "gray"))


def test_halving_the_frame_rate_takes_every_other_frame() -> None:
    exact = [number / 60 for number in range(12)]
    rounded = [round(at, 3) for at in exact]

    assert slots_of(exact, rate=30, count=6) == [0, 2, 4, 6, 8, 10]
    assert slots_of(rounded, rate=30, count=6) == [0, 2, 4, 6, 8, 10]


def test_a_frame_that_stays_long_stays_until_the_next_is_due() -> None:
    assert slots_of([0.0, 0.5, 0.6], rate=10, count=7) == [0, 0, 0, 0, 0, 1, 2]


def test_the_frame_that_stands_when_the_part_begins_is_shown() -> None:
    assert slots_of([-1.0, 0.3], rate=10, count=4) == [0, 0, 0, 1]


@pytest.mark.parametrize(("pixels", "expected"), [(1, 2), (2, 2), (3, 2), (721, 720), (1280, 1280)])
def test_sides_are_even(pixels: int, expected: int) -> None:
    assert even(pixels) == expected


def test_a_part_is_never_copied() -> None:
    assert [job["copy"] for job in jobs_of(plan(target()), target(copy=True))] == [True, False]
    for wanted in (target(copy=True, seconds=1.0), target(copy=True, start_seconds=1.0), target()):
        assert [job["copy"] for job in jobs_of(plan(wanted), wanted)] == [False]


def test_an_outcome_has_to_keep_the_limits_of_its_plan() -> None:
    limits = limits_of(target(width=640, height=640, seconds=3.0, max_bytes=5)).kinds[Kind.VIDEO]

    assert (limits.formats, limits.max_bytes_each) == (("mp4",), 5)
    assert (limits.min_area_pixels, limits.max_area_pixels) == (640 * 640, 640 * 640)
    assert limits.max_seconds_together == pytest.approx(3.0, abs=0.2)


def test_what_a_child_says_of_its_progress_is_outside_data() -> None:
    told: list[float] = []
    hear = listener(told.append)

    for said in (0.2, 0.1, float("nan"), float("inf"), -1.0, "0.5", None, True, [1], 0.4, 2.0):
        hear({"progress": said})
    hear({"source": 0})

    assert told == [0.2, 0.4]
