"""What is made of a clip that came back: facts about how it looks and sounds, smaller copies, pictures of it."""

# The stubs name numpy, which is not installed, and leave Packet's type open.
# pyright: reportUnknownMemberType=false

import io
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import cast

import av
import pytest
from av.audio.frame import AudioFrame
from av.packet import Packet
from av.video.frame import VideoFrame
from av.video.stream import VideoStream
from PIL import Image, ImageChops, ImageDraw, ImageFilter, ImageStat

from bot.domain.errors import Refused
from bot.domain.media import Kind
from bot.media import shrink
from bot.media.protocol import JobSpec, looks_from
from bot.media.tools import SandboxedMedia
from tests import media_samples

SIZE = (160, 96)
RATE = 20
SOUND_RATE = 48_000


def black() -> Image.Image:
    return Image.new("RGB", SIZE)


def drawn(turn: int, *, size: media_samples.Size = SIZE) -> Image.Image:
    """Much to see, and different every time."""
    image = media_samples.painting(size, turn=turn)
    draw = ImageDraw.Draw(image)
    for line in range(0, size[0], 8):
        draw.line((line, 0, line + turn, size[1]), fill=(255, 255, 255))
    return image


def film(
    pictures: Sequence[Image.Image],
    *,
    levels: Sequence[float] = (),
    moments: Sequence[int] | None = None,
    options: dict[str, str] | None = None,
) -> bytes:
    """An MP4 with these frames, and sound of those levels (0 to 1) for a tenth of a second each."""
    file = io.BytesIO()
    with av.open(file, mode="w", format="mp4", options=options or {}) as output:
        video = output.add_stream("libx264", rate=RATE, options={"preset": "ultrafast", "crf": "18", "threads": "1"})
        video.width, video.height, video.pix_fmt = *pictures[0].size, "yuv420p"
        video.codec_context.time_base = Fraction(1, RATE)
        audio = output.add_stream("aac", rate=SOUND_RATE, layout="mono") if levels else None
        for number, picture in enumerate(pictures):
            frame = cast("VideoFrame", VideoFrame.from_image(picture)).reformat(format="yuv420p")
            frame.pts = number if moments is None else moments[number]
            frame.time_base = Fraction(1, RATE)
            output.mux(video.encode(frame))
        output.mux(video.encode())
        if audio is not None:
            for number, level in enumerate(levels):
                output.mux(audio.encode(hum(number, level)))
            output.mux(audio.encode())
    return file.getvalue()


