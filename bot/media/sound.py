"""The sound of an animatic: what its clips and sounds hold, each at its place, mixed by FFmpeg's filters.

Everything is 48 kHz stereo. With no sound to be had, a soft chord stands in, so that a sound track really exists.
Used inside the media child only.
"""

# The stubs name numpy, which is not installed, and leave Packet's type open.
# pyright: reportUnknownMemberType=false

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import av.error
from av.audio.frame import AudioFrame
from av.filter import Graph
from av.filter.context import FilterContext

from bot.media.conform_sound import RATE, Tape, played, sound_frames
from bot.media.containers import container, main_audio
from bot.media.formats import DEMUXERS
from bot.media.protocol import SourceSpec

_TAPED, _FORMAT, _LAYOUT = "s16", "fltp", "stereo"
_CHORD_HERTZ: Final = (196.0, 246.94, 293.66, 392.0)  # G major, low and quiet
_CHORD_VOLUME: Final = 0.035
_FADE_SECONDS: Final = 0.25


@dataclass(frozen=True, slots=True, kw_only=True)
class Cue:
    """The sound of a source (`index` as the job counts) from `start` for `seconds`; `looped` if it is shorter."""

    index: int
    source: SourceSpec
    start: float
    seconds: float
    looped: bool


def mixed(cues: Sequence[Cue], *, seconds: float, opens: Callable[[int], None]) -> Iterator[AudioFrame]:
    """Exactly `seconds` of sound, in frames. With no sound in any cue: the chord. `opens` is told each cue's index.

    All of it is decoded before the first frame: a clip's pictures are read through the same descriptor, which has one
    position only. Raises `JobRefused`.
    """
    heard: list[tuple[Cue, list[AudioFrame]]] = []
    for cue in cues:
        opens(cue.index)
        if frames := _decoded(cue):
            heard.append((cue, frames))
    return _played_together(heard, seconds)


def _played_together(heard: Sequence[tuple[Cue, list[AudioFrame]]], seconds: float) -> Iterator[AudioFrame]:
    graph = Graph()
    voices = [_voice(graph, cue) for cue, _ in heard]
    tails = [tail for _, tail in voices] or [_tone(graph, hertz, seconds) for hertz in _CHORD_HERTZ]
    sink = _mixing_desk(graph, tails, seconds)
    graph.configure()
    for (head, _), (_, frames) in zip(voices, heard, strict=True):
        for frame in frames:
            head.push(frame)
        head.push(None)
    yield from _pulled(sink)


def _decoded(cue: Cue) -> list[AudioFrame]:
    """As much of the source's sound as the cue can use, resampled; empty when there is none."""
    if cue.source["format"] not in DEMUXERS:
        return []
    with container(cue.source) as opened:
        stream = main_audio(opened)
        if stream is None:
            return []
        tape = Tape(limit=round(min(cue.seconds, cue.source.get("seconds") or cue.seconds) * RATE))
        for _ in played(opened, stream, tape, cue.source.get("start_seconds", 0.0)):
            pass
        tape.flush()
    return list(sound_frames(RATE, tape.channels, tape.take(tape.held), first=0))


def _voice(graph: Graph, cue: Cue) -> tuple[FilterContext, FilterContext]:
    """A chain from where frames are pushed to where it is mixed: loop, cut, fade, wait."""
    head = graph.add_abuffer(sample_rate=RATE, format=_TAPED, layout=_LAYOUT)
    steps = [("aformat", f"sample_fmts={_FORMAT}")]
    steps += [("aloop", f"loop=-1:size={round(cue.seconds * RATE)}")] if cue.looped else []
    fade = min(_FADE_SECONDS, cue.seconds / 4)
    steps += [
        ("atrim", f"end={cue.seconds:.6f}"),
        ("apad", f"whole_dur={cue.seconds:.6f}"),
        ("afade", f"t=in:d={fade / 4:.4f}"),
        ("afade", f"t=out:st={cue.seconds - fade:.6f}:d={fade:.6f}"),
        ("volume", "0.8"),
        ("adelay", f"delays={round(cue.start * 1000)}:all=1"),
    ]
    return head, _chained(graph, head, steps)


def _tone(graph: Graph, hertz: float, seconds: float) -> FilterContext:
    """One tone of the chord, breathing slowly."""
    tone = graph.add("sine", f"frequency={hertz}:sample_rate={RATE}:duration={seconds + 1:.3f}")
    steps = [
        ("aformat", f"sample_fmts={_FORMAT}:channel_layouts={_LAYOUT}"),
        ("volume", f"{_CHORD_VOLUME * 8}"),  # FFmpeg's sine peaks at 1/8
        ("tremolo", f"f={0.1 + hertz / 4000:.3f}:d=0.5"),
        ("afade", f"t=in:d={min(1.0, seconds / 3):.3f}"),
    ]
    return _chained(graph, tone, steps)


def _mixing_desk(graph: Graph, tails: Sequence[FilterContext], seconds: float) -> FilterContext:
    """Adds the voices up, keeps them from clipping, and cuts to the exact number of samples."""
    mix = graph.add("amix", f"inputs={len(tails)}:normalize=0:duration=longest")
    for index, tail in enumerate(tails):
        tail.link_to(mix, 0, index)
    fade = min(_FADE_SECONDS, seconds / 4)
    steps = [
        ("alimiter", "limit=0.9:level=0"),
        ("apad", f"whole_dur={seconds + 0.5:.6f}"),
        ("atrim", f"end_sample={round(seconds * RATE)}"),
        ("afade", f"t=out:st={seconds - fade:.6f}:d={fade:.6f}"),
        ("aformat", f"sample_fmts={_FORMAT}:sample_rates={RATE}:channel_layouts={_LAYOUT}"),
        ("abuffersink", ""),
    ]
    return _chained(graph, mix, steps)


def _chained(graph: Graph, first: FilterContext, steps: Sequence[tuple[str, str]]) -> FilterContext:
    """Links filters behind one another; answers the last."""
    last = first
    for name, arguments in steps:
        step = graph.add(name, arguments or None)
        last.link_to(step)
        last = step
    return last


def _pulled(sink: FilterContext) -> Iterator[AudioFrame]:
    """Frames until the graph has no more."""
    while True:
        try:
            frame = sink.pull()
        except (av.error.EOFError, av.error.BlockingIOError):
            return
        if isinstance(frame, AudioFrame):
            yield frame
