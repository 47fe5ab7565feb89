"""Makes small real files of every sort, for tests and for the demo. The same library versions make the same bytes."""

# The stubs name numpy, which is not installed, and leave Packet's type open.
# pyright: reportUnknownMemberType=false

import io
from collections.abc import Callable, Mapping
from fractions import Fraction
from pathlib import Path
from typing import Any, Final, cast

import av
from av.audio.frame import AudioFrame
from av.audio.stream import AudioStream
from av.container import OutputContainer
from av.filter import Graph
from av.video.frame import VideoFrame
from av.video.stream import VideoStream
from PIL import Image, ImageDraw

Size = tuple[int, int]
Maker = Callable[[], bytes]
ScriptMaker = Callable[[str], bytes]
_RATE: Final = 48_000


def painting(size: Size = (640, 480), *, turn: int = 0) -> Image.Image:
    """A colourful picture with a red mark at the top left; `turn` shifts it, for the frames of a film."""
    width, height = size
    across = Image.linear_gradient("L").rotate(90).resize(size)
    down = Image.linear_gradient("L").resize(size)
    rings = Image.radial_gradient("L").resize(size)
    image = Image.merge("RGB", (across, down, rings))
    draw = ImageDraw.Draw(image)
    draw.rectangle((width // 16, height // 16, width // 4, height // 4), fill=(230, 40, 40))
    left = (turn * width // 24) % width
    draw.ellipse((left, height // 2, left + width // 6, height // 2 + width // 6), fill=(250, 240, 200))
    return image


def png(size: Size = (640, 480)) -> bytes:
    return _saved(painting(size), "PNG")


def jpeg(size: Size = (640, 480), *, orientation: int = 1) -> bytes:
    """`orientation`: the EXIF value; 5 to 8 turn the picture by a quarter."""
    exif = Image.Exif()
    exif[0x0112] = orientation
    return _saved(painting(size), "JPEG", quality=85, exif=exif)


def webp(size: Size = (640, 480)) -> bytes:
    return _saved(painting(size), "WEBP", quality=80)


def moving_webp(size: Size = (160, 120), *, frames: int = 6) -> bytes:
    return _animated(size, frames, "WEBP")


def gif(size: Size = (160, 120)) -> bytes:
    return _saved(painting(size).quantize(32), "GIF")


def moving_gif(size: Size = (160, 120), *, frames: int = 6) -> bytes:
    """Each frame lasts 100 ms."""
    return _animated(size, frames, "GIF")


def moving_png(size: Size = (160, 120), *, frames: int = 6) -> bytes:
    """An APNG."""
    return _animated(size, frames, "PNG")


def clear_start(format_name: str, *, size: Size = (80, 60)) -> bytes:
    """A moving picture (GIF, PNG or WEBP) whose first frame shows nothing at all, and whose next two a red disc."""
    nothing = Image.new("RGBA", size, (0, 0, 0, 0))
    discs = [nothing.copy(), nothing.copy()]
    for number, disc in enumerate(discs):
        ImageDraw.Draw(disc).ellipse((10, 10, 40, 40 + number), fill=(255, 40, 40, 255))
    return _saved(nothing, format_name, save_all=True, append_images=discs, duration=100)


def long_gif(size: Size = (16, 16), *, frames: int) -> bytes:
    """The same picture over and over, coded each time; quickly made, whatever the number."""
    data = _saved(Image.new("P", size), "GIF")
    start = data.rindex(b"," + bytes(4))
    return data[:start] + data[start:-1] * frames + data[-1:]


def clear_png(size: Size = (200, 200)) -> bytes:
    """A disc on a clear ground."""
    image = Image.new("RGBA", size, (0, 0, 0, 0))
    ImageDraw.Draw(image).ellipse((20, 20, size[0] - 20, size[1] - 20), fill=(80, 200, 255, 255))
    return _saved(image, "PNG")


def mp4(
    size: Size = (640, 480),
    *,
    seconds: float = 1.0,
    rate: int = 24,
    sound: bool = True,
    degrees: int = 0,
    index_first: bool = True,
    moving: bool = True,
) -> bytes:
    """H.264 and AAC. `degrees` turns it by its display matrix; `index_first=False` leaves the index at the end."""
    options = {"moov_size": "65536"} if index_first else {}
    codecs = "libx264", "aac" if sound else None
    return _film("mp4", codecs, size, seconds=seconds, rate=rate, options=options, degrees=degrees, moving=moving)


def mov(size: Size = (640, 480), *, seconds: float = 1.0) -> bytes:
    return _film("mov", ("libx264", "aac"), size, seconds=seconds)


def webm(size: Size = (320, 240), *, seconds: float = 1.0) -> bytes:
    """VP8 and Opus."""
    return _film("webm", ("libvpx", "libopus"), size, seconds=seconds)


def mkv(size: Size = (320, 240), *, seconds: float = 1.0) -> bytes:
    return _film("matroska", ("libx264", "aac"), size, seconds=seconds)


def mp3(*, seconds: float = 1.0) -> bytes:
    return _film("mp3", (None, "libmp3lame"), seconds=seconds)


def wav(*, seconds: float = 1.0) -> bytes:
    return _film("wav", (None, "pcm_s16le"), seconds=seconds)


def ogg(*, seconds: float = 1.0) -> bytes:
    """Opus."""
    return _film("ogg", (None, "libopus"), seconds=seconds)


def flac(*, seconds: float = 1.0) -> bytes:
    return _film("flac", (None, "flac"), seconds=seconds)


def aac(*, seconds: float = 1.0) -> bytes:
    """Bare ADTS frames."""
    return _film("adts", (None, "aac"), seconds=seconds)


def m4a(*, seconds: float = 1.0) -> bytes:
    return _film("ipod", (None, "aac"), seconds=seconds)


def mp4_of_sound(*, seconds: float = 1.0) -> bytes:
    """An MP4 by its brand that holds sound only."""
    return _film("mp4", (None, "aac"), seconds=seconds)


def text() -> bytes:
    return "Just words, no picture: naïve café.\n".encode() * 20


def cut(data: bytes, share: float = 0.6) -> bytes:
    """The first part of a file, as a broken download leaves it."""
    return data[: int(len(data) * share)]


def hls_playlist(address: str) -> bytes:
    return f"#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\n{address}\n#EXT-X-ENDLIST\n".encode()


def concat_script(address: str) -> bytes:
    return f"ffconcat version 1.0\nfile '{address}'\n".encode()


SAMPLES: Final[Mapping[str, Maker]] = {
    "hero.png": png,
    "photo.jpg": jpeg,
    "scene.webp": webp,
    "still.gif": gif,
    "moving.gif": moving_gif,
    "moving.webp": moving_webp,
    "moving.png": moving_png,
    "clear.png": clear_png,
    "clip.mp4": mp4,
    "clip.mov": mov,
    "clip.webm": webm,
    "clip.mkv": mkv,
    "song.mp3": mp3,
    "song.wav": wav,
    "song.ogg": ogg,
    "song.flac": flac,
    "song.aac": aac,
    "song.m4a": m4a,
    "sound.mp4": mp4_of_sound,
    "text.png": text,
}
"""A name as a person might have given it, and what makes the file."""


def write(folder: Path, name: str) -> Path:
    """Writes one of `SAMPLES` and answers where."""
    path = folder / name
    path.write_bytes(SAMPLES[name]())
    return path


def _saved(image: Image.Image, format_name: str, **options: Any) -> bytes:  # noqa: ANN401  Pillow's own options
    file = io.BytesIO()
    image.save(file, format_name, **options)
    return file.getvalue()


def _animated(size: Size, frames: int, format_name: str) -> bytes:
    first, *rest = (painting(size, turn=turn * 3) for turn in range(frames))
    return _saved(first, format_name, save_all=True, append_images=rest, duration=100, loop=0)


def _film(
    container: str,
    codecs: tuple[str | None, str | None],
    size: Size = (0, 0),
    *,
    seconds: float,
    rate: int = 24,
    options: Mapping[str, str] | None = None,
    degrees: int = 0,
    moving: bool = True,
) -> bytes:
    """A container with moving pictures, a tone, or both. Not `moving`: one picture all the time, which is quicker."""
    file = io.BytesIO()
    with av.open(file, mode="w", format=container, options={"fflags": "+bitexact", **(options or {})}) as output:
        video = _video_track(output, codecs[0], size, rate, degrees) if codecs[0] else None
        audio = _audio_track(output, codecs[1]) if codecs[1] else None
        if video is not None:
            first = _frame(size, 0)
            for number in range(round(seconds * rate)):
                frame = _frame(size, number) if moving else first
                frame.pts, frame.time_base = number, Fraction(1, rate)
                output.mux(video.encode(frame))
            output.mux(video.encode())
        if audio is not None:
            for sound in _tone(seconds):
                output.mux(audio.encode(sound))
            output.mux(audio.encode())
    return file.getvalue()


def _frame(size: Size, turn: int) -> VideoFrame:
    return cast("VideoFrame", VideoFrame.from_image(painting(size, turn=turn))).reformat(format="yuv420p")


def _video_track(output: OutputContainer, codec: str, size: Size, rate: int, degrees: int) -> VideoStream:
    stream = output.add_stream(codec, rate=Fraction(rate), options=_QUICK.get(codec, {}))
    assert isinstance(stream, VideoStream)
    stream.width, stream.height, stream.pix_fmt = *size, "yuv420p"
    if degrees:
        stream.set_display_rotation(degrees)
    return stream


def _audio_track(output: OutputContainer, codec: str) -> AudioStream:
    stream = output.add_stream(codec, rate=_RATE, layout="stereo")
    assert isinstance(stream, AudioStream)
    return stream


_QUICK: Final[Mapping[str, dict[str, str]]] = {
    "libx264": {"preset": "ultrafast", "threads": "1"},
    "libvpx": {"deadline": "realtime", "cpu-used": "8", "threads": "1"},
}


def _tone(seconds: float) -> list[AudioFrame]:
    """440 Hz."""
    graph = Graph()
    steps = [
        graph.add("sine", f"frequency=440:sample_rate={_RATE}:duration={seconds}"),
        graph.add("volume", "4"),
        graph.add("aformat", f"sample_fmts=s16:channel_layouts=stereo:sample_rates={_RATE}"),
        graph.add("abuffersink"),
    ]
    graph.link_nodes(*steps).configure()
    frames: list[AudioFrame] = []
    while True:
        try:
            frame = steps[-1].pull()
        except EOFError:
            return frames
        if isinstance(frame, AudioFrame):
            frames.append(frame)