def hum(number: int, level: float) -> AudioFrame:
    """A square wave for a tenth of a second."""
    samples = SOUND_RATE // 10
    high = round(level * 32_000)
    frame = AudioFrame("s16", "mono", samples)
    wave = b"".join((high if at // 60 % 2 else -high).to_bytes(2, "little", signed=True) for at in range(samples))
    frame.planes[0].update(wave.ljust(frame.planes[0].buffer_size, b"\0"))
    frame.sample_rate, frame.pts, frame.time_base = SOUND_RATE, number * samples, Fraction(1, SOUND_RATE)
    return frame


def written(folder: Path, data: bytes, name: str = "clip.mp4") -> Path:
    path = folder / name
    path.write_bytes(data)
    return path


def difference(one: Image.Image, other: Image.Image) -> float:
    return sum(ImageStat.Stat(ImageChops.difference(one.convert("RGB"), other.convert("RGB"))).mean)


def frames_of(path: Path) -> list[VideoFrame]:
    with av.open(path, "r") as opened:
        return list(opened.decode(video=0))


# --- check_clip -------------------------------------------------------------------------------------------------------


async def test_what_moves_and_sounds_is_neither_black_nor_frozen_nor_silent(tmp_path: Path) -> None:
    path = written(tmp_path, film([drawn(turn) for turn in range(30)], levels=[0.5] * 15))

    found = await SandboxedMedia().check_clip(path)

    assert (found.black_seconds, found.frozen_seconds) == (0, 0)
    assert found.silent_seconds <= 0.1
    assert found.facts.seconds == pytest.approx(1.5, abs=0.05)


async def test_black_seconds_are_counted(tmp_path: Path) -> None:
    path = written(tmp_path, film([drawn(turn) for turn in range(20)] + [black()] * 20))

    found = await SandboxedMedia().check_clip(path)

    assert found.black_seconds == pytest.approx(1, abs=0.15)


async def test_a_dark_picture_with_something_in_it_is_not_black(tmp_path: Path) -> None:
    night = black()
    ImageDraw.Draw(night).ellipse((70, 40, 100, 70), fill=(120, 110, 90))

    found = await SandboxedMedia().check_clip(written(tmp_path, film([night] * 20)))

    assert found.black_seconds == 0


async def test_frozen_seconds_are_counted(tmp_path: Path) -> None:
    path = written(tmp_path, film([drawn(turn) for turn in range(20)] + [drawn(19)] * 20))

    found = await SandboxedMedia().check_clip(path)

    assert found.frozen_seconds == pytest.approx(1, abs=0.15)


async def test_slow_motion_is_not_frozen(tmp_path: Path) -> None:
    grounds = [Image.new("RGB", SIZE, (60 + level, 60 + level, 60 + level)) for level in range(40)]

    found = await SandboxedMedia().check_clip(written(tmp_path, film(grounds)))

    assert found.frozen_seconds == 0


async def test_silent_seconds_are_counted(tmp_path: Path) -> None:
    path = written(tmp_path, film([drawn(turn) for turn in range(40)], levels=[0.5] * 10 + [0.0] * 10))

    found = await SandboxedMedia().check_clip(path)

    assert found.silent_seconds == pytest.approx(1, abs=0.15)
    assert found.facts.audio_codec == "aac"


async def test_damage_in_the_middle_of_a_clip_is_found(tmp_path: Path) -> None:
    data = bytearray(media_samples.mp4((320, 240), seconds=2, sound=False))
    start = data.index(b"mdat") + 2000
    data[start : start + len(data) // 3] = b"\xff" * (len(data) // 3)

    with pytest.raises(Refused) as refused:
        await SandboxedMedia().check_clip(written(tmp_path, bytes(data)))

    assert refused.value.reason.code == "file-unreadable"


@pytest.mark.parametrize(
    "answer",
    [None, {}, {"black": 1, "frozen": 1}, {"black": -1, "frozen": 0, "silent": 0}, {"black": "1"} | {"silent": 0}],
)
def test_impossible_looks_are_not_believed(answer: object) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        looks_from(answer)


# --- shrink -----------------------------------------------------------------------------------------------------------


def noise(count: int, *, size: media_samples.Size = (320, 240)) -> list[Image.Image]:
    """Pictures that cost many bytes."""
    return [
        Image.merge("RGB", [Image.effect_noise(size, 90) for _ in range(3)]).filter(ImageFilter.BoxBlur(1))
        for _ in range(count)
    ]


async def test_a_clip_is_made_to_fit_and_keeps_its_frames_and_its_sound(tmp_path: Path) -> None:
    path = written(tmp_path, film(noise(40), levels=[0.4] * 20))
    limit = path.stat().st_size // 4
    into = tmp_path / "small.mp4"

    facts = await SandboxedMedia().shrink(path, into, max_bytes=limit)

    assert facts.byte_count == into.stat().st_size <= limit
    assert (facts.frame_count, facts.video_codec, facts.audio_codec) == (40, "h264", "aac")
    assert facts.seconds == pytest.approx(2, abs=0.1)


@pytest.mark.parametrize(("room", "encoded"), [(-10_000, True), (50_000, False), (200_000, False)])
def test_tracks_of_a_clip_that_are_only_copied_do_not_pass_for_our_own(
    tmp_path: Path, room: int, *, encoded: bool
) -> None:
    """What is ours is looked at more lightly. The clip has 100,000 bytes more than its tracks need."""
    clip, padding = film(noise(12, size=(128, 96))), 100_000
    path = written(tmp_path, clip + padding.to_bytes(4, "big") + b"free" + bytes(padding - 8))
    with path.open("rb") as file, (tmp_path / "small.mp4").open("w+b") as made:
        spec: JobSpec = {
            "job": "shrink",
            "parent": 0,
            "limits": {"memory_bytes": 0, "cpu_seconds": 0, "output_bytes": 0},
            "sources": [{"descriptor": file.fileno(), "format": "mp4", "kind": "video", "label": ""}],
            "output": made.fileno(),
            "fit": {"max_bytes": len(clip) + room, "tags": {}},
        }

        assert shrink.work(spec, lambda _: None) == {"done": True, "encoded": encoded}

    before, after = ([bytes(one) for one in packets_of(each) if one.size] for each in (path, tmp_path / "small.mp4"))
    assert (before != after) is encoded


def packets_of(path: Path) -> "list[Packet[VideoStream]]":
    with av.open(path) as opened:
        return list(opened.demux(opened.streams.video[0]))


async def test_with_too_few_bytes_for_its_pixels_a_clip_gets_fewer_of_them(tmp_path: Path) -> None:
    path = written(tmp_path, film(noise(24, size=(480, 300))))
    into = tmp_path / "small.mp4"

    facts = await SandboxedMedia().shrink(path, into, max_bytes=20_000)

    assert facts.byte_count <= 20_000
    assert facts.width is not None
    assert facts.height is not None
    assert facts.width < 480
    assert facts.width / facts.height == pytest.approx(1.6, abs=0.03)


async def test_frames_that_come_at_odd_moments_still_do(tmp_path: Path) -> None:
    moments = [0, 1, 2, 7, 8, 20, 21, 39]
    path = written(tmp_path, film(noise(8), moments=moments))
    into = tmp_path / "small.mp4"

    await SandboxedMedia().shrink(path, into, max_bytes=path.stat().st_size // 2)

    assert [round(frame.time * RATE) for frame in frames_of(into)] == moments


async def test_a_turned_clip_stays_turned(tmp_path: Path) -> None:
    path = written(tmp_path, media_samples.mp4((320, 200), seconds=1, degrees=90))
    into = tmp_path / "small.mp4"

    facts = await SandboxedMedia().shrink(path, into, max_bytes=path.stat().st_size - 1)

    assert (facts.width, facts.height) == (200, 320)


async def test_the_tags_that_are_asked_for_are_all_that_is_said_of_a_clip(tmp_path: Path) -> None:
    path = written(tmp_path, film(noise(10)))
    with av.open(path) as old, av.open(tmp_path / "told.mp4", "w") as new:
        new.metadata.update({"title": "a secret", "location": "+52.5-013.4/", "comment": "a secret"})
        stream = new.add_stream_from_template(old.streams.video[0])
        for packet in old.demux(video=0):
            if packet.dts is not None:
                packet.stream = stream
                new.mux(packet)
    told = tmp_path / "told.mp4"
    size = told.stat().st_size

    for limit in (size // 2, size * 2):
        into = tmp_path / f"{limit}.mp4"
        await SandboxedMedia().shrink(told, into, max_bytes=limit, tags={"title": "Käthe's lantern"})
        with av.open(into) as opened:
            said = {
                name: text for name, text in opened.metadata.items() if "brand" not in name and "version" not in name
            }
        assert said == {"title": "Käthe's lantern"}
        assert b"a secret" not in into.read_bytes()
        assert b"+52.5" not in into.read_bytes()
    assert [frame.pts for frame in frames_of(into)] == [frame.pts for frame in frames_of(told)]


async def test_no_clip_is_made_to_fit_into_nothing(tmp_path: Path) -> None:
    path = written(tmp_path, film(noise(10)))

    with pytest.raises(Refused) as refused:
        await SandboxedMedia().shrink(path, tmp_path / "small.mp4", max_bytes=2000)

    assert refused.value.reason.code == "clip-does-not-fit"
    assert [item.name for item in tmp_path.iterdir()] == ["clip.mp4"]


async def test_a_shrunk_clip_plays_while_it_loads(tmp_path: Path) -> None:
    path = written(tmp_path, film(noise(20), levels=[0.3] * 10))
    into = tmp_path / "small.mp4"

    await SandboxedMedia().shrink(path, into, max_bytes=path.stat().st_size // 3)

    content = into.read_bytes()
    assert content.index(b"moov") < content.index(b"mdat")


# --- pictures of a clip -----------------------------------------------------------------------------------------------


async def test_a_poster_is_neither_of_the_dark_nor_of_the_blurred(tmp_path: Path) -> None:
    blurred = [drawn(turn).filter(ImageFilter.GaussianBlur(12)) for turn in range(12)]
    sharp = [drawn(turn) for turn in range(6)]
    path = written(tmp_path, film([black()] * 12 + blurred + sharp + [black()] * 12))
    into = tmp_path / "poster.jpg"

    facts = await SandboxedMedia().poster(path, into)

    assert (facts.kind, facts.format, facts.width, facts.height) == (Kind.IMAGE, "jpeg", *SIZE)
    with Image.open(into, formats=["JPEG"]) as poster:
        assert min(difference(poster, picture) for picture in sharp) < 30
        assert min(difference(poster, picture) for picture in (*blurred, black())) > 30


async def test_a_black_clip_has_a_poster_too(tmp_path: Path) -> None:
    facts = await SandboxedMedia().poster(written(tmp_path, film([black()] * 4)), tmp_path / "poster.jpg")

    assert facts.format == "jpeg"


async def test_a_preview_moves_and_loops_for_ever(tmp_path: Path) -> None:
    path = written(tmp_path, film([drawn(turn) for turn in range(30)]))
    into = tmp_path / "preview.webp"

    facts = await SandboxedMedia().preview(path, into, max_bytes=500_000)

    assert (facts.kind, facts.format) == (Kind.VIDEO, "webp")
    assert facts.seconds == pytest.approx(1.5, abs=0.1)
    with Image.open(into, formats=["WEBP"]) as preview:
        assert preview.info["loop"] == 0


async def test_a_preview_is_coarser_when_it_has_to_be(tmp_path: Path) -> None:
    path = written(tmp_path, film([drawn(turn, size=(480, 270)) for turn in range(30)]))
    sizes: list[int] = []
    for limit in (400_000, 60_000, 9_000):
        into = tmp_path / f"{limit}.webp"
        facts = await SandboxedMedia().preview(path, into, max_bytes=limit)
        assert facts.byte_count <= limit
        sizes.append(facts.byte_count)

    assert sizes == sorted(sizes, reverse=True)


async def test_no_preview_fits_into_nothing(tmp_path: Path) -> None:
    path = written(tmp_path, film([drawn(turn) for turn in range(10)]))

    with pytest.raises(Refused) as refused:
        await SandboxedMedia().preview(path, tmp_path / "preview.webp", max_bytes=100)

    assert refused.value.reason.code == "clip-does-not-fit"


async def test_the_last_frame_is_the_very_last_one(tmp_path: Path) -> None:
    path = written(tmp_path, film([drawn(turn) for turn in range(25)]))
    into = tmp_path / "last.png"

    facts = await SandboxedMedia().last_frame(path, into)

    assert (facts.kind, facts.format, facts.width, facts.height) == (Kind.IMAGE, "png", *SIZE)
    with Image.open(into, formats=["PNG"]) as last:
        assert last.mode == "RGB"
        exact = cast("Image.Image", frames_of(path)[-1].reformat(format="rgb24", src_colorspace="ITU601").to_image())
        assert difference(last, exact) == 0


async def test_the_last_frame_of_a_turned_clip_stands_upright(tmp_path: Path) -> None:
    path = written(tmp_path, media_samples.mp4((320, 200), seconds=0.5, degrees=90))

    facts = await SandboxedMedia().last_frame(path, tmp_path / "last.png")

    assert (facts.width, facts.height) == (200, 320)


async def test_pictures_of_a_clip_say_nothing_of_it(tmp_path: Path) -> None:
    media, path = SandboxedMedia(), written(tmp_path, film([drawn(turn) for turn in range(6)]))

    await media.poster(path, tmp_path / "poster")
    await media.preview(path, tmp_path / "preview", max_bytes=500_000)
    await media.last_frame(path, tmp_path / "last")

    for name in ("poster", "preview", "last"):
        with Image.open(tmp_path / name) as picture:
            assert not {"exif", "xmp", "icc_profile", "comment"} & set(picture.info)
