"""Real files, made on the spot: a picture, a clip and a sound. Nothing is shipped as bytes."""

# PyAV leaves its packets' opaque value generic and unsaid.
# pyright: reportUnknownMemberType=false

import io
import math
from array import array
from fractions import Fraction
from typing import cast

import av
from PIL import Image, ImageDraw, ImageFilter

_RATE = 44_100


def picture(width: int = 960, height: int = 960, *, form: str = "PNG") -> bytes:
    """A lantern over water at dusk, as PNG, JPEG or WEBP bytes."""
    image = Image.new("RGB", (width, height))
    draw = ImageDraw.Draw(image)
    horizon = height * 62 // 100
    for y in range(height):
        depth = y / height
        sky = (int(24 + 190 * depth), int(30 + 90 * depth), int(70 + 40 * (1 - depth)))
        sea = (int(20 + 60 * (1 - depth)), int(40 + 40 * (1 - depth)), int(70 + 50 * (1 - depth)))
        draw.line([(0, y), (width, y)], fill=sky if y < horizon else sea)
    glow = Image.new("RGB", (width, height))
    at = (width // 2, height * 45 // 100)
    radius = min(width, height) // 5
    ImageDraw.Draw(glow).ellipse(_box(at, radius), fill=(255, 190, 90))
    image = Image.blend(image, glow.filter(ImageFilter.GaussianBlur(radius // 2)), 0.35)
    draw = ImageDraw.Draw(image)
    draw.ellipse(_box(at, radius // 2), fill=(255, 214, 130))
    draw.rectangle(
        [at[0] - radius // 3, at[1] + radius // 2, at[0] + radius // 3, at[1] + radius * 6 // 10], fill=(60, 30, 20)
    )
    for step in range(12):
        y = horizon + step * (height - horizon) // 12
        half = radius // 2 - step * radius // 40
        draw.line([(at[0] - half, y), (at[0] + half, y)], fill=(255, 200, 120), width=max(1, height // 240))
    buffer = io.BytesIO()
    image.save(buffer, form)
    return buffer.getvalue()


def clip(seconds: float = 3.0, width: int = 1280, height: int = 720, *, frame_rate: int = 24) -> bytes:
    """A ball that rolls along a road, as MP4 (H.264, no sound)."""
    buffer = io.BytesIO()
    with av.open(buffer, "w", format="mp4") as container:
        stream = container.add_stream("libx264", rate=frame_rate, options={"preset": "veryfast", "crf": "24"})
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        count = round(seconds * frame_rate)
        for index in range(count):
            picture_now = _road(width, height, index / max(1, count - 1))
            frame = cast("av.VideoFrame", av.VideoFrame.from_image(picture_now))
            frame.pts, frame.time_base = index, Fraction(1, frame_rate)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return buffer.getvalue()


def sound(seconds: float = 4.0) -> bytes:
    """A slow arpeggio, as WAV (16 bit, mono)."""
    notes = (220.0, 277.18, 329.63, 440.0, 329.63, 277.18)
    samples = array("h")
    for index in range(round(seconds * _RATE)):
        at = index / _RATE
        step = at % 0.5
        tone = notes[int(at / 0.5) % len(notes)]
        loud = 0.3 * math.exp(-3 * step) * min(1.0, step * 60)
        samples.append(int(32_000 * loud * math.sin(2 * math.pi * tone * at)))
    buffer = io.BytesIO()
    with av.open(buffer, "w", format="wav") as container:
        stream = container.add_stream("pcm_s16le", rate=_RATE, layout="mono")
        frame = av.AudioFrame(format="s16", layout="mono", samples=len(samples))
        frame.planes[0].update(samples.tobytes())
        frame.sample_rate = _RATE
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return buffer.getvalue()


def _road(width: int, height: int, progress: float) -> Image.Image:
    image = Image.new("RGB", (width, height), (150, 190, 215))
    draw = ImageDraw.Draw(image)
    draw.rectangle([0, height * 2 // 3, width, height], fill=(70, 75, 80))
    for mark in range(-1, 9):
        x = int((mark - progress) * width / 8)
        draw.rectangle([x, height * 5 // 6 - 6, x + width // 16, height * 5 // 6 + 6], fill=(230, 225, 200))
    radius = height // 8
    at = (int(radius + progress * (width - 2 * radius)), height * 2 // 3 - radius // 3)
    draw.ellipse(_box(at, radius), fill=(200, 60, 50))
    turn = progress * 4 * math.pi
    spoke = (at[0] + int(radius * math.cos(turn)), at[1] + int(radius * math.sin(turn)))
    draw.line([at, spoke], fill=(250, 230, 220), width=6)
    return image


def _box(at: tuple[int, int], radius: int) -> tuple[int, int, int, int]:
    return at[0] - radius, at[1] - radius, at[0] + radius, at[1] + radius
