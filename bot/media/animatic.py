"""The job `animatic`: a free draft, cut from the references. Runs inside the media child.

Pictures and clips share the time evenly, in order; each carries its label. Sounds play from the start, named in
a corner. The prompt is the caption, or the title card when there is nothing to look at. Written with room reserved for
the index at the front (`moov_size`): a finished MP4 that plays while it loads, without opening the file a second time.
"""

# The stubs name numpy, which is not installed, and leave Packet's type open.
# pyright: reportUnknownMemberType=false

import os
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from fractions import Fraction
from io import BytesIO
from typing import IO, Final, cast

import av
from av.audio.frame import AudioFrame
from av.audio.stream import AudioStream
from av.container import OutputContainer
from av.video.frame import VideoFrame
from PIL import Image

from bot.domain.media import Kind
from bot.media import likeness
from bot.media.conform_sound import RATE
from bot.media.lettering import Sticker, caption, label, letter_pixels
from bot.media.protocol import DrawSpec, JobSpec, SourceSpec
from bot.media.scenes import scene_of, title_card
from bot.media.sound import Cue, mixed

Say = Callable[[Mapping[str, object]], None]

_BT709: Final = 1
_LIMITED_RANGE: Final = 1
_INDEX_BYTES, _INDEX_BYTES_PER_SECOND = 64 * 1024, 8 * 1024
_VIDEO_OPTIONS: Final = {"preset": "veryfast", "crf": "22", "threads": "2"}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Slot:
    """The frames from `first` to before `end` that show one source (`index` as the job counts), or the title card."""

    index: int | None
    first: int
    end: int


def work(spec: JobSpec, say: Say) -> Mapping[str, object]:
    """Draws the plan into the output descriptor."""
    if "draw" not in spec or "output" not in spec:
        raise AssertionError("an animatic needs a plan and an output")
    with os.fdopen(os.dup(spec["output"]), "r+b") as file:
        _draw(spec["draw"], spec["sources"], file, say)
    return {"done": True}


def warm_up() -> None:
    """Draws a tiny animatic, so that every import, typeface and codec is loaded before the walls go up."""
    likeness.warm_up()
    plan = DrawSpec(width=64, height=64, seconds=0.1, frame_rate=10, caption="@Image1 …", audio=True)
    _draw(plan, [], BytesIO(), lambda _: None)


def _draw(plan: DrawSpec, sources: Sequence[SourceSpec], file: IO[bytes], say: Say) -> None:
    slots = _slots(plan, sources)
    cues = _cues(plan, sources, slots) if plan["audio"] else []
    heard = mixed(cues, seconds=plan["seconds"], opens=lambda index: say({"source": index}))
    sound = heard if plan["audio"] else iter(())
    with _encoder(plan, file) as encoder:
        for number, frame in enumerate(_frames(plan, sources, slots, say)):
            encoder.show(frame, number)
            encoder.hear(sound, until=(number + 1) / plan["frame_rate"])
        encoder.hear(sound, until=float("inf"))


def _slots(plan: DrawSpec, sources: Sequence[SourceSpec]) -> list[_Slot]:
    """Even shares of the frames for everything that can be seen; no slot is empty while there are frames enough."""
    seen: list[int | None] = [index for index, source in enumerate(sources) if source["kind"] != Kind.AUDIO.value]
    seen = seen or [None]
    count = max(1, round(plan["seconds"] * plan["frame_rate"]))
    edges = [round(position * count / len(seen)) for position in range(len(seen) + 1)]
    return [
        _Slot(index=index, first=first, end=end)
        for index, first, end in zip(seen, edges, edges[1:], strict=False)
        if first < end
    ]


def _cues(plan: DrawSpec, sources: Sequence[SourceSpec], slots: Sequence[_Slot]) -> list[Cue]:
    """A clip's sound in its slot, and every sound from the start."""
    rate = plan["frame_rate"]
    cues = [
        Cue(
            index=slot.index,
            source=sources[slot.index],
            start=slot.first / rate,
            seconds=(slot.end - slot.first) / rate,
            looped=True,
        )
        for slot in slots
        if slot.index is not None and sources[slot.index]["kind"] == Kind.VIDEO.value
    ]
    sounds = [
        Cue(index=index, source=source, start=0.0, seconds=plan["seconds"], looped=False)
        for index, source in enumerate(sources)
        if source["kind"] == Kind.AUDIO.value
    ]
    return [*cues, *sounds]


