"""What our own encoder wrote is looked at more lightly, and still measured as exactly as a stranger's file."""

# The stubs name numpy, which is not installed.
# pyright: reportUnknownMemberType=false

import os
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import cast

import av
import pytest
from av.audio.frame import AudioFrame
from av.video.frame import VideoFrame
from av.video.stream import VideoStream
from PIL import Image

from bot.media.measurement import Measurement
from bot.media.measuring import measured
from bot.media.protocol import SourceSpec

FRAMES = 90


@pytest.fixture
def film(tmp_path: Path) -> Path:
    """Ninety frames of noise in three groups of pictures, with B-frames; and three seconds of sound."""
    path = tmp_path / "film.mp4"
    options = {"preset": "veryfast", "x264-params": "keyint=30:scenecut=0"}
    with av.open(path, "w", format="mp4") as output:
        video = output.add_stream("libx264", rate=30, options=options)
        assert isinstance(video, VideoStream)
        video.width, video.height, video.pix_fmt = 64, 48, "yuv420p"
        audio = output.add_stream("aac", rate=48_000, layout="mono")
        for number in range(FRAMES):
            frame = cast("VideoFrame", VideoFrame.from_image(Image.effect_noise((64, 48), 40).convert("RGB")))
            frame.pts, frame.time_base = number, Fraction(1, 30)
            output.mux(video.encode(frame))
        output.mux(video.encode())
        sound = AudioFrame("fltp", "mono", 3 * 48_000)
        sound.sample_rate = 48_000
        sound.planes[0].update(bytes(sound.planes[0].buffer_size))
        output.mux(audio.encode(sound))
        output.mux(audio.encode())
    return path


@contextmanager
def source(path: Path) -> Generator[SourceSpec]:
    descriptor = os.open(path, os.O_RDONLY)
    yield {"descriptor": descriptor, "format": "mp4", "kind": "video", "label": ""}
    os.close(descriptor)


def look(path: Path, *, ours: bool) -> Measurement:
    with source(path) as spec:
        return measured(spec, ours=ours)


def packets(path: Path) -> list[tuple[int, int]]:
    """Where each packet of pictures begins, and its bytes."""
    with av.open(path) as opened:
        found = [(packet.pos, packet.size) for packet in opened.demux(opened.streams.video[0]) if packet.size]
    return [(position, size) for position, size in found if position is not None]


def damaged(path: Path, number: int) -> Path:
    """The film with one packet of junk."""
    data = bytearray(path.read_bytes())
    position, size = packets(path)[number]
    data[position : position + size] = b"\xff" * size
    broken = path.with_name("damaged.mp4")
    broken.write_bytes(data)
    return broken


def test_a_light_look_measures_what_a_full_one_does(film: Path) -> None:
    light = look(film, ours=True)

    assert light == look(film, ours=False)
    assert light.facts is not None
    assert (light.facts.frame_count, light.facts.seconds, light.trouble) == (FRAMES, 3.0, None)
    assert light.facts == replace(light.facts, width=64, height=48, video_codec="h264", audio_codec="aac")


@pytest.mark.parametrize("number", [0, 5, 30, 60, FRAMES - 1])
def test_a_light_look_sees_damage_at_the_start_in_keyframes_and_at_the_end(film: Path, number: int) -> None:
    assert look(damaged(film, number), ours=True).measured.error_count > 0


def test_a_light_look_sees_that_the_end_is_missing(film: Path) -> None:
    film.write_bytes(film.read_bytes()[:-2000])

    assert look(film, ours=True).trouble is not None