def _frames(plan: DrawSpec, sources: Sequence[SourceSpec], slots: Sequence[_Slot], say: Say) -> Iterator[Image.Image]:
    """All frames in order, with their stickers on."""
    size, rate = (plan["width"], plan["height"]), plan["frame_rate"]
    for turn, slot in enumerate(slots):
        seconds = (slot.end - slot.first) / rate
        with ExitStack() as stack:
            if slot.index is None:
                scene = title_card(plan["caption"], size, seconds=seconds)
            else:
                say({"source": slot.index})
                scene = stack.enter_context(scene_of(sources[slot.index], size, seconds=seconds, turn=turn))
            stickers = _stickers(plan, sources, slot)
            for number in range(slot.end - slot.first):
                frame = scene.at(number / rate)
                for sticker in stickers:
                    sticker.on(frame)
                yield frame


def _stickers(plan: DrawSpec, sources: Sequence[SourceSpec], slot: _Slot) -> list[Sticker]:
    """The slot's label, below it the sounds' labels, and the caption unless the prompt fills the card already."""
    width, height = plan["width"], plan["height"]
    pixels = max(8, round(letter_pixels(width, height) * 0.8))
    named = [] if slot.index is None else [sources[slot.index]["label"]]
    named += [source["label"] for source in sources if source["kind"] == Kind.AUDIO.value]
    stickers: list[Sticker] = []
    top = pixels
    for text in filter(None, named):
        stickers.append(label(text, pixels=pixels, left=pixels, top=top, width=width - 2 * pixels))
        top = stickers[-1].top + stickers[-1].picture.height + pixels // 2
    words = None if slot.index is None else caption(plan["caption"], width=width, height=height)
    return stickers if words is None else [words, *stickers]


class _Encoder:
    """Takes pictures and sound and writes the MP4."""

    def __init__(self, output: OutputContainer, plan: DrawSpec) -> None:
        self._output, self._heard, self._tick = output, 0, Fraction(1, plan["frame_rate"])
        self._video = output.add_stream("libx264", rate=Fraction(plan["frame_rate"]), options=dict(_VIDEO_OPTIONS))
        self._video.width, self._video.height, self._video.pix_fmt = plan["width"], plan["height"], "yuv420p"
        self._video.colorspace = self._video.color_primaries = self._video.color_trc = _BT709
        self._video.color_range = _LIMITED_RANGE
        self._audio: AudioStream | None = None
        if plan["audio"]:
            self._audio = output.add_stream("aac", rate=RATE, layout="stereo")
            self._audio.bit_rate = 128_000

    def show(self, image: Image.Image, number: int) -> None:
        """The picture of frame `number`."""
        rgb = cast("VideoFrame", VideoFrame.from_image(image))
        frame = rgb.reformat(format="yuv420p", dst_colorspace="ITU709")
        frame.pts, frame.time_base = number, self._tick
        self._output.mux(self._video.encode(frame))

    def hear(self, sound: Iterator[AudioFrame], *, until: float) -> None:
        """Sound up to a moment, so that both tracks grow side by side."""
        while self._audio is not None and self._heard < until * RATE:
            frame = next(sound, None)
            if frame is None:
                return
            frame.pts, frame.time_base = self._heard, Fraction(1, RATE)
            self._heard += frame.samples
            self._output.mux(self._audio.encode(frame))

    def finish(self) -> None:
        """What the encoders still hold."""
        self._output.mux(self._video.encode())
        if self._audio is not None:
            self._output.mux(self._audio.encode())


@contextmanager
def _encoder(plan: DrawSpec, file: IO[bytes]) -> Generator[_Encoder]:
    """An encoder on the file; the file is complete when the block has ended well."""
    index_bytes = _INDEX_BYTES + round(plan["seconds"] * _INDEX_BYTES_PER_SECOND)
    with av.open(
        file, mode="w", format="mp4", options={"moov_size": str(index_bytes), "fflags": "+bitexact"}
    ) as output:
        encoder = _Encoder(output, plan)
        yield encoder
        encoder.finish()
